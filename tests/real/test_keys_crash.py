"""Commands on keys that are killed at any moment, and run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from app.database import TenantId, tenant_transaction
from app.settings import Settings
from tests.edge.test_keys import World, key_file_settings, make_world

pytestmark = [pytest.mark.real, pytest.mark.crash]
ROOT = Path(__file__).resolve().parents[2]
ROWS = 400
TENANTS = 150


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a server whose master key is in the key file."""
    return key_file_settings(tmp_path, database_url)


@pytest.fixture
def world(app: Flask, settings: Settings, database_url: str) -> World:
    """Two paired sites."""
    return make_world(app, settings, database_url)


def kill_when(world: World, reached: Callable[[], bool], *words: str) -> None:
    """Start a command as a process of its own, and kill it hard once it has got so far."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
    child = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "keys", *words],
        env=kept | world.environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.nice(19),  # it must not run away from us on a busy machine
    )
    deadline = time.monotonic() + 300
    try:
        while not reached():
            assert child.poll() is None, "the command ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL


def rows_by_version(world: World) -> dict[int, int]:
    """How many activity rows each version seals, read past row security."""
    with psycopg.connect(world.database_url) as owner:
        return dict(
            owner.execute("SELECT tandem_key_version(detail), count(*) FROM activity GROUP BY 1")
        )


def test_rotate_data_that_is_killed_loses_nothing_and_goes_on_where_it_stopped(
    world: World,
) -> None:
    for number in range(ROWS):
        world.note(f"note {number}")

    def halfway() -> bool:
        return rows_by_version(world).get(2, 0) >= ROWS // 4

    kill_when(world, halfway, "rotate-data", "--batch", "5", "--grace", "0")
    cut = rows_by_version(world)
    assert cut[1] > 0
    assert cut[2] > 0
    assert len(world.notes()) == ROWS  # all are readable in between
    world.note("in between")
    assert "has not ended" in json.dumps(world.status()["needed"])
    ended = world.run("rotate-data", "--grace", "0")
    assert ended.exit_code == 0, ended.output
    assert rows_by_version(world) == {2: ROWS + 1}  # no third version: it went on
    assert len(world.notes()) == ROWS + 1
    assert f"tenants/{world.left}/1.json" not in world.files()
    assert world.status()["needed"] == []


@pytest.mark.parametrize("stop", ["new file", "new row", "before the file goes"])
def test_rotate_data_goes_on_from_every_step_that_a_kill_can_leave(world: World, stop: str) -> None:
    world.note("before")
    store = world.tandem.vault.store
    store.advance(world.left)  # the file of the new version is there, and nothing else was done
    if stop != "new file":
        with tenant_transaction(world.left) as session:
            session.connection().exec_driver_sql(
                f"INSERT INTO data_key VALUES ('{world.left}', 2, 'active')"
            )
    if stop == "before the file goes":
        ended = world.run("rotate-data", "--grace", "0", "--tenant", str(world.left))
        assert ended.exit_code == 0
        path = world.settings.instance / "keys/tenants" / str(world.left)
        (path / "1.json").write_bytes((path / "2.json").read_bytes())
    ended = world.run("rotate-data", "--grace", "0", "--tenant", str(world.left))
    assert ended.exit_code == 0, ended.output
    assert world.versions() == {table: {2} for table in world.versions()}
    assert store.holding(world.left).versions == (2,)
    assert world.notes() == {"before"}


def test_rotate_master_that_is_killed_leaves_every_key_readable_and_goes_on(
    world: World,
) -> None:
    vault = world.tandem.vault
    keys = {}
    for _ in range(TENANTS):
        tenant = TenantId(uuid.uuid4())
        keys[tenant] = vault.derive(tenant, "fingerprint:x")

    def by_master() -> dict[str, int]:
        counts: dict[str, int] = {}
        for tenant in vault.store.tenants():
            for name in vault.store.masters(tenant).values():
                counts[name] = counts.get(name, 0) + 1
        return counts

    kill_when(
        world, lambda: by_master().get("k2", 0) > 5, "rotate-master", "--new", "k2", "--retire"
    )
    cut = by_master()
    assert cut["k1"] > 0
    assert cut["k2"] > 0
    for tenant, key in keys.items():
        vault.forget(tenant)
        assert vault.derive(tenant, "fingerprint:x") == key
    assert "rotate-master" in json.dumps(world.status()["needed"])
    ended = world.run("rotate-master", "--retire")
    assert ended.exit_code == 0, ended.output
    assert set(by_master()) == {"k2"}
    assert b"k1:" not in world.files()["master.keys"]
    for tenant, key in keys.items():
        vault.forget(tenant)
        assert vault.derive(tenant, "fingerprint:x") == key
    assert not [name for name in world.files() if ".json." in name], "a torn file is left"
