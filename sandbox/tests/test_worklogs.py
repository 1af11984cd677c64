"""Worklogs: time moves with them, their histories and webhooks, and their properties."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.process import SiteHandle
from sandbox.tests.helpers import NoteTaker, adf, new_issue

pytestmark = pytest.mark.real

STARTED = "2026-02-03T10:00:00.000+0100"


def log(site: SiteHandle, key: str, query: str = "", **more: Any) -> dict[str, Any]:
    body = {"timeSpent": "1h", "started": STARTED, **more}
    answer = site.call("POST", f"issue/{key}/worklog{query}", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def times(site: SiteHandle, key: str) -> tuple[Any, Any]:
    fields = site.call("GET", f"issue/{key}?fields=timespent,timeestimate").json()["fields"]
    return fields["timespent"], fields["timeestimate"]


def test_work_is_logged_edited_and_deleted(acme: SiteHandle) -> None:
    key = new_issue(acme)
    properties = [{"key": "tandem", "value": {"source": "7"}}]
    made = log(acme, key, timeSpent="1d 2h 30m", comment=adf("Thought"), properties=properties)
    assert (made["timeSpentSeconds"], made["timeSpent"]) == (37_800, "1d 2h 30m")
    assert made["comment"] == adf("Thought") and made["started"] == STARTED
    path = f"issue/{key}/worklog/{made['id']}"
    assert acme.call("GET", f"/rest/api/2/{path}").json()["comment"] == "Thought"
    shown = acme.call("GET", f"{path}?expand=properties").json()
    assert shown["properties"] == properties
    put = acme.call("PUT", path, json={"timeSpentSeconds": 120, "started": STARTED})
    assert put.json()["timeSpent"] == "2m" and put.json()["comment"] == adf("Thought")
    assert acme.call("DELETE", path).status_code == 204
    assert acme.call("GET", path).status_code == 404
    assert acme.call("GET", f"issue/{key}/worklog").json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", 3600), ("?adjustEstimate=leave", 7200), ("?adjustEstimate=new&newEstimate=5h", 18_000),
        ("?adjustEstimate=manual&reduceBy=30m", 5400),
    ],
)  # fmt: skip
def test_the_estimate_moves_as_the_request_says(acme: SiteHandle, query: str, left: int) -> None:
    key = new_issue(acme)
    log(acme, key, "?adjustEstimate=new&newEstimate=2h")
    assert times(acme, key) == (3600, 7200)
    made = log(acme, key, query)
    assert times(acme, key) == (7200, left)
    acme.call("DELETE", f"issue/{key}/worklog/{made['id']}?adjustEstimate=leave")
    assert times(acme, key) == (3600, left)


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ({}, ""),
        ({"timeSpent": "soon"}, ""),
        ({"timeSpentSeconds": 59}, ""),
        ({"timeSpent": "1h", "timeSpentSeconds": 3600}, ""),
        ({"timeSpent": "1h", "started": "2026-02-03T10:00:00Z"}, ""),
        ({"timeSpent": "1h", "started": "2026-02-31T10:00:00.000+0000"}, ""),
        ({"timeSpent": "1h", "comment": {"type": "doc", "version": 1, "content": [{}]}}, ""),
        ({"timeSpent": "1h"}, "?adjustEstimate=new"),
        ({"timeSpent": "1h"}, "?adjustEstimate=manual"),
        ({"timeSpent": "1h"}, "?adjustEstimate=sometimes"),
    ],
)
def test_what_is_wrong_is_refused_and_moves_nothing(
    acme: SiteHandle, body: dict[str, Any], query: str
) -> None:
    key = new_issue(acme)
    answer = acme.call("POST", f"issue/{key}/worklog{query}", json=body)
    assert answer.status_code == 400
    assert acme.call("GET", f"issue/{key}/worklog").json()["total"] == 0
    assert times(acme, key) == (None, None)


def test_an_issue_shows_its_first_twenty_and_pages_the_rest(acme: SiteHandle) -> None:
    key = new_issue(acme)
    acme.limits(issueWrites={"on": False})
    made = [log(acme, key)["id"] for _ in range(22)]
    field = acme.call("GET", f"issue/{key}?fields=worklog").json()["fields"]["worklog"]
    assert (field["total"], field["maxResults"]) == (22, 20)
    assert [one["id"] for one in field["worklogs"]] == made[:20]
    page = acme.call("GET", f"issue/{key}/worklog?startAt=20").json()
    assert [one["id"] for one in page["worklogs"]] == made[20:]


def test_the_history_and_the_webhooks_tell_of_it(acme: SiteHandle, note_taker: NoteTaker) -> None:
    names = ("worklog_created", "worklog_updated", "worklog_deleted")
    for name in names:
        hook = {"event": name, "url": f"/hooks/{name}"}
        note_taker.descriptor["modules"]["webhooks"].append(hook)
    acme.install(note_taker.descriptor_url)
    try:
        key = new_issue(acme)
        issue_id = acme.call("GET", f"issue/{key}?fields=summary").json()["id"]
        made = log(acme, key, comment=adf("Thought"))
        path = f"issue/{key}/worklog/{made['id']}"
        acme.call("PUT", path, json={"timeSpent": "2h", "started": STARTED})
        acme.call("DELETE", path)
        for name in names:
            body = note_taker.wait_for(f"/hooks/{name}")[0].body
            assert set(body) == {"timestamp", "webhookEvent", "worklog"}
            assert (body["worklog"]["id"], body["worklog"]["issueId"]) == (made["id"], issue_id)
        told = [r.body for r in note_taker.wait_for("/hooks/jira:issue_updated", 3)]
        told.sort(key=lambda body: body["timestamp"])
        assert [body["issue_event_type_name"] for body in told] == [
            "issue_work_logged", "issue_worklog_updated", "issue_worklog_deleted",
        ]  # fmt: skip
        items = {item["field"]: item for item in told[1]["changelog"]["items"]}
        assert (items["timespent"]["from"], items["timespent"]["to"]) == ("3600", "7200")
        assert items["WorklogId"]["from"] == made["id"] and "fieldId" not in items["WorklogId"]
    finally:
        acme.uninstall("note-taker")


def test_others_work_is_left_to_admins_and_apps(acme: SiteHandle) -> None:
    key = new_issue(acme)
    made = log(acme, key)
    developer = next(u for u in acme.users if u["email"].startswith("developer"))
    as_developer = (developer["email"], developer["token"])
    path = f"issue/{key}/worklog/{made['id']}"
    assert acme.call("DELETE", path, auth=as_developer).status_code == 400
    assert acme.call("PUT", path, json={"timeSpent": "1m"}, auth=as_developer).status_code == 400
    viewer = next(u for u in acme.users if u["email"].startswith("viewer"))
    answer = acme.call("POST", f"issue/{key}/worklog", json={"timeSpent": "1h"},
                       auth=(viewer["email"], viewer["token"]))  # fmt: skip
    assert answer.status_code == 400


def test_properties_of_a_worklog_are_kept(acme: SiteHandle) -> None:
    key = new_issue(acme)
    path = f"issue/{key}/worklog/{log(acme, key)['id']}/properties"
    assert acme.call("PUT", f"{path}/tandem", json={"a": 1}).status_code == 201
    assert acme.call("PUT", f"{path}/tandem", json={"a": 2}).status_code == 200
    assert acme.call("GET", f"{path}/tandem").json() == {"key": "tandem", "value": {"a": 2}}
    assert [one["key"] for one in acme.call("GET", path).json()["keys"]] == ["tandem"]
    assert acme.call("DELETE", f"{path}/tandem").status_code == 204
    assert acme.call("GET", f"{path}/tandem").status_code == 404


def test_what_changed_since_a_moment_is_told_over_all_issues(acme: SiteHandle) -> None:
    first, second = log(acme, new_issue(acme)), log(acme, new_issue(acme))
    page = acme.call("GET", "worklog/updated?since=0").json()
    assert [one["worklogId"] for one in page["values"]] == [int(first["id"]), int(second["id"])]
    assert page["lastPage"] is True
    later = acme.call("GET", f"worklog/updated?since={page['until']}").json()
    assert later["values"] == []
    found = acme.call("POST", "worklog/list", json={"ids": [int(second["id"]), 1]}).json()
    assert [one["id"] for one in found] == [second["id"]]
    acme.call("DELETE", f"issue/{second['issueId']}")
    gone = acme.call("GET", "worklog/deleted?since=0").json()
    assert [one["worklogId"] for one in gone["values"]] == [int(second["id"])]
