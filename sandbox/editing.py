"""Changes issues: what changed, the history it leaves, the clock, and the events that follow."""

from __future__ import annotations

import json
from typing import Any

from sandbox import attaching, linking, timelog
from sandbox.changes import items_of
from sandbox.errors import JiraError
from sandbox.model import (
    Comment,
    FieldDef,
    History,
    Issue,
    JsonDict,
    Project,
    Transition,
)
from sandbox.seed import add_issue
from sandbox.site import Site
from sandbox.values import EMPTY_LISTS, NOT_ON_SCREEN, SEVERAL, FieldFault, Intake

PROPERTY_LIMIT = 32_768


def read_fields(
    intake: Intake, type_id: str, fields: JsonDict, *, extra: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Check all given fields against the screen and read them. Raises JiraError 400."""
    screen = frozenset(intake.project.screens[type_id]) | extra
    stored: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in fields.items():
        field = intake.site.fields.get(name)
        if field is None or name not in screen:
            faults[name] = NOT_ON_SCREEN.format(name)
            continue
        try:
            _keep(stored, field, intake.read(field, value))
        except FieldFault as fault:
            faults[fault.name or name] = str(fault)
    if faults:
        raise JiraError(400, fields=faults)
    return stored


def fold_updates(
    intake: Intake,
    type_id: str,
    current: dict[str, Any],
    updates: JsonDict,
    extra: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Work out what `update` verbs make of the current values. Raises JiraError 400."""
    screen = frozenset(intake.project.screens[type_id]) | extra
    stored: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, operations in updates.items():
        field = intake.site.fields.get(name)
        if field is None or name not in screen:
            faults[name] = NOT_ON_SCREEN.format(name)
            continue
        value = current.get(name)
        try:
            for operation in operations:
                for verb, operand in operation.items():
                    value = _verb(intake, field, value, verb, operand)
            _keep(stored, field, value)
        except FieldFault as fault:
            faults[fault.name or name] = str(fault)
    if faults:
        raise JiraError(400, fields=faults)
    return stored


def _keep(stored: dict[str, Any], field: FieldDef, value: Any) -> None:
    """Put a read value where it is stored: estimates are two fields in one."""
    if field.kind == "timetracking":
        stored.update(value)
    else:
        stored[field.id] = value


def _verb(intake: Intake, field: FieldDef, value: Any, verb: str, operand: Any) -> Any:
    if field.kind == "timetracking" and verb in ("set", "edit"):
        return {**(value or {}), **intake.read(field, operand)}
    if verb == "set":
        return intake.read(field, operand)
    if verb in ("add", "remove") and field.kind in SEVERAL:
        return _changed(intake, field, list(value or []), verb, operand)
    raise FieldFault(f"Field with id '{field.id}' does not support operation '{verb}'.")


def _changed(
    intake: Intake, field: FieldDef, have: list[str], verb: str, operand: Any
) -> list[str] | None:
    """A list of values with one more, or one less, in the order that the field keeps."""
    one = intake.read(field, [operand]) or []
    if verb == "add":
        have = have + [v for v in one if v not in have]
    else:
        have = [v for v in have if v not in one]
    if field.kind in ("labels", "users"):
        have = sorted(have)
    order: dict[str, Any] = {
        "options": [o.id for o in field.options],
        "components": intake.site.components,
        "versions": intake.site.versions,
        "groups": intake.site.groups,
        "organizations": intake.site.organizations,
    }
    if field.kind in order:
        have = [v for v in order[field.kind] if v in have]
    return have if have or field.id in EMPTY_LISTS else None


def read_properties(given: list[JsonDict]) -> dict[str, Any]:
    """Check entity properties that come with an issue. Raises JiraError 400."""
    found = {}
    for part in given:
        key = part.get("key")
        if not key or len(key) > 255:
            raise JiraError(400, "Entity property keys must have 1 to 255 characters.")
        if "value" not in part:
            raise JiraError(400, f"Entity property '{key}' has no value.")
        check_property_size(part["value"])
        found[key] = part["value"]
    return found


def check_property_size(value: Any) -> None:
    """Refuse values over 32 KB. Raises JiraError 400."""
    if len(json.dumps(value, ensure_ascii=False).encode()) > PROPERTY_LIMIT:
        raise JiraError(
            400, "The property value is too long. The maximum length is 32768 characters."
        )


# --- writing ---------------------------------------------------------------------------


def create(
    site: Site,
    project: Project,
    type_id: str,
    fields: dict[str, Any],
    properties: dict[str, Any],
    *,
    actor: str,
    secondary: bool = False,
    silent: bool = False,
) -> Issue:
    """Store a new issue with checked fields and tell the listeners."""
    fields = {"priority": site.default_priority, "reporter": actor, **fields}
    issue = add_issue(site, project, type_id, fields, creator=actor)
    issue.properties = properties
    site.reparent(issue.id, None, fields.get("parent"))
    site.touch_index(issue.id)
    if silent:
        return issue
    items = [
        item
        for name, value in issue.fields.items()
        if value not in (None, [])
        for item in items_of(site, site.fields[name], None, value)
    ]
    site.emit(
        "jira:issue_created",
        issue=issue.snapshot(),
        actor=actor,
        items=tuple(items),
        change_id=issue.id,
        type_name="issue_created",
        secondary=secondary,
    )
    for key in properties:
        _tell_property(site, issue, key, actor, "issue_property_set")
    return issue


def change(
    site: Site,
    issue: Issue,
    stored: dict[str, Any],
    *,
    actor: str,
    type_name: str = "issue_updated",
    comment: Comment | None = None,
    secondary: bool = False,
) -> bool:
    """Write checked values; what equals the present changes nothing. Says if anything moved.

    `secondary`: it is one of many, so that its webhook flows behind others.
    """
    items = [
        item
        for name, value in stored.items()
        if not _same(issue.fields.get(name), value)
        for item in items_of(site, site.fields[name], issue.fields.get(name), value)
    ]
    if not items:
        return False
    now = site.tick(issue)
    if any(item.field_id == "status" for item in items):
        issue.status_changed = now
    if "parent" in stored:
        site.reparent(issue.id, issue.fields.get("parent"), stored["parent"])
    texts = [issue.fields.get(name) for name in stored if site.fields[name].kind == "richtext"]
    issue.fields = {**issue.fields, **stored}
    issue.updated = now
    history = History(site.next_small_id(), actor, now, tuple(items))
    issue.histories = (*issue.histories, history)
    site.touch_index(issue.id)
    if type_name == "issue_updated" and [i.field_id for i in items] == ["assignee"]:
        type_name = "issue_assigned"
    site.emit(
        "jira:issue_updated",
        issue=issue.snapshot(),
        actor=actor,
        items=history.items,
        change_id=history.id,
        type_name=type_name,
        comment=comment,
        secondary=secondary,
    )
    attaching.drop_unmentioned(site, issue, texts, actor=actor)
    return True


def _same(before: Any, after: Any) -> bool:
    return before == after or (not before and not after and before != 0 and after != 0)


def transition(
    site: Site, issue: Issue, move: Transition, stored: dict[str, Any], *, actor: str
) -> None:
    """Move the issue; its resolution comes with it and goes with it, as the move says."""
    values = dict(stored)
    values["status"] = move.target
    if site.statuses[move.target].category == "done":
        values.setdefault("resolution", None)
        values["resolution"] = values["resolution"] or move.sets or (issue.fields.get("resolution"))
    elif not move.keeps:
        values["resolution"] = None
    resolution = values.get("resolution", issue.fields.get("resolution"))
    if resolution != issue.fields.get("resolution"):
        when = site.tick(issue) if resolution else None
        issue.fields = {**issue.fields, "resolutiondate": when}
    change(site, issue, values, actor=actor, type_name="issue_generic")


def set_property(site: Site, issue: Issue, key: str, value: Any, *, actor: str) -> bool:
    """Store an entity property; `updated` does not move. Says whether it is a new one."""
    check_property_size(value)
    fresh = key not in issue.properties
    issue.properties = {**issue.properties, key: value}
    site.touch_index(issue.id)
    _tell_property(site, issue, key, actor, "issue_property_set")
    return fresh


def delete_property(site: Site, issue: Issue, key: str, *, actor: str) -> bool:
    """Take an entity property away. Says whether it was there."""
    if key not in issue.properties:
        return False
    _tell_property(site, issue, key, actor, "issue_property_deleted")
    issue.properties = {k: v for k, v in issue.properties.items() if k != key}
    site.touch_index(issue.id)
    return True


def _tell_property(site: Site, issue: Issue, key: str, actor: str, event: str) -> None:
    site.emit(event, issue=issue.snapshot(), actor=actor, property_key=key)


def add_comment(site: Site, issue: Issue, comment: Comment) -> None:
    """Store a comment: the issue counts as updated."""
    issue.comments = (*issue.comments, comment)
    site.comment_issue[comment.id] = issue.id
    _comment_event(site, issue, comment, "comment_created", "issue_commented")


def replace_comment(site: Site, issue: Issue, comment: Comment) -> None:
    """Store an edited comment."""
    texts = [one.body for one in issue.comments if one.id == comment.id]
    issue.comments = tuple(comment if c.id == comment.id else c for c in issue.comments)
    _comment_event(site, issue, comment, "comment_updated", "issue_comment_edited")
    attaching.drop_unmentioned(site, issue, [*texts], actor=comment.update_author)


def drop_comment(site: Site, issue: Issue, comment: Comment, actor: str) -> None:
    """Delete a comment."""
    issue.comments = tuple(c for c in issue.comments if c.id != comment.id)
    site.comment_issue.pop(comment.id, None)
    _comment_event(site, issue, comment, "comment_deleted", "issue_comment_deleted", actor=actor)


def _comment_event(
    site: Site, issue: Issue, comment: Comment, event: str, type_name: str, *, actor: str = ""
) -> None:
    issue.updated = site.tick(issue)
    site.touch_index(issue.id)
    who = actor or comment.update_author
    site.emit(event, issue=issue.snapshot(), actor=who, comment=comment)
    site.emit(
        "jira:issue_updated",
        issue=issue.snapshot(),
        actor=who,
        items=(),
        change_id="",
        type_name=type_name,
        comment=comment,
    )


def delete(site: Site, issue: Issue, *, actor: str) -> None:
    """Delete an issue; its key is not used again."""
    site.emit(
        "jira:issue_deleted",
        issue=issue.snapshot(),
        actor=actor,
        items=(),
        change_id="",
        type_name="issue_deleted",
    )
    for comment in issue.comments:
        site.comment_issue.pop(comment.id, None)
    attaching.forget(site, issue)
    linking.forget(site, issue, actor=actor)
    timelog.forget(site, issue)
    site.reparent(issue.id, issue.fields.get("parent"), None)
    # What an epic held lives on without it.
    for child in site.children.pop(issue.id, {}):
        orphan = site.issues[child]
        orphan.fields = {**orphan.fields, "parent": None}
        site.touch_index(child)
    del site.issues[issue.id]
    for key in (issue.key, *issue.old_keys):
        site.keys.pop(key, None)
    site.touch_index(issue.id)
