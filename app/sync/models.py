"""What is stored of the sync itself: links with keyed fingerprints, and dirty marks. No content."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Model


class IssueLink(Model):
    """Two issues that are kept in step, or the intent to create the one that is still missing."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"))
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    left_issue_id: Mapped[int | None] = mapped_column(BigInteger)
    right_issue_id: Mapped[int | None] = mapped_column(BigInteger)
    left_key: Mapped[str | None]
    right_key: Mapped[str | None]
    lane: Mapped[int] = mapped_column(SmallInteger)
    base: Mapped[dict[str, Any]] = mapped_column(JSONB)
    planned: Mapped[dict[str, list[str]] | None] = mapped_column(JSONB)
    moving: Mapped[dict[str, list[str]] | None] = mapped_column(JSONB)
    outside: Mapped[str | None]
    outside_checked_at: Mapped[datetime | None]
    left_seen: Mapped[datetime | None]
    right_seen: Mapped[datetime | None]
    create_sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    synced_at: Mapped[datetime | None]
    left_told: Mapped[str | None]
    right_told: Mapped[str | None]


class Change(Model):
    """One issue is dirty on one side. The row is the truth; a job is only the bell."""

    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"), primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    lane: Mapped[int] = mapped_column(SmallInteger)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    event_updated: Mapped[datetime | None]
    first_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_at: Mapped[datetime] = mapped_column(server_default=func.now())
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    reason: Mapped[str | None]
    parked: Mapped[bool] = mapped_column(default=False)
    retried: Mapped[bool] = mapped_column(default=False)
    run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("run.id"))
    awaits_tenant: Mapped[uuid.UUID | None]
    awaits_issue: Mapped[int | None] = mapped_column(BigInteger)


class Run(Model):
    """A load, an apply or an undo that somebody began."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"))
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")
    begun_by: Mapped[str]
    begun_in: Mapped[uuid.UUID | None]
    begun_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
