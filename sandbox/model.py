"""What a Jira site is made of: users, projects, fields, issues, apps, as plain data."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JsonDict = dict[str, Any]


@dataclass
class User:
    """A person, or (accountType "app") the account an installed app acts as."""

    account_id: str
    display_name: str
    email: str = ""
    token: str = ""
    admin: bool = False
    active: bool = True
    account_type: str = "atlassian"
    time_zone: str = "UTC"
    # The language that the person chose in the profile; none: Jira follows the browser.
    locale: str = ""
    # Keys of the projects the user may browse; None means all.
    browse: frozenset[str] | None = None
    can_edit: bool = True
    # Keys of the projects the user administers; an admin administers all.
    administers: frozenset[str] = frozenset()
    # Whether the profile shows the address to others.
    shows_email: bool = True
    # Whether the API token has run out: Jira then answers some calls as it answers anybody.
    token_expired: bool = False
    # Of an app's account: whether the sites' roles let it administer projects.
    app_administers: bool = True


@dataclass(frozen=True)
class IssueType:
    """One issue type of the site."""

    id: str
    name: str
    description: str
    level: int = 0
    entity_id: str = ""

    @property
    def subtask(self) -> bool:
        """Sub-tasks live at hierarchy level -1."""
        return self.level < 0


@dataclass(frozen=True)
class Status:
    """One status with its category ("new", "indeterminate" or "done")."""

    id: str
    name: str
    category: str


@dataclass(frozen=True)
class Priority:
    """One priority; `schemes` holds the project keys that may use it (None: all)."""

    id: str
    name: str
    color: str
    projects: frozenset[str] | None = None


@dataclass(frozen=True)
class Resolution:
    """One resolution."""

    id: str
    name: str


@dataclass(frozen=True)
class Transition:
    """A named move between statuses, with its screen and its rules. No `sources`: from any status.

    `condition`: who may make it ("assignee", "admins", "no-apps"). `validator`: what it always
    refuses with. `sets`: the resolution that it gives where none is chosen; a move to a status that
    is not done takes the resolution away, unless it `keeps` it.
    """

    id: str
    name: str
    sources: frozenset[str] | None
    target: str
    screen: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    condition: str = ""
    validator: str = ""
    sets: str | None = None
    keeps: bool = False


@dataclass(frozen=True)
class Workflow:
    """The statuses of an issue type and the moves between them."""

    initial: str
    transitions: tuple[Transition, ...]

    def available(self, status_id: str) -> list[Transition]:
        """Return the transitions that leave the given status."""
        return [t for t in self.transitions if t.sources is None or status_id in t.sources]


@dataclass(frozen=True)
class Group:
    """A group of people."""

    id: str
    name: str


@dataclass(frozen=True)
class Component:
    """A component of a project."""

    id: str
    project_id: str
    name: str
    description: str = ""
    lead: str | None = None


@dataclass(frozen=True)
class Version:
    """A version of a project. Dates are as in 2026-11-26."""

    id: str
    project_id: str
    name: str
    description: str = ""
    archived: bool = False
    released: bool = False
    start: str | None = None
    release: str | None = None


@dataclass(frozen=True)
class Sprint:
    """A sprint of a board; `state` is "future", "active" or "closed"."""

    id: int
    board_id: int
    name: str
    state: str
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class RequestType:
    """What customers may ask of a service project; each is of one issue type.

    `key`: that of its portal and form, as in "sup/it-help".
    """

    id: str
    project_id: str
    type_id: str
    name: str
    key: str


@dataclass(frozen=True)
class Organization:
    """An organization of customers."""

    id: str
    name: str


@dataclass(frozen=True)
class SecurityLevel:
    """A level of a project's security scheme. It hides nothing here."""

    id: str
    project_id: str
    name: str
    description: str = ""


@dataclass(frozen=True)
class Option:
    """A value of a select field; `children` are those of a cascading one."""

    id: str
    value: str
    disabled: bool = False
    children: tuple[Option, ...] = ()


@dataclass(frozen=True)
class FieldDef:
    """One field: what it holds, and how Jira's metadata describes it.

    `kind` is one of: string, url, richtext, number, date, datetime, option, options, cascade,
    user, users, group, groups, labels, version, versions, components, sprint, timetracking,
    seconds, security, priority, status, issuetype, project, resolution, parent, readonly,
    requesttype, organizations, sla, or opaque for a third party's own.

    As stored: an id or a list of ids; a cascading value is a pair of ids (the child's may be ""),
    a datetime epoch milliseconds, a span of time seconds, an opaque value JSON as text.
    """

    id: str
    name: str
    kind: str
    schema: JsonDict
    clause_names: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    settable: bool = True
    searchable: bool = True

    @property
    def custom(self) -> bool:
        """Whether an admin made the field."""
        return self.id.startswith("customfield_")


