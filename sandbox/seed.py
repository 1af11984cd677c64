"""The two sites as they are at the start: same kind of company, different ids everywhere."""

from __future__ import annotations

import itertools
import json
import uuid
from dataclasses import dataclass, replace
from typing import Any

from sandbox.model import (
    Component,
    FieldDef,
    Group,
    Issue,
    IssueType,
    JsonDict,
    Option,
    Priority,
    Project,
    Resolution,
    SecurityLevel,
    Sprint,
    Status,
    Transition,
    User,
    Version,
    Workflow,
)
from sandbox.site import Site
from sandbox.workflows import seed_workflows

NAMESPACE = uuid.UUID("6f1d3c1e-3a58-4c0f-9a35-0d8a5b9f2f10")
CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
# A field of some app that the sandbox knows nothing of but how its values read.
THING = "com.example.plugin:thing"


@dataclass(frozen=True)
class SiteSeed:
    """What differs from site to site."""

    name: str
    title: str
    time_zone: str
    first_id: int
    types: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[str, str, str], ...]
    moves: tuple[tuple[str, str, str, str], ...]
    priorities: tuple[tuple[str, str, str, str], ...]
    custom: tuple[tuple[int, str, str, tuple[str, ...]], ...]
    # Custom fields that only few types show; "A: B, C" is an option with children.
    rarer: tuple[tuple[int, str, str, tuple[str, ...]], ...]
    projects: tuple[tuple[str, str, str], ...]
    hidden: tuple[tuple[str, str, str], ...]
    required: tuple[tuple[str, str, str], ...]
    issues: tuple[tuple[str, str, str, str, str, tuple[str, ...]], ...]
    # Id and name, and the project's key where it is a project's.
    components: tuple[tuple[str, str, str], ...]
    versions: tuple[tuple[str, str, str, str], ...]
    sprints: tuple[tuple[int, str, str], ...]
    levels: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]


# A priority's last column names the one project whose scheme has it; "" means all.
ACME = SiteSeed(
    name="acme",
    title="Acme",
    time_zone="Europe/Berlin",
    first_id=10100,
    types=(
        ("10001", "Task"),
        ("10002", "Bug"),
        ("10003", "Story"),
        ("10000", "Epic"),
        ("10004", "Sub-task"),
    ),
    statuses=(
        ("10000", "To Do", "new"),
        ("3", "In Progress", "indeterminate"),
        ("10001", "In Review", "indeterminate"),
        ("10002", "Done", "done"),
    ),
    moves=(
        ("11", "Start work", "10000", "3"),
        ("21", "Stop work", "3", "10000"),
        ("31", "Send to review", "3", "10001"),
        ("41", "Request changes", "10001", "3"),
        ("51", "Approve", "10001", "10002"),
        ("61", "Reopen", "10002", "10000"),
    ),
    priorities=(
        ("1", "Highest", "#d04437", ""),
        ("2", "High", "#f15c75", ""),
        ("3", "Medium", "#f79232", ""),
        ("4", "Low", "#707070", ""),
        ("5", "Lowest", "#999999", ""),
    ),
    custom=(
        (10031, "Customer", "textfield", ()),
        (10032, "Notes", "textarea", ()),
        (10033, "Story Points", "float", ()),
        (10034, "Go-live date", "datepicker", ()),
        (10035, "Severity", "select", ("Minor", "Major", "Critical")),
        (10036, "Platforms", "multiselect", ("Web", "iOS", "Android", "Desktop")),
        (10037, "Tester", "userpicker", ()),
        (10038, "Areas", "labels", ()),
    ),
    rarer=(
        (10041, "Start time", "datetime", ()),
        (10042, "Channel", "radiobuttons", ("Mail", "Phone", "Portal")),
        (10043, "Checks", "multicheckboxes", ("Tested", "Documented", "Announced")),
        (10044, "Region", "cascadingselect", ("Europe: Norway, Spain", "America: Canada, Peru")),
        (10045, "Reference", "url", ()),
        (10046, "Reviewers", "multiuserpicker", ()),
        (10047, "Owning team", "grouppicker", ()),
        (10048, "Informed teams", "multigrouppicker", ()),
        (10049, "Found in", "version", ()),
        (10050, "Planned for", "multiversion", ()),
        (10051, "Sprint", SPRINT, ()),
        (10052, "Health", THING, ()),
    ),
    projects=(("10000", "WEB", "ACME Web"), ("10001", "SUP", "Acme Support")),
    hidden=(("SUP", "Task", "Story Points"),),
    required=(),
    issues=(
        ("WEB", "Bug", "Checkout shows the wrong tax for orders to Norway", "High", "3",
         ("checkout", "tax")),
        ("WEB", "Task", "Move product images to the new storage", "Medium", "10000",
         ("images",)),
        ("WEB", "Story", "Shoppers can save a basket for later", "Medium", "10000", ("basket",)),
        ("WEB", "Epic", "Faster product pages", "Low", "10000", ()),
        ("SUP", "Bug", "Password reset mail arrives twice", "Highest", "3", ("mail",)),
        ("SUP", "Task", "Write the answer for refund questions", "Low", "10000", ()),
    ),
    components=(
        ("10010", "Checkout", "WEB"), ("10011", "Catalogue", "WEB"), ("10012", "Search", "WEB"),
        ("10013", "Phone line", "SUP"),
    ),
    versions=(
        ("10020", "0.9", "WEB", "archived"), ("10021", "1.0", "WEB", "released"),
        ("10022", "1.1", "WEB", ""), ("10023", "2.0", "WEB", ""), ("10024", "Spring", "SUP", ""),
    ),
    sprints=((1, "Sprint 1", "closed"), (2, "Sprint 2", "active"), (3, "Sprint 3", "future")),
    levels=(("10060", "Staff only"), ("10061", "Leads only")),
    groups=("acme-users", "web-team", "support-team"),
)  # fmt: skip

