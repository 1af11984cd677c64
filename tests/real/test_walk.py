"""The walk through real processes: create, change, conflict, rest, and nothing lost to faults."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import psycopg
import pytest

from demo.stack import APP_KEY, Stack, calls_of, wait_until, writes_of
from demo.walk import (
    LEFT,
    RIGHT,
    create_issue,
    edit_issue,
    keys_by_summary,
    mapped,
    paragraph,
    walk,
)
from sandbox.process import SiteHandle
from tests.processes import children
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:  # noqa: F811
    """The stack after the walk: paired, with a profile, 20 pairs in step."""
    figures = walk(running, lambda text: None)
    assert figures.well, figures
    return running


def twin(site: SiteHandle, project: str, summary: str) -> str:
    """The key of the one issue of this summary, once it is there."""
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(site, project).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' is in {project}", look)
    assert len(found) == 1
    return found[0]


def pair(stack: Stack, summary: str, **fields: Any) -> tuple[str, str]:
    """A new pair, made from Acme's side."""
    left = create_issue(stack.sandbox.acme, *LEFT, summary=summary, **fields)
    return left, twin(stack.sandbox.globex, RIGHT[0], summary)


def in_step(stack: Stack, left: str, right: str) -> bool:
    """Whether both issues carry the same."""
    return mapped(stack.sandbox.acme, left) == mapped(stack.sandbox.globex, right)


def writes(stack: Stack) -> int:
    """How often Tandem has written to either site since the counters began."""
    return writes_of(*stack.sandbox.sites)


def calls(stack: Stack) -> Counter[str]:
    """Tandem's calls to both sites."""
    return calls_of(*stack.sandbox.sites)


def test_the_walk_agrees_doubles_nothing_and_rests(paired: Stack) -> None:
    [profile] = paired.overview()
    assert (profile["state"], profile["linked"], profile["parked"]) == ("on", 20, 0)
    [seen_from_globex] = paired.overview(paired.sandbox.globex)
    assert seen_from_globex["id"] == profile["id"]


def test_a_twin_is_marked_as_ours_in_its_own_jira(paired: Stack) -> None:
    left, right = pair(paired, "Marked")
    mark = paired.sandbox.globex.call("GET", f"issue/{right}/properties/tandem").json()["value"]
    issue = paired.sandbox.acme.call("GET", f"issue/{left}").json()
    assert mark["source"] == issue["id"]
    assert mark["profile"] == paired.overview()[0]["id"]


def test_every_carried_field_crosses_and_comes_back(paired: Stack) -> None:
    left, right = pair(
        paired,
        "All fields",
        description=paragraph("With a description."),
        labels=["one", "two"],
        priority={"name": "Low"},
        duedate="2027-03-01",
    )
    wait_until("all fields crossed", lambda: in_step(paired, left, right))
    edit_issue(
        paired.sandbox.globex,
        right,
        description=paragraph("Edited at Globex."),
        labels=[],
        duedate=None,
    )
    wait_until("the edit came back", lambda: in_step(paired, left, right))
    fields = mapped(paired.sandbox.acme, left)
    assert (fields["labels"], fields["duedate"]) == ([], None)


def test_a_lone_change_takes_three_calls_and_its_echo_none(paired: Stack) -> None:
    left, right = pair(paired, "Lone")
    paired.settle()
    before = calls(paired)
    edit_issue(paired.sandbox.acme, left, summary="Lone, changed")
    wait_until("it arrived", lambda: in_step(paired, left, right))
    paired.settle()
    made = calls(paired) - before
    assert made.total() <= 3, made


def test_a_field_that_is_not_mapped_takes_no_call_and_is_not_written(paired: Stack) -> None:
    left, right = pair(paired, "Unmapped")
    paired.settle()
    before = calls(paired)
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    edit_issue(acme, left, assignee={"accountId": acme.admin["accountId"]})
    acme.wait_idle()
    paired.settle()
    assert calls(paired) == before
    assert globex.call("GET", f"issue/{right}").json()["fields"]["assignee"] is None


def test_both_changed_one_field_and_the_newer_wins_and_the_page_says_so(paired: Stack) -> None:
    left, right = pair(paired, "Conflict")
    paired.settle()
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    for site in (acme, globex):
        site.webhooks(hold=True)
    edit_issue(acme, left, summary="Conflict, older")
    edit_issue(globex, right, summary="Conflict, newer")
    # A later change of another field must not make the older summary look newer.
    edit_issue(acme, left, labels=["later"])
    for site in (acme, globex):
        site.webhooks(hold=False)
        site.release()
    wait_until("both agree", lambda: in_step(paired, left, right))
    assert mapped(acme, left)["summary"] == "Conflict, newer"
    assert mapped(globex, right)["labels"] == ["later"]
    page = page_text(paired)
    assert "Conflict decided" in page
    paired.settle()
    before = writes(paired)
    paired.settle()
    assert writes(paired) == before


