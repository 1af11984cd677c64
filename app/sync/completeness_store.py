"""The rows of the check of a whole scope: how far it is and what it counted. No content."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import SmallInteger, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Model
from app.mapping.models import ProfileRecord
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import unlinked
from app.sync.models import Change, IssueLink
from app.sync.store_links import Link, links_of

CHUNK = 100  # pairs or issues a step: what one call may carry
NAMED = 100  # how many that do not agree are named; the rest is counted
LEASE_SECONDS = 180.0  # longer than the calls of a step may take

PAIRS = "pairs"
"""The phase that compares the pairs; the others, by the name of their side, walk the scopes."""


class Check(Model):
    """One profile's check: the one that runs, or the last one."""

    __tablename__ = "completeness"

    profile_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    calls_a_minute: Mapped[int] = mapped_column(SmallInteger)
    due_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    not_before: Mapped[datetime]
    lease: Mapped[uuid.UUID | None]
    attempts: Mapped[int] = mapped_column(SmallInteger)
    phase: Mapped[str]
    after_link: Mapped[uuid.UUID | None]
    page: Mapped[str | None]
    suspects: Mapped[list[str]] = mapped_column(JSONB)
    chunk: Mapped[int] = mapped_column(SmallInteger)
    about: Mapped[int]
    pairs: Mapped[int]
    agreed: Mapped[int]
    differing: Mapped[int]
    gone: Mapped[int]
    waiting: Mapped[int]
    parked: Mapped[int]
    still: Mapped[int]
    only_left: Mapped[int]
    only_right: Mapped[int]
    unlinked_left: Mapped[int]
    unlinked_right: Mapped[int]
    named: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    unseen: Mapped[list[str]] = mapped_column(JSONB)

    @property
    def runs(self) -> bool:
        """Whether it is under way."""
        return self.started_at is not None and self.finished_at is None


COUNTS = (
    "pairs", "agreed", "differing", "gone", "waiting", "parked", "still",
    "only_left", "only_right", "unlinked_left", "unlinked_right",
)  # fmt: skip
_KEPT = (*COUNTS, "phase", "after_link", "page", "suspects", "chunk", "named", "unseen")

_SEED = text(
    """
    INSERT INTO completeness (profile_id, left_tenant_id, right_tenant_id, due_at)
    SELECT id, left_tenant_id, right_tenant_id, now() + random() * interval '1 day'
    FROM profile WHERE id = :profile
    ON CONFLICT DO NOTHING
    """
)
_BEGIN = text(
    f"""
    UPDATE completeness SET started_at = now(), finished_at = NULL, not_before = now(),
        due_at = now() + interval '1 day', lease = NULL, attempts = 0, phase = 'pairs',
        after_link = NULL, page = NULL, suspects = '[]', named = '[]', unseen = '[]',
        chunk = {CHUNK},
        {", ".join(f"{count} = 0" for count in COUNTS)},
        about = (SELECT count(*) FROM issue_link WHERE profile_id = :profile)
    WHERE profile_id = :profile AND (started_at IS NULL OR finished_at IS NOT NULL)
    """  # noqa: S608  our own names
)
_MARK = text(
    """
    INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)
    VALUES (:profile, :side, :issue, :left, :right, :lane)
    ON CONFLICT (profile_id, side, issue_id) DO UPDATE
    SET version = change.version + 1, event_updated = NULL, last_at = now()
    """
)


@dataclass(frozen=True)
class Mark:
    """An issue that the engine is to look at."""

    side: Side
    issue_id: int
    lane: int


def seed(session: Session, profile_id: uuid.UUID) -> None:
    """Make the row of a profile that has none; its first check is at some moment of the day."""
    session.execute(_SEED, {"profile": profile_id})


def begin(session: Session, profile_id: uuid.UUID) -> None:
    """Begin a check now. One that is under way goes on as it is."""
    seed(session, profile_id)
    session.execute(_BEGIN, {"profile": profile_id})


def begin_if_due(session: Session, profile_id: uuid.UUID) -> None:
    """Begin the check of the day, when its time has come."""
    seed(session, profile_id)
    due = session.scalars(
        select(Check.due_at <= func.now()).where(Check.profile_id == profile_id)
    ).one_or_none()
    if due:
        session.execute(_BEGIN, {"profile": profile_id})


def take(session: Session, profile_id: uuid.UUID, lease: uuid.UUID) -> Check | None:
    """Take the next step into one hand; None where none is due."""
    return session.scalars(
        update(Check)
        .where(
            Check.profile_id == profile_id,
            Check.started_at.is_not(None),
            Check.finished_at.is_(None),
            Check.not_before <= func.now(),
        )
        .values(lease=lease, not_before=func.now() + timedelta(seconds=LEASE_SECONDS))
        .returning(Check)
    ).one_or_none()


