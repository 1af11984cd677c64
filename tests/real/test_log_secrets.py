"""Secrets planted in every input of a running Tandem, and looked for in all that it puts out."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
import requests

from app.connect.qsh import CONTEXT
from demo.stack import (
    APP_KEY,
    Stack,
    free_port,
    scope_ids,
    tandem_environment,
    tandem_serving,
    wait_until,
)
from demo.walk import create_issue, edit_issue, paragraph
from sandbox.process import running as sandbox_running
from tests.edge.jira import Jira, KeyServer, key_server
from tests.real.secrets_in_logs import HostileSite, Plants, hostile_site

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
MODES = ("refusal", "page", "away", "broken", "odd", "no http")


@dataclass
class World:
    """A running Tandem with two installed sites: Acme of the sandbox, and a hostile one."""

    stack: Stack
    plants: Plants
    hostile: HostileSite
    keys: KeyServer
    jira: Jira
    log: Path
    routes: list[dict[str, Any]]
    answers: list[tuple[bytes, bool, bytes]] = field(default_factory=list, repr=False)

    def send(
        self, method: str, path: str, *, person: bool = False, **more: Any
    ) -> requests.Response:
        """Make a request; remembers what was sent and what came back."""
        answer = requests.request(
            method, self.stack.url + path, timeout=90, allow_redirects=False, **more
        )
        sent = repr((method, path, more)).encode()
        whole = answer.content + repr(sorted(answer.headers.items())).encode()
        self.answers.append((sent, person, whole))
        return answer

    def events(self) -> Counter[str]:
        """How often each event is in the log."""
        return Counter(line.get("event", "") for line in self.lines())

    def lines(self) -> list[dict[str, Any]]:
        """The log's lines of JSON."""
        found = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in found if line.startswith("{")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Tandem with planted master key, serving Acme and the hostile site."""
    plants = Plants()
    key = base64.b64encode(os.urandom(32)).decode()
    plants.keep("master key", key)
    with (
        tempfile.TemporaryDirectory(prefix="tandem-test-") as folder,
        sandbox_running(delivery_delay=20) as sandbox,
        key_server() as keys,
        hostile_site(plants) as hostile,
    ):
        instance, port = Path(folder), free_port()
        instance.chmod(0o755)
        url = f"http://127.0.0.1:{port}"
        environment = tandem_environment(
            instance,
            url,
            port,
            sandbox,
            TANDEM_INSTALL_KEY_URLS=f"{sandbox.install_keys},{keys.url}",
            TANDEM_MASTER_KEYS=f"k1:{key}",
            TANDEM_PLANTED=plants.new("environment"),
        )
        with (instance / "tandem.log").open("ab") as log, tandem_serving(environment, log) as child:
            stack = Stack(sandbox, child, url, instance, environment)
            sandbox.acme.install(f"{url}/atlassian-connect.json")
            for one in sandbox.acme.apps(secrets=True):
                plants.keep("shared secret of the sandbox", one["sharedSecret"])
            secret = plants.new("shared secret") + "-" * 12
            client_key = plants.new("clientKey")
            jira = Jira(None, keys, client_key, secret)  # type: ignore[arg-type]
            routes = json.loads(run(environment, "routes", "--json"))
            yield World(stack, plants, hostile, keys, jira, instance / "tandem.log", routes)


def headers(plants: Plants, authorization: str | None = None) -> dict[str, str]:
    """Headers, each with a secret; also one with a secret for a name."""
    found = {
        name: plants.new(f"header {name}")
        for name in (
            "User-Agent", "Cookie", "X-Forwarded-For", "Referer", "X-Request-Id", "Origin",
            "Accept-Language", "X-Forwarded-Host", "If-None-Match", "HX-Current-URL",
        )
    }  # fmt: skip
    found[plants.new("name of a header")] = plants.new("header of an odd name")
    if authorization is not None:
        found["Authorization"] = authorization
    return found


def claims(plants: Plants, **more: Any) -> dict[str, Any]:
    """Claims, each with a secret."""
    made = {
        name: plants.new(f"claim {name}") for name in ("iss", "sub", "aud", "qsh", "jti", "odd")
    }
    context = {"jira": {"issue": {"key": plants.new("claim context")}}}
    return (
        made | {"iat": int(time.time()), "exp": int(time.time()) + 180, "context": context} | more
    )


def tokens(plants: Plants) -> list[str]:
    """Authorization headers that prove nothing, full of secrets."""
    key = plants.new("key of a token") * 2
    signed = jwt.encode(
        claims(plants), key, "HS256", headers={"kid": plants.new("kid"), "odd": plants.new("odd")}
    )
    none = jwt.encode(claims(plants), None, "none", headers={"kid": plants.new("kid")})
    odd_alg = {"alg": plants.new("alg"), "kid": plants.new("kid"), "typ": plants.new("typ")}
    head = base64.urlsafe_b64encode(json.dumps(odd_alg).encode()).decode().rstrip("=")
    body = signed.split(".")[1]
    basic = base64.b64encode(
        f"{plants.new('basic user')}:{plants.new('basic password')}".encode()
    ).decode()
    return [
        f"JWT {signed}",
        f"JWT {none}",
        f"JWT {head}.{body}.{plants.new('signature')}",
        f"JWT {plants.new('token')}",
        f"JWT {signed}, JWT {plants.new('second token')}",
        f"Bearer {plants.new('bearer')}",
        f"Basic {basic}",
        plants.new("authorization"),
    ]


def odd_bodies(plants: Plants) -> list[dict[str, Any]]:
    """Bodies of every kind, each with secrets: as arguments of `requests`."""
    name, value = plants.new("JSON name", "odd"), plants.new("JSON value", "odd")
    as_json = {"Content-Type": "application/json"}
    return [
        {"json": {name: value}},
        {"data": {plants.new("form name"): plants.new("form value", "odd")}},
        {"data": f'{{"{plants.new("broken JSON")}'.encode(), "headers": as_json},
        {"data": f'["{plants.new("JSON list")}"]'.encode(), "headers": as_json},
        {"data": b"\xff" + plants.new("not UTF-8").encode(), "headers": as_json},
        {"data": ("[" * 5000 + plants.new("deep JSON")).encode(), "headers": as_json},
        {"files": {plants.new("file field"): (plants.new("file name"), plants.new("file"))}},
        {"data": b"x", "headers": {"Content-Type": plants.new("content type")}},
    ]


def concrete(path: str, plants: Plants) -> str:
    """A route's path with a secret for each of its variables."""

    def fill(match: re.Match[str]) -> str:
        converter, _, name = match.group(1).rpartition(":")
        if converter.startswith("any("):
            return converter[4:].split(",")[0].rstrip(")")
        shape = {"uuid": "uuid", "int": "digits"}.get(converter, "")
        return plants.new(f"path {name}", shape)

    return re.sub(r"<([^>]+)>", fill, path)


