"""Lifecycle callbacks: only Atlassian installs, and only what the token says."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import jwt
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database import db
from app.settings import Settings
from tests.edge.jira import Jira

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


@pytest.fixture
def neighbour(app: Flask, settings: Settings) -> Iterator[FlaskClient]:
    """A client of another process' app on the same database, with a memory of its own."""
    second = create_app(settings, pool_size=4)
    yield second.test_client()
    with second.app_context():
        db.engine.dispose()


def seen_from(client: FlaskClient, site: Jira, **changed: Any) -> Jira:
    """The same site, calling another process."""
    return replace(site, client=client, **changed)


def whole(database_url: str) -> list[Any]:
    """Every row of every table of ours, as text; what an installation holds first."""
    tables = (
        "installation", "data_key", "pairing_code", "connection", "profile", "issue_link", "change",
    )  # fmt: skip
    with psycopg.connect(database_url) as owner:
        return [
            owner.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall()
            for table in tables
        ]


def deleted() -> dict[str, Any]:
    """A webhook that matters to no profile."""
    return {
        "webhookEvent": "jira:issue_deleted",
        "issue": {"id": "1", "fields": {"project": {"id": "1"}, "issuetype": {"id": "1"}}},
    }


def test_a_first_install_stores_what_the_site_said(site: Jira, database_url: str) -> None:
    assert site.install(displayUrl="https://shown.example.test").status_code == 204
    with psycopg.connect(database_url) as owner:
        [row] = owner.execute(
            "SELECT client_key, app_key, cloud_id, base_url, display_url, state, uninstalled_at"
            " FROM installation"
        ).fetchall()
    assert row == (
        site.client_key, "tandem", site.body()["cloudId"], "https://acme.example.test",
        "https://shown.example.test", "installed", None,
    )  # fmt: skip


def test_a_dead_secret_is_dead_in_every_process_that_remembers_it(
    installed: Jira, neighbour: FlaskClient
) -> None:
    old = seen_from(neighbour, installed)
    assert old.webhook(deleted()).status_code == 204  # the neighbour remembers it now
    installed.secret = "the-second-shared-secret-of-the-site"
    assert installed.install().status_code == 204
    assert old.webhook(deleted()).status_code == 401
    assert old.enable().status_code == 401
    assert old.disable().status_code == 401
    for page in ("/pages/profiles", "/pages/parts/overview"):
        answer = neighbour.get(page, headers={"Authorization": f"JWT {old.context_token()}"})
        assert answer.status_code == 401
    new = seen_from(neighbour, installed)
    assert new.webhook(deleted()).status_code == 204
    assert new.enable().status_code == 204


@dataclass
class Rotation:
    """Which secret was sent last, and which was taken last; secrets go by their number."""

    sent: int = 0
    taken: int = 0
    over: bool = False


def secret_of(number: int) -> str:
    """The site's secrets, in the order in which they come."""
    return f"the-shared-secret-of-the-site-number-{number}"


def test_requests_in_flight_are_fully_old_or_fully_new(
    app: Flask, site: Jira, neighbour: FlaskClient
) -> None:
    site.secret = secret_of(0)
    assert site.install().status_code == 204
    assert site.enable().status_code == 204
    now, faults = Rotation(), list[str]()
    answers: Counter[int] = Counter()

    def hammer(client: FlaskClient, ahead: int) -> None:
        while not now.over:
            taken = now.taken
            number = max(0, taken + ahead)
            caller = replace(site, client=client, secret=secret_of(number))
            status = caller.webhook(deleted()).status_code
            answers[status] += 1
            if status not in {204, 401}:
                faults.append(f"answered {status}")
            if status == 204 and number < taken:
                faults.append("a dead secret got in after its successor was taken")
            if status == 204 and number > now.sent:
                faults.append("a secret got in that nobody had sent")
            if status == 401 and number == taken == now.sent:
                faults.append("the only secret of that moment was refused")

    with ThreadPoolExecutor(4) as pool:
        clients = [app.test_client(), app.test_client(), neighbour, neighbour]
        hammers = [
            pool.submit(hammer, client.application.test_client(), ahead)
            for client, ahead in zip(clients, (0, -1, 0, -1), strict=True)
        ]
        try:
            for number in range(1, 15):
                now.sent = number
                again = replace(site, secret=secret_of(number))
                assert again.install().status_code == 204
                now.taken = number
        finally:
            now.over = True
        for one in hammers:
            one.result()
    assert faults == []
    assert answers[204] and answers[401]


def test_a_new_address_is_taken_and_the_secret_and_the_state_stay(
    installed: Jira, database_url: str
) -> None:
    assert installed.install(baseUrl="https://renamed.example.test/").status_code == 204
    [(client_key, base_url, state, _, _)] = rows(database_url)
    assert (client_key, base_url) == (installed.client_key, "https://renamed.example.test")
    assert state == "enabled"
    assert installed.webhook(deleted()).status_code == 204


