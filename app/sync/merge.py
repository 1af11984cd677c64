"""The merge: two sides as they are, the base as last agreed, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Policy, Profile, Side
from app.mapping.rich import but_for_keys
from app.mapping.said import Said, said, the_fields, the_issue, the_side, together
from app.mapping.values import Value, handler
from app.sync.fingerprint import Fingerprinter
from app.sync.plan import (
    Base,
    Carry,
    Conflict,
    Decision,
    LeftAlone,
    Plan,
    Reason,
    Refused,
    Snapshot,
    Stop,
    Write,
    as_it_is,
)


@dataclass(frozen=True)
class _Outcome:
    """What is decided for one field. `marks`: its fingerprints in the new base, None: as before."""

    marks: Mapping[Side, str] | None = None
    to: Side | None = None
    write: Write | None = None
    conflict: Conflict | None = None
    left_alone: LeftAlone | None = None
    needs_times: bool = False


def merge(
    left: Snapshot,
    right: Snapshot,
    base: Base,
    profile: Profile,
    fingerprints: Fingerprinter,
    *,
    carry: Carry = as_it_is,
    decisions: Mapping[str, Decision] | None = None,
) -> Plan:
    """Decide field by field what has to be written so that both sides agree.

    A side changed a field when its fingerprint is not the base's. A change on one side crosses;
    equal values agree; different changes are a conflict, decided by the mapping's policy. Fields
    without a base (first pairing, new mapping) count as changed on both sides, but an empty one
    never erases a filled one there. See docs/decisions/0004-base-of-the-merge.md. `decisions`:
    what people chose, by mapping key; each holds for the two values that it was made for.
    """
    snaps = {Side.LEFT: left, Side.RIGHT: right}
    chosen = decisions or {}
    outcomes = {
        m.key: _only_at_create(m, snaps, fingerprints)
        if m.moment is Moment.CREATE
        else _decide_made(m, snaps, base, fingerprints, carry)
        if m.made_from is not None and all(m.key in snap.values for snap in snaps.values())
        else _decide(m, snaps, base, fingerprints, carry, decision=chosen.get(m.key))
        for m in profile.fields
    }
    return _plan_of(outcomes, base)


def _plan_of(outcomes: Mapping[str, _Outcome], base: Base) -> Plan:
    marks = {side: dict(base.of(side)) for side in Side}
    for key, outcome in outcomes.items():
        for side, mark in (outcome.marks or {}).items():
            marks[side][key] = mark
    done = outcomes.values()
    return Plan(
        left=tuple(o.write for o in done if o.write and o.to is Side.LEFT),
        right=tuple(o.write for o in done if o.write and o.to is Side.RIGHT),
        conflicts=tuple(o.conflict for o in done if o.conflict),
        left_alone=tuple(o.left_alone for o in done if o.left_alone),
        base=Base(marks[Side.LEFT], marks[Side.RIGHT]),
        needs_times=frozenset(key for key, o in outcomes.items() if o.needs_times),
    )


def _only_at_create(
    mapping: FieldMapping, snaps: Mapping[Side, Snapshot], fingerprints: Fingerprinter
) -> _Outcome:
    """A field that is carried only when the twin is made: whatever it holds now is in order.

    The base moves along, so that an event of such a field counts as an echo.
    """
    key = mapping.key
    if not all(key in snap.values for snap in snaps.values()):
        return _Outcome()
    return _Outcome(
        marks={side: fingerprints.of(key, side, snap.values[key]) for side, snap in snaps.items()}
    )


def _decide(
    mapping: FieldMapping,
    snaps: Mapping[Side, Snapshot],
    base: Base,
    fingerprints: Fingerprinter,
    carry: Carry,
    *,
    decision: Decision | None = None,
) -> _Outcome:
    key = mapping.key
    values = {side: snap.values[key] for side, snap in snaps.items() if key in snap.values}
    now = {side: fingerprints.of(key, side, value) for side, value in values.items()}
    changed = [side for side in now if now[side] != base.of(side).get(key)]
    if len(values) < 2:
        # The base stays, so that the change crosses once the field is back.
        return _absent(mapping, snaps, values) if changed or not values else _Outcome()
    leave = mapping.policy is Policy.ASK and decision is not None and decision.leaves_both(now)
    if not changed or leave:
        return _Outcome(marks=now if leave else None)

    carried = {s: carry(mapping, s, values[s.other]) for s in Side if mapping.flow.feeds(s)}
    new = all(key not in base.of(side) for side in Side)
    for side, value in carried.items():
        same = handler(mapping.kind_of(side)).same
        if isinstance(value, Refused):
            continue
        if same(value, values[side]) or (new and _are_one_text(mapping, value, values[side])):
            return _Outcome(marks=now)

    filled = [side for side in Side if values[side] != handler(mapping.kind_of(side)).empty]
    conflict, needs_times = None, False
    if len(filled) == 1 and any(key not in base.of(side) for side in Side):
        source, reason = filled[0], Reason.FIRST
    elif len(changed) == 1:
        source, reason = changed[0], Reason.CHANGED
    else:
        conflict, needs_times = _judge(mapping, snaps)
        if conflict.winner is None and decision and decision.winner and decision.holds(now):
            conflict = replace(
                conflict,
                winner=decision.winner,
                sentence=_both(
                    mapping,
                    said("%(side)s wins, as somebody chose it", side=the_side(decision.winner)),
                ),
            )
        if conflict.winner is None:
            alone = LeftAlone(key, Reason.ASK, conflict.sentence)
            return _Outcome(conflict=conflict, left_alone=alone)
        source, reason = conflict.winner, Reason.WON

    to = source.other
    refusal = _refusal(mapping, to, snaps[to], carried.get(to))
    if refusal:
        # One way: the base moves, so that it is told once and the next change of the source
        # overwrites it. Else the base stays, so that it is tried again.
        return _Outcome(marks=now if refusal.reason is Reason.ONE_WAY else None, left_alone=refusal)
    value = carried[to]
    assert not isinstance(value, Refused)  # noqa: S101  _refusal told so
    return _Outcome(
        marks={source: now[source], to: fingerprints.of(key, to, value)},
        to=to,
        write=Write(key, mapping.field(to), mapping.kind_of(to), value, values[to], reason),
        conflict=conflict,
        needs_times=needs_times,
    )


def _are_one_text(mapping: FieldMapping, carried: Value, there: Value) -> bool:
    """Whether the texts of two issues that were never compared differ in nothing but the issues
    that they name: those may have twins that are found later, as after the loss of all links."""
    kinds = {mapping.kind_of(side) for side in Side}
    return kinds == {Kind.RICH_TEXT} and but_for_keys(carried, there)


def _decide_made(
    mapping: FieldMapping,
    snaps: Mapping[Side, Snapshot],
    base: Base,
    fingerprints: Fingerprinter,
    carry: Carry,
) -> _Outcome:
    """A field that a transform makes. Its base on the source's side is what was made, whatever that
    was made of: so any change of what the expression reads is seen, and no other is."""
    key, to = mapping.key, Side.RIGHT if mapping.made_from is Side.LEFT else Side.LEFT
    source, there = to.other, snaps[to].values[key]
    made = carry(mapping, to, snaps[source].values[key])
    if isinstance(made, Refused):
        return _Outcome(left_alone=_refusal(mapping, to, snaps[to], made))
    marks = {source: fingerprints.of(key, to, made), to: fingerprints.of(key, to, there)}
    kind = handler(mapping.kind_of(to))
    if kind.same(made, there):
        return _Outcome(marks=marks)
    reason, first = Reason.CHANGED, key not in base.of(source)
    if marks[source] == base.of(source).get(key):
        if marks[to] == base.of(to).get(key):
            return _Outcome()
        return _Outcome(marks=marks, left_alone=_one_way(mapping, to.other))
    refusal = _refusal(mapping, to, snaps[to], made)
    if refusal:
        return _Outcome(left_alone=refusal)
    conflict = None
    if not first and marks[to] != base.of(to).get(key):
        conflict, reason = _judge(mapping, snaps)[0], Reason.WON
    write = Write(key, mapping.field(to), mapping.kind_of(to), made, there, reason)
    marks[to] = fingerprints.of(key, to, made)
    return _Outcome(marks=marks, to=to, write=write, conflict=conflict)


def _absent(
    mapping: FieldMapping, snaps: Mapping[Side, Snapshot], values: Mapping[Side, Value]
) -> _Outcome:
    sentences = []
    for side in Side:
        if side not in values:
            name = mapping.field(side)
            hidden = said(
                "%(field)s is not shown on %(issue)s, so it is not carried",
                field=name,
                issue=the_issue(side),
            )
            sentences.append(snaps[side].blocked.get(mapping.key, hidden))
    return _Outcome(left_alone=LeftAlone(mapping.key, Reason.ABSENT, together(sentences, "; ")))


def _refusal(
    mapping: FieldMapping, to: Side, target: Snapshot, carried: Value | Refused
) -> LeftAlone | None:
    """Why the value can't be written to `to`, if so."""
    key = mapping.key
    if not mapping.flow.feeds(to):
        return _one_way(mapping, to)
    if key in target.off_screen:
        return LeftAlone(key, Reason.BLOCKED, target.off_screen[key], (to, Stop.SCREEN))
    if key in target.blocked:
        return LeftAlone(key, Reason.BLOCKED, target.blocked[key])
    if isinstance(carried, Refused):
        stops = None if carried.stops is None else (to, carried.stops)
        return LeftAlone(key, Reason.NO_TWIN, carried.sentence, stops, carried.waits)
    return None


