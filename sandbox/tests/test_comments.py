"""Comments: marks, who may see them, pages, and what webhooks tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.process import SiteHandle
from sandbox.tests.helpers import NoteTaker, adf, as_app

INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}


def made(site: SiteHandle, key: str, text: str = "Hi", **more: Any) -> dict[str, Any]:
    answer = site.call("POST", f"issue/{key}/comment", json={"body": adf(text), **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def shown(site: SiteHandle, key: str) -> list[dict[str, Any]]:
    """The comments in the field of an issue, as a bulk read gives them."""
    body = {"issueIdsOrKeys": [key], "fields": ["comment"]}
    [issue] = site.call("POST", "issue/bulkfetch", json=body).json()["issues"]
    found: list[dict[str, Any]] = issue["fields"]["comment"]["comments"]
    return found


def test_a_comment_takes_its_properties_in_the_call_that_makes_it(acme: SiteHandle) -> None:
    mark = {"key": "mark", "value": {"source": "1"}}
    comment = made(acme, "WEB-1", properties=[mark])
    body = {"ids": [int(comment["id"])]}
    [found] = acme.call("POST", "comment/list?expand=properties", json=body).json()["values"]
    assert found["properties"] == [mark]
    [bare] = acme.call("POST", "comment/list", json=body).json()["values"]
    assert "properties" not in bare
    assert "properties" not in next(c for c in shown(acme, "WEB-1") if c["id"] == comment["id"])


def test_an_internal_comment_is_one_by_its_property_and_only_in_a_service_project(
    acme: SiteHandle,
) -> None:
    fields = acme.call("GET", "issue/SUP-1").json()["fields"]
    assert fields["project"]["projectTypeKey"] == "service_desk"
    role = {"type": "role", "value": "Administrators"}
    assert made(acme, "SUP-1")["jsdPublic"] is True
    assert made(acme, "SUP-1", visibility=role)["jsdPublic"] is True
    inside = made(acme, "SUP-1", properties=[INTERNAL])
    assert inside["jsdPublic"] is False
    assert made(acme, "WEB-1", properties=[INTERNAL])["jsdPublic"] is True
    [found] = [c for c in shown(acme, "SUP-1") if c["id"] == inside["id"]]
    assert found["jsdPublic"] is False
    path = f"comment/{inside['id']}/properties/sd.public.comment"
    acme.call("PUT", path, json={"internal": False})
    assert acme.call("GET", f"issue/SUP-1/comment/{inside['id']}").json()["jsdPublic"] is True


def test_a_reader_of_the_issue_gets_a_hundred_comments_and_the_number_of_all(
    acme: SiteHandle,
) -> None:
    acme.limits(issueWrites={"on": False}, burst={"on": False})
    for number in range(103):
        made(acme, "WEB-2", f"Number {number}")
    field = acme.call("GET", "issue/WEB-2?fields=comment").json()["fields"]["comment"]
    assert (len(field["comments"]), field["total"]) == (100, 103)
    page = acme.call("GET", "issue/WEB-2/comment?startAt=100").json()
    assert (len(page["comments"]), page["total"]) == (3, 103)
    acme.limits(issueWrites={"on": True}, burst={"on": True})


@pytest.mark.parametrize(("length", "status"), [(32_767, 201), (32_768, 400)])
def test_a_comment_may_have_32767_characters(acme: SiteHandle, length: int, status: int) -> None:
    answer = acme.call("POST", "issue/WEB-2/comment", json={"body": adf("x" * length)})
    assert answer.status_code == status
    if status == 400:
        assert "32,767" in answer.json()["errors"]["comment"]


def test_an_admins_rule_refuses_the_comment_of_an_app_and_of_nobody_else(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.refusals({"field": "comment", "values": ["Not this"], "message": "No such words here."})
    assert made(acme, "WEB-1", "Not this")["author"]["accountType"] == "atlassian"
    path = "/rest/api/3/issue/WEB-1/comment"
    refused = as_app(acme, "POST", path, json={"body": adf("Not this")})
    assert refused.json()["errors"] == {"comment": "No such words here."}
    taken = as_app(acme, "POST", path, json={"body": adf("But this")})
    assert taken.json()["author"]["accountType"] == "app"
    acme.refusals()


def test_the_webhooks_of_a_comment_are_its_own_and_one_of_its_issue(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    comment = made(acme, "SUP-1", "Told", properties=[INTERNAL])
    [told] = [
        one.body
        for one in installed.wait_for("/hooks/comment_created")
        if one.body["comment"]["id"] == comment["id"]
    ]
    assert told["comment"]["jsdPublic"] is False
    assert told["comment"]["body"] == "Told"
    assert "updated" not in told["issue"]["fields"]
    of_issue = [
        one.body
        for one in installed.wait_for("/hooks/jira:issue_updated")
        if one.body.get("comment", {}).get("id") == comment["id"]
    ]
    assert [one["issue_event_type_name"] for one in of_issue] == ["issue_commented"]
    assert "changelog" not in of_issue[0]
