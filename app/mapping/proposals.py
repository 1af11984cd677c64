"""The rows of two keys: which revision each side has approved, and the one that waits."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.mapping.models import ProfileRecord
from app.mapping.profile import Side


class Outcome(StrEnum):
    """What became of a proposal."""

    APPROVED = "approved"
    DECLINED = "declined"
    REPLACED = "replaced"  # by a later one, or by a revision that needed nobody


@dataclass(frozen=True)
class Proposal:
    """A revision that waits for a side. `proposed_by`: an account id of the other side."""

    profile_id: uuid.UUID
    number: int
    awaits: Side
    proposed_by: str
    proposed_at: datetime


_WAITING = text(
    """
    SELECT profile_id, number, awaits, proposed_by, proposed_at FROM profile_proposal
    WHERE profile_id = :profile AND outcome IS NULL
    """
)
_ALL_WAITING = text(
    """
    SELECT profile_id, number, awaits, proposed_by, proposed_at FROM profile_proposal
    WHERE outcome IS NULL ORDER BY proposed_at, profile_id
    """
)
_PROPOSE = text(
    """
    INSERT INTO profile_proposal
        (profile_id, number, left_tenant_id, right_tenant_id, awaits, proposed_by)
    VALUES (:profile, :number, :left, :right, :awaits, :by)
    """
)
_END = text(
    """
    UPDATE profile_proposal SET outcome = :outcome, decided_by = :by, decided_at = now()
    WHERE profile_id = :profile AND outcome IS NULL
    """
)
_APPROVE = text(
    """
    INSERT INTO profile_approval
        (profile_id, side, left_tenant_id, right_tenant_id, revision, approved_by)
    VALUES (:profile, :side, :left, :right, :number, :by)
    ON CONFLICT (profile_id, side) DO UPDATE SET revision = excluded.revision,
        approved_by = excluded.approved_by, approved_at = now()
    """
)
_BEGIN = text(
    """
    WITH begun AS (
        UPDATE profile SET created_at = now() WHERE id = :profile RETURNING id)
    UPDATE search_look l SET since = now(), looked_at = now() FROM begun
    WHERE l.profile_id = begun.id
    """
)
_NEWEST = text("SELECT max(number) FROM profile_revision WHERE profile_id = :profile")


def waiting(session: Session, profile_id: uuid.UUID) -> Proposal | None:
    """The proposal that waits, if one does."""
    row = session.execute(_WAITING, {"profile": profile_id}).one_or_none()
    return None if row is None else _proposal(row)


def all_waiting(session: Session) -> list[Proposal]:
    """All that wait in profiles of the session's tenant, for either side, oldest first."""
    return [_proposal(row) for row in session.execute(_ALL_WAITING)]


def propose(session: Session, found: ProfileRecord, number: int, awaits: Side, by: str) -> None:
    """Have a revision wait for a side, in place of one that waits already."""
    end(session, found, Outcome.REPLACED, by)
    named = {**_of(found), "number": number, "awaits": awaits.value, "by": by}
    session.execute(_PROPOSE, named)


def end(session: Session, found: ProfileRecord, outcome: Outcome, by: str) -> None:
    """End the wait of a proposal, where there is one."""
    session.execute(_END, {"profile": found.id, "outcome": outcome.value, "by": by})


def approve(session: Session, found: ProfileRecord, side: Side, number: int, by: str) -> None:
    """Note that a side has approved a revision, which is in force or comes in force now."""
    named = {**_of(found), "side": side.value, "number": number, "by": by}
    session.execute(_APPROVE, named)


def begin(session: Session, profile_id: uuid.UUID) -> None:
    """A profile begins when its second key is turned: what is older is left to a load."""
    session.execute(_BEGIN, {"profile": profile_id})


def newest(session: Session, profile_id: uuid.UUID) -> int:
    """The highest number of a profile's revisions, in force or not."""
    return int(session.execute(_NEWEST, {"profile": profile_id}).scalar() or 0)


def _of(found: ProfileRecord) -> dict[str, object]:
    return {
        "profile": found.id,
        "left": found.left_tenant_id,
        "right": found.right_tenant_id,
    }


def _proposal(row: Any) -> Proposal:
    return Proposal(
        profile_id=row.profile_id,
        number=row.number,
        awaits=Side(row.awaits),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
    )
