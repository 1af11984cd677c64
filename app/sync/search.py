"""Looks by JQL for changes that no webhook told, and marks the issues as a webhook would.

It does not find what was deleted, or what left the profile's project or type: neither is in the
answer of a search any more.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.errors import NotFound
from app.jira.site import Issue, JiraSite, SearchPage, SiteError, SiteOpener
from app.mapping import profiles
from app.mapping.profile import Scope, Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said
from app.mapping.values import read_fields
from app.sync import filters, store_links
from app.sync.budget import Kind, claim
from app.sync.budget_answers import pause
from app.sync.fingerprint import Fingerprinter
from app.sync.fingerprints import of_profile
from app.sync.lanes import lane_of
from app.sync.marks import Mark, mark
from app.sync.models import Change
from app.sync.store_links import Link
from app.vault.vault import Vault

log = structlog.get_logger(__name__)

Ring = Callable[[uuid.UUID, int], None]

# What a search may lag behind, and two clocks may differ by: seconds each, as a rule. What is seen
# twice costs nothing, what is missed stays lost.
OVERLAP = timedelta(minutes=2)
BATCH = 5  # looks that one worker takes at a time
LEASE_SECONDS = 600.0  # so long a page may take before another worker looks
RUN_SECONDS = 20.0  # then a run ends; the next one has begun beside it
FIRST_DELAY, LONGEST_DELAY = 60.0, 3600.0  # seconds, after a refusal

_TAKE = text("SELECT * FROM tandem_take_looks(:most, :seconds)")
_HOLD = text(
    """
    UPDATE search_look SET due_at = now() + make_interval(secs => :seconds)
    WHERE profile_id = :profile AND side = :side AND due_at < 'infinity'
    """
)
# Spread by a tenth either way, so that what began together does not stay together. A profile that
# was paused meanwhile stays so.
_END = text(
    """
    UPDATE search_look l
    SET looked_at = greatest(l.looked_at, :began), attempts = 0,
        due_at = CASE WHEN l.due_at = 'infinity' THEN l.due_at
            ELSE now() + make_interval(secs =>
                least(p.search_seconds, l.at_least_every) * (0.9 + 0.2 * random())) END
    FROM profile p
    WHERE p.id = l.profile_id AND l.profile_id = :profile AND l.side = :side
    """
)
_PUT_OFF = text(
    """
    UPDATE search_look
    SET attempts = least(attempts + 1, 1000),
        due_at = now() + make_interval(secs =>
            greatest(:asked, least(:longest, :first * 2 ^ least(attempts, 10))))
    WHERE profile_id = :profile AND side = :side AND due_at < 'infinity'
    """
)


@dataclass(frozen=True)
class Look:
    """One side of a profile, taken to be searched. `began`: by the database's clock."""

    profile_id: uuid.UUID
    side: Side
    left_tenant: TenantId
    right_tenant: TenantId
    since: datetime
    looked_at: datetime
    began: datetime

    @property
    def site(self) -> TenantId:
        """Whose site is searched."""
        return self.left_tenant if self.side is Side.LEFT else self.right_tenant

    def jql(self, project_id: str, type_id: str, only: str | None = None) -> str:
        """What changed since the last look, of what the filter `only` finds. In epoch milliseconds:
        a quoted time moves with the asking user's zone."""
        # Reference: https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
        after = max(self.looked_at - OVERLAP, self.since)
        scope = Scope(project_id, type_id, only).jql()
        return f"{scope} AND updated >= {int(after.timestamp() * 1000)} ORDER BY updated ASC"