GLOBEX = SiteSeed(
    name="globex",
    title="Globex",
    time_zone="America/New_York",
    first_id=20500,
    types=(
        ("10101", "Task"),
        ("10104", "Bug"),
        ("10103", "Story"),
        ("10105", "Epic"),
        ("10102", "Sub-task"),
    ),
    statuses=(
        ("10200", "To Do", "new"),
        ("10201", "In Progress", "indeterminate"),
        ("10202", "In Review", "indeterminate"),
        ("10203", "Done", "done"),
    ),
    moves=(
        ("2", "Begin", "10200", "10201"),
        ("3", "Ask for review", "10201", "10202"),
        ("4", "Send back", "10202", "10201"),
        ("5", "Put back", "10201", "10200"),
        ("6", "Accept", "10202", "10203"),
        ("7", "Open again", "10203", "10201"),
    ),
    priorities=(
        ("10006", "Blocker", "#6554c0", "OPS"),
        ("10001", "Highest", "#d04437", ""),
        ("10002", "High", "#f15c75", ""),
        ("10003", "Medium", "#f79232", ""),
        ("10004", "Low", "#707070", ""),
        ("10005", "Lowest", "#999999", ""),
    ),
    custom=(
        (10121, "Client", "textfield", ()),
        (10122, "Background", "textarea", ()),
        (10123, "Estimate", "float", ()),
        (10124, "Release date", "datepicker", ()),
        (10125, "Impact", "select", ("Low", "Significant", "Critical")),
        (10126, "Environments", "multiselect", ("Web", "Mobile", "Backend")),
        (10127, "QA contact", "userpicker", ()),
        (10128, "Keywords", "labels", ()),
    ),
    rarer=(
        (10141, "Begins", "datetime", ()),
        (10142, "Reported by way of", "radiobuttons", ("E-mail", "Telephone", "Portal")),
        (10143, "Steps done", "multicheckboxes", ("Tested", "Documented", "Signed off")),
        (10144, "Location", "cascadingselect", ("EMEA: Norway, Spain", "AMER: Canada, Peru")),
        (10145, "More at", "url", ()),
        (10146, "Approvers", "multiuserpicker", ()),
        (10147, "Responsible group", "grouppicker", ()),
        (10148, "Notified groups", "multigrouppicker", ()),
        (10149, "Observed in", "version", ()),
        (10150, "Target versions", "multiversion", ()),
        (10151, "Sprint", SPRINT, ()),
        (10152, "Rating", THING, ()),
    ),
    projects=(("10300", "PLAT", "Globex Platform"), ("10301", "OPS", "Globex Ops")),
    hidden=(("PLAT", "Bug", "Estimate"),),
    required=(("OPS", "Bug", "Impact"),),
    issues=(
        ("PLAT", "Task", "Renew the certificates of the message brokers", "High", "10201",
         ("security",)),
        ("PLAT", "Bug", "Search index falls behind after midnight", "Medium", "10200",
         ("search",)),
        ("PLAT", "Story", "Teams see their own usage", "Medium", "10200", ("usage",)),
        ("PLAT", "Epic", "One log format for all services", "Low", "10200", ()),
        ("OPS", "Bug", "Backup of the billing database is late", "Blocker", "10201", ("backup",)),
        ("OPS", "Task", "Order disks for the second site", "Low", "10200", ()),
    ),
    components=(
        ("10410", "Brokers", "PLAT"), ("10411", "Search", "PLAT"), ("10412", "Usage", "PLAT"),
        ("10413", "Backups", "OPS"),
    ),
    versions=(
        ("10420", "2024.4", "PLAT", "archived"), ("10421", "1.0", "PLAT", "released"),
        ("10422", "1.1", "PLAT", ""), ("10423", "2026.1", "PLAT", ""), ("10424", "Q3", "OPS", ""),
    ),
    sprints=((41, "Board 41", "closed"), (42, "Board 42", "active"), (43, "Board 43", "future")),
    levels=(("10460", "Internal"), ("10461", "Security")),
    groups=("globex-users", "platform", "operations"),
)  # fmt: skip

