"""Master keys in AWS KMS, against a local stand-in for it over HTTP."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from app import Tandem, create_app
from app.cli import main
from app.database import TenantId, db
from app.vault import kms
from app.vault.kms import KmsKey
from app.vault.master import Binding, VaultError
from app.vault.vault import Place
from tests.conftest import BASE_URL, make_settings
from tests.edge.test_keys import install

pytestmark = pytest.mark.real
BINDING = Binding(TenantId(uuid.UUID(int=7)), 3)
SECRET = b"s" * 32


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of the stand-in."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def aws(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS's own settings, and no client kept from a test before."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", address)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "for-the-stand-in")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "for-the-stand-in")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    kms._client.cache_clear()
    yield
    kms._client.cache_clear()


@pytest.fixture
def client(aws: None) -> Any:
    """A client of the stand-in, for what only its owner does."""
    return boto3.client("kms", region_name="eu-central-1")


@pytest.fixture
def key_id(client: Any) -> str:
    """A fresh key."""
    return str(client.create_key()["KeyMetadata"]["Arn"])


def test_a_data_key_comes_back_from_kms_and_does_not_show(key_id: str) -> None:
    wrapped = KmsKey("k1", key_id).wrap(SECRET, BINDING)
    assert SECRET not in wrapped
    assert KmsKey("k1", key_id).unwrap(wrapped, BINDING) == SECRET


def test_a_plain_key_id_is_found_in_the_region_of_the_environment(key_id: str) -> None:
    key = KmsKey("k1", key_id.rpartition("/")[2])
    assert key.unwrap(key.wrap(SECRET, BINDING), BINDING) == SECRET


@pytest.mark.parametrize(
    "binding", [Binding(TenantId(uuid.UUID(int=8)), 3), Binding(BINDING.tenant, 4)]
)
def test_another_tenant_or_version_is_a_wrong_context(key_id: str, binding: Binding) -> None:
    key = KmsKey("k1", key_id)
    wrapped = key.wrap(SECRET, BINDING)
    with pytest.raises(VaultError, match="'k1' does not open"):
        key.unwrap(wrapped, binding)
    assert key.unwrap(wrapped, BINDING) == SECRET


def test_another_key_under_the_same_name_does_not_open(key_id: str, client: Any) -> None:
    wrapped = KmsKey("k1", key_id).wrap(SECRET, BINDING)
    other = client.create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(VaultError, match="'k1'"):
        KmsKey("k1", other).unwrap(wrapped, BINDING)


def test_a_refusal_names_the_key_and_the_cure() -> None:
    with pytest.raises(VaultError, match="refuses the master key 'k2'") as refused:
        KmsKey("k2", str(uuid.uuid4())).wrap(SECRET, BINDING)
    assert "(NotFoundException). Check that the key is there and enabled" in refused.value.detail


def test_a_kms_that_cannot_be_reached_is_named_with_the_cure(
    key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    with pytest.raises(VaultError, match="can't be asked about the master key 'k1'"):
        KmsKey("k1", key_id).wrap(SECRET, BINDING)


def test_without_credentials_or_region_the_cure_is_named(
    key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(VaultError, match="credentials"):
        KmsKey("k1", key_id).wrap(SECRET, BINDING)
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(VaultError, match="AWS_REGION"):
        KmsKey("k1", "alias/tandem").wrap(SECRET, BINDING)


def test_without_the_library_the_extra_is_named(
    key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(VaultError, match=r"tandem\[aws\]"):
        KmsKey("k1", key_id).wrap(SECRET, BINDING)


def test_a_server_moves_its_master_key_to_kms_and_needs_no_other(
    tmp_path: Path, database_url: str, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "old:" + "A" * 43 + "="
    new = f"new:aws-kms:{key_id}"
    with create_app(make_settings(tmp_path, database_url, TANDEM_MASTER_KEYS=old)).app_context():
        tenant = install(parts(), "acme")
        sealed = parts().vault.seal(Place(tenant, "t", "c", "r"), b"secret")
        db.engine.dispose()
    environment = {
        "TANDEM_BASE_URL": BASE_URL,
        "TANDEM_INSTANCE": str(tmp_path),
        "DATABASE_URL": database_url,
        "TANDEM_MASTER_KEYS": f"{new},{old}",
    }
    ended = CliRunner().invoke(main, ["keys", "rotate-master"], env=environment)
    assert ended.exit_code == 0, ended.output
    settings = make_settings(tmp_path, database_url, TANDEM_MASTER_KEYS=new)
    with create_app(settings).app_context():
        assert parts().vault.unseal(Place(tenant, "t", "c", "r"), sealed) == b"secret"
        db.engine.dispose()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    kms._client.cache_clear()
    with pytest.raises(VaultError, match="can't be asked about the master key 'new'"):
        create_app(settings)


def parts() -> Tandem:
    """The parts of the application whose context this is."""
    from flask import current_app

    found: Tandem = current_app.extensions["tandem"]
    return found
