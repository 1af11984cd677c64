"""Marks an issue dirty in a profile: the row that a drain takes up. Whoever marks, in one way."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import Pipe, TenantId
from app.mapping.profile import Side

_MARK = text(
    """
    INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,
                        event_updated, run_id)
    SELECT * FROM unnest(
        CAST(:profiles AS uuid[]), CAST(:sides AS text[]), CAST(:issues AS bigint[]),
        CAST(:lefts AS uuid[]), CAST(:rights AS uuid[]), CAST(:lanes AS smallint[]),
        CAST(:updated AS timestamptz[]), CAST(:runs AS uuid[]))
    ON CONFLICT (profile_id, side, issue_id) DO UPDATE
    SET version = change.version + 1,
        -- Unknown wins over known: it forces a read.
        event_updated = CASE
            WHEN change.event_updated IS NULL OR excluded.event_updated IS NULL THEN NULL
            ELSE greatest(change.event_updated, excluded.event_updated) END,
        lane = excluded.lane,
        -- A live change takes the place of a run's or a retry; a run never slows a live one down.
        run_id = CASE
            WHEN change.run_id IS NULL AND NOT change.parked AND NOT change.retried THEN NULL
            ELSE excluded.run_id END,
        last_at = now(),
        -- Nor does it wait for the points that background work had to wait for.
        not_before = CASE
            WHEN change.parked THEN now()
            WHEN excluded.run_id IS NULL AND change.reason = 'site-held'
                AND (change.retried OR change.run_id IS NOT NULL) THEN now()
            ELSE change.not_before END,
        attempts = CASE WHEN change.parked THEN 0 ELSE change.attempts END,
        reason = nullif(change.reason, 'retry'),
        parked = false, retried = false
    """
)


@dataclass(frozen=True)
class Mark:
    """An issue that is dirty on one side of a profile. `updated`: as told; None forces a read.
    `run_id`: the run that asks for it, if no live change does."""

    profile_id: uuid.UUID
    side: Side
    issue_id: int
    left_tenant: TenantId
    right_tenant: TenantId
    lane: int
    updated: datetime | None
    run_id: uuid.UUID | None = None


def mark(session: Session, marks: Sequence[Mark]) -> None:
    """Mark these, each issue of a side once, in one statement."""
    session.execute(_MARK, _columns(marks))


def mark_through(pipe: Pipe, marks: Sequence[Mark]) -> None:
    """The same over the driver alone."""
    pipe.execute(_MARK, _columns(marks))


def _columns(marks: Sequence[Mark]) -> dict[str, list[Any]]:
    # In one order, whoever marks: two transactions must not wait for each other.
    ordered = sorted(marks, key=lambda one: (one.profile_id, one.side.value, one.issue_id))
    return {
        "profiles": [one.profile_id for one in ordered],
        "sides": [one.side.value for one in ordered],
        "issues": [one.issue_id for one in ordered],
        "lefts": [one.left_tenant for one in ordered],
        "rights": [one.right_tenant for one in ordered],
        "lanes": [one.lane for one in ordered],
        "updated": [one.updated for one in ordered],
        "runs": [one.run_id for one in ordered],
    }
