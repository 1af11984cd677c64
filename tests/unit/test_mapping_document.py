"""The mapping document: what is accepted, and what each refusal says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.profile import DEFAULT_FIELDS, FieldMapping, Flow, Kind, Policy, Profile, Scope

from .merge_world import profiles

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
