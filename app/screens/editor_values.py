"""The editor's fourth step: which values and which people of both sites are the same."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from rapidfuzz import fuzz

from app.jira.site import JiraSite
from app.language import gettext as _
from app.language import noop
from app.mapping.document import DocumentError, dump_profile
from app.mapping.drafts import Draft
from app.mapping.profile import FieldMapping, Kind, Missing, Profile, Row, Scope, Side, ValueTable
from app.mapping.value_pairs import Paired, counterparts, pair_up, with_row, with_suggested
from app.mapping.values import Part, handler
from app.screens.editor import Editor
from app.screens.editor_draft import profile_of
from app.screens.forms import refuse
from app.screens.pages import wants_json
from app.screens.words import field_name
from app.tenants.caller import Permission, Proof, accepts

SHOWN = 100
"""Values of a field that are shown at once; others are found by typing."""

MISSING: Mapping[Missing, str] = {
    Missing.LEAVE: noop("leave the field alone there, and say so"),
    Missing.FAIL: noop("park the field until somebody decides"),
    Missing.DEFAULT: noop("write the default"),
    Missing.CREATE: noop("make it there"),
}


@dataclass(frozen=True)
class Opened:
    """A field of a draft with its values of both sides, which are read once for a request."""

    draft: Draft
    number: int
    mapping: FieldMapping
    choices: Mapping[Side, Sequence[Part]]

    def table(self, query: str = "") -> dict[str, Any]:
        """What is shown of it."""
        mapping, choices, own = self.mapping, self.choices, self.draft.side
        return {
            "number": self.number,
            "field": _name(mapping),
            "values": mapping.values,
            "missing": _choices_of_missing(mapping),
            "own": _side(mapping, choices, own, query),
            "theirs": _side(mapping, choices, own.other, query),
            "query": query,
            "defaults": {
                side: (mapping.values.default(side) or "", choices[side]) for side in Side
            },
            "own_side": own,
        }


class ValuesStep:
    """What the step shows and saves. See `editor.Step`."""

    name = "values"

    def __init__(self, editor: Editor) -> None:
        self.editor = editor

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """The fields with tables, which are loaded by themselves, and the people."""
        profile = _profile(draft)
        if profile is None:
            return {"tables": None, "people": False}
        tables = [(number, _name(one)) for number, one in _with_tables(profile)]
        return {"tables": tables, "people": _has_people(profile), "users": profile.users}

    def done(self, draft: Draft) -> bool:
        """Whether there is nothing that must be said here: names and addresses pair by themselves,
        and what is left over has its rule."""
        return "fields" in draft.document

    def opened(self, draft: Draft, number: int) -> Opened:
        """A field of the draft, and what it takes on both sides as far as these tell. Raises
        Problem, SiteError."""
        mapping, profile = self._mapping(draft, number), profile_of(draft)
        choices = {
            side: _choices(self.editor.site(draft, side), mapping, profile.scope(side), side)
            for side in Side
        }
        return Opened(draft, number, mapping, choices)

    def set_row(self, at: Opened, side: Side) -> Opened:
        """Give a value the counterpart that the form names, or none. Raises Problem."""
        table, choices = at.mapping.values, at.choices
        value, typed = request.form.get("value", ""), request.form.get("twin", "").strip()
        if value not in dict(choices[side]) and value not in _listed(table.rows, side):
            raise refuse("value", _("the site has no such value any more; open the step again."))
        twin = _named(choices[side.other], typed) if typed else None
        return self._save(at, replace(table, rows=with_row(table, side, value, twin)))

    def accept(self, at: Opened) -> Opened:
        """Take all that is suggested for a field. Raises Problem."""
        table, own = at.mapping.values, at.draft.side
        for side in (own, own.other):
            found = pair_up(table, at.choices[side], at.choices[side.other], side, fuzz.ratio)
            table = replace(table, rows=with_suggested(table, side, found))
        return self._save(at, table)

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
        left, right = (
            _default(at.choices[side], side) if missing is Missing.DEFAULT else None
            for side in Side
        )
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
        return _table(step.opened(editor.open(draft), number))

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


def _has_people(profile: Profile) -> bool:
    return any(handler(one.kind).has_users for one in profile.fields)


def _choices(site: JiraSite, mapping: FieldMapping, scope: Scope, side: Side) -> Sequence[Part]:
    ids, kind = (int(scope.project_id), int(scope.issue_type_id)), mapping.kind_of(side)
    if kind is Kind.RESOLUTION:
        return site.resolutions()
    if kind is Kind.STATUS:
        return site.statuses(*ids)
    rule = site.create_fields(*ids).get(mapping.field(side))
    return handler(kind).choices(list(rule.values)) if rule else ()


def _side(
    mapping: FieldMapping, choices: Mapping[Side, Sequence[Part]], side: Side, query: str
) -> dict[str, Any]:
    """The values of one side with their counterparts; nothing where none leaves it."""
    if not mapping.flow.feeds(side.other):
        return {"side": side, "found": [], "alone": 0, "more": 0, "suggested": 0, "all": ()}
    found = pair_up(mapping.values, choices[side], choices[side.other], side, fuzz.ratio)
    wanted = [one for one in found if query.casefold() in _words_of(one)] if query else found
    return {
        "side": side,
        "found": wanted[:SHOWN],
        "more": max(0, len(wanted) - SHOWN),
        "alone": counterparts(found),
        "suggested": sum(1 for one in found if one.suggested is not None),
        "all": choices[side.other],
    }


def _words_of(one: Paired) -> str:
    return f"{one.name} {one.twin[1] if one.twin else ''}".casefold()


def _choices_of_missing(mapping: FieldMapping) -> list[tuple[Missing, str]]:
    """What may become of values without a counterpart: making it there, where Jira can."""
    makes = handler(mapping.kind).can_create
    return [(one, words) for one, words in MISSING.items() if makes or one is not Missing.CREATE]


def _default(choices: Sequence[Part], side: Side) -> str | None:
    """The default of a side that the form names. Raises Problem."""
    typed = request.form.get(f"{side.value}_default", "").strip()
    return _named(choices, typed) if typed else None


def _named(choices: Sequence[Part], typed: str) -> str:
    """The id of the value of this name, or of this id. Raises Problem."""
    if typed in dict(choices):
        return typed
    folded = typed.casefold()
    found = [id_ for id_, name in choices if name.casefold() == folded]
    if len(found) == 1:
        return found[0]
    many = [f"{name} ({id_})" for id_, name in choices]
    spelled = [id_ for (id_, _name), one in zip(choices, many, strict=True) if one == typed]
    if spelled:
        return spelled[0]
    rule = (
        _(
            "several values are called “%(name)s”; choose one from the list, with its id.",
            name=typed,
        )
        if found
        else _("there is no value “%(name)s”; choose one from the list.", name=typed)
    )
    raise refuse("twin", rule)


def _listed(rows: Sequence[Row], side: Side) -> set[str]:
    return {one.of(side) for one in rows}


def _name(mapping: FieldMapping) -> str:
    names = [field_name(one) for one in (mapping.left, mapping.right)]
    return names[0] if names[0] == names[1] else " / ".join(names)
