"""The way through a workflow as far as it is known: tables, and all small graphs against a search
of every way."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.jira.site import FieldRule, Transition
from app.sync.move_path import Graph, Outlook, outlook


def move(
    name: str, to: str, *needs: str, available: bool = True, conditional: bool = False
) -> Transition:
    fields = {need: FieldRule(need, required=True) for need in needs}
    return Transition(
        name, name, (to, to.upper()), fields=fields, available=available, conditional=conditional
    )


def lacks(transition: Transition) -> tuple[str, ...]:
    return tuple(transition.fields)


def look(graph: Graph, start: str = "a", target: str = "z") -> Outlook:
    return outlook(graph, start, target, lacks)


def names(way: Sequence[Transition] | None) -> list[str] | None:
    return None if way is None else [one.name for one in way]


def test_a_status_that_is_one_move_away_is_gone_to_at_once() -> None:
    found = look({"a": [move("detour", "b"), move("go", "z")]})
    assert names(found.way) == ["go"]
    assert found.look_at() is None  # the status that is not known can lead there no sooner


def test_of_several_ways_the_shortest_is_taken() -> None:
    graph = {
        "a": [move("1", "b"), move("2", "c")],
        "b": [move("3", "d")],
        "c": [move("4", "z")],
        "d": [move("5", "z")],
    }
    assert names(look(graph).way) == ["2", "4"]


def test_a_way_whose_screens_can_be_filled_comes_before_a_shorter_one() -> None:
    graph = {"a": [move("1", "z", "Reason"), move("2", "b")], "b": [move("3", "z")]}
    assert names(look(graph).way) == ["2", "3"]


def test_where_every_way_needs_a_field_that_nothing_fills_it_is_named() -> None:
    graph = {"a": [move("1", "b", "Reason")], "b": [move("2", "z", "Resolution", "Reason")]}
    found = look(graph)
    assert (found.way, found.missing) == (None, ("Reason", "Resolution"))


def test_a_move_that_a_condition_refuses_is_not_taken_and_is_named() -> None:
    found = look({"a": [move("1", "z", available=False)]})
    assert (found.way, found.shut) == (None, ("1",))


def test_a_longer_way_without_conditions_comes_before_one_that_may_break_half_way() -> None:
    graph = {
        "a": [move("1", "b"), move("2", "c")],
        "b": [move("3", "z", conditional=True)],
        "c": [move("4", "d")],
        "d": [move("5", "z")],
    }
    assert names(look(graph).way) == ["2", "4", "5"]
    del graph["d"]
    assert names(look(graph).way) == ["1", "3"]


def test_a_condition_that_holds_for_this_very_issue_is_no_risk() -> None:
    graph = {"a": [move("1", "z", conditional=True), move("2", "b")], "b": [move("3", "z")]}
    assert names(look(graph).way) == ["1"]


def test_the_nearest_status_that_nobody_looked_at_is_looked_at_next() -> None:
    graph = {"a": [move("1", "b"), move("2", "c")], "b": [move("3", "d")]}
    found = look(graph)
    assert found.way is None
    assert [(one.id, one.name, one.depth) for one in found.unknown] == [
        ("c", "C", 1),
        ("d", "D", 2),
    ]
    assert found.look_at() == found.unknown[0]


def test_a_shorter_way_is_looked_for_before_a_longer_known_one_is_taken() -> None:
    graph = {
        "a": [move("1", "b"), move("2", "c")],
        "c": [move("3", "d")],
        "d": [move("4", "z")],
    }
    found = look(graph)
    assert names(found.way) == ["2", "3", "4"]
    unknown = found.look_at()
    assert unknown is not None
    assert unknown.id == "b"
    graph["b"] = [move("5", "z")]
    assert names(look(graph).way) == ["1", "5"]


def test_loops_and_statuses_that_nothing_leaves_end_the_search() -> None:
    graph = {"a": [move("1", "a"), move("2", "b")], "b": [move("3", "a"), move("4", "c")], "c": []}
    found = look(graph)
    assert (found.way, found.missing, found.shut, found.unknown) == (None, (), (), ())


STATUSES = "abcdz"
MOVES = st.builds(
    lambda to, needs, available, conditional: move(
        "m", to, *needs, available=available, conditional=conditional
    ),
    st.sampled_from(STATUSES),
    st.sampled_from([(), (), (), ("F",)]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([False, False, True]),
)
GRAPHS = st.dictionaries(st.sampled_from("abcd"), st.lists(MOVES, max_size=3))


def every_way(graph: Graph, at: str, seen: tuple[str, ...] = ()) -> list[tuple[Transition, ...]]:
    """Each way to the target that comes to no status twice."""
    if at == "z":
        return [()]
    return [
        (one, *rest)
        for one in graph.get(at, ())
        if one.available and not one.fields and one.to[0] not in (*seen, at)
        for rest in every_way(graph, one.to[0], (*seen, at))
    ]


def cost(way: Sequence[Transition]) -> tuple[int, int]:
    return sum(one.conditional for one in way[1:]), len(way)


@given(GRAPHS)
def test_no_way_is_better_than_the_one_that_is_taken_and_each_is_open(graph: Graph) -> None:
    found, ways = look(graph), every_way(graph, "a")
    if not ways:
        assert found.way is None
        return
    assert found.way is not None
    assert cost(found.way) == min(map(cost, ways))
    at = "a"
    for one in found.way:
        assert one in graph[at]
        assert one.available
        assert not one.fields
        at = one.to[0]
    assert at == "z"
