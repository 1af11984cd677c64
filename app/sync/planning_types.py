"""What a plan says of an issue: writes with old and new, what is left alone, what is blocked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.mapping.profile import ItemKind, Kind, Side
from app.mapping.values import Value, handler
from app.sync.plan import Reason


class Step(StrEnum):
    """What the engine would do with an issue."""

    UPDATE = "update"  # both issues are there: write fields
    CREATE = "create"  # make its twin
    LINK = "link"  # a twin that was made before is found again, and linked
    NOTHING = "nothing"


class Cause(StrEnum):
    """Why something is left alone or blocked; a field's causes are those of the merge."""

    ABSENT = Reason.ABSENT.value
    ONE_WAY = Reason.ONE_WAY.value
    ASK = Reason.ASK.value
    BLOCKED = Reason.BLOCKED.value
    NO_TWIN = Reason.NO_TWIN.value
    GONE = "gone"  # an issue is deleted, or hidden from Tandem
    FILTERED = "filtered"  # outside the filter of its side
    OUTSIDE = "outside"  # not of the profile's project and type
    SECOND_TWIN = "second_twin"  # its source has another twin already
    ENDS = "ends"  # its pair ends, or has ended
    HELD = "held"  # an item that may not cross
    WAITS = "waits"  # an item that waits for something else, and crosses then
    EDITED = "edited"  # somebody else edited the twin of an item
    DELETED = "deleted"  # somebody else deleted it
    KEPT = "kept"  # the source of an item is gone, and its twin stays


STANDS_IN_THE_WAY = frozenset({Cause.ABSENT, Cause.BLOCKED, Cause.NO_TWIN})
"""The causes that block what should cross; the others leave it alone on purpose."""


@dataclass(frozen=True)
class Ref:
    """An issue by its id, and by its key as it was read."""

    id: int
    key: str


@dataclass(frozen=True)
class FieldWrite:
    """A field to set: `new` over `old`, both canonical."""

    side: Side
    key: str
    field: str
    kind: Kind
    old: Value
    new: Value
    reason: Reason

    def brief(self, value: Value) -> str:
        """A value of it for people, on one line."""
        return handler(self.kind).brief(value)


@dataclass(frozen=True)
class Clash:
    """A field that both sides changed. `winner` None: a person must choose."""

    key: str
    kind: Kind
    left: Value
    right: Value
    winner: Side | None
    sentence: str


@dataclass(frozen=True)
class Note:
    """Something that is not written, and why. `field`: the mapping's key; None: the whole issue.

    `items`: the ids of the items that it is about, on `side`. `group`: the sentence under which
    issues are counted together, where that is another one.
    """

    cause: Cause
    sentence: str
    field: str | None = None
    side: Side | None = None
    items: tuple[str, ...] = ()
    group: str = ""

    @property
    def kind(self) -> str:
        """What is said of it: blocked, waits, or left alone."""
        if self.cause in STANDS_IN_THE_WAY:
            return "blocked"
        return "waits" if self.cause is Cause.WAITS else "left alone"


class ItemDeed(StrEnum):
    """What is done to the twin of an item."""

    MADE = "made"
    WRITTEN = "written anew"
    DELETED = "deleted"


@dataclass(frozen=True)
class ItemWrite:
    """The twin of an item that is made, written anew or deleted on `side`: ids, and never what it
    says.

    `mark`: the fingerprint of its source. `size`: bytes of a file. `lost`: somebody else's edit of
    the twin goes with it.
    `why`: why what is there must not stay.
    """

    side: Side
    kind: ItemKind
    deed: ItemDeed
    source: str = ""
    twin: str = ""
    mark: str = ""
    size: int | None = None
    lost: bool = False
    why: str = ""


@dataclass(frozen=True)
class Calls:
    """REST calls to a site, and their points."""

    calls: int = 0
    points: int = 0

    def __add__(self, other: Calls) -> Calls:
        """Both."""
        return Calls(self.calls + other.calls, self.points + other.points)


@dataclass(frozen=True)
class IssuePlan:
    """What the engine would do with one issue (or pair) now.

    `side` and the issue on it are what is to be marked for it. `seen` and `base` are fingerprints,
    by mapping key, of what both sides hold and of what they last agreed on: what the plan was made
    from; `seen_items` those of items. `item_calls`: what the items cost. `parked`: the sides on
    which a change of it is set aside; `waiting`: one is due.
    """

    step: Step
    side: Side
    left: Ref | None
    right: Ref | None
    lane: int
    link: uuid.UUID | None = None
    writes: tuple[FieldWrite, ...] = ()
    items: tuple[ItemWrite, ...] = ()
    clashes: tuple[Clash, ...] = ()
    left_alone: tuple[Note, ...] = ()
    blocked: tuple[Note, ...] = ()
    seen: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    base: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    seen_items: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    item_calls: Mapping[Side, Calls] = field(default_factory=dict)
    parked: frozenset[Side] = frozenset()
    waiting: bool = False
    older: bool = False
    """Whether it has no twin and was there before the profile: the engine waits for an edit."""
    asks_times: bool = False
    """Whether the engine asks both sites when fields changed, to decide a conflict."""
    again: bool = False
    """Whether it is visited once more, for a field that waits for what the first visit makes."""
    marked: Side | None = None
    """The side of its twin, where that has no link and is found by the mark that Tandem made."""

    @property
    def applies(self) -> bool:
        """Whether anything would be done."""
        return self.step is not Step.NOTHING

    def ref(self, side: Side) -> Ref | None:
        """The issue on `side`."""
        return self.left if side is Side.LEFT else self.right

    @property
    def name(self) -> str:
        """Its keys, for people."""
        return " / ".join(one.key for one in (self.left, self.right) if one is not None)
