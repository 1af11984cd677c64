"""What the merge of items takes and gives. Values only, no I/O.

An item has one source, made by a person, another app or another profile, and one twin on the other
side, which Tandem made. See docs/decisions/0021-items.md.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.mapping.profile import ItemMapping, Side
from app.mapping.values import Value


@dataclass(frozen=True)
class Mark:
    """The entity property that each twin bears, set in the call that makes it.

    `issue`: the source's issue. `on`: the issue that the twin was made on; on any other one the
    mark is a copy, and says nothing. `root`: of the very first item, handed on along profiles.
    """

    profile: str
    side: Side
    issue: str
    item: str
    on: str
    root: str

    def as_property(self) -> dict[str, str]:
        """The value of the property."""
        return {
            "profile": self.profile,
            "side": self.side.value,
            "issue": self.issue,
            "source": self.item,
            "on": self.on,
            "root": self.root,
        }


def read_mark(found: object) -> Mark | None:
    """The mark in a property's value; None where it is none of ours, or no longer whole."""
    if not isinstance(found, dict):
        return None
    try:
        return Mark(
            profile=str(uuid.UUID(found["profile"])),
            side=Side(found["side"]),
            issue=_short(found["issue"]),
            item=_short(found["source"]),
            on=_short(found["on"]),
            root=_short(found["root"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _short(found: object) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= 64 or not found.isascii():
        raise ValueError
    return found


def root_of(tenant: object, kind: str, item: str) -> str:
    """What names the very first item on all sites, without saying where it is."""
    return hashlib.sha256(f"tandem/item/1\n{tenant}\n{kind}\n{item}".encode()).hexdigest()


@dataclass(frozen=True)
class Held:
    """Why an item may not cross. `retract`: nor may a twin stay that it has already."""

    sentence: str
    retract: bool


@dataclass(frozen=True)
class Item:
    """One item as a site gave it.

    `value`: canonical, as fields' values are. `by_app`: an app made it, so that it may bear a mark;
    `looked`: whether that is known. `raw`: what its kind makes the twin from.
    """

    id: str
    author: str
    created: datetime
    updated: datetime
    value: Value
    held: Held | None = None
    by_app: bool = False
    looked: bool = True
    mark: Mark | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def marked(self, mark: Mark | None) -> Item:
        """The item, with the mark that it was found to bear."""
        return replace(self, looked=True, mark=mark)

    @property
    def place(self) -> tuple[datetime, int, str]:
        """Its place in the order of creation."""
        digits = self.id.isascii() and self.id.isdigit()
        return self.created, int(self.id) if digits else 0, self.id


class Gone(StrEnum):
    """Who took a twin away."""

    OURS = "ours"  # Tandem did: it is made again once its source may cross again
    THEIRS = "theirs"  # somebody else did: it is not made again
    UNDONE = "undone"  # an undo did: it is made again only once its source is edited


MOST_TIMES = 8
"""So many times of writes of a twin are kept: of the last four."""


@dataclass(frozen=True)
class ItemLink:
    """A source and its twin, as stored. Marks are keyed fingerprints.

    `source`: None where others made both: neither is ever written. `touched`: a person edited the
    twin since it was written. `sent_ago`: seconds since its create was sent without an answer.
    `over`: of our last writes of the twin two times each, its `updated` as it was read and as ours.
    `told`: a webhook told of an edit of the twin that one of these may have replaced.
    """

    id: uuid.UUID
    kind: str
    left: str | None
    right: str | None
    source: Side | None
    root: str
    source_mark: str = ""
    twin_mark: str = ""
    left_seen: datetime | None = None
    right_seen: datetime | None = None
    sent_ago: float | None = None
    touched: bool = False
    source_gone: bool = False
    twin_gone: Gone | None = None
    over: tuple[datetime, ...] = ()
    told: bool = False

    def item(self, side: Side) -> str | None:
        """The id of the item on `side`."""
        return self.left if side is Side.LEFT else self.right

    def with_item(self, side: Side, item: str | None) -> ItemLink:
        """The row with the item of `side` filled in."""
        if side is Side.LEFT:
            return replace(self, left=item)
        return replace(self, right=item)

    def written_over(self, *times: datetime) -> ItemLink:
        """The row with one more write of the twin: the `updated` that it had, and that it has."""
        return replace(self, over=(*self.over, *times)[-MOST_TIMES:])

    def with_seen(self, side: Side, seen: datetime | None) -> ItemLink:
        """The row with the `updated` of the state of `side` that it knows."""
        if side is Side.LEFT:
            return replace(self, left_seen=seen)
        return replace(self, right_seen=seen)


@dataclass(frozen=True)
class Place:
    """Where a merge of items is: the profile, and the two issues with their tenants."""

    profile: str
    tenants: Mapping[Side, object]
    issues: Mapping[Side, str]

    def row_id(self, kind: str, source: Side | None, item: str) -> uuid.UUID:
        """The id of the row of an item: the same whenever it is worked out, also after a loss."""
        name = [self.profile, self.issues[Side.LEFT], self.issues[Side.RIGHT], kind, source, item]
        return uuid.uuid5(uuid.NAMESPACE_OID, "\n".join(map(str, name)))

    def ours(self, mark: Mark | None, on: Side) -> bool:
        """Whether a mark found on an issue of side `on` says that we made its item for this pair:
        a copy of an issue carries the marks of another one along."""
        return (
            mark is not None
            and mark.profile == self.profile
            and mark.side is on
            and mark.on == self.issues[on]
            and mark.issue == self.issues[on.other]
        )

    def root(self, kind: str, item: Item, on: Side) -> str:
        """The root of an item: its mark's, or its own where it has no mark made on this issue."""
        if item.mark is not None and item.mark.on == self.issues[on]:
            return item.mark.root
        return root_of(self.tenants[on], kind, item.id)


@dataclass(frozen=True)
class Create:
    """A twin to make. `row`: the row that waits for it. `stored`: there is one already."""

    row: ItemLink
    source: Item
    to: Side
    stored: bool = False


@dataclass(frozen=True)
class Update:
    """A twin to write anew. `lost`: a person's edit of it goes with that."""

    row: ItemLink
    source: Item
    twin: Item
    to: Side
    lost: bool


@dataclass(frozen=True)
class Delete:
    """A twin to delete: its source is gone, or may not be seen there (`held`), or the twin is one
    too many of ours (`double`)."""

    row: ItemLink
    twin: Item
    to: Side
    held: Held | None = None
    double: bool = False


@dataclass(frozen=True)
class Told:
    """A sentence for the activity. `old`: a text that would otherwise be lost, to be sealed."""

    sentence: str
    side: Side
    old: Item | None = None


@dataclass(frozen=True)
class ItemPlan:
    """What is to be done for one kind of items of one pair, before anything is.

    `rows`: to be stored as they are, for they were found or have moved. `looks`: the items whose
    marks must be known before the plan holds. `waits`: a create may still land; come again.
    `aside`: the keys of what the site refused before and is not asked again.
    """

    mapping: ItemMapping
    place: Place
    creates: tuple[Create, ...] = ()
    updates: tuple[Update, ...] = ()
    deletes: tuple[Delete, ...] = ()
    rows: tuple[ItemLink, ...] = ()
    told: tuple[Told, ...] = ()
    looks: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    waits: bool = False
    aside: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether no site is to be called. Rows may still move."""
        return not self.creates and not self.updates and not self.deletes


def key_of(kind: str, item: str) -> str:
    """The key of a source among what was refused, as field mappings have one."""
    return f"{kind}.{item}"
