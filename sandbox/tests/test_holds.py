"""Calls that wait to be let go, and the changelog in the answer of an edit."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sandbox.process import SiteHandle
from sandbox.tests.helpers import new_issue


def until(true: Callable[[], object]) -> None:
    """Wait for a state, two minutes at most."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def summary(site: SiteHandle, key: str) -> str:
    """The summary as it is now."""
    return str(site.call("GET", f"issue/{key}?fields=summary").json()["fields"]["summary"])


def test_a_held_call_works_once_it_is_let_go_and_a_held_answer_has_worked_before(
    acme: SiteHandle,
) -> None:
    key = new_issue(acme, summary="Before")
    with ThreadPoolExecutor(1) as pool:
        for kind, meanwhile in (("hold", "Before"), ("hold-answer", "hold-answer")):
            acme.faults({"kind": kind, "method": "PUT", "times": 1})
            body = {"fields": {"summary": kind}}
            answer = pool.submit(acme.call, "PUT", f"issue/{key}", json=body)
            until(lambda: acme.held() == 1)
            assert summary(acme, key) == meanwhile
            assert acme.let_go() == 1
            assert answer.result(120).status_code == 204
            assert summary(acme, key) == kind
            assert acme.held() == 0


def test_nothing_is_held_longer_than_its_rule_says_or_after_a_reset(acme: SiteHandle) -> None:
    acme.faults({"kind": "hold", "path": "/myself$", "seconds": 0.05, "times": 1})
    assert acme.call("GET", "myself").status_code == 200
    with ThreadPoolExecutor(1) as pool:
        acme.faults({"kind": "hold", "path": "/myself$"})
        answer = pool.submit(acme.call, "GET", "myself")
        until(lambda: acme.held() == 1)
        acme.reset()
        assert answer.result(120).status_code == 200


def test_an_edit_that_returns_its_issue_gives_the_changelog_as_a_read_does_newest_first(
    acme: SiteHandle,
) -> None:
    acme.limits(issueWrites={"on": False}, burst={"on": False})
    key = new_issue(acme, summary="0")
    for number in range(1, 102):
        acme.call("PUT", f"issue/{key}", json={"fields": {"summary": str(number)}})
    params = {"returnIssue": "true", "expand": "changelog"}
    body = {"fields": {"summary": "last"}}
    written = acme.call("PUT", f"issue/{key}", params=params, json=body).json()
    read = acme.call("GET", f"issue/{key}", params={"expand": "changelog"}).json()
    assert written["changelog"] == read["changelog"]
    assert written["changelog"]["total"] == 102
    told = [one["items"][0] for one in written["changelog"]["histories"]]
    assert [one["toString"] for one in told[:2]] == ["last", "101"]
    assert len(told) == 100
    for without in ({"returnIssue": "true"}, {"expand": "changelog"}):
        answer = acme.call("PUT", f"issue/{key}", params=without, json=body)
        assert "changelog" not in (answer.json() if answer.content else {})
