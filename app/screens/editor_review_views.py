"""The views of the editor's last step."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from app.errors import Problem
from app.screens.editor_meanwhile import meanwhile
from app.screens.editor_review import ReviewStep
from app.screens.pages import wants_json
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing

CHANGED = "changed-meanwhile"


def review_blueprint(step: ReviewStep) -> Blueprint:
    """The views of the step, part of the pages."""
    blueprint = Blueprint("editor_review", __name__)
    editor = step.editor

    @blueprint.get("/drafts/<uuid:draft>/review/sentences")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def said(draft: uuid.UUID) -> Response | str:
        found = step.sentences(editor.open(draft))
        return jsonify(found) if wants_json() else _part("sentences", **found)

    @blueprint.post("/drafts/<uuid:draft>/review/try")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def tried(draft: uuid.UUID) -> Response | str:
        found = step.tried(editor.open(draft), request.form.get("issues", ""))
        return jsonify(found) if wants_json() else _part("tried", plans=found)

    @blueprint.get("/drafts/<uuid:draft>/review/effects")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def effects(draft: uuid.UUID) -> Response | str:
        found = step.effects(editor.open(draft))
        if wants_json():
            seen = found["effects"]
            return jsonify(
                lookedAt=seen.looked_at,
                more=seen.more,
                changed=seen.changed,
                examples=found["examples"],
            )
        return _part("effects", **found)

    @blueprint.get("/drafts/<uuid:draft>/review/load")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def load(draft: uuid.UUID) -> Response | str:
        opened = editor.open(draft)
        found = step.first_load(opened)
        counts = {side.value: number for side, number in found.issues.items()}
        if wants_json():
            return jsonify(issues=counts, calls=found.calls, minutes=found.minutes)
        return _part("load", found=found, counts=counts, own=opened.side.value)

    @blueprint.post("/drafts/<uuid:draft>/finish")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def finish(draft: uuid.UUID) -> Response | str:
        opened = editor.open(draft)
        try:
            words = step.finish(opened)
        except Problem as problem:
            if problem.code != CHANGED or wants_json():
                raise
            shown = meanwhile(editor.vault, opened)
            return _in_place("#review-finish", _part("meanwhile", **shown))
        if wants_json():
            return jsonify(said=words)
        shown = editor.desk.home(current_caller(), current_standing())
        return render_template("views/profiles.html", said=words, **shown)

    @blueprint.post("/drafts/<uuid:draft>/again")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def again(draft: uuid.UUID) -> Response:
        return editor.frame(step.again(editor.open(draft)), "fields")

    return blueprint


def _part(name: str, **shown: Any) -> str:
    return render_template(f"editor/review_{name}.html", **shown)


def _in_place(target: str, words: str) -> Response:
    """An answer that is shown elsewhere than the button that asked says."""
    response = make_response(words)
    response.headers["HX-Retarget"] = target
    response.headers["HX-Reswap"] = "innerHTML"
    return response
