"""Each attack on the edge is refused, says nothing, and leaves no row behind.

One world of five sites is attacked by all of ATTACKS; what all tables and key files hold is
compared before and after each.
"""

from __future__ import annotations

import base64
import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from werkzeug.test import TestResponse

from app import create_app
from app.database import db
from app.settings import Settings
from tests.conftest import make_settings
from tests.edge.attacks import (
    ALL,
    ATTACKS,
    DEAD_SECRET,
    PAGE,
    PEOPLE,
    SITE,
    UNINSTALLED,
    Attack,
    Call,
    Endpoint,
    World,
    encode,
    forge,
    good,
    good_body,
    good_claims,
    seconds,
    sign,
)
from tests.edge.jira import Jira, KeyServer

# The world that is attacked


def send(world: World, door: Endpoint, call: Call) -> TestResponse:
    """The request on its way."""
    token = [("Authorization", f"JWT {call.token}")] if call.token is not None else []
    more = "&".join(call.query)
    joint = "?" if more and "?" not in door.target else "&" if more else ""
    sent: dict[str, Any] = {}
    if door.method == "POST":
        raw = good_body(call.site or world.alpha, door) if call.body is None else call.body
        sent["data"] = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        sent["content_type"] = call.content_type
    return world.alpha.client.open(
        door.target + joint + more, method=door.method, headers=[*token, *call.headers], **sent
    )


class Everything:
    """All rows of all tables, read past row security, and the tenants' key files."""

    def __init__(self, url: str, keys: Path) -> None:
        self._keys = keys
        self._owner = psycopg.connect(url, autocommit=True)
        tables = self._owner.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p')"
            # How often an install was refused is counted, with no word of whom.
            " AND relname <> 'counter'"
        ).fetchall()
        self._query = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, t::text FROM {} t").format(name, sql.Identifier(name))
            for (name,) in tables
        )

    def dump(self) -> list[tuple[str, str]]:
        """Table and row, file and content, in order."""
        files = (path for path in self._keys.rglob("*") if path.is_file())
        kept = [(str(path), repr(path.read_bytes())) for path in files]
        return sorted([*self._owner.execute(self._query).fetchall(), *kept])

    def close(self) -> None:
        """Let the database go."""
        self._owner.close()


