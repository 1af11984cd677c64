"""Links, links to the outside, parents; and what people do to whole issues in the screens."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.process import SiteHandle
from sandbox.tests.helpers import NoteTaker, adf, new_issue

pytestmark = pytest.mark.real

EPIC, SUBTASK = {"name": "Epic"}, {"name": "Sub-task"}


def link(site: SiteHandle, first: str, second: str, kind: str = "Blocks") -> int:
    body = {"type": {"name": kind}, "inwardIssue": {"key": first}, "outwardIssue": {"key": second}}
    return site.call("POST", "issueLink", json=body).status_code


def fields(site: SiteHandle, key: str) -> dict[str, Any]:
    found: dict[str, Any] = site.call("GET", f"issue/{key}").json()["fields"]
    return found


def last_change(site: SiteHandle, key: str) -> list[tuple[Any, ...]]:
    values = site.call("GET", f"issue/{key}/changelog").json()["values"]
    sides = ("field", "from", "fromString", "to", "toString")
    return [tuple(item.get(side) for side in sides) for item in values[-1]["items"]]


def viewer(site: SiteHandle) -> tuple[str, str]:
    found = next(u for u in site.users if u["email"].startswith("viewer"))
    return found["email"], found["token"]


# --- links ---------------------------------------------------------------------------------


def test_a_link_shows_on_both_issues_and_is_not_doubled(acme: SiteHandle) -> None:
    first, second = new_issue(acme, "First"), new_issue(acme, "Second")
    assert [link(acme, first, second) for _ in range(2)] == [201, 201]
    (one,), (other,) = fields(acme, first)["issuelinks"], fields(acme, second)["issuelinks"]
    assert one["id"] == other["id"] and one["type"]["outward"] == "blocks"
    assert one["outwardIssue"]["key"] == second and "inwardIssue" not in one
    assert other["inwardIssue"]["key"] == first
    shown = one["outwardIssue"]["fields"]
    assert set(shown) == {"summary", "status", "issuetype", "priority"}
    assert shown["summary"] == "Second"
    assert last_change(acme, first) == [
        ("Link", None, None, second, f"This work item blocks {second}")
    ]
    assert last_change(acme, second) == [
        ("Link", None, None, first, f"This work item is blocked by {first}")
    ]
    whole = acme.call("GET", f"issueLink/{one['id']}").json()
    assert (whole["inwardIssue"]["key"], whole["outwardIssue"]["key"]) == (first, second)
    assert acme.call("DELETE", f"issueLink/{one['id']}").status_code == 204
    assert acme.call("DELETE", f"issueLink/{one['id']}").status_code == 404
    assert fields(acme, first)["issuelinks"] == fields(acme, second)["issuelinks"] == []
    assert last_change(acme, first)[0][1] == second


def test_a_link_the_other_way_is_another_unless_its_words_are_the_same(acme: SiteHandle) -> None:
    first, second = new_issue(acme), new_issue(acme)
    for kind in ("Blocks", "Relates"):
        assert link(acme, first, second, kind) == link(acme, second, first, kind) == 201
    names = [one["type"]["name"] for one in fields(acme, first)["issuelinks"]]
    assert names == ["Blocks", "Blocks", "Relates"]


def test_a_link_to_what_is_hidden_missing_or_itself_is_refused(acme: SiteHandle) -> None:
    web = new_issue(acme)
    sup = new_issue(acme, project={"key": "SUP"})
    assert link(acme, web, "WEB-999") == link(acme, web, sup, "Nonsense") == 404
    assert link(acme, web, web) == 400
    assert link(acme, web, sup) == 201
    found = acme.call("GET", f"issue/{web}?fields=issuelinks", auth=viewer(acme)).json()
    assert found["fields"]["issuelinks"] == []
    link_id = fields(acme, web)["issuelinks"][0]["id"]
    hidden = acme.call("GET", f"issueLink/{link_id}", auth=viewer(acme))
    assert hidden.status_code == 404
    assert "permission to see it" in hidden.json()["errorMessages"][0]
    assert acme.call("GET", "issueLinkType").json()["issueLinkTypes"][0]["name"] == "Blocks"


def test_a_kind_of_links_is_made_and_taken_away_with_its_links_by_an_admin(
    acme: SiteHandle,
) -> None:
    first, second = new_issue(acme), new_issue(acme)
    kind = {"name": "Causes", "inward": "is caused by", "outward": "causes"}
    assert acme.call("POST", "issueLinkType", json=kind, auth=viewer(acme)).status_code == 404
    assert acme.call("POST", "issueLinkType", json={"name": "Half"}).status_code == 400
    made = acme.call("POST", "issueLinkType", json=kind)
    assert made.status_code == 201
    assert acme.call("POST", "issueLinkType", json=kind).status_code == 404  # the name is in use
    assert link(acme, first, second, "Causes") == link(acme, first, second, "Blocks") == 201
    path = f"issueLinkType/{made.json()['id']}"
    assert acme.call("DELETE", path, auth=viewer(acme)).status_code == 404
    assert acme.call("DELETE", path).status_code == 204
    assert acme.call("DELETE", path).status_code == 404
    for key in (first, second):
        assert [one["type"]["name"] for one in fields(acme, key)["issuelinks"]] == ["Blocks"]


def test_webhooks_of_links_carry_ids_alone_and_a_deletion_takes_links_along(
    acme: SiteHandle, note_taker: NoteTaker
) -> None:
    for name in ("issuelink_created", "issuelink_deleted"):
        hook = {"event": name, "url": f"/hooks/{name}"}
        note_taker.descriptor["modules"]["webhooks"].append(hook)
    acme.install(note_taker.descriptor_url)
    try:
        first, second = new_issue(acme), new_issue(acme)
        ids = [int(acme.call("GET", f"issue/{key}").json()["id"]) for key in (first, second)]
        link(acme, first, second)
        body = note_taker.wait_for("/hooks/issuelink_created")[0].body
        assert set(body) == {"timestamp", "webhookEvent", "issueLink"}
        told = body["issueLink"]
        assert [told["sourceIssueId"], told["destinationIssueId"]] == ids
        assert told["issueLinkType"]["name"] == "Blocks"
        acme.call("DELETE", f"issue/{second}")
        gone = note_taker.wait_for("/hooks/issuelink_deleted")[0].body["issueLink"]
        assert gone["id"] == told["id"] and fields(acme, first)["issuelinks"] == []
    finally:
        acme.uninstall("note-taker")


def test_a_link_to_the_outside_is_found_by_its_global_id(acme: SiteHandle) -> None:
    key = new_issue(acme)
    path = f"issue/{key}/remotelink"
    body: dict[str, Any] = {
        "globalId": "tandem:7", "relationship": "is the twin of",
        "object": {"url": "https://globex.example/browse/PLAT-7", "title": "PLAT-7"},
    }  # fmt: skip
    made = acme.call("POST", path, json=body)
    assert made.status_code == 201
    assert last_change(acme, key)[0][:2] == ("RemoteIssueLink", None)
    body = {"globalId": "tandem:7", "object": {**body["object"], "title": "PLAT-7: Renamed"}}
    again = acme.call("POST", path, json=body)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    found = acme.call("GET", path, params={"globalId": "tandem:7"}).json()
    assert found["object"]["title"] == "PLAT-7: Renamed" and "relationship" not in found
    assert len(acme.call("GET", path).json()) == 1
    wrong = acme.call("POST", path, json={"object": {"title": "", "url": "https://x.example"}})
    assert wrong.json()["errors"] == {"title": "'title' is required."}
    one = f"{path}/{found['id']}"
    assert acme.call("PUT", one, json={**body, "relationship": "x"}).status_code == 204
    assert acme.call("GET", one).json()["relationship"] == "x"
    assert acme.call("DELETE", path, params={"globalId": "tandem:7"}).status_code == 204
    assert acme.call("DELETE", one).status_code == 404
    assert acme.call("POST", path, json=body, auth=viewer(acme)).status_code == 403


# --- parents -------------------------------------------------------------------------------


def test_a_sub_task_needs_a_parent_and_shows_on_it(acme: SiteHandle) -> None:
    parent = new_issue(acme)
    asked = {"project": {"key": "WEB"}, "issuetype": SUBTASK, "summary": "Alone"}
    answer = acme.call("POST", "issue", json={"fields": asked})
    assert answer.status_code == 400 and "parent" in answer.json()["errors"]
    child = new_issue(acme, "Child", issuetype=SUBTASK, parent={"key": parent})
    assert [one["key"] for one in fields(acme, parent)["subtasks"]] == [child]
    assert fields(acme, child)["parent"]["key"] == parent
    other = new_issue(acme)
    body = {"fields": {"parent": {"key": other}}}
    assert acme.call("PUT", f"issue/{child}", json=body).status_code == 204
    assert fields(acme, parent)["subtasks"] == []
    assert last_change(acme, child)[0][2::2] == (parent, other)
    assert acme.call("DELETE", f"issue/{other}").status_code == 400
    assert acme.call("DELETE", f"issue/{other}?deleteSubtasks=true").status_code == 204
    assert acme.call("GET", f"issue/{child}").status_code == 404


def test_a_parent_of_the_wrong_level_and_a_circle_are_refused(acme: SiteHandle) -> None:
    epic, task = new_issue(acme, issuetype=EPIC), new_issue(acme)
    for key, parent in ((task, task), (epic, task), (epic, epic), (task, new_issue(acme))):
        body = {"fields": {"parent": {"key": parent}}}
        answer = acme.call("PUT", f"issue/{key}", json=body)
        assert answer.status_code == 400 and "parentId" in answer.json()["errors"]
    for parent in (epic, None):
        body = {"fields": {"parent": parent and {"key": parent}}}
        assert acme.call("PUT", f"issue/{task}", json=body).status_code == 204
    # A child of the epic cannot become its parent.
    acme.call("PUT", f"issue/{task}", json={"fields": {"parent": {"key": epic}}})
    answer = acme.call("PUT", f"issue/{epic}", json={"fields": {"parent": {"key": task}}})
    assert "its own parent" in answer.json()["errors"]["parentId"]


# --- whole issues --------------------------------------------------------------------------


def test_a_moved_issue_takes_its_sub_tasks_along_and_keeps_its_old_key(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    key = new_issue(acme, "Moves")
    child = new_issue(acme, issuetype=SUBTASK, parent={"key": key})
    before = acme.call("GET", f"issue/{key}").json()
    moved = acme.control("POST", "move", {"issue": key, "project": "SUP", "issuetype": "Bug"})
    after = acme.call("GET", f"issue/{key}").json()
    assert (after["id"], after["key"]) == (before["id"], moved["key"])
    assert moved["key"].startswith("SUP-") and after["fields"]["issuetype"]["name"] == "Bug"
    assert fields(acme, child)["project"]["key"] == "SUP"
    changes = {row[0]: row[1:] for row in last_change(acme, key)}
    assert changes["Key"] == (None, key, None, moved["key"])
    assert changes["project"][1::2] == ("ACME Web", "Acme Support")
    assert changes["issuetype"][1::2] == ("Task", "Bug")
    told = [r.body for r in installed.wait_for("/hooks/jira:issue_updated", 2)]
    assert {body["issue_event_type_name"] for body in told} == {"issue_moved"}
    found = acme.call("GET", "search/jql", params={"jql": f"key = {moved['key']}"}).json()
    assert [one["id"] for one in found["issues"]] == [before["id"]]
    assert acme.call("DELETE", f"issue/{key}?deleteSubtasks=true").status_code == 204
    assert acme.call("GET", f"issue/{key}").status_code == 404


def test_an_archived_issue_is_read_but_neither_found_nor_changed(acme: SiteHandle) -> None:
    key = new_issue(acme)
    child = new_issue(acme, issuetype=SUBTASK, parent={"key": key})
    names = {"issueIdsOrKeys": [key, child, "WEB-999"]}
    answer = acme.call("PUT", "issue/archive", json=names).json()
    assert answer["numberOfIssuesUpdated"] == 2
    assert set(answer["errors"]) == {"issueIsSubtask", "issuesNotFound"}
    jql = {"jql": f"key in ({key}, {child})"}
    assert acme.call("GET", "search/jql", params=jql).json()["issues"] == []
    assert acme.call("GET", f"issue/{key}").status_code == 200
    body = {"fields": {"summary": "x"}}
    assert acme.call("PUT", f"issue/{key}", json=body).status_code == 400
    refused = acme.call("PUT", "issue/archive", json=names, auth=viewer(acme))
    assert refused.status_code == 403
    assert acme.control("POST", "archive", {"issue": key, "undo": True})["count"] == 2
    assert len(acme.call("GET", "search/jql", params=jql).json()["issues"]) == 2
    assert acme.call("PUT", f"issue/{key}", json=body).status_code == 204


def test_a_clone_is_linked_to_its_original_and_has_its_files_when_asked(acme: SiteHandle) -> None:
    key = new_issue(acme, "Original", labels=["a"], description=adf("Text"))
    acme.call("PUT", f"issue/{key}/properties/tandem", json={"link": 1})
    acme.call("POST", f"issue/{key}/attachments", files={"file": ("a.txt", b"one")},
              headers={"X-Atlassian-Token": "no-check"})  # fmt: skip
    made = acme.control("POST", "clone", {"issue": key, "attachments": True})["key"]
    found = fields(acme, made)
    assert (found["summary"], found["labels"]) == ("CLONE - Original", ["a"])
    assert found["issuelinks"][0]["type"]["outward"] == "clones"
    assert found["issuelinks"][0]["outwardIssue"]["key"] == key
    one = found["attachment"][0]
    assert one["id"] != fields(acme, key)["attachment"][0]["id"]
    acme.call("DELETE", f"issue/{key}")
    assert acme.call("GET", f"attachment/content/{one['id']}").content == b"one"
    assert acme.call("GET", f"issue/{made}/properties").json()["keys"] == []
    with_properties = acme.control("POST", "clone", {"issue": made, "properties": True})["key"]
    assert acme.call("GET", f"issue/{with_properties}/properties").json()["keys"] == []


def test_an_issue_becomes_a_sub_task_and_one_of_its_own_again(acme: SiteHandle) -> None:
    parent, key = new_issue(acme), new_issue(acme)
    acme.control("POST", "convert", {"issue": key, "parent": parent})
    found = fields(acme, key)
    assert (found["issuetype"]["name"], found["parent"]["key"]) == ("Sub-task", parent)
    assert [(row[0], row[2], row[4]) for row in last_change(acme, key)] == [
        ("issuetype", "Task", "Sub-task"), ("Parent", None, parent),
    ]  # fmt: skip
    acme.control("POST", "convert", {"issue": key, "issuetype": "Bug"})
    found = fields(acme, key)
    assert found["issuetype"]["name"] == "Bug" and "parent" not in found
    assert fields(acme, parent)["subtasks"] == []
