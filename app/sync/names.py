"""Names for values that go by their ids: what is told of a write says what the site calls them now,
as far as that was read in passing. A name costs no call. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.jira.site import FieldRule, Issue
from app.mapping.profile import Kind, Side
from app.mapping.subtasks import PARENT
from app.mapping.values import Value, handler, shorten
from app.sync.plan import Plan, Write


def with_names(plan: Plan, left: Mapping[str, FieldRule], right: Mapping[str, FieldRule]) -> Plan:
    """The plan with the names that the screens of both sides list. `left`, `right`: by field id."""
    return replace(
        plan,
        left=tuple(_named(one, left) for one in plan.left),
        right=tuple(_named(one, right) for one in plan.right),
    )


@dataclass
class Shown:
    """What the sites showed of a pair in one visit: what they held once it was written, by mapping
    key, and the keys of the issues that its fields name, by id."""

    values: dict[Side, Mapping[str, Value]] = field(default_factory=dict)
    keys: dict[tuple[Side, str], str] = field(default_factory=dict)

    def saw(self, side: Side, issue: Issue | None) -> None:
        """Note the keys that an issue came with."""
        parent = issue.fields.get(PARENT.left) if issue is not None else None
        if isinstance(parent, Mapping) and isinstance(parent.get("key"), str):
            self.keys[side, str(parent.get("id"))] = parent["key"]

    def new(self, side: Side, write: Write) -> str:
        """What was written to a side, as it shows that now where it holds it; on one line."""
        stored, kind = self.values.get(side, {}).get(write.key), handler(write.kind)
        held = stored is not None and kind.has_table and kind.same(write.value, stored)
        return shorten(self.text(side, write.kind, stored if held else write.value))

    def old(self, side: Side, write: Write) -> str:
        """What that replaced; on one line."""
        return shorten(self.text(side, write.kind, write.was))

    def text(self, side: Side, kind: Kind, value: Value) -> str:
        """A whole value of a side for people."""
        if handler(kind).has_issues and isinstance(value, str):
            return self.keys.get((side, value), value)
        return handler(kind).text(value)


def _named(write: Write, screen: Mapping[str, FieldRule]) -> Write:
    kind, rule = handler(write.kind), screen.get(write.field)
    parts = kind.parts(write.value) if kind.has_table and rule is not None else ()
    if rule is None or all(name for _, name in parts):
        return write
    known = dict(kind.choices(list(rule.values)))
    found = {id_: (id_, name or known.get(id_, "")) for id_, name in parts}
    return replace(write, value=kind.replace(write.value, found))
