"""Every kind of field against a site: what is written is read, in v3, in v2 and in changelogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.mapping.field_types import kind_of
from app.mapping.profile import SYSTEM_KINDS, Kind
from app.mapping.values import NOT_COMPARABLE, Value, handler
from sandbox.process import SiteHandle, running

pytestmark = pytest.mark.real

PROJECT, TYPE = "WEB", "10001"


@pytest.fixture(scope="module")
def site() -> Iterator[SiteHandle]:
    """A site with a field of each type that the sandbox has."""
    with running(delivery_delay=10, index_delay=0) as found:
        # The test alone writes more than an app would.
        found.acme.limits(issueWrites={"on": False}, burst={"on": False})
        yield found.acme


def new_issue(site: SiteHandle) -> str:
    """An issue with a summary alone."""
    fields = {"project": {"key": PROJECT}, "issuetype": {"id": TYPE}, "summary": "kinds"}
    answer = site.call("POST", "issue", json={"fields": fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def edit_metadata(site: SiteHandle, key: str) -> dict[str, Any]:
    found: dict[str, Any] = site.call("GET", f"issue/{key}/editmeta").json()["fields"]
    return found


def raw_of(site: SiteHandle, key: str, field: str, version: int) -> Any:
    answer = site.call("GET", f"/rest/api/{version}/issue/{key}?fields={field}")
    return answer.json()["fields"].get(field)


def newest_edit(site: SiteHandle, key: str, field: str) -> dict[str, Any] | None:
    """The newest item about the field in the newest entry of the changelog."""
    entries = site.call("GET", f"issue/{key}/changelog?maxResults=1000").json()["values"]
    items = [item for entry in entries for item in entry["items"] if item["fieldId"] == field]
    return items[-1] if items else None


def values_for(site: SiteHandle, kind: Kind, meta: dict[str, Any]) -> list[Value]:
    """Two values that the field takes, and nothing at the end."""
    own = handler(kind)
    people = sorted(user["accountId"] for user in site.users[:2])
    found: dict[Kind, list[Value]] = {
        Kind.TEXT: ["one", "two"],
        Kind.LABELS: [("a", "b"), ("b", "c")],
        Kind.DATE: ["2026-11-26", "2027-01-01"],
        Kind.NUMBER: [3.0, 2.5],
        Kind.DATETIME: ["2026-11-26T09:00:00.000Z", "2026-07-01T08:00:15.250Z"],
        Kind.URL: ["https://one.example/A?b=c#d", "https://two.example"],
        Kind.USER: list(people),
        Kind.USERS: [tuple(people), tuple(people[:1])],
        Kind.SPRINT: [("2", ""), ("3", "")],
        Kind.TIME_TRACKING: [(28800, 5400), (60, 0)],
        Kind.PARENT: [str(site.call("GET", "issue/WEB-4?fields=summary").json()["id"])],
        Kind.RICH_TEXT: [document("one"), document("two")],
    }
    if kind in (Kind.GROUP, Kind.GROUPS):
        listed = site.call("GET", "groups/picker?query=team").json()["groups"]
        parts = sorted((one["groupId"], one["name"]) for one in listed)[:2]
    else:
        parts = list(own.choices(meta.get("allowedValues")))
    if kind is Kind.CASCADE:
        children = [part for part in parts if "/" in part[0]]
        parent, child = next(p for p in parts if p[0] == children[0][0].split("/")[0]), children[0]
        found[kind] = [(parent, (child[0].split("/")[1], child[1])), (parent, None)]
    elif own.has_table and kind is not Kind.SPRINT:
        several = own.empty == ()
        found[kind] = [tuple(parts[:2]), tuple(parts[1:2])] if several else list(parts[:2])
    empty = [] if meta["required"] or kind is Kind.PRIORITY else [own.empty]
    return [*found[kind], *empty]


def document(text: str) -> Value:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return handler(Kind.RICH_TEXT).read({"type": "doc", "version": 1, "content": content})


def test_what_is_written_is_read_and_told_by_the_changelog_whatever_the_kind(
    site: SiteHandle,
) -> None:
    tried, told_by_changelog = set[Kind](), set[Kind]()
    for field, meta in edit_metadata(site, new_issue(site)).items():
        kind = kind_of(meta["schema"])
        own = handler(kind)
        if not own.writable or own.by_transition or "set" not in meta["operations"]:
            continue
        tried.add(kind)
        issue = new_issue(site)
        before = own.read(raw_of(site, issue, field, 3))
        for value in values_for(site, kind, meta):
            where = (field, kind.value, value)
            body = {"fields": {field: own.write(value)}}
            answer = site.call("PUT", f"issue/{issue}", json=body)
            assert answer.status_code == 204, (where, answer.text)
            stored = own.read(raw_of(site, issue, field, 3))
            assert own.same(stored, value), (where, stored)
            told = own.read_webhook(raw_of(site, issue, field, 2))
            assert told is NOT_COMPARABLE or own.same(told, value), (where, told)
            # Estimates are two fields in a changelog.
            if not own.same(before, value) and kind is not Kind.TIME_TRACKING:
                edit = newest_edit(site, issue, field)
                assert edit is not None, where
                if told_rightly(kind, edit, before, value):
                    told_by_changelog.add(kind)
            before = stored
    assert tried >= set(Kind) - {
        Kind.NAMED,
        Kind.STATUS,
        Kind.RESOLUTION,
        Kind.REQUEST_TYPE,
        Kind.ORGANIZATIONS,
        Kind.READ_ONLY_TEXT,
    }
    assert told_by_changelog >= {
        Kind.TEXT,
        Kind.RICH_TEXT,
        Kind.LABELS,
        Kind.DATE,
        Kind.NUMBER,
        Kind.URL,
        Kind.OPTION,
        Kind.OPTIONS,
        Kind.CASCADE,
        Kind.VERSION,
        Kind.PRIORITY,
        Kind.USER,
        Kind.PARENT,
        Kind.SECURITY,
    }


def test_what_only_service_projects_have_is_read_as_it_was_written(site: SiteHandle) -> None:
    schemas = {one["name"]: one for one in site.call("GET", "field").json()}
    values: dict[str, tuple[Kind, list[Value]]] = {
        "Request Type": (Kind.REQUEST_TYPE, [("25", ""), ("26", ""), None]),
        "Organizations": (Kind.ORGANIZATIONS, [(("2", ""), ("4", "")), (("3", ""),), ()]),
        "Time to resolution": (Kind.READ_ONLY_TEXT, []),
    }
    body = {"project": {"key": "SUP"}, "issuetype": {"id": TYPE}, "summary": "Asked"}
    issue = str(site.call("POST", "issue", json={"fields": body}).json()["key"])
    for name, (kind, wanted) in values.items():
        field, own = schemas[name]["id"], handler(kind)
        assert kind_of(schemas[name]["schema"]) is kind
        for value in wanted:
            written = {"fields": {field: own.write(value)}}
            answer = site.call("PUT", f"issue/{issue}", json=written)
            assert answer.status_code == 204, (name, answer.text)
            assert own.same(own.read(raw_of(site, issue, field, 3)), value), (name, value)
            told = own.read_webhook(raw_of(site, issue, field, 2))
            assert told is not NOT_COMPARABLE
            assert own.same(told, value)
            edit = newest_edit(site, issue, field)
            assert edit is not None
            known = own.of_changelog(edit["to"], edit["toString"])
            assert all(own.same(one, value) for one in known), (name, known)
    sla = handler(Kind.READ_ONLY_TEXT).read(
        raw_of(site, issue, schemas["Time to resolution"]["id"], 3)
    )
    assert sla == "Time to resolution: running (goal 40h)"


def told_rightly(kind: Kind, edit: dict[str, Any], before: Value, after: Value) -> bool:
    """Whether a changelog's item tells both values. What it tells must be right."""
    own = handler(kind)
    was = own.of_changelog(edit["from"], edit["fromString"])
    became = own.of_changelog(edit["to"], edit["toString"])
    assert not was or any(own.same(one, before) for one in was), (edit, was)
    assert not became or any(own.same(one, after) for one in became), (edit, became)
    return bool(was) and bool(became)


