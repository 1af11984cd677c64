"""How long sealing and unsealing takes."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from app.database import TenantId
from app.vault.master import LocalKey, MasterKeys
from app.vault.store import KeyStore
from app.vault.vault import Place, Vault
from bench.result import Result

ROUNDS = 2000


def _microseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - began) / ROUNDS * 1e6


def seal_and_unseal() -> list[Result]:
    """Microseconds for 1 KB and 100 KB, with the data key in memory as in a running process."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(KeyStore(Path(folder), MasterKeys([LocalKey("k1", os.urandom(32))])))
        place = Place(TenantId(uuid.uuid4()), "table", "column", "row")
        for size, name in ((1024, "1 KB"), (100 * 1024, "100 KB")):
            plain = os.urandom(size)
            sealed = vault.seal(place, plain)
            seal = _microseconds(lambda plain=plain: vault.seal(place, plain))  # type: ignore[misc]
            unseal = _microseconds(lambda sealed=sealed: vault.unseal(place, sealed))  # type: ignore[misc]
            results.append(Result(f"seal {name}", seal, "microseconds", "lower"))
            results.append(Result(f"unseal {name}", unseal, "microseconds", "lower"))
    return results
