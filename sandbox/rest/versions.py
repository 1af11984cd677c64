"""Versions of projects."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from sandbox import keeping
from sandbox.errors import JiraError
from sandbox.field_json import version_in_full
from sandbox.model import JsonDict, Project, Version
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view

NAME_LIMIT = 255
# What a request calls a version's parts, and what they are called here.
PARTS = {
    "description": "description",
    "archived": "archived",
    "released": "released",
    "startDate": "start",
    "releaseDate": "release",
}


def _find(ctx: Ctx, version_id: str) -> Version:
    found = ctx.site.versions.get(version_id)
    if found is None or not ctx.caller.sees(ctx.site.projects[found.project_id]):
        raise JiraError(404, f"Could not find version for id '{version_id}'")
    return found


def _shown(ctx: Ctx, one: Version) -> JsonDict:
    return version_in_full(view(ctx), one)


def _name(ctx: Ctx, project: Project, name: Any, *, but: str = "") -> str:
    """A name that no other version of the project has. Raises JiraError 400."""
    text = name.strip() if isinstance(name, str) else ""
    if not text:
        raise JiraError(400, fields={"name": "You must specify a valid version name"})
    if len(text) > NAME_LIMIT:
        raise JiraError(400, fields={
            "name": "Version name is too long, must be less than or equal to 255 characters."
        })  # fmt: skip
    for other in ctx.site.versions.values():
        same = other.name.casefold() == text.casefold() and other.id != but
        if other.project_id == project.id and same:
            raise JiraError(400, fields={
                "name": "A version with this name already exists in this project."
            })  # fmt: skip
    return text


def _parts(asked: JsonDict) -> JsonDict:
    """What the request says of a version beside its name. Raises JiraError 400."""
    found = {}
    for theirs, ours in PARTS.items():
        if theirs not in asked:
            continue
        value = asked[theirs]
        if theirs.endswith("Date") and value:
            try:
                value = date.fromisoformat(value).isoformat()
            except ValueError:
                raise JiraError(400, fields={theirs: f"'{value}' is not a date."}) from None
        found[ours] = value if value is not None or theirs.endswith("Date") else ""
    return found


@route("GET", "project/{projectIdOrKey}/versions")
def project_versions(ctx: Ctx, projectIdOrKey: str) -> Any:
    """The versions of a project, the archived too."""
    project = ctx.project(projectIdOrKey)
    own = [one for one in ctx.site.versions.values() if one.project_id == project.id]
    return [_shown(ctx, one) for one in own]


@route("GET", "project/{projectIdOrKey}/version")
def version_page(ctx: Ctx, projectIdOrKey: str) -> Any:
    """The same in pages."""
    project = ctx.project(projectIdOrKey)
    query = ctx.args.get("query", "").casefold()
    found = [
        _shown(ctx, one)
        for one in ctx.site.versions.values()
        if one.project_id == project.id
        and (query in one.name.casefold() or query in one.description.casefold())
    ]
    return ctx.page(found, default=50, most=50, path=f"project/{project.key}/version")


@route("POST", "version")
def create_version(ctx: Ctx) -> Any:
    """Make a version; for those who administer the project."""
    asked = ctx.body or {}
    named = asked.get("projectId", asked.get("project"))
    project = keeping.administered(ctx, named)
    name = _name(ctx, project, asked.get("name"))
    one = Version(ctx.site.next_small_id(), project.id, name, **_parts(asked))
    ctx.site.versions[one.id] = one
    return 201, _shown(ctx, one)


@route("GET", "version/{id}")
def get_version(ctx: Ctx, id: str) -> Any:
    """One version."""
    return _shown(ctx, _find(ctx, id))


@route("PUT", "version/{id}")
def edit_version(ctx: Ctx, id: str) -> Any:
    """Rename, release or archive a version; issues keep it."""
    one = _find(ctx, id)
    project = keeping.administered(ctx, one.project_id)
    asked = ctx.body or {}
    if "name" in asked:
        one = replace(one, name=_name(ctx, project, asked["name"], but=one.id))
    one = replace(one, **_parts(asked))
    ctx.site.versions[one.id] = one
    return _shown(ctx, one)


@route("DELETE", "version/{id}")
def delete_version(ctx: Ctx, id: str) -> Any:
    """Delete a version; its issues lose it, or get another one in its place."""
    one = _find(ctx, id)
    keeping.administered(ctx, one.project_id)
    who = ctx.caller.user.account_id
    for field_id, name in (
        ("fixVersions", "moveFixIssuesTo"),
        ("versions", "moveAffectedIssuesTo"),
    ):
        instead = ctx.args.get(name)
        if instead and ctx.site.versions.get(instead, one).project_id != one.project_id:
            raise JiraError(400, f"Could not find version for id '{instead}'")
        keeping.swap(ctx.site, (field_id,), one.id, instead, actor=who)
    kinds = ("version", "versions")
    custom = tuple(f.id for f in ctx.site.fields.values() if f.custom and f.kind in kinds)
    keeping.swap(ctx.site, custom, one.id, None, actor=who)
    del ctx.site.versions[one.id]
    told = {"id": one.id, "name": one.name, "projectId": int(one.project_id)}
    ctx.site.emit("jira:version_deleted", told={"version": told})
    return 204, None
