"""Settings: a wrong one stops the start with its name, what was found and what is allowed."""

from __future__ import annotations

import base64

import pytest

from app.settings import Edition, SettingsError, load_settings

GOOD = {"TANDEM_BASE_URL": "https://tandem.example.test"}


def faults_of(**environment: str) -> list[str]:
    """The faults that this environment is refused with."""
    with pytest.raises(SettingsError) as refused:
        load_settings({**GOOD, **environment})
    return refused.value.faults


def test_the_defaults_are_a_cloud_server_with_its_own_database() -> None:
    settings = load_settings(GOOD)
    assert settings.edition is Edition.CLOUD
    assert settings.embedded
    assert settings.port == 8080
    assert settings.app_key == "tandem"


def test_a_missing_base_url_stops_the_start_with_its_name() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({})
    assert len(refused.value.faults) == 1
    assert refused.value.faults[0].startswith("TANDEM_BASE_URL: missing, allowed is ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TANDEM_BASE_URL", "http://tandem.example.test"),
        ("TANDEM_BASE_URL", "tandem.example.test"),
        ("TANDEM_EDITION", "server"),
        ("TANDEM_APP_KEY", "a b"),
        ("PORT", "http"),
        ("PORT", "70000"),
        ("WEB_CONCURRENCY", "0"),
        ("TANDEM_TRUSTED_PROXIES", "-1"),
        ("TANDEM_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("TANDEM_INSTALL_KEY_URLS", "http://keys.example.test"),
        ("TANDEM_INSECURE_HTTP", "yes"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found(name: str, value: str) -> None:
    faults = faults_of(**{name: value})
    assert len(faults) == 1
    assert faults[0].startswith(f"{name}: found {value!r}, allowed is ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@db"),
        ("DATABASE_URL", "postgresql://root:hunter2@db/tandem?unheard-of=hunter2"),
        ("TANDEM_MASTER_KEYS", "hunter2"),
        ("TANDEM_BASE_URL", "https://root:hunter2@tandem.example.test"),
        ("TANDEM_INSTALL_KEY_URLS", "https://root:hunter2@keys.example.test"),
    ],
)
def test_a_wrong_secret_is_named_and_never_repeated(name: str, value: str) -> None:
    faults = faults_of(**{name: value})
    assert faults[0].startswith(f"{name}: ")
    assert "hunter2" not in faults[0]


def test_all_faults_are_told_at_once() -> None:
    assert len(faults_of(PORT="x", TANDEM_EDITION="y", WEB_CONCURRENCY="z")) == 3


def test_http_is_for_loopback_addresses_alone_and_only_when_allowed() -> None:
    allowed = {"TANDEM_BASE_URL": "http://127.0.0.1:8080", "TANDEM_INSECURE_HTTP": "1"}
    assert load_settings(allowed).base_url == "http://127.0.0.1:8080"
    faults_of(TANDEM_BASE_URL="http://127.0.0.1:8080")
    faults_of(TANDEM_BASE_URL="http://192.0.2.7:8080", TANDEM_INSECURE_HTTP="1")


def test_master_keys_are_read_in_order_and_a_short_one_is_refused() -> None:
    first, second = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()
    settings = load_settings({**GOOD, "TANDEM_MASTER_KEYS": f"new:{first},old:{second}"})
    assert settings.master_keys == (("new", b"1" * 32), ("old", b"2" * 32))
    assert "1" * 32 not in repr(settings)
    faults_of(TANDEM_MASTER_KEYS=f"new:{base64.b64encode(b'1' * 31).decode()}")
    faults_of(TANDEM_MASTER_KEYS=f"same:{first},same:{second}")


def test_a_trailing_slash_of_the_base_url_does_not_count() -> None:
    assert load_settings({"TANDEM_BASE_URL": "https://a.example/"}).base_url == "https://a.example"
