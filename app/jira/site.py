"""The interface of a Jira site: what the sync and the screens ask of it, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from app.database import TenantId
from app.errors import Problem
from app.jira.item_calls import Comments, Files, Links, Worklogs
from app.said import said


class SiteError(Problem):
    """A site refused or failed a call. `retry_after` is in seconds where the site named one."""

    status = 502
    code = "site-error"

    def __init__(
        self,
        detail: str,
        *,
        site_status: int | None = None,
        retry_after: float | None = None,
        field_errors: Mapping[str, str] | None = None,
        limit: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.site_status = site_status
        self.retry_after = retry_after
        self.field_errors = dict(field_errors or {})
        self.limit = limit
        """Which limit a 429 was for: points, burst, issue (writes on one issue), or rate."""
        self.tenant: TenantId | None = None
        """Whose site it was, where an observer of the site knows."""

    @property
    def passing(self) -> bool:
        """Whether the same call may work later: no answer, 408, 409, 429 or a 5xx."""
        status = self.site_status
        return status is None or status in {408, 409, 425, 429} or status >= 500

    @property
    def surely_refused(self) -> bool:
        """Whether the call surely did nothing: a 4xx, but 408, which may come after the deed."""
        return self.site_status is not None and self.site_status < 500 and self.site_status != 408

    @property
    def locked_out(self) -> bool:
        """Whether the site does not know or does not allow us at all."""
        return self.site_status in {401, 403}


@dataclass(frozen=True)
class Named:
    """A thing with an id and a name, as Jira lists projects and issue types."""

    id: int
    name: str
    key: str | None = None
    subtask: bool = False
    """Whether it is a type of sub-tasks, which are made below a parent alone."""


@dataclass(frozen=True)
class Person:
    """A person of the site, by account id, with the name to show."""

    account_id: str
    name: str


@dataclass(frozen=True)
class Issue:
    """An issue as read: raw REST v3 fields, and our own entity property where it has one.

    `changelog`: its newest changes, where the site told them with it. `edit`: the fields of its
    edit screen, where they were asked for.
    """

    id: int
    key: str
    fields: Mapping[str, Any]
    updated: datetime
    property: Mapping[str, Any] | None = None
    changelog: Changelog | None = None
    edit: Mapping[str, FieldRule] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Our other entity properties, by name, where they were asked for."""


@dataclass(frozen=True)
class Created:
    """A created issue."""

    id: int
    key: str


@dataclass(frozen=True)
class FieldChanges:
    """When each field of an issue last changed, by field id; from the issue's own changelog."""

    at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Edit:
    """One field of one change, as an issue's changelog tells it: each value as (id, text).

    `author`: the account that made it, where the site tells.
    """

    field: str
    at: datetime
    before: tuple[str | None, str | None]
    after: tuple[str | None, str | None]
    author: str | None = None