def test_a_disabled_site_is_let_in_to_nothing_but_being_enabled(
    installed: Jira, neighbour: FlaskClient, database_url: str
) -> None:
    beside = seen_from(neighbour, installed)
    assert beside.webhook(deleted()).status_code == 204
    before = rows(database_url)
    assert installed.disable().status_code == 204
    for caller in (installed, beside):
        assert caller.webhook(deleted()).status_code == 403
        token = {"Authorization": f"JWT {caller.context_token()}"}
        assert caller.client.get("/pages/profiles", headers=token).status_code == 401
    assert beside.enable().status_code == 204
    assert installed.webhook(deleted()).status_code == 204
    assert rows(database_url) == before


def test_an_uninstall_takes_the_secret_only_and_a_new_install_brings_the_rest_back(
    installed: Jira, other: Jira, neighbour: FlaskClient, database_url: str
) -> None:
    beside = seen_from(neighbour, installed)
    assert beside.webhook(deleted()).status_code == 204
    find = installed.installations.find
    tenant, before = find(installed.client_key).tenant, whole(database_url)
    assert installed.uninstall().status_code == 204
    after = whole(database_url)
    assert after[1:] == before[1:]
    assert len(after[0]) == len(before[0])
    with psycopg.connect(database_url) as owner:
        left = owner.execute("SELECT client_key FROM installation WHERE shared_secret IS NULL")
        assert left.fetchall() == [(installed.client_key,)]
    for caller in (installed, beside):  # also where the secret is still remembered
        assert caller.webhook(deleted()).status_code == 401
        assert caller.enable().status_code == 401
    installed.secret = "the-secret-of-the-site-come-back-again"
    assert installed.install().status_code == 204
    assert beside.enable().status_code == 401
    assert installed.enable().status_code == 204
    assert find(installed.client_key).tenant == tenant
    assert other.webhook(deleted()).status_code == 204


def test_an_uninstall_sent_again_changes_nothing(installed: Jira, database_url: str) -> None:
    path = "/lifecycle/uninstalled"
    token = installed.lifecycle_token(path)
    body = installed.body("uninstalled", sharedSecret=None)
    assert installed.post(path, token, body).status_code == 204
    before = whole(database_url)
    assert installed.post(path, token, body).status_code == 204
    assert whole(database_url) == before


def test_an_uninstall_of_a_site_that_never_was_makes_nothing(site: Jira, database_url: str) -> None:
    before = whole(database_url)
    assert site.uninstall().status_code == 204
    assert whole(database_url) == before


def test_a_second_app_on_the_same_site_is_refused_and_the_first_untouched(
    installed: Jira, database_url: str
) -> None:
    before = whole(database_url)
    second = replace(installed, secret="the-shared-secret-of-the-second-app")
    answer = second.install(key="tandem-staging")
    assert (answer.status_code, answer.json["field"]) == (400, "key")
    assert "'tandem'" in answer.json["detail"]
    path = "/lifecycle/uninstalled"
    body = second.body("uninstalled", key="tandem-staging", sharedSecret=None)
    assert second.post(path, second.lifecycle_token(path), body).status_code == 400
    assert whole(database_url) == before
    assert installed.webhook(deleted()).status_code == 204


@pytest.mark.parametrize("event", ["migrated", "installed/again", "", "INSTALLED"])
def test_an_unknown_event_has_no_door(installed: Jira, database_url: str, event: str) -> None:
    before = whole(database_url)
    path = f"/lifecycle/{event}"
    answer = installed.post(path, installed.lifecycle_token(path), installed.body(event))
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert whole(database_url) == before


@pytest.mark.parametrize("path", [INSTALLED, "/lifecycle/enabled", "/webhooks/jira"])
def test_an_event_that_is_fetched_is_refused_with_the_method_that_is_allowed(
    installed: Jira, path: str
) -> None:
    answer = installed.client.get(path)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]


def test_an_event_of_another_name_in_the_body_is_refused(
    installed: Jira, database_url: str
) -> None:
    before = whole(database_url)
    answer = installed.install(eventType="migrated")
    assert (answer.status_code, answer.json["field"]) == (400, "eventType")
    assert whole(database_url) == before


def test_a_key_that_is_twice_in_a_body_is_named_and_never_at_length(installed: Jira) -> None:
    raw = json.dumps(installed.body())[:-1]
    for name, shown in (("x", "'x'"), ("\\u0000é", "'\\x00\\xe9'"), ("k" * 5000, "'kkkk")):
        twice = f'{raw}, "{name}": 1, "{name}": 2}}'.encode()
        answer = installed.post(INSTALLED, installed.lifecycle_token(INSTALLED), twice)
        assert answer.status_code == 400
        assert answer.json["type"] == "urn:tandem:problem:malformed-body"
        assert shown in answer.json["detail"]
        assert len(answer.json["detail"]) < 120


