"""Parked changes by root cause: which there are, and how they are asked again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import unscoped_transaction
from app.mapping.profile import Side
from app.sync.reasons import Code

PROBES_A_SWEEP = 20


@dataclass(frozen=True)
class Wanted:
    """Which parked changes: all that match what is given. `key`: an issue key of either side."""

    side: Side | None = None
    code: Code | None = None
    field: str | None = None
    key: str | None = None


_MATCHES = """
    WHERE c.profile_id = :profile AND c.parked
      AND (CAST(:at_side AS text) IS NULL OR p.at_side = :at_side)
      AND (CAST(:code AS text) IS NULL OR coalesce(p.code, c.reason) = :code)
      AND (CAST(:field AS text) IS NULL OR coalesce(p.field, '') = :field)
      AND (CAST(:key AS text) IS NULL OR :key IN (l.left_key, l.right_key, r.left_key, r.right_key))
"""
PARKED = f"""
    FROM change c
    LEFT JOIN parked_cause p ON p.profile_id = c.profile_id AND p.side = c.side
        AND p.issue_id = c.issue_id
    LEFT JOIN issue_link l ON c.side = 'left' AND l.profile_id = c.profile_id
        AND l.left_issue_id = c.issue_id
    LEFT JOIN issue_link r ON c.side = 'right' AND r.profile_id = c.profile_id
        AND r.right_issue_id = c.issue_id
    {_MATCHES}
"""
"""The parked changes of a profile that are wanted, each with its causes and its link."""

_RETRY = text(
    f"""
    WITH wanted AS MATERIALIZED (SELECT c.side, c.issue_id, p.id {PARKED}),
    locked AS MATERIALIZED (
        SELECT c.side, c.issue_id FROM change c
        WHERE c.profile_id = :profile AND c.parked
          AND (c.side, c.issue_id) IN (SELECT side, issue_id FROM wanted)
        ORDER BY c.side, c.issue_id FOR UPDATE),
    woken AS (
        UPDATE change c
        SET parked = false, reason = 'retry', attempts = 0, event_updated = NULL,
            not_before = now(), version = c.version + 1
        FROM locked k
        WHERE c.profile_id = :profile AND c.side = k.side AND c.issue_id = k.issue_id
        RETURNING c.lane),
    asked AS (
        UPDATE parked_cause p SET ask = 'retry' FROM wanted w, locked k
        WHERE p.id = w.id AND (k.side, k.issue_id) = (w.side, w.issue_id)),
    anew AS (
        UPDATE parked_group g SET tries = 0, next_probe = now() + interval '1 hour'
        WHERE g.profile_id = :profile AND (g.at_side, g.code, g.field) IN (
            SELECT p.at_side, p.code, p.field FROM parked_cause p JOIN wanted w ON w.id = p.id))
    SELECT lane, count(*) AS issues FROM woken GROUP BY lane
    """  # noqa: S608
)


def criteria(profile_id: uuid.UUID, wanted: Wanted) -> dict[str, object]:
    """The parameters of a statement over PARKED."""
    return {
        "profile": profile_id,
        "at_side": wanted.side.value if wanted.side else None,
        "code": wanted.code.value if wanted.code else None,
        "field": wanted.field,
        "key": wanted.key,
    }


def retry(session: Session, profile_id: uuid.UUID, wanted: Wanted) -> dict[int, int]:
    """Make these due, behind what is live. Returns how many changes by lane: ring for these."""
    rows = session.execute(_RETRY, criteria(profile_id, wanted)).all()
    return {row.lane: row.issues for row in rows}


def probe() -> list[tuple[uuid.UUID, int]]:
    """Make one change due of each group whose turn it is. Returns the lanes to ring for."""
    with unscoped_transaction() as session:
        rows = session.execute(
            text("SELECT DISTINCT profile_id, lane FROM tandem_probe_parked(:most)"),
            {"most": PROBES_A_SWEEP},
        ).all()
    return [(row.profile_id, row.lane) for row in rows]
