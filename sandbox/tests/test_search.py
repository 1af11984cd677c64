"""JQL search: the language, the pages, the lag."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sandbox.process import SiteHandle, running
from sandbox.tests.helpers import new_issue

pytestmark = pytest.mark.real


def keys(site: SiteHandle, jql: str, **more: object) -> list[str]:
    body = {"jql": jql, "fields": ["summary"], **more}
    answer = site.call("POST", "search/jql", json=body)
    assert answer.status_code == 200, answer.text
    return [i["key"] for i in answer.json()["issues"]]


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("project = WEB ORDER BY key", ["WEB-1", "WEB-2", "WEB-3", "WEB-4"]),
        ('project = "ACME Web" AND type = Bug', ["WEB-1"]),
        ("project in (WEB, SUP) and status = 'In Progress' order by id", ["WEB-1", "SUP-1"]),
        ("labels = tax OR labels = mail order by id", ["WEB-1", "SUP-1"]),
        ("project = WEB AND NOT (issuetype in (Bug, Task)) order by id desc", ["WEB-4", "WEB-3"]),
        ("project = WEB AND labels is EMPTY", ["WEB-4"]),
        ("project = WEB AND labels is not empty and priority != Medium", ["WEB-1"]),
        ("priority = Highest", ["SUP-1"]),
        ("summary ~ 'wrong tax'", ["WEB-1"]),
        ("text ~ norw*", ["WEB-1"]),
        ("key in (web-1, WEB-2) order by key asc", ["WEB-1", "WEB-2"]),
        ("assignee is empty and project = SUP order by created, id", ["SUP-1", "SUP-2"]),
        ("reporter = currentUser() order by id", ["WEB-1", "SUP-1"]),
        ("updated >= -5m and key = WEB-1", ["WEB-1"]),
        ("updated < -5m and key = WEB-1", []),
        ("statusCategory = 'In Progress' and project = WEB", ["WEB-1"]),
        ("key > WEB-3 and project = WEB", ["WEB-4"]),
    ],
)
def test_a_query_finds_what_it_says(acme: SiteHandle, jql: str, found: list[str]) -> None:
    assert keys(acme, jql) == found


@pytest.mark.parametrize(
    ("jql", "words"),
    [
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("", "Unbounded"),
        ("order by key", "Unbounded"),
        ("project = WEB AND", "Expecting"),
        ("project = WEB nonsense", "Expecting either 'OR' or 'AND'"),
        ("updated > soon", "is invalid"),
        ("issue.property[tandem].link = x", "does not exist"),
    ],
)
def test_a_wrong_query_is_refused_in_jiras_words(acme: SiteHandle, jql: str, words: str) -> None:
    answer = acme.call("POST", "search/jql", json={"jql": jql})
    assert answer.status_code == 400 and words in answer.json()["errorMessages"][0]


def test_quoted_times_move_with_the_askers_zone_but_milliseconds_do_not(acme: SiteHandle) -> None:
    updated = acme.call("GET", "issue/WEB-1?fields=updated").json()["fields"]["updated"]
    moment = datetime.strptime(updated, "%Y-%m-%dT%H:%M:%S.%f%z")
    here = moment.astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M")
    tester = (acme.users[2]["email"], acme.users[2]["token"])
    millis = int(moment.timestamp() * 1000)
    for auth, quoted in ((None, 1), (tester, 1)):
        jql = f"key = WEB-1 and updated >= {millis} and updated <= {millis}"
        assert len(_ids(acme, jql, auth)) == quoted
    assert len(_ids(acme, f'key = WEB-1 and updated >= "{here}"', None)) == 1
    # The same words mean seven or eight hours earlier in Tokyo.
    later = f'key = WEB-1 and updated <= "{here}"'
    assert len(_ids(acme, later, tester)) == 0


def _ids(site: SiteHandle, jql: str, auth: tuple[str, str] | None) -> list[dict]:
    more = {"auth": auth} if auth else {}
    return list(site.call("POST", "search/jql", json={"jql": jql}, **more).json()["issues"])


def test_only_ids_come_unless_fields_are_asked_for(acme: SiteHandle) -> None:
    issue_id = acme.call("GET", "issue/WEB-1").json()["id"]
    plain = acme.call("GET", "search/jql", params={"jql": f"id = {issue_id}"}).json()
    assert plain == {"issues": [{"id": issue_id}], "isLast": True}
    params = {"jql": "key = WEB-1", "fields": "summary,status"}
    full = acme.call("GET", "search/jql", params=params).json()["issues"][0]
    assert set(full["fields"]) == {"summary", "status"} and full["key"] == "WEB-1"


def test_pages_follow_by_token_and_miss_nothing(acme: SiteHandle) -> None:
    acme.make_issues(25, "WEB")
    body = {"jql": "labels = generated", "maxResults": 10}
    seen, token = [], None
    while True:
        page = acme.call("POST", "search/jql", json={**body, "nextPageToken": token}
                         if token else body).json()  # fmt: skip
        seen += [i["id"] for i in page["issues"]]
        token = page.get("nextPageToken")
        if page["isLast"]:
            break
    assert len(seen) == len(set(seen)) == 25 and token is None


def test_the_index_lags_and_reconciling_makes_it_current() -> None:
    with running(index_delay=60_000) as found:
        acme = found.acme
        key = new_issue(acme, "Fresh")
        issue_id = int(acme.call("GET", f"issue/{key}").json()["id"])
        assert keys(acme, "summary ~ Fresh") == []
        assert keys(acme, "summary ~ Fresh", reconcileIssues=[issue_id]) == [key]
        acme.call("PUT", "issue/WEB-1", json={"fields": {"summary": "Afterwards"}})
        assert keys(acme, "summary ~ Afterwards") == []
