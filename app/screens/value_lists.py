"""What sites tell of the values of fields, of types of links and of the moves of workflows, for the
editor's fourth step: read once and kept, with the time at which it was read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from app.database import TenantId
from app.jira.site import JiraSite, SiteOpener, Transition
from app.mapping.offer import Seen
from app.mapping.profile import FieldMapping, Kind, Scope, Side
from app.mapping.values import Part, handler
from app.memory import Memory
from app.sync.field_cache import FieldCache, Known, ended

KEPT_SECONDS = 300.0
MOST = 500  # lists
LATEST = 50
"""Issues that are looked at for one in each status."""
MOST_STATUSES = 12
"""Statuses of which the moves are asked for."""

Key: TypeAlias = tuple[TenantId, str, str, str]
Moves: TypeAlias = tuple[tuple[Part, tuple[Transition, ...]], ...]
"""Statuses, each with the moves that an issue in it has."""


@dataclass(frozen=True)
class Told:
    """A list of a site, as it was at `at`."""

    values: tuple[Any, ...]
    at: datetime


class ValueLists:
    """Values of fields come from the cache of the fields' step, kept sealed; the rest is names of
    things of workflows, kept in memory alone. What a person may see is for the caller to check."""

    def __init__(
        self, fields: FieldCache, open_site: SiteOpener, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fields, self._open_site = fields, open_site
        self._kept: Memory[Key, Told] = Memory(KEPT_SECONDS, MOST, clock)

    def choices(
        self, tenant: TenantId, side: Side, scope: Scope, mapping: FieldMapping, *, fresh: bool
    ) -> Told:
        """The values that a mapped field takes on a side. Raises SiteError, Problem."""
        kind = mapping.kind_of(side)
        if kind is Kind.RESOLUTION:
            return self._list(
                (tenant, "resolutions", "", ""), lambda site: site.resolutions(), fresh=fresh
            )
        if kind is Kind.STATUS:
            ids = int(scope.project_id), int(scope.issue_type_id)
            return self._list(
                _of_scope(tenant, "statuses", scope), lambda site: site.statuses(*ids), fresh=fresh
            )
        known = self.seen(tenant, side, scope, fresh=fresh)
        return Told(_values(known.seen, mapping.field(side), kind), known.at)

    def seen(self, tenant: TenantId, side: Side, scope: Scope, *, fresh: bool) -> Known:
        """What a site tells of the fields of a scope. Raises SiteError, Problem."""
        known = None if fresh else self._fields.known(tenant, scope)
        return known or ended(self._fields.begin(tenant, side, scope))

    def link_types(self, tenant: TenantId, *, fresh: bool) -> Told:
        """The types that links of a site have. Raises SiteError."""
        key = (tenant, "links", "", "")
        return self._list(key, lambda site: site.links.types(), fresh=fresh)

    def moves(self, tenant: TenantId, scope: Scope, *, fresh: bool) -> Told:
        """The moves from each status in which there is an issue. Raises SiteError."""
        key = _of_scope(tenant, "moves", scope)
        return self._list(key, lambda site: _moves(site, scope), fresh=fresh)

    def _list(self, key: Key, ask: Callable[[JiraSite], Iterable[Any]], *, fresh: bool) -> Told:
        known = None if fresh else self._kept.get(key)
        if known is not None:
            return known
        return self._kept.put(key, Told(tuple(ask(self._open_site(key[0]))), datetime.now(UTC)))


def _of_scope(tenant: TenantId, what: str, scope: Scope) -> Key:
    return tenant, what, scope.project_id, scope.issue_type_id


def _values(seen: Seen, field: str, kind: Kind) -> tuple[Part, ...]:
    for screen in (seen.create, seen.edit):
        if screen and field in screen:
            return handler(kind).choices(list(screen[field].values))
    return ()


def _moves(site: JiraSite, scope: Scope) -> Moves:
    """Any issue of the type tells them, in the filter or not."""
    jql = replace(scope, filter=None).jql()
    statuses = site.statuses(int(scope.project_id), int(scope.issue_type_id))[:MOST_STATUSES]
    issues = _in_status(site, f"{jql} ORDER BY updated DESC", LATEST)
    found = []
    for status, name in statuses:
        if status not in issues:
            rare = f"{jql} AND status = {int(status)} ORDER BY updated DESC"
            issues |= _in_status(site, rare, 1)
        if status in issues:
            found.append(((status, name), tuple(site.transitions(issues[status]))))
    return tuple(found)


def _in_status(site: JiraSite, jql: str, size: int) -> dict[str, int]:
    """Of the issues that a JQL finds one for each status, by its id."""
    page: Sequence[Any] = site.search(jql, ["status"], size=size).issues
    found: dict[str, int] = {}
    for issue in page:
        status = str((issue.fields.get("status") or {}).get("id"))
        found.setdefault(status, issue.id)
    return found
