"""Parked changes by root cause: which there are, and how they are asked again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.said import from_text
from app.sync.parked import Row, place
from app.sync.reasons import Code
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault

PROBES_A_SWEEP = 20
EXAMPLES = 5


@dataclass(frozen=True)
class Wanted:
    """Which parked changes: all that match what is given. `key`: an issue key of either side;
    `row`: one change, by its side and the id of its issue; `ignored`: those that somebody put out
    of sight, and else those that nobody did."""

    side: Side | None = None
    code: Code | None = None
    field: str | None = None
    key: str | None = None
    row: Row | None = None
    ignored: bool = False


_MATCHES = """
    WHERE c.profile_id = :profile AND c.parked
      AND (CAST(:at_side AS text) IS NULL OR p.at_side = :at_side)
      AND (CAST(:code AS text) IS NULL OR coalesce(p.code, c.reason) = :code)
      AND (CAST(:field AS text) IS NULL OR coalesce(p.field, '') = :field)
      AND (CAST(:key AS text) IS NULL OR :key IN (l.left_key, l.right_key, r.left_key, r.right_key))
      AND (CAST(:row_side AS text) IS NULL OR (c.side = :row_side AND c.issue_id = :row_issue))
      AND (p.ignored_at IS NOT NULL) = :ignored
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
        SET parked = false, retried = true, reason = 'retry', attempts = 0, event_updated = NULL,
            not_before = now(), version = c.version + 1
        FROM locked k
        WHERE c.profile_id = :profile AND c.side = k.side AND c.issue_id = k.issue_id
        RETURNING c.lane),
    asked AS (
        UPDATE parked_cause p SET ask = 'retry', ignored_at = NULL FROM wanted w, locked k
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
        "row_side": wanted.row[0].value if wanted.row else None,
        "row_issue": wanted.row[1] if wanted.row else None,
        "ignored": wanted.ignored,
    }


def retry(session: Session, profile_id: uuid.UUID, wanted: Wanted) -> dict[int, int]:
    """Make these due, behind what is live. Returns how many changes by lane: ring for these."""
    rows = session.execute(_RETRY, criteria(profile_id, wanted)).all()
    return {row.lane: row.issues for row in rows}


def ask_again(
    record: Recorder,
    ring: Callable[[uuid.UUID, int], None],
    profile: StoredProfile,
    wanted: Wanted,
    *,
    actor: str,
    own: TenantId,
) -> int:
    """Retry what is wanted, note it on both trails, and ring. Returns how many changes it was.

    `own`: the tenant of the person, whose account the other site's trail does not name.
    """
    with tenant_transaction(own) as session:
        lanes = retry(session, profile.id, wanted)
        count = sum(lanes.values())
        detail = {
            "side": wanted.side.value if wanted.side else None,
            "code": wanted.code.value if wanted.code else None,
            "field": wanted.field,
            "issues": count,
        }
        deed = Deed(actor, Action.PARKED_RETRIED, f"profile:{profile.id}", detail)
        if count:
            partner = profile.right_tenant if own == profile.left_tenant else profile.left_tenant
            record_for_both(record, session, own, partner, deed)
    for lane in sorted(lanes):
        ring(profile.id, lane)
    return count


def probe() -> list[tuple[uuid.UUID, int]]:
    """Make one change due of each group whose turn it is. Returns the lanes to ring for."""
    with unscoped_transaction() as session:
        rows = session.execute(
            text("SELECT DISTINCT profile_id, lane FROM tandem_probe_parked(:most)"),
            {"most": PROBES_A_SWEEP},
        ).all()
    return [(row.profile_id, row.lane) for row in rows]


@dataclass(frozen=True)
class Group:
    """Parked changes with one root cause. `said`: the site's words of the latest, sealed, and the
    id of the cause that they belong to. `next_probe`: when one of them is asked again by itself."""

    profile_id: uuid.UUID
    side: Side
    code: Code
    field: str
    key: str
    issues: int
    since: datetime
    asked_at: datetime
    next_probe: datetime | None
    examples: tuple[str, ...]
    said: str


_GROUPS = text(
    f"""
    SELECT n.*, g.next_probe, s.said, s.left_tenant_id
    FROM (
        SELECT p.at_side, p.code, p.field, max(p.field_key) AS key, count(*) AS issues,
            min(p.first_at) AS since, max(p.asked_at) AS asked_at,
            (array_agg(p.id ORDER BY p.asked_at DESC))[1] AS newest,
            (array_agg(concat_ws(' / ', coalesce(l.left_key, r.left_key),
                coalesce(l.right_key, r.right_key)) ORDER BY p.first_at))[1:{EXAMPLES}] AS examples
        {PARKED} AND p.id IS NOT NULL
        GROUP BY p.at_side, p.code, p.field
    ) n
    JOIN parked_cause s ON s.id = n.newest
    LEFT JOIN parked_group g ON g.profile_id = :profile AND g.at_side = n.at_side
        AND g.code = n.code AND g.field = n.field
    ORDER BY n.issues DESC, n.at_side, n.code, n.field
    """  # noqa: S608
)


def groups(
    session: Session, vault: Vault, profile_id: uuid.UUID, wanted: Wanted | None = None
) -> list[Group]:
    """The parked changes of a profile by root cause, the largest group first: one query."""
    rows = session.execute(_GROUPS, criteria(profile_id, wanted or Wanted())).all()
    return [
        Group(
            profile_id=profile_id,
            side=Side(row.at_side),
            code=Code(row.code),
            field=row.field,
            key=row.key,
            issues=row.issues,
            since=row.since,
            asked_at=row.asked_at,
            next_probe=row.next_probe,
            examples=tuple(row.examples),
            said=from_text(
                vault.unseal(place(TenantId(row.left_tenant_id), row.newest), row.said).decode()
            ),
        )
        for row in rows
    ]


_LISTED = text(
    f"""
    SELECT c.side, c.issue_id, min(c.first_at) AS first_at, array_agg(p.id) AS causes,
        count(*) OVER () AS total
    {PARKED}
    GROUP BY c.side, c.issue_id ORDER BY first_at, c.side, c.issue_id LIMIT :most
    """
)


def listed(
    session: Session, profile_id: uuid.UUID, wanted: Wanted, most: int
) -> tuple[dict[Row, set[uuid.UUID]], int]:
    """The first parked changes that are wanted, with the ids of their wanted causes; and how many
    there are in all."""
    rows = session.execute(_LISTED, criteria(profile_id, wanted) | {"most": most}).all()
    found = {(Side(row.side), row.issue_id): set(row.causes) for row in rows}
    return found, rows[0].total if rows else 0
