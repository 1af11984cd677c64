"""What is stored of an activity entry: metadata in the clear, the detail sealed."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Model


class ActivityEntry(Model):
    """One visit to one pair: what came of it, and (sealed) what was written and why."""

    __tablename__ = "activity"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"))
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    left_key: Mapped[str | None]
    right_key: Mapped[str | None]
    outcome: Mapped[str]
    written: Mapped[int] = mapped_column(default=0)
    conflicts: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    detail: Mapped[bytes | None]