class Searcher:
    """Does the looks that are due. One object a process; safe to share between threads."""

    def __init__(self, vault: Vault, open_site: SiteOpener, ring: Ring) -> None:
        self._vault, self._open_site, self._ring = vault, open_site, ring

    def run(self, seconds: float = RUN_SECONDS) -> None:
        """Do what is due, for so long; many workers may run at once."""
        end = time.monotonic() + seconds
        while self.step() == BATCH and time.monotonic() < end:
            pass

    def step(self, most: int = BATCH) -> int:
        """Take up to so many looks that are due, and do them. Returns how many there were."""
        looks = take(most)
        for look in looks:
            try:
                self.look(look)
            except SiteError as error:
                if error.locked_out and error.tenant == look.site:
                    # Where no webhook comes, nobody else may notice for long.
                    pause(look.site, error)
                _put_off(look, error.retry_after or 0.0)
            except Exception:
                # A fault of ours in one profile must not stand in the way of the others.
                log.exception("search failed", profile=str(look.profile_id))
                _put_off(look, 0.0)
        return len(looks)

    def look(self, look: Look) -> int:
        """Search one side, page by page. Returns how many issues were marked. Raises SiteError.

        Nothing is asked of a site that is blocked or paused: the look waits, and no try is counted.
        """
        wait = claim(look.site, Kind.LIVE)
        if wait > 0:
            _execute(look, _HOLD, seconds=max(wait, FIRST_DELAY))
            return 0
        try:
            profile = profiles.working(self._vault, look.profile_id)
        except NotFound:
            return 0  # deleted meanwhile; its rows went with it
        if profile.state != "on":
            return 0
        site, page = self._open_site(look.site), None
        marked = filters.look_again(site, profile, look.side, self._ring, began=look.began)
        while True:
            found = _search(site, profile, look, page)
            marked += self._take_up(profile, look.side, found.issues)
            if found.next is None:
                break
            if found.next == page:
                raise SiteError(said("The site gave the same page of a search again."))
            page = found.next
            _execute(look, _HOLD, seconds=LEASE_SECONDS)
        _execute(look, _END, began=look.began)
        return marked

    def _take_up(self, profile: StoredProfile, side: Side, issues: Sequence[Issue]) -> int:
        """Mark what the base does not know, and ring for it."""
        if not issues:
            return 0
        fingerprints = of_profile(self._vault, profile.left_tenant, profile.id, profile.profile)
        with tenant_transaction(profile.left_tenant) as session:
            ids = [issue.id for issue in issues]
            links = store_links.links_by_issue(session, profile, side, ids)
            waiting = _waiting(session, profile, side, ids)
            # The last of a page may be the first of the next, never twice in one statement.
            news = {
                issue.id: _mark_of(profile, side, issue, links.get(issue.id))
                for issue in issues
                if not _is_waiting(issue, waiting)
                and not _is_known(profile, side, issue, links.get(issue.id), fingerprints)
            }
            if news:
                mark(session, list(news.values()))
        for lane in sorted({one.lane for one in news.values()}):
            self._ring(profile.id, lane)
        return len(news)


def take(most: int = BATCH) -> list[Look]:
    """Take looks that are due into this worker's hand, in one statement for all tenants."""
    with unscoped_transaction() as session:
        rows = session.execute(_TAKE, {"most": most, "seconds": LEASE_SECONDS}).all()
    return [
        Look(
            profile_id=row.profile_id,
            side=Side(row.side),
            left_tenant=TenantId(row.left_tenant_id),
            right_tenant=TenantId(row.right_tenant_id),
            since=row.since,
            looked_at=row.looked_at,
            began=row.began_at,
        )
        for row in rows
    ]


def _search(site: JiraSite, profile: StoredProfile, look: Look, page: str | None) -> SearchPage:
    scope = profile.profile.scope(look.side)
    fields = [m.field(look.side) for m in profile.profile.fields]
    jql = look.jql(scope.project_id, scope.issue_type_id, scope.filter)
    return site.search(jql, fields, page=page)


def _waiting(
    session: Session, profile: StoredProfile, side: Side, issues: Sequence[int]
) -> dict[int, datetime | None]:
    """What is marked already, by issue, with the `updated` that it was marked for."""
    rows = session.execute(
        select(Change.issue_id, Change.event_updated).where(
            Change.profile_id == profile.id,
            Change.side == side.value,
            Change.issue_id.in_(issues),
        )
    )
    return {row.issue_id: row.event_updated for row in rows}


def _is_waiting(issue: Issue, waiting: dict[int, datetime | None]) -> bool:
    """Whether this very change is marked, or set aside. One marked without a time is marked anew:
    the worker that has it in hand may have read the issue before this change."""
    told = waiting.get(issue.id)
    return told is not None and issue.updated <= told


def _is_known(
    profile: StoredProfile,
    side: Side,
    issue: Issue,
    link: Link | None,
    fingerprints: Fingerprinter,
) -> bool:
    """Whether the base was made from this state, or holds every mapped value of it."""
    if link is None or link.left_id is None or link.right_id is None:
        return False
    if link.outside is not None:
        return False  # it stands still: was that for this issue, it is inside again
    seen = link.seen(side)
    if seen is not None and issue.updated <= seen:
        return True
    if profile.profile.items:
        return False  # it may be about a comment, which no base has
    reading = read_fields(profile.profile.fields, side, issue.fields)
    base = link.base.of(side)
    return not reading.unreadable and all(
        m.key in reading.values
        and fingerprints.of(m.key, side, reading.values[m.key]) == base.get(m.key)
        for m in profile.profile.fields
    )


def _mark_of(profile: StoredProfile, side: Side, issue: Issue, link: Link | None) -> Mark:
    return Mark(
        profile.id,
        side,
        issue.id,
        profile.left_tenant,
        profile.right_tenant,
        lane_of(issue.id) if link is None else link.lane,
        issue.updated,
    )


def _put_off(look: Look, asked: float) -> None:
    """Look again later, from the same mark: after 1, 2, 4 … minutes, or when the site says."""
    _execute(
        look,
        _PUT_OFF,
        asked=min(asked, 86_400.0),
        first=FIRST_DELAY,
        longest=LONGEST_DELAY,
    )


def _execute(look: Look, statement: TextClause, **values: object) -> None:
    with tenant_transaction(look.left_tenant) as session:
        session.execute(
            statement,
            {"profile": look.profile_id, "side": look.side.value, **values},
        )
