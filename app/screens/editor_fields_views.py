"""The views of the editor's Fields step."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint, Response, render_template, request

from app.errors import NotFound
from app.jira.site import SiteError
from app.language import gettext as _
from app.mapping.drafts import Draft
from app.mapping.profile import Side
from app.screens.editor_fields import FieldsStep
from app.screens.editor_fields_deeds import FieldDeeds
from app.screens.editor_fields_try import Samples, try_transform
from app.screens.forms import refuse
from app.tenants.caller import Permission, Proof, accepts


def fields_blueprint(step: FieldsStep) -> Blueprint:
    """The step's parts and its saves, part of the pages."""
    blueprint = Blueprint("editor_fields", __name__)
    editor, samples, deeds = step.editor, Samples(step), FieldDeeds(step)
    saves: dict[str, Callable[[Draft], Draft]] = {
        "accept": deeds.accept,
        "pair": deeds.pair,
        "row": deeds.change,
        "drop": deeds.drop,
        "constant": deeds.constant,
        "items": deeds.items,
        "lifecycle": deeds.lifecycle,
    }

    @blueprint.get("/drafts/<uuid:draft>/fields/<part>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def part(draft: uuid.UUID, part: str) -> Response | str:
        opened = editor.open(draft)
        if part == "table":
            return editor.part_of(opened, step.name, step.loaded(opened))
        if part == "samples":
            key = request.args.get("key", "").strip().upper()
            return render_template("editor/fields_samples.html", **samples.shown(opened, key))
        if part == "constant":
            return render_template("editor/fields_constant.html", **deeds.constant_form(opened))
        if part == "closed":
            return _closed(step, opened)
        raise NotFound

    @blueprint.post("/drafts/<uuid:draft>/fields/<deed>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def do(draft: uuid.UUID, deed: str) -> Response | str:
        opened = editor.open(draft)
        if deed == "refresh":
            return editor.part_of(opened, step.name, step.loaded(opened, anew=_side()))
        if deed == "try":
            return render_template("editor/fields_result.html", **try_transform(opened))
        if deed not in saves:
            raise NotFound
        return editor.part(saves[deed](opened), step.name)

    return blueprint


def _closed(step: FieldsStep, draft: Draft) -> str:
    try:
        shown = step.closed(draft)
    except SiteError as error:
        shown = {"draft": draft, "sentence": error.detail}
    return render_template("editor/fields_closed.html", **shown)


def _side() -> Side:
    given = request.form.get("side")
    if given not in set(Side):
        raise refuse("side", _("choose left or right."))
    return Side(given)
