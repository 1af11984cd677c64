"""The part of the mapping document that says what becomes of a pair whose issue goes away."""

from __future__ import annotations

from typing import Any

from marshmallow import (
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from app.mapping.document_schema import Strict
from app.mapping.lifecycle import Archived, Deleted, Lifecycle, Moved
from app.said import said


class LifecycleSchema(Strict):
    """The choices, each with what is usual where it is left out."""

    deleted = fields.Enum(Deleted, by_value=True, load_default=Deleted.LEAVE)
    moved = fields.Enum(Moved, by_value=True, load_default=Moved.FOLLOW)
    archived = fields.Enum(Archived, by_value=True, load_default=Archived.IGNORE)
    left_closed = fields.String(load_default=None, allow_none=True)
    right_closed = fields.String(load_default=None, allow_none=True)

    @validates_schema
    def _check_closed(self, data: dict[str, Any], **_: object) -> None:
        for name in ("left_closed", "right_closed"):
            found = data.get(name)
            if found is None and data.get("deleted") is Deleted.CLOSE:
                raise ValidationError(
                    said(
                        "is missing, and deleted is close; give the id of the status that an "
                        "issue of this side is closed with"
                    ),
                    name,
                )
            if found is not None:
                rule = said("must be the id of a status, a number as text")
                validate.Regexp(r"[0-9]{1,18}\Z", error=rule)(found)

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> Lifecycle:
        return Lifecycle(**data)


def lifecycle_field() -> fields.Nested:
    """The optional key `lifecycle` of the document."""
    return fields.Nested(LifecycleSchema, load_default=Lifecycle)


def dump_lifecycle(lifecycle: Lifecycle) -> dict[str, object]:
    """The key `lifecycle` of the document; nothing where it says what is usual."""
    if lifecycle == Lifecycle():
        return {}
    return {
        "lifecycle": {
            "deleted": lifecycle.deleted.value,
            "moved": lifecycle.moved.value,
            "archived": lifecycle.archived.value,
            "left_closed": lifecycle.left_closed,
            "right_closed": lifecycle.right_closed,
        }
    }