def page_text(stack: Stack) -> str:
    """The overview as the page polls it."""
    import requests

    acme = stack.sandbox.acme
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.get(
        f"{stack.url}/pages/parts/overview", headers={"Authorization": f"JWT {token}"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_person_who_is_no_admin_sees_nothing(paired: Stack) -> None:
    import requests

    acme = paired.sandbox.acme
    person = next(user for user in acme.users if not user["admin"])
    token = acme.context_token(APP_KEY, accountId=person["accountId"])
    answer = requests.get(
        f"{paired.url}/pages/profiles", headers={"Authorization": f"JWT {token}"}, timeout=30
    )
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_doubled_and_shuffled_webhooks_change_nothing(paired: Stack) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    for site in (acme, globex):
        site.webhooks(duplicate=1.0, shuffle=True, jitterMs=200)
    left, right = pair(paired, "Noisy")
    for number in range(5):
        edit_issue(acme, left, summary=f"Noisy {number}")
        edit_issue(globex, right, labels=[f"n{number}"])
    wait_until("both agree", lambda: in_step(paired, left, right))
    for site in (acme, globex):
        site.webhooks(duplicate=0.0, shuffle=False, jitterMs=0)
    paired.settle()
    assert mapped(acme, left)["summary"] == "Noisy 4"
    assert mapped(acme, left)["labels"] == ["n4"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "429", "seconds": 1, "times": 2},
        {"kind": "429-no-retry-after", "times": 1},
        {"kind": "500", "times": 1},
        {"kind": "502-html", "times": 1},
        {"kind": "drop-connection", "times": 1},
        {"kind": "half-answer", "times": 1},
        {"kind": "commit-then-500", "times": 1},
    ],
)
def test_a_site_that_fails_for_a_while_costs_time_and_nothing_else(
    paired: Stack, fault: dict[str, Any]
) -> None:
    left, right = pair(paired, f"Fault {fault['kind']}")
    paired.settle()
    globex = paired.sandbox.globex
    globex.faults({**fault, "method": "PUT", "path": "/rest/api/3/issue/", "app": APP_KEY})
    edit_issue(paired.sandbox.acme, left, summary=f"Fault {fault['kind']}, over")
    wait_until("it arrived in the end", lambda: in_step(paired, left, right))
    globex.faults()
    paired.settle()


def test_a_create_that_was_done_but_answered_500_is_adopted_and_not_doubled(
    paired: Stack,
) -> None:
    globex = paired.sandbox.globex
    globex.faults(
        {
            "kind": "commit-then-500",
            "method": "POST",
            "path": "/rest/api/3/issue$",
            "app": APP_KEY,
            "times": 1,
        }
    )
    left, right = pair(paired, "Half created")
    edit_issue(paired.sandbox.acme, left, summary="Half created, edited")
    wait_until("the pair works", lambda: in_step(paired, left, right))
    globex.faults()
    paired.settle()
    wait_until(  # search lags behind
        "search knows the new summary",
        lambda: "Half created, edited" in keys_by_summary(globex, RIGHT[0]),
    )
    found = keys_by_summary(globex, RIGHT[0])
    assert [s for s in found if s.startswith("Half created")] == ["Half created, edited"]
    assert found["Half created, edited"] == [right]


def test_a_field_that_the_site_refuses_is_parked_and_the_rest_crosses(paired: Stack) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    connection = paired.connect()
    ops = paired.create_profile(
        connection, left=("SUP", "Task"), right=("OPS", "Task"), name="Support and operations"
    )

    def parked() -> int:
        return next(int(one["parked"]) for one in paired.overview() if one["id"] == ops)

    right = create_issue(globex, "OPS", "Task", summary="Refused")
    left = twin(acme, "SUP", "Refused")
    paired.settle()
    # Acme has no such priority.
    edit_issue(globex, right, priority={"name": "Blocker"}, summary="Refused, but renamed")
    wait_until("the rest crossed", lambda: mapped(acme, left)["summary"] == "Refused, but renamed")
    wait_until("the field is parked", lambda: parked() == 1)
    assert "Blocker" in page_text(paired) or "priority" in page_text(paired)
    edit_issue(globex, right, priority={"name": "High"})
    wait_until("mended by the next edit", lambda: in_step(paired, left, right))
    wait_until("no longer parked", lambda: parked() == 0)


@pytest.mark.crash
def test_a_killed_worker_loses_and_doubles_nothing(paired: Stack) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    summaries = [f"Killed {number}" for number in range(12)]
    for number, summary in enumerate(summaries):
        create_issue(acme, *LEFT, summary=summary)
        if number % 3 == 0:
            for pid in children(paired, "worker"):
                os.kill(pid, signal.SIGKILL)
    wait_until(
        "all twins are there",
        lambda: set(summaries) <= set(keys_by_summary(globex, RIGHT[0])),
        seconds=150,
    )
    paired.settle()
    found = keys_by_summary(globex, RIGHT[0])
    assert [len(found[summary]) for summary in summaries] == [1] * len(summaries)


def test_nothing_of_an_issues_content_is_in_the_database(paired: Stack) -> None:
    mark = "Sphinx of black quartz"
    left, right = pair(paired, mark, description=paragraph(f"{mark} described"))
    wait_until("it crossed", lambda: in_step(paired, left, right))
    paired.settle()
    with psycopg.connect(paired.database) as owner:
        tables = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        dump = "".join(
            str(row)
            for (table,) in tables
            for row in owner.execute(f'SELECT * FROM "{table}"').fetchall()
        )
    assert left in dump  # so the look would have found it
    assert mark not in dump
    assert mark not in (paired.instance / "tandem.log").read_text()
