"""Canonical values: what a field holds, free of how a site spells it; and the registry of kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, Literal, TypeAlias

from app.mapping.profile import FieldMapping, Kind, Side
from app.mapping.said import said, the_side
from app.said import words_of

# Hashable, and the same after a trip through JSON but for tuples, which become lists.
Value: TypeAlias = str | int | float | bool | tuple["Value", ...] | None


class _Marker(Enum):
    NOT_COMPARABLE = "not comparable"


NotComparable: TypeAlias = Literal[_Marker.NOT_COMPARABLE]
# An entry of a table of values: its id on its site, and its name for people.
Part: TypeAlias = tuple[str, str]
# Says that a webhook's body tells too little of a value to compare it with the base.
NOT_COMPARABLE: Final = _Marker.NOT_COMPARABLE

BRIEF_LENGTH = 120
EMPTY = "(empty)"
WHOLE_BYTES = 32 * 1024


class UnreadableValueError(ValueError):
    """A site sent a value that is not of the kind that the mapping says."""

    def __init__(self, kind: Kind, expected: str, found: object) -> None:
        super().__init__(
            said(
                "expected %(expected)s, found %(found)s; the field is mapped as %(kind)s: map it "
                "with the kind that it has in Jira",
                expected=expected,
                found=type(found).__name__,
                kind=kind.value,
            )
        )


class Handler(ABC):
    """What the code must know of one kind of value. Handlers have no state and do no I/O."""

    # The value of a field that nobody filled.
    empty: ClassVar[Value] = None
    has_table: ClassVar[bool] = False
    """Whether its values are things with ids, which a table pairs with those of the other site."""
    has_users: ClassVar[bool] = False
    """Whether its values are people, by account id."""
    has_issues: ClassVar[bool] = False
    """Whether its values are issues, by issue id, which cross by pairs of issues."""
    absent_is_empty: ClassVar[bool] = False
    """Whether Jira leaves the field out of an issue that has none."""
    can_create: ClassVar[bool] = False
    """Whether a value that a site lacks may be made there."""
    writable: ClassVar[bool] = True
    """Whether Jira lets the field be set at all."""
    by_transition: ClassVar[bool] = False
    """Whether it is written by a transition of the workflow, never as a field."""

    @abstractmethod
    def read(self, raw: object) -> Value:
        """The canonical value of a raw field of REST v3.

        Two raw values that Jira treats as one must give one canonical value: a canonical form
        that is too fine makes writes without end, one that is too coarse only misses a nuance.
        Raises UnreadableValueError.
        """

    @abstractmethod
    def write(self, value: Value) -> object:
        """The raw field of REST v3 that sets `value`; `read` of it gives `value` again."""

    def read_webhook(self, raw: object) -> Value | NotComparable:
        """The canonical value of a field in a webhook's body, which is in the form of REST v2."""
        return self.read(raw)

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        """What the value was of which a changelog gives this id and text; several where it may
        have been one of several. None at all where a changelog does not tell enough."""
        return ()

    def identity(self, value: Value) -> Value:
        """What makes the value this one: all of it, or of what has an id the id without the name.

        Two values say the same where this is equal, so it is what a fingerprint is made of.
        """
        return value

    def same(self, a: Value, b: Value) -> bool:
        """Whether two values say the same, so that writing one over the other is pointless."""
        return self.identity(a) == self.identity(b)

    def is_stored_form(self, written: Value, stored: Value) -> bool:
        """Whether `stored` is only Jira's own spelling of `written`, and not somebody's edit."""
        return self.same(written, stored)

    def parts(self, value: Value) -> tuple[Part, ...]:
        """The ids that a value is made of, with their names ("" where it has none).

        Each is a key of its own in a table. A child of a cascade is "parent/child".
        """
        return ()

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        """The value with each of its `parts` as the id and name that `found` has for it.

        None leaves the part out. Raises KeyError for a part that `found` does not have.
        """
        return value

    def choices(self, allowed: object) -> tuple[Part, ...]:
        """The parts of all values in the `allowedValues` of a field's metadata."""
        return ()

    def text(self, value: Value) -> str:
        """The whole value for people; nothing is an empty text."""
        return "" if value is None else str(value)

    def brief(self, value: Value) -> str:
        """The value for people, on one line of at most 120 characters."""
        return shorten(self.text(value))


_HANDLERS: dict[Kind, Handler] = {}


def register(kind: Kind) -> Callable[[type[Handler]], type[Handler]]:
    """Class decorator: make this the handler of `kind`. Raises ValueError when it has one."""

    def add(handler_class: type[Handler]) -> type[Handler]:
        if kind in _HANDLERS:
            raise ValueError(f"kind {kind.value} has the handler {type(_HANDLERS[kind]).__name__}")
        _HANDLERS[kind] = handler_class()
        return handler_class

    return add


def handler(kind: Kind) -> Handler:
    """The handler of `kind`."""
    return _HANDLERS[kind]


def shorten(text: str, length: int = BRIEF_LENGTH) -> str:
    """`text` on one line of at most `length` characters; nothing is shown as "(empty)"."""
    line = " ".join(text.split())
    if not line:
        return EMPTY
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def whole(text: str) -> str:
    """`text` up to 32 KB, with a note where it is cut."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= WHOLE_BYTES:
        return text
    return raw[:WHOLE_BYTES].decode("utf-8", "ignore") + f"… (cut: it had {len(raw)} bytes)"


@dataclass(frozen=True)
class Reading:
    """The mapped fields of one issue; `unreadable` has the reason for each that cannot be read."""

    values: Mapping[str, Value]
    unreadable: Mapping[str, str]


def read_fields(fields: Iterable[FieldMapping], side: Side, raw: Mapping[str, object]) -> Reading:
    """Read the `fields` object of an issue (REST v3). What is not in it is in neither part, but for
    kinds that Jira leaves out where there is none."""
    values: dict[str, Value] = {}
    unreadable: dict[str, str] = {}
    for mapping in fields:
        name = mapping.field(side)
        own = handler(mapping.kind_of(side))
        if name not in raw:
            if own.absent_is_empty:
                values[mapping.key] = own.empty
            continue
        try:
            values[mapping.key] = own.read(raw[name])
        except UnreadableValueError as error:
            unreadable[mapping.key] = said(
                "%(name)s on %(side)s: %(error)s",
                name=name,
                side=the_side(side),
                error=words_of(error),
            )
    return Reading(values, unreadable)
