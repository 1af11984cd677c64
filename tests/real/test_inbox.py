"""The policy "ask": both sides stay, a person decides, and a later edit asks anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from demo.stack import APP_KEY, Stack, scope_ids, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

FIELDS = [
    {"left": "summary", "right": "summary", "kind": "text"},
    {"left": "duedate", "right": "duedate", "kind": "date", "policy": "ask"},
    {"left": "labels", "right": "labels", "kind": "labels", "moment": "create"},
    {"left": "priority", "right": "priority", "kind": "named", "moment": "update"},
]


@pytest.fixture(scope="module")
def connection(running: Stack) -> str:  # noqa: F811
    """Both sites, paired."""
    return running.connect()


@pytest.fixture(scope="module")
def asking(running: Stack, connection: str) -> Stack:  # noqa: F811
    """The stack with a profile that asks about the due date."""
    made = create(running, connection, FIELDS)
    assert made.status_code == 200
    running.approve(running.sandbox.globex, made.json()["profile"])
    return running


def create(stack: Stack, connection: str, fields: Any) -> requests.Response:
    """POST a profile of Acme with these fields."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    left, right = scope_ids(acme, *LEFT), scope_ids(globex, *RIGHT)
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    return requests.post(
        f"{stack.url}/pages/profiles",
        data={
            "connection": connection,
            "name": "Asking",
            "left_project": left[0],
            "left_type": left[1],
            "right_project": right[0],
            "right_type": right[1],
            "fields": fields if isinstance(fields, str) else json.dumps(fields),
        },
        headers={"Authorization": f"JWT {token}", "Accept": "application/json"},
        timeout=90,
    )


def pair(stack: Stack, summary: str, **fields: Any) -> tuple[str, str]:
    """A new pair, made from Acme's side."""
    left = create_issue(stack.sandbox.acme, *LEFT, summary=summary, **fields)
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(stack.sandbox.globex, RIGHT[0]).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' has a twin", look)
    stack.settle()
    return left, found[0]


def questions(stack: Stack) -> list[dict[str, Any]]:
    """The inbox as Acme's admin sees it."""
    found: list[dict[str, Any]] = stack.page(stack.sandbox.acme, "GET", "/pages/conflicts")
    return found


def both_edited(stack: Stack, left: str, right: str, day: int) -> None:
    """Edit the due date on both sides while no webhook goes out, then let them go."""
    acme, globex = stack.sandbox.sites
    for site in (acme, globex):
        site.webhooks(hold=True)
    edit_issue(acme, left, duedate=f"2027-01-{day:02d}")
    edit_issue(globex, right, duedate=f"2027-02-{day:02d}")
    for site in (acme, globex):
        site.webhooks(hold=False)
        site.release()


def parked(stack: Stack) -> int:
    """How many changes are parked."""
    return sum(int(one["parked"]) for one in stack.overview())


def conflict(stack: Stack, left: str, right: str, day: int) -> dict[str, Any]:
    """Edit both sides while no webhook goes out; gives the one question that comes of it."""
    both_edited(stack, left, right, day)
    wait_until(
        "it is asked",
        lambda: (
            [q["left"] for q in questions(stack)] == [f"2027-01-{day:02d}"]
            and [q["right"] for q in questions(stack)] == [f"2027-02-{day:02d}"]
        ),
    )
    stack.settle()
    [asked] = questions(stack)
    return asked


def days(stack: Stack, left: str, right: str) -> tuple[str, str]:
    """Both due dates."""
    acme, globex = stack.sandbox.sites
    return mapped(acme, left)["duedate"], mapped(globex, right)["duedate"]


def decide(stack: Stack, asked: dict[str, Any], choice: str) -> None:
    """Press a button."""
    stack.page(stack.sandbox.acme, "POST", f"/pages/conflicts/{asked['id']}/{choice}", x="x")


@pytest.mark.parametrize(("choice", "month"), [("left", "01"), ("right", "02")])
def test_both_stay_until_a_person_chooses_and_then_the_chosen_side_crosses(
    asking: Stack, choice: str, month: str
) -> None:
    left, right = pair(asking, f"Ask {choice}", duedate="2026-12-01")
    asked = conflict(asking, left, right, 5)
    assert (asked["leftKey"], asked["rightKey"]) == (left, right)
    assert days(asking, left, right) == ("2027-01-05", "2027-02-05")
    decide(asking, asked, choice)
    wait_until("it crossed", lambda: days(asking, left, right) == (f"2027-{month}-05",) * 2)
    wait_until("the question is gone", lambda: questions(asking) == [])


