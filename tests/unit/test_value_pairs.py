"""Values of two sites are paired by table, by name, or are suggested; what is left is counted."""

from __future__ import annotations

from difflib import SequenceMatcher

from app.mapping.profile import Row, Side, ValueTable
from app.mapping.value_pairs import How, counterparts, pair_up, with_row, with_suggested

OWN = (("1", "High"), ("2", "Critical"), ("3", "Nice to have"), ("4", "Low"))
THEIRS = (("a", "high"), ("b", "Critical!"), ("c", "Lowest"), ("d", "Someday"))


def score(one: str, other: str) -> float:
    return 100 * SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def test_a_table_comes_before_a_name_and_a_name_before_a_suggestion() -> None:
    table = ValueTable((Row("4", "d"),))
    found = {one.id: one for one in pair_up(table, OWN, THEIRS, Side.LEFT, score)}
    assert (found["4"].how, found["4"].twin) == (How.TABLE, ("d", "Someday"))
    assert (found["1"].how, found["1"].twin) == (How.NAME, ("a", "high"))
    assert (found["2"].how, found["2"].twin, found["2"].suggested) == (
        How.ALIKE,
        None,
        ("b", "Critical!"),
    )
    assert found["3"].how is How.NONE


def test_what_has_no_counterpart_comes_first_and_is_counted() -> None:
    found = pair_up(ValueTable(), OWN, THEIRS, Side.LEFT, score)
    assert counterparts(found) == 3
    assert [one.twin is None for one in found] == [True, True, True, False]
    assert found[0].how is How.ALIKE


def test_without_names_only_the_table_counts() -> None:
    found = pair_up(ValueTable(by_name=False), OWN, THEIRS, Side.LEFT, score)
    assert counterparts(found) == 4


def test_a_name_that_two_values_have_pairs_nobody() -> None:
    twice = (("a", "High"), ("b", "HIGH "))
    [found] = pair_up(ValueTable(), (("1", "High"),), twice, Side.LEFT, score)
    assert found.twin is None


def test_several_may_become_one_and_the_first_row_counts_on_the_way_back() -> None:
    rows = with_row(ValueTable((Row("1", "a"),)), Side.LEFT, "2", "a")
    assert rows == (Row("1", "a"), Row("2", "a"))
    found = pair_up(ValueTable(rows), THEIRS, OWN, Side.RIGHT, score)
    assert next(one.twin for one in found if one.id == "a") == ("1", "High")


def test_a_row_is_replaced_and_taken_away() -> None:
    table = ValueTable((Row("1", "a"), Row("2", "b")))
    assert with_row(table, Side.LEFT, "1", "c") == (Row("2", "b"), Row("1", "c"))
    assert with_row(table, Side.RIGHT, "b", "4") == (Row("1", "a"), Row("4", "b"))
    assert with_row(table, Side.LEFT, "1", None) == (Row("2", "b"),)


def test_all_suggestions_are_taken_at_once() -> None:
    table = ValueTable((Row("4", "d"),))
    found = pair_up(table, OWN, THEIRS, Side.LEFT, score)
    assert with_suggested(table, Side.LEFT, found) == (Row("4", "d"), Row("2", "b"))


def test_a_row_of_a_value_that_the_site_has_no_more_is_shown_as_gone() -> None:
    table = ValueTable((Row("9", "a"), Row("1", "z")))
    found = {one.id: one for one in pair_up(table, OWN, THEIRS, Side.LEFT, score)}
    assert found["9"].gone
    assert found["1"].gone
    assert not found["2"].gone
