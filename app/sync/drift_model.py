"""What a profile names of its sites, what these tell of it, and what is found to be gone. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.jira.site import FieldRule
from app.mapping.field_types import kind_of
from app.mapping.profile import SYSTEM_KINDS, FieldMapping, Kind, Side
from app.mapping.repair import Target
from app.mapping.values import handler
from app.sync.drift_repairs import Choice, Repair

COMMENT = "comment"
"""What a transition may be given and is no field."""


class How(StrEnum):
    """What became of a thing."""

    GONE = "gone"
    RETYPED = "retyped"
    INACTIVE = "inactive"
    OFF_SCREEN = "off-screen"


@dataclass(frozen=True)
class Now:
    """What a site tells of what a profile names. None: it did not tell, or was not asked.

    `types`: those of the project, by id; empty where it knows no such project. `every`, `create`,
    `edit`: fields of the site and of its screens. `active`: of the people, whether each is.
    `groups`, `links`: all of the site. `lacking`: values that it was asked for by their ids, as it
    lists none, and does not know.
    """

    types: Mapping[str, str] | None = None
    every: Mapping[str, FieldRule] | None = None
    create: Mapping[str, FieldRule] | None = None
    edit: Mapping[str, FieldRule] | None = None
    statuses: Mapping[str, str] | None = None
    resolutions: Mapping[str, str] | None = None
    active: Mapping[str, bool] | None = None
    groups: Mapping[str, str] | None = None
    links: Mapping[str, str] | None = None
    lacking: frozenset[tuple[Kind, str]] = frozenset()

    def rule(self, field_id: str) -> FieldRule | None:
        """What the site tells of a field, the screens first: they tell its type best."""
        told = [
            place[field_id]
            for place in (self.create, self.edit, self.every)
            if place is not None and field_id in place
        ]
        return next((one for one in told if one.schema), told[0] if told else None)

    def has_field(self, field_id: str) -> bool | None:
        """Whether the field is there; None where that is not known."""
        if self.rule(field_id) is not None:
            return True
        return None if self.every is None else False

    def on_screen(self, field_id: str) -> bool | None:
        """Whether a screen of the issue type has the field; None where one is not known."""
        screens = (self.create, self.edit)
        if any(one is not None and field_id in one for one in screens):
            return True
        return False if all(one is not None for one in screens) else None

    def values(self, mapping: FieldMapping, side: Side) -> Mapping[str, str] | None:
        """The values that a mapped field takes, by id; None where the site does not list them."""
        return self.values_of(mapping.kind_of(side), mapping.field(side))

    def values_of(self, kind: Kind, field_id: str) -> Mapping[str, str] | None:
        """The same of any field that is of this kind."""
        lists = {Kind.STATUS: self.statuses, Kind.RESOLUTION: self.resolutions}
        if kind in lists:
            return lists[kind] or None
        if kind in {Kind.GROUP, Kind.GROUPS}:
            return self.groups or None
        found: dict[str, str] = {}
        for screen in (self.edit, self.create):
            rule = (screen or {}).get(field_id)
            if rule is not None:
                found |= dict(handler(kind).choices(list(rule.values)))
        return found or None

    def kind_of_field(self, field_id: str) -> Kind | None:
        """Of which kind a field is, as far as the site tells."""
        if field_id in SYSTEM_KINDS:
            return SYSTEM_KINDS[field_id][-1]
        rule = self.rule(field_id)
        return kind_of(rule.schema) if rule is not None and rule.schema else None


@dataclass(frozen=True)
class Known:
    """What earlier looks saw: the names of things; and which fields were on a screen, and which
    texts were an account."""

    names: Mapping[str, str] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Finding:
    """Something that a profile names and a site has no more, or not as it was.

    `name`: the last one known. `places`: where the mapping document names it. `choices`: what may
    be put in its place, where a repair asks for that. `now`: the kind that a field has now.
    """

    target: Target
    how: How
    name: str = ""
    places: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    choices: tuple[Choice, ...] = ()
    field_name: str = ""
    now: str = ""
    found_at: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Stays the same from look to look while the thing is gone."""
        told = "|".join((ref_key(self.target), self.how))
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def ref_key(target: Target) -> str:
    """A thing as one text."""
    return "|".join((target.side, target.what, target.key, target.id))
