"""Keys in a whole application: rotation, shredding, and a start that finds them wrong."""

from __future__ import annotations

import json
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import Tandem, create_app, database
from app.activity.log import Detail, Outcome, latest, record
from app.cli import main
from app.database import TenantId, tenant_transaction
from app.health import check_keys
from app.mapping import approvals, profiles
from app.mapping.profile import Scope
from app.settings import Settings
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from app.tenants.installations import Site, Stamp
from app.tenants.models import InstallationState
from app.vault.columns import SEALED
from app.vault.master import VaultError
from app.vault.ring import create_key_file, key_file
from app.vault.rotation import DataRotation
from app.vault.store import KeyShredded
from app.vault.vault import SERVER, Place, version_of
from tests.conftest import fresh_database, make_settings
from tests.edge.jira import stamp


@dataclass
class World:
    """Two installed sites, a profile of the left one, and the command line beside them."""

    app: Flask
    settings: Settings
    database_url: str
    left: TenantId
    right: TenantId
    profile: uuid.UUID

    @property
    def tandem(self) -> Tandem:
        """The parts of the application under test."""
        tandem: Tandem = self.app.extensions["tandem"]
        return tandem

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command on the same server (a key file, so no key in it)."""
        return {
            "TANDEM_BASE_URL": self.settings.base_url,
            "TANDEM_INSTANCE": str(self.settings.instance),
            "DATABASE_URL": self.database_url,
            "TANDEM_MASTER_KEYS": "",
        }

    def run(self, *words: str, **more: Any) -> Result:
        """A `tandem keys` command in this process."""
        return CliRunner().invoke(main, ["keys", *words], env=self.environment, **more)

    def status(self) -> dict[str, Any]:
        """What `tandem keys status --json` says, and that its exit agrees."""
        ended = self.run("status", "--json")
        found: dict[str, Any] = json.loads(ended.stdout)
        assert ended.exit_code == (1 if found["wrong"] else 0), ended.output
        return found

    def note(self, sentence: str) -> None:
        """One activity entry with a sealed detail."""
        with self.app.app_context(), tenant_transaction(self.left) as session:
            self.note_in(session, sentence)

    def note_in(self, session: Session, sentence: str) -> None:
        """The same in a transaction of the left tenant that goes on."""
        record(
            session,
            self.tandem.vault,
            profile_id=self.profile,
            tenants=(self.left, self.right),
            keys=("A-1", "B-1"),
            outcome=Outcome.UPDATED,
            details=[Detail(sentence)],
        )

    def notes(self) -> set[str]:
        """Every sentence in the activity, opened."""
        with tenant_transaction(self.left) as session:
            entries = latest(session, self.tandem.vault, 1_000_000)
        return {detail.sentence for entry in entries for detail in entry.details}

    def versions(self) -> dict[str, set[int]]:
        """The key versions in each sealed column of the left tenant, read past row security; a
        column without a value is left out."""
        with psycopg.connect(self.database_url) as owner:
            found = {
                one.table: {
                    version_of(sealed)
                    for (sealed,) in owner.execute(
                        f"SELECT {one.column} FROM {one.table}"
                        f" WHERE {one.tenant} = %s AND {one.column} IS NOT NULL",
                        (self.left,),
                    )
                }
                for one in SEALED
            }
        return {table: versions for table, versions in found.items() if versions}

    def files(self) -> dict[str, bytes]:
        """Every file under keys/, with its bytes."""
        folder = self.settings.instance / "keys"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    def deeds(self, chain: TenantId) -> list[tuple[str, dict[str, Any]]]:
        """The deeds about keys on a trail."""
        with psycopg.connect(self.database_url) as owner:
            return owner.execute(
                "SELECT action, detail FROM audit_event WHERE chain = %s"
                " AND action LIKE 'keys.%%' ORDER BY seq",
                (chain,),
            ).fetchall()


def install(tandem: Tandem, name: str) -> TenantId:
    """An installation, made as a signed callback makes it."""
    tenant = tandem.installations.install(
        Site(
            client_key=str(uuid.uuid4()),
            base_url=f"https://{name}.example.test",
            shared_secret=f"the secret of {name}",
            stamp=stamp(),
            cloud_id=str(uuid.uuid4()),
        )
    )
    assert tandem.installations.set_state(tenant, InstallationState.ENABLED, 1, stamp())
    return tenant


def make_world(app: Flask, settings: Settings, url: str) -> World:
    """Two sites that agreed to be paired, and a profile."""
    tandem: Tandem = app.extensions["tandem"]
    left, right = install(tandem, "acme"), install(tandem, "globex")
    admin = Caller(left, "admin", Proof.CONTEXT)
    code = pairing.make_code(tandem.record, replace(admin, tenant=right))
    profile = profiles.create(
        tandem.vault,
        tandem.record,
        admin,
        connection_id=pairing.claim(tandem.record, admin, code.text),
        name="Tasks",
        left=Scope("10000", "10003"),
        right=Scope("20000", "20003"),
    )
    theirs = replace(admin, tenant=right)
    approvals.decide(tandem.vault, tandem.record, theirs, profile, 1, approves=True)
    return World(app, settings, url, left, right, profile)


def key_file_settings(folder: Path, url: str) -> Settings:
    """Settings of a server whose master key is in the key file."""
    settings = make_settings(folder, url, TANDEM_MASTER_KEYS="")
    create_key_file(settings)
    return settings


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a server whose master key is in the key file."""
    return key_file_settings(tmp_path, database_url)


