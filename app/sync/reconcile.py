"""The shell around the merge: reads both sides as they are now, writes the difference, stores
the new base. A worker killed at any line of it loses nothing and doubles nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.jira.cloud import PROPERTY
from app.jira.site import Created, Issue, JiraSite, SiteError, SiteOpener
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler, read_fields
from app.sync import store
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import Plan, blank, confirm, for_create, merge, unmoved
from app.sync.plan import Snapshot, Write
from app.sync.store import BATCH, Dirty, Link
from app.vault.vault import Vault

log = structlog.get_logger(__name__)

FIRST_DELAY = 2.0  # seconds
LONGEST_DELAY = 300.0  # seconds
# How long a create that was sent without an answer is searched for before it is sent again:
# Jira's search may lag behind, and a doubled issue is worse than a late one.
ADOPT_WITHIN = timedelta(seconds=60)
ADOPT_EVERY = 5.0  # seconds


class Ring(Protocol):
    """Makes sure that a drain of the lane is waiting, now or in `after` seconds."""

    def __call__(self, profile_id: uuid.UUID, lane: int, after: float = 0.0) -> None:
        """Ring."""


@dataclass(frozen=True)
class _Pair:
    """What is dirty of one pair, and its link once there is one."""

    link: Link | None
    changes: tuple[Dirty, ...]


class Reconciler:
    """Drains the lanes of profiles. One object a process; safe to share between threads."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        ring: Ring,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._vault = vault
        self._open_site = open_site
        self._ring = ring
        self._clock = clock

    def drain(self, profile_id: uuid.UUID, lane: int) -> bool:
        """Take up to 50 due changes of a lane across. Returns whether more may be due."""
        try:
            profile = profiles.load(self._vault, profile_id)
        except Problem:
            return False  # deleted meanwhile; its rows went with it
        if profile.state != "on":
            return False
        with tenant_transaction(profile.left_tenant) as session:
            dirty = store.due(session, profile, lane)
            links = store.links_of(
                session,
                profile,
                [d.issue_id for d in dirty if d.side is Side.LEFT],
                [d.issue_id for d in dirty if d.side is Side.RIGHT],
            )
        if not dirty:
            return False
        turn = _Turn(
            self._vault, self._open_site, self._ring, self._clock, profile=profile, lane=lane
        )
        turn.run(self._pairs(dirty, links))
        return len(dirty) == BATCH

    @staticmethod
    def _pairs(dirty: Sequence[Dirty], links: Sequence[Link]) -> list[_Pair]:
        owner = {
            (side, link.issue_id(side)): link
            for link in links
            for side in Side
            if link.issue_id(side) is not None
        }
        grouped: dict[uuid.UUID | tuple[Side, int], list[Dirty]] = {}
        found: dict[uuid.UUID | tuple[Side, int], Link | None] = {}
        for change in dirty:
            link = owner.get((change.side, change.issue_id))
            key = link.id if link else (change.side, change.issue_id)
            grouped.setdefault(key, []).append(change)
            found[key] = link
        return [_Pair(found[key], tuple(changes)) for key, changes in grouped.items()]


