"""Field types of Jira: the kind that each is of, and which kinds can be mapped together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mapping.field_types import kind_of, pairs_with
from app.mapping.profile import SYSTEM_KINDS, Flow, Kind
from app.mapping.values import handler

JIRA = "com.atlassian.jira.plugin.system.customfieldtypes:"
SOFTWARE = "com.pyxis.greenhopper.jira:"
PLANS = "com.atlassian.jpo:"
SERVICE = "com.atlassian.servicedesk:"


def one(type_: str, custom: str) -> dict[str, object]:
    return {"type": type_, "custom": custom, "customId": 10001}


def several(items: str, custom: str) -> dict[str, object]:
    return {"type": "array", "items": items, "custom": custom, "customId": 10001}


# As create metadata and GET /field have them.
SCHEMAS: list[tuple[dict[str, object], Kind]] = [
    ({"type": "string", "system": "summary"}, Kind.TEXT),
    ({"type": "string", "system": "description"}, Kind.RICH_TEXT),
    ({"type": "string", "system": "environment"}, Kind.RICH_TEXT),
    ({"type": "array", "items": "string", "system": "labels"}, Kind.LABELS),
    ({"type": "priority", "system": "priority"}, Kind.PRIORITY),
    ({"type": "date", "system": "duedate"}, Kind.DATE),
    ({"type": "array", "items": "component", "system": "components"}, Kind.COMPONENTS),
    ({"type": "array", "items": "version", "system": "fixVersions"}, Kind.VERSIONS),
    ({"type": "array", "items": "version", "system": "versions"}, Kind.VERSIONS),
    ({"type": "user", "system": "assignee"}, Kind.USER),
    ({"type": "user", "system": "reporter"}, Kind.USER),
    ({"type": "resolution", "system": "resolution"}, Kind.RESOLUTION),
    ({"type": "status", "system": "status"}, Kind.STATUS),
    ({"type": "issuelink", "system": "parent"}, Kind.PARENT),
    ({"type": "timetracking", "system": "timetracking"}, Kind.TIME_TRACKING),
    ({"type": "securitylevel", "system": "security"}, Kind.SECURITY),
    # System fields that no edit can set, or that are no values.
    ({"type": "user", "system": "creator"}, Kind.READ_ONLY_TEXT),
    ({"type": "datetime", "system": "created"}, Kind.READ_ONLY_TEXT),
    ({"type": "datetime", "system": "updated"}, Kind.READ_ONLY_TEXT),
    ({"type": "datetime", "system": "resolutiondate"}, Kind.READ_ONLY_TEXT),
    ({"type": "number", "system": "timespent"}, Kind.READ_ONLY_TEXT),
    ({"type": "votes", "system": "votes"}, Kind.READ_ONLY_TEXT),
    ({"type": "watches", "system": "watches"}, Kind.READ_ONLY_TEXT),
    ({"type": "progress", "system": "progress"}, Kind.READ_ONLY_TEXT),
    ({"type": "project", "system": "project"}, Kind.READ_ONLY_TEXT),
    ({"type": "issuetype", "system": "issuetype"}, Kind.READ_ONLY_TEXT),
    ({"type": "array", "items": "attachment", "system": "attachment"}, Kind.READ_ONLY_TEXT),
    ({"type": "array", "items": "issuelinks", "system": "issuelinks"}, Kind.READ_ONLY_TEXT),
    ({"type": "comments-page", "system": "comment"}, Kind.READ_ONLY_TEXT),
    # Custom fields of Jira itself.
    (one("string", JIRA + "textfield"), Kind.TEXT),
    (one("string", JIRA + "textarea"), Kind.RICH_TEXT),
    (one("number", JIRA + "float"), Kind.NUMBER),
    (one("date", JIRA + "datepicker"), Kind.DATE),
    (one("datetime", JIRA + "datetime"), Kind.DATETIME),
    (one("string", JIRA + "url"), Kind.URL),
    (one("option", JIRA + "select"), Kind.OPTION),
    (one("option", JIRA + "radiobuttons"), Kind.OPTION),
    (several("option", JIRA + "multiselect"), Kind.OPTIONS),
    (several("option", JIRA + "multicheckboxes"), Kind.OPTIONS),
    (one("option-with-child", JIRA + "cascadingselect"), Kind.CASCADE),
    (several("string", JIRA + "labels"), Kind.LABELS),
    (one("user", JIRA + "userpicker"), Kind.USER),
    (several("user", JIRA + "multiuserpicker"), Kind.USERS),
    (several("user", JIRA + "people"), Kind.USERS),
    (one("group", JIRA + "grouppicker"), Kind.GROUP),
    (several("group", JIRA + "multigrouppicker"), Kind.GROUPS),
    (one("version", JIRA + "version"), Kind.VERSION),
    (several("version", JIRA + "multiversion"), Kind.VERSIONS),
    (one("string", JIRA + "readonlyfield"), Kind.READ_ONLY_TEXT),
    (one("number", JIRA + "importid"), Kind.READ_ONLY_TEXT),
    (one("project", JIRA + "project"), Kind.READ_ONLY_TEXT),
    (one("team", JIRA + "atlassian-team"), Kind.READ_ONLY_TEXT),
    # Jira Software and its plans.
    (several("json", SOFTWARE + "gh-sprint"), Kind.SPRINT),
    (one("any", SOFTWARE + "gh-epic-link"), Kind.READ_ONLY_TEXT),
    (one("string", SOFTWARE + "gh-epic-label"), Kind.TEXT),
    (one("option", SOFTWARE + "gh-epic-status"), Kind.OPTION),
    (one("string", SOFTWARE + "gh-epic-color"), Kind.READ_ONLY_TEXT),
    (one("any", SOFTWARE + "gh-lexo-rank"), Kind.READ_ONLY_TEXT),
    (one("number", SOFTWARE + "jsw-story-points"), Kind.NUMBER),
    (one("date", PLANS + "jpo-custom-field-baseline-start"), Kind.DATE),
    (one("date", PLANS + "jpo-custom-field-baseline-end"), Kind.DATE),
    (one("any", PLANS + "jpo-custom-field-parent"), Kind.READ_ONLY_TEXT),
    # Service projects.
    (one("sd-customerrequesttype", SERVICE + "vp-origin"), Kind.REQUEST_TYPE),
    (
        several("sd-customerorganization", SERVICE + "sd-customer-organizations"),
        Kind.ORGANIZATIONS,
    ),
    (several("user", SERVICE + "sd-request-participants"), Kind.USERS),
    (one("sd-servicelevelagreement", SERVICE + "sd-sla-field"), Kind.READ_ONLY_TEXT),
    (one("sd-feedback", SERVICE + "sd-request-feedback"), Kind.READ_ONLY_TEXT),
    (one("datetime", SERVICE + "sd-request-feedback-date"), Kind.READ_ONLY_TEXT),
    # Apps, whatever the type says that they hold.
    (one("string", "com.example.app:rating"), Kind.READ_ONLY_TEXT),
    (
        one("string", "ari:cloud:ecosystem::extension/1/2/static/field"),
        Kind.READ_ONLY_TEXT,
    ),
    # A schema with the type alone.
    ({"type": "string"}, Kind.TEXT),
    ({"type": "array", "items": "version"}, Kind.VERSIONS),
    ({"type": "array"}, Kind.READ_ONLY_TEXT),
    ({"type": "any"}, Kind.READ_ONLY_TEXT),
    ({}, Kind.READ_ONLY_TEXT),
    ({"type": None, "system": 7, "custom": []}, Kind.READ_ONLY_TEXT),
    ({"type": ["array"], "items": {}}, Kind.READ_ONLY_TEXT),
]


@pytest.mark.parametrize(("schema", "kind"), SCHEMAS)
def test_a_field_type_of_jira_is_of_one_kind(schema: dict[str, object], kind: Kind) -> None:
    assert kind_of(schema) is kind


def test_every_kind_is_offered_for_some_field_type() -> None:
    # "named" is what profiles have that were made before priorities went by id.
    assert {kind for _, kind in SCHEMAS} == set(Kind) - {Kind.NAMED}


def test_a_system_field_is_of_a_kind_that_the_mapping_document_takes() -> None:
    for name, kinds in SYSTEM_KINDS.items():
        assert kind_of({"type": "string", "system": name}) in kinds


@given(
    st.dictionaries(
        st.sampled_from(["type", "items", "system", "custom"]),
        st.none() | st.text() | st.integers() | st.lists(st.text(), max_size=1),
    )
)
def test_any_schema_has_a_kind(schema: Mapping[str, object]) -> None:
    assert kind_of(schema) in Kind


@pytest.mark.parametrize(
    ("left", "right", "flow", "sentence"),
    [
        (Kind.TEXT, Kind.TEXT, Flow.BOTH, "text and text: as it is"),
        (Kind.OPTION, Kind.OPTION, Flow.BOTH, "option and option: by a table of values"),
        (Kind.OPTION, Kind.PRIORITY, Flow.BOTH, "option and priority: by a table of values"),
        (Kind.COMPONENTS, Kind.OPTIONS, Flow.BOTH, "components and options: by a table of values"),
        (
            Kind.STATUS,
            Kind.STATUS,
            Flow.BOTH,
            "status and status: by a table of values, through transitions of the workflow",
        ),
        (Kind.USER, Kind.USER, Flow.BOTH, "user and user: by pairs of people"),
        (Kind.PARENT, Kind.PARENT, Flow.BOTH, "parent and parent: by pairs of issues"),
        (Kind.NAMED, Kind.NAMED, Flow.BOTH, "named and named: as it is"),
        (Kind.USER, Kind.TEXT, Flow.TO_RIGHT, "user to text only: people by name, as text"),
        (Kind.TEXT, Kind.USERS, Flow.TO_LEFT, "users to text only: people by name, as text"),
        (Kind.READ_ONLY_TEXT, Kind.TEXT, Flow.TO_RIGHT, "read_only_text to text only: as text"),
        (
            Kind.OPTIONS,
            Kind.OPTION,
            Flow.TO_LEFT,
            "option to options only: the one value, as the only one of several",
        ),
        (
            Kind.READ_ONLY_TEXT,
            Kind.READ_ONLY_TEXT,
            None,
            "neither side can be written: map read_only_text to a text field",
        ),
        (
            Kind.NUMBER,
            Kind.DATE,
            None,
            "number cannot be carried to date, nor back: "
            "map fields of one kind, or either to a text field",
        ),
        (
            Kind.STATUS,
            Kind.OPTION,
            None,
            "status cannot be carried to option, nor back: "
            "map fields of one kind, or either to a text field",
        ),
    ],
)
def test_kinds_that_can_be_mapped_together_say_how_and_the_others_what_would_do(
    left: Kind, right: Kind, flow: Flow | None, sentence: str
) -> None:
    fit = pairs_with(left, right)
    assert (fit.flow, fit.sentence) == (flow, sentence)
    assert bool(fit) is (flow is not None)


def test_every_kind_that_can_be_written_pairs_with_itself_both_ways() -> None:
    for kind in Kind:
        assert pairs_with(kind, kind).flow is (Flow.BOTH if handler(kind).writable else None)


@given(st.sampled_from(Kind), st.sampled_from(Kind))
def test_a_pair_turned_round_fits_in_the_other_direction(left: Kind, right: Kind) -> None:
    turned = {Flow.TO_LEFT: Flow.TO_RIGHT, Flow.TO_RIGHT: Flow.TO_LEFT}
    flow = pairs_with(left, right).flow
    assert pairs_with(right, left).flow is (turned.get(flow, flow) if flow else None)


@given(st.sampled_from(Kind), st.sampled_from(Kind))
def test_no_pair_would_write_what_is_only_read(left: Kind, right: Kind) -> None:
    flow = pairs_with(left, right).flow
    if not handler(right).writable:
        assert flow in (None, Flow.TO_LEFT)
