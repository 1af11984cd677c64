"""Installations: found by client key or tenant, made, replaced, switched off, removed."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.errors import NotFound
from app.memory import Memory
from app.tenants import token_sites
from app.tenants.access import Access, place_of
from app.tenants.deeds import JIRA, Action, Deed, Recorder
from app.tenants.models import CLOUD, Installation, InstallationState, LifecycleToken
from app.vault.store import KeyShredded
from app.vault.vault import Vault

CACHE_SECONDS = 60.0
MOST = 10_000  # installations
FORGOTTEN_AFTER = timedelta(minutes=1)  # beyond a token's end: clocks differ


@dataclass(frozen=True)
class Stamp:
    """Which callback it is: a token is followed once, and none that is older than the newest."""

    issued_at: datetime
    expires_at: datetime
    digest: bytes  # SHA-256 of the token

    @classmethod
    def of(cls, token: str, claims: Mapping[str, Any]) -> Stamp:
        """The stamp of a verified token."""
        return cls(
            datetime.fromtimestamp(int(claims["iat"]), UTC),
            datetime.fromtimestamp(int(claims["exp"]), UTC),
            hashlib.sha256(token.encode()).digest(),
        )


@dataclass(frozen=True)
class Site:
    """What an `installed` callback tells of a site: a Cloud site, as its caller has made sure."""

    client_key: str
    base_url: str
    shared_secret: str = field(repr=False)
    stamp: Stamp
    cloud_id: str
    display_url: str | None = None


@dataclass(frozen=True)
class KnownInstallation:
    """An installation with its secret opened (None once it is uninstalled).

    One that is reached by token has an `owner`, no client key and no secret; `access` is None where
    it needs a new token, and then `base_url` tells no more than the cloud id.
    """

    tenant: TenantId
    client_key: str
    state: str
    base_url: str
    secret: str | None = field(repr=False)
    secret_version: int
    display_url: str | None = None  # where people reach it, if that is another address
    owner: TenantId | None = None
    access: Access | None = field(default=None, repr=False)


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
        self._cache: Memory[str | TenantId, KnownInstallation] = Memory(CACHE_SECONDS, MOST, clock)

    def find(self, client_key: str, *, fresh: bool = True) -> KnownInstallation | None:
        """The installation of a client key. Not `fresh`: it may be a minute old."""
        if not fresh and (kept := self._cache.get(client_key)) is not None:
            return kept
        with unscoped_transaction() as session:
            row = session.execute(
                text("SELECT * FROM tandem_find_installation(:wanted)"), {"wanted": client_key}
            ).one_or_none()
        if row is None:
            return None
        return self._cache.put(client_key, self._open(client_key, row))

    def of(self, tenant: TenantId, *, fresh: bool = True) -> KnownInstallation:
        """The installation of a tenant. Not `fresh`: it may be a minute old. Raises NotFound."""
        if not fresh and (kept := self._cache.get(tenant)) is not None:
            return kept
        with tenant_transaction(tenant) as session:
            row = session.get(Installation, tenant)
        if row is None:
            raise NotFound()
        by_token = row.owner_id is not None
        found = self._open_token(row) if by_token else self._open(row.client_key or "", row)
        return self._cache.put(tenant, found)

    def install(self, site: Site) -> TenantId:
        """Store a new installation, or the new secret and address of a known one; idempotent.

        The old secret is dead with the commit. Two that race end as one tenant.
        """
        known = self.find(site.client_key)
        if known is None:
            tenant = TenantId(uuid.uuid4())
            if self._install_first(tenant, site):
                return tenant
            self._vault.discard(tenant)  # the other one was first: this id has no row
            known = self.find(site.client_key)
            if known is None:
                raise NotFound()
        self._install_again(known.tenant, site)
        return known.tenant

    def _install_first(self, tenant: TenantId, site: Site) -> bool:
        """Store a new installation; False, and nothing stored, where another was first."""
        with tenant_transaction(tenant) as session:
            # The claim of the client key comes first, whole with a secret sealed for it.
            made = session.execute(
                insert(Installation)
                .values(
                    id=tenant,
                    client_key=site.client_key,
                    app_key=self._app_key,
                    deployment=CLOUD,
                    state=InstallationState.INSTALLED.value,
                    lifecycle_at=site.stamp.issued_at,
                    shared_secret=self._sealed(tenant, site),
                    **_addresses(site),
                )
                .on_conflict_do_nothing(index_elements=[Installation.client_key])
                .returning(Installation.id)
            ).scalar()
            if made is None:
                return False
            _is_first_time(session, tenant, site.stamp)
            self._record(session, tenant, _deed(Action.INSTALLED, tenant))
        self.forget(site.client_key)
        return True

    def _install_again(self, tenant: TenantId, site: Site) -> None:
        """Take a new secret or address, unless this or a newer callback was followed already."""
        with tenant_transaction(tenant) as session:
            row = _locked(session, tenant)
            if not _is_first_time(session, tenant, site.stamp):
                return
            if row.lifecycle_at > site.stamp.issued_at:
                return
            row.lifecycle_at = site.stamp.issued_at
            new_secret = self._open(site.client_key, row).secret != site.shared_secret
            addresses = _addresses(site)
            new_address = any(getattr(row, name) != value for name, value in addresses.items())
            if not (new_secret or new_address):
                return  # told again
            for name, value in addresses.items():
                setattr(row, name, value)
            if new_secret:
                self._vault.renew(tenant)  # a shredded tenant begins anew, with new keys
                row.shared_secret = self._sealed(tenant, site)
                row.secret_version += 1
                row.uninstalled_at = None
            # An enabled site stays so: a new address or secret need not bring `enabled`.
            if row.state != InstallationState.ENABLED:
                row.state = InstallationState.INSTALLED.value
            row.updated_at = func.now()
            session.flush()
            deed = _deed(Action.REINSTALLED, tenant, new_secret=new_secret, new_address=new_address)
            self._record(session, tenant, deed)
        self.forget(site.client_key)

    def set_state(
        self, tenant: TenantId, state: InstallationState, secret_version: int, stamp: Stamp
    ) -> bool:
        """Note `enabled` or `disabled`, said by a token of the secret of that version.

        False where the site has another secret by now, or was uninstalled; then nothing changes. A
        token that was followed already changes nothing either.
        """
        with tenant_transaction(tenant) as session:
            row = _locked(session, tenant)
            gone = row.state == InstallationState.UNINSTALLED
            if gone or row.secret_version != secret_version:
                return False
            if not _is_first_time(session, tenant, stamp):
                return True
            row.state, row.updated_at = state.value, func.now()
            session.flush()
            self._record(session, tenant, _deed(_STATE_DEEDS[state], tenant))
            client_key = row.client_key or ""
        self.forget(client_key)
        return True

    def uninstall(self, tenant: TenantId, stamp: Stamp) -> None:
        """Destroy the shared secret at once; the rest waits for off-boarding or a re-install.

        Does nothing where this or a newer callback was followed: it is a replay.
        """
        with tenant_transaction(tenant) as session:
            row = _locked(session, tenant)
            if row.lifecycle_at > stamp.issued_at or not _is_first_time(session, tenant, stamp):
                return
            row.lifecycle_at = stamp.issued_at
            row.state = InstallationState.UNINSTALLED.value
            row.shared_secret = None
            row.secret_version += 1
            row.updated_at = row.uninstalled_at = func.now()
            session.flush()
            self._record(session, tenant, _deed(Action.UNINSTALLED, tenant))
            client_key = row.client_key or ""
            # The tokens that its people gave go with it. The keys last, before the commit.
            ended = token_sites.end_all(session, self._record, tenant, JIRA)
            for one in ended:
                self._vault.shred(one)
        self.forget(client_key)
        for one in ended:
            self.forget_tenant(one)

    def forget(self, client_key: str) -> None:
        """Drop what is kept in memory of an installation."""
        self._cache.forget(lambda known: known.client_key == client_key)

    def forget_tenant(self, tenant: TenantId) -> None:
        """The same by its tenant: one that is reached by token has no client key. Other processes
        drop it within a minute of work."""
        self._cache.forget(lambda known: known.tenant == tenant)

    def _sealed(self, tenant: TenantId, site: Site) -> bytes:
        return self._vault.seal(place_of(tenant), site.shared_secret.encode())

    def _open_token(self, row: Installation) -> KnownInstallation:
        tenant, access = TenantId(row.id), None
        if row.shared_secret is not None and row.state == InstallationState.ENABLED:
            opened = self._secret(tenant, row.shared_secret)
            access = None if opened is None else Access.load(opened.encode())
        return KnownInstallation(
            tenant=tenant,
            client_key="",
            state=row.state,
            base_url=row.base_url if access is None else access.url,
            secret=None,
            secret_version=row.secret_version,
            owner=None if row.owner_id is None else TenantId(row.owner_id),
            access=access,
        )

    def _open(self, client_key: str, row: Any) -> KnownInstallation:
        tenant = TenantId(row.id)
        secret = row.shared_secret
        return KnownInstallation(
            tenant=tenant,
            client_key=client_key,
            state=row.state,
            base_url=row.base_url,
            secret=None if secret is None else self._secret(tenant, secret),
            secret_version=row.secret_version,
            display_url=getattr(row, "display_url", None),
        )

    def _secret(self, tenant: TenantId, sealed: bytes) -> str | None:
        """The shared secret; None where it was shredded, and an older database came back."""
        try:
            return self._vault.unseal(place_of(tenant), sealed).decode()
        except KeyShredded:
            return None


_STATE_DEEDS = {
    InstallationState.ENABLED: Action.ENABLED,
    InstallationState.DISABLED: Action.DISABLED,
}


def _locked(session: Session, tenant: TenantId) -> Installation:
    """The row of a tenant, for this transaction alone."""
    query = select(Installation).where(Installation.id == tenant).with_for_update()
    return session.scalars(query).one()


def _is_first_time(session: Session, tenant: TenantId, stamp: Stamp) -> bool:
    """Note that a token is followed; False where it was before. Kept for as long as it is good."""
    session.execute(
        delete(LifecycleToken).where(LifecycleToken.expires_at < func.now() - FORGOTTEN_AFTER)
    )
    noted = session.execute(
        insert(LifecycleToken)
        .values(tenant_id=tenant, digest=stamp.digest, expires_at=stamp.expires_at)
        .on_conflict_do_nothing()
        .returning(LifecycleToken.digest)
    ).scalar()
    return noted is not None


def _addresses(site: Site) -> dict[str, str | None]:
    return {"base_url": site.base_url, "display_url": site.display_url, "cloud_id": site.cloud_id}


def _deed(action: Action, tenant: TenantId, **detail: bool) -> Deed:
    return Deed(JIRA, action, f"installation:{tenant}", detail)
