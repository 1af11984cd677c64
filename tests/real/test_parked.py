"""Parked changes over real processes: causes, previews, retries, and probes by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.mapping.document import dump_profile
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope
from demo.stack import APP_KEY, Stack, calls_of, wait_until
from demo.walk import LEFT, create_issue, edit_issue, mapped, paragraph
from tests.real.test_inbox import conflict, create, days, decide, questions
from tests.real.test_walk import in_step, pair
from tests.stack_fixture import owner, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a state is waited for, never a moment
SECRET = "words-of-an-issue"


@pytest.fixture(scope="module")
def profile(running: Stack) -> str:  # noqa: F811
    """One profile that is on. It asks people about due dates that both sides changed."""
    fields = dump_profile(Profile(Scope("1", "1"), Scope("1", "1"), DEFAULT_FIELDS))["fields"]
    asking = [one | ({"policy": "ask"} if one["left"] == "duedate" else {}) for one in fields]
    made = str(create(running, running.connect(), asking).json()["profile"])
    running.approve(running.sandbox.globex, made)
    return made


@pytest.fixture
def paired(running: Stack, profile: str) -> Iterator[Stack]:  # noqa: F811
    """The stack, with no rule of an admin; what a test left parked is retried away."""
    yield running
    running.sandbox.globex.refusals()
    running.page(running.sandbox.acme, "POST", f"/pages/parked/{profile}/retry", x="x")
    wait_until("nothing is parked", lambda: not parked(running), LONG)


def groups(stack: Stack) -> list[dict[str, Any]]:
    """The card as Acme's admin sees it."""
    found: list[dict[str, Any]] = stack.page(stack.sandbox.acme, "GET", "/pages/parked")
    return found


def codes(stack: Stack) -> list[tuple[str, str, int]]:
    """The groups: code, field, and how many issues."""
    return sorted((one["code"], one["field"], one["issues"]) for one in groups(stack))


def parked(stack: Stack) -> int:
    """How many changes the page counts as parked."""
    return sum(int(one["parked"]) for one in stack.overview())


def part(stack: Stack, path: str) -> str:
    """A part of the page, as the browser gets it."""
    acme = stack.sandbox.acme
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    headers = {"Authorization": f"JWT {token}", "Accept": "text/html"}
    return requests.get(stack.url + path, headers=headers, timeout=90).text


def retry(stack: Stack, profile: str, **chosen: str) -> int:
    """Press the button; gives how many changes are tried again."""
    path = f"/pages/parked/{profile}/retry"
    return int(stack.page(stack.sandbox.acme, "POST", path, x="x", **chosen)["retried"])


def puts(stack: Stack) -> int:
    """The writes to single issues of Globex by Tandem, since its calls were cleared."""
    return calls_of(stack.sandbox.globex)["PUT /rest/api/3/issue/{issueIdOrKey}"]


def refused_priority(stack: Stack, *summaries: str) -> list[tuple[str, str]]:
    """Pairs whose edited priority Globex refuses: parked, each alone."""
    stack.sandbox.globex.refusals(
        {
            "field": "priority",
            "values": [{"name": "Lowest"}],
            "message": f"Priority name '{SECRET}' is not valid",
        }
    )
    pairs = [pair(stack, summary) for summary in summaries]
    stack.settle()
    before = parked(stack)
    for left, _ in pairs:
        edit_issue(stack.sandbox.acme, left, priority={"name": "Lowest"})
    wait_until("they are parked", lambda: parked(stack) == before + len(pairs), LONG)
    stack.settle()
    return pairs


