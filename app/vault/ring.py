"""The ring of master keys as this server has it: from the environment, or from the key file."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path

from app.settings import KmsKeyId, Settings, parse_master_keys
from app.vault.files import replace, sweep, write_new
from app.vault.kms import KmsKey
from app.vault.master import LocalKey, MasterKey, MasterKeys, VaultError


class KeyFileRing(MasterKeys):
    """A ring that is read again when its file has changed, so that processes follow a rotation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        super().__init__(self.keys)

    @property
    def keys(self) -> tuple[MasterKey, ...]:
        """The keys in the file as it is now. Raises VaultError where it is gone or not well."""
        with self._lock:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                raise VaultError(
                    "The key file keys/master.keys in the instance folder is gone. Put it back "
                    "from your own backup; nothing was changed."
                ) from None
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._keys = _read(self.path, found.st_mode)
                self._seen = seen
            return self._keys

    def add(self, name: str) -> None:
        """Put a fresh key at the front of the file. Raises VaultError where the name is taken.

        The caller holds the key store's lock, so that two who add lose neither key.
        """
        if name in {key.name for key in self.keys}:
            raise VaultError(
                f"A master key '{name}' is in the key file already. Take another name."
            )
        entry = f"{name}:{base64.b64encode(os.urandom(32)).decode()}"
        try:
            parse_master_keys(entry)
        except ValueError:
            raise VaultError(
                "The name of a master key is 1 to 32 letters, digits, dashes or underscores."
            ) from None
        sweep(self.path.parent, self.path.name)
        replace(self.path, "\n".join([entry, *_entries(self.path), ""]).encode())

    def drop(self, names: set[str]) -> None:
        """Take keys out of the file; never the current one. The caller holds the store's lock."""
        gone = names - {self.current}
        left = [entry for entry in _entries(self.path) if entry.partition(":")[0] not in gone]
        sweep(self.path.parent, self.path.name)
        replace(self.path, "\n".join([*left, ""]).encode())


def key_file(settings: Settings) -> Path:
    """Where the master keys lie when the environment gives none."""
    return settings.instance / "keys" / "master.keys"


def load_master_keys(settings: Settings) -> MasterKeys:
    """The ring of TANDEM_MASTER_KEYS, else of the key file (mode 0600) in the instance folder.

    Writes nothing. Raises VaultError where there is neither, or the file is not well.
    """
    if settings.master_keys:
        return MasterKeys(_keys(settings.master_keys))
    path = key_file(settings)
    if not path.exists():
        raise VaultError(
            "TANDEM_MASTER_KEYS is not set and there is no key file. Set it to "
            "name:base64-of-32-bytes (tandem keys new prints one), or put the key file "
            "keys/master.keys in the instance folder back."
        )
    return KeyFileRing(path)


def create_key_file(settings: Settings) -> None:
    """Make a key file with one fresh key, unless there are master keys already.

    Only for a server that has sealed nothing yet: a new master key opens no old data key.
    """
    path = key_file(settings)
    if settings.master_keys or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_new(path, f"k1:{base64.b64encode(os.urandom(32)).decode()}\n".encode())


def _entries(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _read(path: Path, mode: int) -> tuple[MasterKey, ...]:
    if mode & 0o077:
        raise VaultError(
            f"The key file is readable by others (mode {mode & 0o777:o}). Make it 0600: chmod 600 "
            "on keys/master.keys in the instance folder."
        )
    try:
        keys = _keys(parse_master_keys(",".join(_entries(path))))
    except (ValueError, UnicodeDecodeError):
        raise VaultError(
            "The key file keys/master.keys in the instance folder is damaged: each line is "
            "name:key, with 32 bytes in base64 or aws-kms:<key id or ARN>, no name twice. Put it "
            "back from your own backup."
        ) from None
    if not keys:
        raise VaultError("The key file is empty. Put the master key back from your own backup.")
    return keys


def _keys(parsed: tuple[tuple[str, bytes | KmsKeyId], ...]) -> tuple[MasterKey, ...]:
    return tuple(
        KmsKey(name, key.text) if isinstance(key, KmsKeyId) else LocalKey(name, key)
        for name, key in parsed
    )
