"""The store of wrapped data keys: a folder beside the database, out of reach of its backups."""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.database import TenantId
from app.vault.master import MasterKeys, VaultError, _write_new


class KeyMissing(VaultError):
    """The store has no such data key."""


@dataclass(frozen=True)
class DataKey:
    """One tenant's data key of one version, opened."""

    version: int
    secret: bytes

    def __repr__(self) -> str:
        return f"DataKey(version={self.version})"


class KeyStore:
    """One file per data key: `<folder>/<tenant>/<version>.json`, wrapped by a master key."""

    def __init__(self, folder: Path, master: MasterKeys) -> None:
        self.folder = folder
        self.master = master

    def create(self, tenant: TenantId, version: int = 1) -> DataKey:
        """Make, wrap and store a new data key; returns the one that is stored under this version.

        Two that race for the same version end with one key: the first file wins.
        """
        secret = os.urandom(32)
        name, wrapped = self.master.wrap(secret, self._bound_to(tenant, version))
        folder = self.folder / str(tenant)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        body = {"master": name, "wrapped": base64.b64encode(wrapped).decode()}
        _write_new(self._path(tenant, version), json.dumps(body).encode())
        return self.load(tenant, version)

    def versions(self, tenant: TenantId) -> list[int]:
        """The sealing versions of a tenant, oldest first; empty where it has been shredded."""
        return sorted(int(path.stem) for path in (self.folder / str(tenant)).glob("[1-9]*.json"))

    def load(self, tenant: TenantId, version: int) -> DataKey:
        """Open one data key. Raises VaultError where it is gone or does not open."""
        try:
            body = json.loads(self._path(tenant, version).read_bytes())
        except FileNotFoundError:
            raise KeyMissing(
                "The data key of this tenant is not in the key store: it was shredded, or the "
                "key store of another server is mounted."
            ) from None
        wrapped = base64.b64decode(body["wrapped"])
        secret = self.master.unwrap(body["master"], wrapped, self._bound_to(tenant, version))
        return DataKey(version, secret)

    def shred(self, tenant: TenantId) -> None:
        """Remove every data key of a tenant: what they sealed can never be opened again."""
        shutil.rmtree(self.folder / str(tenant), ignore_errors=True)

    def _path(self, tenant: TenantId, version: int) -> Path:
        return self.folder / str(tenant) / f"{version}.json"

    @staticmethod
    def _bound_to(tenant: TenantId, version: int) -> bytes:
        return f"tandem:data-key:{tenant}:{version}".encode()
