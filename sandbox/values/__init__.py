"""Turns the values that callers send for fields into what is stored, refusing as Jira does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.model import FieldDef, Project
from sandbox.site import Site
from sandbox.values import choices, moments, people, service, texts
from sandbox.values.faults import FieldFault
from sandbox.values.texts import rich_in

__all__ = ["EMPTY_LISTS", "NOT_ON_SCREEN", "SEVERAL", "FieldFault", "Intake", "rich_in"]

NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


@dataclass(frozen=True)
class Intake:
    """Reads values for one project, in the representation of an API version.

    `current` is what the issue holds, as stored; nothing for one that is yet to be made.
    `type_id`: its issue type, where that matters.
    """

    site: Site
    version: int
    project: Project
    current: dict[str, Any] = dataclasses.field(default_factory=dict)
    type_id: str = ""

    def read(self, field: FieldDef, value: Any) -> Any:
        """The value as stored. Raises FieldFault."""
        reader = READERS.get(field.kind)
        if reader is None:
            raise FieldFault(NOT_ON_SCREEN.format(field.id))
        if field.id == "summary" and (value is None or not str(value).strip()):
            raise FieldFault("You must specify a summary of the issue.")
        if value is None and field.kind not in READ_NULL:
            return [] if field.id in EMPTY_LISTS else None
        return reader(self, field, value)


READERS: dict[str, Callable[[Intake, FieldDef, Any], Any]] = {
    "string": texts.line,
    "url": texts.url,
    "richtext": texts.rich,
    "labels": texts.labels,
    "number": moments.number,
    "date": moments.day,
    "datetime": moments.moment,
    "timetracking": moments.estimates,
    "option": choices.option,
    "options": choices.options,
    "cascade": choices.cascade,
    "components": choices.components,
    "version": choices.version,
    "versions": choices.versions,
    "sprint": choices.sprint,
    "security": choices.security,
    "priority": choices.priority,
    "resolution": choices.resolution,
    "parent": choices.parent,
    "user": people.user,
    "users": people.users,
    "group": people.group,
    "groups": people.groups,
    "requesttype": service.request,
    "organizations": service.organizations,
}
# Kinds in which null is more than "nothing".
READ_NULL = frozenset({"timetracking", "sprint"})
# Fields that are an empty list, not null, when they hold nothing.
EMPTY_LISTS = frozenset({"labels", "components", "versions", "fixVersions"})
# Kinds that hold several values: `add` and `remove` work.
SEVERAL = frozenset(
    {"labels", "options", "components", "versions", "users", "groups", "organizations"}
)
