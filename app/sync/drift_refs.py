"""All that a profile names of both sites by id, and where in the mapping document it does. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.mapping.constants import constant_of
from app.mapping.named_ids import Thing, texts_in, things_in
from app.mapping.profile import FieldMapping, Kind, Profile, Side
from app.mapping.repair import LINKS, Target, What
from app.mapping.values import handler

_ACCOUNT = re.compile(r"[0-9a-fA-F]{24}|[0-9]+:[0-9a-fA-F-]{36}")


@dataclass(frozen=True)
class Ref:
    """A thing of a site that a profile names, and where in the mapping document it does. Not
    `sure`: a text that may be the id or the name of one, which only a site can tell."""

    target: Target
    place: str
    sure: bool = True


def references(profile: Profile) -> Iterator[Ref]:
    """All that a profile names of both sites."""
    for side in Side:
        scope = profile.scope(side)
        yield Ref(Target(side, What.PROJECT, scope.project_id), f"{side.value}.project_id")
        yield Ref(Target(side, What.TYPE, scope.issue_type_id), f"{side.value}.issue_type_id")
        for number, mapping in enumerate(profile.fields):
            yield from _of_mapping(side, f"fields.{number}", mapping)
        yield from _of_moves(profile, side)
        yield from _of_links(profile, side)
        for number, row in enumerate(profile.users.rows):
            place = f"users.rows.{number}.{side.value}"
            yield Ref(Target(side, What.USER, row.of(side)), place)
        default = profile.users.default(side)
        if default is not None:
            yield Ref(Target(side, What.USER, default), f"users.{side.value}_default")


def certain(profile: Profile) -> set[Target]:
    """What a profile surely names."""
    return {ref.target for ref in references(profile) if ref.sure}


def _of_moves(profile: Profile, side: Side) -> Iterator[Ref]:
    for one in profile.moves:
        if one.side is not side:
            continue
        place = f"moves.{side.value}.{one.field}"
        yield Ref(Target(side, What.FIELD, one.field), place)
        given = json.loads(one.value)
        if isinstance(given, str):
            continue  # the words of a comment or a text
        for thing in things_in(given):
            what = What.USER if thing.person else What.VALUE
            yield Ref(Target(side, what, thing.id, one.field), place, thing.by_id)


def _of_links(profile: Profile, side: Side) -> Iterator[Ref]:
    for number, items in enumerate(profile.items):
        for place, row in enumerate(items.types):
            where = f"items.{number}.types.{place}.{side.value}"
            yield Ref(Target(side, What.LINK_TYPE, row.of(side), LINKS), where)


def _of_mapping(side: Side, where: str, mapping: FieldMapping) -> Iterator[Ref]:
    yield Ref(Target(side, What.FIELD, mapping.field(side), mapping.key), f"{where}.{side.value}")
    if mapping.transform is not None:
        yield from _of_transform(side, where, mapping)
    kind = mapping.kind_of(side)
    if not handler(kind).has_table:
        return
    what = what_of(kind)
    for number, row in enumerate(mapping.values.rows):
        place = f"{where}.values.rows.{number}.{side.value}"
        yield Ref(Target(side, what, row.of(side), mapping.key), place)
    default = mapping.values.default(side)
    if default is not None:
        yield Ref(Target(side, what, default, mapping.key), f"{where}.values.{side.value}_default")


def _of_transform(side: Side, where: str, mapping: FieldMapping) -> Iterator[Ref]:
    kind, constant = mapping.kind_of(side), constant_of(mapping)
    own = handler(kind)
    if not (own.has_table or own.has_users):
        return
    what = what_of(kind)
    if constant is not None:
        if mapping.made_from is side.other:
            for thing in things_in(constant):
                sure = thing.by_id or (own.has_users and _is_account(thing))
                yield Ref(Target(side, what, thing.id, mapping.key), f"{where}.transform", sure)
        return
    texts = ((text, place) for at, text, place in texts_in(mapping) if at is side)
    for text, place in _fitting(own.has_users, texts):
        yield Ref(Target(side, what, text, mapping.key), f"{where}.{place}", sure=False)


def _fitting(people: bool, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Texts that may be of a thing: a person is named by the account id alone."""
    for text, place in texts:
        if text and (not people or _ACCOUNT.fullmatch(text)):
            yield text, place


def _is_account(thing: Thing) -> bool:
    return _ACCOUNT.fullmatch(thing.id) is not None


def what_of(kind: Kind) -> What:
    """What the values of a kind are."""
    if handler(kind).has_users:
        return What.USER
    return What.STATUS if kind is Kind.STATUS else What.VALUE
