"""What a profile is: two scopes and the fields carried between them. Types only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """One of the two Jira sites of a profile."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class Kind(StrEnum):
    """How a field's value is read, compared and written; each has a handler in `mapping.kinds`."""

    TEXT = "text"
    RICH_TEXT = "rich_text"
    LABELS = "labels"
    NAMED = "named"
    DATE = "date"


class Policy(StrEnum):
    """Who wins when both sides changed one field to different values."""

    NEWER = "newer"
    LEFT = "left"
    RIGHT = "right"
    ASK = "ask"


class Flow(StrEnum):
    """In which direction a field may be carried."""

    BOTH = "both"
    TO_RIGHT = "to_right"
    TO_LEFT = "to_left"

    def feeds(self, side: Side) -> bool:
        """Whether values may be written to `side`."""
        return self is not (Flow.TO_LEFT if side is Side.RIGHT else Flow.TO_RIGHT)


class Moment(StrEnum):
    """When a field may be carried."""

    ALWAYS = "always"
    CREATE = "create"  # only when the twin is made
    UPDATE = "update"  # only once both issues exist


@dataclass(frozen=True)
class FieldMapping:
    """A field of the left site and the field of the right site that it is kept in step with."""

    left: str
    right: str
    kind: Kind
    flow: Flow = Flow.BOTH
    policy: Policy = Policy.NEWER
    moment: Moment = Moment.ALWAYS

    @property
    def key(self) -> str:
        """Stable id: the same two fields keep their base whatever else of the mapping is edited."""
        return f"{self.left}={self.right}"

    def field(self, side: Side) -> str:
        """The Jira field id on `side`."""
        return self.left if side is Side.LEFT else self.right


@dataclass(frozen=True)
class Scope:
    """The issues of one side: a project and an issue type, by id: a rename breaks nothing; and of
    these, where there is a `filter`, what that JQL finds."""

    project_id: str
    issue_type_id: str
    filter: str | None = None

    def jql(self) -> str:
        """What finds the issues of this scope, without an order."""
        where = f"project = {int(self.project_id)} AND issuetype = {int(self.issue_type_id)}"
        # Spaces inside: what a filter ends in must not take the parenthesis for its own.
        return where if self.filter is None else f"{where} AND ( {self.filter} )"


@dataclass(frozen=True)
class Profile:
    """The mapping document of a profile, parsed. Made by `mapping.document.load_profile`."""

    left: Scope
    right: Scope
    fields: tuple[FieldMapping, ...]

    def scope(self, side: Side) -> Scope:
        """The scope on `side`."""
        return self.left if side is Side.LEFT else self.right


# What the fields that every Jira has must be mapped as.
SYSTEM_KINDS = {
    "summary": Kind.TEXT,
    "description": Kind.RICH_TEXT,
    "labels": Kind.LABELS,
    "priority": Kind.NAMED,
    "duedate": Kind.DATE,
}

DEFAULT_FIELDS = tuple(FieldMapping(name, name, kind) for name, kind in SYSTEM_KINDS.items())
