"""Master keys: they wrap the tenants' data keys and never touch a row themselves."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import Problem
from app.settings import Settings, load_settings

NONCE = 12


class VaultError(Problem):
    """A key is missing, wrong or swapped, or a sealed value does not open."""

    status = 500
    code = "vault"


@dataclass(frozen=True)
class MasterKeys:
    """A ring of master keys by name; the first one wraps, every one unwraps."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def current(self) -> str:
        """The name of the key that wraps new data keys."""
        return self.keys[0][0]

    def wrap(self, data_key: bytes, bound_to: bytes) -> tuple[str, bytes]:
        """Seal a data key under the current master key; returns (its name, nonce + ciphertext)."""
        nonce = os.urandom(NONCE)
        return self.current, nonce + AESGCM(self.keys[0][1]).encrypt(nonce, data_key, bound_to)

    def unwrap(self, name: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """Open a wrapped data key. Raises VaultError where the key is unknown or does not fit."""
        key = dict(self.keys).get(name)
        if key is None:
            raise VaultError(
                f"The master key '{name}' is not in the ring. Put it back into "
                "TANDEM_MASTER_KEYS or the key file; nothing was changed."
            )
        try:
            return AESGCM(key).decrypt(wrapped[:NONCE], wrapped[NONCE:], bound_to)
        except InvalidTag:
            raise VaultError(
                f"The master key '{name}' does not open a data key that it should have wrapped: "
                "it was swapped, or the key store was changed. Put the right key back; nothing "
                "was changed."
            ) from None


def key_file(settings: Settings) -> Path:
    """Where the master keys lie when the environment gives none."""
    return settings.instance / "keys" / "master.keys"


def load_master_keys(settings: Settings, *, may_create: bool) -> MasterKeys:
    """The ring of TANDEM_MASTER_KEYS, else of the key file (mode 0600) in the instance folder.

    `may_create` allows a new key file where there is none: only ever true while no data key
    exists, since a new master key beside old data keys would open nothing.
    """
    if settings.master_keys:
        return MasterKeys(settings.master_keys)
    path = key_file(settings)
    if not path.exists():
        if not (may_create and settings.embedded):
            raise VaultError(
                "TANDEM_MASTER_KEYS is not set and there is no key file. Set it to "
                "name:base64-of-32-bytes (tandem keys new prints one)."
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = f"k1:{base64.b64encode(os.urandom(32)).decode()}\n"
        _write_new(path, text.encode())
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise VaultError(
            f"The key file is readable by others (mode {mode:o}). Make it 0600: chmod 600 on "
            "keys/master.keys in the instance folder."
        )
    parsed = load_settings(
        {
            "TANDEM_BASE_URL": "https://key-file.invalid",
            "TANDEM_MASTER_KEYS": path.read_text().strip().replace("\n", ","),
        }
    )
    if not parsed.master_keys:
        raise VaultError("The key file is empty. Put the master key back from your own backup.")
    return MasterKeys(parsed.master_keys)


def _write_new(path: Path, content: bytes) -> None:
    """Create a file of mode 0600 with this content, whole or not at all, never over another."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(partial, path)  # fails where the name is taken, unlike rename
    except FileExistsError:
        return
    finally:
        partial.unlink(missing_ok=True)
