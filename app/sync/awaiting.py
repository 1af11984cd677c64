"""Changes that wait for the twin of a parent: noted with their row, due once that twin is there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId
from app.mapping.profiles import StoredProfile
from app.sync.store_dirty import Dirty


@dataclass(frozen=True, order=True)
class Awaited:
    """An issue whose twin is waited for, and whose site it is on."""

    tenant: TenantId
    issue_id: int


_NOTE = text(
    """
    UPDATE change SET awaits_tenant = :tenant, awaits_issue = :issue
    WHERE profile_id = :profile AND side = :side AND issue_id = :own
    """
)
_WAKE = text(
    """
    WITH due AS (
        SELECT c.profile_id, c.side, c.issue_id
        FROM change c
        JOIN unnest(CAST(:tenants AS uuid[]), CAST(:issues AS bigint[])) AS n (tenant, issue)
            ON c.awaits_tenant = n.tenant AND c.awaits_issue = n.issue
        WHERE EXISTS (
                SELECT FROM profile p JOIN issue_link k ON k.profile_id = p.id
                WHERE p.left_tenant_id = n.tenant AND k.left_issue_id = n.issue
                  AND p.right_tenant_id IN (c.left_tenant_id, c.right_tenant_id)
                  AND k.right_issue_id IS NOT NULL)
           OR EXISTS (
                SELECT FROM profile p JOIN issue_link k ON k.profile_id = p.id
                WHERE p.right_tenant_id = n.tenant AND k.right_issue_id = n.issue
                  AND p.left_tenant_id IN (c.left_tenant_id, c.right_tenant_id)
                  AND k.left_issue_id IS NOT NULL)
        ORDER BY c.profile_id, c.side, c.issue_id FOR UPDATE OF c)
    UPDATE change c
    SET parked = false, retried = false, reason = NULL, attempts = 0, event_updated = NULL,
        not_before = now(), version = c.version + 1, awaits_tenant = NULL, awaits_issue = NULL
    FROM due
    WHERE (c.profile_id, c.side, c.issue_id) = (due.profile_id, due.side, due.issue_id)
    RETURNING c.profile_id, c.lane
    """
)


def note(session: Session, profile: StoredProfile, change: Dirty, awaited: Awaited) -> None:
    """Store what a change waits for."""
    session.execute(
        _NOTE,
        {
            "profile": profile.id,
            "side": change.side.value,
            "own": change.issue_id,
            "tenant": awaited.tenant,
            "issue": awaited.issue_id,
        },
    )


def wake(session: Session, awaited: Iterable[Awaited]) -> set[tuple[uuid.UUID, int]]:
    """Make due what waits for those of these that have a twin. Returns the lanes to ring for.

    Whoever stores a wait calls it once that is committed, and so does whoever links an issue: of
    two at the same moment, one sees what the other has done.
    """
    places = sorted(set(awaited))
    if not places:
        return set()
    asked = {
        "tenants": [one.tenant for one in places],
        "issues": [one.issue_id for one in places],
    }
    return {(row.profile_id, row.lane) for row in session.execute(_WAKE, asked)}
