"""Mends a mapping that names what a site has no more: what is taken out or put in its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from app.errors import Problem
from app.mapping.constants import constant_of
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.field_types import pairs_with
from app.mapping.named_ids import constant_with, tables_with
from app.mapping.profile import (
    FieldMapping,
    Flow,
    ItemMapping,
    Kind,
    Missing,
    Profile,
    Row,
    Side,
    UserTable,
    ValueTable,
)
from app.mapping.values import handler
from app.said import said

Table = TypeVar("Table", ValueTable, UserTable)


class What(StrEnum):
    """What a mapping names of a site."""

    PROJECT = "project"
    TYPE = "type"
    FIELD = "field"
    VALUE = "value"
    STATUS = "status"
    USER = "user"
    LINK_TYPE = "link-type"


LINKS = "links"
"""The key of types of links."""


class Way(StrEnum):
    """What may be done about one that is gone."""

    DROP = "drop"  # the mapping, the row or the default that names it is taken out
    SWAP = "swap"  # another value or person is named in its place
    MOVE = "move"  # another field is mapped in its place
    ANEW = "anew"  # another field of another kind is: "FIELD:KIND"
    KIND = "kind"  # the field is mapped as the kind that it has now
    ONE_WAY = "one-way"  # the field is only read


@dataclass(frozen=True)
class Target:
    """A thing of a site as a mapping names it. `key`: of the field mapping that does, the field of
    which transitions are given it as a value, or LINKS; empty for the people of the table, for the
    scope, and for a field that transitions are given. `id`: of some texts of transforms the name.
    """

    side: Side
    what: What
    id: str
    key: str = ""


def mended(profile: Profile, target: Target, way: Way, to: str = "") -> Profile | None:
    """The profile with a repair, as far as it is known here; None where there is no such one.

    `to`: the id that is put in its place, or the new kind.
    """
    if target.what is What.FIELD:
        return (
            _with_mapping(profile, target, way, to)
            if target.key
            else _unfilled(profile, target, way)
        )
    if way not in {Way.DROP, Way.SWAP}:
        return None
    if target.what is What.LINK_TYPE:
        return _with_links(profile, target, to)
    if not target.key:
        return replace(profile, users=_without(profile.users, target, to))
    if "=" not in target.key:
        return _with_moves(profile, target, to)
    return _with_mapping(profile, target, way, to)


def _unfilled(profile: Profile, target: Target, way: Way) -> Profile | None:
    """Without what transitions are given for a field."""
    if way is not Way.DROP:
        return None
    kept = tuple(m for m in profile.moves if (m.side, m.field) != (target.side, target.id))
    return replace(profile, moves=kept)


def _with_links(profile: Profile, target: Target, to: str) -> Profile:
    def types(items: ItemMapping) -> tuple[Row, ...]:
        return _without(ValueTable(items.types), target, to).rows

    return replace(profile, items=tuple(replace(one, types=types(one)) for one in profile.items))


def _with_moves(profile: Profile, target: Target, to: str) -> Profile:
    """With another value in what transitions are given for a field, or none."""
    made = []
    for one in profile.moves:
        given: str | None = one.value
        if (one.side, one.field) == (target.side, target.key):
            given = constant_with(one.value, target.id, to)
        if given is not None:
            made.append(replace(one, value=given))
    return replace(profile, moves=tuple(made))


def _with_mapping(profile: Profile, target: Target, way: Way, to: str) -> Profile | None:
    mapping = next((one for one in profile.fields if one.key == target.key), None)
    if mapping is None:
        return None
    if target.what is What.FIELD and way is Way.DROP:
        return replace(profile, fields=tuple(m for m in profile.fields if m is not mapping))
    if target.what is What.FIELD:
        new = _with_field(mapping, target.side, way, to)
    else:
        new = _with_value(mapping, target, to)
        if new is None:  # it was a constant of this value alone
            return replace(profile, fields=tuple(m for m in profile.fields if m is not mapping))
    if new is None:
        return None
    return replace(profile, fields=tuple(new if m is mapping else m for m in profile.fields))


def _with_value(mapping: FieldMapping, target: Target, to: str) -> FieldMapping | None:
    """With another value wherever it is named but in the words of an expression, or with none; no
    mapping where it gave nothing else."""
    transform = mapping.transform
    if constant_of(mapping) is not None and mapping.made_from is target.side.other:
        transform = constant_with(transform or "null", target.id, to)
        if transform is None:
            return None
    return replace(
        mapping,
        values=_settled(_without(mapping.values, target, to)),
        tables=tables_with(mapping, target.side, target.id, to),
        transform=transform,
    )


def _with_field(mapping: FieldMapping, side: Side, way: Way, to: str) -> FieldMapping | None:
    if way is Way.ONE_WAY:
        return one_way(mapping, side)
    if way is Way.KIND:
        return with_kind(mapping, side, Kind(to)) if to in set(Kind) else None
    if way is Way.ANEW:
        field, _colon, kind = to.partition(":")
        moved = _moved(mapping, side, field) if field and kind in set(Kind) else None
        return None if moved is None else with_kind(moved, side, Kind(kind))
    return _moved(mapping, side, to) if way is Way.MOVE and to else None


def _moved(mapping: FieldMapping, side: Side, to: str) -> FieldMapping:
    # The ids of the old field's values say nothing of the new one's.
    values = _settled(_with_default(replace(mapping.values, rows=()), side, None))
    made = replace(mapping, values=values)
    return replace(made, left=to) if side is Side.LEFT else replace(made, right=to)


def one_way(mapping: FieldMapping, side: Side) -> FieldMapping | None:
    """The mapping that writes nothing to `side`; None where that leaves nothing of it."""
    if mapping.flow is not Flow.BOTH:
        return None
    return replace(mapping, flow=Flow.TO_LEFT if side is Side.RIGHT else Flow.TO_RIGHT)


def with_kind(mapping: FieldMapping, side: Side, kind: Kind) -> FieldMapping | None:
    """The mapping whose field on `side` is of another kind; None where its values cannot cross."""
    kinds = {side: kind, side.other: mapping.kind_of(side.other)}
    left, right = kinds[Side.LEFT], kinds[Side.RIGHT]
    made = replace(mapping, kind=left, right_kind=None if left is right else right)
    if mapping.transform is None:
        fit = pairs_with(left, right)
        if fit.flow is None:
            return None
        if fit.flow is not Flow.BOTH and mapping.flow is not fit.flow:
            if mapping.flow is not Flow.BOTH:
                return None
            made = replace(made, flow=fit.flow)
    if not (handler(left).has_table and handler(right).has_table):
        made = replace(made, values=ValueTable())
    return made


def _without(table: Table, target: Target, to: str) -> Table:
    """The table that names `to` in the place of what is gone; nothing where that is empty."""
    rows = []
    for row in table.rows:
        if row.of(target.side) != target.id:
            rows.append(row)
        elif to:
            other = row.of(target.side.other)
            rows.append(Row(to, other) if target.side is Side.LEFT else Row(other, to))
    made = replace(table, rows=tuple(dict.fromkeys(rows)))
    if table.default(target.side) == target.id:
        made = _with_default(made, target.side, to or None)
    return made


def _with_default(table: Table, side: Side, default: str | None) -> Table:
    if side is Side.LEFT:
        made = replace(table, left_default=default)
    else:
        made = replace(table, right_default=default)
    return made


def _settled(values: ValueTable) -> ValueTable:
    """What says to write a default has one."""
    lacks = values.left_default is None and values.right_default is None
    if values.missing is Missing.DEFAULT and lacks:
        return replace(values, missing=Missing.LEAVE)
    return values


def repaired(profile: Profile, target: Target, way: Way, to: str = "") -> Profile:
    """The profile with a repair, checked as every document is, to be saved as a new revision.
    Raises Problem."""
    made = mended(profile, target, way, to)
    if made is None:
        raise Problem(
            said(
                "choice: the mapping has changed meanwhile, and this repair does not fit it "
                "any more. Look again, and choose from what is offered then."
            ),
            status=409,
            code="repair-outdated",
            field="choice",
        )
    try:
        return load_profile(dump_profile(made))
    except DocumentError as error:
        raise Problem(error.line, code="invalid-field", field="choice") from None
