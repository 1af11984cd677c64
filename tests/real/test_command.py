"""The `tandem` command beside a running Tandem: doctor, routes, and a start that is refused."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest

from demo.stack import Stack
from tests import stack_fixture
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
tandem = partial(stack_fixture.tandem, cold=True)  # as its users start it


def test_the_doctor_finds_all_well_and_disturbs_nothing(running: Stack) -> None:  # noqa: F811
    ended = tandem(running.environment, "doctor", "--json")
    found = {one["check"]: one["well"] for one in json.loads(ended.stdout)}
    assert found == dict.fromkeys(
        ("database", "disk", "migrations", "workers", "keys", "reachability", "clock"), True
    ), ended.stdout
    assert ended.returncode == 0
    assert running.overview() == []  # the database still serves


def test_the_doctor_names_what_is_wrong_and_the_cure(running: Stack) -> None:  # noqa: F811
    deaf = running.environment | {"TANDEM_INSTALL_KEY_URLS": "http://127.0.0.1:9"}
    ended = tandem(deaf, "doctor")
    assert ended.returncode == 1
    assert "WRONG  reachability" in ended.stdout
    assert "TANDEM_INSTALL_KEY_URLS" in ended.stdout


def test_every_route_declares_its_proof(running: Stack) -> None:  # noqa: F811
    ended = tandem(running.environment, "routes", "--json")
    proofs = {row["path"]: row["proof"] for row in json.loads(ended.stdout)}
    assert proofs["/lifecycle/installed"] == "lifecycle"
    assert proofs["/webhooks/jira"] == "site"
    assert proofs["/pages/home"] == "page"
    assert proofs["/pages/profiles"] == "context"
    public = {path for path, proof in proofs.items() if proof == "public"}
    assert public == {
        "/atlassian-connect.json", "/healthz", "/readyz", "/static/<path:filename>",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["serve", "web", "worker", "doctor"])
def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Path, command: str) -> None:
    environment = {"TANDEM_BASE_URL": "http://tandem.example.test", "PATH": "/usr/bin:/bin"}
    ended = tandem(environment | {"TANDEM_INSTANCE": str(tmp_path)}, command)
    assert ended.returncode == 2
    assert "TANDEM_BASE_URL: found 'http://tandem.example.test', allowed is" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("db", "upgrade"), ("keys", "status"), ("audit", "verify")])
def test_a_database_that_does_not_answer_is_told_in_a_sentence(words: tuple[str, ...]) -> None:
    environment = os.environ | {
        "TANDEM_BASE_URL": "https://tandem.example.test",
        "TANDEM_MASTER_KEYS": "k1:" + "A" * 43 + "=",
        "DATABASE_URL": "postgresql://root:hunter2@127.0.0.1:9/tandem",
    }
    ended = tandem(environment, *words)
    assert ended.returncode in {1, 2}  # `keys status` goes on to what it can tell
    assert "Check DATABASE_URL" in ended.stdout + ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
