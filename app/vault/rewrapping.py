"""Rotation of master keys: every data key is wrapped again, no row is touched."""

from __future__ import annotations

from collections.abc import Iterator

from app.database import unscoped_transaction
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder
from app.vault.master import VaultError
from app.vault.ring import KeyFileRing
from app.vault.store import KeyStore
from app.vault.vault import Vault


def add_master_key(vault: Vault, record: Recorder, name: str) -> None:
    """Put a fresh key at the front of the key file; it wraps from now on. Raises VaultError.

    Needs an application context.
    """
    ring = _key_file_of(vault.store, "Put the new key first in TANDEM_MASTER_KEYS")
    with vault.store.lock():
        ring.add(name)
    _tell(record, name, "added", 0)


def data_keys_to_wrap(store: KeyStore) -> int:
    """How many data keys another master key than the current one wraps."""
    return sum(
        name != store.master.current
        for tenant in store.tenants()
        for name in store.masters(tenant).values()
    )


def rewrap_all(vault: Vault, record: Recorder) -> Iterator[int]:
    """Wrap every data key with the current master key; gives the number for each tenant.

    May be cut short and run again. Needs an application context.
    """
    count = data_keys_to_wrap(vault.store)
    if count:
        _tell(record, vault.store.master.current, "rewrapping", count)
    for tenant in vault.store.tenants():
        yield vault.store.rewrap(tenant)


def retire_master_keys(vault: Vault, record: Recorder) -> list[str]:
    """Take the master keys that wrap nothing out of the key file; returns their names.

    Needs an application context.
    """
    store = vault.store
    ring = _key_file_of(store, "Take the old key out of TANDEM_MASTER_KEYS")
    # With the store to ourselves no data key is being wrapped while we look.
    with store.lock():
        used = {name for tenant in store.tenants() for name in store.masters(tenant).values()}
        idle = [key.name for key in ring.keys if key.name not in used and key.name != ring.current]
        if idle:
            ring.drop(set(idle))
    for name in idle:
        _tell(record, name, "removed", 0)
    return idle


def _tell(record: Recorder, master: str, step: str, data_keys: int) -> None:
    deed = Deed(
        OPERATOR,
        Action.MASTER_ROTATED,
        "master-keys",
        {"master": master, "step": step, "data_keys": data_keys},
    )
    with unscoped_transaction() as session:
        record(session, None, deed)


def _key_file_of(store: KeyStore, instead: str) -> KeyFileRing:
    ring = store.master
    if not isinstance(ring, KeyFileRing):
        raise VaultError(
            "The master keys come from the environment, which a command can't change. "
            f"{instead} yourself and restart; docs/keys.md gives the order."
        )
    return ring