SEEDS = {"acme": ACME, "globex": GLOBEX}

TYPE_TEXT = {
    "Task": (0, "Tasks track small, distinct pieces of work."),
    "Bug": (0, "Bugs track problems or errors."),
    "Story": (0, "Stories track functionality or features expressed as user goals."),
    "Epic": (1, "Epics track collections of related bugs, stories, and tasks."),
    "Sub-task": (-1, "Sub-tasks track small pieces of work that are part of a larger task."),
}

# id, name, kind, schema type, items, settable, other JQL names
SYSTEM_FIELDS: tuple[tuple[str, str, str, str, str, bool, tuple[str, ...]], ...] = (
    ("summary", "Summary", "string", "string", "", True, ()),
    ("issuetype", "Issue Type", "issuetype", "issuetype", "", True, ("type",)),
    ("project", "Project", "project", "project", "", True, ()),
    ("description", "Description", "richtext", "string", "", True, ()),
    ("environment", "Environment", "richtext", "string", "", True, ()),
    ("priority", "Priority", "priority", "priority", "", True, ()),
    ("labels", "Labels", "labels", "array", "string", True, ()),
    ("duedate", "Due date", "date", "date", "", True, ("due",)),
    ("assignee", "Assignee", "user", "user", "", True, ()),
    ("reporter", "Reporter", "user", "user", "", True, ()),
    ("parent", "Parent", "parent", "issuelink", "", True, ()),
    ("resolution", "Resolution", "resolution", "resolution", "", False, ()),
    ("status", "Status", "status", "status", "", False, ()),
    ("creator", "Creator", "user", "user", "", False, ()),
    ("created", "Created", "datetime", "datetime", "", False, ("createdDate",)),
    ("updated", "Updated", "datetime", "datetime", "", False, ("updatedDate",)),
    ("resolutiondate", "Resolved", "datetime", "datetime", "", False, ("resolved",)),
    ("statuscategorychangedate", "Status Category Changed", "datetime", "datetime", "", False, ()),
    ("components", "Components", "components", "array", "component", True, ("component",)),
    ("fixVersions", "Fix versions", "versions", "array", "version", True, ("fixVersion",)),
    ("versions", "Affects versions", "versions", "array", "version", True, ("affectedVersion",)),
    ("security", "Security Level", "security", "securitylevel", "", True, ("level",)),
    ("timetracking", "Time tracking", "timetracking", "timetracking", "", True, ()),
    (
        "timeoriginalestimate",
        "Original estimate",
        "seconds",
        "number",
        "",
        False,
        ("originalEstimate",),
    ),
    ("timeestimate", "Remaining Estimate", "seconds", "number", "", False, ("remainingEstimate",)),
    ("timespent", "Time Spent", "seconds", "number", "", False, ()),
    ("attachment", "Attachment", "readonly", "array", "attachment", False, ("attachments",)),
    ("issuelinks", "Linked Issues", "readonly", "array", "issuelinks", False, ()),
    ("subtasks", "Sub-tasks", "readonly", "array", "issuelinks", False, ()),
    ("comment", "Comment", "readonly", "comments-page", "", False, ()),
    ("worklog", "Log Work", "readonly", "array", "worklog", False, ()),
    ("watches", "Watchers", "readonly", "watches", "", False, ("watchers",)),
    ("votes", "Votes", "readonly", "votes", "", False, ()),
    ("statusCategory", "Status Category", "readonly", "statusCategory", "", False, ()),
)

