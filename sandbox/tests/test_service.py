"""Service projects: request types, organizations, SLAs, as their fields read and are written."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.process import Running, SiteHandle
from sandbox.tests.helpers import NoteTaker, adf, new_issue

pytestmark = pytest.mark.real

REQUEST, FIRMS, ANSWER, SOLUTION = (f"customfield_{n}" for n in range(10061, 10065))
OF_DESKS = {REQUEST, FIRMS}


def asked(site: SiteHandle, kind: str = "Task", **fields: Any) -> str:
    """A new issue of the service project."""
    return new_issue(site, project={"key": "SUP"}, issuetype={"name": kind}, **fields)


def read(site: SiteHandle, key: str, field: str, version: int = 3) -> Any:
    answer = site.call("GET", f"/rest/api/{version}/issue/{key}?fields={field}")
    return answer.json()["fields"][field]


def write(site: SiteHandle, key: str, version: int = 3, **fields: Any) -> dict[str, str]:
    """Write; returns the errors by field."""
    answer = site.call("PUT", f"/rest/api/{version}/issue/{key}", json={"fields": fields})
    assert answer.status_code in (204, 400), answer.text
    return answer.json()["errors"] if answer.status_code == 400 else {}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("given", ["26", "sup/pay"])
def test_a_request_type_is_written_as_text_and_read_as_an_object(
    acme: SiteHandle, version: int, given: str
) -> None:
    key = asked(acme, **{REQUEST: "25"})
    assert write(acme, key, version, **{REQUEST: given}) == {}
    for reader in (2, 3):
        found = read(acme, key, REQUEST, reader)
        assert found["requestType"]["id"] == "26"
        assert found["requestType"]["name"] == "Ask for a refund"
        assert found["currentStatus"]["status"] == "To Do"
        assert found["_links"]["agent"] == f"{acme.url}/browse/{key}"
    assert write(acme, key, version, **{REQUEST: None}) == {}
    assert read(acme, key, REQUEST) is None


def test_organizations_are_written_as_numbers_and_read_with_their_names(acme: SiteHandle) -> None:
    key = asked(acme, **{FIRMS: [3, 2]})
    found = read(acme, key, FIRMS)
    assert [(one["id"], one["name"]) for one in found] == [
        ("2", "Harbour Works"),
        ("3", "Hill Farm"),
    ]
    assert found[0]["_links"]["self"].endswith("/rest/servicedeskapi/organization/2")
    update = {"update": {FIRMS: [{"add": 4}, {"remove": 2}]}}
    assert acme.call("PUT", f"issue/{key}", json=update).status_code == 204
    assert [one["id"] for one in read(acme, key, FIRMS, 2)] == ["3", "4"]
    acme.control("PUT", "organizations", {"3": "Hillside Farm"})
    assert read(acme, key, FIRMS)[0]["name"] == "Hillside Farm"
    assert write(acme, key, **{FIRMS: []}) == {}
    assert read(acme, key, FIRMS) is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (REQUEST, {"id": "25"}, "Operation value must be a string"),
        (REQUEST, 25, "Operation value must be a string"),
        (REQUEST, "41", "Request type '41' is not valid."),
        (REQUEST, "27", "not valid for the issue type"),
        (FIRMS, [{"id": 2}], "Operation value must be a number at array index 0"),
        (FIRMS, [2, "3"], "Operation value must be a number at array index 1"),
        (FIRMS, [True], "Operation value must be a number at array index 0"),
        (FIRMS, 2, "data was not an array"),
        (FIRMS, [12], "Organization with id '12' does not exist."),
        (ANSWER, "met", "not on the appropriate screen"),
    ],
)
def test_what_the_fields_cannot_hold_is_refused_by_the_fields_name(
    acme: SiteHandle, field: str, value: Any, words: str
) -> None:
    assert words in write(acme, "SUP-2", **{field: value})[field]


def test_a_request_type_does_not_come_along_to_another_project(acme: SiteHandle) -> None:
    key = asked(acme, **{REQUEST: "25", FIRMS: [2]})
    moved = acme.move(key, "WEB")
    assert read(acme, moved, REQUEST) is None
    assert read(acme, moved, ANSWER) is None


def test_service_projects_alone_have_the_fields_and_no_list_of_their_values(
    sandbox: Running, acme: SiteHandle
) -> None:
    for project, kind, there in (
        ("SUP", "10001", OF_DESKS),
        ("SUP", "10002", OF_DESKS),
        ("SUP", "10004", set()),
        ("WEB", "10001", set()),
    ):
        path = f"issue/createmeta/{project}/issuetypes/{kind}?maxResults=200"
        found = {one["fieldId"]: one for one in acme.call("GET", path).json()["fields"]}
        assert found.keys() & {REQUEST, FIRMS, ANSWER, SOLUTION} == there
    edit = acme.call("GET", "issue/SUP-2/editmeta").json()["fields"]
    assert "allowedValues" not in edit[REQUEST]
    assert "allowedValues" not in edit[FIRMS]
    assert edit[REQUEST]["operations"] == ["set"]
    assert edit[FIRMS]["operations"] == ["add", "set", "remove"]
    assert "/organisations/project/10001/search" in edit[FIRMS]["autoCompleteUrl"]
    acme.control("PUT", "metadata", {"requestTypes": True})
    edit = acme.call("GET", "issue/SUP-2/editmeta").json()["fields"]
    assert {"id": "25", "name": "Get help"} in edit[REQUEST]["allowedValues"]
    schemas = {one["id"]: one["schema"] for one in sandbox.globex.call("GET", "field").json()}
    assert schemas["customfield_10161"]["custom"] == "com.atlassian.servicedesk:vp-origin"
    assert schemas["customfield_10162"]["items"] == "sd-customerorganization"
    assert schemas["customfield_10163"]["type"] == "sd-servicelevelagreement"


def test_changes_are_told_in_histories_and_webhooks(
    acme: SiteHandle, note_taker: NoteTaker
) -> None:
    acme.install(note_taker.descriptor_url)
    key = asked(acme, **{REQUEST: "25"})
    assert write(acme, key, **{REQUEST: "26", FIRMS: [2, 3]}) == {}
    told = note_taker.wait_for("/hooks/jira:issue_updated")[0].body
    items = {one["fieldId"]: one for one in told["changelog"]["items"]}
    assert (items[REQUEST]["fromString"], items[REQUEST]["toString"]) == ("sup/help", "sup/pay")
    assert (items[FIRMS]["to"], items[FIRMS]["toString"]) == ("2, 3", "Harbour Works, Hill Farm")
    assert told["issue"]["fields"][REQUEST]["requestType"]["id"] == "26"
    assert told["issue"]["fields"][ANSWER]["name"] == "Time to first response"


def test_an_sla_runs_by_itself_and_ends_with_an_answer_or_a_resolution(acme: SiteHandle) -> None:
    key = asked(acme)
    running = read(acme, key, ANSWER)
    assert running["completedCycles"] == []
    cycle = running["ongoingCycle"]
    assert (cycle["breached"], cycle["goalDuration"]["friendly"]) == (False, "4h")
    remaining, elapsed = cycle["remainingTime"]["millis"], cycle["elapsedTime"]["millis"]
    assert remaining + elapsed == 4 * 3_600_000
    internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
    agent = next(user for user in acme.users if user["email"].startswith("agent"))
    auth = (agent["email"], agent["token"])
    said = {"body": adf("Only among us"), "properties": internal}
    assert acme.call("POST", f"issue/{key}/comment", json=said, auth=auth).ok
    assert acme.call("POST", f"issue/{key}/comment", json={"body": adf("Mine")}).ok
    assert "ongoingCycle" in read(acme, key, ANSWER)
    assert acme.call("POST", f"issue/{key}/comment", json={"body": adf("Yes")}, auth=auth).ok
    done = read(acme, key, ANSWER)
    assert "ongoingCycle" not in done
    assert [one["breached"] for one in done["completedCycles"]] == [False]
    assert "ongoingCycle" in read(acme, key, SOLUTION)


def test_another_goal_may_breach_an_sla_and_the_issue_is_not_updated_by_it(
    acme: SiteHandle,
) -> None:
    key = asked(acme)
    before = read(acme, key, "updated")
    acme.control("PUT", "slas", {"Time to resolution": -1})
    assert read(acme, key, SOLUTION)["ongoingCycle"]["breached"] is True
    assert read(acme, key, ANSWER)["ongoingCycle"]["breached"] is False
    assert read(acme, key, "updated") == before
