"""Single values of fields by their ids: options, priorities, statuses, resolutions, security
levels; of Jira Software and Jira Service Management sprints, organizations and request types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sandbox.desks import has_desk, organization
from sandbox.errors import JiraError
from sandbox.model import JsonDict, Option
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view

T = TypeVar("T")


def _of(found: Mapping[Any, T], id_: object, what: str) -> T:
    if id_ not in found:
        raise JiraError(404, f"The {what} with id '{id_}' does not exist.")
    return found[id_]


@route("GET", "customFieldOption/{id}")
def option(ctx: Ctx, id: str) -> Any:
    """An option of any select, switched off or not."""
    known: dict[str, Option] = {}
    for field in ctx.site.fields.values():
        for one in field.options:
            known |= {each.id: each for each in (one, *one.children)}
    found = _of(known, id, "option")
    return {"self": ctx.url(f"customFieldOption/{found.id}"), "value": found.value}


@route("GET", "priority/{id}")
def priority(ctx: Ctx, id: str) -> Any:
    """A priority."""
    found = _of(ctx.site.priorities, id, "priority")
    return {**view(ctx).priority(found), "statusColor": found.color, "description": ""}


@route("GET", "status/{idOrName}")
def status(ctx: Ctx, idOrName: str) -> Any:
    """A status."""
    named = {one.name: one for one in ctx.site.statuses.values()}
    return view(ctx).status(_of({**named, **ctx.site.statuses}, idOrName, "status"))


@route("GET", "resolution/{id}")
def resolution(ctx: Ctx, id: str) -> Any:
    """A resolution."""
    _of(ctx.site.resolutions, id, "resolution")
    return view(ctx).resolution(id)


@route("GET", "securitylevel/{id}")
def security_level(ctx: Ctx, id: str) -> Any:
    """A level of some project's security scheme."""
    found = _of(ctx.site.security_levels, id, "security level")
    shown: JsonDict = {"self": ctx.url(f"securitylevel/{id}"), "id": found.id}
    return {**shown, "name": found.name, "description": found.description}


@route("GET", "/rest/agile/1.0/sprint/{sprintId}", plain=True)
def sprint(ctx: Ctx, sprintId: str) -> Any:
    """A sprint of some board."""
    number = int(sprintId) if sprintId.isdecimal() else -1
    found = _of(ctx.site.sprints, number, "sprint")
    url = f"{ctx.site.base_url}/rest/agile/1.0/sprint/{found.id}"
    shown: JsonDict = {"id": found.id, "self": url, "state": found.state, "name": found.name}
    return {**shown, "originBoardId": found.board_id}


@route("GET", "/rest/servicedeskapi/organization/{organizationId}", plain=True)
def one_organization(ctx: Ctx, organizationId: str) -> Any:
    """An organization of customers."""
    return organization(view(ctx), _of(ctx.site.organizations, organizationId, "organization"))


@route(
    "GET",
    "/rest/servicedeskapi/servicedesk/{serviceDeskId}/requesttype/{requestTypeId}",
    plain=True,
)
def request_type(ctx: Ctx, serviceDeskId: str, requestTypeId: str) -> Any:
    """A request type of a service desk, which is named by its project."""
    project = ctx.site.project(serviceDeskId)
    if project is None or not has_desk(project):
        raise JiraError(404, "The service desk does not exist.")
    own = {one.id: one for one in ctx.site.request_types.values() if one.project_id == project.id}
    found = _of(own, requestTypeId, "request type")
    return {"id": found.id, "name": found.name, "issueTypeId": found.type_id}
