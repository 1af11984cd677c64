"""The ids and names of a site's things inside constants, look-up tables and expressions: found, and
replaced by others. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.mapping.profile import FieldMapping, Side, Tables

_LITERAL = re.compile(r'"([^"\\\n]*)"|\'([^\'\\\n]*)\'')
_NAMES = ("name", "value")
_IDS = ("id", "groupId")
ACCOUNT = "accountId"
GONE = object()
"""What is left of a value that is taken out."""


@dataclass(frozen=True)
class Thing:
    """A thing that is named: by its id, or not `by_id` by its name, which may be no name at all.
    `person`: said to be an account."""

    id: str
    by_id: bool = True
    person: bool = False


def things_in(value: Any) -> Iterator[Thing]:
    """What a value names, as JSON has it: of a constant, or of what REST takes."""
    if isinstance(value, list):
        for one in value:
            yield from things_in(one)
    elif isinstance(value, str):
        yield Thing(value, by_id=False)
    elif isinstance(value, Mapping):
        yield from _of_map(value)


def _of_map(value: Mapping[str, Any]) -> Iterator[Thing]:
    if isinstance(value.get(ACCOUNT), str):
        yield Thing(value[ACCOUNT], person=True)
        return
    above = value.get("parent", value if "child" in value else None)
    if isinstance(above, Mapping):
        child = value.get("child")
        parent = _id(above)
        if parent:
            below = _id(child) if isinstance(child, Mapping) else ""
            yield Thing(f"{parent}/{below}" if below else parent)
        return
    if own := _id(value):
        yield Thing(own)
        return
    yield from (Thing(value[key], by_id=False) for key in _NAMES if isinstance(value.get(key), str))


def _id(value: Mapping[str, Any]) -> str:
    found = next((value[key] for key in _IDS if value.get(key)), "")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def with_other(value: Any, old: str, to: str) -> Any:
    """The value that names another thing; GONE where `to` is empty and nothing is left of it."""
    if isinstance(value, list):
        kept = [made for one in value if (made := with_other(one, old, to)) is not GONE]
        return kept or GONE
    found = next(things_in(value), None)
    if found is None or found.id != old:
        return value
    if not to:
        return GONE
    if isinstance(value, str):
        return to
    return _map_with(value, found, to)


def _map_with(value: Mapping[str, Any], found: Thing, to: str) -> dict[str, Any]:
    above, _slash, below = to.partition("/")
    if found.person:
        return {ACCOUNT: to}
    if "parent" in value:
        child = {"child": {"id": below}} if below else {}
        return {"parent": {"id": above}, **child}
    if "child" in value:
        return {"id": above, **({"child": {"id": below}} if below else {})}
    if not found.by_id:
        return {key: to if one == found.id else one for key, one in value.items()}
    return {"groupId" if "groupId" in value else "id": to}


def texts_in(mapping: FieldMapping) -> Iterator[tuple[Side, str, str]]:
    """The texts of an expression and of its look-up tables, which may be ids or names: the side
    that each would be of, the text, and where in the mapping it is."""
    source = mapping.made_from
    if source is None or mapping.transform is None:
        return
    for double, single in dict.fromkeys(_LITERAL.findall(mapping.transform)):
        for side in Side:
            yield side, double or single, "transform"
    for name, entries in mapping.tables:
        for key, found in entries:
            yield source, key, f"tables.{name}.{key}"
            if isinstance(found, str | int) and not isinstance(found, bool):
                yield source.other, str(found), f"tables.{name}.{key}"


def tables_with(mapping: FieldMapping, side: Side, old: str, to: str) -> Tables:
    """The look-up tables that name another thing of a side, or nothing in its place."""
    made = []
    for name, entries in mapping.tables:
        rows: dict[str, str | int | float | bool] = {}
        for key, found in entries:
            if mapping.made_from is side:
                other = to if key == old else key
                if other:
                    rows.setdefault(other, found)
            elif str(found) != old:
                rows.setdefault(key, found)
            elif to:
                rows.setdefault(key, to)
        made.append((name, tuple(rows.items())))
    return tuple(made)


def constant_with(text: str, old: str, to: str) -> str | None:
    """A constant, or a value as REST takes it, that names another thing; None where nothing is
    left. `text`: as JSON."""
    made = with_other(json.loads(text), old, to)
    return None if made is GONE else json.dumps(made, ensure_ascii=False)