def test_left_as_they_are_both_stay_until_one_is_edited(asking: Stack) -> None:
    left, right = pair(asking, "Leave", duedate="2026-12-01")
    decide(asking, conflict(asking, left, right, 6), "leave")
    wait_until("the question is gone", lambda: questions(asking) == [])
    asking.settle()
    assert days(asking, left, right) == ("2027-01-06", "2027-02-06")
    edit_issue(asking.sandbox.acme, left, duedate="2027-03-01")
    wait_until("the edit crossed", lambda: days(asking, left, right) == ("2027-03-01",) * 2)


def test_an_edit_after_the_question_asks_anew_and_the_old_question_is_not_there(
    asking: Stack,
) -> None:
    left, right = pair(asking, "Anew", duedate="2026-12-01")
    first = conflict(asking, left, right, 7)
    edit_issue(asking.sandbox.acme, left, duedate="2027-01-08")
    wait_until("it is asked anew", lambda: [q["left"] for q in questions(asking)] == ["2027-01-08"])
    with pytest.raises(Exception, match="404"):
        decide(asking, first, "left")
    edit_issue(asking.sandbox.acme, left, duedate="2027-02-07")  # both the same: no conflict
    wait_until("the question is gone", lambda: questions(asking) == [])


def rule(stack: Stack, field: str, **rules: str) -> None:
    """`tandem profile set` of a field, on the newest profile of this name."""
    words = [word for name, value in rules.items() for word in (f"--{name}", value)]
    done = tandem(stack.environment, "profile", "set", "Asking", "--field", field, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("rules", "kept"), [({"policy": "left"}, "01"), ({"flow": "to_left"}, "02")]
)
def test_a_rule_that_comes_in_the_place_of_asking_decides_what_waits(
    asking: Stack, rules: dict[str, str], kept: str
) -> None:
    day = 9 if kept == "01" else 10
    left, right = pair(asking, f"A rule, {kept}", duedate="2026-12-01")
    conflict(asking, left, right, day)
    try:
        rule(asking, "duedate", **rules)
        wait_until(
            "the rule decided",
            lambda: days(asking, left, right) == (f"2027-{kept}-{day:02d}",) * 2,
        )
        wait_until("the question is gone", lambda: questions(asking) == [])
    finally:
        rule(asking, "duedate", policy="ask", flow="both")
    asking.settle()


def test_a_winner_by_a_rule_whose_write_is_refused_is_no_question(asking: Stack) -> None:
    left, right = pair(asking, "Refused", duedate="2026-12-01")
    globex = asking.sandbox.globex
    rule(asking, "duedate", policy="left")
    globex.refusals({"field": "duedate", "on": "edit", "message": "The due date is fixed."})
    try:
        both_edited(asking, left, right, 11)
        wait_until("it is parked", lambda: parked(asking) == 1)
        assert questions(asking) == []
        globex.refusals()
        assert tandem(asking.environment, "parked", "retry", "Asking").returncode == 0
        wait_until("it crossed", lambda: days(asking, left, right) == ("2027-01-11",) * 2)
        asking.settle()
        assert (parked(asking), questions(asking)) == (0, [])
    finally:
        globex.refusals()
        rule(asking, "duedate", policy="ask")


def test_moments_hold_over_the_whole_way(asking: Stack) -> None:
    left, right = pair(asking, "Moments", labels=["first"], priority={"name": "High"})
    acme, globex = asking.sandbox.sites
    wait_until("the late field came", lambda: mapped(globex, right)["priority"] == "High")
    assert mapped(globex, right)["labels"] == ["first"]
    edit_issue(acme, left, labels=["second"], summary="Moments, renamed")
    wait_until("it crossed", lambda: mapped(globex, right)["summary"] == "Moments, renamed")
    asking.settle()
    assert mapped(globex, right)["labels"] == ["first"]


@pytest.mark.parametrize("bad", ["{", "5", '[{"left": "summary"}]'])
def test_fields_that_make_no_sense_are_refused_by_name(
    asking: Stack, connection: str, bad: str
) -> None:
    answer = create(asking, connection, bad)
    assert (answer.status_code, answer.json()["field"]) == (400, "fields")
