"""What both sites of a profile call the things that it names, read from them and kept for a while.

Names only, in the memory of this process: nothing of it is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from app.database import TenantId
from app.errors import Problem
from app.jira.site import FieldRule, JiraSite, SiteOpener
from app.mapping.naming import Names
from app.mapping.profile import Profile, Scope, Side
from app.mapping.values import handler

GOOD_FOR = 600.0  # seconds
MOST = 500  # scopes that are kept


@dataclass(frozen=True)
class ScopeNames:
    """Of one side. `read_at`: on the clock of this process."""

    read_at: float
    project: tuple[str, str] | None = None
    type: str | None = None
    fields: Mapping[str, FieldRule] = field(default_factory=dict)


class ProfileNames:
    """Reads the names of a profile's scopes. A site that does not answer leaves its ids."""

    def __init__(self, open_site: SiteOpener, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_site, self._clock = open_site, clock
        self._kept: dict[tuple[TenantId, str, str], ScopeNames] = {}
        self._lock = Lock()

    def of(
        self,
        profile: Profile,
        tenants: Mapping[Side, TenantId],
        sites: Mapping[Side, str],
        *,
        ask: bool = True,
    ) -> Names:
        """The names of a profile between two tenants, called `sites`. Not `ask`: those at hand."""
        found: dict[Side, ScopeNames] = {}
        for side in Side:
            known = self._known(tenants[side], profile.scope(side), ask=ask)
            if known is not None:
                found[side] = known
        return Names(
            sites=sites,
            projects={side: one.project for side, one in found.items() if one.project},
            types={side: one.type for side, one in found.items() if one.type},
            fields={
                (side, name): rule.name
                for side, one in found.items()
                for name, rule in one.fields.items()
                if rule.name
            },
            values=_values(profile, found),
        )

    def age(self, profile: Profile, tenants: Mapping[Side, TenantId]) -> float | None:
        """How old the names at hand are, in seconds; None where those of a side are not."""
        read = [self._at_hand(_key(tenants[side], profile.scope(side))) for side in Side]
        ages = [self._clock() - one.read_at for one in read if one is not None]
        return max(ages) if len(ages) == len(Side) else None

    def forget(self, profile: Profile, tenants: Mapping[Side, TenantId]) -> None:
        """Read the names anew when they are wanted next."""
        with self._lock:
            for side in Side:
                self._kept.pop(_key(tenants[side], profile.scope(side)), None)

    def _known(self, tenant: TenantId, scope: Scope, *, ask: bool) -> ScopeNames | None:
        key = _key(tenant, scope)
        known = self._at_hand(key)
        if known is not None or not ask:
            return known
        try:
            known = self._read(self._open_site(tenant), scope)
        except Problem:  # its page says that it does not answer; ids will do here
            return None
        with self._lock:
            if len(self._kept) >= MOST:
                del self._kept[min(self._kept, key=lambda one: self._kept[one].read_at)]
            self._kept[key] = known
        return known

    def _at_hand(self, key: tuple[TenantId, str, str]) -> ScopeNames | None:
        with self._lock:
            known = self._kept.get(key)
        return known if known and self._clock() - known.read_at < GOOD_FOR else None

    def _read(self, site: JiraSite, scope: Scope) -> ScopeNames:
        project, kind = int(scope.project_id), int(scope.issue_type_id)
        projects = {one.id: one for one in site.projects()}
        types = {one.id: one.name for one in site.issue_types(project)}
        found = projects.get(project)
        return ScopeNames(
            self._clock(),
            None if found is None else (found.key or "", found.name),
            types.get(kind),
            {**site.all_fields(project), **site.create_fields(project, kind)},
        )


def _key(tenant: TenantId, scope: Scope) -> tuple[TenantId, str, str]:
    return tenant, scope.project_id, scope.issue_type_id


def _values(
    profile: Profile, found: Mapping[Side, ScopeNames]
) -> dict[tuple[Side, str], Mapping[str, str]]:
    """The names of the values of mapped fields, where the create screen lists them."""
    values: dict[tuple[Side, str], Mapping[str, str]] = {}
    for mapping in profile.fields:
        for side, one in found.items():
            rule = one.fields.get(mapping.field(side))
            kind = handler(mapping.kind_of(side))
            if rule is not None and rule.values and kind.has_table:
                values[side, mapping.field(side)] = dict(kind.choices(list(rule.values)))
    return values
