"""Bulk edit: up to 1,000 issues in one call, done by a task that is asked how far it is."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import request

from sandbox import editing
from sandbox.errors import JiraError
from sandbox.model import Issue, JsonDict, User
from sandbox.render import View
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view
from sandbox.site import Site
from sandbox.values import FieldFault, Intake

ISSUES, FIELDS, PAGE = 1000, 200, 50
STEP = 50  # issues under one hold of the site's lock
PICTURES = ("%d/%b/%y", "%d-%m-%Y", "%Y-%m-%d")
# What each list of the payload holds: the key of its value, and how that becomes a field's value.
LISTS = {
    "clearableNumberFields": "value",
    "datePickerFields": "date",
    "labelsFields": "labels",
    "multipleSelectFields": "options",
    "richTextFields": "richText",
    "singleLineTextFields": "text",
    "singleSelectClearableUserPickerFields": "user",
    "singleSelectFields": "option",
}
# Bulk edit does not offer these, whatever the screen has.
NOT_OFFERED = frozenset({"summary", "project", "issuetype", "parent"})
OFFERED = frozenset({
    "date", "labels", "number", "option", "options", "priority", "richtext", "string", "user",
})  # fmt: skip
TYPES = {
    "richtext": "com.atlassian.jira.plugin.system.customfieldtypes:textarea",
    "option": "com.atlassian.jira.plugin.system.customfieldtypes:select",
    "options": "com.atlassian.jira.plugin.system.customfieldtypes:multiselect",
}


@dataclass
class Task:
    """One bulk edit. Times are epoch milliseconds."""

    id: str
    account_id: str
    created: int
    total: int
    hidden: int
    status: str = "ENQUEUED"
    started: int = 0
    updated: int = 0
    done: list[int] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)


class _BulkError(JiraError):
    """A refusal in the words of the bulk operations."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(status, body={"errors": [{"message": text} for text in messages]})


@dataclass(frozen=True)
class _Edit:
    """What is to be done with one field; `option`: how a list of labels is changed."""

    field_id: str
    value: Any
    option: str = "REPLACE"


def _cost(_: Any) -> int:
    """A point for each issue: it is written as by itself."""
    asked = request.get_json(silent=True) or {}
    return max(1, len(asked.get("selectedIssueIdsOrKeys", [])))


@route("POST", "bulk/issues/fields", per_object=_cost)
def bulk_edit(ctx: Ctx) -> Any:
    """Submit an edit of many issues; answers with the task that does it."""
    asked = ctx.body or {}
    names = list(dict.fromkeys(asked["selectedIssueIdsOrKeys"]))
    actions = asked["selectedActions"]
    if not names:
        raise _BulkError(400, "The selectedIssueIdsOrKeys list must not be empty.")
    if len(names) > ISSUES:
        raise _BulkError(400, f"The number of selected issues must not exceed {ISSUES}.")
    if len(actions) > FIELDS:
        raise _BulkError(400, f"The number of selected actions must not exceed {FIELDS}.")
    edits = _edits(ctx.site, asked["editedFieldsInput"])
    _agree(actions, edits)
    found = [ctx.site.issue(name) for name in names]
    seen = {i.id: i for i in found if i is not None and ctx.caller.sees_issue(ctx.site, i)}
    task = Task(
        ctx.site.next_small_id(),
        ctx.caller.user.account_id,
        ctx.site.now_ms(),
        len(names),
        len(names) - len(seen),
    )
    ctx.site.tasks[task.id] = task
    work = (ctx.site, task, tuple(seen), tuple(edits), ctx.caller.user)
    threading.Thread(target=_work, args=work, daemon=True).start()
    return 201, {"taskId": task.id}


