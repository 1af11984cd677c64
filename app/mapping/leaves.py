"""What a profile lets out of one site, so that it becomes readable on the other. Pure, no I/O."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.mapping.lifecycle import Why
from app.mapping.profile import (
    FieldMapping,
    ItemKind,
    ItemMapping,
    MarkerMode,
    Moment,
    Profile,
    Side,
)
from app.mapping.transforms import TransformProblem, compile_expression


class What(StrEnum):
    """The kinds of things that leave a site."""

    SCOPE = "scope"  # which issues
    FIELD = "field"
    ISSUE = "issue"  # key, type and project of the issue, where a transform reads them
    ITEM = "item"
    AUTHOR = "author"  # the name of who made an item
    CREATED = "created"  # when an item was made
    INTERNAL = "internal"  # internal comments, so far as this side allows it
    RESTRICTED = "restricted"  # issues with a security level, so far as this side allows it
    FATE = "fate"  # that an issue was deleted, moved or archived


@dataclass(frozen=True, order=True)
class Leaf:
    """One thing that leaves. `name`: the field's id, the kind of item and so on. `moment`: of a
    field, that it leaves when the twin is made ("create") or afterwards ("update").

    `through`: what narrows it, such as the expression that is made of a field, or a filter; empty
    where all of it leaves.
    """

    what: What
    name: str
    moment: str = ""
    through: str = ""

    def covers(self, other: Leaf) -> bool:
        """Whether who agreed to this leaf has agreed to `other`."""
        same = (self.what, self.name, self.moment) == (other.what, other.name, other.moment)
        if not same or not self.through or self.through == other.through:
            return same
        both_limits = self.through.isdigit() and other.through.isdigit()
        return both_limits and int(other.through) <= int(self.through)


def leaves(profile: Profile, side: Side) -> frozenset[Leaf]:
    """All that the profile lets out of `side`."""
    found = {_scope(profile, side), *_fates(profile)}
    for mapping in profile.fields:
        if mapping.flow.feeds(side.other):
            found.update(_of_field(profile, mapping, side))
    for item in profile.items:
        if item.flow.feeds(side.other):
            found.update(_of_item(item, side))
    if side in profile.restricted:
        found.add(Leaf(What.RESTRICTED, "issues"))
    return frozenset(found)


def more(old: Profile, new: Profile, side: Side) -> frozenset[Leaf]:
    """What `new` lets out of `side` and `old` does not."""
    before = leaves(old, side)
    return frozenset(
        leaf for leaf in leaves(new, side) if not any(one.covers(leaf) for one in before)
    )


def source_fields(profile: Profile, mapping: FieldMapping, side: Side) -> tuple[str, ...]:
    """The fields of `side` whose values cross by a mapping that flows out of it: its own one, or
    those that its transform reads."""
    if mapping.transform is None:
        return (mapping.field(side),)
    mapped = sorted({one.field(side) for one in profile.fields})
    try:
        transform = compile_expression(mapping.transform)
    except TransformProblem:  # pragma: no cover  a document with one is refused
        return tuple(mapped)
    read = set(transform.fields_read("source", mapped))
    return tuple(sorted(read | ({mapping.field(side)} if "value" in transform.reads else set())))


def _scope(profile: Profile, side: Side) -> Leaf:
    scope = profile.scope(side)
    return Leaf(What.SCOPE, f"{scope.project_id}:{scope.issue_type_id}", through=scope.filter or "")


def _of_field(profile: Profile, mapping: FieldMapping, side: Side) -> Iterator[Leaf]:
    through = "" if mapping.transform is None else _through(mapping)
    for moment in (Moment.CREATE, Moment.UPDATE):
        if mapping.moment in {moment, Moment.ALWAYS}:
            for name in source_fields(profile, mapping, side):
                yield Leaf(What.FIELD, name, moment.value, through)
            for name in _facts(mapping):
                yield Leaf(What.ISSUE, name, moment.value)


def _through(mapping: FieldMapping) -> str:
    return json.dumps([mapping.transform, mapping.tables])


def _facts(mapping: FieldMapping) -> list[str]:
    """What a transform reads of the issue itself."""
    if mapping.transform is None:
        return []
    reads = compile_expression(mapping.transform).reads
    if "source_issue" in reads:
        return ["key", "project", "type"]
    return sorted(one.partition(".")[2] for one in reads if one.startswith("source_issue."))


def _of_item(item: ItemMapping, side: Side) -> Iterator[Leaf]:
    yield Leaf(What.ITEM, item.kind.value, through=_narrowed(item))
    names = {name for _, name, _, _ in string.Formatter().parse(item.prefix or "") if name}
    if item.kind in {ItemKind.COMMENTS, ItemKind.WORKLOGS}:
        if "author" in names:
            yield Leaf(What.AUTHOR, item.kind.value)
        if "created" in names:
            yield Leaf(What.CREATED, item.kind.value)
    if item.kind is ItemKind.COMMENTS and side in item.internal:
        yield Leaf(What.INTERNAL, item.kind.value)


def _narrowed(item: ItemMapping) -> str:
    if item.kind is ItemKind.COMMENTS and item.marker is not None:
        sign = "+" if item.marker_mode is MarkerMode.ONLY else "-"
        return f"{sign}{item.marker}"
    if item.kind is ItemKind.ATTACHMENTS and item.limit_mb is not None:
        return str(item.limit_mb)
    return ""


def _fates(profile: Profile) -> Iterator[Leaf]:
    for why in Why:
        if profile.lifecycle.deed(why) is not None:
            yield Leaf(What.FATE, why.value)
