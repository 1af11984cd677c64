"""Faults of every kind on any path, a latency for every call, and searches over 10,000 issues."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
import requests

from sandbox.process import SiteHandle, running
from sandbox.tests.helpers import adf, new_issue


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_refusal_is_thrown_in_by_path_and_only_there(acme: SiteHandle, status: int) -> None:
    key = new_issue(acme)
    acme.faults({"kind": str(status), "path": f"/issue/{key}$", "method": "GET"})
    answer = acme.call("GET", f"issue/{key}")
    assert answer.status_code == status
    assert answer.json()
    assert acme.call("PUT", f"issue/{key}", json={"fields": {"labels": ["a"]}}).status_code == 204
    acme.faults()
    assert acme.call("GET", f"issue/{key}").json()["fields"]["labels"] == ["a"]


def test_maintenance_is_a_page_and_no_json(acme: SiteHandle) -> None:
    acme.faults({"kind": "503-html", "times": 1})
    answer = acme.call("GET", "myself")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert acme.call("GET", "myself").status_code == 200


def test_a_latency_is_waited_out_by_every_rest_call_until_it_is_taken_away(
    acme: SiteHandle,
) -> None:
    acme.latency(300)
    began = time.monotonic()
    assert acme.call("GET", "myself").status_code == 200
    assert time.monotonic() - began >= 0.3
    assert acme.control("GET", "latency") == {"milliseconds": 300}
    acme.latency(0)
    assert acme.control("GET", "latency") == {"milliseconds": 0}
    for wrong in (-1, 60_001, "50", None, True):
        with pytest.raises(requests.HTTPError, match="milliseconds"):
            acme.control("PUT", "latency", {"milliseconds": wrong})


def test_a_changelog_tells_both_values_of_every_field_as_text(acme: SiteHandle) -> None:
    key = new_issue(acme, description=adf("First words"), labels=["a"], priority={"id": "3"})
    fields = {
        "summary": "Another",
        "description": adf("Second words"),
        "labels": ["b", "c"],
        "priority": {"id": "1"},
        "duedate": "2027-01-31",
    }
    assert acme.call("PUT", f"issue/{key}", json={"fields": fields}).status_code == 204
    [change] = acme.call("GET", f"issue/{key}/changelog").json()["values"]
    told = {
        item["fieldId"]: (item["from"], item["fromString"], item["to"], item["toString"])
        for item in change["items"]
    }
    assert told == {
        "summary": (None, "An issue", None, "Another"),
        "description": (None, "First words", None, "Second words"),
        "labels": ("", "a", "", "b c"),
        "priority": ("3", "Medium", "1", "Highest"),
        "duedate": (None, None, "2027-01-31", "2027-01-31 00:00:00.0"),
    }
    body = {"issueIdsOrKeys": [key], "fieldIds": ["labels"]}
    [found] = acme.call("POST", "changelog/bulkfetch", json=body).json()["issueChangeLogs"]
    [[item]] = [one["items"] for one in found["changeHistories"]]
    assert (item["fromString"], item["toString"]) == ("a", "b c")


@pytest.fixture(scope="module")
def large() -> Iterator[SiteHandle]:
    with running(delivery_delay=10, index_delay=0) as found:
        found.acme.make_issues(10_000, "WEB")
        yield found.acme
        assert found.broken_answers() == []


def pages(site: SiteHandle, jql: str) -> Iterator[list[str]]:
    body = {"jql": jql, "fields": ["summary"], "maxResults": 100}
    while True:
        page = site.call("POST", "search/jql", json=body).json()
        yield [issue["key"] for issue in page["issues"]]
        if "nextPageToken" not in page:
            return
        body["nextPageToken"] = page["nextPageToken"]


def test_ten_thousand_issues_are_paged_through_whole(large: SiteHandle) -> None:
    found = [key for page in pages(large, "project = WEB ORDER BY key ASC") for key in page]
    assert len(found) == len(set(found)) >= 10_000
    assert found == sorted(found, key=lambda key: int(key.split("-")[1]))


def test_what_moves_between_two_pages_shows_in_the_later_one(large: SiteHandle) -> None:
    some = pages(large, "project = WEB AND labels = moving ORDER BY key ASC")
    assert next(some) == []
    for key in ("WEB-20", "WEB-30", "WEB-40"):
        large.call("PUT", f"issue/{key}", json={"fields": {"labels": ["moving"]}})
    [found] = pages(large, "project = WEB AND labels = moving ORDER BY key ASC")
    assert found == ["WEB-20", "WEB-30", "WEB-40"]
    large.call("PUT", "issue/WEB-30", json={"fields": {"labels": []}})
    assert large.call("DELETE", "issue/WEB-40").status_code == 204
    [found] = pages(large, "project = WEB AND labels = moving ORDER BY key ASC")
    assert found == ["WEB-20"]


def test_a_search_by_time_finds_what_was_updated_since_and_nothing_else(large: SiteHandle) -> None:
    def updated(key: str) -> int:
        text = large.call("GET", f"issue/{key}").json()["fields"]["updated"]
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)

    for key in ("WEB-50", "WEB-60"):
        large.call("PUT", f"issue/{key}", json={"fields": {"labels": [key]}})
    for query, wanted in (
        (f"updated >= {updated('WEB-50')} AND project = WEB", {"WEB-50", "WEB-60"}),
        (f"project = WEB AND updated > {updated('WEB-50')}", {"WEB-60"}),
        (f"updated >= {updated('WEB-60')}", {"WEB-60"}),
        (f"updated > {updated('WEB-60')}", set()),
        (f"updated > {updated('WEB-60')} OR key = WEB-50", {"WEB-50"}),
        (f"NOT updated < {updated('WEB-60')}", {"WEB-60"}),
    ):
        assert {key for page in pages(large, query) for key in page} == wanted, query
