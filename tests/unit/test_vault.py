"""The vault: what is sealed opens at its place, with its keys, and nowhere else."""

from __future__ import annotations

import os
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import TenantId
from app.settings import load_settings
from app.vault.master import LocalKey, MasterKeys, VaultError
from app.vault.ring import create_key_file, key_file, load_master_keys
from app.vault.store import DataKey, KeyMissing, KeyShredded, KeyStore
from app.vault.vault import CACHE_SECONDS, SERVER, Place, Vault, version_of

MASTER = MasterKeys([LocalKey("k1", b"m" * 32)])


def make_vault(folder: Path, master: MasterKeys = MASTER) -> Vault:
    """A vault over this folder, with a clock that stands still."""
    return Vault(KeyStore(folder / "tenants", master), clock=lambda: 0.0)


def a_place() -> Place:
    """A place of a tenant that never was before."""
    return Place(TenantId(uuid.uuid4()), "installation", "shared_secret", "row-1")


@pytest.fixture(scope="module")
def shared_vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """One vault for the properties, whose examples are many."""
    return make_vault(tmp_path_factory.mktemp("vault"))


@given(plain=st.binary(max_size=2000))
def test_what_is_sealed_comes_back_and_does_not_show(shared_vault: Vault, plain: bytes) -> None:
    place = Place(TenantId(uuid.UUID(int=1)), "t", "c", "r")
    sealed = shared_vault.seal(place, plain)
    assert shared_vault.unseal(place, sealed) == plain
    if len(plain) > 8:
        assert plain not in sealed


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_changed_bit_anywhere_is_found(shared_vault: Vault, position: int, bit: int) -> None:
    place = Place(TenantId(uuid.UUID(int=1)), "t", "c", "r")
    sealed = bytearray(shared_vault.seal(place, b"a secret of some length"))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(VaultError):
        shared_vault.unseal(place, bytes(sealed))


@pytest.mark.parametrize("moved", ["table", "column", "row"])
def test_a_value_moved_to_another_place_does_not_open(tmp_path: Path, moved: str) -> None:
    vault, place = make_vault(tmp_path), a_place()
    sealed = vault.seal(place, b"secret")
    with pytest.raises(VaultError, match="does not open at its place"):
        vault.unseal(replace(place, **{moved: "other"}), sealed)


def test_a_row_moved_to_another_tenant_does_not_open(tmp_path: Path) -> None:
    vault, ours, theirs = make_vault(tmp_path), a_place(), a_place()
    sealed = vault.seal(ours, b"secret")
    vault.seal(theirs, b"so that the other tenant has a key as well")
    with pytest.raises(VaultError):
        vault.unseal(theirs, sealed)


def test_parts_of_a_place_do_not_slide_into_each_other(tmp_path: Path) -> None:
    vault, tenant = make_vault(tmp_path), TenantId(uuid.uuid4())
    sealed = vault.seal(Place(tenant, "ab", "c", "r"), b"secret")
    with pytest.raises(VaultError):
        vault.unseal(Place(tenant, "a", "bc", "r"), sealed)


def test_a_shredded_tenant_opens_nothing_any_more(tmp_path: Path) -> None:
    vault, place = make_vault(tmp_path), a_place()
    sealed = vault.seal(place, b"secret")
    vault.shred(place.tenant)
    with pytest.raises(KeyMissing, match="shredded"):
        vault.unseal(place, sealed)


def test_a_second_process_opens_what_the_first_sealed(tmp_path: Path) -> None:
    place = a_place()
    sealed = make_vault(tmp_path).seal(place, b"secret")
    assert make_vault(tmp_path).unseal(place, sealed) == b"secret"


def test_a_swapped_master_key_is_named_and_changes_nothing(tmp_path: Path) -> None:
    place = a_place()
    sealed = make_vault(tmp_path).seal(place, b"secret")
    swapped = make_vault(tmp_path, MasterKeys([LocalKey("k1", b"x" * 32)]))
    with pytest.raises(VaultError, match="'k1' does not open"):
        swapped.unseal(place, sealed)
    missing = make_vault(tmp_path, MasterKeys([LocalKey("k2", b"m" * 32)]))
    with pytest.raises(VaultError, match="'k1' is not in the ring"):
        missing.unseal(place, sealed)
    assert make_vault(tmp_path).unseal(place, sealed) == b"secret"


