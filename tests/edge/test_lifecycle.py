"""Lifecycle callbacks: only Atlassian installs, and only what the token says."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

INSTALLED = "/lifecycle/installed"


def rows(database_url: str) -> list[tuple[Any, ...]]:
    """Every installation, read past row security."""
    with psycopg.connect(database_url) as owner:
        return owner.execute(
            "SELECT client_key, base_url, state, shared_secret, secret_version FROM installation"
        ).fetchall()


def test_the_descriptor_names_this_server_and_asks_for_signed_installs(
    client: FlaskClient,
) -> None:
    answer = client.get("/atlassian-connect.json")
    assert answer.json["baseUrl"] == "https://tandem.example.test"
    assert answer.json["apiMigrations"] == {
        "signed-install": True,
        "context-qsh": True,
        "gdpr": True,
    }
    assert set(answer.json["lifecycle"]) == {"installed", "enabled", "disabled", "uninstalled"}


def test_a_signed_install_is_stored_with_its_secret_sealed(site: Any, database_url: str) -> None:
    assert site.install().status_code == 204
    [(client_key, base_url, state, secret, version)] = rows(database_url)
    assert (client_key, base_url, state, version) == (
        site.client_key, "https://acme.example.test", "installed", 1,
    )  # fmt: skip
    assert site.secret.encode() not in secret


def test_a_replay_changes_nothing(site: Any, database_url: str) -> None:
    token = site.lifecycle_token(INSTALLED)
    assert site.post(INSTALLED, token, site.body()).status_code == 204
    before = rows(database_url)
    assert site.post(INSTALLED, token, site.body()).status_code == 204
    assert rows(database_url) == before


def test_a_new_secret_replaces_the_old_one_at_once(installed: Any, database_url: str) -> None:
    old = installed.secret
    installed.secret = "the-second-shared-secret-of-the-site"
    assert installed.install().status_code == 204
    assert installed.enable().status_code == 204
    installed.secret = old
    assert installed.enable().status_code == 401
    assert len(rows(database_url)) == 1


def test_an_older_callback_sent_again_brings_no_dead_secret_back(
    site: Any, database_url: str
) -> None:
    old = site.lifecycle_token(INSTALLED, iat=int(time.time()) - 20)
    old_body = site.body()
    assert site.post(INSTALLED, old, old_body).status_code == 204
    site.secret = "the-second-shared-secret-of-the-site"
    assert site.install().status_code == 204
    before = rows(database_url)
    assert site.post(INSTALLED, old, old_body).status_code == 204
    path = "/lifecycle/uninstalled"
    older = site.lifecycle_token(path, iat=int(time.time()) - 10)
    assert site.post(path, older, site.body("uninstalled")).status_code == 204
    assert rows(database_url) == before
    assert site.enable().status_code == 204


def test_an_uninstall_destroys_the_secret_and_a_new_install_brings_the_tenant_back(
    installed: Any, database_url: str
) -> None:
    path = "/lifecycle/uninstalled"
    body = installed.body("uninstalled", sharedSecret=None)
    assert installed.post(path, installed.lifecycle_token(path), body).status_code == 204
    [(_, _, state, secret, _)] = rows(database_url)
    assert (state, secret) == ("uninstalled", None)
    assert installed.enable().status_code == 401
    assert installed.install().status_code == 204
    assert [row[2] for row in rows(database_url)] == ["installed"]


def test_disabled_and_enabled_are_noted(installed: Any, database_url: str) -> None:
    path = "/lifecycle/disabled"
    token = installed.token("POST", path)
    assert installed.post(path, token, installed.body("disabled")).status_code == 204
    assert rows(database_url)[0][2] == "disabled"
    assert installed.enable().status_code == 204
    assert rows(database_url)[0][2] == "enabled"


def attack_unsigned(site: Any) -> str | None:
    return None


def attack_hs256(site: Any) -> str:
    return str(site.token("POST", INSTALLED, aud="https://tandem.example.test"))


def attack_none(site: Any) -> str:
    return jwt.encode(site.claims("POST", INSTALLED), key="", algorithm="none")


def attack_public_key_as_secret(site: Any) -> str:
    """RS256's public key used as an HMAC secret, signed by hand as libraries refuse to."""
    import base64
    import hashlib
    import hmac

    def part(data: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")

    head = part({"alg": "HS256", "typ": "JWT", "kid": "0a1b-test-key"})
    body = part(site.claims("POST", INSTALLED, aud="https://tandem.example.test"))
    signature = hmac.new(site.keys.public.encode(), head + b"." + body, hashlib.sha256).digest()
    return (head + b"." + body + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


ATTACKS = {
    "unsigned": attack_unsigned,
    "HS256": attack_hs256,
    "alg none": attack_none,
    "the public key as an HMAC secret": attack_public_key_as_secret,
    "another audience": lambda s: s.lifecycle_token(INSTALLED, aud="https://other.example"),
    "no audience": lambda s: s.lifecycle_token(INSTALLED, aud=None),
    "another site's iss": lambda s: s.lifecycle_token(INSTALLED, iss="somebody-else"),
    "expired": lambda s: s.lifecycle_token(INSTALLED, exp=int(time.time()) - 60),
    "from the future": lambda s: s.lifecycle_token(INSTALLED, iat=int(time.time()) + 3600),
    "no exp": lambda s: s.lifecycle_token(INSTALLED, exp=None),
    "no qsh": lambda s: s.lifecycle_token(INSTALLED, qsh=None),
    "context qsh": lambda s: s.lifecycle_token(INSTALLED, qsh="context-qsh"),
    "qsh of another path": lambda s: s.lifecycle_token("/lifecycle/uninstalled"),
    "kid as a path": lambda s: s.lifecycle_token(INSTALLED, kid="../../secret"),
    "kid as a URL": lambda s: s.lifecycle_token(INSTALLED, kid="https://evil.example/key"),
    "unknown kid": lambda s: s.lifecycle_token(INSTALLED, kid="never-was"),
    "no token at all but letters": lambda s: "x" * 50,
    "a token of 10,000 letters": lambda s: "x" * 10_000,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_install_without_atlassians_signature_is_refused(
    site: Any, database_url: str, name: str
) -> None:
    answer = site.post(INSTALLED, ATTACKS[name](site), site.body())
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"] == "Not authorised."
    assert rows(database_url) == []


@pytest.mark.parametrize("name", ATTACKS)
def test_none_of_these_takes_a_known_site_over(
    installed: Any, database_url: str, name: str
) -> None:
    before = rows(database_url)
    taken = installed.body(
        sharedSecret="the-secret-of-the-attacker", baseUrl="https://evil.example"
    )
    assert installed.post(INSTALLED, ATTACKS[name](installed), taken).status_code == 401
    assert rows(database_url) == before


def test_an_odd_kid_never_reaches_the_key_server(site: Any, keys: Any) -> None:
    before = list(keys.asked)
    for kid in ("../x", "a/b", "a?b", "a b", "", "x" * 200, "%2e%2e"):
        token = site.lifecycle_token(INSTALLED, kid=kid)
        assert site.post(INSTALLED, token, site.body()).status_code == 401
    assert keys.asked == before


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"sharedSecret": None}, "sharedSecret"),
        ({"sharedSecret": "short"}, "sharedSecret"),
        ({"baseUrl": "http://acme.example.test"}, "baseUrl"),
        ({"baseUrl": "ftp://acme.example.test"}, "baseUrl"),
        ({"productType": "confluence"}, "productType"),
        ({"key": "another-app"}, "key"),
        ({"clientKey": None}, "clientKey"),
    ],
)
def test_a_bad_body_is_refused_with_the_field_at_fault(
    site: Any, database_url: str, changed: dict[str, Any], field: str
) -> None:
    answer = site.post(INSTALLED, site.lifecycle_token(INSTALLED), site.body(**changed))
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert answer.json["detail"].startswith(f"{field}: ")
    assert rows(database_url) == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"not json", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a":' * 100_000, "application/json", 400),
        (b" " * (5 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_a_body_of_the_wrong_form_or_size_gets_its_status_and_changes_nothing(
    site: Any, database_url: str, body: bytes, content_type: str, status: int
) -> None:
    token = site.lifecycle_token(INSTALLED)
    answer = site.post(INSTALLED, token, body, content_type=content_type)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert rows(database_url) == []


def test_two_installs_that_race_end_as_one_tenant(app: Flask, site: Any, database_url: str) -> None:
    import threading

    gate = threading.Barrier(4)
    statuses: list[int] = []

    def install() -> None:
        gate.wait()
        statuses.append(
            type(site)(app.test_client(), site.keys, site.client_key).install().status_code
        )

    threads = [threading.Thread(target=install) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [204] * 4
    assert len(rows(database_url)) == 1
    assert site.enable().status_code == 204
