"""What those who administer projects, fields and people do, and what it does to issues."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox import editing
from sandbox.changes import items_of
from sandbox.errors import JiraError
from sandbox.model import ChangeItem, FieldDef, Issue, Option, Project, User
from sandbox.site import Site

if TYPE_CHECKING:
    from sandbox.rest import Ctx


# Kinds of fields whose values are of one project, and where the site keeps them.
OF_PROJECTS = {
    "components": "components",
    "version": "versions",
    "versions": "versions",
    "security": "security_levels",
    "requesttype": "request_types",
}


def administers(user: User, project_key: str | None) -> bool:
    """Whether the account may change a project's components and versions.

    An app may unless that is switched off: admins give apps the role in Jira.
    """
    if user.account_type == "app":
        return user.app_administers
    return user.admin or project_key in user.administers


def administered(ctx: Ctx, named: Any) -> Project:
    """The project by key or id, for a caller who administers it. Raises JiraError 403 or 404."""
    project = ctx.site.project(str(named or ""))
    if project is None or not ctx.caller.sees(project):
        raise JiraError(404, f"No project could be found with key '{named}'.")
    if not administers(ctx.caller.user, project.key):
        raise JiraError(403, "You do not have permission to administer this project.")
    return project


def leave_behind(site: Site, issue: Issue, project: Project) -> list[ChangeItem]:
    """Take out of an issue that is moved what the new project does not have; tells the lines."""
    left: dict[str, Any] = {}
    for field in site.fields.values():
        if field.kind not in OF_PROJECTS or not issue.fields.get(field.id):
            continue
        known = getattr(site, OF_PROJECTS[field.kind])
        held = issue.fields[field.id]
        if isinstance(held, list):
            left[field.id] = [one for one in held if known[one].project_id == project.id]
        elif known[held].project_id != project.id:
            left[field.id] = None
    items = [
        item
        for name, value in left.items()
        if value != issue.fields[name]
        for item in items_of(site, site.fields[name], issue.fields[name], value)
    ]
    issue.fields = {**issue.fields, **left}
    return items


def swap(site: Site, fields: Iterable[str], one: str, instead: str | None, *, actor: str) -> None:
    """Take a value out of all issues that hold it, with a history, and put another one in."""
    for issue in list(site.issues.values()):
        changed: dict[str, Any] = {}
        for field_id in fields:
            held = issue.fields.get(field_id)
            if held == one:
                changed[field_id] = instead
            elif isinstance(held, list) and one in held:
                left = [value for value in held if value not in (one, instead)]
                changed[field_id] = left + ([instead] if instead else [])
        if changed:
            editing.change(site, issue, changed, actor=actor)


# --- options ---------------------------------------------------------------------------


def put_options(site: Site, field: FieldDef, options: tuple[Option, ...]) -> None:
    """Give a select field other options."""
    site.fields[field.id] = replace(field, options=options)


def map_options(field: FieldDef, change: dict[str, Option | None]) -> tuple[Option, ...]:
    """The options with some replaced, or left out where None stands for them."""
    found = []
    for option in field.options:
        kept = change.get(option.id, option)
        if kept is None:
            continue
        children = [change.get(one.id, one) for one in kept.children]
        found.append(replace(kept, children=tuple(one for one in children if one is not None)))
    return tuple(found)


def drop_option(site: Site, field: FieldDef, option_id: str) -> None:
    """Delete an option; as in Jira the issues that hold it lose it, and no history tells."""
    put_options(site, field, map_options(field, {option_id: None}))
    for issue in site.issues.values():
        held = issue.fields.get(field.id)
        if held is not None:
            left = _without(field, held, option_id)
            if left != held:
                _set(site, issue, field.id, left)


def _without(field: FieldDef, held: Any, option_id: str) -> Any:
    if field.kind == "cascade":
        parent, child = held
        return None if parent == option_id else (parent, "" if child == option_id else child)
    if isinstance(held, list):
        return [one for one in held if one != option_id] or None
    return None if held == option_id else held


def _set(site: Site, issue: Issue, field_id: str, value: Any) -> None:
    issue.fields = {**issue.fields, field_id: value}
    site.touch_index(issue.id)