def query(plants: Plants) -> str:
    """A query string with secrets for name and value."""
    return f"?{plants.new('query name')}={plants.new('query value')}&{plants.new('query name')}"


def run(environment: dict[str, str], *words: str, seconds: float = 180) -> bytes:
    """What a `tandem` command of its own prints; one that does not end is ended."""
    child = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        return child.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        child.terminate()
        return child.communicate(timeout=120)[0]


# -- the inputs, one function each


def strangers(world: World) -> None:
    """Every route, and an address that is none, by callers who prove nothing."""
    plants = world.plants
    assert len(world.routes) > 10
    for row in [*world.routes, {"path": f"/{plants.new('path')}/<x>", "methods": "GET,POST"}]:
        for method in row["methods"].split(","):
            for token in [None, *tokens(plants)]:
                path = concrete(row["path"], plants) + query(plants)
                world.send(method, path, headers=headers(plants, token))
            for body in odd_bodies(plants):
                path = f"{concrete(row['path'], plants)}{query(plants)}&jwt={plants.new('jwt')}"
                world.send(method, path, **body)
        world.send(plants.new("method", "letters").upper(), concrete(row["path"], plants))


def broken_http(world: World) -> None:
    """Requests that are no HTTP, straight into the socket."""
    new = world.plants.new
    host, port = world.stack.url.removeprefix("http://").split(":")
    head = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
    for text in (
        f"{new('request line')}\r\n\r\n",
        f"GET {new('request line')}\r\n\r\n",
        f"get! /{new('request line')} HTTP/1.1\r\n\r\n",
        f"GET /{new('request line')} HTTP/9.9\r\n\r\n",
        f"GET /{new('request line')} {new('version')}\r\n\r\n",
        f"GET /{new('long request line') * 500} HTTP/1.1\r\n\r\n",
        f"{head}{new('header without a colon')}\r\n\r\n",
        f"{head}{new('header name')} : {new('header')}\r\n\r\n",
        f"{head}{new('header name')}\x01: {new('header')}\r\n\r\n",
        f"{head}X: {new('control character')}\x00\r\n\r\n",
        f"{head} {new('folded header')}\r\n\r\n",
        f"{head}X: {new('long header') * 1000}\r\n\r\n",
        head + "".join(f"X-{n}: {new('many headers')}\r\n" for n in range(200)) + "\r\n",
        f"{head}Content-Length: {new('content length')}\r\n\r\n",
        f"{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{new('body')}",
        f"{head}Transfer-Encoding: {new('transfer encoding')}\r\n\r\n",
        f"{head}Transfer-Encoding: chunked\r\n\r\n{new('chunk size')}\r\n\r\n",
        f"{head}Expect: {new('expect')}\r\n\r\n",
        f"PROXY TCP4 {new('proxy')} 1.1.1.1 1 1\r\n{head}\r\n",
        f"GET http://{new('absolute')}:{new('port')}/ HTTP/1.1\r\nHost: {new('host')}:x\r\n\r\n",
        f"\x16\x03\x01{new('tls')}",
    ):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(text.encode("utf-8"))
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except OSError:
                pass
        world.answers.append((text.encode(), False, answer))


