"""Workflows: screens, conditions, validators, loops, and what a move leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.process import SiteHandle
from sandbox.tests.helpers import NoteTaker, adf, as_app, new_issue

STEPS = {
    "initial": "To Do",
    "statuses": {"Blocked": "indeterminate"},
    "moves": [
        {"id": "1", "name": "Start", "from": ["To Do"], "to": "In Progress"},
        {"id": "2", "name": "Block", "from": ["In Progress"], "to": "Blocked",
         "screen": ["customfield_10031", "comment"], "required": ["customfield_10031"]},
        {"id": "3", "name": "Leave with a word", "from": ["Blocked"], "to": "In Progress",
         "screen": ["comment"], "required": ["comment"]},
        {"id": "4", "name": "Close", "to": "Done", "screen": ["resolution"],
         "required": ["resolution"]},
        {"id": "5", "name": "Close as a fix", "from": ["In Progress"], "to": "Done",
         "resolution": "Cannot Reproduce"},
        {"id": "6", "name": "Reopen", "from": ["Done"], "to": "To Do"},
        {"id": "7", "name": "Reopen and keep", "from": ["Done"], "to": "To Do", "keeps": True},
        {"id": "8", "name": "Mine", "from": ["To Do"], "to": "Blocked", "condition": "assignee"},
        {"id": "9", "name": "By people", "from": ["To Do"], "to": "Blocked",
         "condition": "no-apps"},
        {"id": "10", "name": "Never", "from": ["To Do"], "to": "Blocked",
         "validator": "All sub-tasks must be closed first."},
        {"id": "11", "name": "Again", "from": ["In Progress"], "to": "In Progress"},
    ],
}  # fmt: skip


@pytest.fixture()
def strict(acme: SiteHandle) -> SiteHandle:
    acme.workflow("WEB", "Task", **STEPS)
    return acme


def offered(site: SiteHandle, key: str, **params: str) -> dict[str, dict[str, Any]]:
    answer = site.call("GET", f"issue/{key}/transitions", params=params).json()
    return {one["id"]: one for one in answer["transitions"]}


def go(site: SiteHandle, key: str, move: str, **more: Any) -> requests.Response:
    return site.call("POST", f"issue/{key}/transitions", json={"transition": {"id": move}, **more})


def status(site: SiteHandle, key: str) -> tuple[str, str | None]:
    fields = site.call("GET", f"issue/{key}").json()["fields"]
    return fields["status"]["name"], (fields["resolution"] or {}).get("name")


def test_a_screen_says_what_it_requires_and_a_move_without_it_is_refused_by_name(
    strict: SiteHandle,
) -> None:
    key = new_issue(strict)
    assert go(strict, key, "1").status_code == 204
    moves = offered(strict, key, expand="transitions.fields")
    assert moves["2"]["hasScreen"]
    assert moves["2"]["fields"]["customfield_10031"]["required"]
    assert not moves["2"]["fields"]["comment"]["required"]
    assert not moves["11"]["hasScreen"]
    refused = go(strict, key, "2")
    assert (refused.status_code, refused.json()["errors"]) == (
        400, {"customfield_10031": "Customer is required."},
    )  # fmt: skip
    wrong = go(strict, key, "2", fields={"customfield_10031": "x", "summary": "not on it"})
    assert "appropriate screen" in wrong.json()["errors"]["summary"]
    assert go(strict, key, "2", fields={"customfield_10031": "Waits"}).status_code == 204
    # What the issue holds already counts.
    comment = {"comment": [{"add": {"body": adf("Goes on")}}]}
    assert "comment" in go(strict, key, "3").json()["errors"]
    assert go(strict, key, "3", update=comment).status_code == 204
    assert go(strict, key, "2").status_code == 204


def test_a_global_move_is_offered_in_every_status_and_one_move_is_a_loop(
    strict: SiteHandle,
) -> None:
    key = new_issue(strict)
    assert offered(strict, key)["4"]["isGlobal"]
    go(strict, key, "1")
    moves = offered(strict, key)
    assert {"2", "4", "5", "11"} == set(moves)
    assert (moves["11"]["looped"], moves["5"]["looped"]) == (True, False)
    resolution = {"resolution": {"name": "Duplicate"}}
    assert go(strict, key, "4", fields=resolution).status_code == 204
    assert status(strict, key) == ("Done", "Duplicate")


def test_a_condition_hides_a_move_and_tells_of_it_when_asked(
    strict: SiteHandle, installed: NoteTaker
) -> None:
    key = new_issue(strict)
    assert set(offered(strict, key)) == {"1", "4", "9", "10"}
    every = offered(strict, key, includeUnavailableTransitions="true")
    assert not every["8"]["isAvailable"]
    assert every["8"]["isConditional"]
    assert go(strict, key, "8").status_code == 400
    me = {"assignee": {"accountId": strict.admin["accountId"]}}
    strict.call("PUT", f"issue/{key}", json={"fields": me})
    assert "8" in offered(strict, key)
    path = f"/rest/api/3/issue/{key}/transitions"
    seen = as_app(strict, "GET", path).json()["transitions"]
    assert {"8", "9"}.isdisjoint(one["id"] for one in seen)
    refused = as_app(strict, "POST", path, json={"transition": {"id": "9"}})
    assert refused.json()["errorMessages"] == ["Transition id '9' is not valid for this issue."]


def test_a_move_that_is_not_the_workflows_and_one_that_a_validator_refuses(
    strict: SiteHandle,
) -> None:
    key = new_issue(strict)
    assert "illegal workflow operation" in go(strict, key, "99").json()["errorMessages"][0]
    assert go(strict, key, "3").json()["errorMessages"] == [
        "Transition id '3' is not valid for this issue."
    ]
    assert "sub-tasks" in go(strict, key, "10").json()["errorMessages"][0]
    assert status(strict, key) == ("To Do", None)


def test_a_resolution_comes_by_a_post_function_and_goes_unless_it_is_kept(
    strict: SiteHandle,
) -> None:
    key = new_issue(strict)
    go(strict, key, "1")
    go(strict, key, "5")
    assert status(strict, key) == ("Done", "Cannot Reproduce")
    put = strict.call("PUT", f"issue/{key}", json={"fields": {"resolution": {"name": "Done"}}})
    assert "appropriate screen" in put.json()["errors"]["resolution"]
    go(strict, key, "7")
    assert status(strict, key) == ("To Do", "Cannot Reproduce")
    go(strict, key, "1")
    assert status(strict, key) == ("In Progress", None)


def test_each_move_is_a_change_of_its_own_with_ids_and_a_webhook(
    strict: SiteHandle, installed: NoteTaker
) -> None:
    key = new_issue(strict)
    go(strict, key, "1")
    go(strict, key, "5")
    updates = installed.wait_for("/hooks/jira:issue_updated", 2)
    items = [
        {item["field"]: (item["fromString"], item["toString"]) for item in one["items"]}
        for one in (update.body["changelog"] for update in updates)
    ]
    assert {"status": ("To Do", "In Progress")} in items
    assert {
        "status": ("In Progress", "Done"), "resolution": (None, "Cannot Reproduce")
    } in items  # fmt: skip
    log = strict.call("GET", f"issue/{key}/changelog").json()["values"]
    moves = [item for one in log for item in one["items"] if item["field"] == "status"]
    assert [(one["from"], one["to"]) for one in moves] == [("10000", "3"), ("3", "10002")]


def test_an_issue_may_be_made_with_a_move_and_stays_where_it_is_refused(
    strict: SiteHandle,
) -> None:
    fields = {"project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": "Born"}
    body = {"fields": fields, "transition": {"id": "1"}}
    made = strict.call("POST", "issue", json=body).json()
    assert made["transition"]["status"] == 200
    assert status(strict, made["key"])[0] == "In Progress"
    body["transition"] = {"id": "4"}
    made = strict.call("POST", "issue", json=body).json()
    assert made["transition"]["status"] == 400
    assert made["transition"]["errorCollection"]["errors"] == {
        "resolution": "Resolution is required."
    }
    assert status(strict, made["key"])[0] == "To Do"


def test_stories_of_the_second_project_have_a_workflow_of_their_own(acme: SiteHandle) -> None:
    kinds = {one["name"]: one for one in acme.call("GET", "project/SUP/statuses").json()}
    assert "Released" in {one["name"] for one in kinds["Story"]["statuses"]}
    assert [one["name"] for one in kinds["Task"]["statuses"]] == [
        "To Do", "In Progress", "In Review", "Done",
    ]  # fmt: skip
    key = new_issue(acme, project={"key": "SUP"}, issuetype={"name": "Story"})
    for move in ("101", "131", "142"):
        assert go(acme, key, move).status_code == 204
    assert go(acme, key, "151").json()["errors"] == {"resolution": "Resolution is required."}
    done = {"resolution": {"name": "Done"}}
    assert go(acme, key, "151", fields=done).status_code == 204
    assert status(acme, key) == ("Released", "Done")
    assert set(offered(acme, key)) == {"161"}
