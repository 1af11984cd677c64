"""Carrying parents: by the pairs of issues that there are, and what is done where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from app.jira.site import SiteError
from app.mapping.profile import (
    FieldMapping,
    Kind,
    Missing,
    Profile,
    Row,
    Scope,
    Side,
    ValueTable,
)
from app.sync.carry import Carrier
from app.sync.facts import Facts, Miss, Sought, TwinIssue
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import merge
from app.sync.plan import Base, Reason, Refused, Snapshot, Stop, Write
from app.sync.words import refused_fields

from .merge_world import NOON

RIGHT, LEFT = Side.RIGHT, Side.LEFT


def mapping(**more: Any) -> FieldMapping:
    return FieldMapping("parent", "parent", Kind.PARENT, **more)


def profile(one: FieldMapping) -> Profile:
    return Profile(Scope("1", "2"), Scope("3", "4"), (one,))


def carried(one: FieldMapping, to: Side, value: str, known: dict[Any, TwinIssue]) -> Any:
    return Carrier(profile(one), Facts(issues=known))(one, to, value)


def test_a_parent_becomes_its_twin_in_either_direction() -> None:
    known = {(RIGHT, "10"): TwinIssue("90"), (LEFT, "90"): TwinIssue("10")}
    assert carried(mapping(), RIGHT, "10", known) == "90"
    assert carried(mapping(), LEFT, "90", known) == "10"


def test_what_is_not_known_of_a_parent_is_sought_and_never_carried_as_it_is() -> None:
    one = mapping()
    at = Carrier(profile(one), Facts())
    assert isinstance(at(one, RIGHT, "10"), Refused)
    assert at.missed == {Miss(Sought.ISSUE, RIGHT, "10")}


def test_no_parent_is_no_parent_and_asks_for_nothing() -> None:
    one = mapping()
    at = Carrier(profile(one), Facts())
    assert at(one, RIGHT, None) is None
    assert not at.missed


def test_a_parent_that_is_to_get_a_twin_is_waited_for_whatever_the_mapping_says() -> None:
    known = {(RIGHT, "10"): TwinIssue(comes=True)}
    for missing in (Missing.LEAVE, Missing.FAIL, Missing.DEFAULT):
        table = ValueTable(missing=missing, right_default="77", left_default="7")
        found = carried(mapping(values=table), RIGHT, "10", known)
        assert isinstance(found, Refused)
        assert found.stops is Stop.PARENT


@pytest.mark.parametrize(("missing", "stops"), [("leave", None), ("fail", Stop.UNPAIRED)])
def test_the_mapping_says_what_becomes_of_a_parent_that_no_profile_carries(
    missing: str, stops: Stop | None
) -> None:
    one = mapping(values=ValueTable(missing=Missing(missing)))
    found = carried(one, RIGHT, "10", {(RIGHT, "10"): TwinIssue()})
    assert isinstance(found, Refused)
    assert found.stops is stops
    assert "no profile" in found.sentence


def test_a_row_and_a_default_stand_for_parents_that_no_profile_carries() -> None:
    table = ValueTable((Row("10", "88"),), missing=Missing.DEFAULT, right_default="77")
    known = {(RIGHT, "11"): TwinIssue()}
    assert carried(mapping(values=table), RIGHT, "10", {}) == "88"
    assert carried(mapping(values=table), RIGHT, "11", known) == "77"


def test_a_parent_left_alone_stays_unsettled_so_that_it_crosses_once_it_can() -> None:
    one, marks = mapping(), Fingerprinter(b"k" * 32)
    here, there = Snapshot({one.key: "10"}, NOON), Snapshot({one.key: None}, NOON)
    lost = Carrier(profile(one), Facts(issues={(RIGHT, "10"): TwinIssue(comes=True)}))
    plan = merge(here, there, Base(), profile(one), marks, carry=lost)
    assert plan.is_empty
    assert [(x.reason, x.stops) for x in plan.left_alone] == [
        (Reason.NO_TWIN, (RIGHT, Stop.PARENT))
    ]
    found = Carrier(profile(one), Facts(issues={(RIGHT, "10"): TwinIssue("90")}))
    plan = merge(here, there, plan.base, profile(one), marks, carry=found)
    assert [(w.field, w.value) for w in plan.right] == [("parent", "90")]


def test_a_refused_parent_is_known_by_the_name_that_jira_gives_it_in_refusals() -> None:
    write = Write("k", "parent", Kind.PARENT, "90", None, Reason.CHANGED)
    error = SiteError("no", site_status=400, field_errors={"parentId": "cannot be its own parent"})
    assert refused_fields(error, [write]) == {"k": "parent: cannot be its own parent"}