def lifecycle(world: World) -> None:
    """Callbacks with good signatures: wrong in one thing each, then right."""
    plants, jira = world.plants, world.jira
    cloud_id = plants.new("cloudId", "uuid")
    base = {"baseUrl": world.hostile.url, "displayUrl": plants.new("displayUrl")}
    base |= {"description": plants.new("description"), "cloudId": cloud_id}
    good = jira.body(**base, **{plants.new("odd field"): plants.new("odd field")})
    url = world.stack.url

    def post(path: str, body: Any, **token: Any) -> requests.Response:
        signed = jira.lifecycle_token(path, **({"aud": url} | token))
        return world.send("POST", path, json=body, headers=headers(plants, f"JWT {signed}"))

    path = "/lifecycle/installed"
    for name in [*good, "productType", "serverVersion", "deploymentType"]:
        odd: Any
        for odd in (plants.new(name), plants.new(name, "odd"), [plants.new(name)], {"x": [name]}):
            if name not in ("sharedSecret", "displayUrl", "description"):
                post(path, good | {name: odd})
    for name in ("aud", "iss", "qsh", "iat", "exp", "nbf", "sub", "context"):
        post(path, good, **{name: plants.new(f"claim {name}")})
    for kid in (plants.new("kid"), f"../{plants.new('kid')}", f"https://{plants.new('kid')}/"):
        post(path, good, kid=kid)
    assert post(path, good).status_code == 204
    enabled = jira.token("POST", "/lifecycle/enabled", odd=plants.new("claim"))
    authorised = {"Authorization": f"JWT {enabled}"}
    for body in ([plants.new("list")], jira.body("enabled") | {"key": plants.new("key")}):
        world.send("POST", "/lifecycle/enabled", json=body, headers=authorised)
    answer = world.send("POST", "/lifecycle/enabled", json=jira.body("enabled"), headers=authorised)
    assert answer.status_code == 204, answer.text