def test_derived_keys_differ_by_tenant_and_purpose_and_stay(tmp_path: Path) -> None:
    vault, one, two = make_vault(tmp_path), TenantId(uuid.uuid4()), TenantId(uuid.uuid4())
    key = vault.derive(one, "fingerprint:a")
    assert len(key) == 32
    assert make_vault(tmp_path).derive(one, "fingerprint:a") == key
    assert len({key, vault.derive(one, "fingerprint:b"), vault.derive(two, "fingerprint:a")}) == 3


def test_an_opened_key_leaves_memory_after_a_minute(tmp_path: Path) -> None:
    now = [0.0]
    vault = Vault(KeyStore(tmp_path / "tenants", MASTER), clock=lambda: now[0])
    place = a_place()
    sealed = vault.seal(place, b"secret")
    assert vault.unseal(place, sealed) == b"secret"
    assert [kept.keys.keys() for kept in vault._held.values()] == [{1}]
    now[0] = CACHE_SECONDS + 1
    unreadable = tmp_path / "tenants" / str(place.tenant) / "1.json"
    held = unreadable.read_bytes()
    unreadable.write_bytes(b"{}")  # in place: the folder does not change
    with pytest.raises(VaultError, match="damaged"):
        vault.unseal(place, sealed)
    unreadable.write_bytes(held)
    assert vault.unseal(place, sealed) == b"secret"


def test_a_new_version_is_sealed_with_at_once_by_every_process(tmp_path: Path) -> None:
    here, there, place = make_vault(tmp_path), make_vault(tmp_path), a_place()
    for version in range(1, 30):
        assert version_of(here.seal(place, b"x")) == version
        assert version_of(there.seal(place, b"x")) == version
        there.store.advance(place.tenant)
        there.store.remove(place.tenant, version)


def test_a_new_version_of_the_same_tick_of_the_clock_is_seen_too(tmp_path: Path) -> None:
    here, there, place = make_vault(tmp_path), make_vault(tmp_path), a_place()
    here.seal(place, b"x")
    folder = tmp_path / "tenants" / str(place.tenant)
    here.seal(place, b"x")
    stamp = folder.stat().st_mtime_ns
    there.store.advance(place.tenant)
    os.utime(folder, ns=(stamp, stamp))  # a coarse clock: the folder looks as before
    assert version_of(here.seal(place, b"x")) == 2


def test_a_key_that_another_process_shreds_is_gone_here_at_once(tmp_path: Path) -> None:
    here, there, place = make_vault(tmp_path), make_vault(tmp_path), a_place()
    sealed = here.seal(place, b"secret")
    here.derive(place.tenant, "fingerprint:a")
    there.shred(place.tenant)
    for refused in (
        lambda: here.unseal(place, sealed),
        lambda: here.seal(place, b"x"),
        lambda: here.derive(place.tenant, "fingerprint:a"),
    ):
        with pytest.raises(KeyShredded):
            refused()


def test_an_unfinished_rotation_is_not_begun_twice(tmp_path: Path) -> None:
    vault, place = make_vault(tmp_path), a_place()
    vault.seal(place, b"x")
    vault.store.advance(place.tenant)
    vault.store.advance(place.tenant)
    assert vault.store.holding(place.tenant).versions == (1, 2)
    vault.store.remove(place.tenant, 2)
    assert vault.store.holding(place.tenant).versions == (1, 2)  # never the newest


