"""A site that answers in a form that nobody expects: every call ends as the site's fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.connect.credential import ConnectCredential
from app.jira.cloud import CloudSite
from app.jira.outbound import NetworkPolicy
from app.jira.site import SiteError
from tests.edge.servers import ok, saying, serve

CALLS: dict[str, Callable[[CloudSite], Any]] = {
    "fetch": lambda site: site.fetch([1], ["summary"]),
    "create": lambda site: site.create({}, {}),
    "update": lambda site: site.update(1, {}),
    "changelogs": lambda site: site.changelogs([1]),
    "account": lambda site: site.account(),
    "find_twin": lambda site: site.find_twin("p", 1),
    "search": lambda site: site.search("project = A", ["summary"]).issues,
    "count": lambda site: site.count("project = A"),
    "parse": lambda site: site.parse(["labels = a"]),
    "match": lambda site: site.match("labels = a", [1]),
    "match_now": lambda site: site.match_now("labels = a", [1]),
    "last_changes": lambda site: site.last_changes([1]),
    "projects": lambda site: site.projects(),
    "issue_types": lambda site: site.issue_types(1),
    "create_fields": lambda site: site.create_fields(1, 2),
    "edit_fields": lambda site: site.edit_fields(1),
    "all_fields": lambda site: site.all_fields(1),
    "is_admin": lambda site: site.is_admin("a"),
    "administered_projects": lambda site: site.administered_projects("a"),
    "people": lambda site: site.people(["a"]),
    "find_people": lambda site: site.find_people("a"),
    "link_types": lambda site: site.links.types(),
}
# Every list and every thing in a list that the calls read is of another kind.
READ = (
    *("issues", "values", "issueTypes", "fields", "globalPermissions", "projectPermissions"),
    *("id", "key", "issueLinkTypes"),
)
ODD = [
    dict.fromkeys(READ, odd)
    for odd in (5, {"a": 1}, [5], [None], [{"id": None}], [{"id": "x", "fields": 5}], "text")
]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("body", [*ODD, [], [5], 5, None, "text"], ids=json.dumps)
def test_an_unknown_form_is_the_sites_fault_or_says_nothing(name: str, body: Any) -> None:
    with serve(saying(ok(json.dumps(body).encode()))) as server:
        base = f"http://127.0.0.1:{server.port}"
        credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
        site = CloudSite(base, credential, NetworkPolicy(insecure_http=True))
        try:
            found = CALLS[name](site)
        except SiteError as error:
            assert "unknown form" in error.detail or "did not answer" in error.detail
        else:
            assert not found  # nothing was made of it


@pytest.mark.parametrize(("status", "types"), [("404 Not Found", []), ("403 Forbidden", None)])
def test_a_site_without_links_has_no_types_of_them(status: str, types: list[Any] | None) -> None:
    with serve(saying(ok(b"{}", status=status))) as server:
        base = f"http://127.0.0.1:{server.port}"
        credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
        site = CloudSite(base, credential, NetworkPolicy(insecure_http=True))
        if types is not None:
            assert site.links.types() == types
            return
        with pytest.raises(SiteError, match="403"):
            site.links.types()


@pytest.mark.parametrize("body", [5, None, [], {"errorMessages": 5}, {"errors": [1]}])
def test_a_refusal_in_an_unknown_form_keeps_its_status(body: Any) -> None:
    with serve(saying(ok(json.dumps(body).encode(), status="400 Bad Request"))) as server:
        base = f"http://127.0.0.1:{server.port}"
        credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
        site = CloudSite(base, credential, NetworkPolicy(insecure_http=True))
        with pytest.raises(SiteError, match="400") as refused:
            site.projects()
        assert refused.value.site_status == 400


def history(number: str, at: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    """One change of the summary, as Jira tells it."""
    item = {"field": "summary", "fieldId": "summary", "fromString": before, "toString": after}
    return {"id": number, "created": at, "items": [item], **more}


def test_the_answer_of_a_write_has_the_changes_newest_first_and_who_made_them() -> None:
    at, later = "2026-01-05T12:00:00.000+0000", "2026-01-05T13:00:00.001+0100"
    histories = [
        history("99", at, "a", "b", author={"accountId": "a person"}),
        history("100", at, "b", "c"),
        history("98", later, "c", "d", author={"accountId": "us"}),
    ]
    body = {
        "id": "1",
        "key": "A-1",
        "fields": {"summary": "d", "updated": later},
        "changelog": {"startAt": 0, "maxResults": 3, "total": 4, "histories": histories},
    }
    with serve(saying(ok(json.dumps(body).encode()))) as server:
        base = f"http://127.0.0.1:{server.port}"
        credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
        site = CloudSite(base, credential, NetworkPolicy(insecure_http=True))
        found = site.update(1, {"summary": "d"})
    assert found is not None
    assert found.changelog is not None
    told = [(edit.before[1], edit.after[1], edit.author) for edit in found.changelog.edits]
    assert told == [("c", "d", "us"), ("b", "c", None), ("a", "b", "a person")]
    assert not found.changelog.whole


def asked(body: Any, call: Callable[[CloudSite], Any]) -> Any:
    """What a call makes of a site's answer."""
    with serve(saying(ok(json.dumps(body).encode()))) as server:
        base = f"http://127.0.0.1:{server.port}"
        credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
        return call(CloudSite(base, credential, NetworkPolicy(insecure_http=True)))


def test_a_field_of_another_project_alone_is_none_of_this_one() -> None:
    def told(number: int, project: int | None) -> dict[str, Any]:
        scope = {"scope": {"type": "PROJECT", "project": {"id": str(project)}}} if project else {}
        return {"id": f"customfield_{number}", "name": "A", "custom": True, **scope}

    body = [told(1, None), told(2, 10000), told(3, 10001), {"id": "parent", "name": "Parent"}]
    found = asked(body, lambda site: site.all_fields(10000))
    assert list(found) == ["customfield_1", "customfield_2", "parent"]
    # Jira tells no schema of some that are its own.
    assert found["parent"].schema == {"system": "parent"}


def test_a_field_that_a_screen_only_shows_is_not_settable() -> None:
    fields = {
        "a": {"name": "A", "operations": []},
        "b": {"name": "B", "operations": ["add", "set"]},
        "c": {"name": "C"},
    }
    found = asked({"fields": fields}, lambda site: site.edit_fields(1))
    assert {name: rule.settable for name, rule in found.items()} == {
        "a": False,
        "b": True,
        "c": True,
    }
