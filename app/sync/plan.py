"""What the merge takes and gives: snapshots, the base, plans. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from app.mapping.profile import FieldMapping, Kind, Side
from app.mapping.transforms import IssueFacts
from app.mapping.values import Value


class Reason(StrEnum):
    """Why a field is written or left alone."""

    CHANGED = "changed"  # written: only the other side changed it
    FIRST = "first"  # written: no base yet, and only the other side has a value
    WON = "won"  # written: both sides changed it, and the other side won
    ABSENT = "absent"  # left alone: hidden or unreadable on a side
    ONE_WAY = "one_way"  # left alone: changed where the mapping only writes
    ASK = "ask"  # left alone: both sides changed it, and a person must choose
    BLOCKED = "blocked"  # left alone: the site would refuse the write
    NO_TWIN = "no_twin"  # left alone: the value has no counterpart on the other side


@dataclass(frozen=True)
class Snapshot:
    """The mapped fields of one issue, by mapping key, as a site gave them.

    `values` lacks what is hidden or unreadable. `updated` and `changed_at` know their zone;
    `changed_at` (when the field last changed) is filled only for a plan's `needs_times`.
    `blocked` has a sentence for each field that must not be written on this side, or not be read.
    `about`: what transforms may know of the issue besides its fields. `off_screen` has a sentence
    for each field that this side's screen lacks.
    """

    values: Mapping[str, Value]
    updated: datetime
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    about: IssueFacts = field(default_factory=IssueFacts)
    off_screen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """The fingerprints, by mapping key, of what each side held when both last agreed."""

    left: Mapping[str, str] = field(default_factory=dict)
    right: Mapping[str, str] = field(default_factory=dict)

    def of(self, side: Side) -> Mapping[str, str]:
        """The fingerprints of `side`."""
        return self.left if side is Side.LEFT else self.right


@dataclass(frozen=True)
class PlannedMark:
    """What both sides hold of a field, as fingerprints, once a plan is carried out.

    `to`: the side that it is written to; None where both sides hold it already.
    """

    to: Side | None
    left: str
    right: str

    def of(self, side: Side) -> str:
        """The fingerprint of `side`."""
        return self.left if side is Side.LEFT else self.right


class Stop(StrEnum):
    """Why a field is set aside before anything is sent."""

    UNPAIRED = "value-unpaired"  # the value has no counterpart, and the mapping says to stop
    FORMAT = "text-refused"  # the text cannot be carried without losing something of it
    TRANSFORM = "transform-failed"  # the mapping's expression came to no value
    SCREEN = "field-not-on-screen"  # the side's screen lacks it
    PARENT = "parent-waits"  # the parent is to get a twin, and has none yet


@dataclass(frozen=True)
class Refused:
    """Instead of a carried value: it has no counterpart on the other side, and why. `stops`: the
    field is set aside for that until somebody acts. `waits`: it is carried after this visit."""

    sentence: str
    stops: Stop | None = None
    waits: bool = False


# Turns a value of the other side into what it is on the side given. Value tables, users and
# transforms come in here; what they need of a site is read before the merge.
Carry: TypeAlias = Callable[[FieldMapping, Side, Value], Value | Refused]


def as_it_is(mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
    """Carry a value unchanged."""
    return value


@dataclass(frozen=True)
class Write:
    """A field to set: `value` over `was`, both canonical. `notes`: what of the source's value is
    not in it as it was, in sentences that may hold content."""

    key: str
    field: str
    kind: Kind
    value: Value
    was: Value
    reason: Reason
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a person chose for a field in conflict: a side, or (None) both as they are.

    It holds only while each side has the value, as a fingerprint, that the person saw.
    """

    winner: Side | None
    left: str
    right: str

    def holds(self, now: Mapping[Side, str]) -> bool:
        """Whether both sides still have what the choice was made for."""
        return now == {Side.LEFT: self.left, Side.RIGHT: self.right}

    def leaves_both(self, now: Mapping[Side, str]) -> bool:
        """Whether both sides are to stay as they are, and still are."""
        return self.winner is None and self.holds(now)


@dataclass(frozen=True)
class Conflict:
    """Both sides changed one field to different values. `winner` None: a person must choose."""

    key: str
    left: Value
    right: Value
    winner: Side | None
    sentence: str


@dataclass(frozen=True)
class LeftAlone:
    """A field that is not in step and is not written. `stops`: it is set aside for that, on the
    side given."""

    key: str
    reason: Reason
    sentence: str
    stops: tuple[Side, Stop] | None = None
    waits: bool = False

    @property
    def is_told_at_create(self) -> bool:
        """Whether it says something of a twin that is being made."""
        return self.reason is Reason.NO_TWIN and not self.waits


@dataclass(frozen=True)
class Plan:
    """What to write on each side, and the base once that is done.

    `needs_times`: conflicts decided by `updated` for want of `changed_at`. Fill that in for both
    snapshots and merge again, or take the plan as it is.
    """

    left: tuple[Write, ...]
    right: tuple[Write, ...]
    conflicts: tuple[Conflict, ...]
    left_alone: tuple[LeftAlone, ...]
    base: Base
    needs_times: frozenset[str]

    def writes(self, side: Side) -> tuple[Write, ...]:
        """What to write on `side`."""
        return self.left if side is Side.LEFT else self.right

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written. The base may still move: compare it with the old."""
        return not self.left and not self.right
