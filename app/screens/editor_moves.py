"""What the screens of transitions ask for, in the editor's fourth step: what fills it, what is
missing, and constants for it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.errors import NotFound, Problem
from app.jira.site import FieldRule, SiteError
from app.language import gettext as _
from app.mapping.document import DocumentError
from app.mapping.drafts import Draft
from app.mapping.move_constants import COMMENT, choices_in, given, kind_in, may_be_given, said
from app.mapping.profile import FieldMapping, Kind, Profile, Side
from app.screens.editor import Editor
from app.screens.editor_draft import profile_of
from app.screens.forms import form_text, refuse
from app.screens.pages import wants_json
from app.screens.site_errors import say_error
from app.screens.value_lists import Told, ValueLists
from app.screens.words import ago
from app.tenants.caller import Permission, Proof, accepts


@dataclass
class Wanted:
    """A field that screens of transitions require. `by`: these transitions, as people read them.
    `fed`: what fills it, in words; empty where nothing does."""

    id: str
    rule: FieldRule
    by: list[str] = field(default_factory=list)
    fed: str = ""
    constant: str | None = None

    @property
    def missing(self) -> bool:
        """Whether nothing fills it."""
        return not self.fed and self.constant is None


class MovesTable:
    """What the card shows and saves."""

    def __init__(self, editor: Editor, lists: ValueLists) -> None:
        self.editor = editor
        self._lists = lists

    def shown(self, draft: Draft, *, fresh: bool = False) -> dict[str, Any]:
        """Each side on which statuses are written, with what its transitions want. Where a site
        does not answer, a sentence stands in its place."""
        profile, sides = _profile(draft), []
        for side in (draft.side, draft.side.other):
            if not _moves(profile, side):
                continue
            name = self.editor.desk.site_name(self.editor.tenant(draft, side))
            shown: dict[str, Any] = {"side": side.value, "site": name, "wanted": []}
            try:
                told = self._told(draft, profile, side, fresh=fresh)
            except SiteError as error:
                shown["wrong"] = say_error(name, error)
            except Problem as problem:
                shown["wrong"] = problem.detail
            else:
                wanted = self._wanted(draft, profile, side, told)
                shown |= {
                    "at": told.at,
                    "ago": ago(told.at),
                    "statuses": len(told.values),
                    "missing": sum(one.missing for one in wanted),
                    "wanted": [_row(one) for one in wanted],
                }
            sides.append(shown)
        return {"draft": draft, "sides": sides}

    def give(self, draft: Draft) -> Draft:
        """Give the transitions of a side a constant for a field. Raises Problem, SiteError."""
        side, name = _side(), form_text("field")
        profile = _profile(draft)
        told = self._told(draft, profile, side, fresh=False)
        wanted = self._wanted(draft, profile, side, told)
        found = next((one for one in wanted if one.id == name), None)
        if found is None:
            raise refuse("field", _("no transition asks for it any more; open the step again."))
        value = given(side, name, found.rule, request.form.getlist("constant"))
        return self._save(draft, side, {**_constants(draft, side), name: value})

    def drop(self, draft: Draft) -> Draft:
        """Give them none any more."""
        side, name = _side(), form_text("field")
        kept = {one: value for one, value in _constants(draft, side).items() if one != name}
        return self._save(draft, side, kept)

    def _told(self, draft: Draft, profile: Profile, side: Side, *, fresh: bool) -> Told:
        tenant = self.editor.tenant(draft, side)
        return self._lists.moves(tenant, profile.scope(side), fresh=fresh)

    def _wanted(self, draft: Draft, profile: Profile, side: Side, told: Told) -> list[Wanted]:
        """The fields that the moves of a side require, those that nothing fills first."""
        found: dict[str, Wanted] = {}
        for (_id, status), moves in told.values:
            for move in moves:
                for name, rule in move.fields.items():
                    if rule.required:
                        one = found.setdefault(name, Wanted(name, rule))
                        one.by.append(f"{move.name} ({status} → {move.to[1]})")
        constants = _constants(draft, side)
        born_with = self._born_with(draft, profile, side)
        for name, one in found.items():
            mapped = any(m.field(side) == name and m.flow.feeds(side) for m in profile.fields)
            if mapped:
                one.fed = _("The other side, as it is mapped")
            elif name in born_with and name != COMMENT:
                one.fed = _("Each issue has it from the start")
            if name in constants:
                one.constant = said(constants[name], choices_in(name, one.rule))
        return sorted(found.values(), key=lambda one: (not one.missing, one.rule.name.casefold()))

    def _born_with(self, draft: Draft, profile: Profile, side: Side) -> frozenset[str]:
        """The fields without which no issue is made there."""
        tenant, scope = self.editor.tenant(draft, side), profile.scope(side)
        create = self._lists.seen(tenant, side, scope, fresh=False).seen.create or {}
        return frozenset(name for name, rule in create.items() if rule.required)

    def _save(self, draft: Draft, side: Side, constants: Mapping[str, Any]) -> Draft:
        moves = {**(draft.document.get("moves") or {}), side.value: dict(constants)}
        kept = {name: found for name, found in moves.items() if found}
        return self.editor.save(draft, {"moves": kept or None})


def moves_blueprint(table: MovesTable) -> Blueprint:
    """The card's views, part of the pages."""
    blueprint = Blueprint("editor_moves", __name__)
    editor = table.editor

    @blueprint.get("/drafts/<uuid:draft>/moves")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def moves(draft: uuid.UUID) -> Response | str:
        return _card(table.shown(editor.open(draft), fresh="fresh" in request.args))

    @blueprint.post("/drafts/<uuid:draft>/moves/<any(give, drop):deed>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def save(draft: uuid.UUID, deed: str) -> Response | str:
        do = {"give": table.give, "drop": table.drop}[deed]
        return _card(table.shown(do(editor.open(draft))))

    return blueprint


def _card(shown: dict[str, Any]) -> Response | str:
    if wants_json():
        missing = {one["side"]: one.get("missing") for one in shown["sides"]}
        return jsonify(version=shown["draft"].version, missing=missing)
    return render_template("editor/values_moves.html", **shown)


def _row(one: Wanted) -> dict[str, Any]:
    kind = kind_in(one.id, one.rule)
    return {
        "id": one.id,
        "name": one.rule.name,
        "by": one.by,
        "fed": one.fed,
        "constant": one.constant,
        "missing": one.missing,
        "given": may_be_given(one.id, one.rule),
        "kind": kind.value,
        "options": choices_in(one.id, one.rule),
        "many": kind in {Kind.OPTIONS, Kind.COMPONENTS, Kind.VERSIONS, Kind.GROUPS},
    }


def _profile(draft: Draft) -> Profile:
    try:
        return profile_of(draft)
    except DocumentError as error:
        raise refuse("fields", error.line) from None


def _moves(profile: Profile, side: Side) -> bool:
    """Whether statuses of a side are written."""

    def writes(one: FieldMapping) -> bool:
        return one.kind_of(side) is Kind.STATUS and one.flow.feeds(side)

    return any(writes(one) for one in profile.fields)


def _constants(draft: Draft, side: Side) -> Mapping[str, Any]:
    found = (draft.document.get("moves") or {}).get(side.value) or {}
    return dict(found)


def _side() -> Side:
    if request.form.get("side") not in set(Side):
        raise NotFound
    return Side(request.form["side"])