def webhook_bodies(plants: Plants) -> Iterator[Any]:
    """A delivery full of secrets, and ones that are broken with a secret where it breaks."""

    def body(issue: Any = None, **more: Any) -> dict[str, Any]:
        fields = {
            "project": {"id": "10000", "key": plants.new("project key")},
            "issuetype": {"id": "10003", "name": plants.new("type name")},
            "summary": plants.new("summary", "odd"),
            "description": plants.new("description", "odd"),
            "labels": [plants.new("label")],
            "priority": {"id": plants.new("priority"), "name": plants.new("priority", "odd")},
            "duedate": plants.new("duedate"),
            "updated": "2026-04-25T18:40:13.605+0530",
        } | more.pop("fields", {})
        made = {"id": "10033", "key": plants.new("issue key"), "fields": fields}
        return {
            "webhookEvent": "jira:issue_updated",
            "user": {"displayName": plants.new("user"), "emailAddress": plants.new("email")},
            "issue": made if issue is None else made | issue,
            "changelog": {"items": [{"field": plants.new("field"), "toString": plants.new("to")}]},
        } | more

    yield body()
    yield body(webhookEvent=plants.new("event", "odd"))
    yield body(webhookEvent=[plants.new("event")])
    yield body({"id": plants.new("issue id", "odd")})
    yield body({"id": [plants.new("issue id")]})
    yield body({"id": plants.new("issue id", "digits") + "0" * 10})
    yield body({"fields": plants.new("fields", "odd")})
    yield body(changelog=plants.new("changelog"))
    yield body(changelog={"items": plants.new("items")})
    yield body(issue={plants.new("odd issue field"): plants.new("odd issue field")})
    for name in ("project", "issuetype", "updated", "labels", "priority"):
        yield body(fields={name: plants.new(name, "odd")})
        yield body(fields={name: {"id": plants.new(name, "odd")}})


def webhooks(world: World) -> None:
    """Signed deliveries, right and broken."""
    plants, jira = world.plants, world.jira
    statuses = set()

    def post(data: bytes) -> None:
        path = f"/webhooks/jira?user_id={plants.new('user_id')}&{plants.new('name')}=1"
        token = jira.token("POST", path, sub=plants.new("claim sub"))
        more = headers(plants, f"JWT {token}") | {"Content-Type": "application/json"}
        statuses.add(world.send("POST", path, data=data, headers=more).status_code)

    for body in webhook_bodies(plants):
        post(json.dumps(body).encode())
    for body in odd_bodies(plants):
        if isinstance(body.get("data"), bytes):
            post(body["data"])
    assert {204, 400} <= statuses


def people(world: World) -> None:
    """Signed calls of the pages, with secrets in every form field and argument."""
    plants, jira = world.plants, world.jira
    fields = (
        "code", "name", "connection", "left_project", "left_type", "right_project", "right_type",
        "account", "account_id", "role", "allowed", "query", "url", "email", "token", "action",
    )  # fmt: skip
    for mode in ("well", "check", *MODES):
        world.hostile.mode = mode
        for row in world.routes:
            if row["proof"] not in {"context", "page"}:
                continue
            for method in row["methods"].split(","):
                form = {name: plants.new(f"form {name}", "odd") for name in fields}
                args = {name: plants.new(f"argument {name}") for name in fields}
                args |= {"connection": str(uuid.uuid4()), "left_project": "10000"}
                path = concrete(row["path"], plants).replace("/types/", "/types/left")
                token = jira.token(
                    "GET", "/", qsh=CONTEXT, sub=plants.new("form account"), odd=plants.new("claim")
                )
                if row["proof"] == "page":
                    token = jira.token(method, f"{path}?x=1", sub=plants.new("form account"))
                    args = {"x": "1"}
                world.send(
                    method, path, person=True, data=form, params=args,
                    headers=headers(plants, f"JWT {token}"),
                )  # fmt: skip


