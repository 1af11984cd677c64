"""What links say, which of two sites say the same, and the notes of which are twins."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jira.site import Edit
from app.mapping.profile import ItemKind, ItemMapping, Row, Side
from app.sync.items import link_notes
from app.sync.items.link_ties import (
    goes_out,
    item_of,
    made_by,
    say_the_same,
    type_on,
    words_of,
)
from app.sync.items.model import Item, Mark

PROFILE = "00000000-0000-0000-0000-000000000007"
PLAIN = ItemMapping(ItemKind.LINKS)
BLOCKS = {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
RELATES = {"id": "2", "name": "Relates", "inward": "relates to", "outward": "relates to"}
DEPENDS = {"id": "9", "name": "Depends", "inward": "is needed by", "outward": "depends on"}
TWINS = {(Side.LEFT, "11"): ["21"], (Side.LEFT, "12"): ["22", "23"]}
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def link(kind: dict[str, str], end: str, *, out: bool = True, **type_: str) -> Item:
    raw: dict[str, Any] = {"id": "5", "type": {**kind, **type_}}
    raw["outwardIssue" if out else "inwardIssue"] = {"id": end, "key": f"A-{end}"}
    return item_of(raw, {})


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (link(BLOCKS, "11"), link(BLOCKS, "21", id="7"), True),  # by name, whatever the id
        (link(BLOCKS, "12"), link(BLOCKS, "23"), True),  # any of several twins
        (link(BLOCKS, "11"), link(BLOCKS, "22"), False),  # another end
        (link(BLOCKS, "13"), link(BLOCKS, "21"), False),  # an end without a twin
        (link(BLOCKS, "11"), link(BLOCKS, "21", out=False), False),  # the other way round
        (link(BLOCKS, "11", out=False), link(BLOCKS, "21", out=False), True),
        (link(RELATES, "11"), link(RELATES, "21", out=False), True),  # says the same of both
        (link(BLOCKS, "11"), link(RELATES, "21"), False),  # another type
    ],
)
def test_links_of_one_type_between_twins_say_the_same(left: Item, right: Item, same: bool) -> None:
    assert say_the_same(PLAIN, left, right, TWINS) is same


def test_a_table_of_types_comes_before_their_names() -> None:
    table = ItemMapping(ItemKind.LINKS, types=(Row("1", "9"),))
    blocks, depends = link(BLOCKS, "11"), link(DEPENDS, "21")
    assert type_on(table, Side.RIGHT, blocks) == {"id": "9"}
    assert type_on(table, Side.LEFT, depends) == {"id": "1"}
    assert type_on(table, Side.RIGHT, link(RELATES, "11")) == {"name": "Relates"}
    assert say_the_same(table, blocks, depends, TWINS)
    assert not say_the_same(PLAIN, blocks, depends, TWINS)


def test_a_link_says_of_each_of_its_issues_what_jira_shows_there() -> None:
    assert words_of(link(BLOCKS, "11")) == "blocks"
    assert words_of(link(BLOCKS, "11", out=False)) == "is blocked by"
    assert goes_out(link(BLOCKS, "11"))
    assert not goes_out(link(BLOCKS, "11", out=False))


def told(
    author: str | None, text: str, key: str | None = "A-11", field: str = "issuelinks"
) -> Edit:
    return Edit(field, WHEN, (None, None), (key, text), author)


@pytest.mark.parametrize(
    ("edits", "ours"),
    [
        ([told("us", "This work item blocks A-11")], True),
        ([told("us", "This issue blocks A-11", field="Link")], True),
        ([told("ann", "This work item blocks A-11"), told("us", "blocks")], False),  # the newest
        ([told("us", "This work item relates to A-11")], False),  # another type
        ([told("us", "This work item blocks A-12", "A-12")], False),  # another issue
        ([told("us", "This work item blocks A-11", field="summary")], False),
        ([told(None, "This work item blocks A-11")], False),
        ([], False),  # older than what the site still tells
    ],
)
def test_whose_a_link_is_the_issues_own_history_says(edits: list[Edit], ours: bool) -> None:
    assert made_by("us", edits, link(BLOCKS, "11")) is ours


def mark(source: str, on: str = "22", profile: str = PROFILE) -> Mark:
    return Mark(profile, Side.RIGHT, "11", source, on, "f" * 64)


def test_notes_are_read_as_they_were_written_and_what_is_not_there_is_forgotten() -> None:
    first = link_notes.with_twins(None, {"7": mark("5")}, {"7"})
    assert link_notes.marks_of(first) == {"7": mark("5")}
    other = "00000000-0000-0000-0000-000000000008"
    second = link_notes.with_twins(first, {"8": mark("6", profile=other)}, {"7", "8"})
    assert link_notes.marks_of(second) == {"7": mark("5"), "8": mark("6", profile=other)}
    third = link_notes.with_twins(second, {"9": mark("5")}, {"8", "9"})
    assert link_notes.marks_of(third) == {"8": mark("6", profile=other), "9": mark("5")}


def test_notes_that_say_it_already_are_not_written_again() -> None:
    notes = link_notes.with_twins(None, {"7": mark("5")}, {"7"})
    assert link_notes.with_twins(notes, {"7": mark("5")}, {"7", "8"}) is None
    assert link_notes.with_twins(notes, {}, {"7"}) is None


def test_notes_that_came_along_with_a_copied_issue_make_room_for_its_own() -> None:
    copied = link_notes.with_twins(None, {"7": mark("5", on="44")}, {"7"})
    fresh = link_notes.with_twins(copied, {"7": mark("5")}, {"7"})
    assert link_notes.marks_of(fresh) == {"7": mark("5")}


def test_notes_never_grow_longer_than_jira_takes() -> None:
    many = {str(number): mark(str(number)) for number in range(1000)}
    notes = link_notes.with_twins(None, many, many)
    assert notes is not None
    assert link_notes.length(notes) <= 32_000
    kept = link_notes.marks_of(notes)
    assert len(kept) > 200
    assert "999" in kept


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(profiles=anything, held=anything, links=anything, entry=anything)
def test_whatever_stands_in_the_property_is_read_without_an_error(
    profiles: Any, held: Any, links: Any, entry: Any
) -> None:
    place = {"side": "right", "issue": "11", "on": "22"}
    for notes in (
        profiles,
        {"profiles": profiles},
        {"profiles": {PROFILE: held}},
        {"profiles": {PROFILE: {**place, "links": links}}},
        {"profiles": {PROFILE: {**place, "links": {"7": entry}}}},
        {"profiles": {PROFILE: {**place, "links": {"7": [entry, "f"]}}}},
    ):
        link_notes.marks_of(notes)
        fresh = link_notes.with_twins(notes, {"8": mark("6")}, {"7", "8"})
        assert link_notes.marks_of(fresh)["8"] == mark("6")
        json.dumps(fresh)
