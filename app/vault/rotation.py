"""Rotation of data keys: each tenant gets a new version, its rows are sealed again, the old goes.

Every step may be cut short and run again: a tenant with more than one version in the key store is
one whose rotation has not ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder
from app.vault.columns import SEALED, SealedColumn, rows_by_version
from app.vault.master import VaultError
from app.vault.store import shredded
from app.vault.vault import Vault

PATIENCE = 60.0  # seconds without any progress on rows that others hold
PAUSE = 0.2


@dataclass
class Pass:
    """What one walk over a tenant's rows met."""

    resealed: int = 0
    faults: list[str] = field(default_factory=list)


class DataRotation:
    """Rotates one tenant after another. Needs an application context.

    `grace`: seconds between a new version and the end of the old. What was sealed with the old one
    in that time and is still on its way arrives; what arrives later is refused by the database.
    """

    def __init__(
        self,
        vault: Vault,
        record: Recorder,
        *,
        batch: int = 500,
        grace: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vault = vault
        self._store = vault.store
        self._record = record
        self._batch = batch
        self._grace = grace
        self._sleep = sleep
        self._began: dict[TenantId, float] = {}

    def begin(self, tenant: TenantId) -> int:
        """Give the tenant a new version, unless it has one that a rotation before left unfinished.

        Returns how many rows are to be sealed again.
        """
        if not self._store.holding(tenant).versions:
            return 0
        self._store.advance(tenant)
        versions = self._store.holding(tenant).versions
        newest = versions[-1]
        with tenant_transaction(tenant) as session:
            _lock(session, tenant, newest, shared=True)
            made = session.execute(
                text(
                    "INSERT INTO data_key (tenant_id, version, state)"
                    " VALUES (:tenant, :newest, 'active') ON CONFLICT DO NOTHING RETURNING version"
                ),
                {"tenant": tenant, "newest": newest},
            ).scalar()
            retiring = session.scalars(
                text(
                    "UPDATE data_key SET state = 'retiring' WHERE tenant_id = :tenant"
                    " AND version < :newest AND state = 'active' RETURNING version"
                ),
                {"tenant": tenant, "newest": newest},
            ).all()
            counts = rows_by_version(session, tenant)
            if made is not None or retiring:
                self._tell(session, tenant, Action.DATA_ROTATED, newest)
        self._began[tenant] = time.monotonic()
        return sum(count for version, count in counts.items() if version != newest)

    def reseal(self, tenant: TenantId) -> Iterator[int]:
        """Seal every row with the newest version; gives the number of rows of each batch.

        Raises VaultError for rows that do not open: they are left as they are, and so is the
        version that they need.
        """
        idle_since = time.monotonic()
        while True:
            found = Pass()
            for column in SEALED:
                yield from self._walk(tenant, column, found)
            left = self._left(tenant)
            if not left:
                return
            if len(found.faults) >= left:
                raise VaultError(
                    f"{left} values of tenant {tenant} do not open and keep their old data key "
                    f"(the first: {found.faults[0]}). Every other one was sealed again."
                )
            if found.resealed:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > PATIENCE:
                raise VaultError(
                    f"{left} rows of tenant {tenant} are held by other transactions. Run the "
                    "command again; it goes on where it stopped."
                )
            else:
                self._sleep(PAUSE)  # the rows that are left are in other hands

    def retire(self, tenant: TenantId) -> list[int]:
        """Destroy the versions that no row needs any more; returns them.

        Waits until the grace has passed, and seals again what arrived in it.
        """
        began = self._began.get(tenant, time.monotonic())
        self._sleep(max(0.0, began + self._grace - time.monotonic()))
        retired = []
        for version in self._store.holding(tenant).versions[:-1]:
            while not self._retire(tenant, version):
                for _ in self.reseal(tenant):
                    pass
            self._store.remove(tenant, version)
            retired.append(version)
        self._vault.forget(tenant)
        return retired

    def _retire(self, tenant: TenantId, version: int) -> bool:
        """Note a version as retired, if nothing needs it. The key is destroyed after the commit.

        Whoever still seals with it has committed before the look, or is refused by the database.
        """
        with tenant_transaction(tenant) as session:
            _lock(session, tenant, version, shared=False)
            if rows_by_version(session, tenant).get(version):
                return False
            moved = session.execute(
                text(
                    "INSERT INTO data_key AS k (tenant_id, version, state)"
                    " VALUES (:tenant, :version, 'retired')"
                    " ON CONFLICT (tenant_id, version) DO UPDATE SET state = 'retired'"
                    " WHERE k.state <> 'retired' RETURNING version"
                ),
                {"tenant": tenant, "version": version},
            ).scalar()
            if moved is not None:
                self._tell(session, tenant, Action.KEY_RETIRED, version)
        return True

    def _walk(self, tenant: TenantId, column: SealedColumn, found: Pass) -> Iterator[int]:
        """One pass over a column, by key, past the rows that others hold."""
        after: Any = None
        while True:
            with tenant_transaction(tenant) as session:
                newest = self._newest(tenant)
                rows = session.execute(*self._query(tenant, column, after, newest)).all()
                done = self._seal_again(session, tenant, column, rows, found)
            if not rows:
                return
            found.resealed += done
            after = rows[-1]
            yield done

    def _query(
        self, tenant: TenantId, column: SealedColumn, after: Any, newest: int
    ) -> tuple[Any, dict[str, Any]]:
        keys = ", ".join(column.key)
        values: dict[str, Any] = {"tenant": tenant, "newest": newest, "batch": self._batch}
        beyond = ""
        if after is not None:
            beyond = f"AND ({keys}) > ({', '.join(f':{name}' for name in column.key)})"
            values |= {name: getattr(after, name) for name in column.key}
        return text(
            f"SELECT {keys}, {column.column} AS sealed FROM {column.table}"  # noqa: S608
            f" WHERE {column.tenant} = :tenant AND tandem_key_version({column.column}) <> :newest"
            f" {beyond} ORDER BY {keys} LIMIT :batch FOR UPDATE SKIP LOCKED"
        ), values

    def _seal_again(
        self, session: Session, tenant: TenantId, column: SealedColumn, rows: Any, found: Pass
    ) -> int:
        changed = []
        for row in rows:
            place = column.place(tenant, row)
            try:
                plain = self._vault.unseal(place, row.sealed)
            except VaultError:
                found.faults.append(f"{place.table}.{place.column} of row {place.row}")
                continue
            keys = {name: getattr(row, name) for name in column.key}
            changed.append({"sealed": self._vault.seal(place, plain), **keys})
        if changed:
            where = " AND ".join(f"{name} = :{name}" for name in column.key)
            session.execute(
                text(f"UPDATE {column.table} SET {column.column} = :sealed WHERE {where}"),  # noqa: S608
                changed,
            )
        return len(changed)

    def _left(self, tenant: TenantId) -> int:
        newest = self._newest(tenant)
        with tenant_transaction(tenant) as session:
            counts = rows_by_version(session, tenant)
        return sum(count for version, count in counts.items() if version != newest)

    def _newest(self, tenant: TenantId) -> int:
        holding = self._store.holding(tenant)
        if not holding.versions:
            raise shredded()  # while the rotation ran
        return holding.versions[-1]

    def _tell(self, session: Session, tenant: TenantId, action: Action, version: int) -> None:
        deed = Deed(OPERATOR, action, f"installation:{tenant}", {"version": version})
        self._record(session, tenant, deed)


def _lock(session: Session, tenant: TenantId, version: int, *, shared: bool) -> None:
    """Take the lock of one version to the transaction's end, as the trigger `seal` does."""
    take = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    session.execute(
        text(f"SELECT {take}(tandem_data_key_lock(:tenant, :version))"),
        {"tenant": tenant, "version": version},
    )