def worker(world: World) -> None:
    """Issues full of secrets, and a site that fails in every way while the worker writes there."""
    plants, jira, hostile, stack = world.plants, world.jira, world.hostile, world.stack
    acme = stack.sandbox.acme
    hostile.mode = "well"
    token = jira.context_token(plants.new("form account"))
    as_json = {"Authorization": f"JWT {token}", "Accept": "application/json"}
    code = world.send("POST", "/pages/pairing-codes", person=True, headers=as_json)
    connection = stack.page(acme, "POST", "/pages/connections", code=code.json()["code"])
    project, kind = scope_ids(acme, "WEB", "Task")
    made = stack.page(
        acme,
        "POST",
        "/pages/profiles",
        connection=connection["connection"],
        name=plants.new("form name of a profile", "odd"),
        left_project=project,
        left_type=kind,
        right_project="10000",
        right_type="10003",
    )
    approved = world.send(
        "POST",
        f"/pages/profiles/{made['profile']}/approval",
        person=True,
        headers=as_json,
        data={"approve": "yes", "revision": "1"},
    )
    assert approved.status_code == 200, approved.text
    for mode in MODES:
        hostile.mode = mode
        seen = len(hostile.asked)
        before = world.events()
        key = create_issue(
            acme,
            "WEB",
            "Task",
            summary=plants.new("summary", "odd"),
            description=paragraph(plants.new("description", "odd")),
            labels=[plants.new("label")],
        )
        edit_issue(acme, key, summary=plants.new("summary", "odd"))
        wait_until(
            f"the worker has met the site in mode {mode}",
            lambda seen=seen, before=before: (  # type: ignore[misc]
                len(hostile.asked) > seen or world.events() - before
            ),
        )
        time.sleep(0.5)
    for fault in ("500", "502-html", "half-answer"):
        acme.faults({"kind": fault, "app": APP_KEY, "times": 2})
        create_issue(acme, "WEB", "Task", summary=plants.new("summary", "odd"))
    time.sleep(2)
    acme.faults()


def database(world: World) -> None:
    """Rows that the database refuses, so that its errors quote all that they hold."""
    plants, jira = world.plants, world.jira
    with psycopg.connect(world.stack.database, autocommit=True) as owner:
        owner.execute(
            "ALTER TABLE installation ADD CONSTRAINT planted CHECK (display_url = '') NOT VALID"
        )
        body = jira.body(baseUrl=world.hostile.url, displayUrl=plants.new("displayUrl", "odd"))
        body["sharedSecret"] = plants.new("new shared secret") + "-" * 12
        body["cloudId"] = plants.new("cloudId", "uuid")
        signed = jira.lifecycle_token("/lifecycle/installed", aud=world.stack.url)
        answer = world.send(
            "POST", "/lifecycle/installed", json=body,
            headers={"Authorization": f"JWT {signed}"},
        )  # fmt: skip
        assert answer.status_code == 500
        owner.execute("ALTER TABLE installation DROP CONSTRAINT planted")
        before = world.events()["drain failed"]
        owner.execute("ALTER TABLE change ADD CONSTRAINT planted CHECK (attempts < 0) NOT VALID")
        world.hostile.mode = "refusal"
        create = plants.new("summary", "odd")
        create_issue(world.stack.sandbox.acme, "WEB", "Task", summary=create)
        wait_until("the database refused", lambda: world.events()["drain failed"] > before)
        owner.execute("ALTER TABLE change DROP CONSTRAINT planted")


INPUTS: tuple[Callable[[World], None], ...] = (
    strangers,
    broken_http,
    lifecycle,
    webhooks,
    people,
    worker,
    database,
)


def outputs(instance: Path) -> dict[str, bytes]:
    """Everything in the instance folder that a person would call a log."""
    return {
        str(path.relative_to(instance)): path.read_bytes()
        for path in instance.rglob("*")
        if path.is_file() and "log" in path.name and not path.name.startswith("pg_")
    }


@pytest.fixture(scope="module")
def told(world: World) -> World:
    """The world after everything was planted."""
    for plant in INPUTS:
        began = time.monotonic()
        plant(world)
        print(f"{plant.__name__}: {time.monotonic() - began:.1f} s, {len(world.plants.planted)}")
    return world


def test_no_planted_secret_is_in_any_output(told: World) -> None:
    places = outputs(told.stack.instance)
    assert {"tandem.log", "postgres/log"} <= set(places)
    assert len(told.plants.planted) > 1000
    for place, content in places.items():
        assert told.plants.names_in(content) == [], place


def test_the_inputs_reached_what_they_were_meant_to_reach(told: World) -> None:
    events = told.events()
    for event in (
        "request", "refused", "fault", "installed", "backing off", "drain failed", "library",
    ):  # fmt: skip
        assert events[event] > 0, events
    assert any(one.get("logger") == "gunicorn.error" for one in told.lines())


