"""What the fields of sites are called, kept in memory for ten minutes: names are nowhere stored."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from app.database import TenantId
from app.jira.site import SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile

KEPT_SECONDS = 600.0
MOST = 500  # projects

Key = tuple[TenantId, int]


class FieldNames:
    """The names by field id, of a project of a tenant's site."""

    def __init__(self, open_site: SiteOpener, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_site, self._clock = open_site, clock
        self._kept: OrderedDict[Key, tuple[float, Mapping[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, tenant: TenantId, project: int) -> Mapping[str, str] | None:
        """Those that are known without asking."""
        with self._lock:
            found = self._kept.get((tenant, project))
        fresh = found is not None and self._clock() - found[0] < KEPT_SECONDS
        return found[1] if found is not None and fresh else None

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
        with self._lock:
            self._kept[tenant, project] = (self._clock(), names)
            self._kept.move_to_end((tenant, project))
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return names

    def of_profile(self, stored: StoredProfile) -> Mapping[Side, Mapping[str, str]]:
        """Those of both sides of a profile."""
        tenants = {Side.LEFT: stored.left_tenant, Side.RIGHT: stored.right_tenant}
        scope = stored.profile.scope
        return {side: self.read(tenants[side], int(scope(side).project_id)) for side in Side}
