"""What people do to whole issues in Jira's screens: move, archive, clone, convert to a sub-task."""

from __future__ import annotations

from sandbox import attaching, editing, keeping, linking
from sandbox.errors import JiraError
from sandbox.hanging import item, record
from sandbox.model import ChangeItem, Issue, Project
from sandbox.site import Site


def move(site: Site, issue: Issue, project: Project, type_id: str | None, *, actor: str) -> None:
    """Move an issue, with its sub-tasks, to another project or type. Raises JiraError 400."""
    if site.issue_types[issue.type_id].subtask and project.id != issue.project_id:
        raise JiraError(400, "A sub-task moves with its parent.")
    children = site.subtasks_of(issue.id)
    _move_one(site, issue, project, type_id or issue.type_id, actor)
    for child in children:
        _move_one(site, child, project, child.type_id, actor)


def _move_one(site: Site, issue: Issue, project: Project, type_id: str, actor: str) -> None:
    if type_id not in project.issue_types:
        raise JiraError(400, f"issuetype: the project {project.key} does not have it")
    items: list[ChangeItem] = []
    if project.id != issue.project_id:
        before = site.projects[issue.project_id]
        old, new = issue.key, site.next_key(project)
        items.append(item("project", "project", before.id, before.name, project.id, project.name))
        items.append(item("Key", "", None, old, None, new))
        issue.project_id, issue.key = project.id, new
        issue.old_keys = (*issue.old_keys, old)
        # The old key finds it for ever.
        site.keys[new] = issue.id
        items += keeping.leave_behind(site, issue, project)
    if type_id != issue.type_id:
        items.append(_retype(site, issue, type_id))
    status = issue.fields["status"]
    workflow = project.workflow_of(type_id)
    known = {s for t in workflow.transitions for s in (*(t.sources or ()), t.target)}
    if status not in known | {workflow.initial}:
        initial = workflow.initial
        names = (site.statuses[status].name, site.statuses[initial].name)
        items.append(item("status", "status", status, names[0], initial, names[1]))
        issue.fields = {**issue.fields, "status": initial}
    if items:
        record(site, issue, tuple(items), actor=actor, type_name="issue_moved")


def _retype(site: Site, issue: Issue, type_id: str) -> ChangeItem:
    before, after = site.issue_types[issue.type_id], site.issue_types[type_id]
    issue.type_id = type_id
    return item("issuetype", "issuetype", before.id, before.name, after.id, after.name)


def archive(site: Site, issue: Issue, *, actor: str, undo: bool = False) -> int:
    """Archive an issue with its sub-tasks, or bring them back; says how many.

    Raises JiraError 400 for a sub-task by itself.
    """
    if site.issue_types[issue.type_id].subtask:
        raise JiraError(400, "Issue is subtask.")
    moved = [one for one in (issue, *site.subtasks_of(issue.id)) if bool(one.archived) is undo]
    for one in moved:
        one.archived = 0 if undo else site.now_ms()
        name = "issue_restored" if undo else "issue_archived"
        record(site, one, (), actor=actor, type_name=name)
    return len(moved)


def clone(site: Site, issue: Issue, *, actor: str, attachments: bool, properties: bool) -> Issue:
    """Make an issue like this one, linked to it as its clone."""
    project = site.projects[issue.project_id]
    left_out = ("status", "resolution", "resolutiondate", "timespent", "watches", "votes")
    fields = {name: value for name, value in issue.fields.items() if name not in left_out}
    fields |= {"summary": f"CLONE - {issue.fields['summary']}"[:255], "reporter": actor}
    carried = dict(issue.properties) if properties else {}
    made = editing.create(site, project, issue.type_id, fields, carried, actor=actor)
    kind = next(kind for kind in site.link_types.values() if kind.name == "Cloners")
    linking.link(site, kind, made, issue, actor=actor)
    if attachments:
        attaching.copy(site, issue, made, actor=actor)
    return made


def convert(
    site: Site, issue: Issue, parent: Issue | None, type_id: str | None, *, actor: str
) -> None:
    """Make an issue a sub-task of another, or (no parent) a sub-task an issue of its own.

    Raises JiraError 400 where Jira's screens would not offer it.
    """
    project = site.projects[issue.project_id]
    subtask = parent is not None
    if type_id is None:
        kinds = (site.issue_types[t] for t in project.issue_types)
        type_id = next(kind.id for kind in kinds if kind.level == (-1 if subtask else 0))
    if site.issue_types[type_id].subtask is not subtask:
        raise JiraError(400, "issuetype: a sub-task type goes with a parent, another with none")
    if subtask and site.children.get(issue.id):
        raise JiraError(400, "An issue that has children cannot be converted to a sub-task.")
    if parent is not None:
        linking.check_parent(site, project, type_id, parent.id, issue.id)
    had = site.issues.get(issue.fields.get("parent") or "")
    items = [_retype(site, issue, type_id)] if type_id != issue.type_id else []
    if (had and had.id) != (parent and parent.id):
        sides = [(one.id, one.key) if one else (None, None) for one in (had, parent)]
        items.append(item("Parent", "parent", *sides[0], *sides[1]))
        site.reparent(issue.id, had.id if had else None, parent.id if parent else None)
        issue.fields = {**issue.fields, "parent": parent.id if parent else None}
    if items:
        record(site, issue, tuple(items), actor=actor)
