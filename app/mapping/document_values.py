"""The parts of the mapping document that say which values and which people of two sites are one."""

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
from app.mapping.profile import FieldMapping, Missing, Row, Tables, UserTable, ValueTable
from app.said import said

MAX_ROWS = 2000
MAX_ID = 255
MAX_TABLES, MAX_ENTRIES, MAX_ENTRY = 20, 500, 500


def _id(**more: Any) -> fields.String:
    rule = said("must be an id of the site, as text of 1 to %(max_id)s characters", max_id=MAX_ID)
    return fields.String(
        validate=validate.Length(1, MAX_ID, error=rule),
        error_messages={
            "required": said("is missing; %(rule)s", rule=rule),
            "null": rule,
            "invalid": rule,
        },
        **more,
    )


def _flag(default: bool) -> fields.Boolean:
    return fields.Boolean(
        load_default=default,
        truthy={True},
        falsy={False},
        error_messages={"invalid": said("must be true or false")},
    )


class RowSchema(Strict):
    """Two ids that say the same, one of each site."""

    left = _id(required=True)
    right = _id(required=True)

    @post_load
    def _make(self, data: dict[str, str], **_: object) -> Row:
        return Row(**data)


class _TableSchema(Strict):
    rows = fields.List(
        fields.Nested(RowSchema),
        load_default=list,
        validate=validate.Length(
            0, MAX_ROWS, error=said("must hold at most %(max)s rows; remove some")
        ),
        error_messages={"invalid": said("must be a list of rows with left and right")},
    )
    left_default = _id(load_default=None, allow_none=True)
    right_default = _id(load_default=None, allow_none=True)

    @validates_schema
    def _check_rows(self, data: dict[str, Any], **_: object) -> None:
        seen: dict[Row, int] = {}
        for place, row in enumerate(data.get("rows", ())):
            first = seen.setdefault(row, place)
            if first != place:
                raise ValidationError(
                    said("says the same as row %(first)s; remove one of them", first=first),
                    f"rows.{place}",
                )


class _ValuesSchema(_TableSchema):
    by_name = _flag(default=True)
    missing = fields.Enum(
        Missing,
        by_value=True,
        load_default=Missing.LEAVE,
        error_messages={"unknown": said("is not a choice; choose one of: %(choices)s")},
    )

    @validates_schema
    def _check_default(self, data: dict[str, Any], **_: object) -> None:
        given = data.get("left_default") or data.get("right_default")
        if data.get("missing") is Missing.DEFAULT and not given:
            raise ValidationError(
                said(
                    "is default, but neither left_default nor right_default is given; give "
                    "one, or choose leave or fail"
                ),
                "missing",
            )
        if given and data.get("missing") is not Missing.DEFAULT:
            raise ValidationError(
                said("must be default where left_default or right_default is given"), "missing"
            )

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> ValueTable:
        return ValueTable(**{**data, "rows": tuple(data["rows"])})


class _UsersSchema(_TableSchema):
    by_email = _flag(default=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> UserTable:
        return UserTable(**{**data, "rows": tuple(data["rows"])})


class _Entry(fields.Field[Any]):
    """A text, a number, true or false."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> Any:
        if isinstance(value, str) and len(value) > MAX_ENTRY:
            raise ValidationError(
                said("must have at most %(max_entry)s characters", max_entry=MAX_ENTRY)
            )
        if not isinstance(value, str | int | float | bool):
            raise ValidationError(said("must be a text, a number, true or false"))
        return value


def frozen_tables(found: dict[str, dict[str, Any]]) -> Tables:
    """Tables in a form that does not change."""
    return tuple((name, tuple(entries.items())) for name, entries in found.items())


def values_field() -> fields.Nested:
    """The optional key `values` of a field mapping."""
    return fields.Nested(_ValuesSchema, load_default=ValueTable)


def users_field() -> fields.Nested:
    """The optional key `users` of the document."""
    return fields.Nested(_UsersSchema, load_default=UserTable)


def tables_field() -> fields.Dict:
    """The optional key `tables` of a field mapping: look-up tables of a transform, by name."""
    entries = fields.Dict(
        keys=fields.String(validate=validate.Length(0, MAX_ENTRY)),
        values=_Entry(),
        validate=validate.Length(0, MAX_ENTRIES, error=said("must hold at most %(max)s entries")),
    )
    name = said("must be a name of lower-case letters, digits and underscores")
    return fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[a-z][a-z0-9_]{0,39}\Z", error=name)),
        values=entries,
        load_default=dict,
        validate=validate.Length(0, MAX_TABLES, error=said("must hold at most %(max)s tables")),
        error_messages={"invalid": said("must be an object of tables by name")},
    )


def dump_users(users: UserTable) -> dict[str, object]:
    """The key `users` of the document; nothing where it says what is usual."""
    if users == UserTable():
        return {}
    return {"users": {**_dump_table(users), "by_email": users.by_email}}


def dump_more(mapping: FieldMapping) -> dict[str, object]:
    """The optional keys of a field mapping; nothing where they say what is usual."""
    found: dict[str, object] = {}
    if mapping.right_kind is not None:
        found["right_kind"] = mapping.right_kind.value
    if mapping.values != ValueTable():
        table = mapping.values
        found["values"] = {
            **_dump_table(table),
            "by_name": table.by_name,
            "missing": table.missing.value,
        }
    if mapping.transform is not None:
        found["transform"] = mapping.transform
    if mapping.tables:
        found["tables"] = {name: dict(entries) for name, entries in mapping.tables}
    return found


def _dump_table(table: ValueTable | UserTable) -> dict[str, object]:
    return {
        "rows": [{"left": row.left, "right": row.right} for row in table.rows],
        "left_default": table.left_default,
        "right_default": table.right_default,
    }
