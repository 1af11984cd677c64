"""The fields of a side as they are offered for mapping, told from its site's metadata. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from app.jira.site import FieldRule
from app.mapping.constants import constant_of
from app.mapping.field_types import kind_of
from app.mapping.profile import SYSTEM_KINDS, FieldMapping, Kind, Moment, Profile, Side
from app.mapping.values import handler

OF_THE_SCOPE = frozenset({"project", "issuetype"})
# What has its own way across, and is never mapped as a field.
ELSEWHERE: Mapping[str, str] = {
    "project": "it is what the profile's scope says",
    "issuetype": "it is what the profile's scope says",
    "comment": "comments are carried by `tandem profile carry PROFILE comments`",
    "attachment": "files are carried by `tandem profile carry PROFILE attachments`",
    "worklog": "work is carried by `tandem profile carry PROFILE worklogs`",
    "issuelinks": "links are carried by `tandem profile carry PROFILE links`",
    "subtasks": "sub-tasks have a profile of their own, with parent mapped to parent",
}


@dataclass(frozen=True)
class Seen:
    """What a site tells of the fields of a scope, each by its id.

    `create`, `edit`: the fields of these screens; None where the site does not tell. `every`: all
    fields of the site, on a screen or not. `held`: the ids that its issues have; None where there
    is no issue yet. `moves`: the ids that screens of transitions have, of those that were seen.
    """

    create: Mapping[str, FieldRule] | None
    edit: Mapping[str, FieldRule] | None
    every: Mapping[str, FieldRule]
    held: frozenset[str] | None
    moves: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OfferedField:
    """A field of a side, what can be done with it, and what the profile does with it now."""

    side: Side
    id: str
    name: str
    kind: Kind
    system: bool
    """Whether it is one that every Jira has, so that it is the same field on the other side."""
    create: bool
    """Whether it can be given when an issue is made."""
    edit: bool
    """Whether an issue that is there can be given it."""
    takes: Moment | None
    """When a mapping may write it; None: it is only read."""
    why: str
    """Why it is not written always, or how it is; empty where there is nothing to say."""
    required: bool
    """Whether the site makes no issue without it. What has a default is not required."""
    moved: bool = False
    """Whether it is set by moving an issue through its workflow, so never as one is made."""
    mapped_to: tuple[str, ...] = ()
    """The fields of the other side that the profile maps it to."""
    fed_by: tuple[str, ...] = ()
    """The keys of the mappings that write it."""
    born_with: bool = False
    """Whether one of them writes it when an issue is made."""
    constant: bool = False
    """Whether the profile has a value that transitions are given for it."""

    @property
    def wanting(self) -> bool:
        """Whether no issue is made on this side for want of it."""
        return self.required and not self.born_with

    @property
    def hidden(self) -> bool:
        """Whether it is of a kind that can be written, but is on neither screen: nobody fills it
        in, or only who moves the issue."""
        return not (self.create or self.edit or self.takes is Moment.ALWAYS) and (
            handler(self.kind).writable
        )


def offered(side: Side, seen: Seen, profile: Profile) -> tuple[OfferedField, ...]:
    """The fields of a side that a mapping can have, by name: those on a screen, those that its
    issues have, system fields of a kind that is known, and what is mapped. And what is required
    otherwise."""
    mapped: dict[str, list[FieldMapping]] = {}
    for each in profile.fields:
        mapped.setdefault(each.field(side), []).append(each)
    given = frozenset(one.field for one in profile.moves if one.side is side)
    found = [
        _field(side, one, seen, mapped.get(one, ()), constant=one in given)
        for one in sorted(_ids(seen, mapped.keys()))
    ]
    kept = [one for one in found if one.id not in ELSEWHERE or one.wanting]
    return tuple(sorted(kept, key=lambda one: (one.name.casefold(), one.id)))


def _ids(seen: Seen, mapped: Set[str]) -> Set[str]:
    screens = {*(seen.create or ()), *(seen.edit or ())}
    others = SYSTEM_KINDS.keys() | (seen.held or frozenset()) | seen.moves | mapped
    return (screens | (others & seen.every.keys())) - OF_THE_SCOPE


def _field(
    side: Side, field_id: str, seen: Seen, mappings: Sequence[FieldMapping], *, constant: bool
) -> OfferedField:
    rules = [*_rules(field_id, seen)]
    rule = next((one for one in rules if one.schema), rules[0])
    kind, on_create = kind_of(rule.schema), (seen.create or {}).get(field_id)
    create, edit = (_place(field_id, screen) for screen in (seen.create, seen.edit))
    shown_only = any(not one.settable for one in rules)
    takes, why = _taken(kind, rule.schema, create=create, edit=edit, shown_only=shown_only)
    moved = handler(kind).by_transition or kind is Kind.RESOLUTION
    if takes is None and handler(kind).writable and field_id in seen.moves:
        takes, why, moved = (
            Moment.UPDATE,
            "only where an issue is moved: no other screen has it",
            True,
        )
    feeding = [one for one in mappings if one.flow.feeds(side)]
    return OfferedField(
        side=side,
        id=field_id,
        name=rule.name,
        kind=kind,
        system=field_id == rule.schema.get("system"),
        create=create is True,
        edit=edit is True,
        takes=takes,
        why=why,
        required=on_create is not None and on_create.required,
        moved=moved,
        mapped_to=tuple(
            one.field(side.other)
            for one in mappings
            if one in feeding or constant_of(one) is None  # it is the source of a constant alone
        ),
        fed_by=tuple(one.key for one in feeding),
        born_with=any(one.moment is not Moment.UPDATE for one in feeding),
        constant=constant,
    )


def _rules(field_id: str, seen: Seen) -> Iterator[FieldRule]:
    for place in (seen.create, seen.edit, seen.every):
        if place is not None and field_id in place:
            yield place[field_id]


def _place(field_id: str, screen: Mapping[str, FieldRule] | None) -> bool | None:
    """Whether a screen takes a field; None where the screen is not known."""
    if screen is None:
        return None
    return field_id in screen and screen[field_id].settable


def _taken(
    kind: Kind,
    schema: Mapping[str, object],
    *,
    create: bool | None,
    edit: bool | None,
    shown_only: bool,
) -> tuple[Moment | None, str]:
    """When a field may be written, and what there is to say of it."""
    own = handler(kind)
    if not own.writable:
        return None, _unwritable(schema)
    if own.by_transition or (kind is Kind.RESOLUTION and not edit):
        return Moment.ALWAYS, "written by transitions of the workflow"
    why = "; ".join(
        f"the {name} screen is not known"
        if place is None
        else f"the {name} screen only shows it"
        if shown_only
        else f"not on the {name} screen"
        for name, place in (("create", create), ("edit", edit))
        if not place
    )
    if not create and not edit:
        return None, why
    if create is False:
        return Moment.UPDATE, why
    return (Moment.CREATE if edit is False else Moment.ALWAYS), why


def _unwritable(schema: Mapping[str, object]) -> str:
    custom = schema.get("custom")
    if isinstance(custom, str):
        return f"its type, {custom.rpartition(':')[2]}, is one that is only read, as text"
    return "Jira sets it by itself; it is only read, as text"
