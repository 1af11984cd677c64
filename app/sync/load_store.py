"""The rows of a first load: how far it is, and the issues that it has read. No content."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import SmallInteger, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Model
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.models import Change
from app.vault.vault import Place

CHUNK = 100  # issues a step: what one page of a search gives
NAMED = 100  # how many ambiguous issues are named; the rest is counted
LEASE_SECONDS = 30.0  # so long after a crash another process may go on

READ, DECIDE, CARRY, DONE = "read", "decide", "carry", "done"
"""The phases: read both scopes, decide for each issue, wait until all is carried across."""


class Load(Model):
    """A load, by the run that its changes belong to."""

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID]
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    sources: Mapped[str]
    match_key: Mapped[str | None]
    jql: Mapped[bytes | None]
    phase: Mapped[str] = mapped_column(default=READ)
    walk: Mapped[int] = mapped_column(SmallInteger, default=0)
    since: Mapped[datetime | None]
    page: Mapped[str | None]
    newest: Mapped[datetime | None]
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    lease: Mapped[uuid.UUID | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    about: Mapped[int] = mapped_column(default=0)
    read: Mapped[int] = mapped_column(default=0)
    marked: Mapped[int] = mapped_column(default=0)
    paired: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    linked: Mapped[int] = mapped_column(default=0)
    ambiguous: Mapped[int] = mapped_column(default=0)
    parked: Mapped[int] = mapped_column(default=0)
    unsettled: Mapped[int] = mapped_column(default=0)
    named: Mapped[list[str]] = mapped_column(JSONB, default=list)
    begun_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]

    @property
    def source_sides(self) -> tuple[Side, ...]:
        """The sides whose issues are loaded."""
        return tuple(Side) if self.sources == "both" else (Side(self.sources),)


class LoadIssue(Model):
    """An issue that a load has read."""

    __tablename__ = "load_issue"

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    mark: Mapped[str | None]
    updated: Mapped[datetime]
    source: Mapped[bool]
    outcome: Mapped[str | None]


COUNTS = ("read", "marked", "paired", "created", "linked", "ambiguous", "parked", "unsettled")
_KEPT = (*COUNTS, "phase", "walk", "since", "page", "newest", "named")


def place(profile: StoredProfile, run_id: uuid.UUID) -> Place:
    """Where the JQL of a load is sealed for."""
    return Place(profile.left_tenant, "load", "jql", str(run_id))


def running(session: Session, profile_id: uuid.UUID) -> Load | None:
    """The load of a profile that has not ended."""
    return session.scalars(
        select(Load).where(Load.profile_id == profile_id, Load.ended_at.is_(None))
    ).one_or_none()


def get(session: Session, run_id: uuid.UUID) -> Load | None:
    """A load by its run, ended or not."""
    return session.get(Load, run_id, populate_existing=True)


def take(session: Session, run_id: uuid.UUID, lease: uuid.UUID) -> Load | None:
    """Take the next step into one hand; None where none is due, or another has it."""
    return session.scalars(
        update(Load)
        .where(Load.run_id == run_id, Load.ended_at.is_(None), Load.not_before <= func.now())
        .values(lease=lease, not_before=func.now() + timedelta(seconds=LEASE_SECONDS))
        .returning(Load)
    ).one_or_none()


def holds(session: Session, load: Load) -> bool:
    """Whether the step is still in our hand; if so it stays there until the transaction ends."""
    found = session.execute(
        select(Load.lease).where(Load.run_id == load.run_id, Load.ended_at.is_(None))
        .with_for_update()
    ).scalar()  # fmt: skip
    return found is not None and found == load.lease


def keep(session: Session, load: Load, pause: float = 0.0) -> None:
    """Store what a step did; the next may come after `pause` seconds. `holds` comes first."""
    values: dict[str, object] = {name: getattr(load, name) for name in _KEPT}
    values |= {"attempts": 0, "lease": None, "not_before": func.now() + timedelta(seconds=pause)}
    session.execute(update(Load).where(Load.run_id == load.run_id).values(**values))


def put_off(session: Session, load: Load, seconds: float, *, failed: bool = False) -> None:
    """Take this step again later: a site failed, or has no budget for it now."""
    session.execute(
        update(Load)
        .where(Load.run_id == load.run_id, Load.lease == load.lease)
        .values(
            lease=None,
            not_before=func.now() + timedelta(seconds=seconds),
            attempts=func.least(Load.attempts + 1, 1000) if failed else 0,
        )
    )


def finish(session: Session, load: Load) -> None:
    """End a load: what it has read is forgotten, its counts stay. `holds` comes first."""
    session.execute(delete(LoadIssue).where(LoadIssue.run_id == load.run_id))
    values: dict[str, object] = {name: getattr(load, name) for name in _KEPT}
    values |= {"phase": DONE, "ended_at": func.now(), "jql": None, "page": None, "lease": None}
    session.execute(update(Load).where(Load.run_id == load.run_id).values(**values))


def pending(session: Session, run_id: uuid.UUID) -> int:
    """How many changes of a run are still to be carried across."""
    query = select(func.count()).where(Change.run_id == run_id, ~Change.parked)
    return session.execute(query).scalar_one()


# Each half names its own column of the link, so that the unique index finds it. An issue whose pair
# was ended gets no twin, and none is missing.
_RESULT = text(
    """
    WITH asked AS (
        SELECT i.side, i.issue_id, k.right_issue_id AS twin
        FROM load_issue i LEFT JOIN issue_link k
            ON k.profile_id = :profile AND k.left_issue_id = i.issue_id
        WHERE i.run_id = :run AND i.side = 'left' AND i.outcome = 'create'
        UNION ALL
        SELECT i.side, i.issue_id, k.left_issue_id
        FROM load_issue i LEFT JOIN issue_link k
            ON k.profile_id = :profile AND k.right_issue_id = i.issue_id
        WHERE i.run_id = :run AND i.side = 'right' AND i.outcome = 'create'
    )
    SELECT count(*) FILTER (WHERE a.twin IS NOT NULL) AS created,
           count(*) FILTER (WHERE a.twin IS NULL AND c.parked IS NOT TRUE AND NOT EXISTS (
               SELECT FROM unlinked u WHERE u.profile_id = :profile AND u.side = a.side
               AND u.issue_id = a.issue_id)) AS unsettled
    FROM asked a LEFT JOIN change c
        ON c.profile_id = :profile AND c.side = a.side AND c.issue_id = a.issue_id
    """
)


def count_result(session: Session, load: Load) -> None:
    """Count what came of the issues that were to be created, and what was set aside."""
    asked: dict[str, Any] = {"profile": load.profile_id, "run": load.run_id}
    found = session.execute(_RESULT, asked).one()
    load.created, load.unsettled = found.created, found.unsettled
    load.parked = session.execute(
        select(func.count()).where(Change.run_id == load.run_id, Change.parked)
    ).scalar_one()
