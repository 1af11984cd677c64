"""Components of projects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox import keeping
from sandbox.errors import JiraError
from sandbox.model import Component, JsonDict
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view

NAME_LIMIT = 255


def _find(ctx: Ctx, component_id: str) -> Component:
    found = ctx.site.components.get(component_id)
    if found is None or not ctx.caller.sees(ctx.site.projects[found.project_id]):
        raise JiraError(404, f"The component with id {component_id} does not exist.")
    return found


def _shown(ctx: Ctx, one: Component) -> JsonDict:
    look = view(ctx)
    shown: JsonDict = {
        "self": ctx.url(f"component/{one.id}"),
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "assigneeType": "PROJECT_DEFAULT",
        "realAssigneeType": "PROJECT_DEFAULT",
        "isAssigneeTypeValid": False,
        "project": ctx.site.projects[one.project_id].key,
        "projectId": int(one.project_id),
    }
    if lead := look.user(one.lead):
        shown["lead"] = lead
    return shown


def _name(ctx: Ctx, project_id: str, name: Any, *, but: str = "") -> str:
    """A name that no other component of the project has. Raises JiraError 400."""
    text = name.strip() if isinstance(name, str) else ""
    if not text:
        raise JiraError(400, fields={"name": "The component name specified is invalid - cannot be "
                                             "an empty string."})  # fmt: skip
    if len(text) > NAME_LIMIT:
        raise JiraError(400, fields={"name": "The component name must not exceed 255 characters."})
    for other in ctx.site.components.values():
        same = other.name.casefold() == text.casefold() and other.id != but
        if other.project_id == project_id and same:
            raise JiraError(400, fields={
                "name": f"A component with the name {text} already exists in this project."
            })  # fmt: skip
    return text


@route("GET", "project/{projectIdOrKey}/components")
def project_components(ctx: Ctx, projectIdOrKey: str) -> Any:
    """The components of a project."""
    project = ctx.project(projectIdOrKey)
    own = [one for one in ctx.site.components.values() if one.project_id == project.id]
    return [_shown(ctx, one) for one in own]


@route("GET", "project/{projectIdOrKey}/component")
def component_page(ctx: Ctx, projectIdOrKey: str) -> Any:
    """The same in pages, with how many issues each has."""
    project = ctx.project(projectIdOrKey)
    query = ctx.args.get("query", "").casefold()
    found = [
        {**_shown(ctx, one), "issueCount": _count(ctx, one)}
        for one in ctx.site.components.values()
        if one.project_id == project.id
        and (query in one.name.casefold() or query in one.description.casefold())
    ]
    path = f"project/{project.key}/component"
    return ctx.page(found, default=50, most=50, path=path)


def _count(ctx: Ctx, one: Component) -> int:
    issues = ctx.site.issues_of(one.project_id)
    return sum(one.id in (issue.fields.get("components") or ()) for issue in issues)


@route("POST", "component")
def create_component(ctx: Ctx) -> Any:
    """Make a component; for those who administer the project."""
    asked = ctx.body or {}
    project = keeping.administered(ctx, asked.get("project"))
    name = _name(ctx, project.id, asked.get("name"))
    lead = asked.get("leadAccountId")
    if lead is not None and lead not in ctx.site.users:
        raise JiraError(400, fields={"leadAccountId": f"The user {lead} does not exist."})
    text = asked.get("description") or ""
    one = Component(ctx.site.next_small_id(), project.id, name, text, lead)
    ctx.site.components[one.id] = one
    return 201, _shown(ctx, one)


@route("GET", "component/{id}")
def get_component(ctx: Ctx, id: str) -> Any:
    """One component."""
    return _shown(ctx, _find(ctx, id))


@route("PUT", "component/{id}")
def edit_component(ctx: Ctx, id: str) -> Any:
    """Rename or describe a component; issues keep it."""
    one = _find(ctx, id)
    keeping.administered(ctx, one.project_id)
    asked = ctx.body or {}
    if "name" in asked:
        one = replace(one, name=_name(ctx, one.project_id, asked["name"], but=one.id))
    if "description" in asked:
        one = replace(one, description=asked["description"] or "")
    ctx.site.components[one.id] = one
    return _shown(ctx, one)


@route("DELETE", "component/{id}")
def delete_component(ctx: Ctx, id: str) -> Any:
    """Delete a component; its issues lose it, or get another one."""
    one = _find(ctx, id)
    keeping.administered(ctx, one.project_id)
    instead = ctx.args.get("moveIssuesTo")
    if instead and ctx.site.components.get(instead, one).project_id != one.project_id:
        raise JiraError(404, f"The component with id {instead} does not exist.")
    who = ctx.caller.user.account_id
    keeping.swap(ctx.site, ("components",), one.id, instead, actor=who)
    del ctx.site.components[one.id]
    return 204, None
