"""The part of the mapping document that says which sides let issues with a security level cross."""

from __future__ import annotations

from collections.abc import Sequence

from marshmallow import ValidationError, fields

from app.mapping.document_items import SIDES_RULE
from app.mapping.profile import Side
from app.said import said


def restricted_field() -> fields.List[Side]:
    """The optional key `restricted` of the document: each side that allows it, once."""

    def once(sides: Sequence[Side]) -> None:
        if len(set(sides)) < len(sides):
            raise ValidationError(said("names a side twice; name each side that allows it once"))

    return fields.List(
        fields.Enum(Side, by_value=True),
        load_default=list,
        validate=once,
        error_messages={"invalid": SIDES_RULE},
    )


def dump_restricted(sides: frozenset[Side]) -> dict[str, object]:
    """The key `restricted` of the document; nothing where no side allows it."""
    return {"restricted": sorted(side.value for side in sides)} if sides else {}
