"""Tokens made to break the gate, and what a process remembers of a site that moved on."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import psycopg
import pytest
from flask.testing import FlaskClient

from app.connect.install_keys import InstallKeys
from app.errors import NotAuthorised
from tests.edge.jira import Jira

WEBHOOK = "/webhooks/jira"
UNINSTALLED = "/lifecycle/uninstalled"


def part(text: str) -> str:
    """One part of a token, from its raw JSON text."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def state(database_url: str) -> str:
    """The state of the one installation, read past row security."""
    with psycopg.connect(database_url) as owner:
        [(found,)] = owner.execute("SELECT state FROM installation").fetchall()
    return str(found)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ('{"alg":"HS256","x":' + "[" * 1500 + "]" * 1500 + "}", '{"iss":"a"}'),
        ('{"alg":"HS256"}', '{"iss":' + "[" * 2500 + "]" * 2500 + "}"),
        ('{"alg":"HS256"}', '{"iss":"\\ud800"}'),
        ('{"alg":"HS256"}', '{"iss":"\\u0000"}'),
        ('{"alg":"HS256"}', "[]"),
        ('{"alg":["HS256"]}', '{"iss":"a"}'),
        ("[]", "{}"),
    ],
    ids=[
        "deep header",
        "deep claims",
        "half a character",
        "NUL",
        "a list",
        "alg list",
        "no object",
    ],
)
def test_an_unsigned_token_made_to_break_the_reader_is_only_refused(
    client: FlaskClient, header: str, claims: str
) -> None:
    token = f"{part(header)}.{part(claims)}.AAAA"
    answer = client.post(WEBHOOK, headers={"Authorization": f"JWT {token}"}, json={})
    assert (answer.status_code, answer.json["detail"]) == (401, "Not authorised.")


@pytest.mark.parametrize("claim", ["exp", "iat"])
@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), [1], {}, "soon", True, "4102444800", 10**400, 1e12, -1]
)
def test_a_signed_time_that_is_no_time_is_only_refused(
    installed: Jira, claim: str, value: object
) -> None:
    claims = json.dumps(installed.claims("POST", WEBHOOK) | {claim: value}).encode()
    token = jwt.api_jws.encode(claims, installed.secret, algorithm="HS256")
    assert installed.post(WEBHOOK, token, {}).status_code == 401


def test_a_remembered_secret_that_is_dead_switches_nothing(
    installed: Jira, database_url: str
) -> None:
    assert installed.webhook({}).status_code == 400  # this process keeps the secret now
    old, installed.secret = installed.secret, "the-second-shared-secret-of-the-site"
    token = jwt.encode(installed.claims("POST", "/lifecycle/disabled"), old, algorithm="HS256")
    remembered = dict(installed.installations._cache)
    assert installed.install().status_code == 204
    assert installed.enable().status_code == 204
    installed.installations._cache.update(remembered)  # as a process that heard of nothing
    answer = installed.post("/lifecycle/disabled", token, installed.body("disabled"))
    assert answer.status_code == 401
    assert state(database_url) == "enabled"


def test_a_site_that_another_process_brought_back_is_let_in_at_once(
    installed: Jira, database_url: str
) -> None:
    body = installed.body("uninstalled", sharedSecret=None)
    assert (
        installed.post(UNINSTALLED, installed.lifecycle_token(UNINSTALLED), body).status_code == 204
    )
    assert installed.enable().status_code == 401
    remembered = dict(installed.installations._cache)  # "it is uninstalled"
    assert remembered
    assert installed.install().status_code == 204
    installed.installations._cache.update(remembered)
    assert installed.enable().status_code == 204
    assert state(database_url) == "enabled"


def test_a_body_that_names_another_site_switches_nothing(
    installed: Jira, database_url: str
) -> None:
    path = "/lifecycle/disabled"
    body = installed.body("disabled", clientKey="somebody-else")
    assert installed.post(path, installed.token("POST", path), body).status_code == 401
    assert state(database_url) == "enabled"


@pytest.mark.parametrize("url", ["https://acme.example.test/?a=b", "https://acme.example.test/#a"])
def test_a_site_address_with_more_than_a_place_is_refused(site: Jira, url: str) -> None:
    answer = site.install(baseUrl=url)
    assert (answer.status_code, answer.json["field"]) == (400, "baseUrl")


@pytest.mark.parametrize("field", ["clientKey", "sharedSecret", "cloudId", "displayUrl"])
@pytest.mark.parametrize("text", ["a" * 40 + "\x00", "a" * 40 + "\n", "a" * 40 + "\ud800"])
def test_text_that_the_database_cannot_hold_is_refused_by_name(
    site: Jira, field: str, text: str
) -> None:
    answer = site.install(**{field: text})
    assert (answer.status_code, answer.json["field"]) == (400, field)


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """A key server with one answer; gives its address and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, b"BEGIN PUBLIC KEY", {}),
        (302, b"BEGIN PUBLIC KEY", {"Location": "http://127.0.0.1:9/"}),
        (200, b"BEGIN PUBLIC KEY" + b"x" * 20_000, {}),
        (200, b"<html>", {}),
        (200, b"BEGIN PUBLIC KEY", {"Content-Length": "5000"}),
        (200, b"BEGIN PUBLIC KEY", {"Content-Encoding": "gzip"}),
    ],
    ids=["none", "redirect", "too long", "no key", "broken off", "damaged"],
)
def test_a_key_server_that_has_no_key_for_us_lets_nobody_in(
    keys: Any, status: int, body: bytes, headers: dict[str, str]
) -> None:
    with answering(status, body, headers) as (url, asked):
        with pytest.raises(NotAuthorised):
            InstallKeys((url,)).get("some-key")
        assert asked == ["/some-key"]
        # The next place in order has it.
        assert InstallKeys((url, keys.url)).get("0a1b-test-key") == keys.public
