"""Installations: found by client key or tenant, made, replaced, switched off, removed."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.errors import NotFound
from app.tenants.deeds import JIRA, Action, Deed, Recorder
from app.tenants.models import CLOUD, Installation, InstallationState
from app.vault.vault import Place, Vault

CACHE_SECONDS = 60.0
INSTALLED = InstallationState.INSTALLED.value


@dataclass(frozen=True)
class Site:
    """What an `installed` callback tells of a site: a Cloud site, as its caller has made sure."""

    client_key: str
    base_url: str
    shared_secret: str = field(repr=False)
    issued_at: datetime  # when Jira signed the callback
    cloud_id: str
    display_url: str | None = None


@dataclass(frozen=True)
class KnownInstallation:
    """An installation with its secret opened (None once it is uninstalled)."""

    tenant: TenantId
    client_key: str
    state: str
    base_url: str
    secret: str | None = field(repr=False)
    secret_version: int
    display_url: str | None = None  # where people reach it, if that is another address


class Installations:
    """The installations of this app, with a cache of a minute for the hot path."""

    def __init__(
        self,
        vault: Vault,
        app_key: str,
        record: Recorder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault = vault
        self._record = record
        self._app_key = app_key
        self._clock = clock
        self._cache: dict[str, tuple[float, KnownInstallation]] = {}
        self._lock = threading.Lock()

    def find(self, client_key: str, *, fresh: bool = True) -> KnownInstallation | None:
        """The installation of a client key. Not `fresh`: it may be a minute old."""
        if not fresh:
            with self._lock:
                kept = self._cache.get(client_key)
                if kept is not None and self._clock() - kept[0] < CACHE_SECONDS:
                    return kept[1]
        with unscoped_transaction() as session:
            row = session.execute(
                text("SELECT * FROM tandem_find_installation(:wanted)"), {"wanted": client_key}
            ).one_or_none()
        if row is None:
            return None
        known = self._open(client_key, row)
        with self._lock:
            self._cache[client_key] = (self._clock(), known)
        return known

    def of(self, tenant: TenantId) -> KnownInstallation:
        """The installation of a tenant. Raises NotFound."""
        with tenant_transaction(tenant) as session:
            row = session.get(Installation, tenant)
        if row is None:
            raise NotFound()
        return self._open(row.client_key, row)

    def install(self, site: Site) -> TenantId:
        """Store a new installation, or the new secret and address of a known one; idempotent.

        The old secret is dead with the commit. Two that race end as one tenant.
        """
        known = self.find(site.client_key)
        if known is None:
            tenant = TenantId(uuid.uuid4())
            with tenant_transaction(tenant) as session:
                # The claim of the client key comes first, whole with a secret sealed for it.
                made = session.execute(
                    insert(Installation)
                    .values(id=tenant, **self._values(tenant, site))
                    .on_conflict_do_nothing(index_elements=[Installation.client_key])
                    .returning(Installation.id)
                ).scalar()
                if made is not None:
                    self._record(session, tenant, _deed(Action.INSTALLED, tenant))
                    self.forget(site.client_key)
                    return tenant
            self._vault.discard(tenant)  # the other one was first: this id has no row
            known = self.find(site.client_key)
            if known is None:
                raise NotFound()
        if known.secret == site.shared_secret and known.base_url == site.base_url:
            self._followed(known.tenant, site.issued_at)  # told again, or a replay
        else:
            self._install_again(known, site)
        return known.tenant

    def _install_again(self, known: KnownInstallation, site: Site) -> None:
        """Take a new secret or address, unless a newer callback was followed already."""
        enabled = Installation.state == InstallationState.ENABLED.value
        self._vault.renew(known.tenant)  # a shredded tenant begins anew, with new keys
        with tenant_transaction(known.tenant) as session:
            moved = session.execute(
                update(Installation)
                .where(Installation.id == known.tenant, Installation.lifecycle_at <= site.issued_at)
                .values(
                    # An enabled site stays so: a new address or secret need not bring `enabled`.
                    **self._values(known.tenant, site)
                    | {"state": case((enabled, Installation.state), else_=INSTALLED)},
                    secret_version=Installation.secret_version + 1,
                    updated_at=func.now(),
                    uninstalled_at=None,
                )
                .returning(Installation.id)
            ).scalar()
            if moved is not None:
                deed = _deed(
                    Action.REINSTALLED,
                    known.tenant,
                    new_secret=known.secret != site.shared_secret,
                    new_address=known.base_url != site.base_url,
                )
                self._record(session, known.tenant, deed)
        self.forget(site.client_key)

    def set_state(self, tenant: TenantId, state: InstallationState, secret_version: int) -> bool:
        """Note `enabled` or `disabled`, said by a token of the secret of that version.

        False where the site has another secret by now, or was uninstalled; then nothing changes.
        """
        with tenant_transaction(tenant) as session:
            client_key = session.execute(
                update(Installation)
                .where(
                    Installation.id == tenant,
                    Installation.state != InstallationState.UNINSTALLED.value,
                    Installation.secret_version == secret_version,
                )
                .values(state=state.value, updated_at=func.now())
                .returning(Installation.client_key)
            ).scalar()
            if client_key is None:
                return False
            self._record(session, tenant, _deed(_STATE_DEEDS[state], tenant))
        self.forget(client_key)
        return True

    def uninstall(self, tenant: TenantId, issued_at: datetime) -> None:
        """Destroy the shared secret at once; the rest waits for off-boarding or a re-install.

        Does nothing where a newer callback was followed: this one is a replay.
        """
        with tenant_transaction(tenant) as session:
            client_key = self._client_key(session, tenant)
            gone = session.execute(
                update(Installation)
                .where(Installation.id == tenant, Installation.lifecycle_at <= issued_at)
                .values(
                    lifecycle_at=issued_at,
                    state=InstallationState.UNINSTALLED.value,
                    shared_secret=None,
                    secret_version=Installation.secret_version + 1,
                    updated_at=func.now(),
                    uninstalled_at=func.now(),
                )
                .returning(Installation.id)
            ).scalar()
            if gone is not None:
                self._record(session, tenant, _deed(Action.UNINSTALLED, tenant))
        self.forget(client_key)

    @staticmethod
    def _followed(tenant: TenantId, issued_at: datetime) -> None:
        """Note that a callback was followed, so that none that is older is any more."""
        with tenant_transaction(tenant) as session:
            session.execute(
                update(Installation)
                .where(Installation.id == tenant, Installation.lifecycle_at < issued_at)
                .values(lifecycle_at=issued_at)
            )

    def forget(self, client_key: str) -> None:
        """Drop what is kept in memory of an installation."""
        with self._lock:
            self._cache.pop(client_key, None)

    @staticmethod
    def _client_key(session: Session, tenant: TenantId) -> str:
        query = select(Installation.client_key).where(Installation.id == tenant)
        return session.execute(query).scalar_one()

    def _values(self, tenant: TenantId, site: Site) -> dict[str, object]:
        return {
            "client_key": site.client_key,
            "app_key": self._app_key,
            "deployment": CLOUD,
            "cloud_id": site.cloud_id,
            "base_url": site.base_url,
            "display_url": site.display_url,
            "state": InstallationState.INSTALLED.value,
            "lifecycle_at": site.issued_at,
            "shared_secret": self._vault.seal(_place(tenant), site.shared_secret.encode()),
        }

    def _open(self, client_key: str, row: Any) -> KnownInstallation:
        tenant = TenantId(row.id)
        secret = row.shared_secret
        return KnownInstallation(
            tenant=tenant,
            client_key=client_key,
            state=row.state,
            base_url=row.base_url,
            secret=None if secret is None else self._vault.unseal(_place(tenant), secret).decode(),
            secret_version=row.secret_version,
            display_url=getattr(row, "display_url", None),
        )


_STATE_DEEDS = {
    InstallationState.ENABLED: Action.ENABLED,
    InstallationState.DISABLED: Action.DISABLED,
}


def _deed(action: Action, tenant: TenantId, **detail: bool) -> Deed:
    return Deed(JIRA, action, f"installation:{tenant}", detail)


def _place(tenant: TenantId) -> Place:
    return Place(tenant, "installation", "shared_secret", str(tenant))
