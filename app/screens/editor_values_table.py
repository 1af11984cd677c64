"""A table of values in the editor: what of one site is what of the other, as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import request
from rapidfuzz import fuzz

from app.language import gettext as _
from app.language import noop
from app.mapping.profile import Flow, Missing, Row, Side, ValueTable
from app.mapping.value_pairs import Paired, counterparts, pair_up, with_row, with_suggested
from app.mapping.values import Part
from app.screens.forms import refuse
from app.screens.value_lists import Told
from app.screens.words import ago

SHOWN = 100
"""Values of a field that are shown at once; others are found by typing."""
MISSING: Mapping[Missing, str] = {
    Missing.LEAVE: noop("leave the field alone there, and say so"),
    Missing.FAIL: noop("park the field until somebody decides"),
    Missing.DEFAULT: noop("write the default"),
    Missing.CREATE: noop("make it there"),
}
Choices = Mapping[Side, Sequence[Part]]


def shown_table(
    table: ValueTable, choices: Choices, own: Side, flow: Flow, query: str
) -> dict[str, Any]:
    """What is shown of a table to a person of the side `own`."""
    return {
        "values": table,
        "own": _side(table, choices, own, flow, query),
        "theirs": _side(table, choices, own.other, flow, query),
        "query": query,
        "own_side": own,
    }


def chosen_row(table: ValueTable, choices: Choices, side: Side) -> ValueTable:
    """The table in which a value has the counterpart that the form names, or none. Raises
    Problem."""
    value, typed = request.form.get("value", ""), request.form.get("twin", "").strip()
    if value not in dict(choices[side]) and value not in {one.of(side) for one in table.rows}:
        raise refuse("value", _("the site has no such value any more; open the step again."))
    twin = named(choices[side.other], typed) if typed else None
    return _with(table, with_row(table, side, value, twin))


def all_suggested(table: ValueTable, choices: Choices, own: Side) -> ValueTable:
    """The table with all that is suggested."""
    for side in (own, own.other):
        found = pair_up(table, choices[side], choices[side.other], side, fuzz.ratio)
        table = _with(table, with_suggested(table, side, found))
    return table


def named(choices: Sequence[Part], typed: str) -> str:
    """The id of the value of this name, or of this id. Raises Problem."""
    if typed in dict(choices):
        return typed
    folded = typed.casefold()
    found = [id_ for id_, name in choices if name.casefold() == folded]
    if len(found) == 1:
        return found[0]
    many = [f"{name} ({id_})" for id_, name in choices]
    spelled = [id_ for (id_, _name), one in zip(choices, many, strict=True) if one == typed]
    if spelled:
        return spelled[0]
    rule = (
        _(
            "several values are called “%(name)s”; choose one from the list, with its id.",
            name=typed,
        )
        if found
        else _("there is no value “%(name)s”; choose one from the list.", name=typed)
    )
    raise refuse("twin", rule)


def read_at(told: Mapping[Side, Told]) -> tuple[datetime, str]:
    """When the older of two lists was read, and how long ago that is."""
    at = min(one.at for one in told.values())
    return at, ago(at)


def _with(table: ValueTable, rows: tuple[Row, ...]) -> ValueTable:
    return ValueTable(rows, table.by_name, table.missing, table.left_default, table.right_default)


def _side(
    table: ValueTable, choices: Choices, side: Side, flow: Flow, query: str
) -> dict[str, Any]:
    """The values of one side with their counterparts; nothing where none leaves it."""
    if not flow.feeds(side.other):
        return {"side": side, "found": [], "alone": 0, "more": 0, "suggested": 0, "all": ()}
    found = pair_up(table, choices[side], choices[side.other], side, fuzz.ratio)
    wanted = [one for one in found if query.casefold() in _words_of(one)] if query else found
    return {
        "side": side,
        "found": wanted[:SHOWN],
        "more": max(0, len(wanted) - SHOWN),
        "alone": counterparts(found),
        "suggested": sum(1 for one in found if one.suggested is not None),
        "all": choices[side.other],
    }


def _words_of(one: Paired) -> str:
    return f"{one.name} {one.twin[1] if one.twin else ''}".casefold()
