"""A mapping seen from the other site: its left side is the right one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.mapping.profile import (
    Constant,
    FieldMapping,
    Flow,
    ItemMapping,
    Policy,
    Profile,
    Row,
    Side,
    UserTable,
    ValueTable,
)

_FLOWS = {Flow.BOTH: Flow.BOTH, Flow.TO_LEFT: Flow.TO_RIGHT, Flow.TO_RIGHT: Flow.TO_LEFT}
_POLICIES = {Policy.LEFT: Policy.RIGHT, Policy.RIGHT: Policy.LEFT}


def mirrored(profile: Profile) -> Profile:
    """The same mapping with its sides exchanged; twice gives it back."""
    lifecycle = profile.lifecycle
    moves = (Constant(one.side.other, one.field, one.value) for one in profile.moves)
    return replace(
        profile,
        left=profile.right,
        right=profile.left,
        fields=tuple(_field(one) for one in profile.fields),
        users=_users(profile.users),
        items=tuple(_item(one) for one in profile.items),
        moves=tuple(sorted(moves, key=lambda one: (one.side is Side.RIGHT, one.field))),
        lifecycle=replace(
            lifecycle, left_closed=lifecycle.right_closed, right_closed=lifecycle.left_closed
        ),
        restricted=frozenset(side.other for side in profile.restricted),
    )


def _field(one: FieldMapping) -> FieldMapping:
    left, right = one.kind_of(Side.RIGHT), one.kind_of(Side.LEFT)
    return replace(
        one,
        left=one.right,
        right=one.left,
        kind=left,
        right_kind=None if right is left else right,
        flow=_FLOWS[one.flow],
        policy=_POLICIES.get(one.policy, one.policy),
        values=_values(one.values),
    )


def _values(table: ValueTable) -> ValueTable:
    left, right = table.right_default, table.left_default
    return replace(table, rows=_rows(table.rows), left_default=left, right_default=right)


def _users(table: UserTable) -> UserTable:
    left, right = table.right_default, table.left_default
    return replace(table, rows=_rows(table.rows), left_default=left, right_default=right)


def _item(one: ItemMapping) -> ItemMapping:
    internal = frozenset(side.other for side in one.internal)
    return replace(one, flow=_FLOWS[one.flow], internal=internal, types=_rows(one.types))


def _rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(Row(row.right, row.left) for row in rows)
