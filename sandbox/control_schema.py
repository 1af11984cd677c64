"""The control API over what a site's admins change of its fields and issue types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.errors import JiraError
from sandbox.model import FieldDef, IssueType, JsonDict, Option
from sandbox.site import Site

Body = Callable[..., Any]


def add_schema(blue: Blueprint, site: Site, body: Body) -> None:
    """Add the calls to a site's control API; `body` reads the request's JSON."""

    @blue.post("/fields")
    def make_field() -> Response:
        asked = body()
        with site.lock:
            return jsonify(shown(make(site, asked)))

    @blue.put("/fields")
    def edit_field() -> Response:
        asked = body()
        with site.lock:
            return jsonify(shown(edit(site, asked)))

    @blue.delete("/fields/<field_id>")
    def drop_field(field_id: str) -> Response:
        with site.lock:
            drop(site, custom(site, field_id))
        return jsonify([])

    @blue.delete("/issuetypes/<named>")
    def drop_type(named: str) -> Response:
        with site.lock:
            drop_issue_type(site, named)
        return jsonify([])


def custom(site: Site, field_id: Any) -> FieldDef:
    """A custom field. Raises JiraError 400."""
    found = site.fields.get(str(field_id))
    if found is None or not found.custom:
        raise JiraError(400, f"field: '{field_id}' is no custom field of this site")
    return found


def make(site: Site, asked: JsonDict) -> FieldDef:
    """Make a field of the type of another, with options of its own, on the same screens. Raises
    JiraError 400."""
    like, name = custom(site, asked.get("like")), _name(asked)
    options = tuple(_anew(site, one) for one in like.options)
    field_id = f"customfield_9{site.next_small_id()}"
    made = replace(like, id=field_id, name=name, options=options, clause_names=(name,))
    made = replace(made, schema={**like.schema, "customId": int(field_id.rpartition("_")[2])})
    site.fields[field_id] = made
    for project in list(site.projects.values()):
        screens = {
            kind: (*screen, field_id) if like.id in screen else screen
            for kind, screen in project.screens.items()
        }
        site.projects[project.id] = replace(project, screens=screens)
    return made


def edit(site: Site, asked: JsonDict) -> FieldDef:
    """Rename a field, or give it the type of another one, by which the issues lose its values.
    Raises JiraError 400."""
    field = custom(site, asked.get("field"))
    if "name" in asked:
        field = replace(field, name=_name(asked))
    if "like" in asked:
        like = custom(site, asked["like"])
        schema = {**like.schema, "customId": int(field.id.rpartition("_")[2])}
        options = tuple(_anew(site, one) for one in like.options)
        field = replace(field, kind=like.kind, schema=schema, options=options)
        _empty(site, field.id)
    site.fields[field.id] = field
    return field


def drop(site: Site, field: FieldDef) -> None:
    """Delete a field; as in Jira the issues lose it, and no history tells."""
    _empty(site, field.id)
    del site.fields[field.id]
    for project in list(site.projects.values()):
        screens = {
            kind: tuple(one for one in screen if one != field.id)
            for kind, screen in project.screens.items()
        }
        site.projects[project.id] = replace(project, screens=screens)


def drop_issue_type(site: Site, named: str) -> None:
    """Delete an issue type that no issue has: of others Jira asks what they are to become. Raises
    JiraError 400."""
    kind = _type(site, named)
    if any(issue.type_id == kind.id for issue in site.issues.values()):
        raise JiraError(400, f"issuetype: issues of this site are of the type '{kind.name}'")
    for project in list(site.projects.values()):
        left = tuple(one for one in project.issue_types if one != kind.id)
        site.projects[project.id] = replace(project, issue_types=left)
    site.emit("issuetype_deleted", told={"issuetype": {"id": kind.id, "name": kind.name}})


def _type(site: Site, named: str) -> IssueType:
    used = {one for project in site.projects.values() for one in project.issue_types}
    for kind in site.issue_types.values():
        if kind.id in used and named in (kind.id, kind.name):
            return kind
    raise JiraError(400, f"issuetype: '{named}' is no type of this site")


def _anew(site: Site, option: Option) -> Option:
    children = tuple(_anew(site, one) for one in option.children)
    return Option(f"9{site.next_small_id()}", option.value, children=children)


def _empty(site: Site, field_id: str) -> None:
    for issue in site.issues.values():
        if issue.fields.get(field_id) is not None:
            issue.fields = {one: v for one, v in issue.fields.items() if one != field_id}
            site.touch_index(issue.id)


def _name(asked: JsonDict) -> str:
    name = asked.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 255:
        raise JiraError(400, "name: must be a text of 1 to 255 characters")
    return name


def shown(field: FieldDef) -> JsonDict:
    """A field as these calls tell it."""
    options = [{"id": one.id, "value": one.value} for one in field.options]
    return {"id": field.id, "name": field.name, "kind": field.kind, "options": options}
