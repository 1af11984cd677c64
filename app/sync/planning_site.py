"""A site as a plan of items reads it: from the share of background work, and without a way to
write. What it is asked is what a visit asks, so that it also counts what that costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from app.jira.item_calls import Comments, File, Worklogs
from app.jira.site import Issue, JiraSite
from app.jira.wire import PAGE
from app.mapping.profile import Side
from app.sync.planning_read import Reader
from app.sync.planning_types import Calls

T = TypeVar("T")

LOOK = 2
"""Points of a read of one thing."""


class PlanSite:
    """The reads of app.jira.site.JiraSite that the items of a pair may need. `spent`: what they
    came to so far."""

    def __init__(self, reader: Reader, side: Side) -> None:
        self.reader, self.side = reader, side
        self.spent = Calls()
        self.comments = _Marked(self, lambda site: site.comments)
        self.worklogs = _Marked(self, lambda site: site.worklogs)
        self.files, self.links = _Files(self), _Links(self)
        self._account: str | None = None

    @property
    def base_url(self) -> str:
        """The address of the site."""
        return self.reader.address(self.side)

    def account(self) -> str:
        """See JiraSite.account. Asked once, and counted each time: a visit asks by itself."""
        if self._account is None:
            self._account = self.reader.call(self.side, LOOK, lambda site: site.account())
        self.count(1, LOOK)
        return self._account

    def stored(self, issue_id: int, fields: Sequence[str]) -> Issue | None:
        """See JiraSite.stored."""
        return self.ask(LOOK, lambda site: site.stored(issue_id, fields))

    def ask(self, points: int, work: Callable[[JiraSite], T]) -> T:
        """Make one call, and count it. Raises Problem."""
        self.count(1, points)
        return self.reader.call(self.side, points, work)

    def count(self, calls: int, points: int) -> None:
        """Count what was asked."""
        self.spent += Calls(calls, points)

    def pages(self, found: Sequence[Any]) -> None:
        """Count the pages of what is listed."""
        pages = max(1, math.ceil(len(found) / PAGE))
        self.count(pages, LOOK * pages)


class _Marked:
    """See app.jira.item_calls.Comments and Worklogs, of which this is the reads."""

    def __init__(self, site: PlanSite, of: Callable[[JiraSite], Comments | Worklogs]) -> None:
        self._site, self._of = site, of

    def all(self, issue_id: int) -> list[dict[str, Any]]:
        """See Comments.all."""
        site = self._site
        found = site.reader.call(site.side, LOOK, lambda one: self._of(one).all(issue_id))
        site.pages(found)
        return found

    def marks(self, ids: Sequence[str]) -> dict[str, Any]:
        """See Comments.marks."""
        return self._site.ask(1 + len(ids), lambda one: self._of(one).marks(ids))


class _Files:
    """See app.jira.item_calls.Files."""

    def __init__(self, site: PlanSite) -> None:
        self._site = site
        self._limit: tuple[int | None] | None = None
        self._media: dict[str, str | None] = {}

    @contextmanager
    def read(self, file: File) -> Iterator[Iterator[bytes]]:
        """See Files.read: to compare two files by their bytes."""
        with ExitStack() as stack:
            yield self._site.ask(LOOK, lambda one: stack.enter_context(one.files.read(file)))

    def limit(self, size: int) -> int | None:
        """See Files.limit. Asked once for a whole plan."""
        if self._limit is None:
            self._limit = (self._site.ask(LOOK, lambda one: one.files.limit(size)),)
        return self._limit[0]

    def media_id(self, file_id: str) -> str | None:
        """See Files.media_id. It never changes."""
        if file_id not in self._media:
            self._media[file_id] = self._site.ask(LOOK, lambda one: one.files.media_id(file_id))
        return self._media[file_id]


class _Links:
    """See app.jira.item_calls.Links."""

    def __init__(self, site: PlanSite) -> None:
        self._site = site
        self._author: str | None = None
        self._types: list[tuple[str, str]] | None = None

    def author(self) -> str:
        """See Links.author. Asked once for a whole plan."""
        if self._author is None:
            self._author = self._site.ask(LOOK, lambda one: one.links.author())
        return self._author

    def types(self) -> list[tuple[str, str]]:
        """See Links.types. Asked once for a whole plan, and not counted: no visit asks."""
        site = self._site
        if self._types is None:
            self._types = site.reader.call(site.side, LOOK, lambda one: one.links.types())
        return self._types
