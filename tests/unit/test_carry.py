"""Carrying values by tables, names, people and transforms: what crosses, what is sought."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.mapping.profile import (
    FieldMapping,
    Flow,
    Kind,
    Missing,
    Profile,
    Row,
    Scope,
    Side,
    UserTable,
    ValueTable,
)
from app.mapping.transforms import IssueFacts
from app.mapping.values import Value
from app.sync.carry import Carrier
from app.sync.facts import Facts, Miss, Sought
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import merge
from app.sync.plan import Base, Reason, Refused, Snapshot, Stop

from .merge_world import NOON

RIGHT, LEFT = Side.RIGHT, Side.LEFT
KEY = "here=there"


def mapping(kind: Kind = Kind.OPTION, **more: Any) -> FieldMapping:
    return FieldMapping("here", "there", kind, **more)


def carrier(one: FieldMapping, facts: Facts | None = None, **more: Any) -> Carrier:
    return Carrier(Profile(Scope("1", "2"), Scope("3", "4"), (one,), **more), facts)


def carried(one: FieldMapping, to: Side, value: Value, facts: Facts | None = None) -> Any:
    return carrier(one, facts)(one, to, value)


def test_rows_decide_by_id_in_both_directions_whatever_a_value_is_called() -> None:
    one = mapping(values=ValueTable((Row("1", "9"), Row("2", "9"), Row("3", "8"))))
    assert carried(one, RIGHT, ("1", "Renamed")) == ("9", "")
    assert carried(one, RIGHT, ("2", "b")) == ("9", "")
    assert carried(one, LEFT, ("9", "x")) == ("1", "")  # the first row that has it
    assert carried(one, LEFT, ("8", "y")) == ("3", "")


def test_nothing_is_nothing_on_the_other_side_and_asks_for_nothing() -> None:
    for kind in (Kind.OPTION, Kind.OPTIONS, Kind.CASCADE, Kind.USER, Kind.USERS):
        one = mapping(kind)
        at = carrier(one)
        empty: Value = () if kind in {Kind.OPTIONS, Kind.USERS} else None
        assert at(one, RIGHT, empty) == empty
        assert not at.missed


def test_what_no_row_has_is_sought_by_name_once_and_then_known() -> None:
    one, facts = mapping(), Facts()
    at = carrier(one, facts)
    assert isinstance(at(one, RIGHT, ("5", "High")), Refused)
    assert at.missed == {Miss(Sought.VALUE, RIGHT, "5", KEY, "High")}
    facts.values[KEY, RIGHT, "5"] = ("77", "High")
    at.missed.clear()
    assert at(one, RIGHT, ("5", "High")) == ("77", "High")
    assert not at.missed


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        (ValueTable(by_name=False), Refused("here 'High' has no twin on the right side")),
        (
            ValueTable(by_name=False, missing=Missing.FAIL),
            Refused("here 'High' has no twin on the right side", Stop.UNPAIRED),
        ),
        (
            ValueTable(by_name=False, missing=Missing.DEFAULT, right_default="0"),
            ("0", ""),
        ),
        (
            ValueTable(by_name=False, missing=Missing.DEFAULT, left_default="0"),
            Refused("here 'High' has no twin on the right side"),
        ),
    ],
)
def test_what_has_no_counterpart_is_left_stopped_or_given_the_default(
    table: ValueTable, wanted: Any
) -> None:
    at = carrier(mapping(values=table))
    assert at(mapping(values=table), RIGHT, ("5", "High")) == wanted
    assert not at.missed


def test_one_of_several_without_a_counterpart_keeps_the_others_from_being_lost() -> None:
    one = mapping(Kind.OPTIONS, values=ValueTable((Row("1", "9"),), by_name=False))
    assert carried(one, RIGHT, (("1", "a"),)) == (("9", ""),)
    assert isinstance(carried(one, RIGHT, (("1", "a"), ("2", "b"))), Refused)


def test_of_many_that_become_one_those_that_are_there_stay_beside_an_edit_of_the_others() -> None:
    rows = (Row("1", "9"), Row("2", "9"), Row("3", "8"))
    table = ValueTable(rows, by_name=False)

    def back(there: Value, came: Value, **more: Any) -> Any:
        one = mapping(Kind.OPTIONS, values=table, **more)
        snapshots = {LEFT: Snapshot({KEY: there}, NOON)}
        profile = Profile(Scope("1", "2"), Scope("3", "4"), (one,))
        found = Carrier(profile, None, snapshots)(one, LEFT, came)
        return [id_ for id_, _ in found]

    both, second = (("1", "a"), ("2", "b")), (("2", "b"),)
    assert back(both, (("8", ""), ("9", ""))) == ["1", "2", "3"]
    assert back(second, (("8", ""), ("9", ""))) == ["2", "3"]
    assert back(both, (("8", ""),)) == ["3"]
    assert back((), (("9", ""),)) == ["1"]
    assert back(both, ()) == []
    # Where only the other side is asked, it says what is here.
    assert back(both, (("9", ""),), flow=Flow.TO_LEFT) == ["1"]


def test_of_many_people_who_become_one_those_who_are_there_stay() -> None:
    table = UserTable((Row("a", "z"), Row("b", "z"), Row("c", "y")), False, right_default="x")
    one = mapping(Kind.USERS)
    profile = Profile(Scope("1", "2"), Scope("3", "4"), (one,), users=table)

    def back(there: Value, *came: str) -> Any:
        return Carrier(profile, None, {LEFT: Snapshot({KEY: there}, NOON)})(one, LEFT, came)

    assert back(("a", "b"), "y", "z") == ("a", "b", "c")
    assert back(("b",), "y", "z") == ("b", "c")
    assert back(("a", "b"), "y") == ("c",)
    assert isinstance(back((), "x"), Refused)
    table = replace(table, left_default="d")
    profile = replace(profile, users=table)
    assert back(("stranger",), "x", "y") == ("c", "stranger")
    assert back((), "x") == ("d",)


def test_a_cascade_is_carried_with_both_of_its_levels() -> None:
    rows = (Row("1", "9"), Row("1/2", "9/8"))
    one = mapping(Kind.CASCADE, values=ValueTable(rows, by_name=False))
    assert carried(one, RIGHT, (("1", "EU"), ("2", "FR"))) == (("9", ""), ("8", ""))
    assert carried(one, RIGHT, (("1", "EU"), None)) == (("9", ""), None)
    assert carried(one, LEFT, (("9", "EU"), ("8", "FR"))) == (("1", ""), ("2", ""))


def test_people_are_carried_by_pairs_then_by_address_then_by_the_default() -> None:
    one, facts = mapping(Kind.USER), Facts()
    at = carrier(one, facts, users=UserTable((Row("a", "b"),), right_default="somebody"))
    assert at(one, RIGHT, "a") == "b"
    assert at(one, LEFT, "b") == "a"
    assert at(one, RIGHT, "c") == "somebody"
    assert at.missed == {Miss(Sought.PERSON, RIGHT, "c")}
    facts.people[RIGHT, "c"] = "d"
    assert at(one, RIGHT, "c") == "d"
    facts.people[LEFT, "z"] = None
    assert isinstance(at(one, LEFT, "z"), Refused)


def test_a_person_becomes_the_name_in_a_text_and_no_account_id() -> None:
    one, facts = mapping(Kind.USER, right_kind=Kind.TEXT, flow=Flow.TO_RIGHT), Facts()
    at = carrier(one, facts)
    assert isinstance(at(one, RIGHT, "712020:x"), Refused)
    assert at.missed == {Miss(Sought.NAME, LEFT, "712020:x")}
    facts.names[LEFT, "712020:x"] = "Acme Developer"
    assert at(one, RIGHT, "712020:x") == "Acme Developer"


def test_a_transform_works_on_both_issues_and_pairs_by_name_what_it_names() -> None:
    one = mapping(
        Kind.TEXT,
        right_kind=Kind.OPTIONS,
        flow=Flow.TO_RIGHT,
        transform='[lookup("levels", value, "Low"), source_issue.project]',
        tables=(("levels", (("hot", "High"),)),),
    )
    facts = Facts()
    profile = Profile(Scope("1", "2"), Scope("3", "4"), (one,))
    shots = {LEFT: Snapshot({KEY: "hot"}, NOON, about=IssueFacts("WEB-1", "Task", "WEB"))}
    at = Carrier(profile, facts, shots)
    assert isinstance(at(one, RIGHT, "hot"), Refused)
    assert at.missed == {Miss(Sought.VALUE, RIGHT, "=High", KEY, "High")}
    facts.values[KEY, RIGHT, "=High"] = ("1", "High")
    facts.values[KEY, RIGHT, "=WEB"] = ("2", "WEB")
    assert at(one, RIGHT, "hot") == (("1", "High"), ("2", "WEB"))


def test_a_transform_that_fails_stops_the_field_and_names_the_mapping_not_the_value() -> None:
    one = mapping(Kind.TEXT, flow=Flow.TO_RIGHT, transform="value[0]")
    found = carried(one, RIGHT, "A secret")
    assert isinstance(found, Refused)
    assert found.stops is Stop.TRANSFORM
    assert KEY in found.sentence
    assert "secret" not in found.sentence


def made(**more: Any) -> FieldMapping:
    return FieldMapping(
        "summary", "environment", Kind.TEXT, Flow.TO_RIGHT, transform=more["expression"]
    )


MARKS = Fingerprinter(b"k" * 32)


def merged(one: FieldMapping, left: dict[str, Value], there: Value, base: Base) -> Any:
    """The merge of an issue with the other, of which the transform makes one field."""
    other = FieldMapping("labels", "labels", Kind.LABELS)
    profile = Profile(Scope("1", "2"), Scope("3", "4"), (one, other))
    labels = {other.key: left["labels"]}
    shots = {
        LEFT: Snapshot({one.key: left["summary"], **labels}, NOON),
        RIGHT: Snapshot({one.key: there, **labels}, NOON),
    }
    at = Carrier(profile, Facts(), shots)
    return merge(shots[LEFT], shots[RIGHT], base, profile, MARKS, carry=at)


def test_a_change_of_what_a_transform_reads_besides_its_field_is_carried() -> None:
    one = made(expression='value + " " + source.labels.join(" ")')
    before = merged(one, {"summary": "a", "labels": ("x",)}, None, Base())
    assert [write.value for write in before.right] == ["a x"]
    same = merged(one, {"summary": "a", "labels": ("x",)}, "a x", before.base)
    assert same.is_empty
    after = merged(one, {"summary": "a", "labels": ("x", "y")}, "a x", same.base)
    assert [write.value for write in after.right] == ["a x y"]


def test_an_edit_of_what_a_transform_made_stays_until_that_comes_to_something_else() -> None:
    one = made(expression="value")
    left: dict[str, Value] = {"summary": "a", "labels": ()}
    base = merged(one, left, "a", Base()).base
    edited = merged(one, left, "by hand", base)
    assert edited.is_empty
    assert [alone.reason for alone in edited.left_alone] == [Reason.ONE_WAY]
    rested = merged(one, left, "by hand", edited.base)
    assert rested.is_empty
    assert not rested.left_alone
    changed = merged(one, {**left, "summary": "b"}, "by hand", rested.base)
    assert [write.value for write in changed.right] == ["b"]


def test_what_is_made_of_an_empty_field_is_written_over_what_was_there_at_first() -> None:
    one = made(expression='default(value, "none given")')
    plan = merged(one, {"summary": None, "labels": ()}, "old", Base())
    assert [write.value for write in plan.right] == ["none given"]


def test_a_person_that_a_transform_hands_on_becomes_the_twin_of_that_person() -> None:
    one = mapping(Kind.USER, flow=Flow.TO_RIGHT, transform="value")
    profile = Profile(
        Scope("1", "2"), Scope("3", "4"), (one,), UserTable((Row("a", "b"),), by_email=False)
    )
    at = Carrier(profile, Facts(), {LEFT: Snapshot({KEY: "a"}, NOON)})
    assert at(one, RIGHT, "a") == "b"
    fixed = mapping(Kind.USER, flow=Flow.TO_RIGHT, transform='"of-their-own"')
    assert at(fixed, RIGHT, "a") == "of-their-own"


@pytest.mark.parametrize(
    ("kind", "value", "clean"),
    [
        (Kind.TEXT, "a\x00b\ud800c\td", "ab�c\td"),
        (Kind.TEXT, "\x00", None),
        (Kind.LABELS, ("a\x07", "a\x08", "\x00", "b"), ("a", "b")),
        (Kind.URL, "https://example.com/\x0b\udfff", "https://example.com/�"),
    ],
)
def test_characters_that_jira_refuses_are_left_out_or_replaced_and_told(
    kind: Kind, value: Value, clean: Value
) -> None:
    one = mapping(kind)
    at = carrier(one)
    assert at(one, RIGHT, value) == clean
    [sentence] = at.notes[one.key, RIGHT]
    assert "here" in sentence and "no such characters" in sentence
    assert at(one, RIGHT, clean) == clean


def test_what_a_transform_makes_has_no_control_characters_either() -> None:
    made_of = mapping(Kind.TEXT, transform="value", flow=Flow.TO_RIGHT)
    assert carried(made_of, RIGHT, "a\x00b") == "ab"


def test_a_text_without_its_bad_characters_is_in_step_with_its_source() -> None:
    one = mapping(Kind.TEXT)
    there = "bad � text"
    found = merged(one, {"summary": "bad \x00\ud800 text", "labels": ()}, there, Base())
    assert found.is_empty
