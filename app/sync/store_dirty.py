"""The rows of what is dirty: which changes are due, and what becomes of them after a visit."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.models import Change

BATCH = 100
"""Changes that a drain takes up: as many issues as Jira gives in one bulk read."""


@dataclass(frozen=True)
class Dirty:
    """A change row as it was read; `version` tells whether it moved meanwhile."""

    side: Side
    issue_id: int
    lane: int
    version: int
    event_updated: datetime | None
    attempts: int
    run_id: uuid.UUID | None = None
    retried: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it is neither of a run nor one that was parked and is asked again."""
        return self.run_id is None and not self.retried


# While an undo has a lane in hand, nothing is drained there.
_NOT_IN_UNDO = text(
    "NOT EXISTS (SELECT FROM undo_hold h WHERE h.profile_id = change.profile_id"
    " AND h.lane = change.lane AND h.until > now())"
)


def due(session: Session, profile: StoredProfile, lane: int) -> list[Dirty]:
    """Up to BATCH due changes of a lane: live ones before those of a run and those that were
    parked, then the longest waiting first."""
    rows = session.scalars(
        select(Change)
        .where(
            Change.profile_id == profile.id,
            Change.lane == lane,
            ~Change.parked,
            Change.not_before <= func.now(),
            _NOT_IN_UNDO,
        )
        .order_by(
            or_(Change.run_id.is_not(None), Change.retried),
            Change.not_before,
            Change.first_at,
        )
        .limit(BATCH)
    )
    return [
        Dirty(
            side=Side(row.side),
            issue_id=row.issue_id,
            lane=row.lane,
            version=row.version,
            event_updated=row.event_updated,
            attempts=row.attempts,
            run_id=row.run_id,
            retried=row.retried,
        )
        for row in rows
    ]


_RUN = text(
    """
    SELECT min(c.run_id::text)::uuid FROM change c
    WHERE c.profile_id = :profile AND c.run_id IS NOT NULL AND NOT c.parked
      AND (c.side = 'left' AND c.issue_id = ANY(:left)
        OR c.side = 'right' AND c.issue_id = ANY(:right))
    """
)


def run_in_hand(
    session: Session, profile: StoredProfile, issues: Mapping[Side, Collection[int]]
) -> uuid.UUID | None:
    """A run that has yet to visit one of these issues, or is at it; None where none has."""
    ids = {side.value: sorted(issues[side]) for side in Side}
    found: uuid.UUID | None = session.execute(_RUN, ids | {"profile": profile.id}).scalar()
    return found


_DONE = text(
    """
    DELETE FROM change c
    USING unnest(CAST(:sides AS text[]), CAST(:issues AS bigint[]), CAST(:versions AS bigint[]))
        AS d (side, issue_id, version)
    WHERE c.profile_id = :profile AND c.side = d.side AND c.issue_id = d.issue_id
      AND c.version = d.version
    """
)


def done(session: Session, profile: StoredProfile, changes: Sequence[Dirty]) -> None:
    """Delete the changes whose version did not move since they were read."""
    if not changes:
        return
    ordered = sorted(changes, key=lambda one: (one.side.value, one.issue_id))
    session.execute(
        _DONE,
        {
            "profile": profile.id,
            "sides": [one.side.value for one in ordered],
            "issues": [one.issue_id for one in ordered],
            "versions": [one.version for one in ordered],
        },
    )


def postpone(
    session: Session,
    profile: StoredProfile,
    changes: Sequence[Dirty],
    seconds: float,
    reason: str,
) -> None:
    """Try these again after a while. A change that moved meanwhile waits as well."""
    for change in changes:
        session.execute(
            update(Change)
            .where(*_this(profile, change))
            .values(
                not_before=func.now() + timedelta(seconds=seconds),
                attempts=func.least(Change.attempts + 1, 1000),
                reason=reason,
            )
        )


def park(session: Session, profile: StoredProfile, changes: Sequence[Dirty], code: str) -> None:
    """Set these aside until their issue changes again or somebody asks for them."""
    for change in changes:
        session.execute(
            update(Change)
            .where(*_same(profile, change))
            .values(parked=True, retried=False, reason=code)
        )


def move_lane(session: Session, profile: StoredProfile, change: Dirty, lane: int) -> None:
    """Hand a change to the lane of its pair."""
    session.execute(update(Change).where(*_this(profile, change)).values(lane=lane))


def again(session: Session, profile: StoredProfile, changes: Sequence[Dirty]) -> None:
    """Keep these due: somebody edited the issue between our reading and our writing."""
    for change in changes:
        session.execute(
            update(Change)
            .where(*_this(profile, change))
            .values(version=Change.version + 1, event_updated=None)
        )


def _this(profile: StoredProfile, change: Dirty) -> tuple[ColumnElement[bool], ...]:
    return (
        Change.profile_id == profile.id,
        Change.side == change.side.value,
        Change.issue_id == change.issue_id,
    )


def _same(profile: StoredProfile, change: Dirty) -> tuple[ColumnElement[bool], ...]:
    return (*_this(profile, change), Change.version == change.version)
