"""What a site consists of: server, projects, types, fields, priorities, statuses, labels."""

from __future__ import annotations

from typing import Any

from sandbox.errors import JiraError
from sandbox.field_json import component_of, version_in_full
from sandbox.model import FieldDef, JsonDict, Project
from sandbox.render import View, jira_time
from sandbox.rest import Ctx, route
from sandbox.values import SEVERAL
from sandbox.workflows import statuses_of

OPERATIONS = {
    **{kind: ["add", "set", "remove"] for kind in SEVERAL},
    "timetracking": ["set", "edit"],
    "opaque": [],
}


def view(ctx: Ctx) -> View:
    """The caller's view of the site."""
    found = View(ctx.site, ctx.version, ctx.caller.user.time_zone)
    found.reader = ctx.caller.user.account_id
    found.sees = lambda issue: ctx.caller.sees_issue(ctx.site, issue)
    return found


@route("GET", "serverInfo", anonymous=True)
def server_info(ctx: Ctx) -> Any:
    """What and when the server is."""
    site = ctx.site
    return {
        "baseUrl": site.base_url,
        "displayUrl": site.base_url,
        "version": "1001.0.0-SNAPSHOT",
        "versionNumbers": [1001, 0, 0],
        "deploymentType": "Cloud",
        "buildNumber": 100285,
        "buildDate": "2026-01-05T08:27:53.000+0000",
        "serverTime": jira_time(site.now_ms(), site.time_zone),
        "scmInfo": "0" * 40,
        "serverTitle": site.title,
        "serverTimeZone": site.time_zone,
    }


def _project(ctx: Ctx, project: Project, *, full: bool) -> JsonDict:
    look = view(ctx)
    shown = {
        "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
        **look.project(project),
        "style": "classic",
        "isPrivate": False,
        "properties": {},
        "entityId": project.uuid,
        "uuid": project.uuid,
    }
    del shown["entityId"]
    expand = ctx.list_arg("expand")
    if full or "lead" in expand:
        shown["lead"] = look.user(project.lead)
    if full or "issueTypes" in expand:
        kinds = (ctx.site.issue_types[t] for t in project.issue_types)
        shown["issueTypes"] = [look.issue_type(kind) for kind in kinds]
    if full:
        own = [c for c in ctx.site.components.values() if c.project_id == project.id]
        versions = [v for v in ctx.site.versions.values() if v.project_id == project.id]
        shown.update(description="", roles={}, assigneeType="UNASSIGNED")
        shown["components"] = [component_of(look, one) for one in own]
        shown["versions"] = [version_in_full(look, one) for one in versions]
    return shown


@route("GET", "project/search", per_object=lambda page: 1 + len((page or {}).get("values", [])))
def search_projects(ctx: Ctx) -> Any:
    """The projects the caller sees, in pages."""
    found = [p for p in ctx.site.projects.values() if ctx.caller.sees(p)]
    if query := ctx.args.get("query", "").casefold():
        found = [p for p in found if query in p.name.casefold() or query in p.key.casefold()]
    if keys := ctx.list_arg("keys"):
        found = [p for p in found if p.key in keys]
    if ids := ctx.list_arg("id"):
        found = [p for p in found if p.id in ids]
    order = ctx.args.get("orderBy", "key")
    found.sort(key=lambda p: p.name if "name" in order else p.key, reverse=order[0] == "-")
    shown = [_project(ctx, p, full=False) for p in found]
    return ctx.page(shown, default=50, most=100, path="project/search")


@route("GET", "project/{projectIdOrKey}")
def get_project(ctx: Ctx, projectIdOrKey: str) -> Any:
    """One project."""
    return _project(ctx, ctx.project(projectIdOrKey), full=True)


@route("GET", "project/{projectIdOrKey}/statuses")
def project_statuses(ctx: Ctx, projectIdOrKey: str) -> Any:
    """The statuses of each issue type of a project."""
    project = ctx.project(projectIdOrKey)
    look = view(ctx)
    shown = []
    for type_id in project.issue_types:
        kind = ctx.site.issue_types[type_id]
        workflow = project.workflow_of(type_id)
        statuses = [look.status(s) for s in statuses_of(ctx.site, workflow)]
        shown.append({
            "self": ctx.url(f"issuetype/{kind.id}"),
            "id": kind.id,
            "name": kind.name,
            "subtask": kind.subtask,
            "statuses": statuses,
        })  # fmt: skip
    return shown


@route("GET", "issuetype/project")
def project_types(ctx: Ctx) -> Any:
    """The issue types of one project."""
    project = ctx.project(ctx.args["projectId"])
    kinds = [ctx.site.issue_types[t] for t in project.issue_types]
    if "level" in ctx.args:
        kinds = [k for k in kinds if str(k.level) == ctx.args["level"]]
    return [view(ctx).issue_type(k) for k in kinds]


@route("GET", "issuetype")
def all_types(ctx: Ctx) -> Any:
    """Every issue type of the site."""
    return [view(ctx).issue_type(k) for k in ctx.site.issue_types.values()]


def _slice(ctx: Ctx, values: list[JsonDict], name: str) -> JsonDict:
    start, size = ctx.int_arg("startAt", 0), ctx.int_arg("maxResults", 50, most=200)
    cut = values[start : start + size]
    return {"startAt": start, "maxResults": size, "total": len(values), name: cut}