def _one_way(mapping: FieldMapping, to: Side) -> LeftAlone:
    """What changed where the mapping only writes: it is not carried to `to`."""
    return LeftAlone(
        mapping.key,
        Reason.ONE_WAY,
        said(
            "%(field)s changed on %(target)s, but is carried only from %(source)s to %(target)s",
            field=mapping.field(to.other),
            source=the_side(to),
            target=the_side(to.other),
        ),
    )


def _judge(mapping: FieldMapping, snaps: Mapping[Side, Snapshot]) -> tuple[Conflict, bool]:
    """The conflict with its winner, and whether better times could change it."""
    key, policy, needs_times = mapping.key, mapping.policy, False
    left, right = snaps[Side.LEFT], snaps[Side.RIGHT]
    winner: Side | None
    if mapping.flow is not Flow.BOTH:
        winner = Side.LEFT if mapping.flow is Flow.TO_RIGHT else Side.RIGHT
        why = said("%(side)s wins, as the field is carried only from there", side=the_side(winner))
    elif policy is Policy.ASK:
        winner, why = None, said("somebody has to choose")
    elif policy is Policy.NEWER:
        needs_times = key not in left.changed_at or key not in right.changed_at
        # Never one time of each sort: an issue's `updated` is later than most of its fields'.
        times = [s.updated if needs_times else s.changed_at[key] for s in (left, right)]
        winner = Side.RIGHT if times[1] > times[0] else Side.LEFT
        tie = times[0] == times[1]
        wins = the_side(winner)
        why = (
            said("%(side)s wins, as both changes have the same time", side=wins)
            if tie
            else said("%(side)s wins, as its change is newer", side=wins)
        )
    else:
        winner = Side.LEFT if policy is Policy.LEFT else Side.RIGHT
        why = said("%(side)s wins, as the mapping says", side=the_side(winner))
    sentence = _both(mapping, why)
    return Conflict(key, left.values[key], right.values[key], winner, sentence), needs_times


