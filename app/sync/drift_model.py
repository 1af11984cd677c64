"""What a profile names of its sites, what these tell of it, and what is found to be gone. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.jira.site import FieldRule
from app.mapping.profile import FieldMapping, Kind, Profile, Side
from app.mapping.repair import Target, What
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
class Ref:
    """A thing of a site that a profile names, and where in the mapping document it does."""

    target: Target
    place: str


@dataclass(frozen=True)
class Now:
    """What a site tells of what a profile names. None: it did not tell, or was not asked.

    `types`: those of the project, by id; empty where it knows no such project. `every`, `create`,
    `edit`: fields of the site and of its screens. `active`: of the people, whether each is.
    """

    types: Mapping[str, str] | None = None
    every: Mapping[str, FieldRule] | None = None
    create: Mapping[str, FieldRule] | None = None
    edit: Mapping[str, FieldRule] | None = None
    statuses: Mapping[str, str] | None = None
    resolutions: Mapping[str, str] | None = None
    active: Mapping[str, bool] | None = None

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
        kind = mapping.kind_of(side)
        if kind is Kind.STATUS:
            return self.statuses or None
        if kind is Kind.RESOLUTION:
            return self.resolutions or None
        found: dict[str, str] = {}
        for screen in (self.edit, self.create):
            rule = (screen or {}).get(mapping.field(side))
            if rule is not None:
                found |= dict(handler(kind).choices(list(rule.values)))
        return found or None


@dataclass(frozen=True)
class Known:
    """What earlier looks saw: the names of things, and which fields were on a screen."""

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


def references(profile: Profile) -> Iterator[Ref]:
    """All that a profile names of both sites by id."""
    for side in Side:
        scope = profile.scope(side)
        yield Ref(Target(side, What.PROJECT, scope.project_id), f"{side.value}.project_id")
        yield Ref(Target(side, What.TYPE, scope.issue_type_id), f"{side.value}.issue_type_id")
        for number, mapping in enumerate(profile.fields):
            yield from _of_mapping(side, f"fields.{number}", mapping)
        for one in profile.moves:
            if one.side is side:
                place = f"moves.{side.value}.{one.field}"
                yield Ref(Target(side, What.FIELD, one.field), place)
        for number, row in enumerate(profile.users.rows):
            place = f"users.rows.{number}.{side.value}"
            yield Ref(Target(side, What.USER, row.of(side)), place)
        default = profile.users.default(side)
        if default is not None:
            yield Ref(Target(side, What.USER, default), f"users.{side.value}_default")


def _of_mapping(side: Side, where: str, mapping: FieldMapping) -> Iterator[Ref]:
    yield Ref(Target(side, What.FIELD, mapping.field(side), mapping.key), f"{where}.{side.value}")
    kind = mapping.kind_of(side)
    if not handler(kind).has_table:
        return
    what = What.STATUS if kind is Kind.STATUS else What.VALUE
    for number, row in enumerate(mapping.values.rows):
        place = f"{where}.values.rows.{number}.{side.value}"
        yield Ref(Target(side, what, row.of(side), mapping.key), place)
    default = mapping.values.default(side)
    if default is not None:
        yield Ref(Target(side, what, default, mapping.key), f"{where}.values.{side.value}_default")
