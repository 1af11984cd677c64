"""Constants: what a field of the twin is given, whatever the issue holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.errors import Problem
from app.jira.site import FieldRule
from app.mapping.constants import can_be_given, choices_of, constant_of, made, shown
from app.mapping.document import dump_profile, load_profile
from app.mapping.leaves import source_fields
from app.mapping.offer import Seen
from app.mapping.offer_pairs import offer
from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Profile, Scope, Side
from app.mapping.values import Value
from app.sync.carry import Carrier
from app.sync.merge import for_create, merge
from app.sync.plan import Snapshot
from tests.unit.merge_world import FINGERPRINTS as MARKS
from tests.unit.merge_world import NOON as AT

SUMMARY = FieldMapping("summary", "summary", Kind.TEXT)
LEVELS = [
    {"id": "10", "value": "High", "children": [{"id": "11", "value": "Very"}]},
    {"id": "20", "value": "שלום 😀"},
]
LISTED = FieldRule("Severity", required=True, schema={"custom": "x"}, values=tuple(LEVELS))
FREE = FieldRule("Impact", required=True, schema={"custom": "x"})


def profile_of(*fields: FieldMapping) -> Profile:
    """A profile of these mappings that passed every check of the document."""
    made_up = Profile(Scope("1", "2"), Scope("3", "4"), (SUMMARY, *fields))
    return load_profile(dump_profile(made_up))


@pytest.mark.parametrize(
    ("kind", "given", "rule", "value"),
    [
        (Kind.TEXT, ['  from "us" 😀 '], FREE, 'from "us" 😀'),
        (Kind.NUMBER, ["2,5"], FREE, 2.5),
        (Kind.DATE, ["2026-03-31"], FREE, "2026-03-31"),
        (Kind.LABELS, ["b, a b"], FREE, ("a", "b")),
        (Kind.OPTION, ["20"], LISTED, ("20", "שלום 😀")),
        (Kind.OPTIONS, ["20", "10"], LISTED, (("10", "High"), ("20", "שלום 😀"))),
        (Kind.CASCADE, ["10/11"], LISTED, (("10", "High"), ("11", "Very"))),
        (Kind.CASCADE, ["20"], LISTED, (("20", "שלום 😀"), None)),
        (Kind.USER, ["712020:ann"], FREE, "712020:ann"),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_a_twin_is_made_with_the_constant_and_never_given_it_again(
    side: Side, kind: Kind, given: Sequence[str], rule: FieldRule, value: Value
) -> None:
    mapping = made(side, "customfield_9", kind, given, rule)
    profile = profile_of(mapping)
    assert profile.fields[1] == mapping
    source = Snapshot({one.key: "Broken" for one in profile.fields}, AT)
    carry = Carrier(profile, snapshots={side.other: source})
    plan = for_create(source, side, profile, MARKS, carry=carry)
    written = {one.field: one.value for one in plan.writes(side)}
    assert written == {"summary": "Broken", "customfield_9": value}
    # Whatever is written into it there, or into the summary here, stays as it is.
    there = Snapshot({SUMMARY.key: "Broken", mapping.key: None}, AT)
    here = Snapshot({one.key: "Fixed" for one in profile.fields}, AT)
    left, right = (there, here) if side is Side.LEFT else (here, there)
    after = Carrier(profile, snapshots={side.other: here, side: there})
    later = merge(left, right, plan.base, profile, MARKS, carry=after)
    assert [one.field for one in later.writes(side)] == ["summary"]


@pytest.mark.parametrize(
    ("kind", "given", "rule", "words"),
    [
        (Kind.TEXT, ["  "], FREE, "is empty"),
        (Kind.TEXT, ["x" * 2001], FREE, "at most 2,000"),
        (Kind.NUMBER, ["many"], FREE, "must be a number"),
        (Kind.NUMBER, ["nan"], FREE, "must be a number"),
        (Kind.DATE, ["31.3.2026"], FREE, "must be a day"),
        (Kind.DATETIME, ["noon"], FREE, "must be a moment"),
        (Kind.OPTION, ["30"], LISTED, "choose one from the list"),
        (Kind.CASCADE, ["10/12"], LISTED, "choose one from the list"),
        (Kind.LABELS, ["x" * 300], FREE, "does not fit"),
        (Kind.READ_ONLY_TEXT, ["x"], FREE, "map a field to it"),
        (Kind.STATUS, ["x"], FREE, "map a field to it"),
    ],
)
def test_what_a_field_cannot_be_given_is_refused_with_the_rule(
    kind: Kind, given: Sequence[str], rule: FieldRule, words: str
) -> None:
    with pytest.raises(Problem, match=words) as refused:
        made(Side.RIGHT, "customfield_9", kind, given, rule)
    assert refused.value.field == "constant"


def test_a_constant_is_known_again_and_shown_by_its_names() -> None:
    def again(kind: Kind, *given: str) -> Any:
        return constant_of(made(Side.RIGHT, "customfield_9", kind, given, LISTED))

    assert shown(again(Kind.OPTION, "10")) == "High"
    assert shown(again(Kind.OPTIONS, "10", "20")) == "High, שלום 😀"
    assert shown(again(Kind.CASCADE, "10/11")) == "High / Very"
    assert shown(again(Kind.NUMBER, "3")) == "3"
    computed = FieldMapping(
        "summary", "a", Kind.TEXT, Flow.TO_RIGHT, moment=Moment.CREATE, transform="value + '!'"
    )
    assert constant_of(computed) is None
    assert constant_of(SUMMARY) is None


def test_a_list_of_a_thousand_options_is_offered_whole() -> None:
    many = [{"id": str(number), "value": f"{number:03} " + "n" * 250} for number in range(1000)]
    assert len(choices_of(Kind.OPTION, FieldRule("Many", values=many))) == 1000
    assert choices_of(Kind.TEXT, FieldRule("Many", values=many)) == ()


def test_a_constant_feeds_a_required_field_and_lets_nothing_leave() -> None:
    wanted = {"customfield_9": FREE, "summary": FieldRule("Summary", schema={"system": "summary"})}
    text = {"custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"}
    wanted["customfield_9"] = FieldRule("Impact", required=True, schema=text)
    seen = {side: Seen(wanted, wanted, wanted, None) for side in Side}
    constant = made(Side.RIGHT, "customfield_9", Kind.TEXT, ["us"], FREE)
    assert [one.side for one in offer(profile_of(), seen).wanting] == [Side.LEFT, Side.RIGHT]
    profile = profile_of(constant)
    assert [one.side for one in offer(profile, seen).wanting] == [Side.LEFT]
    assert source_fields(profile, constant, Side.LEFT) == ()


def test_the_field_that_constants_are_mapped_from_is_suggested_still() -> None:
    fields = {"summary": FieldRule("Summary", schema={"type": "string", "system": "summary"})}
    seen = {side: Seen(fields, fields, fields, None) for side in Side}
    constant = made(Side.RIGHT, "customfield_9", Kind.TEXT, ["us"], FREE)
    alone = Profile(Scope("1", "2"), Scope("3", "4"), (constant,))
    assert [one.mapping.key for one in offer(alone, seen).suggestions] == ["summary=summary"]


def test_what_is_set_otherwise_is_given_no_constant() -> None:
    assert not can_be_given("summary", Kind.TEXT)
    assert not can_be_given("status", Kind.STATUS)
    assert not can_be_given("parent", Kind.PARENT)
    assert can_be_given("customfield_9", Kind.TEXT)
