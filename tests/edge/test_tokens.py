"""Tokens made to break the gate, and what a process remembers of a site that moved on."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient

from app import create_app
from app.connect.install_keys import PLACE_FETCHES, InstallKeys
from app.database import db
from app.errors import NotAuthorised
from app.settings import Settings
from tests.edge.jira import BASE_URL, Jira

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
    remembered = dict(installed.installations._cache._found)
    assert installed.install().status_code == 204
    assert installed.enable().status_code == 204
    installed.installations._cache._found.update(remembered)  # as a process that heard of nothing
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
    remembered = dict(installed.installations._cache._found)  # "it is uninstalled"
    assert remembered
    assert installed.install().status_code == 204
    installed.installations._cache._found.update(remembered)
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


Answer = Callable[[BaseHTTPRequestHandler], None]


class Place(ThreadingHTTPServer):
    """A server whose endless answers end with it."""

    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.over = threading.Event()


def drip(handler: BaseHTTPRequestHandler, byte: bytes) -> None:
    """Byte by byte, and never done: no time-out of a socket would end it."""
    assert isinstance(handler.server, Place)
    while not handler.server.over.wait(0.05):
        handler.wfile.write(byte)


@contextmanager
def place(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A key server with one way to answer; gives its address and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            with suppress(OSError):  # the asker may have gone
                answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Place(Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


def answering(
    status: int, body: bytes, headers: dict[str, str] | None = None
) -> AbstractContextManager[tuple[str, list[str]]]:
    """A key server with one answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return place(answer)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, as a key server would give it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


SMALL = pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))
CURVE = pem(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, b"BEGIN PUBLIC KEY", {}),
        (302, b"BEGIN PUBLIC KEY", {"Location": "http://127.0.0.1:9/"}),
        (200, b"BEGIN PUBLIC KEY" + b"x" * 20_000, {}),
        (200, b"<html>", {}),
        (200, b"BEGIN PUBLIC KEY", {"Content-Length": "5000"}),
        (200, b"BEGIN PUBLIC KEY", {"Content-Encoding": "gzip"}),
        (200, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", {}),
        (200, SMALL, {}),
        (200, CURVE, {}),
        (500, b"", {}),
    ],
    ids=[
        "none",
        "redirect",
        "too long",
        "no key",
        "broken off",
        "damaged",
        "no real key",
        "a small key",
        "a key of another kind",
        "a fault",
    ],
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


def test_an_id_that_no_place_has_is_asked_for_once_in_half_a_minute(keys: Any) -> None:
    now = 0.0
    with answering(404, b"") as (url, asked):
        known = InstallKeys((url, keys.url), clock=lambda: now)
        for _ in range(50):
            with pytest.raises(NotAuthorised):
                known.get("made-up")
        assert asked == ["/made-up"]
        now = 31.0
        with pytest.raises(NotAuthorised):
            known.get("made-up")
        assert asked == ["/made-up"] * 2


def test_a_flood_of_made_up_ids_is_kept_in_bounds_and_pushes_no_key_out(keys: Any) -> None:
    known = InstallKeys((keys.url,))
    known.get("0a1b-test-key")
    before = len(keys.asked)
    for number in range(300):
        with pytest.raises(NotAuthorised):
            known.get(f"made-up-{number}")
    assert known.get("0a1b-test-key") == keys.public
    assert len(keys.asked) == before + 300
    for name in ("made-up-299", "made-up-0"):  # the newest is remembered, the oldest is not
        with pytest.raises(NotAuthorised):
            known.get(name)
    assert keys.asked[before + 300 :] == ["/made-up-0"]


def test_a_place_with_a_fault_is_asked_again_at_once(keys: Any) -> None:
    answers = iter([503, 429, 200])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(next(answers))
        handler.end_headers()
        handler.wfile.write(keys.public.encode())

    with place(answer) as (url, asked):
        known = InstallKeys((url,))
        for _ in range(2):
            with pytest.raises(NotAuthorised):
                known.get("some-key")
        assert known.get("some-key") == keys.public
        assert len(asked) == 3


