"""What a site's answers do to its budget: blocks, pauses and their end, and what headers tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import text

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.jira.site import Observer, SiteError
from app.sync.budget import HELD, LONGEST_BLOCK, Hold

log = structlog.get_logger(__name__)

MOST_POINTS = 2**31 - 1  # what the database's integer holds; a site that tells more has plenty
TELL_EVERY = 30.0  # seconds between two notes of a site's own figures
SITES_A_THAW = 20

_BLOCK = text(
    """
    INSERT INTO site_budget AS b (tenant_id, blocked_until, code, strikes)
    VALUES (:tenant, now() + make_interval(secs => coalesce(:seconds, 2)), :code, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET
        blocked_until = greatest(b.blocked_until, now() + make_interval(
            secs => coalesce(:seconds, least(300, 2 * 2 ^ least(b.strikes, 8))))),
        code = excluded.code,
        -- The answers of one moment are one strike.
        strikes = CASE WHEN b.blocked_until > now() THEN b.strikes
                       ELSE least(b.strikes + 1, 1000) END
    """
)

_PAUSE = text(
    """
    INSERT INTO site_budget AS b (tenant_id, paused_since, paused_code, asked_at, next_try)
    VALUES (:tenant, now(), :code, now(), now() + interval '30 seconds')
    ON CONFLICT (tenant_id) DO UPDATE SET
        paused_since = coalesce(b.paused_since, excluded.paused_since),
        paused_code = excluded.paused_code,
        tries = CASE WHEN b.paused_since IS NULL THEN 0 ELSE b.tries END,
        asked_at = coalesce(CASE WHEN b.paused_since IS NOT NULL THEN b.asked_at END, now()),
        next_try = coalesce(b.next_try, excluded.next_try)
    RETURNING paused_since = now() AS fresh
    """
)

_TOLD = text(
    """
    INSERT INTO site_budget (tenant_id, points_an_hour, points_left, near_until, told_at)
    VALUES (:tenant, :most, :left,
            CASE WHEN :near THEN now() + interval '5 minutes' END, now())
    ON CONFLICT (tenant_id) DO UPDATE SET
        points_an_hour = excluded.points_an_hour, points_left = excluded.points_left,
        near_until = excluded.near_until, told_at = excluded.told_at
    """
)

_RESUME = text(
    """
    UPDATE site_budget SET paused_since = NULL, paused_code = NULL, next_try = NULL, tries = 0,
        blocked_until = NULL, code = NULL, strikes = 0
    WHERE tenant_id = :tenant AND paused_since IS NOT NULL
    """
)

_WAKE = text(
    """
    WITH woken AS (
        UPDATE change SET not_before = now(), reason = NULL
        WHERE NOT parked AND reason = :held AND not_before > now()
        RETURNING profile_id, lane)
    SELECT DISTINCT profile_id, lane FROM woken
    """
)


def block(tenant: TenantId, code: str, seconds: float | None = None) -> None:
    """Call a site no more for so long; None: for 2, 4, 8 … seconds, at most five minutes."""
    with tenant_transaction(tenant) as session:
        session.execute(
            _BLOCK,
            {
                "tenant": tenant,
                "code": code,
                "seconds": None if seconds is None else min(max(seconds, 0.1), LONGEST_BLOCK),
            },
        )


def recovered(tenants: tuple[TenantId, ...]) -> None:
    """Forget the strikes of sites that work again."""
    for tenant in tenants:
        with tenant_transaction(tenant) as session:
            session.execute(
                text(
                    "UPDATE site_budget SET strikes = 0, code = NULL, blocked_until = NULL"
                    " WHERE tenant_id = :tenant AND coalesce(blocked_until <= now(), true)"
                ),
                {"tenant": tenant},
            )


def pause(tenant: TenantId, error: SiteError) -> Hold:
    """The site does not let us in: leave it alone until it does."""
    code = "unknown" if error.site_status == 401 else "forbidden"
    with tenant_transaction(tenant) as session:
        fresh = session.execute(_PAUSE, {"tenant": tenant, "code": code}).scalar()
    if fresh:
        log.warning("site paused", tenant=str(tenant), site_status=error.site_status)
    return Hold(0.0, code, paused=True)


def thaw(works: Callable[[TenantId], None], ring: Callable[..., None]) -> int:
    """Ask the paused sites whose turn it is, and resume those that let us in. Returns how many.

    `works` makes one cheap call, and raises SiteError where the site refuses or fails it.
    """
    with unscoped_transaction() as session:
        taken = session.scalars(
            text("SELECT tandem_take_paused(:most)"), {"most": SITES_A_THAW}
        ).all()
    resumed = 0
    for tenant in map(TenantId, taken):
        try:
            works(tenant)
        except Exception as fault:  # one site's trouble is not another's
            if not isinstance(fault, SiteError):
                log.exception("site not asked", tenant=str(tenant))
            continue
        resume(tenant, ring)
        resumed += 1
    return resumed


def resume(tenant: TenantId, ring: Callable[..., None]) -> None:
    """Take a site up again: what waited for it is due now."""
    with tenant_transaction(tenant) as session:
        session.execute(_RESUME, {"tenant": tenant})
        lanes = session.execute(_WAKE, {"held": HELD}).all()
    log.info("site resumed", tenant=str(tenant), count=len(lanes))
    for profile_id, lane in lanes:
        ring(profile_id, lane)


class Learning:
    """Makes the observers of sites: what each call's answer tells goes into the budget."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[TenantId, tuple[float, bool]] = {}
        self._lock = threading.Lock()

    def of(self, tenant: TenantId) -> Observer:
        """The observer for the site of this tenant."""

        def observe(headers: Mapping[str, str], error: SiteError | None) -> None:
            if error is not None:
                error.tenant = tenant
                if error.site_status == 429 and error.limit != "issue":
                    block(tenant, error.limit or "rate", error.retry_after)
                return
            most, left = (_whole(headers.get(f"X-RateLimit-{n}")) for n in ("Limit", "Remaining"))
            if most is None or left is None:
                return
            near = headers.get("X-RateLimit-NearLimit", "").lower() == "true"
            if self._is_news(tenant, near):
                told = {"tenant": tenant, "most": most, "left": left, "near": near}
                with tenant_transaction(tenant) as session:
                    session.execute(_TOLD, told)

        return observe

    def _is_news(self, tenant: TenantId, near: bool) -> bool:
        now = self._clock()
        with self._lock:
            before = self._told.get(tenant)
            if before is not None and before[1] == near and now - before[0] < TELL_EVERY:
                return False
            self._told[tenant] = (now, near)
            return True


def _whole(found: str | None) -> int | None:
    """The number in a header, at most MOST_POINTS; None where it is none."""
    if not found or not found.isascii() or not found.isdigit():
        return None
    digits = found.lstrip("0")
    # The length first: of thousands of digits Python makes no number.
    return MOST_POINTS if len(digits) > 10 else min(int(digits or "0"), MOST_POINTS)
