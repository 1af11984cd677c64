"""Issues: create, read, edit, delete, singly and in bulk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox import editing, linking
from sandbox.errors import JiraError
from sandbox.model import Comment, Issue, JsonDict
from sandbox.rest import Ctx, route
from sandbox.rest.meta import field_meta, view
from sandbox.values import FieldFault, Intake, rich_in

BULK_CREATE_LIMIT = 50
BULK_FETCH_LIMIT = 100
IDENTITY = ("project", "issuetype")


def wanted_fields(ctx: Ctx, names: list[str], *, default: str) -> list[str]:
    """Resolve a `fields` selection with *all, *navigable and -exclusions; unknown ones vanish."""
    every = ctx.site.fields
    chosen: dict[str, None] = {}
    if not names or all(n.startswith("-") for n in names):
        names = [default, *names]
    for name in names:
        if name == "*all":
            chosen.update(dict.fromkeys(every))
        elif name == "*navigable":
            chosen.update(dict.fromkeys(n for n in every if n != "comment"))
        elif name.startswith("-"):
            chosen.pop(name[1:], None)
        elif name in every:
            chosen[name] = None
    return list(chosen)


def _create_one(ctx: Ctx, asked: JsonDict, *, secondary: bool = False) -> JsonDict:
    fields = dict(asked.get("fields") or {})
    named = fields.pop("project", None) or {}
    project = ctx.site.project(str(named.get("id") or named.get("key") or ""))
    if project is None or not ctx.caller.sees(project):
        raise JiraError(400, fields={"project": "valid project is required"})
    if not ctx.caller.user.can_edit:
        raise JiraError(400, "You do not have permission to create issues in this project.")
    type_id = _type_id(ctx, project.issue_types, fields.pop("issuetype", None) or {})
    ctx.world.refusals[ctx.site.name].check(ctx, "create", project.key, None, fields)
    intake = Intake(ctx.site, ctx.version, project, type_id=type_id)
    stored = editing.read_fields(intake, type_id, fields)
    stored.update(editing.fold_updates(intake, type_id, stored, asked.get("update") or {}))
    faults = {}
    for field_id in project.required[type_id] - set(IDENTITY):
        if stored.get(field_id) in (None, "", []):
            name = ctx.site.fields[field_id].name
            faults[field_id] = f"{name} is required."
            if field_id == "summary":
                faults[field_id] = "You must specify a summary of the issue."
    if faults:
        raise JiraError(400, fields=faults)
    linking.check_parent(ctx.site, project, type_id, stored.get("parent"), None)
    properties = editing.read_properties(asked.get("properties") or [])
    actor = ctx.caller.user.account_id
    issue = editing.create(
        ctx.site, project, type_id, stored, properties, actor=actor, secondary=secondary
    )
    shown: JsonDict = {"id": issue.id, "key": issue.key, "self": ctx.url(f"issue/{issue.id}")}
    if wish := asked.get("transition"):
        shown["transition"] = _move_at_birth(ctx, issue, wish)
    return shown


def _type_id(ctx: Ctx, allowed: Iterable[str], named: JsonDict) -> str:
    for type_id in allowed:
        if type_id == str(named.get("id", "")) or (
            ctx.site.issue_types[type_id].name == named.get("name")
        ):
            return type_id
    raise JiraError(400, fields={"issuetype": "Specify a valid issue type"})


def _move_at_birth(ctx: Ctx, issue: Issue, wish: JsonDict) -> JsonDict:
    from sandbox.rest.workflow import make_move

    try:
        make_move(ctx, issue, {"transition": wish})
    except JiraError as error:
        return {"status": error.status, "errorCollection": error.to_json()}
    return {"status": 200, "errorCollection": {"errorMessages": [], "errors": {}}}


@route("POST", "issue")
def create_issue(ctx: Ctx) -> Any:
    """Create one issue."""
    return 201, _create_one(ctx, ctx.body or {})


@route("POST", "issue/bulk", per_object=lambda body: max(1, len((body or {}).get("issues", []))))
def create_issues(ctx: Ctx) -> Any:
    """Create up to 50 issues; those that fail are reported beside those made."""
    asked = (ctx.body or {}).get("issueUpdates", [])
    if len(asked) > BULK_CREATE_LIMIT:
        raise JiraError(400, "The number of issues exceeds the limit of 50.")
    issues: list[JsonDict] = []
    errors: list[JsonDict] = []
    for number, part in enumerate(asked):
        try:
            issues.append(_create_one(ctx, part, secondary=len(asked) > 1))
        except JiraError as error:
            fault = {"errorMessages": error.messages, "errors": error.fields}
            errors.append(
                {"status": error.status, "elementErrors": fault, "failedElementNumber": number}
            )
    return 400 if errors and not issues else 201, {"issues": issues, "errors": errors}


@route("GET", "issue/{issueIdOrKey}")
def get_issue(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Read one issue."""
    issue = ctx.issue(issueIdOrKey)
    return view(ctx).issue(
        issue,
        wanted=wanted_fields(ctx, ctx.list_arg("fields"), default="*all"),
        properties=ctx.list_arg("properties"),
        expand=ctx.list_arg("expand"),
    )


