"""What a profile is: two scopes and the fields carried between them. Types only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from app.mapping.lifecycle import USUAL, Lifecycle


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
    NUMBER = "number"
    DATETIME = "datetime"
    URL = "url"
    OPTION = "option"
    OPTIONS = "options"
    CASCADE = "cascade"
    COMPONENTS = "components"
    VERSIONS = "versions"
    VERSION = "version"
    PRIORITY = "priority"
    RESOLUTION = "resolution"
    STATUS = "status"
    USER = "user"
    USERS = "users"
    GROUP = "group"
    GROUPS = "groups"
    SPRINT = "sprint"
    PARENT = "parent"
    TIME_TRACKING = "time_tracking"
    SECURITY = "security"
    REQUEST_TYPE = "request_type"
    ORGANIZATIONS = "organizations"
    READ_ONLY_TEXT = "read_only_text"


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


class Missing(StrEnum):
    """What becomes of a value that has no counterpart on the other side."""

    LEAVE = "leave"  # the field is left alone there, and told
    FAIL = "fail"  # the field is set aside until somebody acts
    DEFAULT = "default"  # the side's default is written
    CREATE = "create"  # it is made there, where Jira lets an app make it


@dataclass(frozen=True)
class Row:
    """Two ids that say the same, one of each site."""

    left: str
    right: str

    def of(self, side: Side) -> str:
        """The id on `side`."""
        return self.left if side is Side.LEFT else self.right


@dataclass(frozen=True)
class ValueTable:
    """Which value of one site is which of the other, by id, so that a rename breaks nothing.

    Several may become one; on the way back the first row that has it counts. `by_name`: what no
    row has is paired with what bears the same name there, once, and by id from then on.
    """

    rows: tuple[Row, ...] = ()
    by_name: bool = True
    missing: Missing = Missing.LEAVE
    left_default: str | None = None
    right_default: str | None = None

    def default(self, side: Side) -> str | None:
        """What is written on `side` for a value without a counterpart."""
        return self.left_default if side is Side.LEFT else self.right_default


@dataclass(frozen=True)
class UserTable:
    """Which person of one site is which of the other, by account id.

    `by_email`: who is in no row is paired with who shows the same email address. A default stands
    for everybody else; without one the field is left alone.
    """

    rows: tuple[Row, ...] = ()
    by_email: bool = True
    left_default: str | None = None
    right_default: str | None = None

    def default(self, side: Side) -> str | None:
        """Who is written on `side` for a person without a counterpart."""
        return self.left_default if side is Side.LEFT else self.right_default


Tables: TypeAlias = tuple[tuple[str, tuple[tuple[str, str | int | float | bool], ...]], ...]
"""Look-up tables of a transform: each by its name, with what it has for which key."""


@dataclass(frozen=True)
class FieldMapping:
    """A field of the left site and the field of the right site that it is kept in step with.

    `kind`: of both, or of the left one where the right one has a `right_kind` of its own.
    `transform`: an expression that makes the value of the side written to; `tables`: what it looks
    up, by name.
    """

    left: str
    right: str
    kind: Kind
    flow: Flow = Flow.BOTH
    policy: Policy = Policy.NEWER
    moment: Moment = Moment.ALWAYS
    right_kind: Kind | None = None
    values: ValueTable = ValueTable()
    transform: str | None = None
    tables: Tables = ()

    @property
    def key(self) -> str:
        """Stable id: the same two fields keep their base whatever else of the mapping is edited."""
        return f"{self.left}={self.right}"

    def field(self, side: Side) -> str:
        """The Jira field id on `side`."""
        return self.left if side is Side.LEFT else self.right

    def kind_of(self, side: Side) -> Kind:
        """The kind of the field on `side`."""
        return self.kind if side is Side.LEFT else self.right_kind or self.kind

    @property
    def made_from(self) -> Side | None:
        """The side from whose issue a transform makes the value of the other; None without one."""
        if self.transform is None:
            return None
        return Side.LEFT if self.flow is Flow.TO_RIGHT else Side.RIGHT


class ItemKind(StrEnum):
    """A kind of things on an issue that are no fields; each has a module in `sync.items`."""

    COMMENTS = "comments"
    ATTACHMENTS = "attachments"
    WORKLOGS = "worklogs"
    LINKS = "links"
    REMOTE_LINK = "remote_link"


class MarkerMode(StrEnum):
    """Which comments a marker text chooses."""

    ONLY = "only"  # those that hold it
    UNLESS = "unless"  # those that do not


PREFIX_NAMES = ("author", "site", "created")
DEFAULT_PREFIX = "{author} on {site}:"


@dataclass(frozen=True)
class ItemMapping:
    """How the items of one kind are carried: each has a source, made by whoever, and a twin on the
    other side, which Tandem makes, edits and deletes.

    `prefix`: a template of PREFIX_NAMES, the first line of a twin. `internal`: the sides that allow
    that internal comments cross. `limit_mb`: larger files stay where they are.
    `types`: which type of link of one site is which of the other.
    """

    kind: ItemKind
    flow: Flow = Flow.BOTH
    deletions: bool = True
    prefix: str | None = DEFAULT_PREFIX
    marker: str | None = None
    marker_mode: MarkerMode = MarkerMode.ONLY
    internal: frozenset[Side] = frozenset()
    limit_mb: int | None = None
    types: tuple[Row, ...] = ()

    @property
    def carries_internal(self) -> bool:
        """Whether internal comments cross, as internal ones: where both sides allow it."""
        return self.internal == frozenset(Side)


@dataclass(frozen=True)
class Scope:
    """The issues of one side: a project and an issue type, by id: a rename breaks nothing; and of
    these, where there is a `filter`, what that JQL finds. `subtask`: the type is one of
    sub-tasks."""

    project_id: str
    issue_type_id: str
    filter: str | None = None
    subtask: bool = False

    def jql(self) -> str:
        """What finds the issues of this scope, without an order."""
        where = f"project = {int(self.project_id)} AND issuetype = {int(self.issue_type_id)}"
        # Spaces inside: what a filter ends in must not take the parenthesis for its own.
        return where if self.filter is None else f"{where} AND ( {self.filter} )"


@dataclass(frozen=True)
class Constant:
    """What a field is given where a transition of a side wants it and nothing else feeds it.

    `value`: JSON of what Jira's REST API takes; for `comment`, a text.
    """

    side: Side
    field: str
    value: str


@dataclass(frozen=True)
class Profile:
    """The mapping document of a profile, parsed. Made by `mapping.document.load_profile`.

    `restricted`: the sides that allow that issues with a security level cross, and their level.
    """

    left: Scope
    right: Scope
    fields: tuple[FieldMapping, ...]
    users: UserTable = UserTable()
    items: tuple[ItemMapping, ...] = ()
    moves: tuple[Constant, ...] = ()
    lifecycle: Lifecycle = USUAL
    restricted: frozenset[Side] = frozenset()

    @property
    def carries_restricted(self) -> bool:
        """Whether issues with a security level cross: where both sides allow it."""
        return self.restricted == frozenset(Side)

    @property
    def allowed(self) -> Profile:
        """What of it is carried: no security level, unless both sides allow that."""
        kept = tuple(
            one
            for one in self.fields
            if Kind.SECURITY not in {one.kind_of(Side.LEFT), one.kind_of(Side.RIGHT)}
        )
        if self.carries_restricted or len(kept) == len(self.fields):
            return self
        return replace(self, fields=kept)

    def scope(self, side: Side) -> Scope:
        """The scope on `side`."""
        return self.left if side is Side.LEFT else self.right


# What the fields that every Jira has may be mapped as.
SYSTEM_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "summary": (Kind.TEXT,),
    "description": (Kind.RICH_TEXT,),
    "environment": (Kind.RICH_TEXT,),
    "labels": (Kind.LABELS,),
    "priority": (Kind.NAMED, Kind.PRIORITY),
    "duedate": (Kind.DATE,),
    "components": (Kind.COMPONENTS,),
    "fixVersions": (Kind.VERSIONS,),
    "versions": (Kind.VERSIONS,),
    "assignee": (Kind.USER,),
    "reporter": (Kind.USER,),
    "resolution": (Kind.RESOLUTION,),
    "status": (Kind.STATUS,),
    "parent": (Kind.PARENT,),
    "timetracking": (Kind.TIME_TRACKING,),
    "security": (Kind.SECURITY,),
}

DEFAULT_FIELDS = tuple(
    FieldMapping(name, name, SYSTEM_KINDS[name][0])
    for name in ("summary", "description", "labels", "priority", "duedate")
)
