"""How the values of most kinds of fields read in JSON, and which values metadata offer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox import desks
from sandbox.model import Component, FieldDef, Issue, JsonDict, Option, Project, Version
from sandbox.spans import span_text

if TYPE_CHECKING:
    from sandbox.render import View

ESTIMATES = (
    ("originalEstimate", "timeoriginalestimate"),
    ("remainingEstimate", "timeestimate"),
    ("timeSpent", "timespent"),
)


def shown(view: View, issue: Issue, field: FieldDef, stored: Any) -> Any:
    """The value of one field of an issue; what has no form of its own is as stored."""
    if field.kind == "timetracking":
        return _tracking(issue)
    if field.kind == "sla":
        return desks.sla(view, issue, field)
    if field.kind == "requesttype":
        return desks.request(view, issue, stored)
    if field.kind in ("components", "versions") and not field.custom:
        stored = stored or []
    writer = WRITERS.get(field.kind)
    return stored if stored is None or writer is None else writer(view, field, stored)


def _tracking(issue: Issue) -> JsonDict:
    found: JsonDict = {}
    for name, stored in ESTIMATES:
        seconds = issue.fields.get(stored)
        if seconds is not None:
            found[name], found[f"{name}Seconds"] = span_text(seconds), seconds
    return found


def option_of(view: View, option: Option) -> JsonDict:
    """A select value, with its children where it has some."""
    url = f"{view.base}/customFieldOption/{option.id}"
    found: JsonDict = {"self": url, "value": option.value, "id": option.id}
    if option.children:
        found["children"] = [option_of(view, one) for one in option.children if not one.disabled]
    return found


def component_of(view: View, one: Component) -> JsonDict:
    """A component as an issue carries it."""
    found = {"self": f"{view.base}/component/{one.id}", "id": one.id, "name": one.name}
    return {**found, "description": one.description} if one.description else found


def version_of(view: View, one: Version) -> JsonDict:
    """A version as an issue carries it."""
    found = {
        "self": f"{view.base}/version/{one.id}",
        "id": one.id,
        "description": one.description,
        "name": one.name,
        "archived": one.archived,
        "released": one.released,
    }
    return {**found, "releaseDate": one.release} if one.release else found


def version_in_full(view: View, one: Version) -> JsonDict:
    """A version as its project lists it."""
    found = {**version_of(view, one), "projectId": int(one.project_id)}
    return {**found, "startDate": one.start} if one.start else found


def _cascade(view: View, field: FieldDef, stored: Any) -> JsonDict | None:
    parent, child = stored
    found = view.option(field, parent)
    below = view.option(field, child) if found and child else None
    return {**found, "child": below} if found and below else found


def _components(view: View, field: FieldDef, stored: Any) -> list[JsonDict]:
    known = view.site.components
    return [component_of(view, known[one]) for one in stored if one in known]


def _version(view: View, field: FieldDef, stored: Any) -> JsonDict | None:
    found = view.site.versions.get(stored)
    return version_of(view, found) if found else None


def _versions(view: View, field: FieldDef, stored: Any) -> list[JsonDict] | None:
    known = view.site.versions
    found = [version_of(view, known[one]) for one in stored if one in known]
    return found if found or not field.custom else None


def _users(view: View, field: FieldDef, stored: Any) -> list[JsonDict] | None:
    return [user for one in stored if (user := view.user(one))] or None


def _group(view: View, field: FieldDef, stored: Any) -> JsonDict | None:
    found = view.site.groups.get(stored)
    if found is None:
        return None
    return {
        "name": found.name,
        "groupId": found.id,
        "self": f"{view.base}/group?groupId={found.id}",
    }


def _groups(view: View, field: FieldDef, stored: Any) -> list[JsonDict] | None:
    return [group for one in stored if (group := _group(view, field, one))] or None


def _sprints(view: View, field: FieldDef, stored: Any) -> list[JsonDict] | None:
    found = []
    for number in stored:
        sprint = view.site.sprints.get(number)
        if sprint is None:
            continue
        one: JsonDict = {
            "id": sprint.id,
            "name": sprint.name,
            "state": sprint.state,
            "boardId": sprint.board_id,
            "goal": "",
        }
        if sprint.start:
            one["startDate"], one["endDate"] = sprint.start, sprint.end
        if sprint.state == "closed":
            one["completeDate"] = sprint.end
        found.append(one)
    return found or None


def _security(view: View, field: FieldDef, stored: Any) -> JsonDict | None:
    level = view.site.security_levels.get(stored)
    if level is None:
        return None
    url = f"{view.base}/securitylevel/{level.id}"
    return {"self": url, "id": level.id, "description": level.description, "name": level.name}


def _organizations(view: View, field: FieldDef, stored: Any) -> list[JsonDict]:
    known = view.site.organizations
    return [desks.organization(view, known[one]) for one in stored if one in known]


def _opaque(view: View, field: FieldDef, stored: Any) -> Any:
    return json.loads(stored)


WRITERS: dict[str, Callable[[View, FieldDef, Any], Any]] = {
    "cascade": _cascade,
    "components": _components,
    "version": _version,
    "versions": _versions,
    "users": _users,
    "group": _group,
    "groups": _groups,
    "sprint": _sprints,
    "security": _security,
    "organizations": _organizations,
    "opaque": _opaque,
}


def allowed(view: View, field: FieldDef, project: Project) -> list[JsonDict] | None:
    """The closed list of values of a field in a project; None where there is none."""
    site = view.site
    match field.kind:
        case "option" | "options" | "cascade":
            return [option_of(view, one) for one in field.options if not one.disabled]
        case "components":
            own = [one for one in site.components.values() if one.project_id == project.id]
            return [component_of(view, one) for one in own]
        case "version" | "versions":
            return [
                version_of(view, one)
                for one in site.versions.values()
                if one.project_id == project.id and not one.archived
            ]
        case "security":
            own_levels = [x for x in site.security_levels.values() if x.project_id == project.id]
            found = [_security(view, field, level.id) for level in own_levels]
            return [level for level in found if level]
        case "requesttype" if site.lists_request_types:
            kinds = [one for one in site.request_types.values() if one.project_id == project.id]
            return [{"id": one.id, "name": one.name} for one in kinds]
    return None
