"""The fields of a site at the start, and the screens that they are on."""

from __future__ import annotations

import itertools

from sandbox.model import FieldDef, JsonDict, Option, Project
from sandbox.seeds import ORGANIZATIONS, REQUEST_TYPE, SLA, SPRINT, THING, SiteSeed
from sandbox.service import project_type
from sandbox.site import Site

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"

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
    REQUEST_TYPE: ("requesttype", "sd-customerrequesttype", ""),
    ORGANIZATIONS: ("organizations", "array", "sd-customerorganization"),
    SLA: ("sla", "sd-servicelevelagreement", ""),
}
# System fields that only the types show that show the rarer custom fields.
RARER = frozenset({"components", "fixVersions", "versions", "security", "timetracking"})


def put_fields(site: Site, seed: SiteSeed) -> None:
    """Give a site its fields."""
    for field_id, label, kind, schema_type, items, settable, clauses in SYSTEM_FIELDS:
        schema: JsonDict = {"type": schema_type, "system": field_id}
        if items:
            schema["items"] = items
        names = (field_id, *clauses)
        site.fields[field_id] = FieldDef(
            field_id, label, kind, schema, clause_names=names, settable=settable
        )
    for definition in custom_fields(seed):
        site.fields[definition.id] = definition


def custom_fields(seed: SiteSeed) -> list[FieldDef]:
    """The custom fields of a site, as they are at the start."""
    found = []
    service = ((*one, ()) for one in seed.service)
    for number, label, custom, values in (*seed.custom, *seed.rarer, *service):
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
            options=_options(first, values), settable=kind != "sla",
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


def screens_of(site: Site, seed: SiteSeed, project: Project) -> dict[str, tuple[str, ...]]:
    """The fields of each type's screen; the rarer ones are on few."""
    by_name = {f.name: f.id for f in site.fields.values()}
    first = project.key == seed.projects[0][1]
    rarer = RARER | {f"customfield_{number}" for number, *_ in seed.rarer}
    of_desks = {f"customfield_{number}" for number, *_ in seed.service}
    screens = {}
    for type_id in project.issue_types:
        type_name = dict(seed.types)[type_id]
        off = {by_name[f] for p, t, f in seed.hidden if (p, t) == (project.key, type_name)}
        if type_name not in (("Task", "Bug") if first else ("Task",)):
            off |= rarer
        if not first:
            off.add("security")  # the project has no security scheme
        if project_type(project) != "service_desk" or type_name == "Sub-task":
            off |= of_desks
        ids = [f.id for f in site.fields.values() if f.settable and f.id not in off]
        screens[type_id] = tuple(ids)
    return screens
