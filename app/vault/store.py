"""The store of wrapped data keys: a folder beside the database, out of reach of its backups."""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.database import TenantId
from app.vault.files import locked, replace, sweep, sync_folder, write_new
from app.vault.master import Binding, MasterKeys, VaultError

DERIVATION_ROOT = 0
"""The version that seals nothing: keys are derived from it, and it outlives every rotation."""

TOMBSTONE = "shredded.json"
NEWEST_POSSIBLE = 0xFFFF  # a sealed value has two bytes for the version


class KeyMissing(VaultError):
    """The store has no such data key."""


class KeyShredded(KeyMissing):
    """The data key was destroyed on purpose: what it sealed can never be opened again."""


@dataclass(frozen=True)
class DataKey:
    """One tenant's data key of one version, opened."""

    version: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Holding:
    """What the store has of one tenant: sealing versions, oldest first, and what was shredded."""

    versions: tuple[int, ...] = ()
    root: bool = False
    through: int | None = None  # the highest version that was ever shredded; None: none was

    @property
    def shredded(self) -> bool:
        """Whether the tenant was shredded, and not renewed since."""
        return self.through is not None and not self.versions

    @property
    def next(self) -> int:
        """The version that a new data key gets: none is ever given twice."""
        return max((*self.versions, self.through or 0)) + 1


