"""One Jira Cloud site in memory: its people, projects, issues and installed apps."""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from sandbox.model import (
    AppInstall,
    Component,
    FieldDef,
    Group,
    Issue,
    IssueType,
    JsonDict,
    LinkType,
    Option,
    Organization,
    Priority,
    Project,
    RequestType,
    Resolution,
    SecurityLevel,
    Sprint,
    Status,
    User,
    Version,
)

MOVES_KEPT = 20_000


class Site:
    """State of one site. Hold `lock` while reading or writing it."""

    def __init__(self, *, name: str, title: str, base_url: str, first_id: int) -> None:
        """`name` is the short name ("acme"), `base_url` the origin without a trailing slash."""
        self.name = name
        self.title = title
        self.base_url = base_url
        self.lock = threading.RLock()
        self.cloud_id = ""
        self.time_zone = "UTC"
        self.users: dict[str, User] = {}
        self.issue_types: dict[str, IssueType] = {}
        self.statuses: dict[str, Status] = {}
        self.priorities: dict[str, Priority] = {}
        self.default_priority = ""
        self.resolutions: dict[str, Resolution] = {}
        self.fields: dict[str, FieldDef] = {}
        self.projects: dict[str, Project] = {}
        self.components: dict[str, Component] = {}
        self.versions: dict[str, Version] = {}
        self.sprints: dict[int, Sprint] = {}
        self.security_levels: dict[str, SecurityLevel] = {}
        self.groups: dict[str, Group] = {}
        self.request_types: dict[str, RequestType] = {}
        self.organizations: dict[str, Organization] = {}
        # How long issues of service projects may take, by the name of the SLA, in milliseconds.
        self.sla_goals: dict[str, int] = {}
        # Whether metadata list the request types that may be chosen.
        self.lists_request_types = False
        self.issues: dict[str, Issue] = {}
        self.keys: dict[str, str] = {}
        self.comment_issue: dict[str, str] = {}
        # Issue ids by the id of what hangs on them.
        self.attachment_issue: dict[str, str] = {}
        self.worklog_issue: dict[str, str] = {}
        self.link_source: dict[str, str] = {}
        # Worklogs that were deleted, by id: when.
        self.worklogs_gone: dict[str, int] = {}
        self.link_types: dict[str, LinkType] = {}
        self.apps: dict[str, AppInstall] = {}
        # Bulk operations by task id.
        self.tasks: dict[str, Any] = {}
        # Parent issue id -> ids of its children, so that reading an issue scans nothing.
        self.children: dict[str, dict[str, None]] = {}
        self.index_delay_ms = 400
        # Set by the server: told of every event that webhooks may carry.
        self.listeners: list[Callable[..., None]] = []
        self._first_id = first_id
        self._ids = itertools.count(first_id)
        self._small_ids = itertools.count(first_id + 100)
        self._project_counts: dict[str, int] = {}
        self._index: dict[str, Issue] = {}
        self._by_updated: list[tuple[int, str]] = []
        # What moved in the index, by number, for those who keep an answer current.
        self.index_version = 0
        self._moved: deque[tuple[int, str]] = deque(maxlen=MOVES_KEPT)
        # Answers of searches, kept by those who page through them.
        self.search_cache: dict[Any, Any] = {}
        self._index_queue: deque[tuple[float, str, Issue | None]] = deque()

    # --- looking things up -------------------------------------------------------------

    @property
    def host(self) -> str:
        """Host and port of the site."""
        return urlsplit(self.base_url).netloc

    @property
    def cookie_name(self) -> str:
        """The sign-in cookie. Cookies do not know ports, so each site has its own name."""
        return f"sandbox_user_{self.name}"

    def project(self, id_or_key: str) -> Project | None:
        """Find a project by id or key."""
        found = self.projects.get(id_or_key)
        if found:
            return found
        wanted = id_or_key.upper()
        return next((p for p in self.projects.values() if p.key == wanted), None)

    def issue(self, id_or_key: str) -> Issue | None:
        """Find an issue by id or key."""
        found = self.issues.get(id_or_key)
        if found:
            return found
        issue_id = self.keys.get(id_or_key.upper())
        return self.issues.get(issue_id) if issue_id else None

    def option(self, field_id: str, option_id: str) -> Option | None:
        """Find a select field's option by id, at either level of a cascading one."""
        for option in self.fields[field_id].options:
            for one in (option, *option.children):
                if one.id == option_id:
                    return one
        return None

    def user_by_email(self, email: str) -> User | None:
        """Find a person by email address."""
        wanted = email.casefold()
        return next((u for u in self.users.values() if u.email and u.email == wanted), None)

    def people(self) -> list[User]:
        """The seeded people, without app accounts."""
        return [u for u in self.users.values() if u.account_type == "atlassian"]

    def issues_of(self, project_id: str) -> Iterator[Issue]:
        """The issues of one project, oldest first."""
        return (i for i in self.issues.values() if i.project_id == project_id)

    def subtasks_of(self, issue_id: str) -> list[Issue]:
        """The sub-tasks of an issue, oldest first (not the children of an epic)."""
        # Copied first: webhook bodies are written without the lock.
        found = (self.issues.get(child) for child in list(self.children.get(issue_id, ())))
        return [child for child in found if child and self.issue_types[child.type_id].subtask]

    def reparent(self, issue_id: str, before: str | None, after: str | None) -> None:
        """Note that an issue went from one parent to another; None stands for no parent."""
        if before:
            self.children.get(before, {}).pop(issue_id, None)
        if after:
            self.children.setdefault(after, {})[issue_id] = None

    def labels(self) -> list[str]:
        """Every label in use, sorted."""
        found: set[str] = set()
        for issue in self.issues.values():
            found.update(issue.fields.get("labels") or ())
        return sorted(found)

    # --- ids and clocks ----------------------------------------------------------------

    def next_id(self) -> str:
        """A new id for an issue."""
        return str(next(self._ids))

    def next_small_id(self) -> str:
        """A new id for what hangs on an issue: a comment, a file, a link, a history entry."""
        return str(next(self._small_ids))

    def next_key(self, project: Project) -> str:
        """A new issue key of the project."""
        number = self._project_counts.get(project.id, 0) + 1
        self._project_counts[project.id] = number
        return f"{project.key}-{number}"

    @staticmethod
    def now_ms() -> int:
        """Now in epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def tick(self, issue: Issue) -> int:
        """A time for the issue's next change: strictly later than its last."""
        return max(self.now_ms(), issue.updated + 1)

    # --- the search index: behind the truth by `index_delay_ms` --------------------------

    def touch_index(self, issue_id: str) -> None:
        """Note that the issue changed (or went); search shows it after the delay."""
        issue = self.issues.get(issue_id)
        due = time.monotonic() + self.index_delay_ms / 1000
        # Search does not know what is archived.
        shown = issue.snapshot() if issue and not issue.archived else None
        self._index_queue.append((due, issue_id, shown))

    def indexed(
        self,
        current: set[str] | frozenset[str] = frozenset(),
        *,
        since: int | None = None,
    ) -> list[Issue]:
        """The issues as search sees them; those named in `current` as they really are. `since`:
        only those that were updated at this time (epoch milliseconds) or later."""
        self.catch_up()
        if current:
            merged = dict(self._index)
            for issue_id in current:
                merged.pop(issue_id, None)
                found = self.issues.get(issue_id)
                if found and not found.archived:
                    merged[issue_id] = found
            return list(merged.values())
        if since is None:
            return list(self._index.values())
        start = bisect.bisect_left(self._by_updated, (since, ""))
        return [self._index[issue_id] for _, issue_id in self._by_updated[start:]]

    def indexed_issue(self, issue_id: str) -> Issue | None:
        """One issue as search sees it."""
        return self._index.get(issue_id)

    def catch_up(self) -> None:
        """Let search see what is due to be seen."""
        now = time.monotonic()
        while self._index_queue and (self.index_delay_ms == 0 or self._index_queue[0][0] <= now):
            _, issue_id, snapshot = self._index_queue.popleft()
            before = self._index.pop(issue_id, None)
            if before is not None:
                place = bisect.bisect_left(self._by_updated, (before.updated, issue_id))
                del self._by_updated[place]
            if snapshot is not None:
                self._index[issue_id] = snapshot
                bisect.insort(self._by_updated, (snapshot.updated, issue_id))
            self.index_version += 1
            self._moved.append((self.index_version, issue_id))

    def moved_since(self, version: int) -> set[str] | None:
        """The issues that moved in the index after this version; None where that is forgotten."""
        if self.index_version - version > len(self._moved):
            return None
        return {issue_id for number, issue_id in reversed(self._moved) if number > version}

    def index_now(self) -> None:
        """Bring the index up to date at once (seed and tests)."""
        self._index = {i: one.snapshot() for i, one in self.issues.items() if not one.archived}
        self._by_updated = sorted((one.updated, i) for i, one in self._index.items())
        self._index_queue.clear()
        self._forget_moves()

    def _forget_moves(self) -> None:
        self.index_version += 1
        self._moved.clear()
        self.search_cache.clear()

    # --- events ------------------------------------------------------------------------

    def emit(self, event: str, **details: Any) -> None:
        """Tell the listeners (the webhook engine) that something happened."""
        for listener in self.listeners:
            listener(self, event, **details)

    def forget_issues(self) -> None:
        """Drop every issue and start counting anew (used by reset)."""
        self.issues.clear()
        self.keys.clear()
        self.comment_issue.clear()
        self.attachment_issue.clear()
        self.worklog_issue.clear()
        self.link_source.clear()
        self.worklogs_gone.clear()
        self.children.clear()
        self.tasks.clear()
        self._index.clear()
        self._by_updated.clear()
        self._index_queue.clear()
        self._forget_moves()
        self._project_counts.clear()

    def self_url(self, version: int, path: str) -> str:
        """An absolute address below the site's REST API."""
        return f"{self.base_url}/rest/api/{version}/{path}"

    def describe(self) -> JsonDict:
        """A short description for the control API."""
        return {"name": self.name, "baseUrl": self.base_url, "issues": len(self.issues)}