def _agree(actions: list[str], edits: list[_Edit]) -> None:
    given = [edit.field_id for edit in edits]
    for text, wrong in (
        ("editedFieldInput values are not listed as selectedActions", set(given) - set(actions)),
        ("selectedActions have no editedFieldInput", set(actions) - set(given)),
    ):
        if wrong:
            raise _BulkError(400, f"The following {text} : {', '.join(sorted(wrong))}")
    if not edits:
        raise _BulkError(400, "The selectedActions list must not be empty.")


def _edits(site: Site, given: JsonDict) -> list[_Edit]:
    """The edits of a payload, with values as REST v3 writes them. Raises JiraError 400."""
    edits = []
    for name, value in given.items():
        if name == "priority":
            edits.append(_Edit("priority", {"id": value["priorityId"]}))
        elif name in LISTS:
            edits += [_edit(site, name, one) for one in value]
        else:
            raise _BulkError(400, f"{name}: this kind of field is not in the sandbox.")
    return edits


def _edit(site: Site, name: str, one: JsonDict) -> _Edit:
    field_id, value = one["fieldId"], one.get(LISTS[name])
    definition = site.fields.get(field_id)
    if definition is None or field_id in NOT_OFFERED:
        raise _BulkError(400, f"The field {field_id} cannot be edited in bulk.")
    option = one.get("bulkEditMultiSelectFieldOption", "REPLACE")
    match name:
        case "datePickerFields":
            value = _date(field_id, (value or {}).get("formattedDate", ""))
        case "labelsFields":
            value = [label["name"] for label in value or []]
        case "multipleSelectFields":
            value = [{"id": str(chosen["optionId"])} for chosen in value or []]
        case "richTextFields":
            value = (value or {}).get("adfValue")
        case "singleLineTextFields":
            value = value or None
        case "singleSelectFields":
            chosen = (value or {}).get("optionId", -1)
            value = None if chosen == -1 else {"id": str(chosen)}
    return _Edit(field_id, value, option)


def _date(field_id: str, text: str) -> str | None:
    if not text:
        return None
    for picture in PICTURES:
        if picture == "%Y-%m-%d" and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            continue
        try:
            return datetime.strptime(text, picture).replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            continue
    raise _BulkError(400, f"{field_id}: '{text}' is not a date as d/mmm/yy or dd-mm-yyyy.")


# --- the task --------------------------------------------------------------------------


def _work(
    site: Site, task: Task, ids: tuple[str, ...], edits: tuple[_Edit, ...], user: User
) -> None:
    with site.lock:
        task.status, task.started, task.updated = "RUNNING", site.now_ms(), site.now_ms()
    for start in range(0, len(ids), STEP):
        with site.lock:
            for issue_id in ids[start : start + STEP]:
                _one(site, task, issue_id, edits, user)
            task.updated = site.now_ms()
        time.sleep(0)  # others may have the site between two steps
    with site.lock:
        task.status, task.updated = "COMPLETE", site.now_ms()


def _one(site: Site, task: Task, issue_id: str, edits: tuple[_Edit, ...], user: User) -> None:
    issue = site.issues.get(issue_id)
    if issue is None:
        task.failed[issue_id] = ["The issue no longer exists."]
    elif not user.can_edit:
        task.failed[issue_id] = ["You do not have permission to edit issues in this project."]
    else:
        try:
            stored = _stored(site, issue, edits)
            # Fallout of a bulk change: its webhooks come later than others in Jira.
            editing.change(site, issue, stored, actor=user.account_id, secondary=True)
            task.done.append(int(issue_id))
        except (FieldFault, JiraError) as fault:
            texts = (
                [*fault.messages, *fault.fields.values()] if isinstance(fault, JiraError) else []
            )
            task.failed[issue_id] = texts or [str(fault)]


def _stored(site: Site, issue: Issue, edits: tuple[_Edit, ...]) -> dict[str, Any]:
    intake = Intake(site, 3, site.projects[issue.project_id], issue.fields)
    plain = {edit.field_id: edit.value for edit in edits if not _is_labels(site, edit)}
    stored = editing.read_fields(intake, issue.type_id, plain)
    updates = {
        edit.field_id: _verbs(edit, issue.fields.get(edit.field_id) or [])
        for edit in edits
        if _is_labels(site, edit)
    }
    return stored | editing.fold_updates(intake, issue.type_id, issue.fields, updates)