@dataclass(frozen=True)
class Project:
    """A project; `screens` maps issue type id to the field ids of its (create and edit) screen."""

    id: str
    key: str
    name: str
    lead: str
    issue_types: tuple[str, ...]
    workflow: Workflow
    screens: dict[str, tuple[str, ...]]
    required: dict[str, frozenset[str]] = field(default_factory=dict)
    uuid: str = ""
    # Of the issue types that have one of their own.
    workflows: dict[str, Workflow] = field(default_factory=dict)

    def workflow_of(self, type_id: str) -> Workflow:
        """The workflow of an issue type."""
        return self.workflows.get(type_id, self.workflow)


@dataclass(frozen=True)
class RichValue:
    """An ADF document in a history; it becomes wiki text only when somebody reads it."""

    adf: JsonDict | None


@dataclass(frozen=True)
class ChangeItem:
    """One line of a change: a field with its value before and after, as ids and as text."""

    field: str
    field_id: str
    before: str | None
    before_text: str | RichValue | None
    after: str | None
    after_text: str | RichValue | None
    custom: bool = False


@dataclass(frozen=True)
class History:
    """One change of an issue. `created` is epoch milliseconds."""

    id: str
    author: str
    created: int
    items: tuple[ChangeItem, ...]


@dataclass
class Comment:
    """A comment; `body` is an ADF document. Replaced, never edited in place."""

    id: str
    author: str
    update_author: str
    body: JsonDict
    created: int
    updated: int
    properties: dict[str, Any] = field(default_factory=dict)
    visibility: JsonDict | None = None
    public: bool = True


@dataclass(frozen=True)
class Attachment:
    """A file of an issue; `media_id` is what rich text calls it by, `path` where its bytes are."""

    id: str
    filename: str
    author: str
    created: int
    size: int
    mime: str
    media_id: str
    path: Path


@dataclass(frozen=True)
class Worklog:
    """Work on an issue. `started` is epoch milliseconds, `body` an ADF document or None."""

    id: str
    author: str
    update_author: str
    started: int
    seconds: int
    body: JsonDict | None
    created: int
    updated: int
    properties: dict[str, Any] = field(default_factory=dict)
    visibility: JsonDict | None = None


@dataclass(frozen=True)
class LinkType:
    """A kind of link: the source `outward`s ("blocks") the target, which `inward`s it."""

    id: str
    name: str
    inward: str
    outward: str


@dataclass(frozen=True)
class IssueLink:
    """A link between two issues; both of them hold it."""

    id: str
    type_id: str
    source: str
    target: str


@dataclass(frozen=True)
class RemoteLink:
    """A link from an issue to something outside of Jira; `body` is what the request said."""

    id: str
    global_id: str | None
    body: JsonDict


@dataclass
class Issue:
    """An issue. Dicts and lists are replaced on every write, so a shallow copy is a snapshot."""

    id: str
    key: str
    project_id: str
    type_id: str
    creator: str
    created: int
    updated: int
    fields: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)
    comments: tuple[Comment, ...] = ()
    histories: tuple[History, ...] = ()
    status_changed: int = 0
    attachments: tuple[Attachment, ...] = ()
    worklogs: tuple[Worklog, ...] = ()
    links: tuple[IssueLink, ...] = ()
    remote_links: tuple[RemoteLink, ...] = ()
    # When it was archived; 0 for an issue that is not.
    archived: int = 0
    # What it was called before it was moved: found by these too.
    old_keys: tuple[str, ...] = ()

    def snapshot(self) -> Issue:
        """Return the issue as it is now; later writes do not show in it."""
        return copy.copy(self)


@dataclass
class AppInstall:
    """An installed Connect app."""

    key: str
    client_key: str
    shared_secret: str
    descriptor: JsonDict
    descriptor_url: str
    base_url: str
    scopes: frozenset[str]
    user_id: str
    enabled: bool = True
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The state as the control API words it."""
        return "enabled" if self.enabled else "disabled"

    @property
    def modules(self) -> JsonDict:
        """The descriptor's modules."""
        modules: JsonDict = self.descriptor.get("modules", {})
        return modules
