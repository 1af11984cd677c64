"""Writes and reads activity entries; the detail is sealed for the profile's left tenant."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.activity.models import ActivityEntry
from app.database import TenantId
from app.said import pack, unpack
from app.vault.vault import Place, Vault


class Outcome(StrEnum):
    """What came of one visit to a pair."""

    CREATED = "created"
    UPDATED = "updated"
    CONFLICT = "conflict"
    PARKED = "parked"
    LEFT_ALONE = "left_alone"
    UNLINKED = "unlinked"
    IGNORED = "ignored"


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
    """An activity entry as shown, its detail opened. `kept`: whether it has a detail."""

    id: uuid.UUID
    profile_id: uuid.UUID
    tenants: tuple[TenantId, TenantId]
    kept: bool
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
    plain = json.dumps([asdict(one) | {"sentence": pack(one.sentence)} for one in details]).encode()
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


@dataclass(frozen=True)
class Cursor:
    """A place in the log. Entries are told apart by their id where they have one time."""

    at: datetime
    id: uuid.UUID

    @classmethod
    def of(cls, entry: Entry) -> Cursor:
        """The place of an entry."""
        return cls(entry.at, entry.id)

    @classmethod
    def read(cls, written: str) -> Cursor:
        """A place as it was written. Raises ValueError."""
        at, _, entry_id = written.partition("_")
        found = datetime.fromisoformat(at)
        if found.tzinfo is None:
            raise ValueError("a place has a time with its zone")
        return cls(found, uuid.UUID(entry_id))

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id}"


@dataclass(frozen=True)
class Wanted:
    """Which entries: those that match all that is given. `until` is not included."""

    key: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


def latest(
    session: Session, vault: Vault, limit: int, of_profiles: Collection[uuid.UUID] | None = None
) -> list[Entry]:
    """The newest entries that the running transaction's tenant may see, newest first.

    `of_profiles` keeps those of some profiles only.
    """
    conditions = [] if of_profiles is None else [ActivityEntry.profile_id.in_(of_profiles)]
    return _read(session, vault, conditions, limit)


def page(
    session: Session,
    vault: Vault,
    of_profiles: Collection[uuid.UUID],
    wanted: Wanted,
    *,
    before: Cursor | None,
    limit: int,
) -> list[Entry]:
    """The entries of these profiles that are wanted, newest first, from `before` on."""
    conditions = _wanted(of_profiles, wanted)
    if before is not None:
        conditions.append(_place_of_entry() < (before.at, before.id))
    return _read(session, vault, conditions, limit)


def newer(
    session: Session,
    of_profiles: Collection[uuid.UUID],
    wanted: Wanted,
    *,
    since: Cursor | None,
    most: int,
) -> int:
    """How many wanted entries came since a place, or at all; at most `most` are counted."""
    conditions = _wanted(of_profiles, wanted)
    if since is not None:
        conditions.append(_place_of_entry() > (since.at, since.id))
    found = select(ActivityEntry.id).where(*conditions).limit(most).subquery()
    return session.execute(select(func.count()).select_from(found)).scalar_one()


def get(
    session: Session, vault: Vault, of_profiles: Collection[uuid.UUID], entry: uuid.UUID
) -> Entry | None:
    """An entry of these profiles, by its id."""
    conditions = [ActivityEntry.profile_id.in_(of_profiles), ActivityEntry.id == entry]
    return next(iter(_read(session, vault, conditions, 1)), None)


def _place_of_entry() -> ColumnElement[tuple[datetime, uuid.UUID]]:
    return tuple_(ActivityEntry.at, ActivityEntry.id)


def _wanted(of_profiles: Collection[uuid.UUID], wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [ActivityEntry.profile_id.in_(of_profiles)]
    if wanted.key is not None:
        keys = or_(ActivityEntry.left_key == wanted.key, ActivityEntry.right_key == wanted.key)
        conditions.append(keys)
    if wanted.outcome is not None:
        conditions.append(ActivityEntry.outcome == wanted.outcome.value)
    if wanted.since is not None:
        conditions.append(ActivityEntry.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(ActivityEntry.at < wanted.until)
    return conditions


def _read(
    session: Session, vault: Vault, conditions: Sequence[ColumnElement[bool]], limit: int
) -> list[Entry]:
    rows = session.scalars(
        select(ActivityEntry)
        .where(*conditions)
        .order_by(ActivityEntry.at.desc(), ActivityEntry.id.desc())
        .limit(limit)
    )
    return [_opened(vault, row) for row in rows]


def _opened(vault: Vault, row: ActivityEntry) -> Entry:
    details: tuple[Detail, ...] = ()
    if row.detail is not None:
        opened = vault.unseal(_place(TenantId(row.left_tenant_id), row.id), row.detail)
        details = tuple(
            Detail(**(raw | {"sentence": unpack(raw["sentence"])})) for raw in json.loads(opened)
        )
    return Entry(
        row.id,
        row.profile_id,
        (TenantId(row.left_tenant_id), TenantId(row.right_tenant_id)),
        row.detail is not None,
        row.at,
        row.outcome,
        row.left_key,
        row.right_key,
        row.written,
        row.conflicts,
        details,
    )


def _place(tenant: TenantId, entry_id: uuid.UUID) -> Place:
    return Place(tenant, "activity", "detail", str(entry_id))
