"""What of an issue is no field, and what becomes of twins: the lower half of the Fields step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from marshmallow import ValidationError

from app.language import gettext as _
from app.mapping.document_checks import DocumentProblem
from app.mapping.document_items import OPTIONS, ItemSchema
from app.mapping.document_lifecycle import LifecycleSchema
from app.mapping.drafts import Draft
from app.mapping.profile import DEFAULT_PREFIX, Flow, ItemKind, MarkerMode, Side
from app.said import together
from app.screens.editor import Editor
from app.screens.editor_fields_rows import Shown, below
from app.screens.editor_fields_words import ITEMS, LIFECYCLE, MARKERS
from app.screens.forms import form_text, refuse

NOT_CARRIED = "none"
USUAL: Mapping[str, object] = {
    "flow": Flow.BOTH.value,
    "deletions": True,
    "prefix": DEFAULT_PREFIX,
    "marker": None,
    "marker_mode": MarkerMode.ONLY.value,
    "internal": (),
    "limit_mb": None,
}


class Extras:
    """Comments, files and the like, and lifecycles, in a draft."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    def shown(
        self, draft: Draft, problems: Sequence[DocumentProblem], sites: Mapping[Side, str]
    ) -> dict[str, object]:
        """What the template shows of them."""
        chosen = draft.document.get("lifecycle") or {}
        return {
            "items": [_item(draft, kind, problems) for kind in ItemKind],
            "ways": [
                (NOT_CARRIED, _("Not carried")),
                (Flow.BOTH.value, _("↔ Both ways")),
                (Flow.TO_RIGHT.value, _("→ To %(site)s", site=sites[Side.RIGHT])),
                (Flow.TO_LEFT.value, _("← To %(site)s", site=sites[Side.LEFT])),
            ],
            "markers": [(one.value, _(words)) for one, words in MARKERS.items()],
            "fates": [_fate(name, chosen) for name in LIFECYCLE],
            "closes": chosen.get("deleted") == "close",
            "usual_fate": not chosen,
            "fate_problems": below(problems, "lifecycle"),
        }

    def change_item(self, draft: Draft) -> Draft:
        """Take what a control says of a kind of items. Raises Problem."""
        kind = _kind()
        rows = [dict(one) for one in draft.document.get("items") or []]
        row = next((one for one in rows if one.get("kind") == kind.value), None)
        if request.form.get("flow") == NOT_CARRIED:
            kept = [one for one in rows if one is not row]
            return self._editor.save(draft, {"items": kept or None})
        if row is None:
            row = {"kind": kind.value}
            rows.append(row)
        row |= _said(kind, row, draft.side)
        try:
            ItemSchema().load(row)
        except ValidationError as error:
            raise _refused(error) from None
        order = [one.value for one in ItemKind]
        rows.sort(key=lambda one: order.index(one["kind"]))
        return self._editor.save(draft, {"items": rows})

    def change_lifecycle(self, draft: Draft) -> Draft:
        """Take what a control says of lifecycles. Raises Problem."""
        chosen = dict(draft.document.get("lifecycle") or {})
        for name in ("deleted", "moved", "archived", "left_closed", "right_closed"):
            if name in request.form:
                chosen[name] = request.form[name] or None
        if chosen.get("deleted") != "close":
            chosen = {k: v for k, v in chosen.items() if not k.endswith("_closed")}
        try:
            LifecycleSchema().load(chosen)
        except ValidationError as error:
            # Which status closes is asked for next: the draft may lack it until then.
            if set(error.messages_dict) - {"left_closed", "right_closed"}:
                raise _refused(error) from None
        return self._editor.save(draft, {"lifecycle": chosen})


def _item(draft: Draft, kind: ItemKind, problems: Sequence[DocumentProblem]) -> Shown:
    rows = draft.document.get("items") or []
    place, row = next(
        ((place, one) for place, one in enumerate(rows) if one.get("kind") == kind.value),
        (None, None),
    )
    name, hint = ITEMS[kind]
    kept = {key: (row or {}).get(key, USUAL[key]) for key in OPTIONS[kind] if key in USUAL}
    return {
        "kind": kind.value,
        "name": _(name),
        "hint": _(hint),
        "way": NOT_CARRIED if row is None else str(kept["flow"]),
        "said": kept,
        "more": row is not None and len(OPTIONS[kind]) > 1,
        "own_internal": draft.side.value in (kept.get("internal") or ()),
        "usual": all(kept[key] == USUAL[key] for key in kept if key != "internal"),
        "wrong": [] if place is None else below(problems, "items", str(place)),
    }


def _fate(name: str, chosen: Mapping[str, Any]) -> Shown:
    words, options = LIFECYCLE[name]
    listed = [(str(one.value), _(say)) for one, say in options.items()]
    return {
        "name": name,
        "words": _(words),
        "options": listed,
        "chosen": chosen.get(name) or listed[0][0],
    }


def _kind() -> ItemKind:
    given = form_text("kind")
    if given not in {one.value for one in ItemKind}:
        raise refuse("kind", _("choose one from the list."))
    return ItemKind(given)


def _said(kind: ItemKind, row: Mapping[str, Any], own: Side) -> dict[str, Any]:
    """What a form says of a kind, in the document's words. A box that is not ticked sends its
    name in `off`."""
    form, found = request.form, dict[str, Any]()
    options = OPTIONS[kind]
    for name in ("flow", "marker_mode"):
        if name in form and name in options:
            found[name] = form[name]
    for name in ("prefix", "marker"):
        if name in form and name in options:
            found[name] = form[name] or None
    if "limit_mb" in form and "limit_mb" in options:
        found["limit_mb"] = _megabytes(form["limit_mb"].strip())
    if form.get("box") == "deletions" and "deletions" in options:
        found["deletions"] = "deletions" in form
    if form.get("box") == "internal" and "internal" in options:
        others = set(row.get("internal") or ()) - {own.value}
        found["internal"] = sorted(others | ({own.value} if "internal" in form else set()))
    return found


def _megabytes(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise refuse("limit_mb", _("must be a whole number of megabytes, or empty for no limit."))
    return int(text)


def _refused(error: ValidationError) -> Exception:
    name, messages = next(iter(error.messages_dict.items()))
    sentence = messages[0] if isinstance(messages, list) else str(messages)
    return refuse(str(name), together([sentence, "."], ""))
