"""Two mapping documents are the same, or every difference between them is a sentence."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest

from app.mapping.difference import Difference, differences
from app.mapping.lifecycle import Archived, Deleted, Lifecycle, Moved
from app.mapping.naming import Names
from app.mapping.profile import (
    Constant,
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Kind,
    MarkerMode,
    Missing,
    Moment,
    Policy,
    Profile,
    Row,
    Scope,
    Side,
    UserTable,
    ValueTable,
)

FIELD = FieldMapping("priority", "customfield_7", Kind.OPTION)
COMMENTS = ItemMapping(ItemKind.COMMENTS)
OLD = Profile(
    Scope("1", "2"),
    Scope("3", "4"),
    (FieldMapping("summary", "summary", Kind.TEXT), FIELD),
    items=(COMMENTS,),
)
NAMES = Names(
    sites={Side.LEFT: "acme", Side.RIGHT: "globex"},
    fields={(Side.RIGHT, "customfield_7"): "Urgency"},
    values={
        (Side.LEFT, "priority"): {"1": "High"},
        (Side.RIGHT, "customfield_7"): {"9": "Urgent"},
    },
)
# Another value for every attribute of every part: a new one has to be entered here.
OTHERS: dict[type, dict[str, Any]] = {
    Scope: {"project_id": "77", "issue_type_id": "77", "filter": "a = b", "subtask": True},
    FieldMapping: {
        "kind": Kind.TEXT,
        "flow": Flow.TO_LEFT,
        "policy": Policy.ASK,
        "moment": Moment.CREATE,
        "right_kind": Kind.TEXT,
        "transform": "value",
        "tables": (("t", (("a", 1),)),),
        "values": ValueTable(by_name=False),
        "left": "customfield_1",
        "right": "customfield_2",
    },
    ValueTable: {
        "rows": (Row("1", "9"),),
        "by_name": False,
        "missing": Missing.FAIL,
        "left_default": "1",
        "right_default": "1",
    },
    UserTable: {
        "rows": (Row("a", "b"),),
        "by_email": False,
        "left_default": "a",
        "right_default": "a",
    },
    ItemMapping: {
        "kind": ItemKind.WORKLOGS,
        "flow": Flow.TO_RIGHT,
        "deletions": False,
        "prefix": None,
        "marker": "#x",
        "marker_mode": MarkerMode.UNLESS,
        "internal": frozenset({Side.LEFT}),
        "limit_mb": 3,
        "types": (Row("1", "2"),),
    },
    Lifecycle: {
        "deleted": Deleted.CLOSE,
        "moved": Moved.UNLINK,
        "archived": Archived.COMMENT,
        "left_closed": "1",
        "right_closed": "1",
    },
    Profile: {
        "left": Scope("77", "2"),
        "right": Scope("77", "2"),
        "fields": (),
        "users": UserTable(by_email=False),
        "items": (),
        "moves": (Constant(Side.LEFT, "resolution", "1"),),
        "lifecycle": Lifecycle(moved=Moved.UNLINK),
        "restricted": frozenset({Side.LEFT}),
    },
}
EVERY = [
    (part, one.name)
    for part in OTHERS
    for one in dataclasses.fields(part)  # type: ignore[arg-type]
]


def changed(part: type, name: str) -> Profile:
    """The profile with one attribute of one part set otherwise."""
    value = {name: OTHERS[part][name]}
    if part is Profile:
        return replace(OLD, **value)
    if part is Scope:
        return replace(OLD, right=replace(OLD.right, **value))
    if part is UserTable:
        return replace(OLD, users=replace(OLD.users, **value))
    if part is Lifecycle:
        return replace(OLD, lifecycle=replace(OLD.lifecycle, **value))
    if part is ItemMapping:
        return replace(OLD, items=(replace(COMMENTS, **value),))
    ruled = replace(FIELD, **(value if part is FieldMapping else {"values": ValueTable(**value)}))
    return replace(OLD, fields=(OLD.fields[0], ruled))


@pytest.mark.parametrize(("part", "name"), EVERY, ids=lambda one: getattr(one, "__name__", one))
def test_whatever_is_changed_is_told_in_both_directions(part: type, name: str) -> None:
    new = changed(part, name)
    for before, after in ((OLD, new), (new, OLD)):
        found = differences(before, after, NAMES)
        assert found
        assert all(one.sentence.endswith(".") and "%(" not in one.sentence for one in found)
        assert all(one.old != one.new for one in found)


def test_a_document_differs_in_nothing_from_itself() -> None:
    every = [OLD, *(changed(part, name) for part, name in EVERY)]
    assert [one for profile in every for one in differences(profile, profile)] == []


def test_the_order_of_fields_and_of_rows_is_told() -> None:
    turned = replace(OLD, fields=OLD.fields[::-1])
    assert [one.sentence for one in differences(OLD, turned)] == [
        "The fields are in another order."
    ]
    rows = (Row("1", "9"), Row("2", "8"))
    one = changed_values(ValueTable(rows))
    [found] = differences(one, changed_values(ValueTable(rows[::-1])), NAMES)
    assert found.sentence == "Values of Priority ↔ Urgency: the pairs are in another order."


def changed_values(values: ValueTable) -> Profile:
    """The profile with another table of values."""
    return replace(OLD, fields=(OLD.fields[0], replace(FIELD, values=values)))


def test_fields_values_and_sites_are_called_by_their_names_where_they_are_known() -> None:
    new = changed_values(ValueTable((Row("1", "9"), Row("2", "8"))))
    new = replace(
        new, fields=(new.fields[0], replace(new.fields[1], flow=Flow.TO_RIGHT, policy=Policy.LEFT))
    )
    assert differences(OLD, new, NAMES) == (
        Difference(
            "fields.priority=customfield_7.flow",
            "in both directions",
            "only to globex",
            "Priority ↔ Urgency is carried only to globex.",
        ),
        Difference(
            "fields.priority=customfield_7.policy",
            "the newer change wins",
            "acme wins",
            "Where both sides changed Priority ↔ Urgency, acme wins.",
        ),
        Difference(
            "fields.priority=customfield_7.values.rows",
            None,
            "High = Urgent; 2 = 8",
            "Values of Priority ↔ Urgency: 2 pairs are new.",
        ),
    )
    [unnamed] = differences(OLD, replace(OLD, fields=OLD.fields[:1]))
    assert unnamed.sentence == "Priority ↔ customfield_7 is not carried any more."


def test_a_filter_is_never_in_a_sentence_for_its_words_are_for_its_own_site() -> None:
    before, after = (
        replace(OLD, left=replace(OLD.left, filter=f"summary ~ Rumpelstilzchen{number}"))
        for number in (1, 2)
    )
    for old, new in ((OLD, before), (before, after), (after, OLD)):
        [found] = differences(old, new, NAMES)
        assert found.where == "left.filter"
        assert "Rumpelstilzchen" not in found.sentence


def test_a_thousand_new_rows_are_one_difference_of_one_readable_line() -> None:
    rows = tuple(Row(str(number), str(number)) for number in range(1000))
    [found] = differences(OLD, changed_values(ValueTable(rows)))
    assert found.sentence == "Values of Priority ↔ customfield_7: 1000 pairs are new."
    assert found.new is not None
    assert found.new.endswith("19 = 19; and 980 more")