# What Globex answers, the code that comes of it, and the field that the group has.
ANSWERS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"field": "duedate", "message": "Due date is required."}, {"duedate": "2027-05-05"},
     "field-required", "duedate"),
    ({"field": "labels", "message": "Field 'labels' cannot be set. It is not on the appropriate "
      "screen, or unknown."}, {"labels": ["a"]}, "field-not-on-screen", "labels"),
    ({"field": "priority", "message": f"Priority name '{SECRET}' is not valid"},
     {"priority": {"name": "Low"}}, "value-unknown", "priority"),
    ({"field": "duedate", "message": "The date exceeds what this site takes."},
     {"duedate": "2027-05-06"}, "value-too-long", "duedate"),
    ({"field": "labels", "message": f"The label '{SECRET}' contains spaces which is invalid."},
     {"labels": ["b"]}, "value-malformed", "labels"),
    ({"field": "description", "names": "", "message": "INVALID_INPUT"},
     {"description": paragraph("New text.")}, "text-refused", "description"),
    ({"field": "duedate", "message": f"A validator: {SECRET}"}, {"duedate": "2027-05-07"},
     "field-refused", "duedate"),
    ({"status": 403, "message": "You do not have permission to edit issues in this project."},
     {"labels": ["c"]}, "issue-forbidden", ""),
    ({"status": 404, "message": "Issue does not exist or you do not have permission to see it."},
     {"labels": ["d"]}, "issue-gone", ""),
    ({"message": "The issue is in a workflow status that is not editable."}, {"labels": ["e"]},
     "workflow", ""),
    ({"message": f"A listener: {SECRET}"}, {"labels": ["f"]}, "issue-refused", ""),
]  # fmt: skip
CREATES: list[tuple[dict[str, Any], str, str]] = [
    ({"names": "", "message": "You do not have permission to create issues in this project."},
     "create-forbidden", ""),
    ({"names": "project", "message": "valid project is required"}, "scope-refused", "project"),
    ({"names": "", "message": f"A validator: {SECRET}"}, "create-refused", ""),
    ({"names": "summary", "message": "Summary can't exceed 255 characters."},
     "value-too-long", "summary"),
    ({"names": "customfield_10125", "message": "Impact is required."},
     "field-required", "customfield_10125"),
]  # fmt: skip


