"""What a plan comes to: counts, causes with examples, REST calls and minutes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from app.mapping.profile import ItemKind, Side
from app.mapping.said import said
from app.sync.budget import BACKGROUND_SHARE, POINTS_AN_HOUR
from app.sync.flight import SIDE_BY_SIDE
from app.sync.lanes import LANES
from app.sync.pacing import CREATE, FEW, READ, UPDATE
from app.sync.planning_types import Cause, IssuePlan, ItemDeed, Note, Step

EXAMPLES = 5
MOST_GROUPS = 200
"""So many causes are told apart; the rest is counted as one."""

A_CALL = 0.2
"""Seconds of a call, where none was measured."""


@dataclass
class Group:
    """Issues that have one cause in common."""

    kind: str  # "blocked", "left alone", "waits", "conflict"
    cause: str
    about: str | None  # the mapping's key
    sentence: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def line(self) -> str:
        """For people: "38 issues: status 'Blocked' has no twin (WEB-1, WEB-2, …)"."""
        more = ", …" if self.count > len(self.examples) else ""
        issues = "1 issue" if self.count == 1 else f"{self.count:,} issues"
        return f"{issues}: {self.sentence.rstrip('.')} ({', '.join(self.examples)}{more})"


@dataclass(frozen=True)
class Estimate:
    """REST calls by site and the minutes that they take; `how` says how these were made."""

    calls: dict[Side, int]
    points: dict[Side, int]
    minutes: float
    how: str

    @property
    def all_calls(self) -> int:
        """The calls to both sites."""
        return sum(self.calls.values())


@dataclass
class Summary:
    """Counts plans as they pass. `looked_at`: issues and pairs; `in_step`: nothing to say of;
    `bytes`: of files that are made; `found`: twins that were found by their marks."""

    looked_at: int = 0
    in_step: int = 0
    steps: Counter[Step] = field(default_factory=Counter)
    made: Counter[Side] = field(default_factory=Counter)
    fields: Counter[Side] = field(default_factory=Counter)
    items: Counter[tuple[Side, ItemKind, ItemDeed]] = field(default_factory=Counter)
    bytes: Counter[Side] = field(default_factory=Counter)
    found: int = 0
    older: int = 0
    waiting: int = 0
    parked: int = 0
    groups: dict[tuple[str, str, str | None, str], Group] = field(default_factory=dict)
    _lanes: dict[Side, Counter[int]] = field(
        default_factory=lambda: {side: Counter() for side in Side}
    )
    _unlinked: dict[Side, Counter[int]] = field(
        default_factory=lambda: {side: Counter() for side in Side}
    )
    _calls: Counter[Side] = field(default_factory=Counter)
    _points: Counter[Side] = field(default_factory=Counter)

    def add(self, plan: IssuePlan) -> None:
        """Count one plan."""
        self.looked_at += 1
        self.steps[plan.step] += 1
        self.waiting += plan.waiting
        self.parked += bool(plan.parked)
        if not is_told(plan):
            self.in_step += 1
            return
        for write in plan.writes:
            self.fields[write.side] += 1
        for one in plan.items:
            self.items[one.side, one.kind, one.deed] += 1
            self.bytes[one.side] += one.size or 0
        self.found += plan.marked is not None and plan.applies
        self._cost(plan)
        for group in _groups_of(plan):
            known = self._known(group)
            known.count += 1
            if len(known.examples) < EXAMPLES:
                known.examples.append(plan.name)

    def _known(self, group: Group) -> Group:
        key = (group.kind, group.cause, group.about, group.sentence)
        if key not in self.groups and len(self.groups) >= MOST_GROUPS:
            group = Group(group.kind, "others", None, said("other causes, too many to list"))
            key = (group.kind, group.cause, None, group.sentence)
        return self.groups.setdefault(key, group)

    def by_count(self, kind: str) -> list[Group]:
        """The groups of a kind, the largest first."""
        found = [group for group in self.groups.values() if group.kind == kind]
        return sorted(found, key=lambda group: (-group.count, group.sentence))

    def _cost(self, plan: IssuePlan) -> None:
        if not plan.applies:
            return
        for side, spent in plan.item_calls.items():
            self._calls[side] += spent.calls
            self._points[side] += spent.points
        for side in Side if plan.again else ():  # both are read again, and one is written
            self._calls[side] += 1 if side is plan.side else 2
            self._points[side] += READ + UPDATE
        if plan.link is None:
            self._unlinked[plan.side][plan.lane] += 1
        if plan.step is Step.CREATE:
            to = plan.side.other
            self.made[to] += 1
            self.older += plan.older
            self._lanes[plan.side][plan.lane] += 1
            self._calls[to] += 2  # the create, and the twin read back
            self._points[plan.side] += READ
            self._points[to] += CREATE
            return
        for side in Side:
            self._lanes[side][plan.lane] += 1
            self._calls[side] += any(write.side is side for write in plan.writes)
            self._calls[side] += plan.asks_times
            self._points[side] += READ + UPDATE
        if plan.link is None:  # it is linked first, and then visited
            self._lanes[plan.side][plan.lane] += 1
            self._points[plan.side] += READ

    def estimate(
        self,
        *,
        seconds_a_call: float | None,
        hands: int,
        points_an_hour: dict[Side, int] | None = None,
        filtered: Collection[Side] = (),
    ) -> Estimate:
        """What applying it takes. `hands`: lanes that workers take at once; `points_an_hour`: what
        each site gives, None or left out: the platform's usual; `filtered`: sides that are asked
        about a filter as well."""
        reads = {side: _batches(self._lanes[side]) for side in Side}
        # Where no link is known, marks are looked for: one question about a batch.
        looks = {side: _batches(self._unlinked[side.other]) for side in Side}
        reads = {s: reads[s] * (2 if s in filtered else 1) + looks[s] for s in Side}
        calls = {side: reads[side] + self._calls[side] for side in Side}
        second = A_CALL if seconds_a_call is None else max(seconds_a_call, 0.01)
        lanes = len({lane for side in Side for lane in self._lanes[side]})
        at_once = max(1, min(hands, lanes, LANES))
        writes = sum(self._calls.values())
        working = (sum(reads.values()) + writes / SIDE_BY_SIDE) * second / at_once
        waiting = 0.0
        for side in Side:
            share = BACKGROUND_SHARE * (points_an_hour or {}).get(side, POINTS_AN_HOUR)
            waiting = max(waiting, (self._points[side] - share) / share * 3600)
        how = (
            f"{second:.2f} s a call ({'assumed' if seconds_a_call is None else 'as measured'}), "
            f"{at_once} lanes at once"
        )
        if waiting > working:
            how += "; held by the share of background work in each site's points an hour"
        points = {side: self._points[side] for side in Side}
        return Estimate(calls, points, max(working, waiting) / 60, how)


def _batches(lanes: Counter[int]) -> int:
    """How many batches of issues the lanes have."""
    return sum(math.ceil(number / FEW) for number in lanes.values())


def is_told(plan: IssuePlan) -> bool:
    """Whether a plan says anything but that its issue is in step, or none of the profile's."""
    quiet = all(note.cause is Cause.OUTSIDE for note in plan.left_alone)
    return plan.applies or bool(plan.blocked or plan.clashes) or not quiet


def _groups_of(plan: IssuePlan) -> Iterator[Group]:
    """An issue is counted once in each group that it is in."""
    seen: set[tuple[str, str, str | None]] = set()
    for note in (*plan.blocked, *plan.left_alone):
        found = _group(note)
        key = found.kind, found.sentence, found.about
        if key not in seen:
            seen.add(key)
            yield found
    for clash in plan.clashes:
        if clash.winner is not None:
            yield Group("conflict", "conflict", clash.key, clash.sentence)


def _group(note: Note) -> Group:
    return Group(note.kind, note.cause.value, note.field, note.group or note.sentence)
