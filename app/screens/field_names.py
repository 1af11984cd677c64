"""What the fields of sites are called, kept in memory for ten minutes: names are nowhere stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from app.database import TenantId
from app.jira.site import SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.memory import Memory

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

    def of_profile(self, stored: StoredProfile) -> Mapping[Side, Mapping[str, str]]:
        """Those of both sides of a profile."""
        tenants = {Side.LEFT: stored.left_tenant, Side.RIGHT: stored.right_tenant}
        scope = stored.profile.scope
        return {side: self.read(tenants[side], int(scope(side).project_id)) for side in Side}
