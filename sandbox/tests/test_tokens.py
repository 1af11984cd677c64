"""Email and API token, as Jira takes them: known, revoked, run out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from sandbox.process import SiteHandle

SEARCH = {"jql": "project = WEB", "maxResults": 1, "fields": ["summary"]}


@pytest.fixture
def person(acme: SiteHandle) -> Iterator[dict[str, str]]:
    """The developer, whose token is as it was afterwards."""
    found = next(one for one in acme.users if one["email"].startswith("developer"))
    yield found
    told = {"token": found["token"], "tokenExpired": False, "active": True}
    acme.control("PUT", "people", {found["accountId"]: told})


def asked(acme: SiteHandle, person: dict[str, str], path: str, **more: object) -> requests.Response:
    method = "POST" if more else "GET"
    return acme.call(method, path, auth=(person["email"], person["token"]), **more)


def test_a_site_tells_anybody_its_cloud_id(acme: SiteHandle) -> None:
    told = requests.get(f"{acme.url}/_edge/tenant_info", timeout=90)
    assert len(told.json()["cloudId"]) == 36


def test_another_token_makes_the_old_one_unknown_and_none_at_all_too(
    acme: SiteHandle, person: dict[str, str]
) -> None:
    assert asked(acme, person, "myself").status_code == 200
    for token in ("another-token", ""):
        acme.control("PUT", "people", {person["accountId"]: {"token": token}})
        assert asked(acme, person, "myself").status_code == 401
        assert asked(acme, person, "search/jql", json=SEARCH).status_code == 401
    empty = person | {"token": ""}
    assert asked(acme, empty, "myself").status_code == 401


def test_a_person_who_left_has_no_token(acme: SiteHandle, person: dict[str, str]) -> None:
    acme.control("PUT", "people", {person["accountId"]: {"active": False}})
    assert asked(acme, person, "myself").status_code == 401


def test_one_that_has_run_out_is_answered_as_anybody_is_and_a_header_says_so(
    acme: SiteHandle, person: dict[str, str]
) -> None:
    acme.control("POST", "issues", {"count": 1, "project": "WEB", "issuetype": "Task"})
    body = {"issueIdsOrKeys": ["WEB-1"], "fields": ["summary"]}
    before = asked(acme, person, "issue/bulkfetch", json=body)
    assert len(before.json()["issues"]) == 1
    assert "X-Seraph-LoginReason" not in before.headers
    acme.control("PUT", "people", {person["accountId"]: {"tokenExpired": True}})
    after = asked(acme, person, "issue/bulkfetch", json=body)
    assert (after.status_code, after.json()["issues"]) == (200, [])
    assert after.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
    assert asked(acme, person, "myself").status_code == 401
