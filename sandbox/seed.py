"""The two sites as they are at the start: same kind of company, different ids everywhere."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

from sandbox.desks import GOALS
from sandbox.model import (
    Component,
    Group,
    Issue,
    IssueType,
    JsonDict,
    Organization,
    Priority,
    Project,
    RequestType,
    Resolution,
    SecurityLevel,
    Sprint,
    Status,
    Transition,
    User,
    Version,
    Workflow,
)
from sandbox.seed_fields import custom_fields, put_fields, screens_of
from sandbox.seeds import SEEDS, SiteSeed
from sandbox.site import Site
from sandbox.workflows import seed_workflows

NAMESPACE = uuid.UUID("6f1d3c1e-3a58-4c0f-9a35-0d8a5b9f2f10")

TYPE_TEXT = {
    "Task": (0, "Tasks track small, distinct pieces of work."),
    "Bug": (0, "Bugs track problems or errors."),
    "Story": (0, "Stories track functionality or features expressed as user goals."),
    "Epic": (1, "Epics track collections of related bugs, stories, and tasks."),
    "Sub-task": (-1, "Sub-tasks track small pieces of work that are part of a larger task."),
}

ROLES = (
    ("admin", "Admin", True),
    ("developer", "Developer", False),
    ("tester", "Tester", False),
    ("agent", "Support Agent", False),
    ("viewer", "Viewer", False),
)
SPRINT_DATES = {
    "closed": ("2026-02-02T08:00:00.000Z", "2026-02-16T08:00:00.000Z"),
    "active": ("2026-02-16T08:00:00.000Z", "2026-03-02T08:00:00.000Z"),
}
# They keep their address to themselves.
SHY = frozenset({"agent", "viewer"})


def stable_uuid(*parts: str) -> str:
    """A UUID that is the same on every start."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


def build_site(name: str, base_url: str) -> Site:
    """Make the site "acme" or "globex", with its few seeded issues, at the given origin."""
    seed = SEEDS[name]
    site = Site(name=name, title=seed.title, base_url=base_url, first_id=seed.first_id)
    site.cloud_id = stable_uuid(name, "cloud")
    site.time_zone = seed.time_zone
    _people(site, seed)
    _vocabulary(site, seed)
    put_fields(site, seed)
    _projects(site, seed)
    restore(site)
    seed_issues(site)
    return site


def restore(site: Site) -> None:
    """Put back what the admins of projects, fields and people keep, as at the start."""
    seed = SEEDS[site.name]
    projects = {one.key: one.id for one in site.projects.values()}
    first = site.projects[projects[seed.projects[0][1]]]
    site.components = {i: Component(i, projects[key], name) for i, name, key in seed.components}
    site.versions = {
        i: Version(
            i, projects[key], name, archived=state == "archived", released=state != "",
            release="2026-03-01" if state else None,
        )
        for i, name, key, state in seed.versions
    }  # fmt: skip
    board = seed.sprints[0][0]
    site.sprints = {
        i: Sprint(i, board, name, state, *SPRINT_DATES.get(state, (None, None)))
        for i, name, state in seed.sprints
    }
    site.security_levels = {i: SecurityLevel(i, first.id, name) for i, name in seed.levels}
    groups = [Group(stable_uuid(site.name, "group", name), name) for name in seed.groups]
    site.groups = {one.id: one for one in groups}
    kinds = {label: i for i, label in seed.types}
    site.request_types = {
        i: RequestType(i, projects[key], kinds[kind], name, f"{key.lower()}/{form}")
        for i, key, kind, name, form in seed.request_types
    }
    site.organizations = {i: Organization(i, name) for i, name in seed.organizations}
    site.sla_goals, site.lists_request_types = dict(GOALS), False
    for made in [one for one in site.fields.values() if one.custom]:
        del site.fields[made.id]
    for definition in custom_fields(seed):
        site.fields[definition.id] = definition
    for project in list(site.projects.values()):
        whole = replace(project, issue_types=tuple(site.issue_types))
        site.projects[project.id] = replace(whole, screens=screens_of(site, seed, whole))
    seed_workflows(site)
    for user in site.users.values():
        user.locale = ""
        role = user.email.partition("@")[0] if user.account_type == "atlassian" else ""
        user.active, user.app_administers = True, True
        user.shows_email = role not in SHY


