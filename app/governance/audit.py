"""The audit trail: each deed becomes an event in a keyed chain, in the transaction that does it.

An event's mac is HMAC-SHA-256 over the mac before it and every column, under a key that is derived
from the key store. Who has the database alone can break the chain, but cannot mend it again.
"""

from __future__ import annotations

import hmac
import json
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app, g, has_request_context, request
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.database import TenantId
from app.governance.models import AuditEvent
from app.tenants.caller import Proof
from app.tenants.deeds import PARTNER, Deed
from app.vault.master import VaultError
from app.vault.vault import SERVER, Vault

PURPOSE = "audit"
FORMAT = 1
NOTHING = bytes(32)
"""What the first event of a chain follows."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Plain = str | int | bool | None

MOST_ENTRIES = 20
MOST_CHARACTERS = 200
# Ids, never names or addresses: no blank, no @, no slash.
ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._|~-]{0,127}")
SUBJECT = re.compile(r"[a-z][a-z-]{0,39}(:[A-Za-z0-9:._|~-]{1,150})?")
ENTRY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Event:
    """What a mac covers. `at`: microseconds since 1970, UTC; the two objects as canonical JSON."""

    chain: uuid.UUID
    seq: int
    at: int
    actor: str
    action: str
    subject: str
    origin: str
    detail: str
    previous: bytes


def canonical_json(value: object) -> str:
    """The one spelling of a JSON value: keys sorted, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(event: Event) -> bytes:
    """The bytes that a mac covers: a format byte, then each part with its length before it."""
    parts = (
        event.chain.bytes,
        b"%d" % event.seq,
        b"%d" % event.at,
        event.actor.encode(),
        event.action.encode(),
        event.subject.encode(),
        event.origin.encode(),
        event.detail.encode(),
        event.previous,
    )
    return bytes([FORMAT]) + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def mac_of(key: bytes, event: Event) -> bytes:
    """The event's link in its chain (32 bytes)."""
    return hmac.digest(key, canonical(event), "sha256")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly (a float of seconds would round)."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def trail_key(vault: Vault, *, may_create: bool) -> bytes:
    """The key of all chains. It hangs on the server's derivation root, which no rotation changes.

    Raises VaultError where it is missing and may not be made: a new key beside old events would
    make every one of them look forged.
    """
    if not (may_create or vault.store.holding(SERVER).root):
        raise VaultError(
            "The key of the audit trail is not in the key store, and the trail has begun: the key "
            "store of another server is mounted, or an older copy of it. Put the right one back; "
            "nothing was changed."
        )
    return vault.derive(SERVER, PURPOSE)


class Audit:
    """Writes the trail."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def record(self, session: Session, tenant: TenantId | None, deed: Deed) -> None:
        """Add a deed to the trail of the tenant (None: the server's own), in its transaction.

        The transaction must be scoped to that tenant, or to none. It holds the chain from here to
        its end: record late in it. Raises TypeError or ValueError for what has no place on a trail.
        """
        check(deed)
        head = session.execute(text("SELECT * FROM tandem_audit_head()")).one()
        chain = SERVER if tenant is None else tenant
        if head.chain != chain:
            raise RuntimeError("The deed is another tenant's than the transaction.")
        origin, detail = _origin(deed), dict(deed.detail)
        event = Event(
            chain=chain,
            seq=head.seq + 1,
            at=microseconds(head.at),
            actor=deed.actor,
            action=deed.action.value,
            subject=deed.subject,
            origin=canonical_json(origin),
            detail=canonical_json(detail),
            previous=bytes(head.mac),
        )
        mac = mac_of(trail_key(self._vault, may_create=head.first), event)
        row = vars(event) | {"at": head.at, "origin": origin, "detail": detail, "mac": mac}
        session.execute(insert(AuditEvent).values(**row))


def check(deed: Deed) -> None:
    """Refuse what could carry content. Raises TypeError or ValueError, with the rule."""
    if not ACTOR.fullmatch(deed.actor):
        raise ValueError("actor: must be an account id or a word of ours, of 1 to 128 characters.")
    if not SUBJECT.fullmatch(deed.subject):
        raise ValueError("subject: must be a kind, or kind:id, of at most 191 characters.")
    check_plain(deed.detail)


def check_plain(entries: Mapping[str, Plain]) -> None:
    """Only a few named ids, numbers and yes or no. Raises TypeError or ValueError."""
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"detail: at most {MOST_ENTRIES} entries.")
    for name, value in entries.items():
        if not isinstance(name, str):
            raise TypeError("detail: names must be text.")
        if len(name) > 64 or not ENTRY.fullmatch(name):
            raise ValueError("detail: names must be in snake_case, of at most 64 characters.")
        _check_value(name, value)


def _check_value(name: str, value: Any) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"detail.{name}: must fit 64 bits.")
    elif isinstance(value, str):
        if len(value) > MOST_CHARACTERS or not value.isprintable():
            raise ValueError(f"detail.{name}: at most {MOST_CHARACTERS} printable characters.")
    else:
        raise TypeError(f"detail.{name}: must be text, a whole number, yes or no, or nothing.")


def _origin(deed: Deed) -> dict[str, Plain]:
    """From where: the request, or the machine on which a command ran."""
    if not has_request_context():
        found: dict[str, Plain] = {"via": "command", "host": socket.gethostname()}
    else:
        found = {"via": _proof(), "request": g.get("request_id")}
        if deed.actor != PARTNER:  # where the other site's people sit is not this one's to know
            found["address"] = request.remote_addr
    check_plain(found)
    return found


def _proof() -> str:
    """How the caller of the running request was proven, as its endpoint declares."""
    view = current_app.view_functions.get(request.endpoint or "")
    proof = getattr(view, "accepts", Proof.PUBLIC)
    return str(proof)
