"""What a plan says of an issue: writes with old and new, what is left alone, what is blocked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.mapping.profile import Kind, Side
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
    """Something that is not written, and why. `field`: the mapping's key; None: the whole issue."""

    cause: Cause
    sentence: str
    field: str | None = None


@dataclass(frozen=True)
class IssuePlan:
    """What the engine would do with one issue (or pair) now.

    `side` and the issue on it are what is to be marked for it. `seen` and `base` are fingerprints,
    by mapping key, of what both sides hold and of what they last agreed on: what the plan was made
    from. `parked`: the sides on which a change of it is set aside; `waiting`: one is due.
    """

    step: Step
    side: Side
    left: Ref | None
    right: Ref | None
    lane: int
    link: uuid.UUID | None = None
    writes: tuple[FieldWrite, ...] = ()
    clashes: tuple[Clash, ...] = ()
    left_alone: tuple[Note, ...] = ()
    blocked: tuple[Note, ...] = ()
    seen: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    base: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    parked: frozenset[Side] = frozenset()
    waiting: bool = False
    older: bool = False
    """Whether it has no twin and was there before the profile: the engine waits for an edit."""
    asks_times: bool = False
    """Whether the engine asks both sites when fields changed, to decide a conflict."""

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