def _both(mapping: FieldMapping, why: Said) -> Said:
    return said(
        "%(fields)s changed on both sides: %(why)s",
        fields=the_fields(mapping.left, mapping.right),
        why=why,
    )


def blank(
    profile: Profile, to: Side, updated: datetime, off_screen: Mapping[str, str] | None = None
) -> Snapshot:
    """An issue with no field filled: what a twin on `to` is before it is created."""
    values = {m.key: handler(m.kind_of(to)).empty for m in profile.fields}
    return Snapshot(values, updated, off_screen=off_screen or {})


def for_create(
    source: Snapshot,
    to: Side,
    profile: Profile,
    fingerprints: Fingerprinter,
    *,
    off_screen: Mapping[str, str] | None = None,
    carry: Carry = as_it_is,
) -> Plan:
    """The plan that makes a twin of `source` on side `to`: create it with the plan's writes.

    `off_screen`: a sentence for each field that the create screen lacks. Defaults that the site
    adds are found by `confirm` with `read=blank(...)`, or by the next merge. Fields of moment
    "update" are left out; their base says that the twin has not been filled yet, so that the next
    merge carries the source's value whatever default the twin got.
    """
    twin = blank(profile, to, source.updated, off_screen)
    left, right = (source, twin) if to is Side.RIGHT else (twin, source)
    late = {m.key for m in profile.fields if m.moment is Moment.UPDATE and m.flow.feeds(to)}
    now = Profile(
        profile.left,
        profile.right,
        tuple(replace(m, moment=Moment.ALWAYS) for m in profile.fields if m.key not in late),
    )
    plan = merge(left, right, Base(), now, fingerprints, carry=carry)
    unfilled = {key: fingerprints.of(key, to, twin.values[key]) for key in late}
    marks = {side: dict(plan.base.of(side)) | (unfilled if side is to else {}) for side in Side}
    return replace(plan, base=Base(marks[Side.LEFT], marks[Side.RIGHT]))
