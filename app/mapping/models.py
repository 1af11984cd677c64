"""What is stored of a profile: ids for routing in the clear, the mapping document sealed."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Model


class ProfileState(StrEnum):
    """Whether a profile carries changes."""

    ON = "on"
    PAUSED = "paused"
    PROPOSED = "proposed"  # one side has not approved it yet, and nothing was ever carried


class ProfileRecord(Model):
    """A pairing of one project and type on each side, with what is carried between them."""

    __tablename__ = "profile"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("connection.id"))
    left_tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"))
    right_tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"))
    name: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    paused_for: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("installation.id"))
    left_project_id: Mapped[int]
    left_type_id: Mapped[int]
    right_project_id: Mapped[int]
    right_type_id: Mapped[int]
    revision: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProfileRevision(Model):
    """One revision of a profile's mapping document, sealed with the left tenant's key."""

    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    document: Mapped[bytes]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
