"""What the fields of sites are called, kept in memory for ten minutes: names are nowhere stored."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping

from app.activity.log import Entry
from app.database import TenantId, tenant_transaction
from app.jira.site import SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profile_lists import projects
from app.mapping.profiles import StoredProfile
from app.memory import Memory
from app.screens.words import Called, is_bare

KEPT_SECONDS = 600.0
MOST = 500  # projects

Key = tuple[TenantId, int]


class FieldNames:
    """The names by field id, of a project of a tenant's site."""

    def __init__(self, open_site: SiteOpener, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_site = open_site
        self._kept: Memory[Key, Mapping[str, str]] = Memory(KEPT_SECONDS, MOST, clock)

    def kept(self, tenant: TenantId, project: int) -> Mapping[str, str] | None:
        """Those that are known without asking."""
        return self._kept.get((tenant, project))

    def read(self, tenant: TenantId, project: int) -> Mapping[str, str]:
        """Those that the site tells; none where it does not, which is kept as well."""
        known = self.kept(tenant, project)
        if known is not None:
            return known
        try:
            rules = self._open_site(tenant).all_fields(project)
        except SiteError:
            rules = {}
        names = {field: rule.name for field, rule in rules.items()}
        return self._kept.put((tenant, project), names)

    def of_profiles(
        self, tenant: TenantId, wanted: Iterable[uuid.UUID], *, ask: bool
    ) -> dict[uuid.UUID, Called]:
        """Those of both sides of some of the tenant's profiles. `ask`: whether the sites may be
        asked for those that are not known."""
        ids = list(dict.fromkeys(wanted))
        if not ids:
            return {}
        look = self.read if ask else self.kept
        with tenant_transaction(tenant) as session:
            found = projects(session, ids)
        return {
            one: {side: look(*at) or {} for side, at in sides.items()}
            for one, sides in found.items()
        }

    def of_profile(self, stored: StoredProfile) -> Mapping[Side, Mapping[str, str]]:
        """Those of both sides of a profile."""
        tenants = stored.tenants
        scope = stored.profile.scope
        return {side: self.read(tenants[side], int(scope(side).project_id)) for side in Side}


def profiles_of(entries: Iterable[Entry]) -> list[uuid.UUID]:
    """The profiles of the entries that tell of a field which every site calls as it likes."""
    told = ((one.profile_id, detail) for one in entries for detail in one.details)
    return list(dict.fromkeys(profile for profile, detail in told if is_bare(detail.field or "")))