def _people(site: Site, seed: SiteSeed) -> None:
    first_project = seed.projects[0][1]
    for role, label, admin in ROLES:
        account_id = f"712020:{stable_uuid(site.name, role)}"
        viewer = role == "viewer"
        site.users[account_id] = User(
            account_id=account_id,
            display_name=f"{seed.title} {label}",
            email=f"{role}@{site.name}.example",
            token=f"{site.name}-{role}-token",
            admin=admin,
            # The tester lives elsewhere: quoted JQL times move with the profile's zone.
            time_zone="Asia/Tokyo" if role == "tester" else seed.time_zone,
            browse=frozenset({first_project}) if viewer else None,
            can_edit=not viewer,
            administers=frozenset({first_project}) if role == "tester" else frozenset(),
        )


def _vocabulary(site: Site, seed: SiteSeed) -> None:
    for type_id, type_name in seed.types:
        level, text = TYPE_TEXT[type_name]
        entity = stable_uuid(site.name, "type", type_name)
        site.issue_types[type_id] = IssueType(type_id, type_name, text, level, entity)
    for status_id, status_name, category in seed.statuses:
        site.statuses[status_id] = Status(status_id, status_name, category)
    for priority_id, priority_name, color, only in seed.priorities:
        projects = frozenset({only}) if only else None
        site.priorities[priority_id] = Priority(priority_id, priority_name, color, projects)
        if priority_name == "Medium":
            site.default_priority = priority_id
    for number, resolution in enumerate(("Done", "Won't Do", "Duplicate", "Cannot Reproduce")):
        resolution_id = str(seed.first_id - 100 + number)
        site.resolutions[resolution_id] = Resolution(resolution_id, resolution)


def _projects(site: Site, seed: SiteSeed) -> None:
    first = next(iter(site.resolutions))
    moves = tuple(
        Transition(
            i,
            name,
            frozenset({source}),
            target,
            screen=("resolution",) if site.statuses[target].category == "done" else (),
            sets=first if site.statuses[target].category == "done" else None,
        )
        for i, name, source, target in seed.moves
    )
    workflow = Workflow(seed.statuses[0][0], moves)
    by_name = {f.name: f.id for f in site.fields.values()}
    types = {t.name: t.id for t in site.issue_types.values()}
    lead = next(u.account_id for u in site.users.values() if u.admin)
    for project_id, key, label in seed.projects:
        required = {}
        for type_name, type_id in types.items():
            extra = {by_name[f] for p, t, f in seed.required if (p, t) == (key, type_name)}
            if type_name == "Sub-task":
                extra.add("parent")
            required[type_id] = frozenset({"summary", "issuetype", "project"} | extra)
        site.projects[project_id] = Project(
            id=project_id,
            key=key,
            name=label,
            lead=lead,
            issue_types=tuple(types.values()),
            workflow=workflow,
            screens={},
            required=required,
            uuid=stable_uuid(site.name, "project", key),
        )


def seed_issues(site: Site) -> None:
    """Put the few seeded issues in; the index shows them at once."""
    seed = SEEDS[site.name]
    types = {t.name: t.id for t in site.issue_types.values()}
    priorities = {p.name: p.id for p in site.priorities.values()}
    people = site.people()
    things = next(f for f in site.fields.values() if f.kind == "opaque")
    impact = next((f for f in site.fields.values() if f.name == "Impact"), None)
    for number, (key, type_name, summary, priority, status, labels) in enumerate(seed.issues):
        project = site.project(key)
        assert project is not None
        fields: dict[str, Any] = {
            "summary": summary,
            "description": paragraph(f"{summary}. Found while reading last week's figures."),
            "priority": priorities[priority],
            "status": status,
            "labels": list(labels),
            "reporter": people[number % 4].account_id,
            things.id: json.dumps({"score": 10 * number, "mood": "calm"}),
        }
        if impact and type_name == "Bug" and key == "OPS":
            fields[impact.id] = impact.options[1].id
        add_issue(site, project, types[type_name], fields, creator=people[number % 4].account_id)
    site.index_now()


def paragraph(text: str) -> JsonDict:
    """An ADF document of one paragraph."""
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": content}


def add_issue(
    site: Site, project: Project, type_id: str, fields: dict[str, Any], *, creator: str
) -> Issue:
    """Store an issue without any checks, events or history; `fields` is as stored."""
    now = site.now_ms()
    issue = Issue(
        id=site.next_id(),
        key=site.next_key(project),
        project_id=project.id,
        type_id=type_id,
        creator=creator,
        created=now,
        updated=now,
        status_changed=now,
        fields={"status": project.workflow_of(type_id).initial, "labels": [], **fields},
    )
    site.issues[issue.id] = issue
    site.keys[issue.key] = issue.id
    return issue
