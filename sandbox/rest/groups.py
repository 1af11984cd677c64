"""Groups, and the security levels of projects."""

from __future__ import annotations

from typing import Any

from sandbox.model import Group, JsonDict
from sandbox.rest import Ctx, route

PICKED = 20


@route("GET", "group/bulk")
def bulk_groups(ctx: Ctx) -> Any:
    """Groups in pages, those of given ids or names when asked."""
    found = list(ctx.site.groups.values())
    if ids := ctx.args.getlist("groupId"):
        found = [one for one in found if one.id in ids]
    if names := ctx.args.getlist("groupName"):
        found = [one for one in found if one.name in names]
    shown = [{"name": one.name, "groupId": one.id} for one in found]
    return ctx.page(shown, default=50, most=10_000, path="group/bulk")


@route("GET", "groups/picker")
def pick_groups(ctx: Ctx) -> Any:
    """Groups whose name has the letters of the query."""
    query = ctx.args.get("query", "").casefold()
    out = {*ctx.args.getlist("exclude"), *ctx.args.getlist("excludeId")}
    found = [
        one
        for one in ctx.site.groups.values()
        if query in one.name.casefold() and not {one.id, one.name} & out
    ]
    cut = found[: ctx.int_arg("maxResults", PICKED, most=1000)]
    header = f"Showing {len(cut)} of {len(found)} matching groups"
    return {"header": header, "total": len(found), "groups": [_picked(one) for one in cut]}


def _picked(one: Group) -> JsonDict:
    return {"name": one.name, "html": one.name, "labels": [], "groupId": one.id}


@route("GET", "project/{projectKeyOrId}/securitylevel")
def security_levels(ctx: Ctx, projectKeyOrId: str) -> Any:
    """The security levels of a project."""
    project = ctx.project(projectKeyOrId)
    levels = [
        {
            "self": ctx.url(f"securitylevel/{level.id}"),
            "id": level.id,
            "description": level.description,
            "name": level.name,
        }
        for level in ctx.site.security_levels.values()
        if level.project_id == project.id
    ]
    return {"levels": levels}
