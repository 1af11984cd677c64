"""Fixtures of the edge: a key server, an app that trusts it, and sites that call the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from app.cli import main
from app.settings import Settings
from tests.conftest import MASTER_KEY, make_settings
from tests.edge.jira import Jira, KeyServer, key_server


@pytest.fixture(scope="session")
def keys() -> Iterator[KeyServer]:
    """Atlassian's key server, ours for the run."""
    with key_server() as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path, database_url: str, keys: KeyServer) -> Settings:
    """Settings whose install keys come from the test's own key server."""
    return make_settings(
        tmp_path, database_url, TANDEM_INSTALL_KEY_URLS=keys.url, TANDEM_INSECURE_HTTP="1"
    )


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The `tandem` command in this process, with this test's settings."""
    monkeypatch.setenv("TANDEM_BASE_URL", settings.base_url)
    monkeypatch.setenv("TANDEM_INSTANCE", str(settings.instance))
    monkeypatch.setenv("DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("TANDEM_MASTER_KEYS", MASTER_KEY)
    return lambda *words, **more: CliRunner().invoke(main, list(words), **more)


@pytest.fixture
def site(client: FlaskClient, keys: KeyServer) -> Jira:
    """A site that has not installed the app yet."""
    return Jira(client, keys)


@pytest.fixture
def installed(site: Jira) -> Jira:
    """A site with the app installed and enabled."""
    assert site.install().status_code == 204
    assert site.enable().status_code == 204
    return site


@pytest.fixture
def other(client: FlaskClient, keys: KeyServer) -> Jira:
    """A second site with the app installed and enabled."""
    second = Jira(client, keys, secret="the-shared-secret-of-the-other-site")
    assert second.install(baseUrl="https://globex.example.test").status_code == 204
    assert second.enable().status_code == 204
    return second
