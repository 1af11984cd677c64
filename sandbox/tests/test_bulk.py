"""Bulk edit, as Atlassian's document has it: a task, labels in four ways, what failed and why."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.process import SiteHandle
from sandbox.tests.helpers import NoteTaker, as_app, by_the_document, new_issue


def edit(
    site: SiteHandle, keys: list[str], actions: list[str], given: dict[str, Any], **more: Any
) -> Any:
    body = {
        "selectedIssueIdsOrKeys": keys,
        "selectedActions": actions,
        "editedFieldsInput": given,
        "sendBulkNotification": False,
    }
    return site.call("POST", "bulk/issues/fields", json=body, **more)


def done(site: SiteHandle, answer: Any) -> dict[str, Any]:
    """What the task says once it is at its end."""
    assert answer.status_code == 201, answer.text
    end = time.monotonic() + 120
    while True:
        found: dict[str, Any] = site.call("GET", f"bulk/queue/{answer.json()['taskId']}").json()
        if found["status"] == "COMPLETE":
            return found
        assert found["status"] in ("ENQUEUED", "RUNNING")
        assert time.monotonic() < end, found
        time.sleep(0.02)


def fields_of(site: SiteHandle, key: str) -> dict[str, Any]:
    found: dict[str, Any] = site.call("GET", f"issue/{key}").json()["fields"]
    return found


def labels(option: str, *names: str) -> dict[str, Any]:
    one = {
        "fieldId": "labels",
        "bulkEditMultiSelectFieldOption": option,
        "labels": [{"name": name} for name in names],
    }
    return {"labelsFields": [one]}


def test_one_call_edits_many_issues_and_its_task_names_them(acme: SiteHandle) -> None:
    keys = [new_issue(acme, f"Bulk {n}", labels=["old"]) for n in range(5)]
    given = {
        **labels("ADD", "new"),
        "priority": {"priorityId": "1"},
        "datePickerFields": [{"fieldId": "duedate", "date": {"formattedDate": "31/Jan/27"}}],
    }
    told = done(acme, edit(acme, keys, ["labels", "priority", "duedate"], given))
    assert told["progressPercent"] == 100
    assert told["totalIssueCount"] == 5
    assert len(told["processedAccessibleIssues"]) == 5
    assert told["failedAccessibleIssues"] == {}
    for key in keys:
        fields = fields_of(acme, key)
        assert fields["labels"] == ["new", "old"]
        assert (fields["priority"]["name"], fields["duedate"]) == ("Highest", "2027-01-31")


@pytest.mark.parametrize(
    ("option", "names", "left"),
    [
        ("ADD", ["c"], ["a", "b", "c"]),
        ("REMOVE", ["a"], ["b"]),
        ("REPLACE", ["z"], ["z"]),
        ("REMOVE_ALL", [], []),
    ],
)
def test_labels_are_added_taken_away_replaced_and_cleared(
    acme: SiteHandle, option: str, names: list[str], left: list[str]
) -> None:
    key = new_issue(acme, labels=["a", "b"])
    done(acme, edit(acme, [key], ["labels"], labels(option, *names)))
    assert fields_of(acme, key)["labels"] == left


def test_dates_are_read_as_the_document_says_and_cleared_by_nothing(acme: SiteHandle) -> None:
    key = new_issue(acme)
    for text, stored in (("28/Feb/27", "2027-02-28"), ("03-02-2027", "2027-02-03"), ("", None)):
        one = [{"fieldId": "duedate", "date": {"formattedDate": text}}]
        done(acme, edit(acme, [key], ["duedate"], {"datePickerFields": one}))
        assert fields_of(acme, key)["duedate"] == stored
    one = [{"fieldId": "duedate", "date": {"formattedDate": "soon"}}]
    assert edit(acme, [key], ["duedate"], {"datePickerFields": one}).status_code == 400


def test_issues_that_cannot_be_edited_are_told_and_the_others_are_done(acme: SiteHandle) -> None:
    key, gone = new_issue(acme), new_issue(acme)
    assert acme.call("DELETE", f"issue/{gone}").status_code == 204
    told = done(acme, edit(acme, [key, gone, "NOPE-1"], ["labels"], labels("ADD", "x")))
    assert told["invalidOrInaccessibleIssueCount"] == 2
    assert len(told["processedAccessibleIssues"]) == 1
    points = {"clearableNumberFields": [{"fieldId": "customfield_10033", "value": 5}]}
    hidden = [one["key"] for one in issues_of(acme, "SUP") if one["type"] == "Task"]
    told = done(acme, edit(acme, [key, *hidden], ["customfield_10033"], points))
    assert len(told["processedAccessibleIssues"]) == 1
    [[reason]] = told["failedAccessibleIssues"].values()
    assert "not on the appropriate screen" in reason


def issues_of(site: SiteHandle, project: str) -> list[dict[str, str]]:
    body = {"jql": f"project = {project}", "fields": ["issuetype"]}
    found = site.call("POST", "search/jql", json=body).json()["issues"]
    return [{"key": one["key"], "type": one["fields"]["issuetype"]["name"]} for one in found]


def test_who_may_not_edit_has_every_issue_fail(acme: SiteHandle) -> None:
    viewer = next(u for u in acme.users if "viewer" in u["email"])
    key = new_issue(acme)
    auth = (viewer["email"], viewer["token"])
    answer = edit(acme, [key], ["labels"], labels("ADD", "x"), auth=auth)
    [[reason]] = done(acme, answer)["failedAccessibleIssues"].values()
    assert "permission" in reason
    assert fields_of(acme, key)["labels"] == []
    other = next(u for u in acme.users if "agent" in u["email"])
    path = f"bulk/queue/{answer.json()['taskId']}"
    assert acme.call("GET", path, auth=(other["email"], other["token"])).status_code == 401


def test_wrong_requests_change_nothing(acme: SiteHandle) -> None:
    key = new_issue(acme)
    for keys, actions, given, words in (
        ([key], ["priority"], labels("ADD", "x"), "not listed as selectedActions : labels"),
        ([key], ["labels", "duedate"], labels("ADD", "x"), "no editedFieldInput : duedate"),
        ([], ["labels"], labels("ADD", "x"), "must not be empty"),
        ([f"WEB-{n}" for n in range(1001)], ["labels"], labels("ADD", "x"), "1000"),
        ([key], ["summary"], {"singleLineTextFields": [{"fieldId": "summary", "text": "No"}]},
         "summary cannot be edited in bulk"),
    ):  # fmt: skip
        answer = edit(acme, keys, actions, given)
        assert answer.status_code == 400
        assert words in answer.json()["errors"][0]["message"]
    assert fields_of(acme, key)["labels"] == []
    assert acme.call("GET", "bulk/queue/1").status_code == 400


def test_each_issue_has_its_webhook_marked_as_fallout(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    keys = [new_issue(acme) for _ in range(3)]
    done(acme, edit(acme, keys, ["labels"], labels("ADD", "bulk")))
    acme.wait_idle()
    told = installed.wait_for("/hooks/jira:issue_updated", 3)
    assert {one.body["issue"]["key"] for one in told} == set(keys)
    assert {one.headers["x-atlassian-webhook-flow"] for one in told} == {"Secondary"}
    assert {item["toString"] for one in told for item in one.body["changelog"]["items"]} == {"bulk"}


@by_the_document
def test_a_connect_app_has_no_part_in_it_as_the_document_says(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    body = {
        "selectedIssueIdsOrKeys": [new_issue(acme)],
        "selectedActions": ["labels"],
        "editedFieldsInput": labels("ADD", "x"),
    }
    assert as_app(acme, "POST", "/rest/api/3/bulk/issues/fields", json=body).status_code == 403


def test_points_are_one_an_issue(acme: SiteHandle) -> None:
    keys = [new_issue(acme) for _ in range(7)]
    acme.clear_calls()
    answer = edit(acme, keys, ["labels"], labels("ADD", "x"))
    assert acme.calls()["points"] == 7
    done(acme, answer)


def test_the_fields_that_can_be_edited_leave_out_the_summary(acme: SiteHandle) -> None:
    key = new_issue(acme)
    found = acme.call("GET", "bulk/issues/fields", params={"issueIdsOrKeys": key}).json()["fields"]
    ids = {one["id"] for one in found}
    assert {"labels", "priority", "duedate"} <= ids
    assert "summary" not in ids
    by_id = {one["id"]: one for one in found}
    assert by_id["labels"]["multiSelectFieldOptions"] == ["ADD", "REMOVE", "REPLACE", "REMOVE_ALL"]
