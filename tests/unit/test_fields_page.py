"""The page of the kinds of fields, held to the code."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from app.mapping.field_types import CUSTOM_KINDS, pairs_with
from app.mapping.profile import SYSTEM_KINDS, Flow, Kind
from app.mapping.values import handler

PAGE = (Path(__file__).parents[2] / "docs" / "fields.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
BY_KIND = {row[0].strip("`"): row for row in ROWS}


def test_the_table_names_each_kind_once_and_nothing_else() -> None:
    assert [row[0] for row in ROWS] == [f"`{kind.value}`" for kind in Kind]


@pytest.mark.parametrize("kind", Kind)
def test_a_row_has_the_fields_and_the_direction_of_its_kind(kind: Kind) -> None:
    _, fields, direction, same, _ = BY_KIND[kind.value]
    system = {name for name, kinds in SYSTEM_KINDS.items() if kind in kinds}
    custom = {key.partition(":")[2] for key, of in CUSTOM_KINDS.items() if of is kind}
    assert set(re.findall(r"`([^`]+)`", fields)) == system | custom
    assert direction == ("both" if handler(kind).writable else "read only")
    assert same


@pytest.mark.parametrize("kind", Kind)
def test_a_row_says_how_values_cross_and_what_can_be_created(kind: Kind) -> None:
    special, own = BY_KIND[kind.value][4], handler(kind)
    if special.startswith("as `"):
        special = BY_KIND[special.split("`")[1]][4]
    assert ("by a table of values" in special) is own.has_table
    assert ("by pairs of people" in special) is own.has_users
    assert ("by pairs of issues" in special) is own.has_issues
    assert ("can be created" in special) is own.can_create
    assert ("transitions" in special) is own.by_transition


def test_the_page_names_every_two_kinds_that_can_be_mapped_together() -> None:
    told = set(re.findall(r"`(\w+)` ([↔→]) `(\w+)`", PAGE))
    found = set()
    for left, right in product(Kind, Kind):
        flow = pairs_with(left, right).flow
        if left is right or Kind.TEXT in (left, right) or flow in (None, Flow.TO_LEFT):
            continue
        found.add((left.value, "↔" if flow is Flow.BOTH else "→", right.value))
    both = {(left, arrow, right) for right, arrow, left in told if arrow == "↔"}
    assert told | both == found


def test_the_page_names_the_kinds_that_no_line_of_text_can_say() -> None:
    sentence = next(line for line in PAGE.splitlines() if line.startswith("- any → `text`"))
    told = set(re.findall(r"`(\w+)`", sentence)) - {"text"}
    assert told == {kind.value for kind in Kind if pairs_with(kind, Kind.TEXT).flow is None}