@pytest.fixture
def world(app: Flask, settings: Settings, database_url: str) -> World:
    """Two paired sites."""
    return make_world(app, settings, database_url)


def rotate_at_once(world: World) -> list[int]:
    """Rotate the left tenant without a grace."""
    rotation = DataRotation(world.tandem.vault, world.tandem.record, grace=0)
    rotation.begin(world.left)
    assert sum(rotation.reseal(world.left)) >= 2
    return rotation.retire(world.left)


# The sealed columns, and the rule of the database.


def test_every_sealed_column_is_known_to_rotation_and_guarded_by_the_database(
    world: World,
) -> None:
    with psycopg.connect(world.database_url) as owner:
        guarded = owner.execute(
            "SELECT tgrelid::regclass::text, encode(tgargs, 'escape') FROM pg_trigger"
            " WHERE tgname = 'seal' ORDER BY 1"
        ).fetchall()
        binary = owner.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea'"
            " AND table_name NOT LIKE 'procrastinate%'"
        ).fetchall()
    known = sorted((one.table, f"{one.tenant}\\000{one.column}\\000") for one in SEALED)
    assert guarded == known
    hashes = {
        ("pairing_code", "code_hash"), ("audit_event", "previous"), ("audit_event", "mac"),
        ("audit_head", "mac"), ("lifecycle_token", "digest"),
    }  # fmt: skip
    assert set(binary) - hashes == {(one.table, one.column) for one in SEALED}


def test_the_database_notes_each_version_in_use(world: World) -> None:
    with tenant_transaction(world.left) as session:
        rows = session.execute(text("SELECT tenant_id, version, state FROM data_key")).all()
    assert [tuple(row) for row in rows] == [(world.left, 1, "active")]


def test_a_value_sealed_under_a_retired_version_is_refused_and_sealed_anew_it_is_taken(
    world: World,
) -> None:
    late = world.tandem.vault.seal(Place(world.left, "activity", "detail", "x"), b"[]")
    world.note("before")
    assert rotate_at_once(world) == [1]
    add = text(
        "INSERT INTO activity (id, profile_id, left_tenant_id, right_tenant_id, outcome, detail)"
        " VALUES (gen_random_uuid(), :profile, :left, :right, 'updated', :late)"
    )
    values = {"profile": world.profile, "left": world.left, "right": world.right, "late": late}
    with (
        pytest.raises(DBAPIError, match="data key version 1 of this tenant is retired") as refused,
        tenant_transaction(world.left) as session,
    ):
        session.execute(add, values)
    assert getattr(refused.value.orig, "sqlstate", None) == "TK001"
    with (
        pytest.raises(DBAPIError, match="is retired"),
        tenant_transaction(world.left) as session,
    ):
        session.execute(text("UPDATE profile_revision SET document = :late"), {"late": late})
    world.note("after")
    assert world.notes() == {"before", "after"}