def test_each_answer_of_a_site_has_its_code_and_only_what_it_is_about_is_parked(
    paired: Stack, profile: str
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    pairs = [pair(paired, f"Code {number}") for number in range(len(ANSWERS))]
    paired.settle()
    rules = [
        {"issue": right, **answer} for (_, right), (answer, *_) in zip(pairs, ANSWERS, strict=True)
    ]
    rules += [
        {"on": "create", "field": "labels", "values": [[f"new-{number}"]], **answer}
        for number, (answer, *_) in enumerate(CREATES)
    ]
    globex.refusals(*rules)
    for (left, _), (_, fields, *_) in zip(pairs, ANSWERS, strict=True):
        edit_issue(acme, left, summary=f"{left} renamed", **fields)
    born = [
        create_issue(acme, *LEFT, summary=f"Born {number}", labels=[f"new-{number}"])
        for number in range(len(CREATES))
    ]
    wanted = sorted(
        [(code, name, 1) for *_, code, name in ANSWERS]
        + [(code, name, 1) for _, code, name in CREATES]
    )
    wait_until("all are parked with their codes", lambda: codes(paired) == wanted, LONG)
    for (left, right), (*_, name) in zip(pairs, ANSWERS, strict=True):
        crossed = mapped(globex, right)["summary"] == f"{left} renamed"
        assert crossed == bool(name), f"{left}: the rest crosses where a field is refused by name"
    for one in groups(paired):
        assert one["sentence"] and one["cure"] and one["said"] and len(one["examples"]) == 1
    with owner(paired) as database:
        kept = database.execute(
            "SELECT c.*, to_jsonb(p) - 'said', p.said FROM change c"
            " LEFT JOIN parked_cause p USING (profile_id, side, issue_id)"
        ).fetchall()
    assert kept and SECRET not in str(kept) and "renamed" not in str(kept)
    globex.refusals()
    assert retry(paired, profile) == len(wanted)
    wait_until("nothing is parked", lambda: not parked(paired), LONG)
    for left, right in pairs:
        wait_until("in step", lambda left=left, right=right: in_step(paired, left, right), LONG)  # type: ignore[misc]
    wait_until("the new ones have twins", lambda: all(_twin(paired, one) for one in born), LONG)


def _twin(stack: Stack, left: str) -> bool:
    with owner(stack) as database:
        found = database.execute(
            "SELECT right_key FROM issue_link WHERE left_key = %s", (left,)
        ).fetchone()
    return bool(found and found[0])


def test_a_refused_value_costs_later_changes_no_call_and_crosses_once_it_is_edited(
    paired: Stack,
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    [(left, right)] = refused_priority(paired, "Held")
    globex.clear_calls()
    for number in range(3):
        edit_issue(acme, left, summary=f"Held {number}")
        wait_until(
            "the rest crosses",
            lambda number=number: mapped(globex, right)["summary"] == f"Held {number}",  # type: ignore[misc]
            LONG,
        )
        paired.settle()
    assert puts(paired) == 3  # one for each change, none of them refused
    edit_issue(globex, right, duedate="2027-02-02")
    wait_until("so does an edit there", lambda: mapped(acme, left)["duedate"] == "2027-02-02", LONG)
    paired.settle()
    assert (puts(paired), codes(paired)) == (3, [("value-unknown", "priority", 1)])
    assert parked(paired) == 1
    edit_issue(acme, left, priority={"name": "High"})
    wait_until("another value crosses", lambda: in_step(paired, left, right), LONG)
    wait_until("nothing is parked", lambda: not parked(paired), LONG)


def test_a_decision_that_the_site_refuses_waits_and_is_not_asked_of_a_person_again(
    paired: Stack, profile: str
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    left, right = pair(paired, "Decided", duedate="2026-12-01")
    paired.settle()
    asked = conflict(paired, left, right, 5)
    globex.refusals({"issue": right, "field": "duedate", "message": "Not that day."})
    decide(paired, asked, "left")
    wait_until("it is parked", lambda: codes(paired) == [("field-refused", "duedate", 1)], LONG)
    edit_issue(acme, left, summary="Decided, renamed")
    wait_until("the rest crosses", lambda: mapped(globex, right)["summary"] == "Decided, renamed")
    paired.settle()
    assert [one["choice"] for one in questions(paired)] == ["left"]
    assert days(paired, left, right) == ("2027-01-05", "2027-02-05")
    globex.refusals()
    assert retry(paired, profile, issue=left) == 1
    wait_until("the decision crossed", lambda: in_step(paired, left, right), LONG)
    wait_until("the question is gone", lambda: questions(paired) == [], LONG)


def test_one_bad_issue_leaves_the_other_forty_nine_in_step(paired: Stack, profile: str) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    keys = acme.make_issues(50, LEFT[0], LEFT[1], webhooks=True)
    wait_until("all have twins", lambda: all(_twin(paired, key) for key in keys), LONG)
    paired.settle()
    with owner(paired) as database:
        twins = dict(database.execute("SELECT left_key, right_key FROM issue_link").fetchall())
    globex.refusals({"issue": twins[keys[20]], "message": "No."})
    for key in keys:
        edit_issue(acme, key, labels=["all-of-them"])
    wait_until("one is parked", lambda: codes(paired) == [("issue-refused", "", 1)], LONG)
    paired.settle()
    there = [key for key in keys if mapped(globex, twins[key])["labels"] == ["all-of-them"]]
    assert there == [key for key in keys if key != keys[20]]


def test_a_preview_says_what_a_retry_would_do_and_writes_nothing(
    paired: Stack, profile: str
) -> None:
    globex = paired.sandbox.globex
    pairs = refused_priority(paired, "Preview 1", "Preview 2", "Preview 3")
    globex.clear_calls()
    chosen = ["--code", "value-unknown", "--field", "priority"]
    listed = tandem(paired.environment, "parked", "list", profile, "--json")
    assert listed.returncode == 1, listed.stderr
    [group] = json.loads(listed.stdout)
    assert (group["issues"], group["side"], SECRET in group["said"]) == (3, "right", True)
    assert set(group["examples"]) == {f"{left} / {right}" for left, right in pairs}
    shown = tandem(paired.environment, "parked", "retry", profile, *chosen, "--preview", "--json")
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert told["total"] == 3
    assert sorted((one["left"], one["right"]) for one in told["issues"]) == sorted(pairs)
    write = {"side": "right", "field": "priority", "new": "Lowest", "status": "again"}
    for one in told["issues"]:
        assert one["writes"] == [write | {"old": "Medium"}]
    assert (puts(paired), parked(paired)) == (0, 3)
    path = f"/pages/parked/{profile}/preview?code=value-unknown&issue={pairs[0][0]}"
    assert paired.page(paired.sandbox.acme, "GET", path)["total"] == 1
    seen = part(paired, path)
    assert f"{pairs[0][0]} / {pairs[0][1]}" in seen and "Lowest" in seen and "refused" in seen
    card = part(paired, "/pages/parked")
    assert "does not know the value of Priority" in card
    assert "Retry all of <bdi>Asking</bdi>" in card

    globex.refusals()
    left, right = pairs[1]
    one = tandem(paired.environment, "parked", "retry", profile, "--issue", right)
    assert (one.returncode, "1 change is tried again" in one.stdout) == (0, True), one.stderr
    wait_until("that one crossed", lambda: in_step(paired, left, right), LONG)
    paired.settle()
    assert parked(paired) == 2
    assert retry(paired, profile, code="value-too-long") == 0
    assert retry(paired, profile, code="value-unknown", field="priority", side="right") == 2
    for left, right in pairs:
        wait_until("all crossed", lambda left=left, right=right: in_step(paired, left, right), LONG)  # type: ignore[misc]
    wait_until("nothing is parked", lambda: not parked(paired), LONG)


def test_a_cause_that_stays_is_probed_without_a_trace_and_one_that_went_away_frees_its_group(
    paired: Stack,
) -> None:
    globex = paired.sandbox.globex
    pairs = refused_priority(paired, "Probe 1", "Probe 2", "Probe 3")
    with owner(paired) as database:

        def entries() -> int:
            return int((database.execute("SELECT count(*) FROM activity").fetchone() or [0])[0])

        def tries() -> list[int]:
            return [row[0] for row in database.execute("SELECT tries FROM parked_group").fetchall()]

        before = entries()
        globex.clear_calls()
        database.execute("UPDATE parked_group SET next_probe = now()")
        wait_until("one of them was asked again", lambda: (puts(paired), tries()) == (1, [1]), LONG)
        wait_until("it is parked again", lambda: parked(paired) == 3, LONG)
        paired.settle()
        assert (puts(paired), entries(), tries()) == (1, before, [1])
        [(later,)] = database.execute(
            "SELECT next_probe - now() > interval '1 hour' FROM parked_group"
        ).fetchall()
        assert later
        globex.refusals()
        database.execute("UPDATE parked_group SET next_probe = now()")
    for left, right in pairs:
        wait_until("all crossed", lambda left=left, right=right: in_step(paired, left, right), LONG)  # type: ignore[misc]
    wait_until("nothing is parked", lambda: not parked(paired), LONG)


def test_a_profile_that_gets_a_new_revision_asks_again_in_everything(
    paired: Stack, profile: str
) -> None:
    [(left, right)] = refused_priority(paired, "Revised")
    paired.sandbox.globex.refusals()
    path = f"/pages/profiles/{profile}/filters"
    paired.page(paired.sandbox.acme, "POST", path, left_filter="created > -52w")
    wait_until("it crossed", lambda: in_step(paired, left, right), LONG)
    wait_until("nothing is parked", lambda: not parked(paired), LONG)
