"""What the sites call the things that a profile names by id, as far as it was read. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.language import gettext as _
from app.language import noop
from app.mapping.profile import Side

SYSTEM_FIELDS: Mapping[str, str] = {
    "summary": noop("Summary"),
    "description": noop("Description"),
    "environment": noop("Environment"),
    "labels": noop("Labels"),
    "priority": noop("Priority"),
    "duedate": noop("Due date"),
    "components": noop("Components"),
    "fixVersions": noop("Fix versions"),
    "versions": noop("Affects versions"),
    "assignee": noop("Assignee"),
    "reporter": noop("Reporter"),
    "resolution": noop("Resolution"),
    "status": noop("Status"),
    "parent": noop("Parent"),
    "timetracking": noop("Time tracking"),
    "security": noop("Security level"),
}
"""The fields that every Jira has, for where the site was not asked."""


def field_name(field: str) -> str:
    """A field as people say it: one that every Jira has by its name, another by its id."""
    return _(SYSTEM_FIELDS[field]) if field in SYSTEM_FIELDS else field


@dataclass(frozen=True)
class Names:
    """Names by id; each may be missing. `sites`: the hosts. `projects`: key and name. `values`: of
    the values of a field, by the field's id."""

    sites: Mapping[Side, str] = field(default_factory=dict)
    projects: Mapping[Side, tuple[str, str]] = field(default_factory=dict)
    types: Mapping[Side, str] = field(default_factory=dict)
    fields: Mapping[tuple[Side, str], str] = field(default_factory=dict)
    values: Mapping[tuple[Side, str], Mapping[str, str]] = field(default_factory=dict)

    def site(self, side: Side) -> str:
        """The site of a side, in a sentence."""
        usual = _("the left site") if side is Side.LEFT else _("the right site")
        return self.sites.get(side, usual)

    def field_of(self, side: Side, name: str) -> str:
        """A field of a side: its name, or else its id."""
        known = self.fields.get((side, name))
        if known is not None:
            return known
        return field_name(name)
