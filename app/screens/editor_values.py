"""The editor's fourth step: which values and which people of both sites are the same."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.language import gettext as _
from app.mapping.document import DocumentError, dump_profile
from app.mapping.drafts import Draft
from app.mapping.naming import field_name
from app.mapping.profile import FieldMapping, ItemKind, Kind, Missing, Profile, Side, ValueTable
from app.mapping.values import handler
from app.screens.editor import Editor
from app.screens.editor_draft import profile_of, wrong_with
from app.screens.editor_values_table import (
    MISSING,
    all_suggested,
    chosen_row,
    named,
    read_at,
    shown_table,
)
from app.screens.forms import refuse
from app.screens.pages import wants_json
from app.screens.value_lists import Told, ValueLists
from app.tenants.caller import Permission, Proof, accepts


@dataclass(frozen=True)
class Opened:
    """A field of a draft with its values of both sides."""

    draft: Draft
    number: int
    mapping: FieldMapping
    told: Mapping[Side, Told]

    @property
    def choices(self) -> Mapping[Side, Any]:
        """The values of both sides."""
        return {side: one.values for side, one in self.told.items()}

    def table(self, query: str = "") -> dict[str, Any]:
        """What is shown of it."""
        mapping, choices = self.mapping, self.choices
        at, when = read_at(self.told)
        return {
            **shown_table(mapping.values, choices, self.draft.side, mapping.flow, query),
            "number": self.number,
            "field": _name(mapping),
            "missing": _choices_of_missing(mapping),
            "at": at,
            "ago": when,
            "defaults": {
                side: (mapping.values.default(side) or "", choices[side]) for side in Side
            },
        }


class ValuesStep:
    """What the step shows and saves. See `editor.Step`."""

    name = "values"

    def __init__(self, editor: Editor, lists: ValueLists) -> None:
        self.editor = editor
        self._lists = lists

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """The fields with tables, which are loaded by themselves, and the people."""
        profile = _profile(draft)
        if profile is None:
            return {"tables": None, "people": False, "wrong": wrong_with(draft)}
        tables = [(number, _name(one), one) for number, one in _with_tables(profile)]
        return {
            "tables": [(number, name, _moves(one)) for number, name, one in tables],
            "links": any(one.kind is ItemKind.LINKS for one in profile.items),
            "people": _has_people(profile),
            "users": profile.users,
        }

    def done(self, draft: Draft) -> bool:
        """Whether there is nothing that must be said here: names and addresses pair by themselves,
        and what is left over has its rule."""
        return "fields" in draft.document and _profile(draft) is not None

    def opened(self, draft: Draft, number: int, *, fresh: bool = False) -> Opened:
        """A field of the draft, and what it takes on both sides as far as these tell. `fresh`: ask
        them again. Raises Problem, SiteError."""
        mapping, profile = self._mapping(draft, number), profile_of(draft)
        told = {
            side: self._lists.choices(
                self.editor.tenant(draft, side), side, profile.scope(side), mapping, fresh=fresh
            )
            for side in Side
        }
        return Opened(draft, number, mapping, told)

    def set_row(self, at: Opened, side: Side) -> Opened:
        """Give a value the counterpart that the form names, or none. Raises Problem."""
        return self._save(at, chosen_row(at.mapping.values, at.choices, side))

    def accept(self, at: Opened) -> Opened:
        """Take all that is suggested for a field. Raises Problem."""
        return self._save(at, all_suggested(at.mapping.values, at.choices, at.draft.side))

    def set_rule(self, at: Opened) -> Opened:
        """Say what becomes of values without a counterpart, and whether names pair. Raises
        Problem."""
        allowed = [one for one, _words in _choices_of_missing(at.mapping)]
        try:
            missing = Missing(request.form.get("missing", ""))
        except ValueError:
            missing = Missing.LEAVE
        if missing not in allowed:
            raise refuse("missing", _("choose one from the list."))
        left, right = (_default(at, side) if missing is Missing.DEFAULT else None for side in Side)
        if missing is Missing.DEFAULT and left is None and right is None:
            raise refuse("missing", _("give the default of one side at least."))
        by_name = request.form.get("by_name") == "yes"
        table = replace(at.mapping.values, by_name=by_name, missing=missing)
        return self._save(at, replace(table, left_default=left, right_default=right))

    def _mapping(self, draft: Draft, number: int) -> FieldMapping:
        try:
            fields = profile_of(draft).fields
        except DocumentError as error:
            raise refuse("fields", error.line) from None
        if number >= len(fields) or not handler(fields[number].kind).has_table:
            raise refuse("fields", _("this field has no values to pair; open the step again."))
        return fields[number]

    def _save(self, at: Opened, table: ValueTable) -> Opened:
        profile = profile_of(at.draft)
        fields = list(profile.fields)
        fields[at.number] = mapping = replace(at.mapping, values=table)
        changed = dump_profile(replace(profile, fields=tuple(fields)))
        saved = self.editor.save(at.draft, {"fields": changed["fields"]})
        return replace(at, draft=saved, mapping=mapping)


def values_blueprint(step: ValuesStep) -> Blueprint:
    """The step's views, part of the pages."""
    blueprint = Blueprint("editor_values", __name__)
    editor = step.editor

    @blueprint.get("/drafts/<uuid:draft>/values/<int:number>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def table(draft: uuid.UUID, number: int) -> Response | str:
        fresh = "fresh" in request.args
        return _table(step.opened(editor.open(draft), number, fresh=fresh))

    @blueprint.post("/drafts/<uuid:draft>/values/<int:number>/<any(left, right):side>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def row(draft: uuid.UUID, number: int, side: str) -> Response | str:
        return _table(step.set_row(step.opened(editor.open(draft), number), Side(side)))

    @blueprint.post("/drafts/<uuid:draft>/values/<int:number>/suggested")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def suggested(draft: uuid.UUID, number: int) -> Response | str:
        return _table(step.accept(step.opened(editor.open(draft), number)))

    @blueprint.post("/drafts/<uuid:draft>/values/<int:number>/rule")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def rule(draft: uuid.UUID, number: int) -> Response | str:
        return _table(step.set_rule(step.opened(editor.open(draft), number)))

    return blueprint


def _table(at: Opened) -> Response | str:
    shown = at.table(request.values.get("query", "").strip())
    if wants_json():
        return jsonify(
            field=shown["field"],
            version=at.draft.version,
            values=[one.id for one in shown["own"]["found"]],
            theirs=[name for _id, name in shown["own"]["all"]],
            unmapped={name: shown[name]["alone"] for name in ("own", "theirs")},
        )
    words = {"draft": at.draft, "missing_words": MISSING}
    return render_template("editor/values_table.html", **words, **shown)


def _profile(draft: Draft) -> Profile | None:
    """The draft's profile, where it can be read already."""
    try:
        return profile_of(draft)
    except DocumentError:
        return None


def _with_tables(profile: Profile) -> list[tuple[int, FieldMapping]]:
    return [
        (number, one)
        for number, one in enumerate(profile.fields)
        if handler(one.kind).has_table and one.transform is None
    ]


def _moves(mapping: FieldMapping) -> bool:
    """Whether a field is written by moving issues through their workflow."""
    return Kind.STATUS in (mapping.kind_of(Side.LEFT), mapping.kind_of(Side.RIGHT))


def _has_people(profile: Profile) -> bool:
    return any(handler(one.kind).has_users for one in profile.fields)


def _choices_of_missing(mapping: FieldMapping) -> list[tuple[Missing, str]]:
    """What may become of values without a counterpart: making it there, where Jira can."""
    makes = handler(mapping.kind).can_create
    return [(one, words) for one, words in MISSING.items() if makes or one is not Missing.CREATE]


def _default(at: Opened, side: Side) -> str | None:
    """The default of a side that the form names. Raises Problem."""
    typed = request.form.get(f"{side.value}_default", "").strip()
    return named(at.choices[side], typed) if typed else None


def _name(mapping: FieldMapping) -> str:
    names = [field_name(one) for one in (mapping.left, mapping.right)]
    return names[0] if names[0] == names[1] else " / ".join(names)
