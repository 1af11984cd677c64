"""How the keys stand: what each master key wraps, what each data key seals, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import text

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.vault.check import check_store, key_needs
from app.vault.columns import rows_by_version
from app.vault.store import DERIVATION_ROOT, KeyStore
from app.vault.vault import SERVER


@dataclass(frozen=True)
class MasterStatus:
    """One master key and how many data keys it wraps. `known`: it is in the ring."""

    name: str
    current: bool
    known: bool
    data_keys: int


@dataclass(frozen=True)
class VersionStatus:
    """One version of a tenant's data key. `state`: as the database has it; None: never used."""

    version: int
    state: str | None
    rows: int
    master: str | None  # None: the store does not have it


@dataclass(frozen=True)
class TenantStatus:
    """One tenant: its versions, and whether it was shredded."""

    tenant: TenantId
    shredded: bool
    versions: tuple[VersionStatus, ...]


@dataclass
class KeyStatus:
    """Everything at once. `needed`: what to run, and why; `wrong`: what must be mended first."""

    master_keys: list[MasterStatus] = field(default_factory=list)
    tenants: list[TenantStatus] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def key_status(store: KeyStore) -> KeyStatus:
    """Look at all keys and at the rows that they seal. Needs an application context."""
    status = KeyStatus()
    try:
        check_store(store)
        needs = key_needs()
    except Problem as fault:
        status.wrong.append(fault.detail)
        return status
    counts: dict[str, int] = {}
    for tenant in sorted({*store.tenants(), *needs}):
        masters = store.masters(tenant)
        for name in masters.values():
            counts[name] = counts.get(name, 0) + 1
        if tenant != SERVER:
            _add_tenant(status, store, tenant, masters)
    ring = [key.name for key in store.master.keys]
    for name in [*ring, *sorted(set(counts) - set(ring))]:
        current = name == store.master.current
        status.master_keys.append(MasterStatus(name, current, name in ring, counts.get(name, 0)))
    old = sum(one.data_keys for one in status.master_keys if not one.current)
    if old:
        status.needed.append(
            f"{old} data keys are not wrapped by '{store.master.current}': "
            "run `tandem keys rotate-master`."
        )
    return status


def _add_tenant(
    status: KeyStatus, store: KeyStore, tenant: TenantId, masters: dict[int, str]
) -> None:
    holding = store.holding(tenant)
    with tenant_transaction(tenant) as session:
        rows = rows_by_version(session, tenant)
        query = text("SELECT version, state FROM data_key WHERE tenant_id = :tenant")
        states = {row.version: row.state for row in session.execute(query, {"tenant": tenant})}
    versions = tuple(
        VersionStatus(version, states.get(version), rows.get(version, 0), masters.get(version))
        for version in sorted({*holding.versions, *states, *rows} - {DERIVATION_ROOT})
    )
    status.tenants.append(TenantStatus(tenant, holding.shredded, versions))
    if len(holding.versions) > 1:
        status.needed.append(
            f"The rotation of tenant {tenant} has not ended: "
            f"run `tandem keys rotate-data --tenant {tenant}`."
        )
    unreadable = sum(one.rows for one in versions if one.master is None)
    if unreadable:
        status.wrong.append(
            f"{unreadable} values of tenant {tenant} were sealed with keys that were shredded or "
            "retired: this database is older than the key store. `tandem keys shred "
            f"{tenant}` clears what is left of a shredded tenant; for retired keys, put back a "
            "key store of the database's age."
        )
    if store.unfinished(tenant):
        status.wrong.append(
            f"The shredding of tenant {tenant} was cut short: run `tandem keys shred {tenant}`."
        )
