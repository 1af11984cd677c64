"""One batch of one profile's lane: what it reads with, and how a visit to a pair ends."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction
from app.jira.site import Created, Issue, JiraSite, SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import (
    awaiting,
    budget,
    inbox,
    parked,
    parked_groups,
    provenance,
    store_dirty,
    store_links,
)
from app.sync import written as notes
from app.sync.awaiting import Awaited
from app.sync.fingerprints import of_profile
from app.sync.items import edits
from app.sync.items import store as items
from app.sync.items.model import ItemLink
from app.sync.lookups import Lookups
from app.sync.move_known import Workflows
from app.sync.plan import Conflict, Snapshot
from app.sync.reasons import Cause, Code, whole_causes
from app.sync.snapshots import snapshot
from app.sync.store_dirty import Dirty
from app.sync.store_links import Link
from app.vault.vault import Vault

T = TypeVar("T")

log = structlog.get_logger(__name__)

FIRST_DELAY = 2.0  # seconds
LONGEST_DELAY = 300.0  # seconds
ITEM_DELAY = 3.0  # seconds
# A bell that waits holds up every later one of its lane; the sweep rings for longer waits.
LONGEST_BELL = 10.0  # seconds


_REVISION = text("SELECT revision FROM profile WHERE id = :id FOR SHARE")


class Ring(Protocol):
    """Makes sure that a drain of the lane is waiting, now or in `after` seconds."""

    def __call__(self, profile_id: uuid.UUID, lane: int, after: float = 0.0) -> None:
        """Ring."""


@dataclass(frozen=True)
class Pair:
    """What is dirty of one pair, and its link once there is one."""

    link: Link | None
    changes: tuple[Dirty, ...]


@dataclass(frozen=True)
class Visit:
    """What came of a visit to a pair that is there: its new base, and what is told of it."""

    pair: Pair
    link: Link
    outcome: Outcome | None
    written: int = 0
    wrote: frozenset[tuple[Side, str]] = frozenset()
    """The fields that may have been written, by side and mapping key."""
    conflicts: int = 0
    details: tuple[Detail, ...] = ()
    dirty: bool = False
    parked: tuple[Cause, ...] = ()
    questions: tuple[Conflict, ...] = ()
    amended: tuple[notes.Amended, ...] = ()
    made: Side | None = None  # the side whose issue was created
    items: tuple[ItemLink, ...] = ()
    edits: tuple[uuid.UUID, ...] = ()  # what webhooks told of items, and is told or of no use
    waits: bool = False  # for an item that another profile makes, or that may still land
    awaits: Awaited | None = None  # the parent that a field is set aside for
    late: bool = False  # by a mapping that no longer holds: what it set aside is not stored


class Turn:
    """One batch of one profile's lane."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        ring: Ring,
        *,
        profile: StoredProfile,
        lane: int,
        lookups: Lookups | None = None,
        workflows: Workflows | None = None,
    ) -> None:
        self.vault, self.ring = vault, ring
        self.profile, self.lane = profile, lane
        self.tenants = profile.tenants
        self.open_site = open_site
        self.sites: dict[Side, JiraSite] = {}
        self.fingerprints = of_profile(vault, profile.left_tenant, profile.id, profile.profile)
        self.read: dict[Side, dict[int, Issue]] = {}
        self.twins: dict[tuple[Side, int], Created] = {}
        """By side and id of the source: twins that bear our mark, and that no link knows."""
        self.aside: dict[parked.Row, list[parked.Known]] = {}
        self.carrying = (lookups or Lookups()).carrying(
            profile, self._ask, lambda side: self.sites[side].base_url, creates=True
        )
        self.workflows = workflows or Workflows()
        self.unwritten: dict[uuid.UUID, set[tuple[Side, str]]] = {}
        """What was noted as about to be written, and was not answered as done: by link."""
        self.item_rows: dict[uuid.UUID, list[ItemLink]] = {}
        """The rows of the items of pairs that are about to be planned: by link."""
        self.remote_links: bool | None = None
        """Whether Tandem linked any of the profile's issues to their twins, once it was asked."""

    def finish(self, visits: Sequence[Visit]) -> None:
        """Store the bases, drop the changes that did not move, and say what happened: all of
        these visits in one transaction."""
        if not visits:
            return
        with self.transaction() as session:
            if any(visit.parked for visit in visits) and self._saved_meanwhile(session):
                visits = [_by_the_new_mapping(visit) for visit in visits]
            # Before the changes, as whoever chooses locks them: two must not wait for each other.
            asked = [(visit.link, visit.questions) for visit in visits]
            inbox.note(session, self.vault, self.profile, asked, self.fingerprints)
            store_links.save_synced(session, [visit.link for visit in visits])
            # Of a pair that stays parked one row is enough.
            ended = [
                (v.pair.changes[1:] if v.parked else v.pair.changes, v.dirty or v.waits)
                for v in visits
            ]
            store_dirty.done(
                session, self.profile, [c for cs, dirty in ended if not dirty for c in cs]
            )
            notes.amend(session, [one for visit in visits for one in visit.amended])
            twins = [(visit, visit.made) for visit in visits if visit.made is not None]
            rows = [notes.of_twin(v.link, to, notes.run_of(v.pair.changes)) for v, to in twins]
            notes.note(session, self.profile, [row for twin in rows for row in twin])
            done = [provenance.Ended(v.link, v.wrote, v.made, v.amended) for v in visits]
            provenance.note(session, self.profile, self.fingerprints, done)
            for visit in visits:
                self._finish(session, visit)
            lanes = self._retry_freed(session, visits)
        self.wake(awaited for visit in visits for awaited in self._news(visit))
        if any(visit.dirty for visit in visits):
            lanes.add(self.lane)
        for seconds in {_item_wait(visit) for visit in visits if visit.waits}:
            self._ring_after(seconds)
        for lane in sorted(lanes):
            self.ring(self.profile.id, lane)

    def wake(self, awaited: Iterable[Awaited]) -> None:
        """Take up what waits for those of these that have a twin by now."""
        places = set(awaited)
        if places:
            with self.transaction() as session:
                due = awaiting.wake(session, places)
            for profile, lane in sorted(due):
                self.ring(profile, lane)

    def _news(self, visit: Visit) -> list[Awaited]:
        """The issues that a visit has linked, and the one that it waits for."""
        found = [visit.awaits] if visit.awaits is not None else []
        if visit.link.synced_at is None:
            ids = {side: visit.link.issue_id(side) for side in Side}
            found += [Awaited(self.tenants[s], one) for s, one in ids.items() if one is not None]
        return found

    def _finish(self, session: Session, visit: Visit) -> None:
        items.save(session, self.profile, visit.link, visit.items)
        edits.drop(session, visit.edits)
        if visit.waits:
            changes, seconds = visit.pair.changes, _item_wait(visit)
            store_dirty.postpone(session, self.profile, changes, seconds, "waiting-for-item")
        elif visit.dirty:
            store_dirty.again(session, self.profile, visit.pair.changes)
        elif visit.parked:
            store_dirty.park(session, self.profile, visit.pair.changes[:1], visit.parked[0].code)
        if visit.awaits is not None:
            awaiting.note(session, self.profile, visit.pair.changes[0], visit.awaits)
        if not visit.late:
            self.settle(session, visit.pair, visit.link, visit.parked)
        if visit.outcome is not None:
            self.tell(
                session,
                (visit.link.left_key, visit.link.right_key),
                visit.outcome,
                written=visit.written,
                conflicts=visit.conflicts,
                details=visit.details,
            )

    def park(self, pair: Pair, error: SiteError) -> None:
        """The site said no for good: set the issue aside with the site's own words."""
        link = pair.link
        keys = (link.left_key, link.right_key) if link else self._own_keys(pair)
        side = next((s for s, t in self.tenants.items() if t == error.tenant), None)
        side = side or pair.changes[0].side.other
        creating = link is None or link.issue_id(side) is None
        causes = whole_causes(error, side, self.profile.profile, creating=creating)
        with self.transaction() as session:
            detail = Detail(error.detail)
            late = not self.put_aside(session, pair, link, causes, keys=keys, detail=detail)
            if link is not None:
                self._take_back(session, link)
        if late:
            self.ring(self.profile.id, self.lane)

    def put_aside(
        self,
        session: Session,
        pair: Pair,
        link: Link | None,
        causes: Sequence[Cause],
        *,
        keys: tuple[str | None, str | None],
        detail: Detail,
    ) -> bool:
        """Set a whole issue aside, and tell it where it was not known. Returns False where another
        mapping holds by now: it stays due then, and the lane is to be rung for. To be called first
        in a transaction, as whoever saves a mapping locks the profile first."""
        if self._saved_meanwhile(session):
            store_dirty.again(session, self.profile, pair.changes)
            return False
        # Of a pair that is parked one row is enough.
        store_dirty.done(session, self.profile, pair.changes[1:])
        store_dirty.park(session, self.profile, pair.changes[:1], causes[0].code)
        if self.settle(session, pair, link, causes):
            self.tell(session, keys, Outcome.PARKED, details=[detail])
        return True

    def _saved_meanwhile(self, session: Session) -> bool:
        """Whether another mapping holds by now. Where not, none does before the transaction ends:
        whoever saves one asks again for all that is parked by then."""
        asked = {"id": self.profile.id}
        return session.execute(_REVISION, asked).scalar() != self.profile.revision

    def _take_back(self, session: Session, link: Link) -> None:
        """Forget the plans and the notes of writes that surely were not done: a refusal for good
        is of the last one that was sent. What was written before it stays noted."""
        void = sorted(self.unwritten.pop(link.id, ()))
        store_links.forget_plans(session, link, [key for _, key in void])
        notes.amend(session, [notes.Amended(link.id, side, key, None) for side, key in void])

    def set_aside(self, pair: Pair, link: Link | None) -> list[parked.Known]:
        """What was set aside of a pair before this batch."""
        return parked.of_rows(self.aside, link, pair.changes)

    def settle(
        self, session: Session, pair: Pair, link: Link | None, causes: Sequence[Cause]
    ) -> bool:
        """Store why a pair stays parked, if it does. Returns whether there is a new cause."""
        found = self.set_aside(pair, link)
        return bool(found or causes) and parked.settle(
            session, self.vault, self.profile, found=found, changes=pair.changes, causes=causes
        )

    def _retry_freed(self, session: Session, visits: Sequence[Visit]) -> set[int]:
        """Retry the groups whose probe crossed. Returns the lanes to ring for."""
        freed: set[tuple[Side, Code, str]] = set()
        for visit in visits if self.aside else ():
            if visit.written and not visit.late:
                freed |= parked.went_away(self.set_aside(visit.pair, visit.link), visit.parked)
        lanes: set[int] = set()
        for group in sorted(freed):
            wanted = parked_groups.Wanted(*group)
            lanes |= set(parked_groups.retry(session, self.profile.id, wanted))
        return lanes

    def _own_keys(self, pair: Pair) -> tuple[str | None, str | None]:
        change = pair.changes[0]
        issue = self.read[change.side].get(change.issue_id)
        key = issue.key if issue else None
        return (key, None) if change.side is Side.LEFT else (None, key)

    def back_off(self, changes: Sequence[Dirty], fault: Exception) -> None:
        """Try again later: when the site says, else after 2, 4, 8 … seconds, at most 5 minutes."""
        attempts = max((change.attempts for change in changes), default=0)
        seconds = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempts, 10))
        if isinstance(fault, SiteError) and fault.retry_after is not None:
            seconds = min(max(fault.retry_after, 0.1), budget.LONGEST_BLOCK)
        log.info("backing off", profile=str(self.profile.id), seconds=seconds, count=len(changes))
        with self.transaction() as session:
            store_dirty.postpone(session, self.profile, changes, seconds, budget.why(fault))
        self._ring_after(seconds)

    def hold(self, hold: budget.Hold) -> None:
        """Leave all that is due in the lane until the site may be called: no attempt was made.

        Where the site is paused, the one who finds it open again rings.
        """
        with self.transaction() as session:
            budget.postpone(session, self.profile, self.lane, hold)
        if not hold.paused:
            self._ring_after(hold.seconds)

    def _ring_after(self, seconds: float) -> None:
        if seconds <= LONGEST_BELL:
            self.ring(self.profile.id, self.lane, seconds + 0.05)

    def tell(
        self,
        session: Session,
        keys: tuple[str | None, str | None],
        outcome: Outcome,
        *,
        written: int = 0,
        conflicts: int = 0,
        details: Sequence[Detail] = (),
    ) -> None:
        """Put what became of a pair, by its issues' keys, into the activity."""
        record(
            session,
            self.vault,
            profile_id=self.profile.id,
            tenants=(self.profile.left_tenant, self.profile.right_tenant),
            keys=keys,
            outcome=outcome,
            written=written,
            conflicts=conflicts,
            details=details,
        )

    def _ask(self, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T:
        return work(self.sites[side])

    def transaction(self) -> AbstractContextManager[Session]:
        return tenant_transaction(TenantId(self.profile.left_tenant))

    def snapshot(self, issue: Issue, side: Side) -> Snapshot:
        return snapshot(self.profile.profile, issue, side)


def _by_the_new_mapping(visit: Visit) -> Visit:
    """A visit whose profile was saved meanwhile: what was set aside is looked at anew."""
    if not visit.parked:
        return visit
    outcome = visit.outcome if visit.written or visit.conflicts else None
    return replace(visit, outcome=outcome, parked=(), dirty=True, awaits=None, late=True)


def _item_wait(visit: Visit) -> float:
    """Seconds until a visit that waits for an item is made again: 3, 6, 12 …, at most 5 minutes."""
    attempts = max(change.attempts for change in visit.pair.changes)
    return float(min(LONGEST_DELAY, ITEM_DELAY * 2 ** min(attempts, 10)))
