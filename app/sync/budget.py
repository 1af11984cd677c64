"""The budget of a site, one for all workers: when it may be called, and what background work has.

It learns from what a site answers: budget_answers.py. Times are the database's own: a worker's
clock does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.jira.site import JqlRefused, SiteError
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side, together

BACKGROUND_SHARE = 0.2
"""What loads, retries, searches and checks may spend of an hour's points."""
POINTS_AN_HOUR = (
    65_000  # Reference: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
)
LONGEST_BLOCK = 3600.0  # seconds: nobody's Retry-After is believed for longer
LONGEST_PAUSE = 900.0  # seconds between two questions to a site that locked us out
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
_PAUSED = text(
    "SELECT paused_code FROM site_budget WHERE tenant_id = :tenant AND paused_since IS NOT NULL"
)
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


def shut_out(tenant: TenantId, side: Side) -> str | None:
    """That a site does not let Tandem in, and what to do; None where it is not so."""
    with tenant_transaction(tenant) as session:
        code = session.execute(_PAUSED, {"tenant": tenant}).scalar()
    if code is None:
        return None
    return said(
        "The site on %(side)s does not let Tandem in: the app was removed or disabled there, or "
        "lost its access. Tandem's page says which. Mend that at the site; Tandem asks by itself, "
        "at least every 15 minutes.",
        side=the_side(side),
    )


def refuse_where_paused(tenant: TenantId, side: Side) -> None:
    """For who waits for a site's budget: one that shut Tandem out has none until a person mends
    that. Raises Problem."""
    sentence = shut_out(tenant, side)
    if sentence is not None:
        raise Problem(together([sentence, said("Then try again.")]), status=503, code="site-busy")


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
