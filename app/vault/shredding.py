"""Shredding of one tenant: its keys are destroyed, and what only they opened goes too."""

from __future__ import annotations

from sqlalchemy import text

from app.database import TenantId, tenant_transaction
from app.errors import NotFound
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder
from app.tenants.token_sites import end_all
from app.vault.vault import SERVER, Vault


def shred_tenant(vault: Vault, record: Recorder, tenant: TenantId) -> int:
    """Destroy a tenant's keys for good; returns how many profiles went with them.

    The installation counts as uninstalled from then on; a new install of the app begins anew. The
    sites that it reaches by token go the same way. What is cut short is finished by doing it again.
    Raises NotFound, and VaultError for the server's own keys. Needs an application context.
    """
    if tenant == SERVER:
        vault.shred(tenant)  # refuses
    with tenant_transaction(tenant) as session:
        known = session.execute(
            text(
                "UPDATE installation SET state = 'uninstalled', shared_secret = NULL,"
                " secret_version = secret_version + 1, updated_at = now(),"
                # A callback that Jira signed before must not bring it back.
                " lifecycle_at = greatest(lifecycle_at, now()),"
                " uninstalled_at = coalesce(uninstalled_at, now())"
                " WHERE id = :tenant RETURNING id"
            ),
            {"tenant": tenant},
        ).scalar()
        if known is None and tenant not in vault.store.tenants():
            raise NotFound("There is no such tenant. `tandem keys status` lists them.")
        gone = session.scalars(
            text("DELETE FROM profile WHERE left_tenant_id = :tenant RETURNING id"),
            {"tenant": tenant},
        ).all()
        session.execute(text("DELETE FROM draft WHERE tenant_id = :tenant"), {"tenant": tenant})
        session.execute(
            text("DELETE FROM scope_fields WHERE tenant_id = :tenant"), {"tenant": tenant}
        )
        session.execute(
            text("UPDATE data_key SET state = 'retired' WHERE tenant_id = :tenant"),
            {"tenant": tenant},
        )
        detail = {"profiles": len(gone)}
        record(session, tenant, Deed(OPERATOR, Action.SHREDDED, f"installation:{tenant}", detail))
        tokens = end_all(session, record, tenant, OPERATOR)
        # Last before the commit: where anything above fails, nothing is lost.
        for one in (*tokens, tenant):
            vault.shred(one)
    return len(gone)
