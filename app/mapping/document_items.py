"""The part of the mapping document that says which items of an issue are carried, and how."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import (
    ValidationError,
    fields,
    post_load,
    validate,
    validates,
    validates_schema,
)

from app.mapping.document_schema import Strict
from app.mapping.document_values import RowSchema
from app.mapping.profile import (
    DEFAULT_PREFIX,
    PREFIX_NAMES,
    Flow,
    ItemKind,
    ItemMapping,
    MarkerMode,
    Side,
)
from app.said import said

MAX_ITEMS = 20
MAX_PREFIX = 200
MAX_MARKER = 100
MAX_TYPES = 200
MAX_MB = 100_000
SIDES_RULE = said("must be a list of the sides that allow it: left, right, both or none of them")
OPTIONS: Mapping[ItemKind, tuple[str, ...]] = {
    ItemKind.COMMENTS: ("flow", "deletions", "prefix", "marker", "marker_mode", "internal"),
    ItemKind.ATTACHMENTS: ("flow", "deletions", "limit_mb"),
    ItemKind.WORKLOGS: ("flow", "deletions", "prefix"),
    ItemKind.LINKS: ("flow", "deletions", "types"),
    ItemKind.REMOTE_LINK: ("flow",),
}
"""What can be said of each kind."""
UNSAID: Mapping[str, object] = {"limit_mb": None, "types": ()}
"""What is not written down where it is so."""


class ItemSchema(Strict):
    """One kind of item, such as the comments."""

    kind = fields.Enum(ItemKind, by_value=True, required=True)
    flow = fields.Enum(Flow, by_value=True, load_default=Flow.BOTH)
    deletions = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    prefix = fields.String(load_default=DEFAULT_PREFIX, allow_none=True)
    marker = fields.String(load_default=None, allow_none=True)
    marker_mode = fields.Enum(MarkerMode, by_value=True, load_default=MarkerMode.ONLY)
    internal = fields.List(
        fields.Enum(Side, by_value=True),
        load_default=list,
        error_messages={"invalid": SIDES_RULE},
    )
    limit_mb = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(
            1,
            MAX_MB,
            error=said("must be 1 to %(max)s megabytes, or null for no limit but the site's"),
        ),
    )
    types = fields.List(
        fields.Nested(RowSchema),
        load_default=list,
        validate=validate.Length(
            0, MAX_TYPES, error=said("must hold at most %(max)s rows; remove some")
        ),
        error_messages={"invalid": said("must be a list of rows with left and right")},
    )

    @validates("prefix")
    def _check_prefix(self, prefix: str | None, **_: object) -> None:
        problem = None if prefix is None else prefix_problem(prefix)
        if problem is not None:
            raise ValidationError(problem)

    @validates("internal")
    def _check_internal(self, sides: Sequence[Side], **_: object) -> None:
        if len(set(sides)) < len(sides):
            raise ValidationError(said("names a side twice; name each side that allows it once"))

    @validates("marker")
    def _check_marker(self, marker: str | None, **_: object) -> None:
        if marker is None:
            return
        if not marker.strip() or len(marker) > MAX_MARKER or not marker.isprintable():
            raise ValidationError(
                said(
                    "must be 1 to %(max_marker)s characters that can be seen, or null for no "
                    "marker",
                    max_marker=MAX_MARKER,
                )
            )

    @validates_schema(pass_original=True)
    def _check_own(self, data: dict[str, Any], original_data: object, **_: object) -> None:
        kind = data.get("kind")
        if kind is None or not isinstance(original_data, Mapping):
            return
        for name in self.fields.keys() & original_data.keys() - {"kind", *OPTIONS[kind]}:
            raise ValidationError(
                said("is no option of %(kind)s; remove it", kind=kind.value), name
            )

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> ItemMapping:
        frozen = {"types": tuple(data["types"]), "internal": frozenset(data["internal"])}
        return ItemMapping(**{**data, **frozen})


def prefix_problem(prefix: str) -> str | None:
    """What is wrong with a template, with rule and cure; None: nothing."""
    if not prefix.strip() or len(prefix) > MAX_PREFIX or not prefix.isprintable():
        return said(
            "must be one line of 1 to %(max_prefix)s characters, or null for none",
            max_prefix=MAX_PREFIX,
        )
    names = ", ".join(f"{{{name}}}" for name in PREFIX_NAMES)
    try:
        parts = list(string.Formatter().parse(prefix))
    except ValueError as fault:
        return said(
            "has braces that do not fit (%(fault)s); use %(names)s, and {{ for a brace",
            fault=fault,
            names=names,
        )
    for _, name, spec, conversion in parts:
        if name is not None and (name not in PREFIX_NAMES or spec or conversion):
            return said(
                "knows no {%(name)s}; use %(names)s, and {{ for a brace",
                name=name[:40],
                names=names,
            )
    return None


def items_field() -> fields.List[ItemMapping]:
    """The optional key `items` of the document: each kind once."""

    def once(found: Sequence[ItemMapping]) -> None:
        kinds = [one.kind for one in found]
        if len(set(kinds)) < len(kinds):
            raise ValidationError(said("names a kind twice; keep one entry of each kind"))

    return fields.List(
        fields.Nested(ItemSchema),
        load_default=list,
        validate=[validate.Length(0, MAX_ITEMS), once],
        error_messages={"invalid": said("must be a list of kinds of items")},
    )


def dump_items(items: Sequence[ItemMapping]) -> dict[str, object]:
    """The key `items` of the document; nothing where no items are carried."""
    if not items:
        return {}
    return {"items": [{"kind": one.kind.value, **_said(one)} for one in items]}


def _said(item: ItemMapping) -> dict[str, object]:
    values: dict[str, object] = {
        **vars(item),
        "flow": item.flow.value,
        "marker_mode": item.marker_mode.value,
        "internal": sorted(side.value for side in item.internal),
    }
    said = {
        name: values[name]
        for name in OPTIONS[item.kind]
        if name not in UNSAID or values[name] != UNSAID[name]
    }
    return said | ({"types": [vars(row) for row in item.types]} if "types" in said else {})
