"""When a field is carried: direction and moment together, and decisions of people."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Policy, Profile, Side
from app.sync.bases import confirm
from app.sync.merge import blank, for_create, merge
from app.sync.plan import Base, Decision, Snapshot

from .merge_world import FINGERPRINTS, NOON, SCOPES, World, apply, worlds


def with_moments(world: World, data: st.DataObject) -> World:
    """The world with any moment for each field."""
    fields = tuple(
        replace(m, moment=data.draw(st.sampled_from(Moment))) for m in world.profile.fields
    )
    return replace(world, profile=replace(world.profile, fields=fields))


@given(worlds(), st.data())
def test_a_merge_writes_nothing_that_flow_or_moment_forbid_and_rests(
    world: World, data: st.DataObject
) -> None:
    world = with_moments(world, data)
    plan = merge(world.left, world.right, world.base, world.profile, FINGERPRINTS)
    mappings = {m.key: m for m in world.profile.fields}
    for side in Side:
        for write in plan.writes(side):
            assert mappings[write.key].flow.feeds(side)
            assert mappings[write.key].moment is not Moment.CREATE
    left, right = apply(plan, world.left, world.right)
    again = merge(left, right, plan.base, world.profile, FINGERPRINTS)
    assert again.is_empty
    assert again.base == plan.base


@given(worlds(), st.data())
def test_a_field_of_moment_create_is_never_out_of_step_later(
    world: World, data: st.DataObject
) -> None:
    world = with_moments(world, data)
    plan = merge(world.left, world.right, world.base, world.profile, FINGERPRINTS)
    create = {m.key for m in world.profile.fields if m.moment is Moment.CREATE}
    assert not create & {one.key for one in (*plan.left_alone, *plan.conflicts)}


@given(worlds(), st.data(), st.sampled_from(Side))
def test_a_field_of_moment_update_is_left_out_of_the_create_and_carried_by_the_next_merge(
    world: World, data: st.DataObject, to: Side
) -> None:
    world = with_moments(world, data)
    source = replace(world.left if to is Side.RIGHT else world.right, blocked={})
    plan = for_create(source, to, world.profile, FINGERPRINTS)
    late = {m.key for m in world.profile.fields if m.moment is Moment.UPDATE and m.flow.feeds(to)}
    assert not late & {write.key for write in plan.writes(to)}
    twin = blank(world.profile, Side.RIGHT, NOON)
    twin = replace(twin, values={**twin.values, **{w.key: w.value for w in plan.writes(to)}})
    pair = (source, twin) if to is Side.RIGHT else (twin, source)
    after = apply(merge(*pair, plan.base, world.profile, FINGERPRINTS), *pair)[
        0 if to is Side.LEFT else 1
    ]
    for key in late & set(source.values):
        assert after.values[key] == source.values[key]


def test_a_default_of_the_twin_does_not_win_over_the_source_of_a_late_field() -> None:
    mapping = FieldMapping("priority", "priority", Kind.NAMED, moment=Moment.UPDATE)
    profile = Profile(*SCOPES, (mapping,))
    source = Snapshot({mapping.key: "High"}, NOON)
    plan = for_create(source, Side.RIGHT, profile, FINGERPRINTS)
    stored = Snapshot({mapping.key: "Medium"}, NOON.replace(hour=13))
    base, dirty = confirm(
        plan.base,
        Side.RIGHT,
        writes=(),
        read=blank(profile, Side.RIGHT, NOON),
        returned=stored,
        profile=profile,
        fingerprints=FINGERPRINTS,
    )
    assert dirty == {mapping.key}
    late = merge(source, stored, base, profile, FINGERPRINTS)
    assert [(w.value, w.was) for w in late.right] == [("High", "Medium")]
    assert not late.left
    assert not late.conflicts


ASK = FieldMapping("summary", "summary", Kind.TEXT, Flow.BOTH, Policy.ASK)
ASKING = Profile(*SCOPES, (ASK,))


def decided(winner: Side | None, left: str, right: str) -> dict[str, Decision]:
    """A decision that was made for these two values."""
    marks = (
        FINGERPRINTS.of(ASK.key, side, value)
        for side, value in ((Side.LEFT, left), (Side.RIGHT, right))
    )
    return {ASK.key: Decision(winner, *marks)}


def pair_of(left: str, right: str) -> tuple[Snapshot, Snapshot]:
    """Both sides of a pair."""
    return Snapshot({ASK.key: left}, NOON), Snapshot({ASK.key: right}, NOON)


@given(st.sampled_from([Side.LEFT, Side.RIGHT, None]), st.sampled_from("ab"), st.sampled_from("cd"))
def test_a_decision_counts_only_for_the_two_values_that_it_was_made_for(
    winner: Side | None, left: str, right: str
) -> None:
    chosen = decided(winner, "a", "c")
    plan = merge(*pair_of(left, right), Base(), ASKING, FINGERPRINTS, decisions=chosen)
    if (left, right) != ("a", "c"):
        assert [one.winner for one in plan.conflicts] == [None]
        assert plan.is_empty
        assert plan.base == Base()
    elif winner is None:
        assert plan.is_empty
        assert not plan.conflicts
        again = merge(*pair_of("a", "c"), plan.base, ASKING, FINGERPRINTS)
        assert again.is_empty
        assert not again.conflicts
        edited = merge(*pair_of("b", "c"), plan.base, ASKING, FINGERPRINTS)
        assert [w.value for w in edited.right] == ["b"]
    else:
        [write] = plan.writes(winner.other)
        assert write.value == {Side.LEFT: "a", Side.RIGHT: "c"}[winner]
        assert not plan.writes(winner)