def _is_labels(site: Site, edit: _Edit) -> bool:
    return site.fields[edit.field_id].kind == "labels"


def _verbs(edit: _Edit, have: list[str]) -> list[JsonDict]:
    if edit.option == "REMOVE_ALL":
        return [{"set": []}]
    if edit.option == "REPLACE":
        return [{"set": edit.value}]
    verb = "add" if edit.option == "ADD" else "remove"
    return [{verb: label} for label in edit.value]


@route("GET", "bulk/queue/{taskId}")
def progress(ctx: Ctx, taskId: str) -> Any:
    """How far a bulk edit is, and what came of each issue."""
    task = ctx.site.tasks.get(taskId)
    if task is None:
        raise _BulkError(400, "The task associated with this taskId is not a bulk operation task")
    if task.account_id != ctx.caller.user.account_id and not ctx.caller.user.admin:
        raise _BulkError(401, "You do not have permission to see this task.")
    look: View = view(ctx)
    gone = task.total - task.hidden
    finished = len(task.done) + len(task.failed)
    shown: JsonDict = {
        "taskId": task.id,
        "status": task.status,
        "progressPercent": 100 if task.status == "COMPLETE" or not gone else 100 * finished // gone,
        "submittedBy": {"accountId": task.account_id},
        "created": look.time(task.created),
        "totalIssueCount": task.total,
        "updated": look.time(task.updated or task.created),
    }
    if task.started:
        shown["started"] = look.time(task.started)
    if task.status == "COMPLETE":
        shown["processedAccessibleIssues"] = list(task.done)
        shown["failedAccessibleIssues"] = dict(task.failed)
        shown["invalidOrInaccessibleIssueCount"] = task.hidden
    return shown


@route("GET", "bulk/issues/fields")
def bulk_fields(ctx: Ctx) -> Any:
    """The fields that all of these issues let the caller edit in bulk, 50 a page."""
    names = ctx.list_arg("issueIdsOrKeys")
    issues = [ctx.site.issue(name) for name in names]
    seen = [i for i in issues if i is not None and ctx.caller.sees_issue(ctx.site, i)]
    common: set[str] | None = None
    for issue in seen:
        screen = set(ctx.site.projects[issue.project_id].screens[issue.type_id])
        common = screen if common is None else common & screen
    wanted = (ctx.args.get("searchText") or "").casefold()
    found = [
        one
        for one in sorted((common or set()) - NOT_OFFERED)
        if ctx.site.fields[one].kind in OFFERED and wanted in ctx.site.fields[one].name.casefold()
    ]
    if not found:
        raise _BulkError(404, "No editable fields were found for these issues.")
    after, before = ctx.args.get("startingAfter"), ctx.args.get("endingBefore")
    left = [one for one in found if (not after or one > after) and (not before or one < before)]
    page = left[-PAGE:] if before else left[:PAGE]
    shown: JsonDict = {"fields": [_offer(ctx.site, one) for one in page]}
    if page and page[-1] != found[-1]:
        shown["startingAfter"] = page[-1]
    if page and page[0] != found[0]:
        shown["endingBefore"] = page[0]
    return shown


def _offer(site: Site, field_id: str) -> JsonDict:
    definition = site.fields[field_id]
    shown: JsonDict = {
        "id": field_id,
        "name": definition.name,
        "type": TYPES.get(definition.kind, field_id) if definition.custom else field_id,
        "isRequired": False,
    }
    if definition.kind == "labels":
        shown["multiSelectFieldOptions"] = ["ADD", "REMOVE", "REPLACE", "REMOVE_ALL"]
    return shown
