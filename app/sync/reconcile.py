"""The shell around the merge: reads both sides as they are now, writes the difference, stores
the new base. A worker killed at any line of it loses nothing and doubles nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from app.database import tenant_transaction
from app.errors import Problem
from app.jira.site import Issue, SiteError, SiteOpener
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import budget, budget_answers, filters, pacing, parked, store_dirty, store_links
from app.sync.flight import Flight
from app.sync.items.work import fields_of, read_rows
from app.sync.lookups import Lookups
from app.sync.lost_twins import find_lost_twins
from app.sync.move_known import Workflows
from app.sync.pairs import Planned, carry_out, note_plans, plan_linked
from app.sync.planning_rules import in_scope
from app.sync.store_dirty import BATCH, Dirty
from app.sync.store_links import Link
from app.sync.turn import LONGEST_BELL, Pair, Ring, Turn, Visit
from app.sync.twins import finish_create, reconcile_unlinked
from app.vault.vault import Vault

log = structlog.get_logger(__name__)

GATHER_SECONDS, GATHER_TIMES = 0.25, 3
FEW = 3  # issues of one read that are asked for their screens


class Reconciler:
    """Drains the lanes of profiles. One object a process; safe to share between threads."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        ring: Ring,
    ) -> None:
        self._vault = vault
        self._open_site = open_site
        self._ring = ring
        self._lookups = Lookups()
        self._workflows = Workflows()

    def drain(self, profile_id: uuid.UUID, lane: int) -> bool:
        """Take up to a hundred due changes of a lane across. Returns whether more may be due."""
        profile = self._working(profile_id)
        if profile is None:
            return False
        found = _gathered(profile, lane)
        dirty, links = found.dirty, found.links
        if not dirty:
            return False
        if found.waited and (now := self._working(profile_id)) != profile:
            # Whoever saved the profile in that time sees the changes after it cross by its rules.
            return now is not None
        taken, wait = pacing.pace(profile, lane, dirty, links)
        if wait:
            if wait <= LONGEST_BELL:
                self._ring(profile.id, lane, wait + 0.05)
            return False
        turn = Turn(
            self._vault,
            self._open_site,
            self._ring,
            profile=profile,
            lane=lane,
            lookups=self._lookups,
            workflows=self._workflows,
        )
        turn.aside = found.aside
        if any(one.ask for known in found.aside.values() for one in known):
            turn.carrying.look_anew()
        _run(turn, self._pairs(taken, links), found.standing)
        return len(taken) < len(dirty) or len(dirty) == BATCH

    def _working(self, profile_id: uuid.UUID) -> StoredProfile | None:
        """The profile as it is carried now; None where it is not on, or was deleted meanwhile: its
        rows went with it."""
        try:
            profile = profiles.working(self._vault, profile_id)
        except Problem:
            return None
        return profile if profile.state == "on" else None

    @staticmethod
    def _pairs(dirty: Sequence[Dirty], links: Sequence[Link]) -> list[Pair]:
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
        return [Pair(found[key], tuple(changes)) for key, changes in grouped.items()]


@dataclass(frozen=True)
class _Found:
    """What is due in a lane, and what is known of it. `waited`: whether for more of it."""

    dirty: list[Dirty]
    links: list[Link]
    aside: dict[parked.Row, list[parked.Known]]
    standing: budget.Standing
    waited: bool = False


def _gathered(profile: StoredProfile, lane: int) -> _Found:
    """What is due in a lane, once no more comes in. Both sites are read in bulk, so a few changes
    now and a few soon cost more calls than all at once. A lone change never waits."""
    found = _find(profile, lane)
    for _ in range(GATHER_TIMES):
        before = len(found.dirty)
        if not 1 < before < BATCH or not all(one.is_live for one in found.dirty):
            break
        time.sleep(GATHER_SECONDS)
        found = replace(_find(profile, lane), waited=True)
        if len(found.dirty) == before:
            break
    return found


def _find(profile: StoredProfile, lane: int) -> _Found:
    with tenant_transaction(profile.left_tenant) as session:
        dirty = store_dirty.due(session, profile, lane)
        links = store_links.links_of(
            session,
            profile,
            [d.issue_id for d in dirty if d.side is Side.LEFT],
            [d.issue_id for d in dirty if d.side is Side.RIGHT],
        )
        aside = parked.known(session, profile, dirty, links)
        standing = budget.standing(session, profile) if dirty else budget.Standing()
    return _Found(dirty, links, aside, standing)


