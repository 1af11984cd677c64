"""Parked changes that somebody does not want to see any more; and parked changes one by one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, together
from app.sync.parked import Row
from app.sync.parked_groups import PARKED, Wanted, criteria
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault

TOLD = 100
"""So many issues get an entry of their own in the activity; the rest is counted in one more."""


@dataclass(frozen=True)
class One:
    """A parked change: its issue, by the keys that are known of the pair."""

    row: Row
    left_key: str | None
    right_key: str | None
    first_at: datetime
    asked_at: datetime


_KEYS = "coalesce(l.left_key, r.left_key) AS left_key, coalesce(l.right_key, r.right_key)"
_ISSUES = text(
    f"""
    SELECT c.side, c.issue_id, {_KEYS} AS right_key, min(c.first_at) AS first_at,
        max(p.asked_at) AS asked_at, count(*) OVER () AS total
    {PARKED} AND p.id IS NOT NULL
    GROUP BY c.side, c.issue_id, 3, 4 ORDER BY first_at, c.side, c.issue_id LIMIT :most
    """
)
# Changes are locked first, as everybody does who touches both tables.
_IGNORE = text(
    f"""
    WITH wanted AS MATERIALIZED (
        SELECT c.side, c.issue_id, p.id, {_KEYS} AS right_key
        {PARKED} AND p.id IS NOT NULL),
    locked AS MATERIALIZED (
        SELECT c.side, c.issue_id FROM change c
        WHERE c.profile_id = :profile AND c.parked
          AND (c.side, c.issue_id) IN (SELECT side, issue_id FROM wanted)
        ORDER BY c.side, c.issue_id FOR UPDATE),
    ignored AS (
        UPDATE parked_cause p SET ignored_at = now() FROM wanted w, locked k
        WHERE p.id = w.id AND (k.side, k.issue_id) = (w.side, w.issue_id)
        RETURNING p.side, p.issue_id, w.left_key, w.right_key)
    SELECT DISTINCT side, issue_id, left_key, right_key FROM ignored ORDER BY side, issue_id
    """  # noqa: S608
)
_HIDDEN = text("SELECT DISTINCT profile_id FROM parked_cause WHERE ignored_at IS NOT NULL")


def issues(
    session: Session, profile_id: uuid.UUID, wanted: Wanted, most: int
) -> tuple[list[One], int]:
    """The first parked changes that are wanted, the longest waiting first; and how many in all."""
    rows = session.execute(_ISSUES, criteria(profile_id, wanted) | {"most": most}).all()
    found = [
        One((Side(row.side), row.issue_id), row.left_key, row.right_key, row.first_at, row.asked_at)
        for row in rows
    ]
    return found, rows[0].total if rows else 0


def hidden(session: Session) -> set[uuid.UUID]:
    """The profiles of the session's tenant that have ignored changes."""
    return set(session.execute(_HIDDEN).scalars())


def ignore(
    vault: Vault,
    record_deed: Recorder,
    profile: StoredProfile,
    wanted: Wanted,
    *,
    actor: str,
    own: TenantId,
    sentence: str,
) -> int:
    """Put what is wanted out of sight, until what was refused changes; on both trails and in the
    activity. Returns how many issues it was.

    `own`: the tenant of the person, whose account the other site's trail does not name;
    `sentence`: what they were parked for.
    """
    with tenant_transaction(own) as session:
        rows = session.execute(_IGNORE, criteria(profile.id, wanted)).all()
        if rows:
            keys = [(row.left_key, row.right_key) for row in rows]
            told = said(
                "%(person)s ignored it: %(why)s", person=f"[~accountid:{actor}]", why=sentence
            )
            _tell(session, vault, profile, keys, told)
            detail: dict[str, str | int | bool | None] = {
                "side": wanted.side.value if wanted.side else None,
                "code": wanted.code.value if wanted.code else None,
                "field": wanted.field,
                "issues": len(rows),
            }
            deed = Deed(actor, Action.PARKED_IGNORED, f"profile:{profile.id}", detail)
            partner = profile.right_tenant if own == profile.left_tenant else profile.left_tenant
            record_for_both(record_deed, session, own, partner, deed)
    return len(rows)


def _tell(
    session: Session,
    vault: Vault,
    profile: StoredProfile,
    keys: Sequence[tuple[str | None, str | None]],
    sentence: str,
) -> None:
    rest = len(keys) - TOLD
    more = [(None, None)] if rest > 0 else []
    for left, right in [*keys[:TOLD], *more]:
        several = [] if left or right else [said("Of %(count)s more issues.", count=f"{rest:,}")]
        record(
            session,
            vault,
            profile_id=profile.id,
            tenants=(profile.left_tenant, profile.right_tenant),
            keys=(left, right),
            outcome=Outcome.IGNORED,
            details=[Detail(together([sentence, *(several if rest > 0 else ())]))],
        )