@pytest.fixture(scope="module")
def attacked(
    postgres_url: str,
    template_database: str,
    keys: KeyServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The world: one app, and sites that are enabled, uninstalled, disabled, installed again."""
    name = f"tandem_attacked_{uuid.uuid4().hex}"
    template = template_database.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    url = postgres_url.replace("/postgres?", f"/{name}?")
    folder = tmp_path_factory.mktemp("attacked")
    of_edge: Settings = make_settings(
        folder, url, TANDEM_INSTALL_KEY_URLS=keys.url, TANDEM_INSECURE_HTTP="1"
    )
    app = create_app(of_edge, pool_size=4)
    sites = [Jira(app.test_client(), keys, secret=f"secret-{n}".ljust(64, ".")) for n in "abcde"]
    alpha, beta, gone, off, moved = sites
    with app.app_context():
        today, moved.secret = moved.secret, DEAD_SECRET
        assert moved.install().status_code == 204
        moved.secret = today
        for site in sites:
            assert site.install().status_code == 204
            assert site.enable().status_code == 204
        assert gone.uninstall().status_code == 204
        assert off.disable().status_code == 204
        stored = Everything(url, folder / "keys")
        yield World(alpha, beta, gone, off, moved, stored.dump)
        stored.close()
        db.engine.dispose()


@pytest.fixture(scope="module")
def refusals(attacked: World) -> dict[Endpoint, TestResponse]:
    """What a call without any token gets at each door."""
    return {door: send(attacked, door, Call()) for door in ALL}


def without_instance(answer: TestResponse) -> str:
    """The answer's text but for the request's id."""
    text = answer.text
    if answer.content_type == "application/problem+json":
        problem = json.loads(text)
        assert problem.pop("instance").startswith("urn:tandem:request:")
        return json.dumps(problem)
    found = text.find("urn:tandem:request:")
    return text if found < 0 else text[:found] + text[found + len("urn:tandem:request:") + 32 :]


@pytest.mark.parametrize("door", ALL, ids=str)
def test_a_call_that_nobody_tampered_with_gets_in(attacked: World, door: Endpoint) -> None:
    # What makes the attacks below worth something: only their own fault keeps them out. A page's
    # call goes on to ask the site whether this is an admin, and there is no site.
    call = Call(good(attacked.alpha, door))
    answer = send(attacked, door, call)
    assert answer.status_code == (204 if door.method == "POST" else 502)
    if door is UNINSTALLED:
        assert attacked.alpha.install().status_code == 204
    assert attacked.alpha.enable().status_code == 204


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_refused_says_nothing_and_changes_nothing(
    attacked: World, refusals: dict[Endpoint, TestResponse], attack: Attack
) -> None:
    before = attacked.dump()
    call = attack.make(attacked, attack.endpoint)
    answer = send(attacked, attack.endpoint, call)
    assert answer.status_code == attack.status
    if attack.endpoint is not PAGE:
        assert answer.content_type == "application/problem+json"
        assert answer.json["status"] == attack.status
    if attack.status == 401:
        plain = refusals[attack.endpoint]
        assert without_instance(answer) == without_instance(plain)
        assert set(answer.headers.keys()) == set(plain.headers.keys())
        assert answer.headers["WWW-Authenticate"] == "JWT"
    assert "Set-Cookie" not in answer.headers
    assert attacked.dump() == before


# Tokens that chance makes


def chance_tokens(world: World) -> st.SearchStrategy[str]:
    """Random text, random parts, and good tokens with a change that no key stands behind."""
    tokens = [
        sign(site, door, good_claims(site, door, exp=seconds(3600)))
        for site in (world.alpha, world.beta, world.gone, world.off)
        for door in ALL
    ]
    good_one = st.sampled_from(tokens)
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    )
    names = st.sampled_from(
        ["iss", "sub", "aud", "exp", "iat", "nbf", "qsh", "jti", "alg", "kid", "crit", "b64", "x"]
    )
    edits = st.dictionaries(names, json_values, min_size=1, max_size=3)
    keys = st.sampled_from([b"", b"tandem", world.alpha.keys.public.encode(), DEAD_SECRET.encode()])
    raw = st.binary(max_size=60).map(lambda part: encode(part).decode())

    def bits(token: str, at: float, bit: int) -> str:
        index = min(int(at * len(token)), len(token) - 1)
        return token[:index] + chr(ord(token[index]) ^ 1 << bit) + token[index + 1 :]

    def swap(parts: tuple[str, str, str]) -> str:
        return ".".join(token.split(".")[n] for n, token in enumerate(parts))

    def edit(token: str, header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
        head, body_part, _ = (
            json.loads(base64.urlsafe_b64decode(part + "==")) if n < 2 else part
            for n, part in enumerate(token.split("."))
        )
        return forge(head | header, body_part | claims, key)

    share = st.floats(0, 1, exclude_max=True)
    made = st.one_of(
        st.text(max_size=200),
        st.tuples(raw, raw, raw).map(".".join),
        st.builds(bits, good_one, share, st.integers(0, 6)),
        st.builds(lambda token, at: token[: int(at * len(token))], good_one, share),
        st.tuples(good_one, good_one, good_one).map(swap),
        st.builds(lambda token, more: token + more, good_one, st.text(min_size=1, max_size=5)),
        st.builds(edit, good_one, st.just({}) | edits, st.just({}) | edits, keys),
    )
    return made.filter(lambda token: token not in tokens)


def test_no_token_that_chance_makes_gets_in(
    attacked: World, refusals: dict[Endpoint, TestResponse]
) -> None:
    before = attacked.dump()
    tried = itertools.count()

    @settings(
        max_examples=10_000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(chance_tokens(attacked), st.sampled_from(ALL), st.booleans())
    def none_gets_in(token: str, door: Endpoint, in_header: bool) -> None:
        next(tried)
        if in_header and token.isascii() and token.isprintable():
            call = Call(token.strip())
        else:
            call = Call(query=(f"jwt={quote(token, errors='replace')}",))
        answer = send(attacked, door, call)
        assert answer.status_code == 401
        assert without_instance(answer) == without_instance(refusals[door])

    none_gets_in()
    assert next(tried) >= 10_000
    assert attacked.dump() == before


def test_a_row_stolen_for_another_tenant_opens_for_nobody(
    installed: Jira, other: Jira, database_url: str, settings: Settings
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "UPDATE installation SET shared_secret ="
            " (SELECT shared_secret FROM installation WHERE client_key = %s)"
            " WHERE client_key = %s",
            (installed.client_key, other.client_key),
        )
    # A process that remembers nothing, as after a restore.
    app = create_app(settings, pool_size=2)
    with app.app_context():
        for secret in (installed.secret, other.secret):
            robbed = replace(other, client=app.test_client(), secret=secret)
            for door in SITE + PEOPLE:
                body_of = good_body(robbed, door)
                sent = {"json": body_of} if door.method == "POST" else {}
                answer = robbed.client.open(
                    door.target,
                    method=door.method,
                    headers={"Authorization": f"JWT {good(robbed, door)}"},
                    **sent,
                )
                assert answer.status_code in {401, 500}
        again = replace(installed, client=app.test_client())
        assert again.enable().status_code == 204  # the robbed one's neighbour is untouched
        db.engine.dispose()
