"""Seal and unseal single values with the tenant's data key (AES-256-GCM), and derive keys from it.

A sealed value is: format byte 1, key version (2 bytes), nonce (12 bytes), ciphertext with tag.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.database import TenantId
from app.vault.master import NONCE, VaultError
from app.vault.store import DataKey, KeyMissing, KeyStore

FORMAT = 1
HEADER = struct.Struct(">BH")
CACHE_SECONDS = 60.0
DERIVATION_ROOT = 0


@dataclass(frozen=True)
class Place:
    """Where a sealed value lives. It is bound to it: moved elsewhere, it does not open."""

    tenant: TenantId
    table: str
    column: str
    row: str

    def bound_to(self) -> bytes:
        """The associated data of the seal; parts are length-prefixed so that none can slide."""
        parts = ("tandem:seal", str(self.tenant), self.table, self.column, self.row)
        return b"".join(struct.pack(">H", len(part)) + part.encode() for part in parts)


class Vault:
    """Seals, unseals and derives; opened data keys stay in memory for at most a minute."""

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._clock = clock
        self._cache: dict[tuple[TenantId, int], tuple[float, DataKey]] = {}
        self._lock = threading.Lock()

    def seal(self, place: Place, plain: bytes) -> bytes:
        """Seal a value for its place, with the tenant's newest data key (made if there is none)."""
        key = self._newest(place.tenant)
        nonce = os.urandom(NONCE)
        sealed = AESGCM(key.secret).encrypt(nonce, plain, place.bound_to())
        return HEADER.pack(FORMAT, key.version) + nonce + sealed

    def unseal(self, place: Place, sealed: bytes) -> bytes:
        """Open a value at its place. Raises VaultError where it does not belong or is damaged."""
        if len(sealed) < HEADER.size + NONCE + 16 or sealed[0] != FORMAT:
            raise VaultError("A sealed value has a format that this release does not know.")
        _, version = HEADER.unpack(sealed[: HEADER.size])
        key = self._key(place.tenant, version)
        nonce = sealed[HEADER.size : HEADER.size + NONCE]
        try:
            return AESGCM(key.secret).decrypt(
                nonce, sealed[HEADER.size + NONCE :], place.bound_to()
            )
        except InvalidTag:
            raise VaultError(
                f"A sealed value of {place.table}.{place.column} does not open at its place: the "
                "row was moved or changed, or the data key is another one."
            ) from None

    def derive(self, tenant: TenantId, purpose: str) -> bytes:
        """A 32-byte key for one purpose (fingerprints of a profile, say), by HKDF-SHA-256.

        Always from the tenant's derivation root (version 0 in the store, which seals nothing):
        fingerprints must outlive the rotation of the data keys.
        """
        try:
            secret = self._key(tenant, DERIVATION_ROOT).secret
        except KeyMissing:
            secret = self.store.create(tenant, DERIVATION_ROOT).secret
        return HKDF(SHA256(), 32, salt=None, info=f"tandem:{purpose}".encode()).derive(secret)

    def forget(self, tenant: TenantId) -> None:
        """Drop a tenant's opened keys from memory."""
        with self._lock:
            for entry in [entry for entry in self._cache if entry[0] == tenant]:
                del self._cache[entry]

    def shred(self, tenant: TenantId) -> None:
        """Destroy a tenant's data keys here and in memory."""
        self.store.shred(tenant)
        self.forget(tenant)

    def _newest(self, tenant: TenantId) -> DataKey:
        versions = self.store.versions(tenant)
        if not versions:
            return self.store.create(tenant)
        return self._key(tenant, versions[-1])

    def _key(self, tenant: TenantId, version: int) -> DataKey:
        now = self._clock()
        with self._lock:
            kept = self._cache.get((tenant, version))
            if kept is not None and now - kept[0] < CACHE_SECONDS:
                return kept[1]
        key = self.store.load(tenant, version)
        with self._lock:
            self._cache[(tenant, version)] = (now, key)
        return key
