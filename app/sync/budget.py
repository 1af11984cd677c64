"""The budget of a site, one for all workers: when it may be called, and what background work has.

It learns from what a site answers. Times are the database's own: a worker's clock does not count.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.jira.site import JqlRefused, Observer, SiteError
from app.mapping.profiles import StoredProfile

log = structlog.get_logger(__name__)

BACKGROUND_SHARE = 0.2
"""What loads, retries, searches and checks may spend of an hour's points."""
POINTS_AN_HOUR = (
    65_000  # Reference: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
)
MOST_POINTS = 2**31 - 1  # what the database's integer holds; a site that tells more has plenty
LONGEST_BLOCK = 3600.0  # seconds: nobody's Retry-After is believed for longer
TELL_EVERY = 30.0  # seconds between two notes of a site's own figures
LONGEST_PAUSE = 900.0  # seconds between two questions to a site that locked us out
SITES_A_THAW = 20
HELD = "site-held"
"""The reason code of a change that waits for its site as a whole."""


class Kind(StrEnum):
    """Who asks: a change that a person waits for, or work that can wait."""

    LIVE = "live"
    BACKGROUND = "background"


@dataclass(frozen=True)
class Hold:
    """A site that must not be called for so many seconds; `paused`: until it lets us in again."""

    seconds: float
    code: str
    paused: bool = False


@dataclass(frozen=True)
class Standing:
    """Where the two sites of a profile stand. `struck`: those that failed the last time."""

    hold: Hold | None = None
    struck: tuple[TenantId, ...] = ()


_HOLDS = text("SELECT * FROM tandem_site_holds(:one, :other)")

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

# Whether a person waits for a change of this site. The echo of what background work wrote is none:
# it is of a twin that is being made, or of a state that the base was made from.
_LIVE_DUE = """
    EXISTS (
        SELECT FROM profile p JOIN change c ON c.profile_id = p.id
        WHERE p.state = 'on' AND :tenant IN (p.left_tenant_id, p.right_tenant_id)
          AND NOT c.parked AND NOT c.retried AND c.run_id IS NULL AND c.not_before <= now()
          AND NOT EXISTS (
            SELECT FROM issue_link k
            WHERE c.side = 'left' AND k.profile_id = c.profile_id AND k.left_issue_id = c.issue_id
              AND (c.event_updated <= k.left_seen
                   OR k.create_sent_at IS NOT NULL AND k.right_issue_id IS NOT NULL))
          AND NOT EXISTS (
            SELECT FROM issue_link k
            WHERE c.side = 'right' AND k.profile_id = c.profile_id AND k.right_issue_id = c.issue_id
              AND (c.event_updated <= k.right_seen
                   OR k.create_sent_at IS NOT NULL AND k.left_issue_id IS NOT NULL)))
"""
_BEHIND = text(f"SELECT {_LIVE_DUE}")

_CLAIM = text(
    f"""
    UPDATE site_budget b
    SET spent = s.drained + :cost, spent_at = now()
    FROM (
        SELECT tenant_id, :share * coalesce(points_an_hour, :points) AS most,
            greatest(0, spent - extract(epoch FROM now() - spent_at)
                        * :share * coalesce(points_an_hour, :points) / 3600) AS drained
        FROM site_budget WHERE tenant_id = :tenant FOR UPDATE
    ) s
    WHERE b.tenant_id = s.tenant_id
      AND b.paused_since IS NULL
      AND coalesce(b.blocked_until <= now(), true)
      AND coalesce(b.near_until <= now(), true)
      -- One that is dearer than the whole share goes when nothing else was spent.
      AND (s.drained = 0 OR s.drained + :cost <= s.most)
      AND NOT {_LIVE_DUE}
    RETURNING true
    """  # noqa: S608  our own words
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


def standing(session: Session, profile: StoredProfile) -> Standing:
    """Whether the sites of a profile may be called now. One statement for a whole batch."""
    rows = session.execute(
        _HOLDS, {"one": profile.left_tenant, "other": profile.right_tenant}
    ).all()
    holds = [Hold(r.seconds, r.code, r.paused) for r in rows if r.paused or r.seconds > 0]
    worst = max(holds, key=lambda hold: (hold.paused, hold.seconds), default=None)
    return Standing(worst, tuple(TenantId(r.tenant_id) for r in rows if r.strikes))


def postpone(session: Session, profile: StoredProfile, lane: int, hold: Hold) -> None:
    """Put off all that is due in a lane, in one statement."""
    session.execute(
        text(
            "UPDATE change SET not_before = now() + make_interval(secs => :seconds),"
            " reason = :held"
            " WHERE profile_id = :profile AND lane = :lane AND NOT parked AND not_before <= now()"
        ),
        {
            "profile": profile.id,
            "lane": lane,
            "held": HELD,
            # A pause is ended by the site; this is only for a wake-up that was lost.
            "seconds": LONGEST_PAUSE if hold.paused else hold.seconds,
        },
    )


def why(fault: Exception) -> str:
    """The code of a fault that passes; the page says it in a sentence."""
    if not isinstance(fault, SiteError):
        return "internal-error"
    if isinstance(fault, JqlRefused):
        return fault.code
    if fault.site_status == 429:
        return f"limit-{fault.limit or 'rate'}"
    if fault.locked_out:
        return "locked-out"
    if fault.site_status == 409:
        return "busy"
    return "no-answer" if fault.site_status is None else "site-failing"


def claim(
    tenant: TenantId, kind: Kind, cost: float = 1.0, *, share: float = BACKGROUND_SHARE
) -> float:
    """Ask to spend `cost` points at a site. Gives 0 for yes, else the seconds to wait.

    A live claim waits only while the site is blocked or paused. Background work has its share of
    the hour, and nothing while live changes are due or the site is nearly out of points.
    """
    with tenant_transaction(tenant) as session:
        if kind is Kind.LIVE:
            return _wait(session, tenant, otherwise=0.0)
        session.execute(
            text("INSERT INTO site_budget (tenant_id) VALUES (:tenant) ON CONFLICT DO NOTHING"),
            {"tenant": tenant},
        )
        asked = {"tenant": tenant, "cost": cost, "share": share, "points": POINTS_AN_HOUR}
        if session.execute(_CLAIM, asked).scalar():
            return 0.0
        behind = session.execute(_BEHIND, {"tenant": tenant}).scalar()
        return _wait(session, tenant, otherwise=1.0 if behind else 5.0)


def _wait(session: Session, tenant: TenantId, *, otherwise: float) -> float:
    found = session.execute(
        text(
            "SELECT CASE WHEN paused_since IS NOT NULL THEN 30"
            " ELSE extract(epoch FROM blocked_until - now()) END"
            " FROM site_budget WHERE tenant_id = :tenant"
        ),
        {"tenant": tenant},
    ).scalar()
    return max(otherwise, float(found)) if found is not None and found > 0 else otherwise


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
