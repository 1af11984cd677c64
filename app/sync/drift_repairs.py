"""Which repairs are offered for a thing that a site has no more. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.errors import Problem
from app.jira.site import FieldRule
from app.language import gettext as _
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.document_values import MAX_ID
from app.mapping.field_types import kind_of
from app.mapping.profile import SYSTEM_KINDS, Profile
from app.mapping.repair import Target, Way, What, mended

MOST_CHOICES = 1000
_ANOTHER = "another"

Choice: TypeAlias = tuple[str, str]
"""What may be put in the place of what is gone: its id and its name."""


@dataclass(frozen=True)
class Repair:
    """A repair. `to`: the id or the kind that is put in its place, and what that is called; a SWAP
    or MOVE without one asks for it."""

    way: Way
    to: str = ""
    name: str = ""

    @property
    def choice(self) -> str:
        """How a form or a command names it."""
        return f"{self.way.value}={self.to}" if self.to else self.way.value

    @property
    def asks(self) -> bool:
        """Whether what is put in its place is to be chosen."""
        return self.way in {Way.SWAP, Way.MOVE} and not self.to


@dataclass(frozen=True)
class There:
    """What the site has in its place. `values`: those of its field; `every`: all fields; `rule`:
    what it tells of the field itself, if that is there, `off_screen` or not."""

    values: Mapping[str, str]
    every: Mapping[str, FieldRule]
    rule: FieldRule | None = None
    off_screen: bool = False


def repairs_of(
    profile: Profile, target: Target, name: str, there: There
) -> tuple[tuple[Repair, ...], tuple[Choice, ...]]:
    """The repairs of a thing, the likeliest first, and what may be chosen from. `name`: its last
    known one."""
    offered: list[Repair] = []
    choices: list[Choice] = []
    match target.what:
        case What.VALUE | What.STATUS | What.LINK_TYPE:
            choices = sorted(there.values.items(), key=lambda one: one[1].casefold())
            offered += [Repair(Way.SWAP, to, title) for to, title in choices if _same(title, name)]
            offered.append(Repair(Way.SWAP))
        case What.USER:
            offered.append(Repair(Way.SWAP))
        case What.FIELD if there.off_screen:
            offered.append(Repair(Way.ONE_WAY))
        case What.FIELD if there.rule is not None:
            kind = kind_of(there.rule.schema)
            offered += _named_so(profile, target, there.every, there.rule.name)
            offered.append(Repair(Way.KIND, kind.value))
        case What.FIELD:
            of_kind = (one for one in _fields(profile, target, there.every) if one[2])
            choices = sorted(
                ((id_, title) for id_, title, _ in of_kind), key=lambda one: one[1].casefold()
            )
            offered += _named_so(profile, target, there.every, name)
            offered += [Repair(Way.MOVE)] if choices else []
    if target.what not in {What.PROJECT, What.TYPE}:
        offered.append(Repair(Way.DROP))
    fits = tuple(
        one
        for one in offered
        if (_mends(profile, target, one) if one.asks else _is_sound(profile, target, one))
    )
    return fits, tuple(choices[:MOST_CHOICES])


def _fields(
    profile: Profile, target: Target, every: Mapping[str, FieldRule]
) -> Iterator[tuple[str, str, bool]]:
    """The fields of the site that are unmapped, by id and name, and whether they are of the kind of
    the mapped one. None for what transitions are given."""
    mapping = next((one for one in profile.fields if one.key == target.key), None)
    mapped = {one.field(target.side) for one in profile.fields}
    for field_id, rule in every.items():
        if mapping is None or field_id in SYSTEM_KINDS or field_id in mapped:
            continue
        yield field_id, rule.name, kind_of(rule.schema) is mapping.kind_of(target.side)


def _named_so(
    profile: Profile, target: Target, every: Mapping[str, FieldRule], name: str
) -> list[Repair]:
    """The fields that bear a name now: those of the same kind first."""
    found = [one for one in _fields(profile, target, every) if _same(one[1], name)]
    same = [Repair(Way.MOVE, id_, title) for id_, title, of_kind in found if of_kind]
    others = [
        Repair(Way.ANEW, f"{id_}:{kind_of(every[id_].schema).value}", title)
        for id_, title, of_kind in found
        if not of_kind
    ]
    return same + others


def _mends(profile: Profile, target: Target, one: Repair) -> bool:
    """Whether something else may be put in its place: not in the words of an expression."""
    return mended(profile, target, one.way, _ANOTHER) not in {None, profile}


def _is_sound(profile: Profile, target: Target, one: Repair) -> bool:
    """Whether the profile would be one that may be stored."""
    made = mended(profile, target, one.way, one.to)
    try:
        return made is not None and load_profile(dump_profile(made)) != profile
    except DocumentError:
        return False


def _same(one: str, other: str) -> bool:
    def folded(text: str) -> str:
        return " ".join(text.split()).casefold()

    return bool(other) and folded(one) == folded(other)


def chosen_of(offered: Sequence[Repair], choice: str, to: str) -> tuple[Way, str]:
    """The repair that somebody chose, with what is put in its place: `to` where it asks for that.
    Raises Problem."""
    known = next((one for one in offered if one.choice == choice), None)
    if known is None:
        rule = _(
            "choice: must be one of the repairs that are offered here: %(choices)s.",
            choices=", ".join(one.choice for one in offered) or _("there is none"),
        )
        raise Problem(rule, code="invalid-field", field="choice")
    to = to.strip()
    if known.asks and not 0 < len(to) <= MAX_ID:
        rule = _("to: must be the id of what is put in its place. Choose it.")
        raise Problem(rule, code="invalid-field", field="to")
    return known.way, to if known.asks else known.to