@route("PUT", "issue/{issueIdOrKey}")
def edit_issue(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Edit one issue by `fields`, `update` verbs and `properties`: all of it or nothing."""
    issue = ctx.editable(issueIdOrKey)
    asked = dict(ctx.body or {})
    fields, update = dict(asked.get("fields") or {}), dict(asked.get("update") or {})
    if not (fields or update or asked.get("properties")):
        raise JiraError(400, "one of 'fields' or 'update' required")
    both = fields.keys() & update.keys()
    if both:
        text = "Field '{}' cannot be appear in both 'fields' and 'update' in one operation."
        raise JiraError(400, fields={name: text.format(name) for name in both})
    comments = [comment_additions(ctx, part) for part in update.pop("comment", [])]
    project = ctx.site.projects[issue.project_id]
    _allow_same_identity(issue, fields)
    ctx.world.refusals[ctx.site.name].check(ctx, "edit", project.key, issue.key, fields)
    intake = Intake(ctx.site, ctx.version, project, issue.fields, issue.type_id)
    stored = editing.read_fields(intake, issue.type_id, fields)
    stored.update(editing.fold_updates(intake, issue.type_id, issue.fields, update))
    _keep_required(ctx, issue, stored)
    linking.check_parent(ctx.site, project, issue.type_id, stored.get("parent"), issue.id)
    properties = editing.read_properties(asked.get("properties") or [])
    actor = ctx.caller.user.account_id
    editing.change(ctx.site, issue, stored, actor=actor)
    for body in comments:
        editing.add_comment(ctx.site, issue, new_comment(ctx, issue, body))
    for key, value in properties.items():
        editing.set_property(ctx.site, issue, key, value, actor=actor)
    if ctx.flag("returnIssue"):
        wanted = wanted_fields(ctx, [], default="*all")
        return 200, view(ctx).issue(issue, wanted=wanted, expand=ctx.list_arg("expand"))
    return 204, None


def _allow_same_identity(issue: Issue, fields: JsonDict) -> None:
    """Project and type may be sent as they are; moving is not an edit."""
    for name, present in (("project", issue.project_id), ("issuetype", issue.type_id)):
        given = fields.get(name)
        if given is None:
            continue
        if isinstance(given, dict) and str(given.get("id")) == present:
            del fields[name]
        elif name == "issuetype":
            message = "The issue type selected is invalid."
            raise JiraError(400, fields={name: message})


def _keep_required(ctx: Ctx, issue: Issue, stored: dict[str, Any]) -> None:
    project = ctx.site.projects[issue.project_id]
    faults = {
        name: f"{ctx.site.fields[name].name} is required."
        for name in project.required[issue.type_id]
        if name in stored and stored[name] in (None, "", [])
    }
    if faults:
        raise JiraError(400, fields=faults)


def comment_additions(ctx: Ctx, part: JsonDict) -> JsonDict:
    if "add" not in part:
        raise JiraError(400, fields={"comment": "only the operation 'add' is supported here"})
    return comment_text(ctx, part["add"].get("body"))


def comment_text(ctx: Ctx, body: Any) -> JsonDict:
    """Check a comment's body. Raises JiraError 400."""
    try:
        found = rich_in(ctx.version, body) if body is not None else None
    except FieldFault as fault:
        raise JiraError(400, fields={"comment": str(fault)}) from None
    if found is None:
        raise JiraError(400, fields={"comment": "Comment body can not be empty!"})
    return found


def new_comment(ctx: Ctx, issue: Issue, body: JsonDict) -> Comment:
    """A comment by the caller, now."""
    now = ctx.site.tick(issue)
    who = ctx.caller.user.account_id
    return Comment(ctx.site.next_small_id(), who, who, body, now, now)


@route("DELETE", "issue/{issueIdOrKey}")
def delete_issue(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Delete an issue, with its sub-tasks when asked."""
    issue = ctx.editable(issueIdOrKey)
    children = ctx.site.subtasks_of(issue.id)
    if children and not ctx.flag("deleteSubtasks"):
        raise JiraError(
            400,
            f"The issue '{issue.key}' has subtasks.  You must specify the 'deleteSubtasks' "
            "parameter to delete this issue and all its subtasks.",
        )
    for one in (*children, issue):
        editing.delete(ctx.site, one, actor=ctx.caller.user.account_id)
    return 204, None


@route("GET", "issue/{issueIdOrKey}/editmeta")
def edit_meta(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The fields the caller may edit now."""
    return _edit_meta(ctx, ctx.issue(issueIdOrKey))


def _edit_meta(ctx: Ctx, issue: Issue) -> JsonDict:
    project = ctx.site.projects[issue.project_id]
    if not ctx.caller.user.can_edit:
        return {"fields": {}}
    shown = {}
    for field_id in project.screens[issue.type_id]:
        if field_id not in IDENTITY:
            field = ctx.site.fields[field_id]
            meta = field_meta(ctx, project, issue.type_id, field)
            for only_create in ("hasDefaultValue", "defaultValue"):
                meta.pop(only_create, None)
            shown[field_id] = meta
    return {"fields": shown}


@route(
    "POST",
    "issue/bulkfetch",
    per_object=lambda body: 1 + len((body or {}).get("issues", [])),
)
def bulk_fetch(ctx: Ctx) -> Any:
    """Read up to 100 issues at once, in ascending order of id."""
    asked = ctx.body or {}
    names = asked["issueIdsOrKeys"]
    if not names:
        raise JiraError(400, "The issueIdsOrKeys list must not be empty.")
    if len(names) > BULK_FETCH_LIMIT:
        raise JiraError(400, "The number of issues exceeds the limit of 100.")
    found: dict[str, Issue] = {}
    errors = []
    for name in names:
        issue = ctx.site.issue(name)
        if issue is None or not ctx.caller.sees_issue(ctx.site, issue):
            errors.append({
                "id": name,
                "errorMessage": "Issue does not exist or you do not have permission to see it.",
            })  # fmt: skip
        else:
            found[issue.id] = issue
    look = view(ctx)
    wanted = wanted_fields(ctx, asked.get("fields") or [], default="*navigable")
    shown = [
        look.issue(
            issue,
            wanted=wanted,
            properties=asked.get("properties") or (),
            expand=asked.get("expand") or (),
        )
        for issue in sorted(found.values(), key=lambda i: int(i.id))
    ]
    if "editmeta" in (asked.get("expand") or ()):
        for one in shown:
            one["editmeta"] = _edit_meta(ctx, found[one["id"]])
    return {"issues": shown, "issueErrors": errors}
