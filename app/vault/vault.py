"""Seal and unseal single values with the tenant's data key (AES-256-GCM), and derive keys from it.

A sealed value is: format byte 1, key version (2 bytes), nonce (12 bytes), ciphertext with tag.
"""

from __future__ import annotations

import os
import struct
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.database import TenantId
from app.vault.master import NONCE, VaultError
from app.vault.store import (
    DERIVATION_ROOT,
    DataKey,
    Holding,
    KeyMissing,
    KeyShredded,
    KeyStore,
    shredded,
)

FORMAT = 1
HEADER = struct.Struct(">BH")
CACHE_SECONDS = 60.0
SETTLED_SECONDS = 2.0

SERVER = TenantId(uuid.UUID(int=0))
"""The server itself, as a tenant that no site is: it seals nothing, keys are derived from it."""


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


@dataclass
class _Held:
    """What is in memory of one tenant: what the store had at `mark`, and the keys opened since."""

    mark: tuple[int, int] | None
    settled: bool
    since: float
    holding: Holding
    keys: dict[int, tuple[float, DataKey]] = field(default_factory=dict)


class Vault:
    """Seals, unseals and derives; an opened data key is used for a minute at most, and those of
    tenants that are idle leave memory with the first work of others after it.

    Each use looks with one stat whether the tenant's folder changed, so that a new version is
    sealed with, and a shredded key is dropped, at once and in every process.
    """

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._clock = clock
        self._held: dict[TenantId, _Held] = {}
        self._swept = clock()
        self._lock = threading.Lock()

    def seal(self, place: Place, plain: bytes) -> bytes:
        """Seal a value for its place, with the tenant's newest data key (made if there is none)."""
        key = self._newest(place.tenant)
        nonce = os.urandom(NONCE)
        sealed = AESGCM(key.secret).encrypt(nonce, plain, place.bound_to())
        return HEADER.pack(FORMAT, key.version) + nonce + sealed

    def unseal(self, place: Place, sealed: bytes) -> bytes:
        """Open a value at its place. Raises VaultError where it does not belong or is damaged."""
        key = self._key(place.tenant, version_of(sealed))
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
        fingerprints must outlive the rotation of the data keys. Raises KeyMissing where a tenant
        has lost it: another one would make every fingerprint a stranger's.
        """
        try:
            secret = self._key(tenant, DERIVATION_ROOT).secret
        except KeyShredded:
            raise
        except KeyMissing:
            if self.store.holding(tenant).versions:
                # The root is made before them: it is lost, or both came since we looked for it.
                secret = self.store.load(tenant, DERIVATION_ROOT).secret
            else:
                secret = self.store.create(tenant, DERIVATION_ROOT).secret
        return HKDF(SHA256(), 32, salt=None, info=f"tandem:{purpose}".encode()).derive(secret)

    def forget(self, tenant: TenantId) -> None:
        """Drop a tenant's opened keys from memory."""
        with self._lock:
            self._held.pop(tenant, None)

    def shred(self, tenant: TenantId) -> None:
        """Destroy a tenant's data keys. It seals nothing more until it is renewed."""
        if tenant == SERVER:
            raise VaultError("The server's own keys hold the audit trail and are not shredded.")
        self.store.shred(tenant)
        self.forget(tenant)

    def renew(self, tenant: TenantId) -> bool:
        """Let a shredded tenant begin anew: a new key, a new derivation root.

        Does nothing and gives False where it was not shredded, or was renewed already.
        """
        renewed = self.store.renew(tenant)
        self.forget(tenant)
        return renewed

    def discard(self, tenant: TenantId) -> None:
        """Drop the keys of a tenant id that never got a row (the loser of two racing installs)."""
        self.store.discard(tenant)
        self.forget(tenant)

    def _newest(self, tenant: TenantId) -> DataKey:
        held = self._current(tenant)
        if not held.holding.versions:
            return self.store.create(tenant)
        return self._key(tenant, held.holding.versions[-1], held)

    def _key(self, tenant: TenantId, version: int, held: _Held | None = None) -> DataKey:
        held = held or self._current(tenant)
        now = self._clock()
        kept = held.keys.get(version)
        if kept is not None and now - kept[0] < CACHE_SECONDS:
            return kept[1]
        through = held.holding.through
        if through is not None and (version <= through and (version or held.holding.shredded)):
            raise shredded()
        key = self.store.load(tenant, version)
        held.keys[version] = (now, key)
        return key

    def _current(self, tenant: TenantId) -> _Held:
        """What is held of a tenant, read again if its folder changed or a minute has passed."""
        now, mark = self._clock(), self.store.mark(tenant)
        with self._lock:
            held = self._held.get(tenant)
        fresh = held is not None and held.mark == mark and now - held.since < CACHE_SECONDS
        if held is not None and fresh and held.settled:
            return held
        # A folder that changed this very moment may change again without another time stamp:
        # then it is read anew the next time as well.
        settled = mark is not None and time.time() - mark[1] / 1e9 > SETTLED_SECONDS
        read = _Held(mark, settled, now, self.store.holding(tenant))
        if held is not None and held.holding.through == read.holding.through:
            alive = {*read.holding.versions, *([DERIVATION_ROOT] if read.holding.root else [])}
            read.keys = {v: kept for v, kept in list(held.keys.items()) if v in alive}
        with self._lock:
            self._held[tenant] = read
            if now - self._swept >= CACHE_SECONDS:
                self._swept = now
                self._held = {
                    one: kept
                    for one, kept in self._held.items()
                    if now - kept.since < CACHE_SECONDS
                }
        return read


def version_of(sealed: bytes) -> int:
    """The key version of a sealed value. Raises VaultError for an unknown format."""
    if len(sealed) < HEADER.size + NONCE + 16 or sealed[0] != FORMAT:
        raise VaultError("A sealed value has a format that this release does not know.")
    return int(HEADER.unpack(sealed[: HEADER.size])[1])
