"""Reads for a plan: in bulk, from the share of background work, and patient with a busy site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from app.database import TenantId
from app.errors import Problem
from app.jira.site import (
    Created,
    FieldChanges,
    FieldRule,
    Issue,
    JiraSite,
    SearchPage,
    SiteError,
    SiteOpener,
)
from app.mapping.profile import Scope, Side
from app.mapping.said import capital_site, said
from app.sync.budget import Kind, claim, refuse_where_paused

T = TypeVar("T")

PAGE = 100  # issues of one bulk read: what Jira gives at most
MATCHED = 50  # issues that one question for a filter is about
PATIENCE = 900.0  # seconds without a single call before it is given up
LONGEST_PAUSE = 5.0  # seconds between two questions for budget
TRIES = 5


class Reader:
    """Reads both sites of a profile. Counts its calls and the seconds that they took."""

    def __init__(
        self,
        open_site: SiteOpener,
        tenants: Mapping[Side, TenantId],
        pause: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE,
        tries: int = TRIES,
    ) -> None:
        self._open_site, self._tenants = open_site, tenants
        self._pause, self._patience, self._tries = pause, patience, tries
        self._sites: dict[Side, JiraSite] = {}
        self.calls, self.seconds = 0, 0.0

    def fetch(
        self, side: Side, names: Sequence[int | str], fields: Sequence[str]
    ) -> dict[int, Issue]:
        """The issues of these ids or keys as they are now, by id."""
        found: dict[int, Issue] = {}
        for chunk in chunks(names):
            found |= self.call(side, 1 + len(chunk), partial(_fetch, names=chunk, fields=fields))
        return found

    def address(self, side: Side) -> str:
        """The base URL of a side's site. No call."""
        if side not in self._sites:
            self._sites[side] = self._open_site(self._tenants[side])
        return self._sites[side].base_url

    def last_changes(self, side: Side, ids: Sequence[int]) -> dict[int, FieldChanges]:
        """When the fields of these issues last changed."""
        found: dict[int, FieldChanges] = {}
        for chunk in chunks(ids):
            found |= self.call(side, 1 + len(chunk), partial(_last_changes, ids=chunk))
        return found

    def search(self, side: Side, jql: str, page: str | None) -> SearchPage:
        """A page of what a JQL finds; ids and keys."""
        return self.call(side, 1 + PAGE, lambda site: site.search(jql, [], page=page, size=PAGE))

    def count(self, side: Side, jql: str) -> int:
        """About how many issues a JQL finds."""
        return self.call(side, 1, lambda site: site.count(jql))

    def find_twin(self, side: Side, profile: str, source: int) -> Created | None:
        """The twin that our mark names, if search knows it."""
        return self.call(side, 2, lambda site: site.find_twin(profile, source))

    def match_now(self, side: Side, jql: str, ids: Sequence[int]) -> frozenset[int]:
        """Which of these issues a JQL finds as they are now."""
        found: frozenset[int] = frozenset()
        for start in range(0, len(ids), MATCHED):
            chunk = ids[start : start + MATCHED]
            found |= self.call(side, 1 + len(chunk), partial(_match_now, jql=jql, ids=chunk))
        return found

    def create_fields(self, side: Side, scope: Scope) -> dict[str, FieldRule]:
        """What a side asks of fields when an issue is made; nothing where it does not tell."""
        ids = int(scope.project_id), int(scope.issue_type_id)
        try:
            return self.call(side, 1, lambda site: site.create_fields(*ids))
        except SiteError as error:
            if error.passing or error.locked_out:
                raise
            return {}

    def call(self, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T:
        """One call; tried again where the site fails or asks for patience. Raises Problem."""
        for attempt in range(self._tries):
            self._await_budget(side, cost)
            began = time.monotonic()
            try:
                if side not in self._sites:
                    self._sites[side] = self._open_site(self._tenants[side])
                self.calls += 1
                return work(self._sites[side])
            except SiteError as error:
                if not error.passing or attempt == self._tries - 1:
                    raise
                self._pause(min(error.retry_after or 2.0**attempt, self._patience))
            finally:
                self.seconds += time.monotonic() - began
        raise AssertionError("the last try returned or raised")

    def _await_budget(self, side: Side, cost: float) -> None:
        """Wait until background work may spend so much at the site. Raises Problem."""
        waited = 0.0
        while (wait := claim(self._tenants[side], Kind.BACKGROUND, cost)) > 0:
            refuse_where_paused(self._tenants[side], side)
            if waited >= self._patience:
                raise Problem(
                    said(
                        "%(site)s has had no room for this for %(waited)s seconds: "
                        "live changes go first, and a site that is paused or asked for "
                        "patience is left alone. Look at Tandem's page, and try again later.",
                        site=capital_site(side),
                        waited=f"{waited:.0f}",
                    ),
                    status=503,
                    code="site-busy",
                )
            step = min(wait, LONGEST_PAUSE)
            self._pause(step)
            waited += step


def chunks(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """In their order, a page of a bulk read at a time."""
    for start in range(0, len(things), PAGE):
        yield things[start : start + PAGE]


def _fetch(site: JiraSite, names: Sequence[int | str], fields: Sequence[str]) -> dict[int, Issue]:
    return site.fetch(names, fields)


def _match_now(site: JiraSite, jql: str, ids: Sequence[int]) -> frozenset[int]:
    return site.match_now(jql, ids)


def _last_changes(site: JiraSite, ids: Sequence[int]) -> dict[int, FieldChanges]:
    return site.last_changes(ids)
