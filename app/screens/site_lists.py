"""The projects and issue types of sites, for the selects of pages: read once and kept in memory for
a few minutes, with the time at which they were read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.database import TenantId
from app.jira.site import JiraSite, Named, SiteOpener
from app.memory import Memory

KEPT_SECONDS = 300.0
MOST = 500  # lists

Key = tuple[TenantId, int | None]


@dataclass(frozen=True)
class Known:
    """A list of a site, as it was at `at`."""

    values: tuple[Named, ...]
    at: datetime

    def find(self, wanted: str | None) -> Named | None:
        """The thing of this id."""
        return next((one for one in self.values if str(one.id) == wanted), None)


class SiteLists:
    """Projects and types by tenant. They are names, so they are kept in memory alone."""

    def __init__(self, open_site: SiteOpener, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_site = open_site
        self._kept: Memory[Key, Known] = Memory(KEPT_SECONDS, MOST, clock)

    def projects(self, tenant: TenantId, *, fresh: bool = False) -> Known:
        """The projects that the app may see, by name. Raises SiteError."""
        return self._list((tenant, None), lambda site: site.projects(), fresh=fresh)

    def types(self, tenant: TenantId, project: int, *, fresh: bool = False) -> Known:
        """The issue types of a project that the app may create. Raises SiteError."""
        return self._list((tenant, project), lambda site: site.issue_types(project), fresh=fresh)

    def kept(self, tenant: TenantId, project: int | None = None) -> Known | None:
        """A list that need not be asked for now: of projects, or of a project's types."""
        return self._kept.get((tenant, project))

    def _list(self, key: Key, ask: Callable[[JiraSite], list[Named]], *, fresh: bool) -> Known:
        known = None if fresh else self.kept(*key)
        if known is not None:
            return known
        asked = Known(tuple(ask(self._open_site(key[0]))), datetime.now(UTC))
        return self._kept.put(key, asked)
