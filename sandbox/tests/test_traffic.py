"""The counter, the faults, the limits, and the check against Atlassian's document."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from werkzeug.datastructures import MultiDict

from sandbox.cli import DEFAULT_OPENAPI
from sandbox.openapi import Document
from sandbox.process import SiteHandle
from sandbox.tests.helpers import APP_KEY, NoteTaker, as_app, by_the_document, new_issue

pytestmark = pytest.mark.real


def test_calls_are_counted_by_app_and_path(acme: SiteHandle, installed: NoteTaker) -> None:
    acme.clear_calls()
    as_app(acme, "GET", "/rest/api/3/issue/WEB-1")
    as_app(acme, "PUT", "/rest/api/3/issue/WEB-1", json={"fields": {"summary": "x"}})
    body = {"issueIdsOrKeys": ["WEB-1", "WEB-2"]}
    as_app(acme, "POST", "/rest/api/3/issue/bulkfetch", json=body)
    acme.call("GET", "myself")
    calls = acme.calls()
    mine = calls["byApp"][APP_KEY]
    assert (mine["total"], mine["reads"], mine["writes"]) == (3, 2, 1)
    assert mine["points"] == 2 + 1 + 3
    assert mine["paths"]["GET /rest/api/3/issue/{issueIdOrKey}"] == 1
    assert calls["byApp"]["users"]["total"] == 1 and calls["total"] == 4


def test_a_get_with_a_body_is_refused(acme: SiteHandle) -> None:
    assert acme.call("GET", "myself", json={}).status_code == 403


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("401", 401),
        ("403", 403),
        ("404", 404),
        ("409", 409),
        ("429", 429),
        ("429-no-retry-after", 429),
        ("500", 500),
        ("502-html", 502),
        ("503", 503),
        ("503-html", 503),
        ("200-html", 200),
    ],
)
def test_a_fault_answers_in_place_of_jira(acme: SiteHandle, kind: str, status: int) -> None:
    acme.faults({"kind": kind, "method": "PUT", "path": "/issue/", "times": 1})
    body = {"fields": {"summary": "Changed"}}
    answer = acme.call("PUT", "issue/WEB-1", json=body)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (kind == "429")
    assert answer.headers["Content-Type"].startswith("text/html") == kind.endswith("-html")
    summary = acme.call("GET", "issue/WEB-1?fields=summary").json()["fields"]["summary"]
    assert summary != "Changed"
    assert acme.call("PUT", "issue/WEB-1", json=body).status_code == 204


@pytest.mark.parametrize("kind", ["drop-connection", "half-answer", "timeout"])
def test_a_broken_connection_breaks_the_call(acme: SiteHandle, kind: str) -> None:
    acme.faults({"kind": kind, "path": "/issue/WEB-1", "times": 1, "seconds": 0.1})
    with pytest.raises(requests.RequestException):
        acme.call("GET", "issue/WEB-1")
    assert acme.call("GET", "issue/WEB-1").status_code == 200


def test_a_write_can_be_kept_and_its_answer_lost(acme: SiteHandle) -> None:
    acme.faults({"kind": "commit-then-500", "path": "/issue$", "method": "POST", "times": 1})
    fields = {"project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": "Kept"}
    assert acme.call("POST", "issue", json={"fields": fields}).status_code == 500
    found = acme.call("GET", "search/jql", params={"jql": "summary ~ Kept"}).json()
    assert len(found["issues"]) == 1


def test_a_wrong_rule_is_refused_and_the_old_ones_stay(acme: SiteHandle) -> None:
    acme.faults({"kind": "503", "app": "nobody"})
    for wrong in (
        {"kind": "earthquake"},
        {"kind": "500", "when": "now"},
        {"kind": "500", "path": "("},
    ):
        with pytest.raises(requests.HTTPError, match="400"):
            acme.faults(wrong)
    assert acme.control("GET", "faults") == [{"kind": "503", "app": "nobody", "probability": 1.0}]


def test_too_many_writes_on_one_issue_are_refused_with_a_reason(acme: SiteHandle) -> None:
    assert acme.limits()["issueWrites"] == {"on": True, "short": [20, 2.0], "long": [100, 30.0]}
    acme.limits(issueWrites={"short": [20, 600.0]})  # a busy machine takes its time for them
    key = new_issue(acme)
    answers = [
        acme.call("PUT", f"issue/{key}", json={"fields": {"summary": f"No {n}"}}) for n in range(21)
    ]
    assert [a.status_code for a in answers] == [204] * 20 + [429]
    assert answers[-1].headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_burst_on_one_endpoint_is_refused(acme: SiteHandle) -> None:
    acme.limits(burst={"read": 1})
    with ThreadPoolExecutor(8) as pool:  # several of them come within a second on any machine
        answers = list(pool.map(lambda _: acme.call("GET", "serverInfo"), range(30)))
    refused = [a for a in answers if a.status_code == 429]
    assert refused and refused[0].headers["RateLimit-Reason"] == "jira-burst-based"
    assert acme.call("GET", "myself").status_code == 200


def test_an_app_without_points_waits_while_people_go_on(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.limits(points={"perHour": 3})
    assert as_app(acme, "GET", "/rest/api/3/issue/WEB-1").headers["X-RateLimit-Remaining"] == "1"
    as_app(acme, "GET", "/rest/api/3/issue/WEB-1")
    answer = as_app(acme, "GET", "/rest/api/3/issue/WEB-1")
    assert answer.status_code == 429
    assert answer.headers["RateLimit-Reason"] == "jira-quota-global-based"
    assert acme.call("GET", "issue/WEB-1").status_code == 200


@by_the_document
def test_a_request_that_breaks_the_document_is_refused(acme: SiteHandle) -> None:
    answer = acme.call("POST", "issue/bulkfetch", json={"issueIdsOrKeys": "WEB-1"})
    assert answer.status_code == 400 and "issueIdsOrKeys" in answer.text
    answer = acme.call("GET", "issue/WEB-1?updateHistory=perhaps")
    assert answer.status_code == 400 and "updateHistory" in answer.text


def test_an_answer_that_breaks_the_document_is_found() -> None:
    if not DEFAULT_OPENAPI.exists():
        pytest.skip("Atlassian's document is not beside the repository")
    document = Document.load(DEFAULT_OPENAPI)
    operation = document.operation("GET", "/rest/api/3/issue/{issueIdOrKey}")
    assert operation is not None and operation.scope == "READ"
    assert document.answer_faults(operation, 200, {"id": "1", "fields": {}}) == []
    assert document.answer_faults(operation, 200, {"id": 1}) != []
    assert document.answer_faults(operation, 200, {"id": "1", "more": 1}) != []
    assert document.request_faults(operation, MultiDict({"failFast": "x"}), None, False) != []


def test_reset_brings_the_seed_back_and_keeps_apps(acme: SiteHandle, installed: NoteTaker) -> None:
    acme.make_issues(3, "SUP", "Bug")
    acme.call("PUT", "issue/WEB-1", json={"fields": {"summary": "Changed"}})
    acme.reset()
    found = acme.call("POST", "search/approximate-count", json={"jql": "project in (WEB, SUP)"})
    assert found.json()["count"] == 6
    assert [a["key"] for a in acme.apps()] == [APP_KEY]


def test_an_admins_rules_refuse_what_an_app_writes_and_name_the_field(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.refusals(
        {"issue": "WEB-1", "field": "labels", "values": [["bad"]], "message": "Not these."},
        {"issue": "WEB-1", "field": "summary", "names": "duedate", "message": "A day is required."},
        {"project": "WEB", "on": "create", "status": 403, "message": "No."},
    )
    path = "/rest/api/3/issue/WEB-1"
    body = {"fields": {"summary": "x", "labels": ["bad"]}}
    answer = as_app(acme, "PUT", path, json=body)
    assert (answer.status_code, answer.json()) == (
        400,
        {"errorMessages": [], "errors": {"labels": "Not these.", "duedate": "A day is required."}},
    )
    assert as_app(acme, "PUT", path, json={"fields": {"labels": ["good"]}}).status_code == 204
    assert acme.call("PUT", "issue/WEB-1", json=body).status_code == 204
    made = {"project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": "x"}
    answer = as_app(acme, "POST", "/rest/api/3/issue", json={"fields": made})
    assert (answer.status_code, answer.json()["errorMessages"]) == (403, ["No."])
    with pytest.raises(requests.HTTPError, match="message"):
        acme.refusals({"project": "WEB"})
    acme.reset()
    answer = as_app(acme, "POST", "/rest/api/3/issue", json={"fields": made})
    assert answer.status_code == 201