class _Turn:
    """One batch of one profile's lane."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        ring: Ring,
        clock: Callable[[], datetime],
        *,
        profile: StoredProfile,
        lane: int,
    ) -> None:
        self.vault, self.ring, self.clock = vault, ring, clock
        self.profile, self.lane = profile, lane
        self.tenants = {Side.LEFT: profile.left_tenant, Side.RIGHT: profile.right_tenant}
        self.open_site = open_site
        self.sites: dict[Side, JiraSite] = {}
        self.fingerprints = Fingerprinter(
            vault.derive(profile.left_tenant, f"fingerprint:{profile.id}")
        )
        self.read: dict[Side, dict[int, Issue]] = {}

    def run(self, pairs: Sequence[_Pair]) -> None:
        """Settle what needs no call, read the rest in bulk, and reconcile pair by pair."""
        pending = [pair for pair in pairs if not self._settled_without_a_call(pair)]
        if not pending:
            return
        try:
            for side in Side:
                self.sites[side] = self.open_site(self.tenants[side])
            for side in Side:
                self.read[side] = self._fetch(side, pending)
        except Problem as problem:
            self._back_off([c for pair in pending for c in pair.changes], problem)
            return
        for position, pair in enumerate(pending):
            try:
                self._reconcile(pair)
            except SiteError as error:
                if error.passing or error.locked_out:
                    # The whole site is asked again later, not once per issue now.
                    rest = [c for other in pending[position:] for c in other.changes]
                    self._back_off(rest, error)
                    return
                self._park(pair, error)
            except Exception as fault:
                # A fault of ours in one issue must not stand in the way of the others.
                log.exception("reconcile failed", profile=str(self.profile.id))
                self._back_off(list(pair.changes), fault)

    def _settled_without_a_call(self, pair: _Pair) -> bool:
        """The echo of our own write, or a change that belongs to another lane."""
        link = pair.link
        if link is None:
            return False
        if link.lane != self.lane:
            with self._transaction() as session:
                for change in pair.changes:
                    store.move_lane(session, self.profile, change, link.lane)
            self.ring(self.profile.id, link.lane)
            return True
        if all(_already_seen(change, link) for change in pair.changes):
            with self._transaction() as session:
                store.done(session, self.profile, pair.changes)
            return True
        return False

    def _fetch(self, side: Side, pairs: Sequence[_Pair]) -> dict[int, Issue]:
        wanted: set[int] = set()
        for pair in pairs:
            wanted |= {c.issue_id for c in pair.changes if c.side is side}
            linked = pair.link.issue_id(side) if pair.link else None
            if linked is not None:
                wanted.add(linked)
        fields = [m.field(side) for m in self.profile.profile.fields]
        return self.sites[side].fetch(sorted(wanted), fields) if wanted else {}

    def _reconcile(self, pair: _Pair) -> None:
        link = pair.link
        if link is None:
            self._unlinked(pair)
        elif link.left_id is None or link.right_id is None:
            self._finish_create(pair, link)
        else:
            self._linked(pair, link)

    # -- an issue without a twin

    def _unlinked(self, pair: _Pair) -> None:
        change = pair.changes[0]
        issue = self.read[change.side].get(change.issue_id)
        if issue is None or not self._in_scope(issue, change.side):
            with self._transaction() as session:
                store.done(session, self.profile, pair.changes)
            return
        if self._is_our_twin(issue, change.side):
            self._adopt_source(pair, issue, change.side)
            return
        with self._transaction() as session:
            link = store.intend(
                session,
                self.profile,
                source=change.side,
                issue_id=issue.id,
                key=issue.key,
                lane=self.lane,
                sent_at=None,
            )
        if link.left_id is not None and link.right_id is not None:
            with self._transaction() as session:  # another lane linked it meanwhile
                store.move_lane(session, self.profile, change, link.lane)
            self.ring(self.profile.id, link.lane)
            return
        self._create(replace(pair, link=link), link, change.side, issue)

    def _in_scope(self, issue: Issue, side: Side) -> bool:
        scope = self.profile.profile.scope(side)
        found = [str(issue.fields.get(name, {}).get("id")) for name in ("project", "issuetype")]
        return found == [scope.project_id, scope.issue_type_id]

    def _is_our_twin(self, issue: Issue, side: Side) -> bool:
        mark = issue.property or {}
        return (
            str(mark.get("profile")) == str(self.profile.id)
            and str(mark.get("side")) == side.value
            and str(mark.get("source", "")).isdigit()
        )

    def _adopt_source(self, pair: _Pair, twin: Issue, side: Side) -> None:
        """An issue that our mark names as a twin: link it to its source, as the mark says."""
        source = int((twin.property or {})["source"])
        with self._transaction() as session:
            left, right = ([source], []) if side is Side.RIGHT else ([], [source])
            found = store.links_of(session, self.profile, left, right)
            link = found[0] if found else None
            if link is None:
                link = store.intend(
                    session,
                    self.profile,
                    source=side.other,
                    issue_id=source,
                    key="",
                    lane=self.lane,
                    sent_at=self.clock(),
                )
            theirs = link.issue_id(side)
            if theirs is None:
                link = link.with_issue(side, twin.id, twin.key)
                store.save(session, link, synced=False)
            if theirs is not None and theirs != twin.id:
                # The source has another twin already: this one is left as it is.
                store.done(session, self.profile, pair.changes)
                return
            for change in pair.changes:
                store.move_lane(session, self.profile, change, link.lane)
        self.ring(self.profile.id, link.lane)

    def _finish_create(self, pair: _Pair, link: Link) -> None:
        """A create was intended. Was it sent? Then look for what it made before sending again."""
        side = Side.LEFT if link.left_id is not None else Side.RIGHT
        source_id = link.issue_id(side)
        issue = self.read[side].get(source_id) if source_id is not None else None
        if issue is None:
            with self._transaction() as session:
                store.done(session, self.profile, pair.changes)
            return
        if link.create_sent_at is not None:
            twin = self.sites[side.other].find_twin(str(self.profile.id), issue.id)
            if twin is not None:
                self._adopted(pair, link, side, twin)
                return
            if self.clock() - link.create_sent_at < ADOPT_WITHIN:
                with self._transaction() as session:
                    store.postpone(
                        session, self.profile, pair.changes, ADOPT_EVERY, "waiting-for-search"
                    )
                self.ring(self.profile.id, self.lane, ADOPT_EVERY + 0.05)
                return
        self._create(pair, link, side, issue)

    def _adopted(self, pair: _Pair, link: Link, side: Side, twin: Created) -> None:
        link = link.with_issue(side.other, twin.id, twin.key)
        with self._transaction() as session:
            store.save(session, link, synced=False)
        fields = [m.field(side.other) for m in self.profile.profile.fields]
        self.read[side.other] |= self.sites[side.other].fetch([twin.id], fields)
        self._linked(replace(pair, link=link), link)

    def _create(self, pair: _Pair, link: Link, side: Side, issue: Issue) -> None:
        """Create the twin of `issue` on the other side, marked as ours in the same call."""
        to = side.other
        source = self._snapshot(issue, side)
        plan = for_create(source, to, self.profile.profile, self.fingerprints)
        with self._transaction() as session:
            store.mark_create(session, link, self.clock())
        try:
            created, refused = self._send_create(plan, to, issue, side)
        except SiteError as error:
            if error.surely_refused:
                with self._transaction() as session:
                    store.mark_create(session, link, None)
            raise
        link = link.with_issue(to, created.id, created.key).with_seen(side, issue.updated)
        # From here on a crash finds the twin by the link.
        with self._transaction() as session:
            store.save(session, link, synced=False)
        writes = tuple(w for w in plan.writes(to) if w.key not in refused)
        base = unmoved(plan.base, link.base, refused)
        dirty: frozenset[str] = frozenset()
        stored = self._read_back(to, created)
        if stored is not None:
            before = blank(self.profile.profile, issue.updated)
            base, dirty = confirm(
                base,
                to,
                writes=writes,
                read=before,
                returned=self._snapshot(stored, to),
                profile=self.profile.profile,
                fingerprints=self.fingerprints,
            )
            if not dirty:
                link = link.with_seen(to, stored.updated)
        link = replace(link, base=base)
        self._finish(
            pair,
            link,
            Outcome.CREATED,
            written=1,
            conflicts=0,
            details=[
                Detail(f"{created.key} was created for {issue.key}."),
                *(Detail(sentence, field=key) for key, sentence in refused.items()),
            ],
            dirty=bool(dirty),
            parked="; ".join(refused.values()),
        )

    def _send_create(
        self, plan: Plan, to: Side, issue: Issue, side: Side
    ) -> tuple[Created, dict[str, str]]:
        """Create; where the site names mapped fields that it will not take, once without them."""
        scope = self.profile.profile.scope(to)
        properties = {
            PROPERTY: {
                "profile": str(self.profile.id),
                "source": str(issue.id),
                "side": to.value,
            }
        }
        fixed = {"project": {"id": scope.project_id}, "issuetype": {"id": scope.issue_type_id}}
        writes = plan.writes(to)
        try:
            return self.sites[to].create(fixed | _raw(writes), properties), {}
        except SiteError as error:
            refused = _refused_fields(error, writes)
            if not refused:
                raise
            rest = [w for w in writes if w.key not in refused]
            return self.sites[to].create(fixed | _raw(rest), properties), refused

    def _read_back(self, side: Side, created: Created) -> Issue | None:
        """The twin as stored. Where the read fails, its own webhook brings us back to it."""
        fields = [m.field(side) for m in self.profile.profile.fields]
        try:
            return self.sites[side].fetch([created.id], fields).get(created.id)
        except SiteError:
            return None

    # -- a pair

    def _linked(self, pair: _Pair, link: Link) -> None:
        issues = {side: self.read[side].get(link.issue_id(side) or 0) for side in Side}
        left, right = issues[Side.LEFT], issues[Side.RIGHT]
        if left is None or right is None:
            gone = Side.LEFT if left is None else Side.RIGHT
            self._finish(
                pair,
                link,
                Outcome.LEFT_ALONE,
                details=[
                    Detail(
                        f"The issue on the {gone.value} side is gone or hidden from Tandem; its "
                        "twin was left as it is."
                    )
                ],
            )
            return
        link = replace(link, left_key=left.key, right_key=right.key)
        snapshots = {Side.LEFT: self._snapshot(left, Side.LEFT)}
        snapshots[Side.RIGHT] = self._snapshot(right, Side.RIGHT)
        plan = self._plan(link, snapshots)
        base, dirty, written = plan.base, False, 0
        refused: dict[str, str] = {}
        for side in Side:
            link = link.with_seen(side, snapshots[side].updated)
            writes = plan.writes(side)
            if not writes:
                continue
            returned, said_no = self._write(side, link, writes)
            refused |= said_no
            done = tuple(w for w in writes if w.key not in said_no)
            written += len(done)
            base = unmoved(base, link.base, said_no)
            if returned is None:
                link = link.with_seen(side, None) if done else link
                continue
            base, moved = confirm(
                base,
                side,
                writes=done,
                read=snapshots[side],
                returned=self._snapshot(returned, side),
                profile=self.profile.profile,
                fingerprints=self.fingerprints,
            )
            dirty = dirty or bool(moved - set(said_no))
            link = link.with_seen(side, None if moved else returned.updated)
        outcome = _outcome(plan, written, refused)
        self._finish(
            pair,
            replace(link, base=base),
            outcome,
            written=written,
            conflicts=len(plan.conflicts),
            details=_details(plan, refused),
            dirty=dirty,
            parked="; ".join(refused.values()),
        )

    def _plan(self, link: Link, snapshots: dict[Side, Snapshot]) -> Plan:
        """The merge; with the times of the fields in conflict, where these decide."""
        profile, marks = self.profile.profile, self.fingerprints
        plan = merge(snapshots[Side.LEFT], snapshots[Side.RIGHT], link.base, profile, marks)
        if not plan.needs_times:
            return plan
        for side in Side:
            issue_id = link.issue_id(side) or 0
            at = self.sites[side].last_changes([issue_id])[issue_id].at
            changed = {m.key: at[m.field(side)] for m in profile.fields if m.field(side) in at}
            snapshots[side] = replace(snapshots[side], changed_at=changed)
        return merge(snapshots[Side.LEFT], snapshots[Side.RIGHT], link.base, profile, marks)

    def _write(
        self, side: Side, link: Link, writes: Sequence[Write]
    ) -> tuple[Issue | None, dict[str, str]]:
        """Write; fields that the site refuses by name are left out and said, the rest crosses."""
        issue_id = link.issue_id(side) or 0
        try:
            return self.sites[side].update(issue_id, _raw(writes)), {}
        except SiteError as error:
            refused = _refused_fields(error, writes)
            if not refused:
                raise
            rest = [w for w in writes if w.key not in refused]
            if not rest:
                return None, refused
            return self.sites[side].update(issue_id, _raw(rest)), refused

    # -- the ends

    def _finish(
        self,
        pair: _Pair,
        link: Link,
        outcome: Outcome | None,
        *,
        written: int = 0,
        conflicts: int = 0,
        details: Sequence[Detail] = (),
        dirty: bool = False,
        parked: str = "",
    ) -> None:
        """Store the base, drop the changes that did not move, and say what happened: at once."""
        with self._transaction() as session:
            store.save(session, link, synced=True)
            if dirty:
                store.again(session, self.profile, pair.changes)
            elif parked:
                store.park(session, self.profile, pair.changes, parked)
            else:
                store.done(session, self.profile, pair.changes)
            if outcome is not None:
                record(
                    session,
                    self.vault,
                    profile_id=self.profile.id,
                    tenants=(self.profile.left_tenant, self.profile.right_tenant),
                    keys=(link.left_key, link.right_key),
                    outcome=outcome,
                    written=written,
                    conflicts=conflicts,
                    details=details,
                )
        if dirty:
            self.ring(self.profile.id, self.lane)

    def _park(self, pair: _Pair, error: SiteError) -> None:
        """The site said no for good: set the issue aside with the site's own words."""
        link = pair.link
        keys = (link.left_key, link.right_key) if link else self._own_keys(pair)
        with self._transaction() as session:
            store.park(session, self.profile, pair.changes, error.detail)
            record(
                session,
                self.vault,
                profile_id=self.profile.id,
                tenants=(self.profile.left_tenant, self.profile.right_tenant),
                keys=keys,
                outcome=Outcome.PARKED,
                details=[Detail(error.detail)],
            )

    def _own_keys(self, pair: _Pair) -> tuple[str | None, str | None]:
        change = pair.changes[0]
        issue = self.read[change.side].get(change.issue_id)
        key = issue.key if issue else None
        return (key, None) if change.side is Side.LEFT else (None, key)

    def _back_off(self, changes: Sequence[Dirty], fault: Exception) -> None:
        """Try again later: when the site says, else after 2, 4, 8 … seconds, at most 5 minutes."""
        attempts = max((change.attempts for change in changes), default=0)
        seconds = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempts, 10))
        if isinstance(fault, SiteError) and fault.retry_after is not None:
            seconds = max(fault.retry_after, 0.1)
        reason = fault.detail if isinstance(fault, Problem) else "internal-error"
        log.info("backing off", profile=str(self.profile.id), seconds=seconds, count=len(changes))
        with self._transaction() as session:
            store.postpone(session, self.profile, changes, seconds, reason)
        self.ring(self.profile.id, self.lane, seconds + 0.05)

    def _transaction(self) -> AbstractContextManager[Session]:
        return tenant_transaction(TenantId(self.profile.left_tenant))

    def _snapshot(self, issue: Issue, side: Side) -> Snapshot:
        reading = read_fields(self.profile.profile.fields, side, issue.fields)
        return Snapshot(reading.values, issue.updated, blocked=reading.unreadable)


