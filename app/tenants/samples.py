"""Whether the admins of a partner may see values of a site's issues while they map: each side says
it for itself, for one connection, and takes it back at any moment."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.database import TenantId, scope_to, tenant_transaction
from app.errors import Forbidden, NotFound
from app.language import gettext as _
from app.tenants import token_sites
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both


@dataclass(frozen=True)
class Samples:
    """How it stands with a connection, as one of its tenants sees it. `own`: this tenant allows it;
    `theirs`: the partner does."""

    connection_id: uuid.UUID
    partner: TenantId
    own: bool
    theirs: bool


_COLUMNS = "id, left_tenant_id, right_tenant_id, left_samples, right_samples"
_ALL = text(f"SELECT {_COLUMNS} FROM connection ORDER BY created_at, id")  # noqa: S608
_ONE = text(f"SELECT {_COLUMNS} FROM connection WHERE id = :id FOR UPDATE")  # noqa: S608
_LEFT = text("UPDATE connection SET left_samples = :allows WHERE id = :id")
_RIGHT = text("UPDATE connection SET right_samples = :allows WHERE id = :id")


def samples_of(tenant: TenantId) -> list[Samples]:
    """Of each connection of a tenant, oldest first."""
    with tenant_transaction(tenant) as session:
        return [_seen(row, tenant) for row in session.execute(_ALL)]


def may_see(tenant: TenantId, connection: uuid.UUID) -> bool:
    """Whether the partner lets the tenant's admins see values of its issues."""
    return any(one.theirs for one in samples_of(tenant) if one.connection_id == connection)


def allow(
    record: Recorder,
    caller: Caller,
    connection: uuid.UUID,
    *,
    allows: bool,
    for_partner: bool = False,
) -> None:
    """Say it for the caller's own side. `for_partner`: for that of a partner which is reached by
    the token that he gave. Raises NotFound for a connection that is not his, Forbidden."""
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        row = session.execute(_ONE, {"id": connection}).one_or_none()
        if row is None:
            raise NotFound(_("There is no such connection."))
        now = _seen(row, tenant)
        if for_partner and not token_sites.decides_for(session, caller, now.partner):
            raise Forbidden(_("This is for the people of the partner's site to say."))
        if (now.theirs if for_partner else now.own) == allows:
            return
        side = now.partner if for_partner else tenant
        scope_to(session, side)  # each side says it for itself
        change = _LEFT if row.left_tenant_id == side else _RIGHT
        session.execute(change, {"id": connection, "allows": allows})
        scope_to(session, tenant)
        told = {"allows": allows, **(token_sites.BY_TOKEN if for_partner else {})}
        deed = Deed(caller.actor, Action.SAMPLES_RULED, f"connection:{connection}", told)
        record_for_both(record, session, tenant, now.partner, deed)


def _seen(row: Any, tenant: TenantId) -> Samples:
    if row.left_tenant_id == tenant:
        return Samples(row.id, TenantId(row.right_tenant_id), row.left_samples, row.right_samples)
    return Samples(row.id, TenantId(row.left_tenant_id), row.right_samples, row.left_samples)