class KeyStore:
    """One file per data key: `<folder>/<tenant>/<version>.json`, wrapped by a master key.

    Readers take no lock: files are written whole. Making a key shares the lock of the store;
    rewrapping, removing and shredding hold it alone, so that none brings back what another took.
    """

    def __init__(self, folder: Path, master: MasterKeys) -> None:
        self.folder = folder
        self._path_text = str(folder)
        self.master = master
        self._identity: tuple[int, int] | None = None
        self._guard = threading.Lock()

    @contextmanager
    def lock(self, *, exclusive: bool = True) -> Iterator[None]:
        """Hold the store. Raises VaultError where its folder is no longer the one of before."""
        if self._identity is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with locked(self.folder / ".lock", exclusive=exclusive) as found:
                identity = (found.st_dev, found.st_ino)
                with self._guard:
                    self._identity = self._identity or identity
                if identity != self._identity:
                    raise FileNotFoundError
                yield
        except FileNotFoundError:
            if not self._still_there():
                raise VaultError(
                    "The key store is gone, or another one is in its place: look at "
                    "keys/tenants in the instance folder and its mount, and start again. "
                    "No key was made."
                ) from None
            raise

    def mark(self, tenant: TenantId) -> tuple[int, int] | None:
        """Changes whenever a key of the tenant is made, replaced or removed; None without keys."""
        try:
            found = os.stat(f"{self._path_text}/{tenant}")  # noqa: PTH116  on every use of a key
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def holding(self, tenant: TenantId) -> Holding:
        """What the store has of a tenant now."""
        folder = self.folder / str(tenant)
        through: int | None = None
        try:
            through = int(json.loads((folder / TOMBSTONE).read_bytes())["through"])
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError):
            raise VaultError(
                f"The file {tenant}/{TOMBSTONE} of the key store is damaged. Put it back from a "
                "backup of the key store; nothing was changed."
            ) from None
        found = sorted(int(path.stem) for path in folder.glob("[0-9]*.json"))
        # Files that a tombstone covers were left by a shredding that was cut short.
        versions = tuple(v for v in found if v != DERIVATION_ROOT and v > (through or 0))
        root = DERIVATION_ROOT in found and (through is None or bool(versions))
        return Holding(versions, root, through)

    def unfinished(self, tenant: TenantId) -> bool:
        """Whether key files are left that a shredding should have removed."""
        holding = self.holding(tenant)
        has = {*holding.versions, *((DERIVATION_ROOT,) if holding.root else ())}
        folder = self.folder / str(tenant)
        return any(int(path.stem) not in has for path in folder.glob("[0-9]*.json"))

    def tenants(self) -> list[TenantId]:
        """Every tenant that the store has a folder for, also the shredded ones."""
        found = []
        for path in sorted(self.folder.glob("*-*")):
            try:
                found.append(TenantId(uuid.UUID(path.name)))
            except ValueError:
                continue
        return found

    def masters(self, tenant: TenantId) -> dict[int, str]:
        """The name of the master key that wraps each data key of a tenant, by version."""
        holding = self.holding(tenant)
        versions = (*((DERIVATION_ROOT,) if holding.root else ()), *holding.versions)
        return {version: self._read(tenant, version)[0] for version in versions}

    def create(self, tenant: TenantId, version: int | None = None) -> DataKey:
        """The tenant's newest sealing key, made if there is none; or its derivation root.

        Two that race end with one key: the first file wins. Raises KeyShredded.
        """
        with self.lock(exclusive=False):
            holding = self.holding(tenant)
            if holding.shredded:
                raise shredded()
            if version is None:
                version = holding.versions[-1] if holding.versions else holding.next
                if not (holding.versions or holding.root):
                    # First, so that a tenant with a data key and no root has lost the root.
                    self._make(tenant, DERIVATION_ROOT)
            if version not in (*holding.versions, *((DERIVATION_ROOT,) if holding.root else ())):
                self._make(tenant, version)
        return self.load(tenant, version)

    def advance(self, tenant: TenantId) -> None:
        """Begin a rotation: a new version beside the only one. Does nothing where one is begun."""
        with self.lock():
            holding = self.holding(tenant)
            if len(holding.versions) == 1:
                self._make(tenant, holding.next)

    def load(self, tenant: TenantId, version: int) -> DataKey:
        """Open one data key. Raises VaultError where it is gone or does not open."""
        try:
            name, wrapped = self._read(tenant, version)
        except FileNotFoundError:
            if (self.folder / str(tenant) / TOMBSTONE).exists():
                raise shredded() from None
            raise KeyMissing(
                "The data key of this tenant is not in the key store: the key store of another "
                "server is mounted, or an older copy of it. Put the right one back; nothing was "
                "changed."
            ) from None
        return DataKey(version, self.master.unwrap(name, wrapped, Binding(tenant, version)))

    def rewrap(self, tenant: TenantId) -> int:
        """Wrap a tenant's data keys with the current master key; returns how many it were."""
        count = 0
        with self.lock():
            sweep(self.folder / str(tenant), "*.json")
            for version, name in self.masters(tenant).items():
                if name != self.master.current:
                    body = self._wrapped(tenant, version, self.load(tenant, version).secret)
                    replace(self._path(tenant, version), body)
                    count += 1
        return count

    def remove(self, tenant: TenantId, version: int) -> None:
        """Destroy one data key that nothing needs any more; never the newest one."""
        with self.lock():
            sweep(self.folder / str(tenant), "*.json")
            if version in self.holding(tenant).versions[:-1]:
                self._path(tenant, version).unlink()
                sync_folder(self.folder / str(tenant))

    def shred(self, tenant: TenantId) -> None:
        """Destroy every data key of a tenant, and remember up to which version."""
        with self.lock():
            holding = self.holding(tenant)
            folder = self.folder / str(tenant)
            folder.mkdir(exist_ok=True, mode=0o700)
            # The tombstone comes first: cut short after it, the keys are dead all the same.
            through = max((*holding.versions, holding.through or 0))
            replace(folder / TOMBSTONE, json.dumps({"through": through}).encode())
            self._clear(tenant)

    def renew(self, tenant: TenantId) -> bool:
        """Give a shredded tenant a new key and derivation root; False where it is not shredded."""
        with self.lock():
            holding = self.holding(tenant)
            if not holding.shredded:
                return False
            self._clear(tenant)
            self._make(tenant, DERIVATION_ROOT)
            self._make(tenant, holding.next)  # from here on it counts as renewed
            return True

    def discard(self, tenant: TenantId) -> None:
        """Forget a tenant that never got a row, without a tombstone."""
        with self.lock():
            shutil.rmtree(self.folder / str(tenant), ignore_errors=True)

    def _still_there(self) -> bool:
        try:
            found = (self.folder / ".lock").stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _make(self, tenant: TenantId, version: int) -> None:
        if version > NEWEST_POSSIBLE:
            raise VaultError("This tenant's data keys have no version left; 65,535 is the last.")
        (self.folder / str(tenant)).mkdir(exist_ok=True, mode=0o700)
        write_new(self._path(tenant, version), self._wrapped(tenant, version, os.urandom(32)))
        sync_folder(self.folder)

    def _wrapped(self, tenant: TenantId, version: int, secret: bytes) -> bytes:
        name, wrapped = self.master.wrap(secret, Binding(tenant, version))
        body = {"master": name, "wrapped": base64.b64encode(wrapped).decode()}
        return json.dumps(body).encode()

    def _read(self, tenant: TenantId, version: int) -> tuple[str, bytes]:
        try:
            body = json.loads(self._path(tenant, version).read_bytes())
            return str(body["master"]), base64.b64decode(body["wrapped"], validate=True)
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise VaultError(
                f"The file {tenant}/{version}.json of the key store is damaged. Put it back from "
                "a backup of the key store; nothing was changed."
            ) from None

    def _clear(self, tenant: TenantId) -> None:
        folder = self.folder / str(tenant)
        sweep(folder, "*.json")
        for path in folder.glob("[0-9]*.json"):
            path.unlink()
        sync_folder(folder)

    def _path(self, tenant: TenantId, version: int) -> Path:
        return self.folder / str(tenant) / f"{version}.json"


def shredded() -> KeyShredded:
    """The refusal to use a key that was destroyed."""
    return KeyShredded(
        "The data keys of this tenant were shredded: what they sealed can never be opened again. "
        "A new install of the app on that site begins anew."
    )
