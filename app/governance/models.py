"""What is stored of the audit trail."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Model


class AuditEvent(Model):
    """One deed in its chain: a tenant's, or the server's own (the zero id). Never changed."""

    __tablename__ = "audit_event"

    chain: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    origin: Mapped[dict[str, Any]] = mapped_column(JSONB)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    previous: Mapped[bytes]  # the mac of the event before
    mac: Mapped[bytes]


class AuditHead(Model):
    """The newest event of a chain; the database moves it as an event is added."""

    __tablename__ = "audit_head"

    chain: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int]
    mac: Mapped[bytes]
