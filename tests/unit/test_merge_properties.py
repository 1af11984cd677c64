"""What holds of the merge whatever the two sides, the base and the profile are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.mapping.profile import FieldMapping, Flow, Policy, Profile, Side
from app.mapping.values import Value, handler
from app.sync.bases import base_after
from app.sync.merge import for_create, merge
from app.sync.plan import Base, Plan, Reason, Refused, Snapshot

from .merge_world import DOMAIN, FINGERPRINTS, NOON, World, apply, values_of, worlds


def plan_of(world: World) -> Plan:
    return merge(world.left, world.right, world.base, world.profile, FINGERPRINTS)


def shout(mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
    """A lossy conversion: on the right all texts are upper case, and "c" has no twin."""
    if not isinstance(value, str) or mapping.kind.value != "text":
        return value
    if value == "c":
        return Refused("c has no twin")
    return value.upper() if to is Side.RIGHT else value.lower()


@given(worlds())
def test_a_plan_once_applied_leaves_nothing_to_do(world: World) -> None:
    plan = plan_of(world)
    left, right = apply(plan, world.left, world.right)
    again = merge(left, right, plan.base, world.profile, FINGERPRINTS)
    assert again.is_empty
    assert again.base == plan.base
    assert {c.winner for c in again.conflicts} <= {None}


@given(worlds())
def test_a_lossy_conversion_comes_to_rest_too(world: World) -> None:
    plan = merge(world.left, world.right, world.base, world.profile, FINGERPRINTS, carry=shout)
    left, right = apply(plan, world.left, world.right)
    again = merge(left, right, plan.base, world.profile, FINGERPRINTS, carry=shout)
    assert again.is_empty
    assert again.base == plan.base


@given(worlds())
def test_a_plan_half_applied_and_forgotten_ends_in_the_same_place(world: World) -> None:
    plan = plan_of(world)
    left, right = apply(plan, world.left, world.right)
    half = merge(left, world.right, world.base, world.profile, FINGERPRINTS)
    assert apply(half, left, world.right) == (left, right)
    assert half.base == plan.base


@given(worlds())
def test_only_mapped_fields_are_written_and_only_with_values_that_the_other_side_has(
    world: World,
) -> None:
    plan = plan_of(world)
    mapped = {m.key: m for m in world.profile.fields}
    for side, snaps in (
        (Side.LEFT, (world.right, world.left)),
        (Side.RIGHT, (world.left, world.right)),
    ):
        source, target = snaps
        for write in plan.writes(side):
            assert write.field == mapped[write.key].field(side)
            assert write.value == source.values[write.key] != target.values[write.key]
            assert write.was == target.values[write.key]
            assert write.key not in target.blocked


@given(worlds())
def test_no_field_is_written_on_both_sides(world: World) -> None:
    plan = plan_of(world)
    assert not {w.key for w in plan.left} & {w.key for w in plan.right}


@given(worlds())
def test_a_change_on_one_side_crosses_and_is_never_overwritten(world: World) -> None:
    plan = plan_of(world)
    after = dict(zip(Side, apply(plan, world.left, world.right), strict=True))
    before = {Side.LEFT: world.left, Side.RIGHT: world.right}
    for mapping in world.profile.fields:
        key = mapping.key
        if not all(key in s.values for s in before.values()):
            continue
        if not all(key in world.base.of(side) for side in Side):
            continue
        changed = [
            side
            for side in Side
            if FINGERPRINTS.of(key, side, before[side].values[key]) != world.base.of(side)[key]
        ]
        if len(changed) != 1:
            continue
        (side,) = changed
        value = before[side].values[key]
        assert after[side].values[key] == value
        if mapping.flow.feeds(side.other) and key not in before[side.other].blocked:
            assert after[side.other].values[key] == value
        else:
            assert after[side.other].values[key] == before[side.other].values[key]


@given(worlds())
def test_without_a_base_an_empty_field_erases_nothing(world: World) -> None:
    world = replace(world, base=Base())
    for write in (*plan_of(world).left, *plan_of(world).right):
        assert write.value not in (None, ())


@given(worlds())
def test_nothing_changed_means_nothing_to_do(world: World) -> None:
    world = world.agreed(world.left.values, world.right.values)
    plan = plan_of(world)
    assert plan.is_empty
    assert plan.base == world.base
    assert not plan.conflicts
    shown = {k for k in world.left.values if k in world.right.values}
    assert not {a.key for a in plan.left_alone} & shown


@given(worlds(st.sampled_from([Flow.TO_LEFT, Flow.TO_RIGHT])))
def test_one_way_never_writes_the_source(world: World) -> None:
    plan = plan_of(world)
    flows = {m.key: m.flow for m in world.profile.fields}
    assert all(flows[w.key] is Flow.TO_LEFT for w in plan.left)
    assert all(flows[w.key] is Flow.TO_RIGHT for w in plan.right)


@given(worlds())
def test_every_field_out_of_step_is_written_or_named(world: World) -> None:
    world = replace(world, base=Base())
    plan = plan_of(world)
    named = {x.key for x in (*plan.left, *plan.right, *plan.left_alone)}
    for mapping in world.profile.fields:
        missing = object()
        pair = [s.values.get(mapping.key, missing) for s in (world.left, world.right)]
        if pair[0] != pair[1]:
            assert mapping.key in named


@given(worlds(), st.sampled_from(Side))
def test_a_twin_is_created_with_what_may_cross_and_then_rests(world: World, to: Side) -> None:
    source = world.left if to is Side.RIGHT else world.right
    plan = for_create(source, to, world.profile, FINGERPRINTS)
    assert not plan.writes(to.other)
    assert not plan.conflicts
    twin = replace(
        source,
        values={
            m.key: {w.key: w.value for w in plan.writes(to)}.get(m.key, handler(m.kind).empty)
            for m in world.profile.fields
        },
    )
    for mapping in world.profile.fields:
        if mapping.key in source.values and mapping.flow.feeds(to):
            assert twin.values[mapping.key] == source.values[mapping.key]
    pair = (source, twin) if to is Side.RIGHT else (twin, source)
    again = merge(*pair, plan.base, world.profile, FINGERPRINTS)
    assert again.is_empty
    assert again.base == plan.base


MIRROR_FLOW = {Flow.BOTH: Flow.BOTH, Flow.TO_LEFT: Flow.TO_RIGHT, Flow.TO_RIGHT: Flow.TO_LEFT}
MIRROR_POLICY = {
    Policy.NEWER: Policy.NEWER,
    Policy.ASK: Policy.ASK,
    Policy.LEFT: Policy.RIGHT,
    Policy.RIGHT: Policy.LEFT,
}


def mirrored_key(key: str) -> str:
    return "=".join(reversed(key.split("=")))


def mirrored_profile(profile: Profile) -> Profile:
    fields = tuple(
        FieldMapping(m.right, m.left, m.kind, MIRROR_FLOW[m.flow], MIRROR_POLICY[m.policy])
        for m in profile.fields
    )
    return Profile(profile.right, profile.left, fields)


def mirrored_snapshot(snap: Snapshot) -> Snapshot:
    parts = (snap.values, snap.changed_at, snap.blocked)
    values, times, blocked = ({mirrored_key(k): v for k, v in part.items()} for part in parts)
    return Snapshot(values, snap.updated, times, blocked)


def opened(base: Base, profile: Profile) -> dict[tuple[Side, str], Value]:
    """The values behind the fingerprints of a base."""
    return {
        (side, m.key): value
        for m in profile.fields
        for side in Side
        for value in DOMAIN[m.kind]
        if base.of(side).get(m.key) == FINGERPRINTS.of(m.key, side, value)
    }


def closed(values: dict[tuple[Side, str], Value]) -> Base:
    return Base(
        *(
            {k: FINGERPRINTS.of(k, s, v) for (s, k), v in values.items() if s is side}
            for side in Side
        )
    )


@given(worlds())
def test_sides_can_be_swapped(world: World) -> None:
    plan = plan_of(world)
    values = opened(world.base, world.profile)
    swapped = World(
        mirrored_profile(world.profile),
        mirrored_snapshot(world.right),
        mirrored_snapshot(world.left),
        closed({(side.other, mirrored_key(k)): v for (side, k), v in values.items()}),
    )
    mirror = plan_of(swapped)

    for side in Side:
        assert [
            (mirrored_key(w.key), w.field, w.value, w.was, w.reason) for w in plan.writes(side)
        ] == [(w.key, w.field, w.value, w.was, w.reason) for w in mirror.writes(side.other)]
    assert [(mirrored_key(c.key), c.left, c.right, c.winner) for c in plan.conflicts] == [
        (c.key, c.right, c.left, c.winner and c.winner.other) for c in mirror.conflicts
    ]
    assert [(mirrored_key(a.key), a.reason) for a in plan.left_alone] == [
        (a.key, a.reason) for a in mirror.left_alone
    ]
    assert {mirrored_key(k) for k in plan.needs_times} == mirror.needs_times
    assert {
        (side.other, mirrored_key(k)): v
        for (side, k), v in opened(plan.base, world.profile).items()
    } == opened(mirror.base, swapped.profile)


@given(worlds(), st.data())
def test_the_base_never_moves_for_what_waits_for_somebody(
    world: World, data: st.DataObject
) -> None:
    plan = plan_of(world)
    waits = {Reason.ASK, Reason.BLOCKED, Reason.NO_TWIN, Reason.ABSENT}
    for alone in plan.left_alone:
        if alone.reason in waits:
            for side in Side:
                assert plan.base.of(side).get(alone.key) == world.base.of(side).get(alone.key)


@given(worlds(), st.data())
def test_agreed_pairs_are_what_base_after_says(world: World, data: st.DataObject) -> None:
    values = data.draw(values_of(world.profile))
    snap = Snapshot(values, NOON)
    plan = merge(snap, snap, world.base, world.profile, FINGERPRINTS)
    assert plan.is_empty
    assert plan.base == base_after(snap, snap, world.profile, FINGERPRINTS)
