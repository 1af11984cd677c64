"""The base around a write: what is planned, what landed of it, what stayed as it was, and what the
site made of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.mapping.profile import FieldMapping, Moment, Profile, Side
from app.mapping.values import Value, handler
from app.sync.fingerprint import Fingerprinter
from app.sync.plan import Base, Plan, PlannedMark, Snapshot, Write


def changed_fields(
    side: Side,
    values: Mapping[str, Value],
    base: Base,
    profile: Profile,
    fingerprints: Fingerprinter,
) -> frozenset[str]:
    """The mapping keys in `values` whose value is not the base's; empty for the echo of a write."""
    return frozenset(
        m.key
        for m in profile.fields
        if m.key in values
        and fingerprints.of(m.key, side, values[m.key]) != base.of(side).get(m.key)
    )


def base_after(
    left: Snapshot, right: Snapshot, profile: Profile, fingerprints: Fingerprinter
) -> Base:
    """The base that declares both sides as agreed as they are; for fields that both sides have."""
    keys = [m.key for m in profile.fields if m.key in left.values and m.key in right.values]
    return Base(
        {key: fingerprints.of(key, Side.LEFT, left.values[key]) for key in keys},
        {key: fingerprints.of(key, Side.RIGHT, right.values[key]) for key in keys},
    )


def unmoved(base: Base, old: Base, keys: Iterable[str]) -> Base:
    """`base` with the entries of `keys` as in `old`: for writes of a plan that were not done."""
    stay = set(keys)
    marks = [
        {k: v for k, v in base.of(side).items() if k not in stay}
        | {k: v for k, v in old.of(side).items() if k in stay}
        for side in Side
    ]
    return Base(*marks)


def planned_marks(plan: Plan, old: Base) -> dict[str, PlannedMark]:
    """What both sides hold of each field whose base moves, once the plan is carried out."""
    to = {write.key: side for side in Side for write in plan.writes(side)}
    left, right = plan.base.left, plan.base.right
    return {
        key: PlannedMark(to.get(key), left[key], right[key])
        for key in left.keys() & right.keys()
        if key in to or (left[key], right[key]) != (old.left.get(key), old.right.get(key))
    }


def landed(
    base: Base,
    planned: Mapping[str, PlannedMark],
    now: Mapping[Side, Snapshot],
    fingerprints: Fingerprinter,
) -> Base:
    """The base, with the planned writes in it that the side written to now holds.

    They were sent, and whoever sent them died before he could store the base.
    """
    marks = {side: dict(base.of(side)) for side in Side}
    for key, mark in planned.items():
        if mark.to is None:
            continue
        values = now[mark.to].values
        if key in values and fingerprints.of(key, mark.to, values[key]) == mark.of(mark.to):
            marks[Side.LEFT][key], marks[Side.RIGHT][key] = mark.left, mark.right
    return Base(marks[Side.LEFT], marks[Side.RIGHT])


def confirm(
    base: Base,
    side: Side,
    *,
    writes: tuple[Write, ...],
    read: Snapshot,
    returned: Snapshot,
    profile: Profile,
    fingerprints: Fingerprinter,
) -> tuple[Base, frozenset[str]]:
    """Compare what `side` holds after the write with what it was read as and what was written.

    Returns the base to store and the keys that are dirty: reconcile the pair once more for them.
    A field that differs keeps the planned base, so that the next merge sees it as changed on this
    side and carries it across; only where `returned` is Jira's own spelling of what was written
    (Handler.is_stored_form) does it become the base. That comes to rest: the next merge writes
    the other side, not this one. `base` is the plan's, or what `confirm` gave for the other side.
    """
    expected = {**read.values, **{write.key: write.value for write in writes}}
    written = {write.key for write in writes}
    marks, dirty = dict(base.of(side)), set()
    for m in profile.fields:
        if m.key not in returned.values:
            continue
        stored = returned.values[m.key]
        if _is_unfilled(m, base, side):
            # Made a moment ago without this field: what the site filled in is nobody's edit.
            marks[m.key] = fingerprints.of(m.key, side, stored)
            dirty.add(m.key)
            continue
        if m.key in expected and stored == expected[m.key]:
            continue
        if m.key in written and handler(m.kind_of(side)).is_stored_form(expected[m.key], stored):
            marks[m.key] = fingerprints.of(m.key, side, stored)
        else:
            dirty.add(m.key)
    both = {side: marks, side.other: base.of(side.other)}
    return Base(both[Side.LEFT], both[Side.RIGHT]), frozenset(dirty)


def _is_unfilled(mapping: FieldMapping, base: Base, side: Side) -> bool:
    """Whether `for_create` left this field to the first merge: only the twin has a base of it."""
    return (
        mapping.moment is Moment.UPDATE
        and mapping.key in base.of(side)
        and mapping.key not in base.of(side.other)
    )