def keep(session: Session, check: Check, pause: float, *, finished: bool) -> bool:
    """Store what a step found; the next comes after `pause` seconds. False: it was taken over."""
    values: dict[str, object] = {name: getattr(check, name) for name in _KEPT}
    values |= {"attempts": 0, "lease": None, "not_before": func.now() + timedelta(seconds=pause)}
    if finished:
        values["finished_at"] = func.now()
    return _store(session, check, values)


def put_off(session: Session, check: Check, seconds: float, *, failed: bool = True) -> None:
    """Take this step again later: a site failed or refused, or has no budget for it now."""
    values: dict[str, object] = {
        "attempts": func.least(Check.attempts + 1, 1000) if failed else 0,
        "lease": None,
        "chunk": check.chunk,
        "not_before": func.now() + timedelta(seconds=seconds),
    }
    _store(session, check, values)


def _store(session: Session, check: Check, values: Mapping[str, object]) -> bool:
    kept = session.execute(
        update(Check)
        .where(Check.profile_id == check.profile_id, Check.lease == check.lease)
        .values(**values)
        .returning(Check.profile_id)
    )
    return kept.scalar() is not None


def due(session: Session, most: int) -> list[uuid.UUID]:
    """The profiles that have a step due, of all tenants."""
    rows = session.execute(text("SELECT profile_id FROM tandem_due_checks(:most)"), {"most": most})
    return list(rows.scalars())


def read(session: Session, profile_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Check]:
    """The checks of these profiles, of the session's tenant, by profile."""
    found = session.scalars(select(Check).where(Check.profile_id.in_(profile_ids)))
    return {one.profile_id: one for one in found}


def next_links(
    session: Session, profile: StoredProfile, after: uuid.UUID | None, most: int = CHUNK
) -> list[Link]:
    """The next links of the walk, by id."""
    query = select(IssueLink.id).where(IssueLink.profile_id == profile.id)
    if after is not None:
        query = query.where(IssueLink.id > after)
    return links(session, profile, session.scalars(query.order_by(IssueLink.id).limit(most)).all())


def links(session: Session, profile: StoredProfile, ids: Sequence[uuid.UUID]) -> list[Link]:
    """These links, by id."""
    rows = session.execute(
        select(IssueLink.left_issue_id, IssueLink.right_issue_id).where(IssueLink.id.in_(ids))
    ).all()
    found = links_of(
        session,
        profile,
        [row.left_issue_id for row in rows if row.left_issue_id is not None],
        [row.right_issue_id for row in rows if row.right_issue_id is not None],
    )
    return sorted((link for link in found if link.id in set(ids)), key=lambda link: link.id)


def dirty(
    session: Session, profile: StoredProfile, issues: Sequence[tuple[Side, int]]
) -> dict[tuple[Side, int], bool]:
    """Which of these issues have a change row, and whether that is parked."""
    rows = session.execute(
        select(Change.side, Change.issue_id, Change.parked).where(
            Change.profile_id == profile.id,
            tuple_(Change.side, Change.issue_id).in_([(side.value, one) for side, one in issues]),
        )
    )
    return {(Side(row.side), row.issue_id): row.parked for row in rows}


def linked(session: Session, profile: StoredProfile, side: Side, issues: Sequence[int]) -> set[int]:
    """Which of these issues of a side have a link, or had one that was ended."""
    column = IssueLink.left_issue_id if side is Side.LEFT else IssueLink.right_issue_id
    query = select(column).where(IssueLink.profile_id == profile.id, column.in_(issues))
    found = {one for one in session.scalars(query) if one is not None}
    return found | unlinked.alone(session, profile, side, issues)


def born(session: Session, profile_id: uuid.UUID) -> datetime:
    """When the profile was made: older issues without a twin are as they should be. Now, for one
    that is yet to be made."""
    found = session.scalars(
        select(ProfileRecord.created_at).where(ProfileRecord.id == profile_id)
    ).one_or_none()
    return found or datetime.now(UTC)


def mark(session: Session, profile: StoredProfile, marks: Sequence[Mark]) -> None:
    """Have the engine look at these issues. One that is parked stays parked."""
    for one in marks:
        session.execute(
            _MARK,
            {
                "profile": profile.id,
                "side": one.side.value,
                "issue": one.issue_id,
                "left": profile.left_tenant,
                "right": profile.right_tenant,
                "lane": one.lane,
            },
        )