def test_a_transaction_that_sealed_with_the_old_key_commits_before_the_key_goes(
    world: World,
) -> None:
    with tenant_transaction(world.left) as session:
        world.note_in(session, "in flight")
        session.flush()
        retired: list[int] = []

        def rotate() -> None:
            with world.app.app_context():
                retired.extend(rotate_at_once(world))

        rotating = threading.Thread(target=rotate)
        rotating.start()
        wait_for_waiting_lock(world.database_url)
        assert (world.settings.instance / "keys/tenants" / str(world.left) / "1.json").exists()
    rotating.join(120)
    assert retired == [1]
    assert world.notes() == {"in flight"}
    assert world.versions() == {table: {2} for table in world.versions()}


def wait_for_waiting_lock(url: str) -> None:
    """Until some transaction waits for an advisory lock."""
    deadline = time.monotonic() + 120
    with psycopg.connect(url, autocommit=True) as owner:
        while time.monotonic() < deadline:
            found = owner.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone()
            if found and found[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits for the lock of a data key")


# Rotation by command.


def test_rotate_data_seals_every_column_anew_and_destroys_the_old_key(world: World) -> None:
    for number in range(7):
        world.note(f"note {number}")
    ended = world.run("rotate-data", "--batch", "3", "--grace", "0")
    assert ended.exit_code == 0, ended.output
    assert "2 tenants have a new data key; 2 old ones are destroyed." in ended.output
    assert world.versions() == {
        "installation": {2}, "profile_revision": {2}, "activity": {2},
    }  # fmt: skip
    assert world.notes() == {f"note {number}" for number in range(7)}
    assert profiles.load(world.tandem.vault, world.profile).name == "Tasks"
    assert world.tandem.installations.of(world.left).secret == "the secret of acme"
    assert sorted(name for name in world.files() if str(world.left) in name) == [
        f"tenants/{world.left}/0.json",
        f"tenants/{world.left}/2.json",
    ]
    found = world.status()
    assert found["needed"] == []
    states = {
        one["version"]: (one["state"], one["rows"])
        for tenant in found["tenants"]
        if tenant["tenant"] == str(world.left)
        for one in tenant["versions"]
    }
    assert states == {1: ("retired", 0), 2: ("active", 9)}
    assert world.deeds(world.left) == [
        ("keys.data-rotated", {"version": 2}),
        ("keys.data-key-retired", {"version": 1}),
    ]


def test_fingerprint_keys_outlive_every_rotation(world: World) -> None:
    key = world.tandem.vault.derive(world.left, "fingerprint:x")
    assert world.run("rotate-data", "--grace", "0").exit_code == 0
    assert world.run("rotate-master", "--new", "k2", "--retire").exit_code == 0
    world.tandem.vault.forget(world.left)
    assert world.tandem.vault.derive(world.left, "fingerprint:x") == key


def test_rotate_data_of_one_tenant_leaves_the_others(world: World) -> None:
    before = {name: body for name, body in world.files().items() if str(world.right) in name}
    ended = world.run("rotate-data", "--tenant", str(world.left), "--grace", "0")
    assert ended.exit_code == 0, ended.output
    assert before == {name: body for name, body in world.files().items() if name in before}
    assert world.versions()["installation"] == {2}
    assert world.run("rotate-data", "--tenant", str(uuid.uuid4())).exit_code == 1


def test_a_row_that_does_not_open_stays_and_keeps_its_key(world: World) -> None:
    world.note("whole")
    world.note("broken")
    with psycopg.connect(world.database_url) as owner:
        owner.execute(
            "UPDATE activity SET detail = set_byte(detail, 20, 255 - get_byte(detail, 20))"
            " WHERE id = (SELECT id FROM activity LIMIT 1) RETURNING detail"
        )
    ended = world.run("rotate-data", "--grace", "0")
    assert ended.exit_code == 1
    assert "1 values of tenant" in ended.output
    assert "activity.detail of row" in ended.output
    assert world.versions()["activity"] == {1, 2}
    assert f"tenants/{world.left}/1.json" in world.files()
    assert f"The rotation of tenant {world.left} has not ended" in world.status()["needed"][0]


def test_rotate_master_wraps_everything_anew_and_a_running_server_follows(world: World) -> None:
    world.note("before")
    ended = world.run("rotate-master", "--new", "k2", "--retire")
    assert ended.exit_code == 0, ended.output
    assert "Taken out of the key file: k1." in ended.output
    assert b"k1:" not in world.files()["master.keys"]
    assert key_file(world.settings).stat().st_mode & 0o777 == 0o600
    for tenant in (world.left, world.right, SERVER):
        world.tandem.vault.forget(tenant)
        assert set(world.tandem.vault.store.masters(tenant).values()) == {"k2"}
    world.note("after")
    assert world.notes() == {"before", "after"}
    newcomer = install(world.tandem, "initech")
    assert world.tandem.vault.store.masters(newcomer)[1] == "k2"
    assert [entry[1]["step"] for entry in world.deeds(SERVER)] == ["added", "rewrapping", "removed"]
    names = [(one["name"], one["current"]) for one in world.status()["master_keys"]]
    assert names == [("k2", True)]


def test_a_new_master_key_leaves_the_old_one_until_it_is_retired(world: World) -> None:
    assert world.run("rotate-master", "--new", "k2").exit_code == 0
    assert world.files()["master.keys"].count(b":") == 2
    again = world.run("rotate-master", "--new", "k2")
    assert again.exit_code == 1
    assert "Take another name" in again.output
    bad = world.run("rotate-master", "--new", "a b")
    assert bad.exit_code == 1
    assert "1 to 32 letters" in bad.output


def test_the_status_names_data_keys_that_the_current_master_key_does_not_wrap(
    world: World,
) -> None:
    path = key_file(world.settings)
    path.write_text(f"k2:{'B' * 43}=\n{path.read_text()}")
    found = world.status()
    assert "not wrapped by 'k2'" in found["needed"][0]
    assert "rotate-master" in world.run("status").output
    assert world.run("rotate-master").exit_code == 0
    assert world.status()["needed"] == []


def test_a_ring_of_the_environment_is_not_changed_by_a_command(world: World) -> None:
    entry = key_file(world.settings).read_text().strip()
    from_environment = world.environment | {"TANDEM_MASTER_KEYS": entry}
    for words in (["--new", "k2"], ["--retire"]):
        ended = CliRunner().invoke(main, ["keys", "rotate-master", *words], env=from_environment)
        assert ended.exit_code == 1
        assert "TANDEM_MASTER_KEYS yourself" in ended.output
    assert key_file(world.settings).read_text().strip() == entry


def test_nothing_is_lost_when_keys_are_rotated_under_live_traffic(world: World) -> None:
    stop = threading.Event()
    written: list[set[str]] = [set(), set(), set()]
    faults: list[BaseException] = []

    def write(number: int) -> None:
        try:
            while not stop.is_set():
                sentence = f"{number}:{len(written[number])}"
                try:
                    world.note(sentence)
                except DBAPIError as refused:  # as a drain does: leave it, and come again
                    assert "is retired" in str(refused)
                else:
                    written[number].add(sentence)
        except BaseException as fault:
            faults.append(fault)

    def read() -> None:
        try:
            with world.app.app_context():
                while not stop.is_set():
                    assert world.tandem.installations.of(world.left).secret is not None
                    assert profiles.load(world.tandem.vault, world.profile).name == "Tasks"
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    try:
        for turn in range(3):
            ended = world.run("rotate-data", "--batch", "20", "--grace", "0.3")
            assert ended.exit_code == 0, ended.output
            ended = world.run("rotate-master", "--new", f"m{turn}", "--retire")
            assert ended.exit_code == 0, ended.output
    finally:
        stop.set()
        for thread in threads:
            thread.join(120)
    assert faults == []
    assert min(len(sentences) for sentences in written) > 0
    assert world.notes() == set().union(*written)
    assert world.versions() == {table: {4} for table in world.versions()}
    assert f"tenants/{world.left}/1.json" not in world.files()
    assert world.status()["wrong"] == []


# Shredding.


def test_a_shredded_tenant_is_uninstalled_its_profiles_are_gone_and_others_stay(
    world: World,
) -> None:
    world.note("secret")
    other_way = make_world(world.app, world.settings, world.database_url)
    ended = world.run("shred", str(world.left), "--yes")
    assert ended.exit_code == 0, ended.output
    known = world.tandem.installations.of(world.left)
    assert (known.state, known.secret) == ("uninstalled", None)
    with psycopg.connect(world.database_url) as owner:
        left = owner.execute(
            "SELECT left_tenant_id FROM profile UNION ALL SELECT left_tenant_id FROM activity"
        ).fetchall()
    assert left == [(other_way.left,)]
    assert world.tandem.installations.of(other_way.left).secret == "the secret of acme"
    assert world.deeds(world.left) == [("keys.shredded", {"profiles": 1})]
    shredded = {one["tenant"]: one["shredded"] for one in world.status()["tenants"]}
    assert shredded[str(world.left)] is True
    assert shredded[str(world.right)] is False
    for refused in (
        lambda: world.tandem.vault.seal(Place(world.left, "t", "c", "r"), b"x"),
        lambda: world.tandem.vault.derive(world.left, "fingerprint:x"),
    ):
        with pytest.raises(KeyShredded, match="never be opened again"):
            refused()


def test_a_shredded_tenant_that_is_renewed_begins_with_other_keys(world: World) -> None:
    vault = world.tandem.vault
    old_root = vault.derive(world.left, "fingerprint:x")
    old = vault.seal(Place(world.left, "t", "c", "r"), b"old")
    assert world.run("shred", str(world.left), "--yes").exit_code == 0
    assert vault.renew(world.left)
    assert not vault.renew(world.left)
    new = vault.seal(Place(world.left, "t", "c", "r"), b"new")
    assert version_of(new) == 2
    assert vault.unseal(Place(world.left, "t", "c", "r"), new) == b"new"
    assert vault.derive(world.left, "fingerprint:x") != old_root
    with pytest.raises(KeyShredded):
        vault.unseal(Place(world.left, "t", "c", "r"), old)
    assert not vault.renew(world.right)


def test_shredding_asks_first_and_refuses_the_server_and_strangers(world: World) -> None:
    before = world.files()
    assert world.run("shred", str(world.left), input="n\n").exit_code == 1
    refused = world.run("shred", str(SERVER), "--yes")
    assert refused.exit_code == 1
    assert "audit trail" in refused.output
    stranger = world.run("shred", str(uuid.uuid4()), "--yes")
    assert stranger.exit_code == 1
    assert "no such tenant" in stranger.output
    assert world.files() == before


def test_a_shredding_that_was_cut_short_has_destroyed_and_is_finished_by_another(
    world: World,
) -> None:
    tombstone = world.settings.instance / "keys/tenants" / str(world.left) / "shredded.json"
    tombstone.write_text('{"through": 1}')  # and then the power failed
    with pytest.raises(KeyShredded):
        world.tandem.vault.seal(Place(world.left, "t", "c", "r"), b"x")
    wrong = world.status()["wrong"]
    assert any("was cut short" in sentence for sentence in wrong)
    assert world.run("shred", str(world.left), "--yes").exit_code == 0
    assert [name for name in world.files() if str(world.left) in name] == [
        f"tenants/{world.left}/shredded.json"
    ]
    assert world.status()["wrong"] == []


# A start that finds the keys wrong.


def lose_master(world: World) -> None:
    """The key in use is not in the file any more."""
    key_file(world.settings).write_text(f"k9:{'C' * 43}=\n")


def swap_master(world: World) -> None:
    """Another key under the name of the one in use."""
    key_file(world.settings).write_text(f"k1:{'C' * 43}=\n")


def remove_key_file(world: World) -> None:
    """No key file, data keys still there."""
    key_file(world.settings).unlink()


def empty_key_file(world: World) -> None:
    """An empty file, as a full disk leaves it."""
    key_file(world.settings).write_text("")


def damage_key_file(world: World) -> None:
    """Half a key."""
    path = key_file(world.settings)
    path.write_text(path.read_text()[:20])


def open_key_file(world: World) -> None:
    """Readable by everyone."""
    key_file(world.settings).chmod(0o644)


def lose_store(world: World) -> None:
    """The data keys are gone, the master key is there."""
    shutil.rmtree(world.settings.instance / "keys" / "tenants")


def lose_all(world: World) -> None:
    """The whole folder is gone, beside a full database."""
    shutil.rmtree(world.settings.instance / "keys")


def exchange_store(world: World) -> None:
    """The data keys of another server, wrapped by the same master key."""
    folder = world.settings.instance / "keys" / "tenants"
    shutil.rmtree(folder)
    store = world.tandem.vault.store
    stranger = type(store)(folder, store.master)
    for _ in range(3):
        stranger.create(TenantId(uuid.uuid4()))


def damage_data_key(world: World) -> None:
    """One data key's file is cut off."""
    path = world.settings.instance / "keys" / "tenants" / str(world.left) / "1.json"
    path.write_bytes(path.read_bytes()[:30])


def lose_trail_key(world: World) -> None:
    """The server's own derivation root is gone."""
    shutil.rmtree(world.settings.instance / "keys" / "tenants" / str(SERVER))


def lose_root(world: World) -> None:
    """One tenant's derivation root is gone: another one would make all fingerprints strangers'."""
    (world.settings.instance / "keys" / "tenants" / str(world.left) / "0.json").unlink()


WRONG = {
    lose_master: "'k1' is not in the ring",
    swap_master: "'k1' does not open a data key",
    remove_key_file: "there is no key file",
    empty_key_file: "is empty",
    damage_key_file: "is damaged",
    open_key_file: "chmod 600",
    lose_store: "The key store lacks 3 data keys",
    lose_all: "there is no key file",
    exchange_store: "The key store lacks 3 data keys",
    damage_data_key: "is damaged",
    lose_trail_key: "The key store lacks 1 data keys",
    lose_root: "The key store lacks 1 data keys",
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_wrong_keys_stop_the_start_by_name_and_nothing_is_written(world: World, wrong: Any) -> None:
    world.note("precious")
    wrong(world)
    before = world.files()
    with pytest.raises(VaultError, match=WRONG[wrong]):
        create_app(world.settings, pool_size=1)
    finding = check_keys(world.settings)
    assert not finding.well
    ready = world.app.test_client().get("/readyz")
    assert ready.status_code == 503
    assert ready.json is not None
    assert ready.json["checks"]["keys"] is False
    found = world.status()
    assert WRONG[wrong] in found["wrong"][0]
    for command in (["rotate-data", "--grace", "0"], ["rotate-master"]):
        assert world.run(*command).exit_code == 1
    assert world.files() == before


@pytest.mark.parametrize(
    "wrong", [lose_all, remove_key_file, exchange_store], ids=lambda wrong: wrong.__name__
)
def test_serve_ends_by_name_and_makes_no_key_where_one_was_before(
    world: World, wrong: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.cli import _make_keys

    wrong(world)
    before = world.files()
    for settings in (world.settings, replace(world.settings, database_url=None)):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(database, "start_embedded", lambda instance: world.database_url)
            _make_keys(settings)
        assert "Tandem did not start. The key" in capsys.readouterr().err
    assert world.files() == before


def test_serve_makes_the_key_of_a_new_server(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.cli import _make_keys

    settings = make_settings(tmp_path / "new", database_url, TANDEM_MASTER_KEYS="")
    with pytest.raises(SystemExit):
        _make_keys(settings)  # with a database of one's own, the key is one's own as well
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(database, "start_embedded", lambda instance: database_url)
    _make_keys(replace(settings, database_url=None))
    assert key_file(settings).exists()
    create_app(settings, pool_size=1)
    assert not (tmp_path / "new" / "keys" / "tenants").exists()


def test_a_database_that_cannot_be_asked_is_not_taken_for_an_empty_one(
    tmp_path: Path, postgres_url: str
) -> None:
    settings = key_file_settings(tmp_path, fresh_database(postgres_url))
    with pytest.raises(VaultError, match="tandem db upgrade"):
        create_app(settings, pool_size=1)
    unreachable = replace(settings, database_url="postgresql://127.0.0.1:9/none")
    with pytest.raises(VaultError, match="DATABASE_URL"):
        create_app(unreachable, pool_size=1)


def site_of(client_key: str, secret: str, made: Stamp) -> Site:
    """What an `installed` callback of a known site tells."""
    return Site(
        client_key=client_key,
        base_url="https://acme.example.test",
        shared_secret=secret,
        stamp=made,
        cloud_id=str(uuid.uuid4()),
    )


def client_key_of(world: World) -> str:
    """The client key of the left tenant."""
    return world.tandem.installations.of(world.left).client_key


def test_a_shredded_site_that_installs_again_begins_anew(world: World) -> None:
    old_root = world.tandem.vault.derive(world.left, "fingerprint:x")
    client_key = client_key_of(world)
    assert world.run("shred", str(world.left), "--yes").exit_code == 0
    again = site_of(client_key, "another secret", stamp())
    assert world.tandem.installations.install(again) == world.left
    known = world.tandem.installations.of(world.left)
    assert (known.state, known.secret) == ("installed", "another secret")
    assert world.versions()["installation"] == {2}
    assert world.tandem.vault.derive(world.left, "fingerprint:x") != old_root
    assert world.status()["wrong"] == []


def test_a_callback_from_before_the_shredding_brings_nothing_back(world: World) -> None:
    client_key, before = client_key_of(world), stamp()
    assert world.run("shred", str(world.left), "--yes").exit_code == 0
    files = world.files()
    world.tandem.installations.install(site_of(client_key, "replayed", before))
    known = world.tandem.installations.of(world.left)
    assert (known.state, known.secret) == ("uninstalled", None)
    assert world.files() == files


def test_a_shredded_site_in_an_older_database_that_came_back_can_install_again(
    world: World,
) -> None:
    client_key = client_key_of(world)
    world.tandem.vault.shred(world.left)  # and the rows are as they were before
    assert world.tandem.installations.of(world.left).secret is None
    world.tandem.installations.install(site_of(client_key, "another secret", stamp()))
    assert world.tandem.installations.of(world.left).secret == "another secret"


def test_the_loser_of_two_racing_installs_leaves_no_key(world: World) -> None:
    start = threading.Barrier(6)
    client_key = str(uuid.uuid4())

    def install_it() -> None:
        with world.app.app_context():
            start.wait()
            world.tandem.installations.install(site_of(client_key, "one", stamp()))

    threads = [threading.Thread(target=install_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.tandem.vault.store.tenants()) == 4  # two of the world's, this one, the server
