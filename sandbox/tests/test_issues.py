"""Issues over REST v3 and v2: what is accepted, refused, and left behind."""

import pytest

from sandbox.process import Running, SiteHandle
from sandbox.tests.helpers import adf, new_issue

pytestmark = pytest.mark.real


def fields_of(site: SiteHandle, key: str, version: int = 3) -> dict:
    return site.call("GET", f"/rest/api/{version}/issue/{key}").json()["fields"]


def test_an_issue_is_created_with_property_and_transition_in_one_call(acme: SiteHandle) -> None:
    body = {
        "fields": {"project": {"key": "WEB"}, "issuetype": {"id": "10001"}, "summary": "One call"},
        "properties": [{"key": "tandem", "value": {"link": "1"}}],
        "transition": {"id": "11"},
    }
    made = acme.call("POST", "issue", json=body).json()
    assert made["transition"]["status"] == 200
    issue = acme.call("GET", f"issue/{made['id']}?properties=tandem").json()
    assert issue["properties"] == {"tandem": {"link": "1"}}
    assert issue["fields"]["status"]["name"] == "In Progress"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"summary": None}, "summary", "You must specify a summary"),
        ({"summary": "a\nb"}, "summary", "newline"),
        ({"summary": "x" * 256}, "summary", "255"),
        ({"nonsense": 1}, "nonsense", "not on the appropriate screen, or unknown"),
        ({"labels": ["a b"]}, "labels", "contains spaces"),
        ({"priority": {"name": "Urgent"}}, "priority", "is not valid"),
        ({"duedate": "24.12.2026"}, "duedate", "Error parsing date"),
        ({"description": "plain"}, "description", "must be an Atlassian Document"),
        ({"customfield_10033": "3"}, "customfield_10033", "must be a number"),
        ({"customfield_10035": {"value": "Nope"}}, "customfield_10035", "is not valid"),
        ({"assignee": {"accountId": "who"}}, "assignee", "does not exist"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_nothing_changes(
    acme: SiteHandle, change: dict, field: str, words: str
) -> None:
    key = new_issue(acme, "Before")
    before = fields_of(acme, key)
    body = {"fields": {"duedate": "2026-01-01", **change}}
    answer = acme.call("PUT", f"issue/{key}", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][field]
    assert fields_of(acme, key) == before


def test_a_document_that_breaks_the_schema_is_refused(acme: SiteHandle) -> None:
    wrong = {"type": "doc", "version": 1, "content": [{"type": "zap"}]}
    answer = acme.call("PUT", "issue/WEB-1", json={"fields": {"description": wrong}})
    assert answer.status_code == 400 and answer.json()["errorMessages"] == ["INVALID_INPUT"]


def test_v2_speaks_wiki_markup_where_v3_speaks_documents(acme: SiteHandle) -> None:
    body = {"fields": {"description": "h1. Title\n\nSome *bold* text"}}
    assert acme.call("PUT", "/rest/api/2/issue/WEB-1", json=body).status_code == 204
    content = fields_of(acme, "WEB-1")["description"]["content"]
    assert [node["type"] for node in content] == ["heading", "paragraph"]
    assert "*bold*" in fields_of(acme, "WEB-1", 2)["description"]


def test_every_kind_of_custom_field_comes_back_as_it_went(acme: SiteHandle) -> None:
    who = acme.users[1]["accountId"]
    values = {
        "customfield_10031": "Northwind",
        "customfield_10032": adf("A note"),
        "customfield_10033": 3.5,
        "customfield_10034": "2026-02-28",
        "customfield_10035": {"value": "Major"},
        "customfield_10036": [{"value": "iOS"}, {"value": "Web"}],
        "customfield_10037": {"accountId": who},
        "customfield_10038": ["z", "a"],
    }
    fields = fields_of(acme, new_issue(acme, **values))
    assert fields["customfield_10031"] == "Northwind"
    assert fields["customfield_10032"] == adf("A note")
    assert fields["customfield_10033"] == 3.5
    assert fields["customfield_10034"] == "2026-02-28"
    assert fields["customfield_10035"]["value"] == "Major"
    assert [o["value"] for o in fields["customfield_10036"]] == ["Web", "iOS"]
    assert fields["customfield_10037"]["accountId"] == who
    assert fields["customfield_10038"] == ["a", "z"]


def test_update_verbs_add_and_remove(acme: SiteHandle) -> None:
    key = new_issue(acme, labels=["a", "b"])
    body = {"update": {"labels": [{"add": "c"}, {"remove": "a"}]}}
    assert acme.call("PUT", f"issue/{key}", json=body).status_code == 204
    assert fields_of(acme, key)["labels"] == ["b", "c"]
    changes = acme.call("GET", f"issue/{key}/changelog").json()["values"]
    assert changes[0]["items"][0] | {"fieldtype": "jira"} == {
        "field": "labels", "fieldId": "labels", "fieldtype": "jira",
        "from": "", "fromString": "a b", "to": "", "toString": "b c",
    }  # fmt: skip


def test_an_edit_can_answer_with_the_issue(acme: SiteHandle) -> None:
    answer = acme.call("PUT", "issue/WEB-1?returnIssue=true", json={"fields": {"summary": "New"}})
    assert answer.status_code == 200 and answer.json()["fields"]["summary"] == "New"


def test_updated_moves_with_every_change_and_only_forward(acme: SiteHandle) -> None:
    key = new_issue(acme)
    times = [fields_of(acme, key)["updated"]]
    for number in range(5):
        acme.call("PUT", f"issue/{key}", json={"fields": {"summary": f"No {number}"}})
        times.append(fields_of(acme, key)["updated"])
    assert times == sorted(set(times))


def test_done_is_reached_step_by_step_and_brings_a_resolution(acme: SiteHandle) -> None:
    key = new_issue(acme)
    offered = acme.call("GET", f"issue/{key}/transitions").json()["transitions"]
    assert [t["to"]["name"] for t in offered] == ["In Progress"]
    wrong = acme.call("POST", f"issue/{key}/transitions", json={"transition": {"id": "51"}})
    assert wrong.status_code == 400
    for move in ("11", "31"):
        acme.call("POST", f"issue/{key}/transitions", json={"transition": {"id": move}})
    body = {"transition": {"id": "51"}, "fields": {"resolution": {"name": "Duplicate"}}}
    assert acme.call("POST", f"issue/{key}/transitions", json=body).status_code == 204
    assert fields_of(acme, key)["resolution"]["name"] == "Duplicate"
    acme.call("POST", f"issue/{key}/transitions", json={"transition": {"id": "61"}})
    assert fields_of(acme, key)["resolution"] is None


def test_bulk_create_reports_the_failed_beside_the_made(acme: SiteHandle) -> None:
    good = {"project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": "Good"}
    updates = [{"fields": good}, {"fields": {**good, "summary": ""}}, {"fields": good}]
    answer = acme.call("POST", "issue/bulk", json={"issueUpdates": updates})
    assert answer.status_code == 201
    assert len(answer.json()["issues"]) == 2
    assert [e["failedElementNumber"] for e in answer.json()["errors"]] == [1]
    many = acme.call("POST", "issue/bulk", json={"issueUpdates": [{"fields": good}] * 51})
    assert many.status_code == 400


def test_bulk_fetch_gives_found_and_missing(acme: SiteHandle) -> None:
    acme.call("PUT", "issue/WEB-1/properties/tandem", json={"link": "1"})
    body = {
        "issueIdsOrKeys": ["WEB-2", "WEB-1", "NO-1"],
        "fields": ["summary"],
        "properties": ["tandem"],
    }
    answer = acme.call("POST", "issue/bulkfetch", json=body).json()
    assert [i["key"] for i in answer["issues"]] == ["WEB-1", "WEB-2"]
    assert answer["issues"][0]["properties"] == {"tandem": {"link": "1"}}
    assert [e["id"] for e in answer["issueErrors"]] == ["NO-1"]


def test_a_field_off_the_screen_is_in_no_metadata_and_cannot_be_set(acme: SiteHandle) -> None:
    sup = {"project": {"key": "SUP"}, "customfield_10033": 1}
    fields = {"issuetype": {"name": "Task"}, "summary": "x", **sup}
    answer = acme.call("POST", "issue", json={"fields": fields})
    assert "appropriate screen" in answer.json()["errors"]["customfield_10033"]
    meta = acme.call("GET", "issue/createmeta/SUP/issuetypes/10001").json()
    assert "customfield_10033" not in {f["fieldId"] for f in meta["fields"]}
    assert "customfield_10033" not in acme.call("GET", "issue/SUP-2/editmeta").json()["fields"]


def test_a_viewer_sees_one_project_and_changes_nothing(acme: SiteHandle) -> None:
    viewer = acme.users[4]
    auth = (viewer["email"], viewer["token"])
    assert acme.call("GET", "issue/WEB-1", auth=auth).status_code == 200
    assert acme.call("GET", "issue/SUP-1", auth=auth).status_code == 404
    body = {"fields": {"summary": "Mine"}}
    assert acme.call("PUT", "issue/WEB-1", json=body, auth=auth).status_code == 403
    assert acme.call("GET", "myself", auth=(viewer["email"], "wrong")).status_code == 401


def test_comments_live_and_go(acme: SiteHandle) -> None:
    body = {"body": adf("First"), "properties": [{"key": "tandem", "value": 1}]}
    made = acme.call("POST", "issue/WEB-1/comment", json=body).json()
    path = f"issue/WEB-1/comment/{made['id']}"
    assert acme.call("PUT", path, json={"body": adf("Second")}).json()["body"] == adf("Second")
    assert acme.call("GET", f"/rest/api/2/{path}").json()["body"] == "Second"
    listed = acme.call("POST", "comment/list?expand=properties", json={"ids": [int(made["id"])]})
    assert listed.json()["values"][0]["properties"] == [{"key": "tandem", "value": 1}]
    assert acme.call("POST", "issue/WEB-1/comment", json={"body": adf("")}).status_code == 400
    assert acme.call("DELETE", path).status_code == 204
    assert acme.call("GET", "issue/WEB-1/comment").json()["total"] == 0


def test_deleting_wants_the_subtasks_named(acme: SiteHandle) -> None:
    key = new_issue(acme)
    new_issue(acme, issuetype={"name": "Sub-task"}, parent={"key": key})
    assert acme.call("DELETE", f"issue/{key}").status_code == 400
    assert acme.call("DELETE", f"issue/{key}?deleteSubtasks=true").status_code == 204
    assert acme.call("GET", f"issue/{key}").status_code == 404


def test_ids_differ_between_the_sites(sandbox: Running) -> None:
    def ids(path: str) -> tuple[set[str], set[str]]:
        acme, globex = ({x["id"] for x in s.call("GET", path).json()} for s in sandbox.sites)
        return acme, globex

    acme, globex = ids("priority")
    assert not acme & globex
    custom = [{i for i in side if i.startswith("customfield")} for side in ids("field")]
    assert custom[0] and not custom[0] & custom[1]


def test_one_scheme_of_globex_has_a_blocker(sandbox: Running) -> None:
    fields = {"project": {"key": "PLAT"}, "issuetype": {"name": "Task"}, "summary": "x"}
    fields["priority"] = {"name": "Blocker"}
    answer = sandbox.globex.call("POST", "issue", json={"fields": fields})
    assert "Blocker" in answer.json()["errors"]["priority"]
    fields["project"] = {"key": "OPS"}
    assert sandbox.globex.call("POST", "issue", json={"fields": fields}).status_code == 201
    sandbox.globex.reset()
