"""Transitions of an issue."""

from __future__ import annotations

from typing import Any

from sandbox import editing
from sandbox.auth import Caller
from sandbox.errors import JiraError
from sandbox.model import Issue, JsonDict, Project, Transition
from sandbox.rest import Ctx, route
from sandbox.rest.issues import comment_additions, new_comment
from sandbox.rest.meta import field_meta, view
from sandbox.values import Intake

NOT_VALID = "Transition id '{}' is not valid for this issue."
ILLEGAL = "It seems that you have tried to perform an illegal workflow operation."


@route("GET", "issue/{issueIdOrKey}/transitions")
def transitions(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The moves that lead on from the issue's status, for this caller."""
    issue = ctx.issue(issueIdOrKey)
    project = ctx.site.projects[issue.project_id]
    moves = project.workflow_of(issue.type_id).available(issue.fields["status"])
    if not ctx.caller.user.can_edit:
        moves = []
    if not ctx.flag("includeUnavailableTransitions"):
        moves = [m for m in moves if is_open(ctx.caller, issue, m)]
    if only := ctx.args.get("transitionId"):
        moves = [m for m in moves if m.id == only]
    shown = [_shown(ctx, project, issue, move) for move in moves]
    return {"expand": "transitions", "transitions": shown}


def _shown(ctx: Ctx, project: Project, issue: Issue, move: Transition) -> JsonDict:
    one: JsonDict = {
        "id": move.id,
        "name": move.name,
        "to": view(ctx).status(ctx.site.statuses[move.target]),
        "hasScreen": bool(move.screen),
        "isGlobal": move.sources is None,
        "isInitial": False,
        "isAvailable": is_open(ctx.caller, issue, move),
        "isConditional": bool(move.condition),
        "looped": move.target == issue.fields["status"],
    }
    if "transitions.fields" in ctx.list_arg("expand"):
        one["fields"] = {}
        for name in move.screen:
            meta = field_meta(ctx, project, issue.type_id, ctx.site.fields[name])
            one["fields"][name] = {**meta, "required": name in move.required}
    return one


def is_open(caller: Caller, issue: Issue, move: Transition) -> bool:
    """Whether the move's condition lets this caller make it."""
    match move.condition:
        case "assignee":
            return issue.fields.get("assignee") == caller.user.account_id
        case "admins":
            return caller.user.admin
        case "no-apps":
            return caller.app is None
    return True


def make_move(ctx: Ctx, issue: Issue, asked: JsonDict) -> None:
    """Make a move with what its screen takes, a comment too. Raises JiraError 400."""
    wish = str((asked.get("transition") or {}).get("id", ""))
    if not wish:
        raise JiraError(400, "Missing 'transition' identifier")
    workflow = ctx.site.projects[issue.project_id].workflow_of(issue.type_id)
    if not any(one.id == wish for one in workflow.transitions):
        raise JiraError(400, ILLEGAL)
    moves = workflow.available(issue.fields["status"])
    move = next((m for m in moves if m.id == wish), None)
    if move is None or not is_open(ctx.caller, issue, move):
        raise JiraError(400, NOT_VALID.format(wish))
    update = dict(asked.get("update") or {})
    comments = [comment_additions(ctx, part) for part in update.pop("comment", [])]
    stored = _screened(ctx, issue, move, asked.get("fields") or {}, update)
    _check(ctx, issue, move, stored, comments)
    actor = ctx.caller.user.account_id
    properties = editing.read_properties(asked.get("properties") or [])
    editing.transition(ctx.site, issue, move, stored, actor=actor)
    for body in comments:
        editing.add_comment(ctx.site, issue, new_comment(ctx, issue, body))
    for key, value in properties.items():
        editing.set_property(ctx.site, issue, key, value, actor=actor)


def _screened(
    ctx: Ctx, issue: Issue, move: Transition, fields: JsonDict, update: JsonDict
) -> dict[str, Any]:
    """What is set on the way; only what the move's screen has."""
    wrong = [name for name in (*fields, *update) if name not in move.screen]
    if wrong:
        raise JiraError(400, fields={n: editing.NOT_ON_SCREEN.format(n) for n in wrong})
    both = fields.keys() & update.keys()
    if both:
        text = "Field '{}' cannot be appear in both 'fields' and 'update' in one operation."
        raise JiraError(400, fields={name: text.format(name) for name in both})
    project = ctx.site.projects[issue.project_id]
    intake = Intake(ctx.site, ctx.version, project, issue.fields)
    extra = frozenset(move.screen)
    stored = editing.read_fields(intake, issue.type_id, fields, extra=extra)
    stored.update(editing.fold_updates(intake, issue.type_id, issue.fields, update, extra))
    return stored


def _check(
    ctx: Ctx, issue: Issue, move: Transition, stored: dict[str, Any], comments: list[JsonDict]
) -> None:
    """The validators of a move: what must be filled in, and what it always refuses."""
    faults = {}
    for name in sorted(move.required):
        value = comments if name == "comment" else stored.get(name, issue.fields.get(name))
        if value in (None, "", []):
            faults[name] = f"{ctx.site.fields[name].name} is required."
    if faults:
        raise JiraError(400, fields=faults)
    if move.validator:
        raise JiraError(400, move.validator)


@route("POST", "issue/{issueIdOrKey}/transitions")
def do_transition(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Make a move."""
    make_move(ctx, ctx.editable(issueIdOrKey), ctx.body or {})
    return 204, None