@dataclass(frozen=True)
class Changelog:
    """The changes of an issue, newest first. Not `whole`: there are older ones."""

    edits: tuple[Edit, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class SearchPage:
    """One page of a search. `next`: asks for the page after it; None on the last."""

    issues: tuple[Issue, ...]
    next: str | None = None


@dataclass(frozen=True)
class FieldRule:
    """What a site asks of a field when an issue is made. `allowed`: the names of the values that
    it takes, where it lists them; `required`: it must be given, and has no default. `schema` and
    `values` are its type and these values as the site gives them. Not `settable`: it is only shown
    there."""

    name: str
    required: bool = False
    allowed: frozenset[str] | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    values: Sequence[Mapping[str, Any]] = ()
    settable: bool = True


@dataclass(frozen=True)
class Transition:
    """A move that a workflow has from an issue's status. `to`: the status's id and name.

    `fields`: of its screen. Not `available`: its condition refuses it to us, for this issue.
    `conditional`: it has one, which may refuse it for another issue.
    """

    id: str
    name: str
    to: tuple[str, str]
    done: bool = False
    """Whether the status is one in which nothing is left to do."""
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    available: bool = True
    conditional: bool = False


Value: TypeAlias = tuple[str, str]
"""A value that fields of a site may have: its id and its name."""


@dataclass(frozen=True)
class ParsedJql:
    """What a site's own parser says of a JQL. `errors`: the site's words, which may quote it."""

    errors: tuple[str, ...] = ()
    restricts: bool = False
    ordered: bool = False


class JqlRefused(SiteError):
    """A site does not understand a JQL any more. Says nothing of what the JQL holds."""

    code = "filter-refused"

    def __init__(self) -> None:
        super().__init__(
            said(
                "Jira does not understand the profile's filter any more: a status, a person "
                "or a field that it names may be gone. Correct the filter on Tandem's page."
            ),
            site_status=400,
        )


class JiraSite(Protocol):
    """One site. Every call raises SiteError where the site refuses, fails or does not answer."""

    base_url: str
    comments: Comments
    files: Files
    worklogs: Worklogs
    links: Links

    def fetch(self, issue_ids: Sequence[int | str], fields: Sequence[str]) -> dict[int, Issue]:
        """The issues of these ids or keys as they are now, by id (at most 100); one that is gone is
        left out."""

    def fetch_with_screens(
        self, issue_ids: Sequence[int | str], fields: Sequence[str]
    ) -> dict[int, Issue]:
        """The same, each with the fields of its edit screen: much to send for each issue."""

    def create(self, fields: Mapping[str, Any], properties: Mapping[str, Any]) -> Created:
        """Create an issue together with its entity properties, in one call."""

    def update(self, issue_id: int, fields: Mapping[str, Any]) -> Issue | None:
        """Write fields; returns the issue as stored, with its newest changes, where the site tells
        them."""

    def find_twin(self, profile: str, source_issue_id: int) -> Created | None:
        """The issue that our own property names as the twin of the source, if search knows it."""

    def find_twins(self, profile: str, source_ids: Sequence[int]) -> dict[int, Created]:
        """The same for up to 100 sources in one call, by the source's id."""

    def search(
        self, jql: str, fields: Sequence[str], *, page: str | None = None, size: int = 100
    ) -> SearchPage:
        """The issues that a JQL finds, as search knows them: it may lag behind by a moment.

        Times in a JQL are epoch milliseconds: quoted ones move with the asking user's zone.
        """

    def count(self, jql: str) -> int:
        """About how many issues a JQL finds. A JQL that does not parse is a SiteError of 400."""

    def parse(self, queries: Sequence[str]) -> list[ParsedJql]:
        """What the site's parser says of each JQL, fields and values looked up as well."""

    def match(self, jql: str, issue_ids: Sequence[int]) -> frozenset[int]:
        """Which of these issues (at most 1,000) a JQL finds, as search knows them: it may lag
        behind. Raises JqlRefused where the site does not understand the JQL."""

    def match_now(self, jql: str, issue_ids: Sequence[int]) -> frozenset[int]:
        """Which of these issues (at most 50, all of them there) a JQL finds as they are now, not
        as search knows them. Raises JqlRefused, as `match` does."""

    def last_changes(self, issue_ids: Sequence[int]) -> dict[int, FieldChanges]:
        """When the fields of these issues last changed, as far as the site still tells."""

    def changelogs(self, issue_ids: Sequence[int]) -> dict[int, Changelog]:
        """The newest changes of these issues (at most 100); one that is gone is left out."""

    def changelog(self, issue_id: int) -> Changelog:
        """All changes of one issue."""

    def transitions(self, issue_id: int) -> list[Transition]:
        """The moves from an issue's present status, with those that are not open to us."""

    def transition(self, issue_id: int, transition_id: str, fields: Mapping[str, Any]) -> None:
        """Make a move; `fields` are of its screen. The key `comment` adds a comment, as ADF."""

    def stored(self, issue_id: int, fields: Sequence[str]) -> Issue | None:
        """One issue as it is now, with its newest changes; None where it is gone."""

    def delete(self, issue_id: int) -> None:
        """Delete an issue. One with sub-tasks is refused."""

    def remark(self, issue_id: int, value: Mapping[str, Any]) -> None:
        """Write our own entity property of an issue anew."""

    def ask(self) -> None:
        """One cheap call, which works only where the site lets us in."""

    def account(self) -> str:
        """The account that we act as."""

    def projects(self) -> list[Named]:
        """The projects that the app may see, by name."""

    def issue_types(self, project_id: int) -> list[Named]:
        """The issue types of a project that the app may create, those of sub-tasks last."""

    def create_fields(self, project_id: int, type_id: int) -> dict[str, FieldRule]:
        """The fields of the create screen of a type, by field id."""

    def edit_fields(self, issue_id: int) -> dict[str, FieldRule]:
        """The fields of an issue's edit screen that the app may set, by field id."""

    def all_fields(self, project_id: int) -> dict[str, FieldRule]:
        """The fields of the site that issues of a project may have, on a screen or not, by id; of
        each its name and its schema."""

    def is_admin(self, account_id: str) -> bool:
        """Whether this person administers the site."""

    def administered_projects(self, account_id: str) -> frozenset[int]:
        """The projects that this person administers, of those that the app may see."""

    def people(self, account_ids: Sequence[str]) -> dict[str, str]:
        """The display names of these accounts, to be shown and not kept; unknown ones left out."""

    def active(self, account_ids: Sequence[str]) -> dict[str, bool]:
        """Whether each of these accounts is active; unknown ones left out."""

    def emails(self, account_ids: Sequence[str]) -> dict[str, str]:
        """The email addresses of those of these accounts who show them, to be compared and not
        kept."""

    def find_by_email(self, email: str) -> str | None:
        """The account of the one active person who shows this email address."""

    def resolutions(self) -> list[Value]:
        """The resolutions of the site, by id and name."""

    def statuses(self, project_id: int, type_id: int) -> list[Value]:
        """The statuses that issues of a type may have in a project, by id and name."""

    def groups(self, names: Sequence[str]) -> list[Value]:
        """The groups of exactly these names, by id and name."""

    def all_groups(self) -> list[Value] | None:
        """All groups of the site, by id and name; None where it does not list them all at once."""

    def lacks(self, what: str, value_id: str, project_id: int) -> bool:
        """Whether the site surely has no value of this id. `what`: component, option, organization,
        priority, request_type, resolution, security, sprint, status or version."""

    def create_component(self, project_id: int, name: str) -> Value:
        """Make a component. One that is there is refused."""

    def create_version(self, project_id: int, name: str) -> Value:
        """Make a version. One that is there is refused."""

    def find_people(self, query: str) -> list[Person]:
        """Up to 20 people whose name or email address matches."""


Observer = Callable[[Mapping[str, str], SiteError | None], None]
"""Told of each call's answer: its headers (in any case), and the error that it ends in, if one."""

SiteOpener = Callable[[TenantId], JiraSite]
"""Gives the site of a tenant, ready to be called."""
