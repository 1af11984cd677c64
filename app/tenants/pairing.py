"""Pairing codes and connections: both admins agree, one by the code, the other by using it."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, or_, select, text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import NotFound, Problem
from app.language import gettext as _
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.tenants.models import Connection, PairingCode

LIFETIME = timedelta(minutes=10)
# Crockford's alphabet: no letter that is taken for a digit. 20 of them are 100 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, GROUP = 20, 5


@dataclass(frozen=True)
class Code:
    """A pairing code as shown once; only its hash is stored."""

    text: str
    expires_at: datetime


@dataclass(frozen=True)
class Partner:
    """A connection as one of its two tenants sees it."""

    connection_id: uuid.UUID
    tenant: TenantId


def make_code(record: Recorder, caller: Caller) -> Code:
    """A new code, good once and for ten minutes; the tenant's earlier unused ones are dropped.

    The time is the database's, which checks it: the clock of a process may be wrong.
    """
    tenant = caller.tenant
    raw = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    with tenant_transaction(tenant) as session:
        session.execute(
            delete(PairingCode).where(
                PairingCode.tenant_id == tenant, PairingCode.used_at.is_(None)
            )
        )
        made = session.execute(
            insert(PairingCode)
            .values(
                id=uuid.uuid4(),
                tenant_id=tenant,
                code_hash=_hash(raw),
                created_by=caller.actor,
                expires_at=func.now() + LIFETIME,
            )
            .returning(PairingCode.id, PairingCode.expires_at)
        ).one()
        record(session, tenant, Deed(caller.actor, Action.CODE_MADE, f"pairing-code:{made.id}"))
    groups = [raw[start : start + GROUP] for start in range(0, LENGTH, GROUP)]
    return Code("-".join(groups), made.expires_at.astimezone(UTC))


def claim(record: Recorder, caller: Caller, code: str) -> uuid.UUID:
    """Use another site's code; returns the connection. Raises Problem about the field `code`."""
    tenant = caller.tenant
    raw = re.sub(r"[\s-]", "", code).upper().translate(str.maketrans("OIL", "011"))
    if len(raw) != LENGTH or not set(raw) <= set(ALPHABET):
        raise Problem(
            "code: "
            + _(
                "a pairing code is 20 letters and digits, in four groups of five. Copy it whole "
                "from the other site's Tandem page."
            ),
            code="invalid-pairing-code",
            field="code",
        )
    with tenant_transaction(tenant) as session:
        partner = session.execute(
            text("SELECT tandem_claim_pairing_code(:hash)"), {"hash": _hash(raw)}
        ).scalar()
        if partner is None:
            raise Problem(
                "code: "
                + _(
                    "this one is wrong, used, older than ten minutes, or your own. Ask the other "
                    "site's admin for a new one."
                ),
                code="invalid-pairing-code",
                field="code",
            )
        # Both admins may use each other's code at once: the pair still gets one connection.
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:pair))"),
            {"pair": ":".join(sorted((str(tenant), str(partner))))},
        )
        known = session.scalars(
            select(Connection).where(
                or_(Connection.left_tenant_id == partner, Connection.right_tenant_id == partner)
            )
        ).first()
        if known is not None:
            return known.id
        made = Connection(id=uuid.uuid4(), left_tenant_id=tenant, right_tenant_id=partner)
        session.add(made)
        deed = Deed(caller.actor, Action.CONNECTED, f"connection:{made.id}")
        record_for_both(record, session, tenant, TenantId(partner), deed)
        return made.id


def partners(tenant: TenantId) -> list[Partner]:
    """The connections of a tenant."""
    with tenant_transaction(tenant) as session:
        return partners_in(session, tenant)


def partners_in(session: Session, tenant: TenantId) -> list[Partner]:
    """The same in the tenant's running transaction."""
    rows = session.scalars(select(Connection).order_by(Connection.created_at)).all()
    return [
        Partner(
            row.id,
            TenantId(row.right_tenant_id if row.left_tenant_id == tenant else row.left_tenant_id),
        )
        for row in rows
    ]


def partner_of(tenant: TenantId, connection_id: uuid.UUID) -> TenantId:
    """The other tenant of a connection. Raises NotFound for one that is not this tenant's."""
    for partner in partners(tenant):
        if partner.connection_id == connection_id:
            return partner.tenant
    raise NotFound(_("There is no such connection."))


def _hash(raw: str) -> bytes:
    return hashlib.sha256(b"tandem:pairing-code:" + raw.encode()).digest()
