"""Transforms over both sites: what crosses and rests, and what an expression that fails leaves."""

from __future__ import annotations

from typing import Any

import pytest

from demo.stack import Stack, StackError, wait_until, writes_of
from demo.walk import LEFT, create_issue, edit_issue, keys_by_summary, mapped, paragraph
from tests.real.test_inbox import create
from tests.stack_fixture import owner, running  # noqa: F401  fixtures

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a state is waited for, never a moment
SECRET = "words-of-an-issue"


def made(name: str, kind: str, transform: str, **more: Any) -> dict[str, Any]:
    """A field of one id on both sites that an expression makes on the right."""
    field = {"left": name, "right": name, "kind": kind, "flow": "to_right"}
    return {**field, "transform": transform, **more}


FIELDS = [
    made("summary", "text", '"[" + source_issue.key + "] " + value'),
    made(
        "labels",
        "labels",
        "value.map(l, tables.names[l])",
        tables={"names": {"a": "x-a", "b": "x-b"}},
    ),
    made("duedate", "date", "value == null ? null : value + days(3)"),
    made("priority", "priority", 'value.name == "Low" || value.name == "Lowest" ? "Low" : "High"'),
    made(
        "description",
        "rich_text",
        '"From " + source_issue.key + "\\n" + default(value, "Nothing.")',
    ),
]


@pytest.fixture(scope="module")
def profile(running: Stack) -> str:  # noqa: F811
    """One profile that is on."""
    answer = create(running, running.connect(), FIELDS)
    assert answer.ok, answer.text
    made = str(answer.json()["profile"])
    running.approve(running.sandbox.globex, made)
    return made


def twin(stack: Stack, key: str, words: str) -> str:
    """The key of the issue that was made for this one."""
    title = f"[{key}] {words}"
    globex = stack.sandbox.globex
    wait_until("it has a twin", lambda: title in keys_by_summary(globex, "PLAT"), LONG)
    [found] = keys_by_summary(globex, "PLAT")[title]
    return found


def codes(stack: Stack) -> list[tuple[str, str, int]]:
    groups = stack.page(stack.sandbox.acme, "GET", "/pages/parked")
    return sorted((one["code"], one["field"], one["issues"]) for one in groups)


def writes(stack: Stack) -> int:
    return writes_of(*stack.sandbox.sites)


def test_what_the_expressions_make_crosses_and_then_rests(running: Stack, profile: str) -> None:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    fields = {"labels": ["b", "a"], "duedate": "2027-03-30", "priority": {"name": "Lowest"}}
    left = create_issue(acme, *LEFT, summary="Made", description=paragraph("Text."), **fields)
    right = twin(running, left, "Made")
    wanted = {
        "summary": f"[{left}] Made",
        "labels": ["x-a", "x-b"],
        "duedate": "2027-04-02",
        "priority": "Low",
    }
    running.settle()
    found = mapped(globex, right)
    words = str(found.pop("description"))
    assert found == wanted
    assert f"From {left}" in words and "Text." in words
    edit_issue(acme, left, summary="Edited", duedate=None, priority={"name": "Highest"})
    wanted |= {"summary": f"[{left}] Edited", "duedate": None, "priority": "High"}

    def crossed() -> bool:
        return {**mapped(globex, right), "description": None} == {**wanted, "description": None}

    wait_until("the edit crossed", crossed, LONG)
    running.settle()
    before = writes(running)
    # An edit of what no expression changes its mind about is read and writes nothing.
    edit_issue(acme, left, priority={"name": "High"})
    running.settle()
    assert (writes(running), crossed()) == (before, True)
    assert mapped(acme, left)["summary"] == "Edited"


def test_an_expression_that_fails_parks_its_field_alone_and_names_the_mapping(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    left = create_issue(acme, *LEFT, summary="Fails", labels=["a"])
    right = twin(running, left, "Fails")
    running.settle()
    edit_issue(acme, left, summary="Fails now", labels=["a", SECRET])
    wanted = [("transform-failed", "labels", 1)]
    wait_until("the field is parked", lambda: codes(running) == wanted, LONG)
    title = f"[{left}] Fails now"
    wait_until("the rest crossed", lambda: mapped(globex, right)["summary"] == title, LONG)
    assert mapped(globex, right)["labels"] == ["x-a"]
    [group] = running.page(acme, "GET", "/pages/parked")
    assert "labels=labels" in str(group["said"]) and SECRET not in str(group)
    with owner(running) as database:
        kept = database.execute("SELECT to_jsonb(p) FROM parked_cause p").fetchall()
    assert kept and SECRET not in str(kept)
    edit_issue(acme, left, labels=["b"])
    wait_until("it crosses with the edit", lambda: mapped(globex, right)["labels"] == ["x-b"], LONG)
    wait_until("nothing is parked", lambda: codes(running) == [], LONG)


def test_a_profile_with_a_transform_that_cannot_be_is_refused_with_its_place(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    connection = running.connect()
    for field, words in (
        (made("summary", "text", "valeu"), "valeu is no name here"),
        (made("summary", "text", "source.nope"), "source.nope is no field that the profile maps"),
        (made("summary", "text", "tables.t['a']"), "tables.t is no table here"),
        (made("summary", "text", "value") | {"flow": "both"}, "to_right or to_left"),
    ):
        answer = create(running, connection, [field])
        assert answer.status_code == 400
        assert words in answer.text
    both = [
        made("summary", "text", "source.description") | {"right": "customfield_10121"},
        made("description", "rich_text", "source.customfield_10121") | {"flow": "to_left"},
    ]
    bugs = {"left": ("WEB", "Bug"), "right": ("PLAT", "Bug"), "name": "Bugs"}
    with pytest.raises(StackError, match=r"never-rests.*reads description of project"):
        running.create_profile(connection, **bugs, fields=both)
