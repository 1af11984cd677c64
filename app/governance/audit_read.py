"""Reads the trail and its heads as they are stored, for those who check or print them.

Nothing that a row holds can stop the reading: whoever changed it may have meant to.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from sqlalchemy import Text, cast, func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app.database import TenantId
from app.errors import Problem
from app.governance.audit import NOTHING, Event, canonical_json
from app.governance.models import AuditEvent, AuditHead
from app.vault.vault import SERVER

BATCH = 1000


@dataclass(frozen=True)
class Head:
    """The newest event of a chain, as it was noted at some time."""

    chain: uuid.UUID
    seq: int
    mac: bytes

    def __str__(self) -> str:
        return f"{chain_name(self.chain)}:{self.seq}:{self.mac.hex()}"


@dataclass(frozen=True)
class Row:
    """A row as it is stored; its objects and its time are text that nobody has read yet."""

    chain: uuid.UUID
    seq: int
    at: str | None
    actor: str | None
    action: str | None
    subject: str | None
    origin: str | None
    detail: str | None
    previous: bytes | None
    mac: bytes | None

    def event(self) -> Event | None:
        """What the mac must cover; None where that cannot be read (so nobody recorded it)."""
        try:
            return Event(
                self.chain,
                self.seq,
                int(Decimal(self.at or "") * 1_000_000),
                self.actor or "",
                self.action or "",
                self.subject or "",
                canonical_json(json.loads(self.origin or "")),
                canonical_json(json.loads(self.detail or "")),
                bytes(self.previous or b""),
            )
        except (ValueError, OverflowError, DecimalException, RecursionError):
            return None


def chain_name(chain: uuid.UUID) -> str:
    """How a chain is called where people read it: the tenant's id, or "server"."""
    return "server" if chain == SERVER else str(chain)


def read_head(written: str) -> Head:
    """Read CHAIN:SEQ:MAC, as a check prints it. Raises ValueError."""
    chain, seq, mac = written.strip().split(":")
    head = Head(SERVER if chain == "server" else uuid.UUID(chain), int(seq), bytes.fromhex(mac))
    if head.seq < 1 or len(head.mac) != len(NOTHING):
        raise ValueError("no head")
    return head


def begin_reading(session: Session) -> None:
    """Make the session's transaction one that sees every chain as of now, and changes nothing.

    Raises Problem where its user is not the owner of the tables, or they are missing.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    session.execute(text("SET LOCAL row_security = off"))  # refuse, rather than hide a row
    try:
        for table in (AuditHead, AuditEvent):
            session.execute(select(table.seq).limit(1))
    except ProgrammingError as fault:
        raise Problem(
            "This user of the database does not see every chain, or the tables are missing. Name "
            "their owner in DATABASE_URL, and run `tandem db upgrade`.",
            code="audit-unreadable",
        ) from fault


def is_empty(session: Session) -> bool:
    """Whether there is no event in any chain."""
    return session.execute(select(AuditEvent.seq).limit(1)).first() is None


def heads(session: Session) -> dict[uuid.UUID, Head]:
    """The head of each chain, as the database keeps it."""
    found = session.execute(select(AuditHead.chain, AuditHead.seq, AuditHead.mac))
    return {row.chain: Head(row.chain, row.seq, bytes(row.mac or b"")) for row in found}


def rows(session: Session, chain: TenantId | None = None) -> Iterator[Row]:
    """Every event (of one chain), by chain and number; only a batch is in memory at a time."""
    query = select(
        func.coalesce(AuditEvent.chain, SERVER),
        func.coalesce(AuditEvent.seq, 0),
        cast(func.extract("epoch", AuditEvent.at), Text),
        AuditEvent.actor,
        AuditEvent.action,
        AuditEvent.subject,
        cast(AuditEvent.origin, Text),
        cast(AuditEvent.detail, Text),
        AuditEvent.previous,
        AuditEvent.mac,
    ).order_by(AuditEvent.chain, AuditEvent.seq)
    if chain is not None:
        query = query.where(AuditEvent.chain == chain)
    for row in session.execute(query.execution_options(yield_per=BATCH)):
        yield Row(*tuple(row))
