"""The mapping document: what is accepted, and what each refusal says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.field_types import pairs_with
from app.mapping.profile import (
    DEFAULT_FIELDS,
    FieldMapping,
    Flow,
    Kind,
    Missing,
    Moment,
    Policy,
    Profile,
    Row,
    Scope,
    UserTable,
    ValueTable,
)

SUMMARY = {"left": "summary", "right": "summary", "kind": "text"}


def document(*fields: object, **changes: object) -> dict[str, Any]:
    good: dict[str, Any] = {
        "version": 1,
        "left": {"project": "10000", "issue_type": "10001"},
        "right": {"project": "10002", "issue_type": "10003"},
        "fields": list(fields) or [SUMMARY],
    }
    return {**good, **changes}


def field(left: str, right: str, kind: str = "text", **more: str) -> dict[str, str]:
    return {"left": left, "right": right, "kind": kind, **more}


def refusal(bad: object) -> dict[str, str]:
    with pytest.raises(DocumentError) as caught:
        load_profile(bad)
    return {problem.where: problem.sentence for problem in caught.value.problems}


def test_a_document_becomes_a_profile() -> None:
    loaded = load_profile(
        document(
            SUMMARY,
            field("customfield_1", "environment", "rich_text", flow="to_left", policy="ask"),
        )
    )
    assert loaded == Profile(
        Scope("10000", "10001"),
        Scope("10002", "10003"),
        (
            FieldMapping("summary", "summary", Kind.TEXT, Flow.BOTH, Policy.NEWER),
            FieldMapping("customfield_1", "environment", Kind.RICH_TEXT, Flow.TO_LEFT, Policy.ASK),
        ),
    )


IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
ROWS = st.lists(st.builds(Row, IDS, IDS), max_size=3, unique=True).map(tuple)
TABLES = st.builds(
    ValueTable,
    ROWS,
    st.booleans(),
    st.sampled_from([Missing.LEAVE, Missing.FAIL, Missing.CREATE]),
) | st.builds(ValueTable, ROWS, st.booleans(), st.just(Missing.DEFAULT), IDS, IDS | st.none())
ENTRIES = st.dictionaries(IDS, IDS | st.integers(-5, 5) | st.booleans(), max_size=2).map(
    lambda found: tuple(found.items())
)


@st.composite
def mappings(draw: st.DrawFn, number: int) -> FieldMapping:
    """A mapping of any two kinds that can be carried, with a table or a transform."""
    left = draw(st.sampled_from(Kind))
    right = draw(st.sampled_from([kind for kind in Kind if pairs_with(left, kind).flow]))
    widest = pairs_with(left, right).flow
    moved = {left, right} & {Kind.STATUS, Kind.RESOLUTION}
    made = FieldMapping(
        f"left{number}",
        f"right{number}",
        left,
        draw(st.sampled_from(Flow)) if widest is Flow.BOTH else widest or Flow.BOTH,
        draw(st.sampled_from(Policy)),
        Moment.ALWAYS if moved else draw(st.sampled_from(Moment)),
        None if right is left else right,
        draw(TABLES),
    )
    if draw(st.booleans()):
        return made
    texts = {"left": f"left{number}", "right": f"right{number}", "kind": Kind.TEXT}
    flow = draw(st.sampled_from([Flow.TO_LEFT, Flow.TO_RIGHT]))
    tables = (("severity", draw(ENTRIES)),)
    return FieldMapping(**texts, flow=flow, transform="value", tables=tables)  # type: ignore[arg-type]


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """A profile that a document may say."""
    fields = tuple(draw(mappings(number)) for number in range(draw(st.integers(1, 4))))
    users = draw(st.builds(UserTable, ROWS, st.booleans(), IDS | st.none(), IDS | st.none()))
    return Profile(Scope("1", "2"), Scope("3", "4"), fields, users)


@settings(deadline=None)  # the first expression loads its library
@given(profiles())
def test_a_profile_dumped_as_json_and_loaded_is_the_same(profile: Profile) -> None:
    assert load_profile(json.loads(json.dumps(dump_profile(profile)))) == profile


def test_the_default_fields_are_accepted() -> None:
    profile = Profile(Scope("1", "2"), Scope("3", "4"), DEFAULT_FIELDS)
    assert load_profile(dump_profile(profile)) == profile


@pytest.mark.parametrize(
    ("bad", "where", "sentence"),
    [
        ([], "document", "must be an object with version, left, right and fields"),
        (document(version=2), "version", "must be 1; this Tandem does not know 2: upgrade it"),
        (document(version="1"), "version", "must be the number 1"),
        (document(version=None), "version", "is empty; set it to 1"),
        (
            document(colour="red"),
            "colour",
            "is not known in version 1; remove it or correct its name",
        ),
        (document(left=None), "left", "is missing; give the left project and issue type"),
        (
            document(left={"project": "10000"}),
            "left.issue_type",
            "is missing; give the issue type's id",
        ),
        (
            document(right={"project": "KAN", "issue_type": "1"}),
            "right.project",
            "must be the project's id, a number as in Jira's address bar; 'KAN' is not",
        ),
        (
            document(right={"project": 10000, "issue_type": "1"}),
            "right.project",
            "must be the project's id, a number as in Jira's address bar, as text in quotes",
        ),
        (document(fields=None), "fields", "is empty; list the fields to carry"),
        (document(fields=[]), "fields", "must hold 1 to 200 field mappings; add or remove some"),
        (document(fields={}), "fields", "must be a list of field mappings"),
        (
            document(7),
            "fields.0",
            "must be an object with the keys of version 1; correct it",
        ),
        (
            document({"left": "summary", "kind": "text"}),
            "fields.0.right",
            "is missing; give the right field's id",
        ),
        (
            document(SUMMARY, field("a", "b c")),
            "fields.1.right",
            "must be a Jira field id; 'b c' is not",
        ),
        (document(field("a=b", "c")), "fields.0.left", "must be a Jira field id; 'a=b' is not"),
        (document(field("a\n", "c")), "fields.0.left", "must be a Jira field id; 'a\\n' is not"),
        (
            document(field("a", "b", "colour")),
            "fields.0.kind",
            "is not a choice; choose one of: " + ", ".join(Kind),
        ),
        (
            document(field("a", "b", flow="up")),
            "fields.0.flow",
            "is not a choice; choose one of: both, to_right, to_left",
        ),
        (
            document({**SUMMARY, "polcy": "ask"}),
            "fields.0.polcy",
            "is not known in version 1; remove it or correct its name",
        ),
        (
            document(field("description", "customfield_1", "text")),
            "fields.0.kind",
            "description is of kind rich_text, not text; use that",
        ),
        (
            document(field("priority", "customfield_1", "text")),
            "fields.0.kind",
            "priority is of kind named or priority, not text; use that",
        ),
        (
            document(SUMMARY, field("customfield_1", "summary")),
            "fields.1.right",
            "summary on the right side is already written by fields.0; "
            "remove one or limit its flow to the other direction",
        ),
        (
            document(SUMMARY, field("summary", "customfield_1")),
            "fields.1.left",
            "summary on the left side is already written by fields.0; "
            "remove one or limit its flow to the other direction",
        ),
        (
            document(field("a", "b", flow="to_left"), field("a", "b", flow="to_right")),
            "fields.1",
            "the same two fields as fields.0; keep one, with flow both if needed",
        ),
    ],
)
def test_a_bad_document_is_refused_with_place_rule_and_cure(
    bad: object, where: str, sentence: str
) -> None:
    assert refusal(bad) == {where: sentence}


MOVED = (
    "must be always or update, as {0} on the {1} side is set by a transition of an issue that is "
    "there: {2}. Choose one of these, or limit the flow to the other direction"
)
STATUS = field("status", "status", "status")
RESOLUTION = field("resolution", "resolution", "resolution", moment="create")


@pytest.mark.parametrize(
    ("bad", "where", "sentence"),
    [
        (
            document({**STATUS, "moment": "create"}),
            "fields.0.moment",
            MOVED.format(
                "status", "left", "Jira makes an issue in the first status of its workflow"
            ),
        ),
        (
            document({**STATUS, "moment": "create", "flow": "to_right"}),
            "fields.0.moment",
            MOVED.format(
                "status", "right", "Jira makes an issue in the first status of its workflow"
            ),
        ),
        (
            document(STATUS, RESOLUTION),
            "fields.1.moment",
            MOVED.format("resolution", "left", "it is set together with status"),
        ),
    ],
)
def test_what_only_a_transition_sets_is_not_carried_when_the_twin_is_made(
    bad: dict[str, Any], where: str, sentence: str
) -> None:
    assert refusal(bad) == {where: sentence}


def test_a_status_may_be_told_as_a_text_when_the_twin_is_made_and_else_only_be_updated() -> None:
    told = field("status", "customfield_1", "status", right_kind="text")
    load_profile(document({**told, "flow": "to_right", "moment": "create"}))
    load_profile(document({**STATUS, "moment": "update"}))
    load_profile(document(RESOLUTION))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    bad = document(field("a b", "c", "colour"), {}, version=3, left={})
    assert set(refusal(bad)) == {
        "version",
        "left.project",
        "left.issue_type",
        "fields.0.left",
        "fields.0.kind",
        "fields.1.left",
        "fields.1.right",
        "fields.1.kind",
    }


def test_one_field_may_be_copied_to_two() -> None:
    fields = (
        field("summary", "summary", flow="to_right"),
        field("summary", "customfield_1", flow="to_right"),
    )
    assert len(load_profile(document(*fields)).fields) == 2


def option(**more: object) -> dict[str, Any]:
    return {"left": "customfield_1", "right": "customfield_2", "kind": "option", **more}


@pytest.mark.parametrize(
    ("bad", "where", "sentence"),
    [
        (
            document(option(values={"rows": [{"left": "1"}]})),
            "fields.0.values.rows.0.right",
            "is missing; must be an id of the site, as text of 1 to 255 characters",
        ),
        (
            document(option(values={"rows": [{"left": "1", "right": "2"}] * 2})),
            "fields.0.values.rows.1",
            "says the same as row 0; remove one of them",
        ),
        (
            document(option(values={"missing": "default"})),
            "fields.0.values.missing",
            "is default, but neither left_default nor right_default is given; give one, or choose "
            "leave or fail",
        ),
        (
            document(option(values={"left_default": "1"})),
            "fields.0.values.missing",
            "must be default where left_default or right_default is given",
        ),
        (
            document(option(values={"missing": "guess"})),
            "fields.0.values.missing",
            "is not a choice; choose one of: leave, fail, default, create",
        ),
        (
            document(option(right_kind="number")),
            "fields.0.kind",
            "option cannot be carried to number, nor back: map fields of one kind, or either to a "
            "text field",
        ),
        (
            document(option(right_kind="text")),
            "fields.0.flow",
            "must be to_right here (option to text only: as text)",
        ),
        (
            document(option(transform="value")),
            "fields.0.flow",
            "a transform works in one direction, as nothing says how to undo it; set the flow to "
            "to_right or to_left",
        ),
        (
            document({**SUMMARY, "tables": {"severity": {"a": 1}}}),
            "fields.0.tables",
            "are for a transform, and there is none; write one, or remove the tables",
        ),
        (
            document({**SUMMARY, "flow": "to_right", "transform": "x", "tables": {"No": {}}}),
            "fields.0.tables.No.key",
            "must be a name of lower-case letters, digits and underscores",
        ),
        (
            document({**SUMMARY, "flow": "to_right", "transform": "source.labels"}),
            "fields.0.transform",
            "source.labels is no field that the profile maps here; there are: summary",
        ),
        (
            document(users={"by_email": "yes"}),
            "users.by_email",
            "must be true or false",
        ),
    ],
)
def test_tables_people_and_transforms_are_checked(
    bad: dict[str, Any], where: str, sentence: str
) -> None:
    assert refusal(bad) == {where: sentence}
