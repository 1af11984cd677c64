"""Workflows beside the plain one: of the second project's stories, and of what a test puts in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.model import JsonDict, Status, Transition, Workflow
from sandbox.site import Site

CATEGORIES = ("new", "indeterminate", "done")
CONDITIONS = ("", "assignee", "admins", "no-apps")
ASKED = frozenset({"project", "issuetype", "initial", "statuses", "moves"})
MOVE = frozenset({
    "id", "name", "from", "to", "screen", "required", "condition", "validator", "resolution",
    "keeps",
})  # fmt: skip

# Stories of the second project are released by somebody who may, for a reason that is named.
STORIES: JsonDict = {
    "initial": "To Do",
    "statuses": {
        "Blocked": "indeterminate",
        "In Approval": "indeterminate",
        "Approved": "indeterminate",
        "Released": "done",
        "Cancelled": "done",
    },
    "moves": [
        {"id": "101", "name": "Begin", "from": ["To Do"], "to": "In Progress"},
        {"id": "111", "name": "Block", "from": ["In Progress"], "to": "Blocked",
         "screen": ["{text}", "comment"], "required": ["{text}"]},
        {"id": "121", "name": "Unblock", "from": ["Blocked"], "to": "In Progress"},
        {"id": "131", "name": "Ask for approval", "from": ["In Progress"], "to": "In Approval"},
        {"id": "141", "name": "Approve", "from": ["In Approval"], "to": "Approved",
         "condition": "assignee"},
        {"id": "142", "name": "Approve as admin", "from": ["In Approval"], "to": "Approved",
         "condition": "admins"},
        {"id": "151", "name": "Release", "from": ["Approved"], "to": "Released",
         "screen": ["resolution", "comment"], "required": ["resolution"]},
        {"id": "161", "name": "Cancel", "to": "Cancelled",
         "screen": ["resolution", "comment"], "required": ["resolution"]},
        {"id": "171", "name": "Send back", "from": ["In Approval"], "to": "In Progress"},
        {"id": "181", "name": "Take over", "from": ["In Progress"], "to": "In Progress"},
    ],
}  # fmt: skip


def seed_workflows(site: Site) -> None:
    """Give the second project's stories their workflow, and take away what a test put in."""
    first, second = list(site.projects.values())[:2]
    for project in site.projects.values():
        project.workflows.clear()
    plain = {first.workflow.initial} | {move.target for move in first.workflow.transitions}
    for status_id in [one for one in site.statuses if one not in plain]:
        del site.statuses[status_id]
    text = next(f.id for f in site.fields.values() if f.custom and f.kind == "string")
    put(site, {"project": second.key, "issuetype": "Story", **_filled(STORIES, text)})


def _filled(asked: Any, text: str) -> Any:
    if isinstance(asked, dict):
        return {key: _filled(value, text) for key, value in asked.items()}
    if isinstance(asked, list):
        return [_filled(one, text) for one in asked]
    return text if asked == "{text}" else asked


def put(site: Site, asked: JsonDict) -> None:
    """Give an issue type of a project a workflow of its own. Raises ValueError for what is wrong.

    Statuses are named; those that the site lacks are made, with the category that `statuses` has.
    A move without `from` is global. `resolution`: what a post function sets; without one a move to
    a status that is done sets none, and each other takes it away unless it `keeps` it.
    """
    unknown = set(asked) - ASKED
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    project = site.project(str(asked.get("project")))
    if project is None:
        raise ValueError("project must be the key of one of the site's projects")
    kinds = {site.issue_types[one].name: one for one in project.issue_types}
    if asked.get("issuetype") not in kinds:
        raise ValueError(f"issuetype must be one of {sorted(kinds)}")
    for name, category in (asked.get("statuses") or {}).items():
        _status(site, name, category)
    moves = tuple(_move(site, one) for one in asked["moves"])
    workflow = Workflow(_known(site, asked["initial"]), moves)
    project.workflows[kinds[asked["issuetype"]]] = workflow


def _status(site: Site, name: str, category: str) -> None:
    if category not in CATEGORIES:
        raise ValueError(f"the category of a status must be one of {CATEGORIES}")
    if all(one.name != name for one in site.statuses.values()):
        status_id = str(max(int(one) for one in site.statuses) + 1)
        site.statuses[status_id] = Status(status_id, name, category)


def _known(site: Site, name: str) -> str:
    for one in site.statuses.values():
        if one.name == name:
            return one.id
    raise ValueError(f"status '{name}' is not one of the site's; name it in statuses")


def _move(site: Site, asked: JsonDict) -> Transition:
    unknown = set(asked) - MOVE
    if unknown:
        raise ValueError(f"a move has unknown keys {sorted(unknown)}")
    screen, required = tuple(asked.get("screen", ())), frozenset(asked.get("required", ()))
    strange = [one for one in screen if one not in site.fields]
    if strange or required - set(screen):
        raise ValueError(f"the screen has no such fields: {strange or sorted(required)}")
    condition = asked.get("condition", "")
    if condition not in CONDITIONS:
        raise ValueError(f"condition must be one of {CONDITIONS}")
    sources = asked.get("from")
    resolution = asked.get("resolution")
    known = {one.name: one.id for one in site.resolutions.values()}
    if resolution is not None and resolution not in known:
        raise ValueError(f"resolution must be one of {sorted(known)}")
    return Transition(
        id=str(asked["id"]),
        name=str(asked["name"]),
        sources=None if sources is None else frozenset(_known(site, one) for one in sources),
        target=_known(site, asked["to"]),
        screen=screen,
        required=required,
        condition=condition,
        validator=asked.get("validator", ""),
        sets=known.get(resolution or ""),
        keeps=bool(asked.get("keeps")),
    )


def statuses_of(site: Site, workflow: Workflow) -> Iterable[Status]:
    """The statuses that a workflow has, in the site's order."""
    ids = {workflow.initial} | {move.target for move in workflow.transitions}
    ids |= {one for move in workflow.transitions for one in move.sources or ()}
    return (one for one in site.statuses.values() if one.id in ids)
