"""Master keys: how a ring is written, what a key is bound to, and that a ring follows its file."""

from __future__ import annotations

import base64
import os
import string
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import TenantId
from app.settings import KmsKeyId, parse_master_keys
from app.vault.kms import KmsKey, _region
from app.vault.master import Binding, LocalKey, MasterKeys, VaultError
from app.vault.ring import KeyFileRing

NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=32)
MATERIAL = st.binary(min_size=32, max_size=32)
KMS_IDS = st.text(string.ascii_letters + string.digits + ":/_-", min_size=1, max_size=120)
KEYS = st.one_of(MATERIAL, KMS_IDS.map(KmsKeyId))
BINDING = Binding(TenantId(uuid.UUID(int=7)), 3)


def written(name: str, key: bytes | KmsKeyId) -> str:
    """An entry of TANDEM_MASTER_KEYS."""
    if isinstance(key, KmsKeyId):
        return f"{name}:aws-kms:{key.text}"
    return f"{name}:{base64.b64encode(key).decode()}"


@given(ring=st.dictionaries(NAMES, KEYS, max_size=5), blanks=st.sampled_from(["", " ", " \t"]))
def test_a_ring_is_read_as_it_was_written_in_its_order(
    ring: dict[str, bytes | KmsKeyId], blanks: str
) -> None:
    entries = f"{blanks},{blanks}".join(written(*entry) for entry in ring.items())
    assert parse_master_keys(entries) == tuple(ring.items())


@given(text=st.text(max_size=200))
def test_any_text_is_a_ring_or_is_refused_by_the_rule(text: str) -> None:
    try:
        parsed = parse_master_keys(text)
    except ValueError as refused:
        assert str(refused).startswith("name:key pairs parted by commas")
    else:
        assert all(isinstance(key, KmsKeyId) or len(key) == 32 for _, key in parsed)
        assert len({name for name, _ in parsed}) == len(parsed)


@given(name=NAMES, key=MATERIAL, cut=st.integers(min_value=1, max_value=31))
def test_a_key_of_another_length_and_a_name_twice_are_refused(
    name: str, key: bytes, cut: int
) -> None:
    for wrong in (written(name, key[:cut]), written(name, key + key[:cut])):
        with pytest.raises(ValueError, match="32 bytes"):
            parse_master_keys(wrong)
    with pytest.raises(ValueError, match="no name twice"):
        parse_master_keys(f"{written(name, key)},{written(name, KmsKeyId('other'))}")


@pytest.mark.parametrize(
    "wrong",
    ["k1:aws-kms:", "k1:aws-kms:a b", "k1:gcp-kms:id", "k1", ":x", "k.1:aws-kms:id", "aws-kms:id"],
)
def test_an_entry_that_names_no_key_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="aws-kms:<key id or ARN>"):
        parse_master_keys(wrong)


@given(secret=st.binary(min_size=32, max_size=32), material=MATERIAL, other=MATERIAL)
def test_a_wrapped_key_opens_with_its_master_key_and_binding_alone(
    secret: bytes, material: bytes, other: bytes
) -> None:
    key = LocalKey("k1", material)
    wrapped = key.wrap(secret, BINDING)
    assert key.unwrap(wrapped, BINDING) == secret
    assert secret not in wrapped
    strangers = [Binding(TenantId(uuid.UUID(int=8)), 3), Binding(BINDING.tenant, 4)]
    for binding in strangers:
        with pytest.raises(VaultError, match="'k1' does not open"):
            key.unwrap(wrapped, binding)
    if other != material:
        with pytest.raises(VaultError, match="'k1' does not open"):
            LocalKey("k1", other).unwrap(wrapped, BINDING)
    with pytest.raises(VaultError, match="'k1' does not open"):
        key.unwrap(b"", BINDING)


def test_no_key_shows_in_its_repr() -> None:
    assert "m" * 8 not in repr(LocalKey("k1", b"m" * 32))
    assert "123456789012" not in repr(KmsKey("k1", "arn:aws:kms:eu-west-1:123456789012:key/x"))


def test_the_region_of_an_arn_goes_before_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert _region("arn:aws:kms:eu-west-1:123456789012:key/x") == "eu-west-1"
    assert _region("alias/tandem") == "eu-central-1"
    monkeypatch.delenv("AWS_REGION")
    assert _region("alias/tandem") is None  # AWS's own settings decide


def write_ring(path: Path, *keys: tuple[str, bytes]) -> None:
    """A key file, put in place as an operator's tool does it: by rename."""
    partial = path.with_suffix(".new")
    partial.write_text("\n".join(written(*key) for key in keys) + "\n")
    partial.chmod(0o600)
    partial.rename(path)


def test_a_ring_follows_its_file_and_says_when_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    write_ring(path, ("k1", b"1" * 32))
    ring = KeyFileRing(path)
    name, wrapped = ring.wrap(b"s" * 32, BINDING)
    assert name == "k1"
    write_ring(path, ("k2", b"2" * 32), ("k1", b"1" * 32))
    assert ring.current == "k2"
    assert ring.unwrap("k1", wrapped, BINDING) == b"s" * 32
    write_ring(path, ("k2", b"2" * 32))
    with pytest.raises(VaultError, match="'k1' is not in the ring"):
        ring.unwrap("k1", wrapped, BINDING)
    path.unlink()
    with pytest.raises(VaultError, match="is gone"):
        ring.wrap(b"s" * 32, BINDING)


def test_a_key_is_added_in_front_and_dropped_without_touching_the_others(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    keys = [("a", os.urandom(32)), ("b", os.urandom(32))]
    write_ring(path, *keys)
    ring = KeyFileRing(path)
    (tmp_path / ".master.keys.4711.0a0b0c0d").write_bytes(path.read_bytes())  # of a killed writer
    ring.add("c")
    assert [key.name for key in ring.keys] == ["c", "a", "b"]
    assert ring.keys[1:] == tuple(LocalKey(*key) for key in keys)
    assert path.stat().st_mode & 0o777 == 0o600
    ring.drop({"a", "c"})
    assert [key.name for key in ring.keys] == ["c", "b"]  # the current one always stays
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.keys"]


def test_a_ring_of_two_wraps_with_the_first_and_unwraps_with_each() -> None:
    old, new = LocalKey("old", b"o" * 32), LocalKey("new", b"n" * 32)
    wrapped = old.wrap(b"s" * 32, BINDING)
    ring = MasterKeys([new, old])
    assert ring.wrap(b"s" * 32, BINDING)[0] == "new"
    assert ring.unwrap("old", wrapped, BINDING) == b"s" * 32
