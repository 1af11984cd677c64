"""The part of the mapping document that fills in the screens of transitions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from app.mapping.document_schema import Strict
from app.mapping.profile import Constant, Side
from app.said import said

MAX_CONSTANTS = 100
MAX_VALUE = 2000
FIELD = r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z"


def _is_short(value: object) -> None:
    if len(json.dumps(value)) > MAX_VALUE:
        raise ValidationError(
            said(
                "must have at most %(max_value)s characters as JSON; shorten it",
                max_value=f"{MAX_VALUE:,}",
            )
        )
    if value in (None, "", [], {}):
        raise ValidationError(said("fills nothing in; give a value as Jira's REST API takes it"))


def _of_a_side() -> fields.Dict:
    rule = said("must be a Jira field id, such as resolution or customfield_10031")
    return fields.Dict(
        keys=fields.String(validate=validate.Regexp(FIELD, error=rule)),
        values=fields.Raw(validate=_is_short),
        load_default=dict,
        validate=validate.Length(0, MAX_CONSTANTS, error=said("must hold at most %(max)s fields")),
        error_messages={"invalid": said("must be an object of values by field id")},
    )


class MovesSchema(Strict):
    """The key `moves`: for each side, by field id, what its transitions are given."""

    error_messages = {
        "unknown": said("is not known in version 1; name a side, left or right"),
        "type": said("must be an object with left and right"),
    }

    left = _of_a_side()
    right = _of_a_side()

    @post_load
    def _make(self, data: dict[str, dict[str, Any]], **_: object) -> tuple[Constant, ...]:
        return tuple(
            Constant(side, name, json.dumps(value, sort_keys=True))
            for side in Side
            for name, value in sorted(data[side.value].items())
        )


def moves_field() -> fields.Nested:
    """The optional key `moves` of the document."""
    return fields.Nested(MovesSchema, load_default=())


def dump_moves(constants: Sequence[Constant]) -> dict[str, object]:
    """The key `moves` of the document; nothing where no constants are given."""
    if not constants:
        return {}
    by_side: Mapping[Side, dict[str, Any]] = {side: {} for side in Side}
    for one in constants:
        by_side[one.side][one.field] = json.loads(one.value)
    return {"moves": {side.value: found for side, found in by_side.items() if found}}
