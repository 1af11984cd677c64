"""Which key the twin of an issue has, by the issue's own key: for the keys that texts name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from app.database import tenant_transaction
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile

# In whatever profile between the two sites, seen from either side; the oldest pair first.
_TWINS = text(
    """
    SELECT own, twin FROM (
        SELECT left_key AS own, right_key AS twin, created_at FROM issue_link
        WHERE left_tenant_id = :here AND right_tenant_id = :there AND left_key = ANY(:keys)
          AND right_issue_id IS NOT NULL
        UNION ALL
        SELECT right_key, left_key, created_at FROM issue_link
        WHERE right_tenant_id = :here AND left_tenant_id = :there AND right_key = ANY(:keys)
          AND left_issue_id IS NOT NULL
    ) found WHERE twin <> '' ORDER BY created_at DESC
    """
)


def twin_keys(profile: StoredProfile, side: Side, keys: Sequence[str]) -> dict[str, str]:
    """The keys on `side` of the twins of these issues of the other side."""
    tenants = profile.tenants
    asked = {"here": tenants[side.other], "there": tenants[side], "keys": list(keys)}
    with tenant_transaction(profile.left_tenant) as session:
        return {row.own: row.twin for row in session.execute(_TWINS, asked)}