# Jira's custom field type -> kind, schema type, items
CUSTOM_KINDS = {
    "textfield": ("string", "string", ""),
    "textarea": ("richtext", "string", ""),
    "float": ("number", "number", ""),
    "datepicker": ("date", "date", ""),
    "select": ("option", "option", ""),
    "multiselect": ("options", "array", "option"),
    "userpicker": ("user", "user", ""),
    "labels": ("labels", "array", "string"),
    "datetime": ("datetime", "datetime", ""),
    "radiobuttons": ("option", "option", ""),
    "multicheckboxes": ("options", "array", "option"),
    "cascadingselect": ("cascade", "option-with-child", ""),
    "url": ("url", "string", ""),
    "multiuserpicker": ("users", "array", "user"),
    "grouppicker": ("group", "group", ""),
    "multigrouppicker": ("groups", "array", "group"),
    "version": ("version", "version", ""),
    "multiversion": ("versions", "array", "version"),
    SPRINT: ("sprint", "array", "json"),
    THING: ("opaque", "any", ""),
}
# System fields that only the types show that show the rarer custom fields.
RARER = frozenset({"components", "fixVersions", "versions", "security", "timetracking"})

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
    _fields(site, seed)
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
    for definition in _custom_fields(seed):
        site.fields[definition.id] = definition
    for project in list(site.projects.values()):
        site.projects[project.id] = replace(project, screens=_screens(site, seed, project))
    seed_workflows(site)
    for user in site.users.values():
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


def _fields(site: Site, seed: SiteSeed) -> None:
    for field_id, label, kind, schema_type, items, settable, clauses in SYSTEM_FIELDS:
        schema: JsonDict = {"type": schema_type, "system": field_id}
        if items:
            schema["items"] = items
        names = (field_id, *clauses)
        site.fields[field_id] = FieldDef(
            field_id, label, kind, schema, clause_names=names, settable=settable
        )
    for definition in _custom_fields(seed):
        site.fields[definition.id] = definition


def _custom_fields(seed: SiteSeed) -> list[FieldDef]:
    found = []
    for number, label, custom, values in (*seed.custom, *seed.rarer):
        kind, schema_type, items = CUSTOM_KINDS[custom]
        full = custom if ":" in custom else CUSTOM + custom
        schema: JsonDict = {"type": schema_type, "custom": full, "customId": number}
        if items:
            schema["items"] = items
        # The rarer ones leave room for the children of their options.
        first = number * 2 if (number, label, custom, values) in seed.custom else number * 10
        field_id = f"customfield_{number}"
        found.append(FieldDef(
            field_id, label, kind, schema, clause_names=(f"cf[{number}]", label),
            options=_options(first, values),
        ))  # fmt: skip
    return found


def _options(first: int, values: tuple[str, ...]) -> tuple[Option, ...]:
    found = []
    ids = itertools.count(first)
    for value in values:
        name, _, below = value.partition(": ")
        option_id = str(next(ids))
        children = tuple(Option(str(next(ids)), one) for one in below.split(", ") if one)
        found.append(Option(option_id, name, children=children))
    return tuple(found)


def _screens(site: Site, seed: SiteSeed, project: Project) -> dict[str, tuple[str, ...]]:
    """The fields of each type's screen; the rarer ones are on few."""
    by_name = {f.name: f.id for f in site.fields.values()}
    first = project.key == seed.projects[0][1]
    rarer = RARER | {f"customfield_{number}" for number, *_ in seed.rarer}
    screens = {}
    for type_id in project.issue_types:
        type_name = dict(seed.types)[type_id]
        off = {by_name[f] for p, t, f in seed.hidden if (p, t) == (project.key, type_name)}
        if type_name not in (("Task", "Bug") if first else ("Task",)):
            off |= rarer
        if not first:
            off.add("security")  # the project has no security scheme
        ids = [f.id for f in site.fields.values() if f.settable and f.id not in off]
        screens[type_id] = tuple(ids)
    return screens


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
