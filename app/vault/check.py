"""Do the master keys, the key store and the database belong together? Looks, and writes nothing."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database import TenantId, unscoped_transaction
from app.settings import Settings
from app.vault.master import MasterKey, MasterKeys, VaultError
from app.vault.ring import create_key_file, key_file, load_master_keys
from app.vault.store import DERIVATION_ROOT, Holding, KeyStore

LATELY_SECONDS = 5.0
_WELL: dict[tuple[Path, tuple[MasterKey, ...]], tuple[float, dict[str, int]]] = {}


def store_folder(settings: Settings) -> Path:
    """Where the wrapped data keys lie."""
    return settings.instance / "keys" / "tenants"


def open_store(settings: Settings) -> KeyStore:
    """The key store of these settings, checked. Needs an application context.

    Raises VaultError where a master key is missing or wrong, or the store is another server's.
    """
    store = KeyStore(store_folder(settings), load_master_keys(settings))
    check_store(store)
    return store


def check_store(store: KeyStore) -> dict[str, int]:
    """How many data keys each master key wraps. Needs an application context.

    Raises VaultError where the store lacks what the database needs, or does not open.
    """
    lacking = sorted(
        f"{tenant} version {version}"
        for tenant, versions in key_needs().items()
        for version in _lacking(store.holding(tenant), versions)
    )
    if lacking:
        raise VaultError(
            f"The key store lacks {len(lacking)} data keys that the database needs (the first: "
            f"{lacking[0]}): the key store of another server is mounted, it was lost, or it is an "
            "older copy. Put the right keys/tenants back into the instance folder; nothing was "
            "changed."
        )
    return _opened(store)


def check_lately(store: KeyStore) -> dict[str, int]:
    """As check_store, but what was well may be a few seconds old: for probes that come often.

    A ring that changed is looked at anew.
    """
    asked = (store.folder, store.master.keys)
    at, counts = _WELL.get(asked, (0.0, {}))
    now = time.monotonic()
    if not counts or now - at > LATELY_SECONDS:
        counts = check_store(store)
        _WELL.clear()
        _WELL[asked] = (now, counts)
    return counts


def make_first_key(settings: Settings) -> None:
    """Make the key file of a server that has sealed nothing yet. Needs an application context.

    Raises VaultError where the file is missing although there is something that needs it.
    """
    if settings.master_keys or key_file(settings).exists():
        return
    if KeyStore(store_folder(settings), MasterKeys([])).tenants() or key_needs():
        raise VaultError(
            "The key file keys/master.keys in the instance folder is missing, and there are data "
            "keys or sealed rows that need it. Put it back from your own backup; nothing was "
            "changed."
        )
    if not settings.embedded:
        load_master_keys(settings)  # says what to set
    create_key_file(settings)


def key_needs() -> dict[TenantId, set[int]]:
    """The data keys that the database needs, by tenant. Needs an application context.

    Raises VaultError where it cannot be asked: not knowing is not the same as needing none.
    """
    try:
        with unscoped_transaction() as session:
            rows = session.execute(text("SELECT * FROM tandem_key_needs()")).all()
    except SQLAlchemyError as fault:
        raise VaultError(
            f"The database cannot be asked which keys it needs ({type(fault).__name__}). Check "
            "DATABASE_URL and that the server runs, then `tandem db upgrade`."
        ) from None
    needs: dict[TenantId, set[int]] = {}
    for tenant, version in rows:
        needs.setdefault(TenantId(tenant), set()).add(version)
    return needs


def _lacking(holding: Holding, versions: set[int]) -> set[int]:
    """Which of these versions the store does not have, and did not lose on purpose (then an older
    database came back). Who has a data key has a derivation root too."""
    through = holding.through or 0
    has = {*holding.versions, *((DERIVATION_ROOT,) if holding.root else ())}
    needed = versions | ({DERIVATION_ROOT} if holding.versions else set())
    return {v for v in needed if v not in has and not 0 < v <= through}


def _opened(store: KeyStore) -> dict[str, int]:
    """Open one data key of each master key that wraps any. Raises VaultError."""
    counts: Counter[str] = Counter()
    for tenant in store.tenants():
        for version, name in store.masters(tenant).items():
            if name not in counts:
                store.load(tenant, version)
            counts[name] += 1
    return dict(counts)
