"""The views of the editor's frame."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from app.mapping import drafts
from app.screens.editor import Editor
from app.screens.pages import wants_json
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing


def editor_blueprint(editor: Editor) -> Blueprint:
    """The frame's views, part of the pages."""
    blueprint = Blueprint("editor", __name__)

    @blueprint.app_context_processor
    def drafts_of_the_list() -> dict[str, Any]:
        """For the list of profiles, which shows them at once: loaded later, they would push the
        list down while it is read."""
        return {"my_drafts": editor.mine}

    @blueprint.get("/drafts")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def list_drafts() -> Response:
        return jsonify([{"id": str(one["id"]), "name": one["title"]} for one in editor.mine()])

    @blueprint.post("/drafts")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def begin() -> Response:
        draft = editor.begin()
        if wants_json():
            return jsonify(draft=str(draft.id), version=draft.version)
        return editor.frame(draft, editor.first(draft))

    @blueprint.get("/drafts/<uuid:draft>/<step>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def show(draft: uuid.UUID, step: str) -> Response:
        return editor.frame(editor.open(draft), step)

    @blueprint.post("/drafts/<uuid:draft>/drop")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def drop(draft: uuid.UUID) -> Response | str:
        drafts.drop(current_caller(), draft)
        if wants_json():
            return jsonify(dropped=str(draft))
        shown = editor.desk.home(current_caller(), current_standing())
        return render_template("views/profiles.html", **shown)

    return blueprint