def test_many_that_ask_for_one_key_wait_for_one_fetch(keys: Any) -> None:
    reached, go = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        reached.set()
        go.wait()
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(keys.public.encode())

    with place(answer) as (url, asked), ThreadPoolExecutor(8) as pool:
        known = InstallKeys((url,), place_seconds=60)
        found = [pool.submit(known.get, "some-key") for _ in range(8)]
        reached.wait()
        go.set()
        assert {one.result() for one in found} == {keys.public}
        assert asked == ["/some-key"]


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    """A key that goes on and on."""
    handler.send_response(200)
    handler.end_headers()
    drip(handler, b"-")


def drip_header(handler: BaseHTTPRequestHandler) -> None:
    """A first line that goes on and on."""
    handler.wfile.write(b"HTTP/1.0 200 O")
    drip(handler, b"K")


@pytest.mark.parametrize("dripping", [drip_body, drip_header])
def test_a_place_that_drips_is_left_for_the_next(keys: Any, dripping: Answer) -> None:
    with place(dripping) as (url, asked):
        assert InstallKeys((url, keys.url)).get("0a1b-test-key") == keys.public
        assert asked == ["/0a1b-test-key"]


def test_a_place_that_is_busy_is_left_for_the_next(keys: Any) -> None:
    with place(drip_header) as (url, _), ThreadPoolExecutor(12) as pool:
        known = InstallKeys((url, keys.url))
        found = [pool.submit(known.get, f"made-up-{number}") for number in range(11)]
        found.append(pool.submit(known.get, "0a1b-test-key"))
        assert found[-1].result() == keys.public
        assert all(isinstance(one.exception(), NotAuthorised) for one in found[:-1])


def test_a_place_is_asked_by_few_at_one_time(keys: Any) -> None:
    few, go = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if len(asked) >= PLACE_FETCHES:
            few.set()
        go.wait()
        handler.send_response(404)
        handler.end_headers()

    with place(answer) as (url, asked), ThreadPoolExecutor(3 * PLACE_FETCHES) as pool:
        known = InstallKeys((url,), place_seconds=60)
        found = [pool.submit(known.get, f"made-up-{n}") for n in range(3 * PLACE_FETCHES)]
        few.wait()
        time.sleep(0.3)  # for more to come, where nothing holds them
        at_once = len(asked)
        go.set()
        assert all(isinstance(one.exception(), NotAuthorised) for one in found)
        assert at_once == PLACE_FETCHES
        assert len(asked) == 3 * PLACE_FETCHES


@pytest.mark.parametrize(
    ("context", "raw", "status"),
    [
        ("", "/webhooks/jira", 204),
        ("", "/webhooks/jir%61", 401),  # the same view, but not what was signed
        ("", "//webhooks/jira", 401),
        ("/ctx", "/ctx/webhooks/jira", 204),  # a proxy that hands the path on
        ("/ctx", "/webhooks/jira", 204),  # a proxy that takes the context off
        ("/ctx", "/ctxx/webhooks/jira", 401),
        ("/ctx", "/ctx/ctx/webhooks/jira", 401),
    ],
)
def test_the_hash_is_over_the_path_as_it_came_below_the_base_url(
    settings: Settings, keys: Any, context: str, raw: str, status: int
) -> None:
    app = create_app(replace(settings, base_url=BASE_URL + context), pool_size=2)
    site = Jira(app.test_client(), keys)
    with app.app_context():
        path = "/lifecycle/installed"
        token = site.lifecycle_token(path, aud=f"{BASE_URL}{context}/")
        assert site.post(path, token, site.body()).status_code == 204
        event = {
            "webhookEvent": "jira:issue_deleted",
            "issue": {"id": "1", "fields": {"project": {"id": "1"}, "issuetype": {"id": "1"}}},
        }
        as_it_came = {"RAW_URI": raw, "REQUEST_URI": raw}
        token = site.token("POST", WEBHOOK)
        answer = site.post(WEBHOOK, token, event, environ_overrides=as_it_came)
        assert answer.status_code == status
        db.engine.dispose()
