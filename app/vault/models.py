"""Which data keys a tenant has. The keys themselves are in the key store, never here."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Model


class DataKeyRecord(Model):
    """One version of a tenant's data key and what it is good for."""

    __tablename__ = "data_key"

    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
