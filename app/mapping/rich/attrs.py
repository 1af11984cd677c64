"""Makes attributes and marks such as the schema allows them."""

from __future__ import annotations

import math
from typing import Any

from app.mapping.rich.characters import clean
from app.mapping.rich.known import Node, Notes, Part, Reason, attrs_of, named, shown
from app.mapping.rich.shapes import MARK_ATTRS, MAY_LACK_ATTRS, NODE_ATTRS, Attr

# Written anew at each save, so canonical documents never have it; `write` puts it back.
LOCAL_ID = "localId"
# Marks that point to what their own site alone has: a comment in the text, another macro.
OF_ITS_SITE = frozenset({"annotation", "dataConsumer"})
_LEVELS = 100


def clean_value(value: Any, levels: int = _LEVELS) -> Any:
    """The same for all texts in a value; numbers that JSON has not are None, and so is the depth
    of more than a hundred levels."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return None
    if isinstance(value, list):
        return [clean_value(one, levels - 1) for one in value]
    return {clean(str(key)): clean_value(one, levels - 1) for key, one in value.items()}


def fit_node(node: Node, notes: Notes) -> Node | None:
    """The node's type and attributes alone, as the schema allows them; None where it cannot be.

    What is left out is noted; a node of a type that the table has not is None.
    """
    name = named(node)
    if name not in NODE_ATTRS:
        return None
    attrs = _fit(NODE_ATTRS[name], node.get("attrs"), name, notes)
    if attrs is None and name in MAY_LACK_ATTRS:
        notes.add(Part.ATTRIBUTE, f"{name} attrs", Reason.BROKEN)
        attrs = {}
    if attrs is None:
        return None
    for key in sorted(set(node) - {"type", "attrs", "marks", "content", "text"}):
        notes.add(Part.ATTRIBUTE, f"{name} {clean(key)}", Reason.UNKNOWN)
    return {"type": name, "attrs": attrs} if attrs else {"type": name}


def fit_mark(mark: object, notes: Notes) -> Node | None:
    """The mark as the schema allows it; None, and noted, where it cannot be."""
    name = named(mark)
    if name in OF_ITS_SITE:
        notes.add(Part.MARK, name, Reason.OF_ITS_SITE)
        return None
    raw = mark.get("attrs") if isinstance(mark, dict) else None
    attrs = _fit(MARK_ATTRS[name], raw, name, notes) if name in MARK_ATTRS else None
    if attrs is None:
        reason = Reason.BROKEN if name in MARK_ATTRS else Reason.UNKNOWN
        notes.add(Part.MARK, shown(mark), reason)
        return None
    return {"type": name, "attrs": attrs} if attrs else {"type": name}


def _fit(
    sets: tuple[tuple[Attr, ...], ...], raw: object, name: str, notes: Notes
) -> dict[str, Any] | None:
    """The attributes of the set that keeps most of them; None where each set lacks one."""
    told = dict(raw) if isinstance(raw, dict) else {}
    told.pop(LOCAL_ID, None)
    given: dict[str, Any] = clean_value(told)
    if not sets or not (given or _must(sets)):
        found: dict[str, Any] | None = {}
    else:
        fitting = [kept for one in sets if (kept := _kept(one, given)) is not None]
        found = max(fitting, key=len, default=None)
    if found is None:
        return None
    for key in sorted(set(given) - set(found)):
        notes.add(Part.ATTRIBUTE, f"{name} {key}", _why(sets, key))
    for key in sorted(found):
        if found[key] != told.get(key):
            notes.add(Part.TEXT, f"{name} {key}", Reason.CHARACTERS)
    return found


def _kept(attributes: tuple[Attr, ...], given: dict[str, Any]) -> dict[str, Any] | None:
    kept = {}
    for one in attributes:
        if one.name in given and one.takes(given[one.name]):
            kept[one.name] = given[one.name]
        elif one.must and one.name != LOCAL_ID:
            return None
    return kept


def _must(sets: tuple[tuple[Attr, ...], ...]) -> bool:
    """Whether there is no way to do without attributes."""
    return all(any(one.must and one.name != LOCAL_ID for one in some) for some in sets)


def _why(sets: tuple[tuple[Attr, ...], ...], key: str) -> Reason:
    known = any(one.name == key for some in sets for one in some)
    return Reason.BROKEN if known else Reason.UNKNOWN


def fit_marks(
    raw: list[Any], allowed: tuple[frozenset[str], ...], notes: Notes, reason: Reason
) -> list[Node]:
    """The marks of the allowed set that keeps most of them, in their order; the rest is noted."""
    marks = [mark for one in raw if (mark := fit_mark(one, notes)) is not None]
    best = max(allowed, key=lambda some: _weight(marks, some), default=frozenset())
    for mark in marks:
        if mark["type"] not in best:
            notes.add(Part.MARK, mark["type"], reason)
    return [mark for mark in marks if mark["type"] in best]


def _weight(marks: list[Node], allowed: frozenset[str]) -> tuple[bool, int]:
    # Text that is code stays code, whatever else it bears: what is code is never rewritten.
    names = [mark["type"] for mark in marks]
    return ("code" in names and "code" in allowed, sum(name in allowed for name in names))


def text_attr(node: Node, *names: str) -> str:
    """The first of these attributes that is a text with something in it, cleaned."""
    for name in names:
        value = attrs_of(node).get(name)
        if isinstance(value, str) and clean(value).strip():
            return clean(value)
    return ""
