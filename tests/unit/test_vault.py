"""The vault: what is sealed opens at its place, with its keys, and nowhere else."""

from __future__ import annotations

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
from app.vault.store import KeyMissing, KeyStore
from app.vault.vault import CACHE_SECONDS, Place, Vault

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