@pytest.mark.parametrize("known", [False, True], ids=["a new site", "a known site"])
def test_two_installs_that_race_with_two_secrets_end_with_one_of_them(
    app: Flask, site: Jira, neighbour: FlaskClient, database_url: str, known: bool
) -> None:
    if known:
        assert site.install().status_code == 204
    start = threading.Barrier(4)
    callers = [
        replace(site, client=client.application.test_client(), secret=secret_of(number))
        for number, client in enumerate([site.client, neighbour] * 2)
    ]

    def install(caller: Jira) -> int:
        start.wait()
        return caller.install().status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(install, callers)) == [204] * 4
    assert len(rows(database_url)) == 1
    answers = [replace(caller, client=site.client).enable().status_code for caller in callers]
    assert sorted(answers) == [204, 401, 401, 401]
    there = [replace(caller, client=neighbour).enable().status_code for caller in callers]
    assert there == answers


def test_two_installs_that_race_end_as_one_tenant(app: Flask, site: Any, database_url: str) -> None:
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


def switch(site: Any, event: str, token: str) -> int:
    """Send `enabled` or `disabled` with this token; gives the status."""
    return int(site.post(f"/lifecycle/{event}", token, site.body(event)).status_code)


def test_an_enabled_that_is_sent_again_does_not_undo_a_disabled(
    site: Any, database_url: str
) -> None:
    assert site.install().status_code == 204
    enabled = site.token("POST", "/lifecycle/enabled")
    assert switch(site, "enabled", enabled) == 204
    disabled = site.token("POST", "/lifecycle/disabled", sub="one that differs")
    assert switch(site, "disabled", disabled) == 204
    before = rows(database_url)
    assert switch(site, "enabled", enabled) == 204
    assert rows(database_url) == before
    assert before[0][2] == "disabled"


def test_of_two_installs_of_one_second_neither_comes_back_by_being_sent_again(
    site: Any, database_url: str
) -> None:
    now = int(time.time())
    first, first_body = site.lifecycle_token(INSTALLED, iat=now), site.body()
    assert site.post(INSTALLED, first, first_body).status_code == 204
    site.secret = "the-second-shared-secret-of-the-site"
    second = site.lifecycle_token(INSTALLED, iat=now, sub="one that differs")
    assert site.post(INSTALLED, second, site.body()).status_code == 204
    before = rows(database_url)
    assert site.post(INSTALLED, first, first_body).status_code == 204
    assert rows(database_url) == before
    assert site.enable().status_code == 204


def test_an_uninstalled_of_the_same_second_does_not_come_back_after_a_new_install(
    installed: Any, database_url: str
) -> None:
    path, now = "/lifecycle/uninstalled", int(time.time())
    gone = installed.lifecycle_token(path, iat=now)
    body = installed.body("uninstalled", sharedSecret=None)
    assert installed.post(path, gone, body).status_code == 204
    token = installed.lifecycle_token(INSTALLED, iat=now)
    assert installed.post(INSTALLED, token, installed.body()).status_code == 204
    before = rows(database_url)
    assert before[0][2] == "installed"
    assert installed.post(path, gone, body).status_code == 204
    assert rows(database_url) == before


@pytest.mark.parametrize(
    ("path", "event"),
    [("installed", "uninstalled"), ("uninstalled", "installed"), ("enabled", "disabled")],
)
def test_a_body_of_another_event_is_refused_by_name(
    installed: Any, database_url: str, path: str, event: str
) -> None:
    before = rows(database_url)
    address = f"/lifecycle/{path}"
    signed = path in {"installed", "uninstalled"}
    token = installed.lifecycle_token(address) if signed else installed.token("POST", address)
    answer = installed.post(address, token, installed.body(event))
    assert (answer.status_code, answer.json["field"]) == (400, "eventType")
    assert rows(database_url) == before


def test_a_new_address_for_people_is_stored_without_a_new_secret(
    installed: Any, database_url: str
) -> None:
    [(*_, version)] = rows(database_url)
    assert installed.install(displayUrl="https://jira.acme.example").status_code == 204
    with psycopg.connect(database_url) as owner:
        found = owner.execute("SELECT display_url, state, secret_version FROM installation")
        assert found.fetchall() == [("https://jira.acme.example", "enabled", version)]


def test_followed_tokens_are_kept_no_longer_than_they_are_good(
    installed: Any, database_url: str
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE lifecycle_token SET expires_at = now() - interval '2 minutes'")
    assert installed.enable().status_code == 204
    with psycopg.connect(database_url) as owner:
        assert owner.execute("SELECT count(*) FROM lifecycle_token").fetchone() == (1,)
