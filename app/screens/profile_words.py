"""The words of a profile's page: how each field is carried."""

from __future__ import annotations

from typing import Any

from app.language import gettext as _
from app.mapping import difference_words as words
from app.mapping.naming import Names
from app.mapping.profile import FieldMapping, Flow, Side

ARROWS = {Flow.BOTH: "↔", Flow.TO_RIGHT: "→", Flow.TO_LEFT: "←"}


def row(one: FieldMapping, names: Names) -> dict[str, Any]:
    """A field and how it is carried, in words."""
    notes = []
    if one.transform is not None:
        notes.append(_("made by a transform"))
    if one.values.rows:
        notes.append(_("%(count)s pairs of values", count=len(one.values.rows)))
    return {
        "left": names.field_of(Side.LEFT, one.left),
        "right": names.field_of(Side.RIGHT, one.right),
        "arrow": ARROWS[one.flow],
        "flow": words.flow(one.flow, names),
        "policy": words.policy(one.policy, names) if one.flow is Flow.BOTH else "",
        "moment": words.moment(one.moment),
        "notes": ", ".join(notes),
    }
