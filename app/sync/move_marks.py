"""What a move through a workflow does to the base, and to what is looked at after a write. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from app.jira.site import Changelog, Edit
from app.mapping.profile import Kind, Side
from app.mapping.values import Value, handler
from app.sync.parked import without
from app.sync.plan import Base, Plan, Snapshot, Write

Marks: TypeAlias = Callable[[str, Side, Value], str]
"""Makes a fingerprint."""
Is: TypeAlias = Callable[[tuple[str, str]], bool]
"""Whether a status, by id and name, is one of some."""


def settled(base: Base, side: Side, held: Mapping[str, Value], marks: Marks) -> Base:
    """The base where `side` holds these values by our own doing, and not those that it should.

    They are nobody's edit, so they do not cross; and the other side's value is still to be written,
    whatever it is by then.
    """
    if not held:
        return base
    own = {key: marks(key, side, value) for key, value in held.items()}
    theirs = {key: mark for key, mark in base.of(side.other).items() if key not in held}
    both = {side: {**base.of(side), **own}, side.other: theirs}
    return Base(both[Side.LEFT], both[Side.RIGHT])


def later(plan: Plan, to: Side, marks: Marks) -> tuple[Plan, tuple[Write, ...]]:
    """The plan of a create without what only a transition can set, and that.

    The base says that the twin has not been filled yet: whatever status it is made in.
    """
    moved = {one.key for one in plan.writes(to) if handler(one.kind).by_transition}
    if not moved:
        return plan, ()
    waits = tuple(w for w in plan.writes(to) if w.key in moved or w.kind is Kind.RESOLUTION)
    plan = without(plan, Base(), [one.key for one in waits])
    return replace(plan, base=settled(plan.base, to, dict.fromkeys(moved), marks)), waits


def born(
    base: Base, planned: Base, to: Side, *, waits: Sequence[Write], made: Snapshot, marks: Marks
) -> tuple[Base, frozenset[str]]:
    """The base of a new twin, and the keys of what is still to be set by a transition.

    `planned`: what both sides hold once that is done. What the twin was made with is nobody's edit.
    """
    rest: set[str] = set()
    for one in waits:
        if one.key not in made.values:
            continue
        value = made.values[one.key]
        if handler(one.kind).same(value, one.value):
            source = {**base.of(to.other), one.key: planned.of(to.other)[one.key]}
            both = {to: {**base.of(to), one.key: marks(one.key, to, value)}, to.other: source}
            base = Base(both[Side.LEFT], both[Side.RIGHT])
        else:
            base = settled(base, to, {one.key: value}, marks)
            rest.add(one.key)
    return base, frozenset(rest)


def as_one(log: Changelog, field: str, *, origin: Is, between: Is, target: Is) -> Changelog:
    """The changelog with the steps of a move as one edit, from what it replaced to its end.

    `origin`: the status as it was read; `between`: those on the way. Where somebody else moved the
    issue between two steps, that is what the move replaced.
    """
    numbers = [number for number, edit in enumerate(log.edits) if edit.field == field]
    while numbers and not target(_status(log.edits[numbers[0]].after)):
        numbers.pop(0)
    steps = numbers[:1]
    for number, older in pairwise(numbers):
        before = _status(log.edits[number].before)
        if origin(before) or not between(before) or log.edits[older].after[0] != before[0]:
            break
        steps.append(older)
    if len(steps) < 2:
        return log
    last, first = log.edits[steps[0]], log.edits[steps[-1]]
    whole = Edit(field, last.at, first.before, last.after, last.author)
    edits = [
        whole if number == steps[0] else edit
        for number, edit in enumerate(log.edits)
        if number not in steps[1:]
    ]
    return replace(log, edits=tuple(edits))


def _status(told: tuple[str | None, str | None]) -> tuple[str, str]:
    return told[0] or "", told[1] or ""
