"""Master keys: they wrap the tenants' data keys and never touch a row themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.database import TenantId
from app.errors import Problem

NONCE = 12


class VaultError(Problem):
    """A key is missing, wrong or swapped, or a sealed value does not open."""

    status = 500
    code = "vault"


@dataclass(frozen=True)
class Binding:
    """Which data key is wrapped. A wrapped key is bound to it: under another name it stays shut."""

    tenant: TenantId
    version: int

    def associated_data(self) -> bytes:
        """For a cipher that takes bytes."""
        return f"tandem:data-key:{self.tenant}:{self.version}".encode()

    def context(self) -> dict[str, str]:
        """For AWS KMS, which takes names with values (and shows them in its own log)."""
        return {"tandem:tenant": str(self.tenant), "tandem:data-key-version": str(self.version)}


class MasterKey(Protocol):
    """One master key, wherever its material is."""

    @property
    def name(self) -> str:
        """Its name in the ring, which every data key that it wraps carries."""

    def wrap(self, data_key: bytes, binding: Binding) -> bytes:
        """Seal a data key. Raises VaultError where the key can't be used."""

    def unwrap(self, wrapped: bytes, binding: Binding) -> bytes:
        """Open a data key that this key wrapped. Raises VaultError where it does not fit."""


@dataclass(frozen=True)
class LocalKey:
    """A master key in memory: AES-256-GCM; wrapped is nonce + ciphertext with tag."""

    name: str
    material: bytes = field(repr=False)

    def wrap(self, data_key: bytes, binding: Binding) -> bytes:
        """Seal a data key."""
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self.material).encrypt(nonce, data_key, binding.associated_data())

    def unwrap(self, wrapped: bytes, binding: Binding) -> bytes:
        """Open a data key that this key wrapped. Raises VaultError where it does not fit."""
        try:
            return AESGCM(self.material).decrypt(
                wrapped[:NONCE], wrapped[NONCE:], binding.associated_data()
            )
        except (InvalidTag, ValueError):
            raise VaultError(
                f"The master key '{self.name}' does not open a data key that it should have "
                "wrapped: it was swapped, or the key store was changed. Put the right key back; "
                "nothing was changed."
            ) from None


class MasterKeys:
    """A ring of master keys by name; the first one wraps, every one unwraps."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._keys = tuple(keys)

    @property
    def keys(self) -> tuple[MasterKey, ...]:
        """The keys as they are now, the wrapping one first."""
        return self._keys

    @property
    def current(self) -> str:
        """The name of the key that wraps new data keys."""
        return self.keys[0].name

    def wrap(self, data_key: bytes, binding: Binding) -> tuple[str, bytes]:
        """Seal a data key under the current master key; returns its name and the wrapped key."""
        key = self.keys[0]
        return key.name, key.wrap(data_key, binding)

    def unwrap(self, name: str, wrapped: bytes, binding: Binding) -> bytes:
        """Open a wrapped data key. Raises VaultError where the key is unknown or does not fit."""
        for key in self.keys:
            if key.name == name:
                return key.unwrap(wrapped, binding)
        raise VaultError(
            f"The master key '{name}' is not in the ring. Put it back into "
            "TANDEM_MASTER_KEYS or the key file; nothing was changed."
        )
