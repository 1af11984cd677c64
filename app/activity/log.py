"""Writes and reads activity entries; the detail is sealed for the profile's left tenant."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.activity.models import ActivityEntry
from app.database import TenantId
from app.vault.vault import Place, Vault


class Outcome(StrEnum):
    """What came of one visit to a pair."""

    CREATED = "created"
    UPDATED = "updated"
    CONFLICT = "conflict"
    PARKED = "parked"
    LEFT_ALONE = "left_alone"
    UNLINKED = "unlinked"


@dataclass(frozen=True)
class Detail:
    """One sentence of an entry, about one field where it is about a field."""

    sentence: str
    field: str | None = None
    side: str | None = None
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True)
class Entry:
    """An activity entry as shown, its detail opened."""

    at: datetime
    outcome: str
    left_key: str | None
    right_key: str | None
    written: int
    conflicts: int
    details: tuple[Detail, ...]


def record(
    session: Session,
    vault: Vault,
    *,
    profile_id: uuid.UUID,
    tenants: tuple[TenantId, TenantId],
    keys: tuple[str | None, str | None],
    outcome: Outcome,
    written: int = 0,
    conflicts: int = 0,
    details: Sequence[Detail] = (),
) -> None:
    """Add an entry in the running transaction. `tenants` and `keys` are (left, right)."""
    entry_id = uuid.uuid4()
    plain = json.dumps([asdict(detail) for detail in details]).encode()
    session.add(
        ActivityEntry(
            id=entry_id,
            profile_id=profile_id,
            left_tenant_id=tenants[0],
            right_tenant_id=tenants[1],
            left_key=keys[0],
            right_key=keys[1],
            outcome=outcome.value,
            written=written,
            conflicts=conflicts,
            detail=vault.seal(_place(tenants[0], entry_id), plain) if details else None,
        )
    )


def latest(
    session: Session, vault: Vault, limit: int, of_profiles: Collection[uuid.UUID] | None = None
) -> list[Entry]:
    """The newest entries that the running transaction's tenant may see, newest first.

    `of_profiles` keeps those of some profiles only.
    """
    query = select(ActivityEntry).order_by(ActivityEntry.at.desc()).limit(limit)
    if of_profiles is not None:
        query = query.where(ActivityEntry.profile_id.in_(of_profiles))
    entries = []
    for row in session.scalars(query):
        details: tuple[Detail, ...] = ()
        if row.detail is not None:
            opened = vault.unseal(_place(TenantId(row.left_tenant_id), row.id), row.detail)
            details = tuple(Detail(**raw) for raw in json.loads(opened))
        entries.append(
            Entry(
                row.at,
                row.outcome,
                row.left_key,
                row.right_key,
                row.written,
                row.conflicts,
                details,
            )
        )
    return entries


def _place(tenant: TenantId, entry_id: uuid.UUID) -> Place:
    return Place(tenant, "activity", "detail", str(entry_id))