def _already_seen(change: Dirty, link: Link) -> bool:
    """Whether the event told of a state that the base was made from, or of an older one."""
    seen = link.seen(change.side)
    return change.event_updated is not None and seen is not None and change.event_updated <= seen


def _raw(writes: Sequence[Write]) -> dict[str, object]:
    return {write.field: handler(write.kind).write(write.value) for write in writes}


def _refused_fields(error: SiteError, writes: Sequence[Write]) -> dict[str, str]:
    """The site's sentence for each of our fields that it names in a 400, by mapping key."""
    if error.site_status != 400:
        return {}
    return {
        write.key: f"{write.field}: {error.field_errors[write.field]}"
        for write in writes
        if write.field in error.field_errors
    }


def _outcome(plan: Plan, written: int, refused: dict[str, str]) -> Outcome | None:
    if refused:
        return Outcome.PARKED
    if plan.conflicts:
        return Outcome.CONFLICT
    if written:
        return Outcome.UPDATED
    return Outcome.LEFT_ALONE if plan.left_alone else None


def _details(plan: Plan, refused: dict[str, str]) -> list[Detail]:
    details = []
    for side in Side:
        for write in plan.writes(side):
            brief = handler(write.kind).brief
            if write.key in refused:
                details.append(Detail(refused[write.key], field=write.field, side=side.value))
                continue
            details.append(
                Detail(
                    f"{write.field} was written on the {side.value} side.",
                    field=write.field,
                    side=side.value,
                    old=brief(write.was),
                    new=brief(write.value),
                )
            )
    details += [Detail(c.sentence, field=c.key) for c in plan.conflicts]
    details += [Detail(one.sentence, field=one.key) for one in plan.left_alone]
    return details
