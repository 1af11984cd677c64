"""Words of the Fields step: kinds, directions, moments, policies, items and lifecycles."""

from __future__ import annotations

from collections.abc import Mapping

from app.language import noop
from app.mapping.lifecycle import Archived, Deleted, Moved
from app.mapping.profile import ItemKind, Kind, MarkerMode, Moment, Policy

KINDS: Mapping[Kind, str] = {
    Kind.TEXT: noop("Text"),
    Kind.RICH_TEXT: noop("Formatted text"),
    Kind.LABELS: noop("Labels"),
    Kind.NAMED: noop("Named value"),
    Kind.DATE: noop("Date"),
    Kind.NUMBER: noop("Number"),
    Kind.DATETIME: noop("Date and time"),
    Kind.URL: noop("URL"),
    Kind.OPTION: noop("Select"),
    Kind.OPTIONS: noop("Multi-select"),
    Kind.CASCADE: noop("Cascading select"),
    Kind.COMPONENTS: noop("Components"),
    Kind.VERSIONS: noop("Versions"),
    Kind.VERSION: noop("Version"),
    Kind.PRIORITY: noop("Priority"),
    Kind.RESOLUTION: noop("Resolution"),
    Kind.STATUS: noop("Status"),
    Kind.USER: noop("Person"),
    Kind.USERS: noop("People"),
    Kind.GROUP: noop("Group"),
    Kind.GROUPS: noop("Groups"),
    Kind.SPRINT: noop("Sprint"),
    Kind.PARENT: noop("Parent"),
    Kind.TIME_TRACKING: noop("Time tracking"),
    Kind.SECURITY: noop("Security level"),
    Kind.REQUEST_TYPE: noop("Request type"),
    Kind.ORGANIZATIONS: noop("Organizations"),
    Kind.READ_ONLY_TEXT: noop("Read only"),
}
MOMENTS: Mapping[Moment, str] = {
    Moment.ALWAYS: noop("Always: when the twin is made, and with each change"),
    Moment.CREATE: noop("Only when the twin is made"),
    Moment.UPDATE: noop("Only once both issues are there"),
}
POLICIES: Mapping[Policy, str] = {
    Policy.NEWER: noop("The newer change wins"),
    Policy.LEFT: noop("%(left)s wins"),
    Policy.RIGHT: noop("%(right)s wins"),
    Policy.ASK: noop("Ask somebody each time"),
}
REASONS: Mapping[str, str] = {
    "the same field of every Jira": noop("Same system field"),
    "the same name": noop("Same name"),
    "a similar name": noop("Similar name"),
    "the only one of this type on both sides": noop("Only one of this type"),
}
ITEMS: Mapping[ItemKind, tuple[str, str]] = {
    ItemKind.COMMENTS: (
        noop("Comments"),
        noop("Public comments, with the edits that are made to them."),
    ),
    ItemKind.ATTACHMENTS: (
        noop("Attachments"),
        noop("Files, from site to site: Tandem keeps none of them."),
    ),
    ItemKind.WORKLOGS: (noop("Work logs"), noop("The work that people log, with its texts.")),
    ItemKind.LINKS: (
        noop("Links between issues"),
        noop("Links to issues that have a twin. Their types are paired in the next step."),
    ),
    ItemKind.REMOTE_LINK: (
        noop("A link to the twin"),
        noop("A web link on each issue, with the twin's key and address."),
    ),
}
MARKERS: Mapping[MarkerMode, str] = {
    MarkerMode.ONLY: noop("Only comments that hold it"),
    MarkerMode.UNLESS: noop("All but those that hold it"),
}
DELETED: Mapping[Deleted, str] = {
    Deleted.LEAVE: noop("Leave its twin as it is"),
    Deleted.UNLINK: noop("End the pair"),
    Deleted.COMMENT: noop("Say so in a comment on the twin, and end the pair"),
    Deleted.CLOSE: noop("Close the twin, and end the pair"),
    Deleted.DELETE: noop("Delete the twin, where Tandem made it"),
}
MOVED: Mapping[Moved, str] = {
    Moved.FOLLOW: noop("Go on with the pair"),
    Moved.UNLINK: noop("End the pair"),
    Moved.COMMENT: noop("Say so in a comment on the twin, and end the pair"),
}
ARCHIVED: Mapping[Archived, str] = {
    Archived.IGNORE: noop("Do nothing"),
    Archived.UNLINK: noop("End the pair"),
    Archived.COMMENT: noop("Say so in a comment on the twin, and end the pair"),
}
LIFECYCLE: Mapping[
    str, tuple[str, Mapping[Deleted, str] | Mapping[Moved, str] | Mapping[Archived, str]]
] = {
    "deleted": (noop("When an issue is deleted"), DELETED),
    "moved": (noop("When an issue is moved to another project or type"), MOVED),
    "archived": (noop("When an issue is archived"), ARCHIVED),
}
