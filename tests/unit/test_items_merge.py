"""The merge of items: a twin follows its source, and no source is ever written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.profile import Flow, ItemMapping, Side
from app.sync.items.found import mark_of
from app.sync.items.merge import WAIT_SECONDS
from app.sync.items.model import Gone, Held, Mark, Place, root_of
from tests.unit.items_world import FINGERPRINTS, KIND, PROFILE, TENANTS, World

LEFT, RIGHT = Side.LEFT, Side.RIGHT


def the_twin(world: World, side: Side = RIGHT) -> str:
    [twin] = [one for where, one in world.mine if where is side]
    return twin


def test_twins_are_made_on_both_sides_in_the_order_of_their_sources() -> None:
    world = World()
    for text in ("one", "two", "three"):
        world.say(LEFT, text)
    world.say(RIGHT, "back")
    world.rest()
    assert world.texts(RIGHT) == ["back", "> one", "> two", "> three"]
    assert world.texts(LEFT) == ["one", "two", "three", "> back"]


def test_an_edit_of_the_source_is_written_to_its_twin_alone() -> None:
    world = World()
    source = world.say(LEFT, "first")
    world.rest()
    world.edit(LEFT, source, "second")
    assert world.visit() == 1
    world.rest()
    assert (world.texts(LEFT), world.texts(RIGHT)) == (["second"], ["> second"])
    assert not world.lost


def test_a_twin_goes_with_its_source_unless_the_mapping_keeps_it() -> None:
    for deletions in (True, False):
        world = World(ItemMapping(KIND, deletions=deletions))
        world.drop(LEFT, world.say(LEFT, "unmade"))
        source = world.say(LEFT, "made")
        world.rest()
        world.drop(LEFT, source)
        world.rest()
        assert world.texts(RIGHT) == ([] if deletions else ["> made"])
        assert world.texts(LEFT) == []


def test_a_twin_that_a_person_edited_is_left_told_once_and_overwritten_by_the_next_edit() -> None:
    world = World()
    source = world.say(LEFT, "mine")
    world.rest()
    world.edit(RIGHT, the_twin(world), "theirs")
    assert world.visit() == 0
    assert len(world.told) == 1
    world.rest()
    assert len(world.told) == 1
    assert (world.texts(LEFT), world.texts(RIGHT)) == (["mine"], ["theirs"])
    world.edit(LEFT, source, "mine again")
    world.rest()
    assert world.texts(RIGHT) == ["> mine again"]
    assert world.lost == ["theirs"]


def test_an_edit_of_the_twin_and_one_of_its_source_at_once_lose_the_twins_and_tell_it() -> None:
    world = World()
    source = world.say(LEFT, "mine")
    world.rest()
    world.edit(RIGHT, the_twin(world), "theirs")
    world.edit(LEFT, source, "mine again")
    world.rest()
    assert world.texts(RIGHT) == ["> mine again"]
    assert world.lost == ["theirs"]


def test_a_twin_that_a_person_deleted_is_told_once_and_never_made_again() -> None:
    world = World()
    source = world.say(LEFT, "mine")
    world.rest()
    world.drop(RIGHT, the_twin(world))
    world.rest()
    world.edit(LEFT, source, "mine again")
    world.rest()
    assert (world.texts(LEFT), world.texts(RIGHT)) == (["mine again"], [])
    assert len(world.told) == 1


def undone(world: World) -> None:
    """An undo takes the only twin away."""
    world.drop(RIGHT, the_twin(world))
    [row] = world.rows.values()
    world.rows[row.id] = replace(row, twin_gone=Gone.UNDONE)


def test_a_twin_that_an_undo_took_away_is_made_again_once_its_source_is_edited_and_not_before() -> (
    None
):
    world = World()
    source = world.say(LEFT, "mine")
    world.rest()
    undone(world)
    assert world.visit() == 0
    world.say(RIGHT, "and others go on")
    world.rest()
    assert world.texts(RIGHT) == ["and others go on"]
    world.edit(LEFT, source, "mine again")
    world.rest()
    assert world.texts(RIGHT) == ["and others go on", "> mine again"]
    world.edit(LEFT, source, "and again")
    world.rest()
    assert world.texts(RIGHT) == ["and others go on", "> and again"]
    assert world.told == []

    world = World()
    source = world.say(LEFT, "mine")
    world.rest()
    undone(world)
    world.drop(LEFT, source)
    world.rest()
    assert world.texts(RIGHT) == []


def test_an_undo_that_died_before_it_took_the_twin_away_leaves_it_a_twin() -> None:
    world = World()
    source = world.say(LEFT, "mine")
    world.rest()
    [row] = world.rows.values()
    world.rows[row.id] = replace(row, twin_gone=Gone.UNDONE)
    assert world.visit() == 0
    world.edit(LEFT, source, "mine again")
    world.rest()
    assert world.texts(RIGHT) == ["> mine again"]
    assert [one.twin_gone for one in world.rows.values()] == [None]


@pytest.mark.parametrize("flow", [Flow.TO_RIGHT, Flow.TO_LEFT])
def test_items_cross_only_where_the_mapping_carries_them(flow: Flow) -> None:
    world = World(ItemMapping(KIND, flow=flow))
    world.say(LEFT, "left")
    world.say(RIGHT, "right")
    world.rest()
    assert len(world.texts(RIGHT)) == 1 + flow.feeds(RIGHT)
    assert len(world.texts(LEFT)) == 1 + flow.feeds(LEFT)


def test_what_may_not_cross_does_not_and_is_taken_back_only_where_nobody_may_see_it() -> None:
    secret, unmarked = Held("internal", retract=True), Held("unmarked", retract=False)
    world = World()
    first, second = world.say(LEFT, "a"), world.say(LEFT, "b")
    world.say(LEFT, "c", held=secret)
    world.rest()
    assert world.texts(RIGHT) == ["> a", "> b"]
    world.edit(LEFT, first, "a", held=secret)
    world.edit(LEFT, second, "b too", held=unmarked)
    world.rest()
    assert world.texts(RIGHT) == ["> b"]
    world.edit(LEFT, first, "a, open", held=None)
    world.rest()
    assert world.texts(RIGHT) == ["> b", "> a, open"]


def test_lost_rows_are_rebuilt_from_the_marks_without_a_write() -> None:
    world = World()
    for text in ("one", "two"):
        world.say(LEFT, text)
    world.say(RIGHT, "back")
    world.rest()
    world.rows.clear()
    assert world.visit() == 0
    assert len(world.rows) == 3
    source = next(iter(world.items[LEFT]))
    world.edit(LEFT, source, "one, edited")
    world.rest()
    assert world.texts(RIGHT) == ["back", "> one, edited", "> two"]


def test_with_the_rows_lost_the_later_edit_counts_and_what_it_replaces_is_told() -> None:
    world = World()
    first, second = world.say(LEFT, "one"), world.say(LEFT, "two")
    world.rest()
    twins = {one.mark.item: one.id for one in world.items[RIGHT].values() if one.mark}
    world.edit(RIGHT, twins[first], "edited there")
    world.edit(LEFT, second, "two, edited")
    world.rows.clear()
    world.rest()
    assert sorted(map(str, world.texts(RIGHT))) == ["> two, edited", "edited there"]
    assert world.lost == ["> two"]


def test_a_twin_whose_source_went_while_the_rows_were_lost_goes_too() -> None:
    world = World()
    source = world.say(LEFT, "one")
    world.rest()
    world.rows.clear()
    world.drop(LEFT, source)
    world.rest()
    assert world.texts(RIGHT) == world.texts(LEFT) == []


def test_a_copy_of_an_issue_carries_its_marks_along_and_they_say_nothing_there() -> None:
    world = World()
    world.say(LEFT, "one")
    world.rest()
    copied = next(iter(world.items[RIGHT].values()))
    clone = World(place=Place(PROFILE, TENANTS, {LEFT: "33", RIGHT: "44"}))
    clone.items[RIGHT][copied.id] = copied
    clone.rest()
    assert clone.texts(LEFT) == ["> > one"]
    clone.rows.clear()
    clone.rest()
    assert clone.texts(LEFT) == ["> > one"]
    assert copied.id in clone.items[RIGHT]


def test_a_mark_that_names_another_twin_of_the_same_source_is_one_too_many_of_ours() -> None:
    world = World()
    source = world.say(LEFT, "one")
    world.rest()
    mark = Mark(PROFILE, RIGHT, "11", source, "22", root_of(TENANTS[LEFT], KIND.value, source))
    late = world.say(RIGHT, "> one", by_app=True, mark=mark)
    world.mine.add((RIGHT, late))
    world.say(LEFT, "two")  # so that the marks are looked at
    world.rest()
    assert world.texts(RIGHT) == ["> one", "> two"]


def test_in_a_chain_a_twin_is_a_source_and_in_a_ring_nothing_is_made_twice() -> None:
    tenants = [f"tenant-{n}" for n in range(3)]
    shared: list[dict] = [{}, {}, {}]  # type: ignore[type-arg]
    profiles = []
    for n in range(3):
        here, there = n, (n + 1) % 3
        place = Place(
            f"{n:08}-0000-4000-8000-000000000000",
            {LEFT: tenants[here], RIGHT: tenants[there]},
            {LEFT: str(here), RIGHT: str(there)},
        )
        one = World(profile=place.profile, place=place, number=1000 * (n + 1))
        one.items = {LEFT: shared[here], RIGHT: shared[there]}
        profiles.append(one)
    source = profiles[0].say(LEFT, "from A")
    profiles[1].say(LEFT, "from B")
    for _ in range(4):
        for one in profiles:
            one.visit()
    assert [len(site) for site in shared] == [2, 2, 2]
    profiles[0].edit(LEFT, source, "from A, edited")
    for _ in range(4):
        for one in profiles:
            one.visit()
    assert [len(site) for site in shared] == [2, 2, 2]
    assert all(sum("edited" in str(o.value) for o in site.values()) == 1 for site in shared)
    for one in profiles:
        one.rows.clear()
    for _ in range(4):
        for one in profiles:
            one.visit()
    assert [len(site) for site in shared] == [2, 2, 2]


def test_what_has_the_root_of_a_pair_that_is_there_is_not_carried_once_more() -> None:
    world = World()
    source = world.say(LEFT, "one")
    world.rest()
    root = root_of(TENANTS[LEFT], KIND.value, source)
    other = Mark("00000000-0000-4000-8000-000000000009", LEFT, "5", "6", "22", root)
    world.say(RIGHT, "one, by another profile", by_app=True, mark=other)
    world.rest()
    assert world.texts(LEFT) == ["one"]


def test_a_create_without_an_answer_is_waited_for_then_found_by_its_mark_or_sent_again() -> None:
    for landed in (True, False):
        world = World()
        world.say(LEFT, "one")
        assert world.visit(die_after=1) == 1
        if not landed:
            world.items[RIGHT].clear()
        [row] = world.rows.values()
        world.rows[row.id] = replace(row, sent_ago=WAIT_SECONDS / 2)
        plan = world.plan()
        assert not plan.creates
        assert plan.waits is not landed
        world.rows[row.id] = replace(world.rows[row.id], sent_ago=WAIT_SECONDS * 2)
        world.rest()
        assert world.texts(RIGHT) == ["> one"]


def test_nothing_is_made_before_an_earlier_one_that_may_still_land() -> None:
    world = World()
    world.say(LEFT, "one")
    world.visit(die_after=1)
    world.items[RIGHT].clear()
    [row] = world.rows.values()
    world.rows[row.id] = replace(row, sent_ago=WAIT_SECONDS / 2)
    world.say(LEFT, "two")
    world.say(RIGHT, "back")
    plan = world.plan()
    assert plan.waits
    assert [one.source.value for one in plan.creates] == ["back"]
    world.rows[row.id] = replace(row, sent_ago=WAIT_SECONDS * 2)
    world.rest()
    assert world.texts(RIGHT) == ["back", "> one", "> two"]


def test_what_a_site_refused_is_not_asked_again_while_it_stays_the_same() -> None:
    world = World()
    source = world.say(LEFT, "refused")
    world.say(LEFT, "taken")
    mark = mark_of(KIND.value, LEFT, world.items[LEFT][source], FINGERPRINTS)
    plan = world.plan({(RIGHT, f"comments.{source}"): mark})
    assert [one.source.value for one in plan.creates] == ["taken"]
    assert plan.aside == {f"comments.{source}"}
    world.edit(LEFT, source, "shorter")
    plan = world.plan({(RIGHT, f"comments.{source}"): mark})
    assert [one.source.value for one in plan.creates] == ["shorter", "taken"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["say", "edit", "drop", "visit", "die", "lose"]),
        st.sampled_from(list(Side)),
        st.integers(0, 9),
    ),
    max_size=25,
)


@settings(max_examples=600, deadline=None)
@given(STEPS, st.sampled_from(list(Flow)), st.booleans())
def test_whatever_people_do_it_comes_to_rest_with_no_double_and_no_source_touched(
    steps: list[tuple[str, Side, int]], flow: Flow, deletions: bool
) -> None:
    world = World(ItemMapping(KIND, flow=flow, deletions=deletions))
    said: dict[tuple[Side, str], str] = {}  # what people made, as they last wrote it
    removed: set[str] = set()  # twins that a person deleted, by their source
    for number, (what, side, pick) in enumerate(steps):
        ids = sorted(world.items[side])
        chosen = ids[pick % len(ids)] if ids else None
        if what == "say":
            said[side, world.say(side, f"text {number}")] = f"text {number}"
        elif what == "edit" and chosen:
            world.edit(side, chosen, f"edit {number}")
            if (side, chosen) in said:
                said[side, chosen] = f"edit {number}"
        elif what == "drop" and chosen:
            mark = world.items[side][chosen].mark
            removed |= {mark.item} if mark else set()
            world.drop(side, chosen)
            said.pop((side, chosen), None)
        elif what == "visit":
            world.visit()
        elif what == "die":
            world.visit(die_after=1 + pick % 3)
        elif what == "lose":
            world.rows.clear()
    world.rest()
    for side in Side:
        sources = {one: o for one, o in world.items[side].items() if (side, one) not in world.mine}
        # No source was edited or deleted by us.
        assert {one: o.value for one, o in sources.items()} == {
            one: text for (where, one), text in said.items() if where is side
        }
        twins = [o for one, o in world.items[side].items() if (side, one) in world.mine]
        named = [o.mark.item for o in twins if o.mark]
        assert len(named) == len(set(named)), "a source has two twins"
        others = {one for where, one in said if where is side.other}
        if flow.feeds(side):
            assert others - removed <= set(named), "a source has no twin"
            # With its row lost, a twin is looked at where it might cross, or something is made.
            known = flow is Flow.BOTH or "lose" not in {what for what, _, _ in steps}
            assert not (deletions and known) or set(named) <= others, "a twin outlived its source"
        else:
            assert not named