def test_those_who_race_for_the_first_key_end_with_one(tmp_path: Path) -> None:
    place, start = a_place(), threading.Barrier(8)
    sealed: list[bytes] = []

    def seal() -> None:
        vault = make_vault(tmp_path)
        start.wait()
        vault.derive(place.tenant, "fingerprint:a")
        sealed.append(vault.seal(place, b"secret"))

    threads = [threading.Thread(target=seal) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [make_vault(tmp_path).unseal(place, one) for one in sealed] == [b"secret"] * 8


def test_the_first_keys_may_come_while_the_root_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, rival, place = make_vault(tmp_path), make_vault(tmp_path), a_place()
    load = vault.store.load

    def overtaken(tenant: TenantId, version: int) -> DataKey:
        try:
            return load(tenant, version)
        except KeyMissing:
            rival.seal(place, b"x")
            raise

    monkeypatch.setattr(vault.store, "load", overtaken)
    assert vault.derive(place.tenant, "a") == rival.derive(place.tenant, "a")


def test_a_key_store_that_goes_away_at_run_time_gets_no_new_keys(tmp_path: Path) -> None:
    vault, place = make_vault(tmp_path), a_place()
    vault.seal(place, b"x")
    (tmp_path / "tenants").rename(tmp_path / "unmounted")
    with pytest.raises(VaultError, match="gone, or another one"):
        vault.seal(place, b"x")
    assert not (tmp_path / "tenants").exists()
    (tmp_path / "tenants").mkdir()  # an empty mount point
    with pytest.raises(VaultError, match="gone, or another one"):
        vault.seal(a_place(), b"x")
    assert list((tmp_path / "tenants").glob("*-*")) == []


def test_the_keys_of_an_id_without_a_row_leave_nothing(tmp_path: Path) -> None:
    vault, place = make_vault(tmp_path), a_place()
    vault.seal(place, b"x")
    vault.discard(place.tenant)
    assert vault.store.tenants() == []
    assert version_of(vault.seal(place, b"x")) == 1


def test_the_servers_own_keys_are_not_shredded(tmp_path: Path) -> None:
    vault = make_vault(tmp_path)
    key = vault.derive(SERVER, "audit")
    with pytest.raises(VaultError, match="audit trail"):
        vault.shred(SERVER)
    assert make_vault(tmp_path).derive(SERVER, "audit") == key


def test_rewrapping_changes_the_wrapping_and_no_key(tmp_path: Path) -> None:
    place = a_place()
    sealed = make_vault(tmp_path).seal(place, b"secret")
    root = make_vault(tmp_path).derive(place.tenant, "fingerprint:a")
    new = LocalKey("k2", b"n" * 32)
    both = make_vault(tmp_path, MasterKeys([new, *MASTER.keys]))
    assert both.store.rewrap(place.tenant) == 2
    assert both.store.rewrap(place.tenant) == 0
    alone = make_vault(tmp_path, MasterKeys([new]))
    assert alone.unseal(place, sealed) == b"secret"
    assert alone.derive(place.tenant, "fingerprint:a") == root


@pytest.mark.parametrize("step", ["rewrap", "remove", "shred"])
def test_what_a_killed_writer_left_of_a_key_does_not_outlive_the_key(
    tmp_path: Path, step: str
) -> None:
    vault, place = make_vault(tmp_path), a_place()
    vault.seal(place, b"secret")
    vault.store.advance(place.tenant)
    folder = tmp_path / "tenants" / str(place.tenant)
    left = folder / ".1.json.4711.0a0b0c0d"
    left.write_bytes((folder / "1.json").read_bytes())
    arguments = (place.tenant, 1) if step == "remove" else (place.tenant,)
    getattr(vault.store, step)(*arguments)
    assert not left.exists()


def test_the_keys_of_idle_tenants_leave_memory_when_others_work(tmp_path: Path) -> None:
    now = [0.0]
    vault = Vault(KeyStore(tmp_path / "tenants", MASTER), clock=lambda: now[0])
    idle, busy = a_place(), a_place()
    vault.seal(idle, b"secret")
    vault.seal(idle, b"secret")
    now[0] = CACHE_SECONDS + 1
    vault.seal(busy, b"secret")
    assert set(vault._held) == {busy.tenant}


def test_the_key_file_is_made_once_with_mode_0600_and_never_over_another(tmp_path: Path) -> None:
    settings = load_settings(
        {"TANDEM_BASE_URL": "https://a.example", "TANDEM_INSTANCE": str(tmp_path)}
    )
    with pytest.raises(VaultError, match="TANDEM_MASTER_KEYS"):
        load_master_keys(settings)
    create_key_file(settings)
    assert key_file(settings).stat().st_mode & 0o777 == 0o600
    made = key_file(settings).read_bytes()
    create_key_file(settings)
    assert key_file(settings).read_bytes() == made
    key_file(settings).chmod(0o644)
    with pytest.raises(VaultError, match="0600"):
        load_master_keys(settings)


def test_a_lost_derivation_root_is_missed_and_not_made_anew(tmp_path: Path) -> None:
    vault, place = make_vault(tmp_path), a_place()
    vault.seal(place, b"secret")
    key = vault.derive(place.tenant, "fingerprint:a")
    root = tmp_path / "tenants" / str(place.tenant) / "0.json"
    kept = root.read_bytes()
    root.unlink()
    with pytest.raises(KeyMissing):
        make_vault(tmp_path).derive(place.tenant, "fingerprint:a")
    assert not root.exists()
    root.write_bytes(kept)
    root.chmod(0o600)
    assert make_vault(tmp_path).derive(place.tenant, "fingerprint:a") == key
