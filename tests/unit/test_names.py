"""What is told of a value that was paired by its id: the name that the site gives it now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import app.mapping.kinds  # noqa: F401  registers the kinds
from app.jira.site import FieldRule, Issue
from app.mapping.profile import Kind, Side
from app.mapping.values import Value, handler
from app.sync.names import Shown, with_names
from app.sync.plan import Base, Plan, Reason, Write
from app.sync.words import details_of

OPTIONS = [
    {"id": "7", "value": "Low", "children": [{"id": "9", "value": "Lowest"}]},
    {"id": "8", "value": "High"},
]


def plan(kind: Kind, value: Value) -> Plan:
    write = Write("a=b", "b", kind, value, handler(kind).empty, Reason.CHANGED)
    return Plan((), (write,), (), (), Base(), frozenset())


def told(found: Plan, stored: Value = None, shown: Shown | None = None) -> Any:
    shown = shown or Shown({Side.RIGHT: {"a=b": stored}})
    return details_of(found, {}, shown)[0].new


@pytest.mark.parametrize(
    ("kind", "value", "by_id", "by_name"),
    [
        (Kind.OPTION, ("8", ""), "8", "High"),
        (Kind.OPTION, ("77", ""), "77", "77"),
        (Kind.OPTIONS, (("7", ""), ("8", "")), "7, 8", "Low, High"),
        (Kind.CASCADE, (("7", ""), ("9", "")), "7 / 9", "Low / Lowest"),
        (Kind.CASCADE, (("7", ""), None), "7", "Low"),
        (Kind.PRIORITY, ("8", "As it was found"), "As it was found", "As it was found"),
        (Kind.NUMBER, 8, "8", "8"),
        (Kind.USER, "8", "[~accountid:8]", "[~accountid:8]"),
    ],
)
def test_a_value_is_told_by_the_name_that_a_screen_lists_or_else_by_its_id(
    kind: Kind, value: Value, by_id: str, by_name: str
) -> None:
    bare = plan(kind, value)
    assert told(bare) == by_id
    named = with_names(bare, {}, {"b": FieldRule("B", values=OPTIONS)})
    assert told(named) == by_name
    assert handler(kind).identity(named.right[0].value) == handler(kind).identity(value)
    assert handler(kind).write(named.right[0].value) == handler(kind).write(value)
    assert with_names(bare, {"b": FieldRule("B", values=OPTIONS)}, {}) == bare  # the other side's


def test_what_the_site_answers_is_told_where_it_is_what_was_written() -> None:
    bare = plan(Kind.OPTION, ("8", "What it was called once"))
    assert told(bare, ("8", "Highest of all")) == "Highest of all"
    assert told(bare, ("7", "Low")) == "What it was called once"  # somebody's edit
    assert told(bare) == "What it was called once"
    assert told(plan(Kind.NUMBER, 3), 4) == "3"


def test_a_parent_is_told_by_its_key_where_an_issue_came_with_it() -> None:
    now = datetime(2027, 3, 1, tzinfo=UTC)
    write = Write("parent=parent", "parent", Kind.PARENT, "20", "10", Reason.CHANGED)
    found = Plan((), (write,), (), (), Base(), frozenset())
    shown = Shown()
    assert [details_of(found, {}, shown)[0].old, told(found, shown=shown)] == ["10", "20"]
    for number, key in (("10", "PLAT-1"), ("20", "PLAT-2")):
        shown.saw(Side.RIGHT, Issue(1, "PLAT-9", {"parent": {"id": number, "key": key}}, now))
    shown.saw(Side.LEFT, Issue(1, "WEB-9", {"parent": {"id": "20", "key": "WEB-2"}}, now))
    shown.saw(Side.RIGHT, Issue(1, "PLAT-9", {"parent": None}, now))
    shown.saw(Side.RIGHT, None)
    assert [details_of(found, {}, shown)[0].old, told(found, shown=shown)] == ["PLAT-1", "PLAT-2"]