def _run(turn: Turn, pairs: Sequence[Pair], standing: budget.Standing) -> None:
    """Settle what needs no call, read the rest in bulk, and reconcile pair by pair."""
    pending = _settle_without_a_call(turn, pairs)
    if not pending:
        return
    if standing.hold is not None:
        turn.hold(standing.hold)
        return
    try:
        for side in Side:
            turn.sites[side] = turn.open_site(turn.tenants[side])
        for side in Side:
            turn.read[side] = _fetch(turn, side, pending)
        pending = filters.inside(turn, pending)
    except Problem as problem:
        _site_failed(turn, pending, problem)
        return
    unlinked = [pair for pair in pending if not _is_linked(pair)]
    try:
        find_lost_twins(turn, unlinked)
    except Problem as problem:
        _site_failed(turn, pending, problem)
        return
    linked = [pair for pair in pending if _is_linked(pair)]
    flight = Flight(turn)
    flight.run_side_by_side([(pair, partial(_make, turn, pair)) for pair in unlinked])
    _keep_in_step(turn, linked, flight)
    if flight.ground is not None:
        # The whole site is asked again later, not once per issue now.
        _site_failed(turn, flight.grounded, flight.ground)
    else:
        budget_answers.recovered(standing.struck)


def _is_linked(pair: Pair) -> bool:
    return pair.link is not None and None not in (pair.link.left_id, pair.link.right_id)


def _make(turn: Turn, pair: Pair) -> None:
    if pair.link is None:
        reconcile_unlinked(turn, pair)
    else:
        finish_create(turn, pair, pair.link)


def _keep_in_step(turn: Turn, pairs: Sequence[Pair], flight: Flight) -> None:
    """Plan all, note all plans in one commit, write a few at a time, finish all in one commit."""
    visits: list[Visit] = []
    plans: list[Planned] = []
    read_rows(turn, [pair.link for pair in pairs if pair.link is not None])
    for pair in pairs:
        found = flight.run(pair, partial(plan_linked, turn, pair))
        if isinstance(found, Planned):
            plans.append(found)
        elif found is not None:
            visits.append(found)
    note_plans(turn, plans)
    works = [(one.pair, partial(carry_out, turn, one)) for one in plans]
    turn.finish([*visits, *flight.run_side_by_side(works)])


def _site_failed(turn: Turn, pairs: Sequence[Pair], problem: Problem) -> None:
    """A site refuses or fails as a whole: nothing of it is tried again before its time."""
    if isinstance(problem, SiteError) and problem.tenant is not None:
        if problem.locked_out:
            turn.hold(budget_answers.pause(problem.tenant, problem))
            return
        if problem.passing and problem.site_status != 429:  # a 429 was noted as it was answered
            code = "unreachable" if problem.site_status is None else "failing"
            budget_answers.block(problem.tenant, code, problem.retry_after)
    turn.back_off([c for pair in pairs for c in pair.changes], problem)


def _settle_without_a_call(turn: Turn, pairs: Sequence[Pair]) -> list[Pair]:
    """Drop the echoes of our own writes and hand on what belongs to another lane. Returns the
    rest."""
    pending: list[Pair] = []
    echoes: list[Dirty] = []
    moved: list[tuple[Dirty, int]] = []
    for pair in pairs:
        link = pair.link
        if link is not None and link.lane != turn.lane:
            moved += [(change, link.lane) for change in pair.changes]
        elif link is not None and _tells_nothing(turn, pair, link):
            echoes += pair.changes
        else:
            pending.append(pair)
    if echoes or moved:
        with turn.transaction() as session:
            store_dirty.done(session, turn.profile, echoes)
            for change, lane in moved:
                store_dirty.move_lane(session, turn.profile, change, lane)
    for lane in sorted({lane for _, lane in moved}):
        turn.ring(turn.profile.id, lane)
    return pending


def _fetch(turn: Turn, side: Side, pairs: Sequence[Pair]) -> dict[int, Issue]:
    wanted: set[int] = set()
    for pair in pairs:
        wanted |= {c.issue_id for c in pair.changes if c.side is side}
        linked = pair.link.issue_id(side) if pair.link else None
        if linked is not None:
            wanted.add(linked)
    fields = [m.field(side) for m in turn.profile.profile.fields]
    fields += ["created", *fields_of(turn.profile.profile)]
    site = turn.sites[side]
    if 0 < len(wanted) <= FEW and turn.carrying.lacks_screen(side):
        # With a few it costs no call of its own.
        found = site.fetch_with_screens(sorted(wanted), fields)
        inside = [issue for issue in found.values() if in_scope(turn.profile, issue, side)]
        turn.carrying.note_screens(side, inside)
        return found
    return site.fetch(sorted(wanted), fields) if wanted else {}


def _tells_nothing(turn: Turn, pair: Pair, link: Link) -> bool:
    """Whether all that came is seen already. What is set aside goes with its row, so it stays."""
    return not turn.set_aside(pair, link) and all(_already_seen(c, link) for c in pair.changes)


def _already_seen(change: Dirty, link: Link) -> bool:
    """Whether the event told of a state that the base was made from, or of an older one."""
    seen = link.seen(change.side)
    return change.event_updated is not None and seen is not None and change.event_updated <= seen