@route("GET", "issue/createmeta/{projectIdOrKey}/issuetypes")
def create_types(ctx: Ctx, projectIdOrKey: str) -> Any:
    """The types in which the caller may create issues in a project."""
    project = ctx.project(projectIdOrKey)
    look = view(ctx)
    shown = []
    for type_id in project.issue_types:
        kind = look.issue_type(ctx.site.issue_types[type_id])
        kind.pop("avatarId")
        shown.append(kind)
    return _slice(ctx, shown, "issueTypes")


@route("GET", "issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}")
def create_fields(ctx: Ctx, projectIdOrKey: str, issueTypeId: str) -> Any:
    """The fields of the create screen of a type."""
    project = ctx.project(projectIdOrKey)
    if issueTypeId not in project.issue_types:
        raise JiraError(404, "Issue type does not exist or is not of this project.")
    shown = []
    for field_id in project.screens[issueTypeId]:
        meta = field_meta(ctx, project, issueTypeId, ctx.site.fields[field_id])
        shown.append({**meta, "fieldId": field_id})
    return _slice(ctx, shown, "fields")


def field_meta(ctx: Ctx, project: Project, type_id: str, field: FieldDef) -> JsonDict:
    """How create and edit metadata describe one field."""
    meta: JsonDict = {
        "required": field.id in project.required[type_id],
        "schema": field.schema,
        "name": field.name,
        "key": field.id,
        "hasDefaultValue": field.kind == "priority",
        "operations": OPERATIONS.get(field.kind, ["set"]),
    }
    look = view(ctx)
    allowed = look.allowed_value(field, project)
    if allowed is not None:
        meta["allowedValues"] = allowed
    if field.kind == "priority":
        default = ctx.site.priorities[ctx.site.default_priority]
        meta["defaultValue"] = look.priority(default)
    if field.kind in SUGGESTED:
        meta["autoCompleteUrl"] = _suggestions(ctx, field, project)
    return meta


SUGGESTED = frozenset({"labels", "user", "users", "group", "groups", "organizations"})


def _suggestions(ctx: Ctx, field: FieldDef, project: Project) -> str:
    """Where a form asks for what people, groups or labels begin with some letters."""
    older = f"{ctx.site.base_url}/rest/api/1.0"
    if field.kind == "labels":
        own = f"customFieldId={field.schema['customId']}&" if field.custom else ""
        return f"{older}/labels/suggest?{own}query="
    if field.kind in ("group", "groups"):
        return ctx.url("groups/picker?query=")
    if field.kind == "organizations":
        desk = f"{ctx.site.base_url}/rest/servicedesk/1"
        return f"{desk}/organisations/project/{project.id}/search?query="
    if field.kind == "user":
        return ctx.url("user/assignable/search?query=")
    return f"{older}/users/picker?fieldName={field.id}&showAvatar=true&query="


@route("GET", "field")
def fields(ctx: Ctx) -> Any:
    """Every field of the site."""
    return [
        {
            "id": f.id,
            "key": f.id,
            "name": f.name,
            "custom": f.custom,
            "orderable": True,
            "navigable": f.id != "comment",
            "searchable": f.searchable,
            "clauseNames": list(f.clause_names),
            "schema": f.schema,
        }
        for f in ctx.site.fields.values()
    ]


@route("GET", "priority")
def priorities(ctx: Ctx) -> Any:
    """Every priority of the site."""
    return [_priority(ctx, p) for p in ctx.site.priorities]


def _priority(ctx: Ctx, priority_id: str) -> JsonDict:
    priority = ctx.site.priorities[priority_id]
    shown = view(ctx).priority(priority)
    return {**shown, "statusColor": priority.color, "description": ""}


@route("GET", "priority/search", per_object=lambda page: 1 + len((page or {}).get("values", [])))
def search_priorities(ctx: Ctx) -> Any:
    """Priorities in pages, those of given projects when asked."""
    found = list(ctx.site.priorities.values())
    if projects := ctx.list_arg("projectId"):
        keys = {p.key for p in ctx.site.projects.values() if p.id in projects}
        found = [p for p in found if p.projects is None or p.projects & keys]
    if ids := ctx.list_arg("id"):
        found = [p for p in found if p.id in ids]
    if ctx.flag("onlyDefault"):
        found = [p for p in found if p.id == ctx.site.default_priority]
    shown = [
        {**_priority(ctx, p.id), "isDefault": p.id == ctx.site.default_priority} for p in found
    ]
    return ctx.page(shown, default=50, most=1000, path="priority/search")


@route("GET", "status")
def statuses(ctx: Ctx) -> Any:
    """Every status of the site."""
    return [view(ctx).status(s) for s in ctx.site.statuses.values()]


@route("GET", "resolution")
def resolutions(ctx: Ctx) -> Any:
    """Every resolution of the site."""
    return [view(ctx).resolution(r) for r in ctx.site.resolutions]


@route("GET", "label")
def labels(ctx: Ctx) -> Any:
    """Every label in use, in pages."""
    return ctx.page(ctx.site.labels(), default=1000, most=1000, path="label")
