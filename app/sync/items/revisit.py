"""Has all pairs of a profile visited: what it carries besides fields was said otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sqlalchemy import text

from app.database import tenant_transaction
from app.mapping.profiles import StoredProfile

# Behind what is live, and with the points of background work. What is due anyhow stays as it is.
_MARK = text(
    """
    WITH made AS (
        INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,
                            retried, reason)
        SELECT profile_id, 'left', left_issue_id, left_tenant_id, right_tenant_id, lane,
               true, 'retry'
        FROM issue_link
        WHERE profile_id = :profile AND left_issue_id IS NOT NULL AND right_issue_id IS NOT NULL
        ON CONFLICT (profile_id, side, issue_id) DO NOTHING
        RETURNING lane)
    SELECT lane, count(*) AS issues FROM made GROUP BY lane
    """
)


def visit_all(ring: Callable[[uuid.UUID, int], None], profile: StoredProfile) -> int:
    """Make all pairs of a profile due that are not. Returns how many these are."""
    with tenant_transaction(profile.left_tenant) as session:
        rows = session.execute(_MARK, {"profile": profile.id}).all()
    for row in rows:
        ring(profile.id, row.lane)
    return sum(int(row.issues) for row in rows)
