"""The table of types of links in the editor's fourth step: which of one site is which of the
other."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from marshmallow import ValidationError

from app.language import gettext as _
from app.mapping.document_items import ItemSchema
from app.mapping.drafts import Draft
from app.mapping.profile import ItemKind, ItemMapping, Side, ValueTable
from app.screens.editor import Editor
from app.screens.editor_values_table import all_suggested, chosen_row, read_at, shown_table
from app.screens.forms import refuse
from app.screens.pages import wants_json
from app.screens.value_lists import Told, ValueLists
from app.tenants.caller import Permission, Proof, accepts

NUMBER = "links"
"""What stands in an address where a field has its number."""


@dataclass(frozen=True)
class OpenedLinks:
    """The links of a draft, and the types that both sites have."""

    draft: Draft
    links: ItemMapping
    told: Mapping[Side, Told]

    @property
    def pairs(self) -> ValueTable:
        """The types that were paired; those of the same name are the same."""
        return ValueTable(self.links.types)

    @property
    def choices(self) -> Mapping[Side, Any]:
        """The types of both sides."""
        return {side: one.values for side, one in self.told.items()}

    def table(self, query: str) -> dict[str, Any]:
        """What is shown of them."""
        at, when = read_at(self.told)
        return {
            **shown_table(self.pairs, self.choices, self.draft.side, self.links.flow, query),
            "number": NUMBER,
            "field": _("Types of links"),
            "hint": _("A link of a type without a counterpart is set aside, and says so."),
            "at": at,
            "ago": when,
        }


class LinkTypes:
    """What the table shows and saves."""

    def __init__(self, editor: Editor, lists: ValueLists) -> None:
        self.editor = editor
        self._lists = lists

    def opened(self, draft: Draft, *, fresh: bool = False) -> OpenedLinks:
        """The links of a draft with the types of both sites. Raises Problem, SiteError."""
        row = _row(draft)
        if row is None:
            raise refuse("items", _("links are not carried by this profile; open the step again."))
        try:
            links: ItemMapping = ItemSchema().load(row)
        except ValidationError as error:
            name, messages = next(iter(error.messages_dict.items()))
            raise refuse("items", f"{name}: {messages}") from None
        told = {
            side: self._lists.link_types(self.editor.tenant(draft, side), fresh=fresh)
            for side in Side
        }
        return OpenedLinks(draft, links, told)

    def set_row(self, at: OpenedLinks, side: Side) -> OpenedLinks:
        """Give a type the counterpart that the form names, or none. Raises Problem."""
        return self._save(at, chosen_row(at.pairs, at.choices, side))

    def accept(self, at: OpenedLinks) -> OpenedLinks:
        """Take all that is suggested. Raises Problem."""
        return self._save(at, all_suggested(at.pairs, at.choices, at.draft.side))

    def _save(self, at: OpenedLinks, table: ValueTable) -> OpenedLinks:
        types = [vars(one) for one in table.rows]
        rows = [
            {**one, "types": types} if one.get("kind") == ItemKind.LINKS else one
            for one in at.draft.document.get("items") or []
        ]
        saved = self.editor.save(at.draft, {"items": rows})
        return replace(at, draft=saved, links=replace(at.links, types=table.rows))


def links_blueprint(links: LinkTypes) -> Blueprint:
    """The table's views, part of the pages."""
    blueprint = Blueprint("editor_links", __name__)
    editor = links.editor

    @blueprint.get("/drafts/<uuid:draft>/values/links")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def table(draft: uuid.UUID) -> Response | str:
        return _table(links.opened(editor.open(draft), fresh="fresh" in request.args))

    @blueprint.post("/drafts/<uuid:draft>/values/links/<any(left, right, suggested):deed>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def save(draft: uuid.UUID, deed: str) -> Response | str:
        at = links.opened(editor.open(draft))
        if deed == "suggested":
            return _table(links.accept(at))
        return _table(links.set_row(at, Side(deed)))

    return blueprint


def _row(draft: Draft) -> Mapping[str, Any] | None:
    rows = draft.document.get("items") or []
    return next((one for one in rows if one.get("kind") == ItemKind.LINKS), None)


def _table(at: OpenedLinks) -> Response | str:
    shown = at.table(request.values.get("query", "").strip())
    if wants_json():
        unmapped = {name: shown[name]["alone"] for name in ("own", "theirs")}
        return jsonify(version=at.draft.version, unmapped=unmapped)
    return render_template("editor/values_table.html", draft=at.draft, **shown)
