"""How far our clock is off a site's, by the `Date` of its answers; told where it is too far.

Signing goes by the site's own time where it must (see the credential); this is for people.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.jira.site import Observer, SiteError

DIFFERS = 60.0
"""Seconds from which a difference is told: no answer takes longer, so a slow one is no wrong clock;
and Jira's tokens live for three minutes."""
MOVED = 15.0  # seconds from which a difference is another than the one told
TELL_EVERY = 60.0  # seconds between two notes of the same

# One that was not told again is of a process that has ended: searches call every site more often.
_TOLD = text(
    "SELECT clock_ahead FROM site_budget"
    " WHERE tenant_id = :tenant AND clock_told_at > now() - interval '15 minutes'"
)
_WRONG = text(
    """
    INSERT INTO site_budget (tenant_id, clock_ahead, clock_told_at) VALUES (:tenant, :ahead, now())
    ON CONFLICT (tenant_id) DO UPDATE SET
        clock_ahead = excluded.clock_ahead, clock_told_at = excluded.clock_told_at
    """
)
_RIGHT = text(
    "UPDATE site_budget SET clock_ahead = NULL, clock_told_at = NULL"
    " WHERE tenant_id = :tenant AND clock_ahead IS NOT NULL"
)


def told(session: Session, tenant: TenantId) -> float | None:
    """By how many seconds a site's clock is ahead of ours; None where they agree."""
    found = session.execute(_TOLD, {"tenant": tenant}).scalar()
    return None if found is None else float(found)


@dataclass(frozen=True)
class _Told:
    """What this process told last of a site's clock, and when. `ahead`: None for right."""

    ahead: float | None
    at: float


class Clocks:
    """Makes observers that compare the clocks. They store what is news: right clocks cost one
    statement a site and process, wrong ones one a minute."""

    def __init__(
        self, now: Callable[[], float] = time.time, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._passed = passed
        self._told: dict[TenantId, _Told] = {}
        self._lock = threading.Lock()

    def of(self, tenant: TenantId, then: Observer) -> Observer:
        """The observer for the site of this tenant; it goes on to another observer."""

        def observe(headers: Mapping[str, str], error: SiteError | None) -> None:
            ahead = self._ahead(headers.get("Date"))
            if ahead is not None and self._is_news(tenant, ahead):
                with tenant_transaction(tenant) as session:
                    session.execute(
                        _RIGHT if abs(ahead) < DIFFERS else _WRONG,
                        {"tenant": tenant, "ahead": ahead},
                    )
            then(headers, error)

        return observe

    def _ahead(self, date: str | None) -> float | None:
        try:
            return parsedate_to_datetime(date or "").timestamp() - self._now()
        except (ValueError, OverflowError):
            return None

    def _is_news(self, tenant: TenantId, ahead: float) -> bool:
        known = None if abs(ahead) < DIFFERS else ahead
        at = self._passed()
        with self._lock:
            before = self._told.get(tenant)
            same = before is not None and _is_same(before.ahead, known)
            if before is not None and same and (known is None or at - before.at < TELL_EVERY):
                return False
            self._told[tenant] = _Told(known, at)
            return True


def _is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < MOVED
