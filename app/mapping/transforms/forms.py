"""What a value is to an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import UTC, datetime
from typing import Any

from celpy.celtypes import (
    BoolType,
    DoubleType,
    IntType,
    ListType,
    MapType,
    StringType,
    TimestampType,
)

from app.mapping.kinds.identified import SeveralOf
from app.mapping.profile import Kind
from app.mapping.transforms.inputs import Inputs
from app.mapping.transforms.rich import plain
from app.mapping.values import Value, handler

TEXTS = {Kind.TEXT, Kind.URL, Kind.NAMED, Kind.READ_ONLY_TEXT}


def given(kind: Kind, value: Value) -> Any:
    """A canonical value as expressions see it."""
    if kind in TEXTS or (value is None and kind is not Kind.TIME_TRACKING):
        return None if value is None else StringType(str(value))
    if isinstance(handler(kind), SeveralOf):
        return ListType([_part(one) for one in _several(value)])
    return _GIVEN.get(kind, _part)(value)


def bare(value: object) -> Any:
    """A plain value, such as of a table of the mapping, as expressions see it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return BoolType(value)
    if isinstance(value, int | float):
        return IntType(value) if isinstance(value, int) else DoubleType(value)
    if isinstance(value, Mapping):
        return MapType({StringType(str(key)): bare(part) for key, part in value.items()})
    if isinstance(value, list | tuple):
        return ListType([bare(part) for part in value])
    return StringType(str(value))


def tables(inputs: Inputs) -> dict[str, dict[str, Any]]:
    """The look-up tables as expressions see them."""
    return {
        name: {key: bare(part) for key, part in rows.items()}
        for name, rows in inputs.tables.items()
    }


def names(reads: Set[str], inputs: Inputs) -> dict[str, Any]:
    """The inputs by their names, of which only those that an expression reads."""
    groups = {"source": inputs.source, "target": inputs.target}
    facts = {"source_issue": inputs.source_issue, "target_issue": inputs.target_issue}
    wanted = {name.partition(".")[0] for name in reads}
    found: dict[str, Any] = {}
    for name in wanted & groups.keys():
        held = {
            StringType(id_): given(one.kind, one.value)
            for id_, one in groups[name].items()
            if reads & {name, f"{name}.{id_}"}
        }
        found[name] = MapType(held)
    for name in wanted & facts.keys():
        found[name] = bare(vars(facts[name]))
    if "tables" in wanted:
        found["tables"] = bare(inputs.tables)
    if "value" in wanted:
        found["value"] = given(inputs.value.kind, inputs.value.value)
    return found


def _map(**parts: object) -> MapType:
    return MapType({StringType(key): bare(part) for key, part in parts.items()})


def _part(value: Value) -> MapType:
    id_, name = value if isinstance(value, tuple) and len(value) == 2 else ("", "")
    return _map(id=id_, name=name)


def _several(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else ()


def _cascade(value: Value) -> MapType:
    parent, child = _several(value)
    return MapType({
        StringType("parent"): _part(parent),
        StringType("child"): None if child is None else _part(child),
    })  # fmt: skip


def _moment(value: Value) -> TimestampType:
    moment = datetime.fromisoformat(str(value))
    return TimestampType(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def _seconds(value: Value) -> MapType:
    original, remaining = _several(value)
    return _map(original=original, remaining=remaining)


_GIVEN: dict[Kind, Callable[[Value], Any]] = {
    Kind.RICH_TEXT: lambda value: StringType(plain(str(value))),
    Kind.NUMBER: DoubleType,
    Kind.DATE: _moment,
    Kind.DATETIME: _moment,
    Kind.LABELS: lambda value: bare(_several(value)),
    Kind.CASCADE: _cascade,
    Kind.USER: lambda value: bare({"id": value}),
    Kind.USERS: lambda value: ListType([bare({"id": one}) for one in _several(value)]),
    Kind.PARENT: lambda value: bare({"id": value}),
    Kind.TIME_TRACKING: _seconds,
}
