"""JQL parsed and matched for an app: the words of Jira, the tree, the lag."""

from typing import Any

import pytest

from sandbox.process import SiteHandle, running
from sandbox.tests.helpers import new_issue
from sandbox.tests.test_search import keys

pytestmark = pytest.mark.real


def parse(site: SiteHandle, *jql: str) -> list[dict[str, Any]]:
    answer = site.call(
        "POST", "jql/parse", params={"validation": "strict"}, json={"queries": list(jql)}
    )
    assert answer.status_code == 200, answer.text
    return list(answer.json()["queries"])


def match(site: SiteHandle, jql: str, *issues: int) -> dict[str, Any]:
    body = {"jqls": [jql], "issueIds": list(issues)}
    answer = site.call("POST", "jql/match", json=body)
    assert answer.status_code == 200, answer.text
    [found] = answer.json()["matches"]
    return dict(found)


def issue_id(site: SiteHandle, key: str) -> int:
    return int(site.call("GET", f"issue/{key}").json()["id"])


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("key in (WEB-1, WEB-4) AND labels != tax", []),  # an empty field differs from nothing
        ("key in (WEB-1, WEB-4) AND labels NOT IN (mail) ORDER BY id", ["WEB-1"]),
        ("project = WEB AND NOT (issuetype = Bug OR issuetype = Task) ORDER BY id",
         ["WEB-3", "WEB-4"]),
        ("key = WEB-1 AND created >= -1d AND created <= 1d", ["WEB-1"]),
        ("key = WEB-1 AND created >= startOfDay()", ["WEB-1"]),
        ("key = WEB-1 AND summary ~ tax AND text !~ nowhere", ["WEB-1"]),
    ],
)  # fmt: skip
def test_a_filter_finds_what_it_says(acme: SiteHandle, jql: str, found: list[str]) -> None:
    assert keys(acme, jql) == found


def test_a_due_date_is_compared_with_days_that_are_yet_to_come(acme: SiteHandle) -> None:
    soon, late = new_issue(acme, "Soon", duedate="2027-01-31"), new_issue(acme, "None due")
    both = f"key in ({soon}, {late})"
    acme.call("PUT", f"issue/{late}", json={"fields": {"duedate": None}})
    wait = [issue_id(acme, one) for one in (soon, late)]
    assert keys(acme, f"{both} AND duedate <= 5000d", reconcileIssues=wait) == [soon]
    assert keys(acme, f"{both} AND duedate <= -1d", reconcileIssues=wait) == []
    assert keys(acme, f"{both} AND duedate = 2027/01/31", reconcileIssues=wait) == [soon]
    assert keys(acme, f"{both} AND duedate is empty", reconcileIssues=wait) == [late]


@pytest.mark.parametrize(
    ("jql", "words"),
    [
        ("invalid query",
         "Error in the JQL Query: Expecting operator but got 'query'. The valid operators are '=', "
         "'!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'. (line 1, "
         "character 9)"),
        ("summary = test", "The operator '=' is not supported by the 'summary' field."),
        ("summary in test",
         "Operator 'in' does not support the non-list value '\"test\"' for field 'summary'."),
        ("universe = 42",
         "Field 'universe' does not exist or you do not have permission to view it."),
        ("priority = Urgent", "The value 'Urgent' does not exist for the field 'priority'."),
        ("assignee = nobody", "The value 'nobody' does not exist for the field 'assignee'."),
        ("labels = a) OR (labels = b",
         "Error in the JQL Query: Expecting either 'OR' or 'AND' but got ')'. (line 1, character "
         "11)"),
        ("labels = a AND\nlabels = 'b",
         "Error in the JQL Query: The quoted string 'b' has not been completed. (line 2, character "
         "10)"),
        ("labels = a AND",
         "Error in the JQL Query: Expecting a field name before the end of the query."),
        ("labels = and",
         "Error in the JQL Query: 'and' is a reserved JQL word. You must enclose it in a string. "
         "(line 1, character 10)"),
    ],
)  # fmt: skip
def test_a_query_that_is_wrong_is_told_in_jiras_words_and_has_no_structure(
    acme: SiteHandle, jql: str, words: str
) -> None:
    assert parse(acme, jql) == [{"query": jql, "errors": [words]}]


def test_a_query_that_is_right_is_told_as_a_tree(acme: SiteHandle) -> None:
    jql = 'summary ~ "a b" AND (labels in (x, "order") OR NOT reporter = currentUser())'
    ordered = f"{jql} AND duedate is not EMPTY AND summary !~ c ORDER BY created DESC"
    first, second = parse(acme, jql, ordered)
    assert set(first["structure"]) == {"where"}
    assert set(second["structure"]) == {"where", "orderBy"}
    [text, either] = first["structure"]["where"]["clauses"]
    assert text["operand"] == {"value": "a b", "encodedValue": '"a b"'}
    assert (either["operator"], either["clauses"][1]["operator"]) == ("or", "not")
    assert [one["encodedValue"] for one in either["clauses"][0]["operand"]["values"]] == [
        "x", '"order"',
    ]  # fmt: skip


def test_issues_match_as_the_index_has_them_and_a_wrong_query_says_so(acme: SiteHandle) -> None:
    first, third = issue_id(acme, "WEB-1"), issue_id(acme, "WEB-3")
    assert match(acme, "issuetype = Bug", first, third, 999_999_999) == {
        "matchedIssues": [first], "errors": [],
    }  # fmt: skip
    told = match(acme, "universe = 42", first)
    assert told["matchedIssues"] == [] and told["errors"][0].startswith("Invalid JQL: Field")


def test_matching_lags_behind_an_edit_as_search_does() -> None:
    with running(index_delay=60_000) as found:
        acme = found.acme
        first = issue_id(acme, "WEB-1")
        acme.call("PUT", "issue/WEB-1", json={"fields": {"labels": ["away"]}})
        assert match(acme, "labels = tax", first)["matchedIssues"] == [first]
        assert keys(acme, "key = WEB-1 AND labels = tax", reconcileIssues=[first]) == []
        assert found.broken_answers() == []
