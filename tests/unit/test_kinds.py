"""Kinds of fields: what Jira gives, what is compared, what is written, what people read."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from app.mapping.profile import Kind
from app.mapping.values import NOT_COMPARABLE, UnreadableValueError, handler

# As in a webhook's body and an answer of REST v3, but for avatars and addresses.
LOW = {
    "self": "https://a.example/rest/api/2/customFieldOption/10021",
    "value": "Low",
    "id": "10021",
}
HIGH = {"value": "High", "id": "10003"}
R4 = {"id": "10000", "name": "r4", "description": "", "archived": False, "released": False}
R5 = {"id": "10001", "name": "r5", "archived": False, "released": True}
USER = {
    "accountId": "712020:00000000-0000-4000-8000-000000000001",
    "displayName": "A. User",
    "emailAddress": "a@a.example",
    "active": True,
    "accountType": "atlassian",
}
OTHER = {"accountId": "5b10a2844c20165700ede21g", "displayName": "B. User"}
ADMINS = {"name": "admins", "groupId": "952d12c3-5b5b-4d04-bb32-44d383afc4b2"}
FRANCE = {"id": "1", "value": "Europe", "child": {"id": "2", "value": "France"}}
SLA = {
    "id": "1",
    "name": "Time to resolution",
    "completedCycles": [],
    "ongoingCycle": {
        "breached": False,
        "paused": False,
        "withinCalendarHours": True,
        "goalDuration": {"millis": 14400000, "friendly": "4h"},
        "remainingTime": {"millis": 9000000, "friendly": "2h 30m"},
    },
}
REQUEST = {
    "_links": {"web": "https://a.example/servicedesk/customer/portal/1/SUP-1"},
    "requestType": {"_expands": ["field"], "id": "25", "name": "Get help", "portalId": "1"},
    "currentStatus": {"status": "Waiting for support", "statusCategory": "INDETERMINATE"},
}
SPRINTS = [
    {"id": 3, "name": "Three", "state": "closed", "completeDate": "2026-03-01T00:00:00.000Z"},
    {"id": 9, "name": "Nine", "state": "future", "boardId": 1},
    {"id": 7, "name": "Seven", "state": "active", "boardId": 1, "goal": ""},
]
ID = "712020:00000000-0000-4000-8000-000000000001"

READ = [
    (Kind.NUMBER, None, None),
    (Kind.NUMBER, 3, 3.0),
    (Kind.NUMBER, 3.5, 3.5),
    (Kind.NUMBER, -0.0, 0.0),
    (Kind.DATETIME, None, None),
    (Kind.DATETIME, "2026-04-25T18:35:14.233+0530", "2026-04-25T13:05:14.233Z"),
    (Kind.DATETIME, "2026-04-25T13:05:14.233Z", "2026-04-25T13:05:14.233Z"),
    (Kind.DATETIME, "2026-01-01T00:30:00.000+02:00", "2025-12-31T22:30:00.000Z"),
    (Kind.DATETIME, "2026-01-01T00:30+0000", "2026-01-01T00:30:00.000Z"),
    (Kind.URL, " https://a.example/B ", "https://a.example/B"),
    (Kind.URL, "", None),
    (Kind.OPTION, None, None),
    (Kind.OPTION, LOW, ("10021", "Low")),
    (Kind.OPTIONS, None, ()),
    (Kind.OPTIONS, [], ()),
    (Kind.OPTIONS, [LOW, HIGH, LOW], (("10003", "High"), ("10021", "Low"))),
    (Kind.CASCADE, None, None),
    (Kind.CASCADE, FRANCE, (("1", "Europe"), ("2", "France"))),
    (Kind.CASCADE, {"id": "1", "value": "Europe"}, (("1", "Europe"), None)),
    (Kind.COMPONENTS, [{"id": "7", "name": "Web"}], (("7", "Web"),)),
    (Kind.VERSIONS, [R5, R4], (("10000", "r4"), ("10001", "r5"))),
    (Kind.VERSION, R4, ("10000", "r4")),
    (Kind.PRIORITY, {"id": "3", "name": "Medium", "iconUrl": "x"}, ("3", "Medium")),
    (Kind.RESOLUTION, None, None),
    (Kind.RESOLUTION, {"id": "10000", "name": "Done", "description": "d"}, ("10000", "Done")),
    (
        Kind.STATUS,
        {"id": "10000", "name": "To Do", "statusCategory": {"id": 2, "key": "new"}},
        ("10000", "To Do"),
    ),
    (Kind.USER, None, None),
    (Kind.USER, USER, ID),
    (Kind.USERS, None, ()),
    (Kind.USERS, [USER, OTHER, USER], ("5b10a2844c20165700ede21g", ID)),
    (Kind.GROUP, ADMINS, ("952d12c3-5b5b-4d04-bb32-44d383afc4b2", "admins")),
    (Kind.GROUPS, [ADMINS], (("952d12c3-5b5b-4d04-bb32-44d383afc4b2", "admins"),)),
    (Kind.SPRINT, None, None),
    (Kind.SPRINT, [], None),
    (Kind.SPRINT, SPRINTS, ("7", "Seven")),
    (Kind.SPRINT, SPRINTS[:2], ("9", "Nine")),
    (Kind.SPRINT, SPRINTS[:1], ("3", "Three", "ended")),
    (Kind.PARENT, None, None),
    (Kind.PARENT, {"id": "10001", "key": "A-1", "fields": {"summary": "s"}}, "10001"),
    (Kind.TIME_TRACKING, None, (None, None)),
    (Kind.TIME_TRACKING, {}, (None, None)),
    (
        Kind.TIME_TRACKING,
        {
            "originalEstimate": "1d",
            "remainingEstimate": "3h 30m",
            "timeSpent": "1h",
            "originalEstimateSeconds": 28800,
            "remainingEstimateSeconds": 12630,
            "timeSpentSeconds": 3600,
        },
        (28800, 12600),
    ),
    (Kind.SECURITY, {"id": "10010", "name": "Staff", "description": ""}, ("10010", "Staff")),
    (Kind.REQUEST_TYPE, REQUEST, ("25", "Get help")),
    (Kind.REQUEST_TYPE, None, None),
    (Kind.ORGANIZATIONS, [{"id": "2", "name": "Acme", "_links": {}}], (("2", "Acme"),)),
    (Kind.READ_ONLY_TEXT, None, None),
]


@pytest.mark.parametrize(("kind", "raw", "value"), READ)
def test_raw_fields_have_one_canonical_value(kind: Kind, raw: object, value: object) -> None:
    assert handler(kind).read(raw) == value
    if value is None or value == ():
        assert value == handler(kind).empty


@pytest.mark.parametrize(("kind", "raw", "value"), READ)
def test_a_webhook_tells_what_rest_does(kind: Kind, raw: object, value: object) -> None:
    assert handler(kind).read_webhook(raw) == value


def test_a_number_that_is_whole_is_one_value_however_it_is_spelled() -> None:
    number = handler(Kind.NUMBER)
    assert {json.dumps(number.read(raw)) for raw in (3, 3.0, json.loads("3.00"))} == {"3.0"}
    assert json.dumps(number.read(-0.0)) == "0.0"


WRITTEN = [
    (Kind.NUMBER, 3.0, 3.0),
    (Kind.NUMBER, None, None),
    (Kind.DATETIME, "2026-04-25T13:05:14.233Z", "2026-04-25T13:05:14.233+0000"),
    (Kind.DATETIME, None, None),
    (Kind.URL, "https://a.example", "https://a.example"),
    (Kind.OPTION, ("10021", "Low"), {"id": "10021"}),
    (Kind.OPTION, None, None),
    (Kind.OPTIONS, (("1", "a"), ("2", "b")), [{"id": "1"}, {"id": "2"}]),
    (Kind.OPTIONS, (), []),
    (Kind.CASCADE, (("1", "a"), ("2", "b")), {"id": "1", "child": {"id": "2"}}),
    (Kind.CASCADE, (("1", "a"), None), {"id": "1", "child": None}),
    (Kind.CASCADE, None, None),
    (Kind.COMPONENTS, (("1", "a"),), [{"id": "1"}]),
    (Kind.VERSIONS, (), []),
    (Kind.VERSION, ("1", "a"), {"id": "1"}),
    (Kind.PRIORITY, ("3", "Medium"), {"id": "3"}),
    (Kind.RESOLUTION, None, None),
    (Kind.STATUS, ("3", "Done"), {"id": "3"}),
    (Kind.USER, "abc", {"accountId": "abc"}),
    (Kind.USER, None, None),
    (Kind.USERS, ("a", "b"), [{"accountId": "a"}, {"accountId": "b"}]),
    (Kind.USERS, (), []),
    (Kind.GROUP, ("g-1", "admins"), {"groupId": "g-1"}),
    (Kind.GROUPS, (("g-1", "admins"),), [{"groupId": "g-1"}]),
    (Kind.SPRINT, ("7", "Seven"), 7),
    (Kind.SPRINT, ("3", "Three", "ended"), None),
    (Kind.SPRINT, None, None),
    (Kind.PARENT, "10001", {"id": "10001"}),
    (Kind.PARENT, None, None),
    (
        Kind.TIME_TRACKING,
        (28800, 12600),
        {"originalEstimate": "480m", "remainingEstimate": "210m"},
    ),
    (Kind.TIME_TRACKING, (None, 0), {"originalEstimate": "", "remainingEstimate": "0m"}),
    (Kind.SECURITY, ("10010", "Staff"), {"id": "10010"}),
    (Kind.REQUEST_TYPE, ("25", "Get help"), "25"),
    (Kind.REQUEST_TYPE, None, None),
    (Kind.ORGANIZATIONS, (("2", "Acme"), ("10", "B")), [2, 10]),
]


@pytest.mark.parametrize(("kind", "value", "raw"), WRITTEN)
def test_values_are_written_by_id_in_the_form_of_rest_v3(kind: Kind, value: Any, raw: Any) -> None:
    assert handler(kind).write(value) == raw


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.OPTION, ("", "new")),
        (Kind.OPTIONS, (("", "new"), ("1", "a"))),
        (Kind.CASCADE, (("", "new"), None)),
        (Kind.CASCADE, (("1", "a"), ("", "new"))),
        (Kind.COMPONENTS, (("", "new"),)),
        (Kind.VERSION, ("", "new")),
        (Kind.GROUP, ("", "new")),
        (Kind.GROUPS, (("", "new"),)),
        (Kind.SPRINT, ("", "new")),
        (Kind.SPRINT, ("seven", "Seven")),
        (Kind.USER, ""),
        (Kind.USERS, ("",)),
        (Kind.PARENT, ""),
        (Kind.REQUEST_TYPE, ("", "new")),
        (Kind.ORGANIZATIONS, (("", "new"),)),
        (Kind.READ_ONLY_TEXT, "text"),
    ],
)
def test_what_is_not_on_the_site_yet_or_only_read_is_never_written(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{kind.value}|invalid literal"):
        handler(kind).write(value)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.NUMBER, "3", "a number"),
        (Kind.NUMBER, True, "a number"),
        (Kind.NUMBER, math.nan, "a number"),
        (Kind.NUMBER, math.inf, "a number"),
        (Kind.NUMBER, 10**400, "a number"),
        (Kind.DATETIME, "2026-04-25", "a moment with its zone"),
        (Kind.DATETIME, "2026-04-25T10:00:00", "a moment with its zone"),
        (Kind.DATETIME, "0001-01-01T00:00:00.000+1400", "a moment with its zone"),
        (Kind.DATETIME, "yesterday", "a moment with its zone"),
        (Kind.DATETIME, 1777122314106, "a moment with its zone"),
        (Kind.URL, 7, "an address as text"),
        (Kind.OPTION, "Low", "an object with id"),
        (Kind.OPTION, {"value": "Low"}, "an object with id"),
        (Kind.OPTION, {"id": True}, "an object with id"),
        (Kind.OPTION, {"id": ""}, "an object with id"),
        (Kind.OPTION, [LOW], "an object with id"),
        (Kind.OPTIONS, LOW, "a list of objects with id"),
        (Kind.OPTIONS, [LOW, None], "an object with id"),
        (Kind.CASCADE, {"id": "1", "child": "France"}, "an object with id"),
        (Kind.USER, {"displayName": "A. User"}, "a user with accountId"),
        (Kind.USER, ID, "a user with accountId"),
        (Kind.USERS, USER, "a list of users"),
        (Kind.GROUP, {"name": "admins"}, "an object with groupId"),
        (Kind.SPRINT, ["com.atlassian.greenhopper.service.sprint.Sprint@1[id=7]"], "an object"),
        (Kind.SPRINT, [{"id": "seven"}], "a sprint with a number"),
        (Kind.PARENT, {"key": "A-1"}, "an issue with its id"),
        (Kind.PARENT, "A-1", "an issue with its id"),
        (Kind.TIME_TRACKING, "3h", "an object with estimates"),
        (Kind.TIME_TRACKING, {"originalEstimateSeconds": "3h"}, "an estimate in seconds"),
        (Kind.TIME_TRACKING, {"originalEstimateSeconds": -1}, "an estimate in seconds"),
        (Kind.REQUEST_TYPE, {"requestType": {"name": "x"}}, "an object with id"),
        (Kind.ORGANIZATIONS, [{"id": "x", "name": "x"}], "an organization with a number"),
    ],
)
def test_a_raw_field_of_another_kind_is_refused(kind: Kind, raw: object, expected: str) -> None:
    with pytest.raises(UnreadableValueError, match=f"expected {expected}.*{kind.value}"):
        handler(kind).read(raw)


@pytest.mark.parametrize(
    ("kind", "one", "renamed", "other"),
    [
        (Kind.OPTION, ("1", "a"), ("1", "b"), ("2", "a")),
        (Kind.OPTIONS, (("1", "a"),), (("1", "b"),), (("2", "a"),)),
        (Kind.CASCADE, (("1", "a"), None), (("1", "b"), None), (("1", "a"), ("2", "c"))),
        (Kind.CASCADE, (("1", "a"), ("2", "b")), (("1", "x"), ("2", "y")), (("1", "a"), None)),
        (Kind.COMPONENTS, (("1", "a"),), (("1", "b"),), ()),
        (Kind.PRIORITY, ("1", "a"), ("1", ""), None),
        (Kind.SPRINT, ("7", "a"), ("7", "b"), ("8", "a")),
        (Kind.SPRINT, ("7", "a"), ("7", "a", "ended"), None),
    ],
)
def test_a_rename_changes_nothing_and_another_id_does(
    kind: Kind, one: Any, renamed: Any, other: Any
) -> None:
    own = handler(kind)
    assert own.same(one, renamed)
    assert own.is_stored_form(one, renamed)
    assert own.identity(one) == own.identity(renamed)
    assert not own.same(one, other)
    assert not own.is_stored_form(one, other)


def test_two_values_without_an_id_yet_are_told_apart_by_name() -> None:
    assert not handler(Kind.VERSION).same(("", "r4"), ("", "r5"))
    assert handler(Kind.VERSION).same(("", "r4"), ("", "r4"))
    assert not handler(Kind.COMPONENTS).same((("", "a"),), (("", "b"),))


def test_no_name_or_address_of_a_person_is_in_a_value_or_its_texts() -> None:
    for kind, raw in (
        (Kind.USER, USER),
        (Kind.USERS, [USER, OTHER]),
        (Kind.READ_ONLY_TEXT, USER),
        (Kind.READ_ONLY_TEXT, {"people": [USER, {"by": OTHER}]}),
    ):
        value = handler(kind).read(raw)
        told = f"{value} {handler(kind).text(value)} {handler(kind).brief(value)}"
        assert "User" not in told
        assert "a.example" not in told


@pytest.mark.parametrize(
    ("kind", "id_", "text", "values"),
    [
        (Kind.NUMBER, None, "3", (3.0,)),
        (Kind.NUMBER, None, "3.5", (3.5,)),
        (Kind.NUMBER, None, None, (None,)),
        (Kind.NUMBER, None, "", (None,)),
        (Kind.NUMBER, None, "three", ()),
        (Kind.NUMBER, None, "NaN", ()),
        (
            Kind.DATETIME,
            "2026-04-25T18:35:14.233+0530",
            "25/Apr/26 6:35 PM",
            ("2026-04-25T13:05:14.233Z",),
        ),
        (Kind.DATETIME, "2026-04-25T18:35:14+0530", "25/Apr/26 6:35 PM", ()),
        (Kind.DATETIME, None, "25/Apr/26 6:35 PM", ()),
        (Kind.DATETIME, None, None, (None,)),
        (Kind.URL, None, "https://a.example", ("https://a.example",)),
        (Kind.OPTION, "10021", "Low", (("10021", "Low"),)),
        (Kind.OPTION, None, None, (None,)),
        (Kind.OPTION, None, "Low", ()),
        (Kind.OPTIONS, "[2, 1]", "b,a", ((("1", "a"), ("2", "b")),)),
        (Kind.OPTIONS, "[1, 2]", "a,b,c", ((("1", ""), ("2", "")),)),
        (Kind.OPTIONS, "", "", ((),)),
        (Kind.OPTIONS, None, "a", ()),
        (
            Kind.CASCADE,
            None,
            "Parent values: Europe(1)Level 1 values: France (old)(2)",
            ((("1", "Europe"), ("2", "France (old)")),),
        ),
        (Kind.CASCADE, None, "Parent values: Europe(1)", ((("1", "Europe"), None),)),
        (Kind.CASCADE, None, "Europe", ()),
        (Kind.CASCADE, None, None, (None,)),
        (Kind.COMPONENTS, "7", "Web", ()),
        (Kind.VERSIONS, None, None, ()),
        (Kind.VERSION, "10000", "r4", (("10000", "r4"),)),
        (Kind.PRIORITY, "3", "Medium", (("3", "Medium"),)),
        (Kind.RESOLUTION, None, None, (None,)),
        (Kind.STATUS, "10000", "To Do", (("10000", "To Do"),)),
        (Kind.USER, ID, "A. User", (ID,)),
        (Kind.USER, None, None, (None,)),
        (Kind.USER, None, "A. User", ()),
        (Kind.USERS, f"[{ID}]", "[A. User]", ()),
        (Kind.GROUP, None, "admins", ()),
        (Kind.GROUP, None, None, (None,)),
        (Kind.GROUPS, None, "admins", ()),
        (Kind.SPRINT, "7", "Seven", (("7", "Seven"),)),
        (Kind.SPRINT, "3, 7", "Three, Seven", ()),
        (Kind.SPRINT, "", "", (None,)),
        (Kind.PARENT, "10001", "A-1", ("10001",)),
        (Kind.PARENT, None, None, (None,)),
        (Kind.TIME_TRACKING, "3600", "3600", ()),
        (Kind.SECURITY, "10010", "Staff", (("10010", "Staff"),)),
        (Kind.REQUEST_TYPE, None, "sup/1f", ()),
        (Kind.ORGANIZATIONS, "2", "Acme", ()),
        (Kind.READ_ONLY_TEXT, None, "x", ()),
    ],
)
def test_a_changelog_tells_a_value_only_where_it_tells_all_of_it(
    kind: Kind, id_: str | None, text: str | None, values: Any
) -> None:
    assert handler(kind).of_changelog(id_, text) == values


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.NUMBER, 3.0, "3"),
        (Kind.NUMBER, 3.25, "3.25"),
        (Kind.NUMBER, None, ""),
        (Kind.DATETIME, "2026-04-25T13:05:14.233Z", "2026-04-25T13:05:14.233Z"),
        (Kind.OPTION, ("1", "Low"), "Low"),
        (Kind.OPTION, ("1", ""), "1"),
        (Kind.OPTIONS, (("1", "Low"), ("2", "High")), "Low, High"),
        (Kind.CASCADE, (("1", "Europe"), ("2", "France")), "Europe / France"),
        (Kind.CASCADE, (("1", "Europe"), None), "Europe"),
        (Kind.CASCADE, None, ""),
        (Kind.USER, "abc", "[~accountid:abc]"),
        (Kind.USERS, ("a", "b"), "[~accountid:a], [~accountid:b]"),
        (Kind.SPRINT, ("7", "Seven"), "Seven"),
        (Kind.PARENT, "10001", "10001"),
        (Kind.TIME_TRACKING, (28800, 5400), "estimate 8h, remaining 1h 30m"),
        (Kind.TIME_TRACKING, (None, 0), "remaining 0m"),
        (Kind.TIME_TRACKING, (None, None), ""),
    ],
)
def test_people_read_names_and_never_ids_where_there_is_a_name(
    kind: Kind, value: Any, text: str
) -> None:
    assert handler(kind).text(value) == text
    assert handler(kind).brief(value) == (text or "(empty)")


@pytest.mark.parametrize(
    ("written", "stored", "is_it"),
    [
        ((3600, None), (3600, 3600), True),
        ((None, 3600), (3600, 3600), True),
        ((3600, 60), (3600, 60), True),
        ((3600, None), (3600, 60), False),
        ((None, None), (None, None), True),
        ((None, None), (60, 60), False),
    ],
)
def test_the_estimate_that_jira_fills_from_the_other_is_its_own_spelling(
    written: Any, stored: Any, is_it: bool
) -> None:
    # Reference: TimeTrackingSystemField.validateParamsInModernMode of Jira.
    assert handler(Kind.TIME_TRACKING).is_stored_form(written, stored) is is_it


def test_the_sprint_does_not_depend_on_the_order_that_jira_lists_them_in() -> None:
    sprint = handler(Kind.SPRINT)
    late = {"id": 2, "name": "Two", "state": "closed", "completeDate": "2026-04-01T00:00:00.000Z"}
    assert (
        sprint.read([*SPRINTS, late]) == sprint.read([late, *reversed(SPRINTS)]) == ("7", "Seven")
    )
    assert (
        sprint.read([SPRINTS[0], late]) == sprint.read([late, SPRINTS[0]]) == ("2", "Two", "ended")
    )


def test_a_sprint_that_has_ended_is_never_written_as_jira_takes_none() -> None:
    sprint = handler(Kind.SPRINT)
    ended = sprint.read(SPRINTS[:1])
    carried = sprint.replace(ended, {"3": ("13", "Drei")})
    assert sprint.parts(ended) == (("3", "Three"),)
    assert sprint.text(ended) == "Three"
    assert sprint.write(carried) is None
    # Whatever past the other issue has is in order then, but not that it is in a sprint.
    assert sprint.is_stored_form(carried, None)
    assert sprint.is_stored_form(carried, sprint.read(SPRINTS[:1]))
    assert not sprint.is_stored_form(carried, sprint.read(SPRINTS))
    # One that ends on one side first is no change: neither is written.
    assert sprint.same(carried, ("13", "Drei"))


def test_a_webhook_with_the_name_of_a_group_alone_is_not_compared() -> None:
    assert handler(Kind.GROUP).read_webhook({"name": "admins"}) is NOT_COMPARABLE
    assert handler(Kind.GROUPS).read_webhook([{"name": "admins"}]) is NOT_COMPARABLE


def test_a_webhook_tells_nothing_of_a_field_of_an_unknown_type_but_that_it_is_empty() -> None:
    own = handler(Kind.READ_ONLY_TEXT)
    assert own.read_webhook("2026-04-25T18:35:14.233+0530") is NOT_COMPARABLE
    assert own.read_webhook(None) is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("some  text\n", "some text"),
        ("", None),
        (True, "yes"),
        (7, "7"),
        (7.0, "7"),
        ([], None),
        ({}, None),
        (LOW, "Low"),
        ([LOW, HIGH], "Low, High"),
        (FRANCE, "Europe / France"),
        ({"self": "https://a.example", "votes": 3, "hasVoted": False}, "3"),
        ({"watchCount": 2, "isWatching": True}, "2"),
        ({"progress": 1, "total": 2}, "progress: 1, total: 2"),
        (USER, f"[~accountid:{ID}]"),
        (REQUEST, "Get help"),
        (SLA, "Time to resolution: running (goal 4h)"),
        ({**SLA, "ongoingCycle": {"breached": True}}, "Time to resolution: breached"),
        ({**SLA, "ongoingCycle": {"paused": True}}, "Time to resolution: paused"),
        (
            {"name": "First response", "completedCycles": [{"breached": False}]},
            "First response: met",
        ),
        ({"name": "Reply", "completedCycles": [{"breached": True}]}, "Reply: missed"),
        (
            {"name": "Reply", "completedCycles": [{}, {"goalDuration": {"friendly": "1h"}}]},
            "Reply: met (goal 1h)",
        ),
        ({"name": "Reply", "completedCycles": []}, "Reply: not started"),
        (
            {
                "type": "doc",
                "version": 1,
                "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "one"}]},
                    {"type": "paragraph", "content": [{"type": "text", "text": "two"}]},
                ],
            },
            "one two",
        ),
        ("x" * 300, "x" * 254 + "…"),
    ],
)
def test_whatever_a_field_holds_has_a_readable_text(raw: object, text: str | None) -> None:
    assert handler(Kind.READ_ONLY_TEXT).read(raw) == text


def test_the_text_of_an_sla_does_not_change_while_its_clock_runs() -> None:
    night = {"remainingTime": {"millis": 1}, "withinCalendarHours": False}
    later = {**SLA, "ongoingCycle": {**SLA["ongoingCycle"], **night}}  # type: ignore[dict-item]
    read = handler(Kind.READ_ONLY_TEXT).read
    assert read(SLA) == read(later)


def test_json_of_any_depth_has_a_text_too() -> None:
    deep: object = "end"
    for _ in range(100_000):
        deep = [deep] if isinstance(deep, dict) else {"in": deep}
    assert isinstance(handler(Kind.READ_ONLY_TEXT).read(deep), str)
    deep_document: dict[str, Any] = {"type": "doc", "content": []}
    for _ in range(100_000):
        deep_document = {"type": "doc", "content": [deep_document]}
    handler(Kind.READ_ONLY_TEXT).read(deep_document)


@pytest.mark.parametrize(
    ("kind", "value", "parts"),
    [
        (Kind.OPTION, ("1", "a"), (("1", "a"),)),
        (Kind.OPTION, None, ()),
        (Kind.OPTIONS, (("1", "a"), ("2", "b")), (("1", "a"), ("2", "b"))),
        (Kind.CASCADE, (("1", "a"), ("2", "b")), (("1", "a"), ("1/2", "b"))),
        (Kind.CASCADE, (("1", "a"), None), (("1", "a"),)),
        (Kind.CASCADE, None, ()),
        (Kind.USER, "abc", (("abc", ""),)),
        (Kind.USERS, ("a", "b"), (("a", ""), ("b", ""))),
        (Kind.PARENT, "10001", (("10001", ""),)),
        (Kind.TEXT, "abc", ()),
        (Kind.LABELS, ("a", "b"), ()),
    ],
)
def test_a_value_is_taken_apart_into_the_entries_of_its_table(
    kind: Kind, value: Any, parts: Any
) -> None:
    assert handler(kind).parts(value) == parts


@pytest.mark.parametrize(
    ("kind", "value", "found", "carried"),
    [
        (Kind.OPTION, ("1", "a"), {"1": ("9", "z")}, ("9", "z")),
        (Kind.OPTION, ("1", "a"), {"1": None}, None),
        (Kind.OPTION, None, {}, None),
        (
            Kind.OPTIONS,
            (("1", "a"), ("2", "b"), ("3", "c")),
            {"1": ("9", "z"), "2": ("8", "y"), "3": None},
            (("8", "y"), ("9", "z")),
        ),
        # Several may become one.
        (Kind.OPTIONS, (("1", "a"), ("2", "b")), {"1": ("9", "z"), "2": ("9", "z")}, (("9", "z"),)),
        (
            Kind.CASCADE,
            (("1", "a"), ("2", "b")),
            {"1": ("9", "z"), "1/2": ("8", "y")},
            (("8", "y"), None),
        ),
        (
            Kind.CASCADE,
            (("1", "a"), ("2", "b")),
            {"1": ("9", "z"), "1/2": ("9/8", "y")},
            (("9", "z"), ("8", "y")),
        ),
        # A child of another parent brings that one along.
        (
            Kind.CASCADE,
            (("1", "a"), ("2", "b")),
            {"1": ("9", "z"), "1/2": ("7/8", "y")},
            (("7", ""), ("8", "y")),
        ),
        (
            Kind.CASCADE,
            (("1", "a"), ("2", "b")),
            {"1": ("9", "z"), "1/2": None},
            (("9", "z"), None),
        ),
        (Kind.CASCADE, (("1", "a"), ("2", "b")), {"1": None, "1/2": None}, None),
        (
            Kind.CASCADE,
            (("1", "a"), ("2", "b")),
            {"1": None, "1/2": ("9/8", "y")},
            (("9", ""), ("8", "y")),
        ),
        (Kind.CASCADE, (("1", "a"), None), {"1": ("9/8", "y")}, (("9", ""), ("8", "y"))),
        (Kind.CASCADE, (("1", "a"), None), {"1": ("9", "z")}, (("9", "z"), None)),
        (Kind.USER, "a", {"a": ("b", "")}, "b"),
        (Kind.USER, "a", {"a": None}, None),
        (Kind.USERS, ("a", "b", "c"), {"a": ("z", ""), "b": ("y", ""), "c": None}, ("y", "z")),
        (Kind.PARENT, "1", {"1": ("2", "")}, "2"),
        # One value goes where several are.
        (Kind.OPTIONS, ("1", "a"), {"1": ("9", "z")}, (("9", "z"),)),
        (Kind.USERS, "a", {"a": ("b", "")}, ("b",)),
        (Kind.TEXT, "a", {"a": ("b", "")}, "a"),
    ],
)
def test_a_value_is_put_together_from_what_its_parts_are_on_the_other_side(
    kind: Kind, value: Any, found: Any, carried: Any
) -> None:
    assert handler(kind).replace(value, found) == carried


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.OPTION, ("1", "a")),
        (Kind.OPTIONS, (("1", "a"),)),
        (Kind.CASCADE, (("1", "a"), ("2", "b"))),
        (Kind.USER, "a"),
        (Kind.USERS, ("a",)),
        (Kind.PARENT, "1"),
    ],
)
def test_a_part_that_nothing_was_found_for_is_never_left_out_in_silence(
    kind: Kind, value: Any
) -> None:
    with pytest.raises(KeyError):
        handler(kind).replace(value, {})


@pytest.mark.parametrize(
    ("kind", "allowed", "choices"),
    [
        (Kind.OPTION, [LOW, HIGH], (("10021", "Low"), ("10003", "High"))),
        (Kind.VERSIONS, [R4, R4, {"name": "no id"}, "r6"], (("10000", "r4"),)),
        (Kind.PRIORITY, None, ()),
        (
            Kind.CASCADE,
            [
                {"id": "1", "value": "Europe", "children": [{"id": "2", "value": "France"}]},
                {"id": "3", "value": "Asia"},
                {"value": "no id", "children": [{"id": "4", "value": "x"}]},
            ],
            (("1", "Europe"), ("1/2", "France"), ("3", "Asia")),
        ),
        (Kind.TEXT, [LOW], ()),
    ],
)
def test_the_values_that_metadata_allows_are_entries_of_a_table(
    kind: Kind, allowed: object, choices: Any
) -> None:
    assert handler(kind).choices(allowed) == choices


def test_kinds_say_what_carrying_them_takes() -> None:
    def those(attribute: str) -> set[str]:
        return {kind.value for kind in Kind if getattr(handler(kind), attribute)}

    assert those("has_table") == {
        "option",
        "options",
        "cascade",
        "components",
        "versions",
        "version",
        "priority",
        "resolution",
        "status",
        "group",
        "groups",
        "sprint",
        "security",
        "request_type",
        "organizations",
    }
    assert those("has_users") == {"user", "users"}
    assert those("has_issues") == {"parent"}
    assert those("can_create") == {"components", "versions", "version"}
    assert those("by_transition") == {"status"}
    assert {kind for kind in Kind if not handler(kind).writable} == {Kind.READ_ONLY_TEXT}
