"""The views of the editor's Projects step."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, render_template, request

from app.mapping.profile import Side
from app.screens.editor_projects import ProjectsStep
from app.tenants.caller import Permission, Proof, accepts


def projects_blueprint(step: ProjectsStep) -> Blueprint:
    """The step's parts and saves, part of the pages."""
    blueprint = Blueprint("editor_projects", __name__)
    editor = step.editor

    @blueprint.post("/drafts/<uuid:draft>/projects")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def save(draft: uuid.UUID) -> Response:
        saved = step.save(editor.open(draft))
        told = next((name for name in request.form if name != "version"), "")
        if told == "name":
            return editor.part(saved, step.name, "editor/projects_name.html", **step.named(saved))
        side = Side.LEFT if told.startswith("left") else Side.RIGHT
        if told.endswith("_filter"):
            said = step.check(saved, side)
            return editor.part(saved, step.name, "editor/projects_counted.html", **said)
        shown = step.side(saved, side) | {"oob_name": True} | step.named(saved)
        return editor.part(saved, step.name, "editor/projects_side.html", **shown)

    @blueprint.get("/drafts/<uuid:draft>/projects/<any(left, right):side>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def show_side(draft: uuid.UUID, side: str) -> str:
        found = editor.open(draft)
        shown = step.side(found, Side(side), fresh="fresh" in request.args)
        return render_template("editor/projects_side.html", draft=found, **shown)

    @blueprint.get("/drafts/<uuid:draft>/projects/<any(left, right):side>/found")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def find(draft: uuid.UUID, side: str) -> str:
        found = editor.open(draft)
        shown = step.found(found, Side(side), request.args.get("query", "")[:255])
        return render_template(
            "editor/projects_found.html", draft=found, only_options=True, **shown
        )

    @blueprint.get("/drafts/<uuid:draft>/projects/<any(left, right):side>/count")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def count(draft: uuid.UUID, side: str) -> str:
        found = editor.open(draft)
        said = step.check(found, Side(side))
        return render_template("editor/projects_count.html", draft=found, **said)

    return blueprint
