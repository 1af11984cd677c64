"""Cascading selects: an option and one below it (type "option-with-child"). Jira gives
`{"id": "1", "value": "Europe", "child": {"id": "2", "value": "France"}}` and takes it by ids."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.mapping.kinds.identified import Identified, as_part, id_text, need_id
from app.mapping.profile import Kind
from app.mapping.values import Part, Value, register

# The text of a changelog's item, which has no ids beside it.
_CHANGELOG = re.compile(
    r"Parent values: (?P<parent>.*?)\((?P<id>[0-9]+)\)"
    r"(?:Level 1 values: (?P<child>.*)\((?P<child_id>[0-9]+)\))?",
    re.DOTALL,
)


@register(Kind.CASCADE)
class Cascade(Identified):
    """`((id, name), (id, name) | None)`: the option, and the one below it; or None."""

    kind = Kind.CASCADE

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        parent = self.entry(raw)
        child = raw.get("child") if isinstance(raw, Mapping) else None
        return parent, None if child is None else self.entry(child)

    def write(self, value: Value) -> object:
        parent, child = _levels(value)
        if parent is None:
            return None
        below = None if child is None else {"id": need_id(self.kind, child[0])}
        # Without `child: null` Jira would keep the child of before.
        return {"id": need_id(self.kind, parent[0]), "child": below}

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        if not id_ and not text:
            return (None,)
        match = _CHANGELOG.fullmatch(text or "")
        if match is None:
            return ()
        child = None if match["child_id"] is None else (match["child_id"], match["child"])
        return (((match["id"], match["parent"]), child),)

    def identity(self, value: Value) -> Value:
        parent, child = _levels(value)
        if parent is None:
            return None
        return parent[0] or parent, None if child is None else child[0] or child

    def parts(self, value: Value) -> tuple[Part, ...]:
        parent, child = _levels(value)
        if parent is None:
            return ()
        return (parent,) if child is None else (parent, _below(parent, child))

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        """See Handler. What is found for the option below decides, as it brings its parent along;
        where it is left out, what is found for the one above does."""
        parent, child = _levels(value)
        if parent is None:
            return None
        above = found[parent[0]]
        new = (above if child is None else found[_below(parent, child)[0]]) or above
        if new is None:
            return None
        id_, slash, child_id = new[0].partition("/")
        if not slash:
            return new, None
        name = above[1] if above is not None and above[0] == id_ else ""
        return (id_, name), (child_id, new[1])

    def choices(self, allowed: object) -> tuple[Part, ...]:
        found = []
        for raw in allowed if isinstance(allowed, list) else ():
            if not isinstance(raw, Mapping) or id_text(raw.get("id")) is None:
                continue
            parent = self.entry(raw)
            found += [parent, *(_below(parent, c) for c in super().choices(raw.get("children")))]
        return tuple(dict(found).items())

    def text(self, value: Value) -> str:
        return " / ".join(part[1] or part[0] for part in _levels(value) if part is not None)


def _below(parent: Part, child: Part) -> Part:
    return f"{parent[0]}/{child[0]}", child[1]


def _levels(value: Value) -> tuple[Part | None, Part | None]:
    if isinstance(value, tuple) and len(value) == 2:
        return as_part(value[0]), as_part(value[1])
    return None, None
