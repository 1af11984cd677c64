"""Transitions of an issue."""

from __future__ import annotations

from typing import Any

from sandbox import editing
from sandbox.errors import JiraError
from sandbox.model import JsonDict
from sandbox.rest import Ctx, route
from sandbox.rest.issues import comment_additions, new_comment
from sandbox.rest.meta import field_meta, view
from sandbox.values import Intake

SCREEN = frozenset({"resolution"})


@route("GET", "issue/{issueIdOrKey}/transitions")
def transitions(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The moves that lead on from the issue's status, for this caller."""
    issue = ctx.issue(issueIdOrKey)
    project = ctx.site.projects[issue.project_id]
    moves = project.workflow.available(issue.fields["status"])
    if not ctx.caller.user.can_edit:
        moves = []
    if only := ctx.args.get("transitionId"):
        moves = [m for m in moves if m.id == only]
    look = view(ctx)
    shown = []
    for move in moves:
        one: JsonDict = {
            "id": move.id,
            "name": move.name,
            "to": look.status(ctx.site.statuses[move.target]),
            "hasScreen": move.has_screen,
            "isGlobal": False,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
            "looped": False,
        }
        if "transitions.fields" in ctx.list_arg("expand"):
            one["fields"] = {}
            if move.has_screen:
                field = ctx.site.fields["resolution"]
                meta = field_meta(ctx, project, issue.type_id, field)
                one["fields"]["resolution"] = {**meta, "required": True}
        shown.append(one)
    return {"expand": "transitions", "transitions": shown}


@route("POST", "issue/{issueIdOrKey}/transitions")
def do_transition(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Make a move; the resolution may be set on the way to Done, nothing else."""
    issue = ctx.editable(issueIdOrKey)
    asked = ctx.body or {}
    wish = str((asked.get("transition") or {}).get("id", ""))
    if not wish:
        raise JiraError(400, "Missing 'transition' identifier")
    project = ctx.site.projects[issue.project_id]
    moves = project.workflow.available(issue.fields["status"])
    move = next((m for m in moves if m.id == wish), None)
    if move is None:
        raise JiraError(400, f"Transition id '{wish}' is not valid for this issue.")
    allowed = SCREEN if move.has_screen else frozenset()
    update = dict(asked.get("update") or {})
    comments = [comment_additions(ctx, part) for part in update.pop("comment", [])]
    given = {**(asked.get("fields") or {}), **update}
    wrong = [name for name in given if name not in allowed]
    if wrong:
        raise JiraError(400, fields={n: editing.NOT_ON_SCREEN.format(n) for n in wrong})
    intake = Intake(ctx.site, ctx.version, project)
    stored = editing.read_fields(intake, issue.type_id, asked.get("fields") or {}, extra=SCREEN)
    stored.update(editing.fold_updates(intake, issue.type_id, issue.fields, update, SCREEN))
    properties = editing.read_properties(asked.get("properties") or [])
    actor = ctx.caller.user.account_id
    editing.transition(ctx.site, issue, move, stored, actor=actor)
    for body in comments:
        editing.add_comment(ctx.site, issue, new_comment(ctx, issue, body))
    for key, value in properties.items():
        editing.set_property(ctx.site, issue, key, value, actor=actor)
    return 204, None