def test_every_line_is_an_object_of_json_with_an_event_and_nothing_was_dropped(
    told: World,
) -> None:
    for line in told.log.read_text().splitlines():
        found = json.loads(line)
        assert found["event"] != "unlisted event", line
        assert "dropped" not in found, line


def test_every_request_is_one_line(told: World) -> None:
    # Not those that the server refuses before the application sees them.
    ours = [answer for _, _, answer in told.answers if b"x-content-type-options" in answer.lower()]

    def seen() -> list[str]:
        return [one["request"] for one in told.lines() if one["event"] == "request"]

    assert len(told.answers) - len(ours) < len(told.answers) / 10
    wait_until("each has its line", lambda: len(seen()) >= len(ours))
    found = seen()
    assert len(set(found)) == len(found)


def test_no_answer_says_a_secret_that_its_request_did_not_bring(told: World) -> None:
    for sent, person, answer in told.answers:
        for name in told.plants.names_in(answer):
            # A site's own words are shown to its own people, cut off where they are long.
            own = (
                name.startswith(("form ", "argument "))
                or " answer of a site " in name
                or told.plants.are_of(" answer of a site ", answer)
            )
            brought = told.plants.brought(name, answer, sent)
            assert brought or (person and own), (name, sent[:200], answer[:300])


def test_the_search_would_find_a_secret_in_every_form(told: World) -> None:
    for shape in ("hex", "letters", "odd", "digits", "uuid"):
        plants = Plants()
        secret = plants.new("control", shape)
        raw = secret.encode()
        for written in (
            raw,
            secret.lower().encode(),
            requests.utils.quote(secret, safe="").encode(),
            json.dumps({"control": secret}).encode(),
            base64.b64encode(b"Basic:" + raw + b":"),
            base64.urlsafe_b64encode(b"x" + raw),
            raw.hex().encode(),
            repr(secret).encode(),
        ):
            with tempfile.TemporaryDirectory() as folder:
                control = Path(folder) / "tandem.log"
                control.write_bytes(told.log.read_bytes() + b'{"event": "' + written + b'"}\n')
                [content] = outputs(Path(folder)).values()
                assert plants.names_in(content) == ["control #0"], (shape, written)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://tandem:{}@127.0.0.1:9/tandem",
        "postgresql://tandem:{}/x@127.0.0.1:9/tandem",
        "postgresql://{}@127.0.0.1:9/tandem?password={}",
        "postgresql://tandem@127.0.0.1:9/tandem?{}=1",
        "mysql://tandem:{}@127.0.0.1/tandem",
    ],
)
@pytest.mark.parametrize("command", ["web", "worker"])
def test_the_password_of_a_database_that_is_not_there_is_in_no_output(
    tmp_path: Path, address: str, command: str
) -> None:
    plants = Plants()
    environment = start_environment(tmp_path) | {
        "DATABASE_URL": address.replace("{}", plants.new("DATABASE_URL"))
    }
    assert plants.names_in(run(environment, command, seconds=8)) == []


@pytest.mark.parametrize("command", ["web", "worker", "serve", "doctor"])
def test_a_wrong_secret_setting_is_named_and_not_shown(tmp_path: Path, command: str) -> None:
    plants = Plants()
    for name, value in {
        "TANDEM_MASTER_KEYS": plants.new("master key"),
        "DATABASE_URL": plants.new("DATABASE_URL"),
    }.items():
        shown = run(start_environment(tmp_path) | {name: value}, command)
        assert name.encode() in shown
        assert plants.names_in(shown) == []


def start_environment(folder: Path) -> dict[str, str]:
    """The least that a process needs to start."""
    key = base64.b64encode(os.urandom(32)).decode()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TANDEM_", "DATABASE_"))}
    return kept | {
        "TANDEM_BASE_URL": "https://tandem.example.test",
        "TANDEM_INSTANCE": str(folder),
        "TANDEM_MASTER_KEYS": f"k1:{key}",
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": "1",
    }
