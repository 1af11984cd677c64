"""Names for values that are paired by their ids: what is told of a write says what the site calls
them now. Only what was read in passing is used: a name costs no call, and is kept nowhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.jira.site import FieldRule
from app.mapping.values import Value, handler
from app.sync.plan import Plan, Write


def with_names(plan: Plan, left: Mapping[str, FieldRule], right: Mapping[str, FieldRule]) -> Plan:
    """The plan with the names that the screens of both sides list. `left`, `right`: by field id."""
    return replace(
        plan,
        left=tuple(_named(one, left) for one in plan.left),
        right=tuple(_named(one, right) for one in plan.right),
    )


def stored_form(write: Write, stored: Value | None) -> Value:
    """What was written as the site shows it now, where it holds that."""
    kind = handler(write.kind)
    held = stored is not None and kind.has_table and kind.same(write.value, stored)
    return stored if held else write.value


def _named(write: Write, screen: Mapping[str, FieldRule]) -> Write:
    kind, rule = handler(write.kind), screen.get(write.field)
    parts = kind.parts(write.value) if kind.has_table and rule is not None else ()
    if rule is None or all(name for _, name in parts):
        return write
    known = dict(kind.choices(list(rule.values)))
    found = {id_: (id_, name or known.get(id_, "")) for id_, name in parts}
    return replace(write, value=kind.replace(write.value, found))