def test_every_field_of_a_site_has_a_kind_that_reads_all_of_its_issues(site: SiteHandle) -> None:
    kinds = {one["id"]: kind_of(one["schema"]) for one in site.call("GET", "field").json()
             if one.get("schema")}  # fmt: skip
    assert {kinds[name] for name in SYSTEM_KINDS if name in kinds} <= {
        kind for allowed in SYSTEM_KINDS.values() for kind in allowed
    }
    answer = site.call("GET", "search/jql?jql=project in (WEB, SUP)&fields=*all&maxResults=100")
    issues = answer.json()["issues"]
    assert issues
    for issue in issues:
        for field, raw in issue["fields"].items():
            if field in kinds:
                value = handler(kinds[field]).read(raw)
                assert len(handler(kinds[field]).brief(value)) <= 120


def test_a_rename_on_the_site_is_no_change_of_the_value(site: SiteHandle) -> None:
    own, issue = handler(Kind.COMPONENTS), new_issue(site)
    meta = edit_metadata(site, issue)["components"]
    part = own.choices(meta["allowedValues"])[0]
    site.call("PUT", f"issue/{issue}", json={"fields": {"components": own.write((part,))}})
    before = own.read(raw_of(site, issue, "components", 3))
    renamed = site.call("PUT", f"component/{part[0]}", json={"name": "Another name"})
    assert renamed.status_code == 200, renamed.text
    after = own.read(raw_of(site, issue, "components", 3))
    assert after != before
    assert own.same(after, before)
    assert own.text(after) == "Another name"


def test_a_sprint_that_has_ended_is_written_as_none_and_each_issue_keeps_its_past(
    site: SiteHandle,
) -> None:
    own = handler(Kind.SPRINT)
    meta = edit_metadata(site, new_issue(site))
    field = next(name for name in meta if kind_of(meta[name]["schema"]) is Kind.SPRINT)

    def put(key: str, value: Value) -> Value:
        answer = site.call("PUT", f"issue/{key}", json={"fields": {field: own.write(value)}})
        assert answer.status_code == 204, answer.text
        return own.read(raw_of(site, key, field, 3))

    done, other = new_issue(site), new_issue(site)
    put(done, ("2", ""))
    before = own.read(raw_of(site, done, field, 3))
    put(other, ("3", ""))
    site.control("PUT", "sprints", {"2": {"state": "closed"}})
    ended = own.read(raw_of(site, done, field, 3))
    # That it ends is no change by itself.
    assert ended != before
    assert own.same(ended, before)
    stored = put(other, ended)
    assert stored is None
    assert own.is_stored_form(ended, stored)
