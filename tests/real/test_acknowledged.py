"""What a webhook's 204 promises: the change is on disk, whoever is killed in whatever moment."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from app.connect.tokens import sign
from demo.stack import APP_KEY, Stack, scope_ids, stack, wait_until
from demo.walk import LEFT, RIGHT
from tests.processes import children, grandchildren, postmaster
from tests.stack_fixture import owner

SENDERS = 8
MANY = 100  # deliveries that have to be taken between two kills
LONG = 180.0  # seconds that a busy machine may take for anything


class Flood:
    """Senders that deliver webhooks as Jira signs them, each about another issue."""

    def __init__(self, whole: Stack) -> None:
        [app] = [one for one in whole.sandbox.acme.apps(secrets=True) if one["key"] == APP_KEY]
        self._url, self._app = f"{whole.url}/webhooks/jira", app
        self._project, self._type = scope_ids(whole.sandbox.acme, *LEFT)
        self._numbers = itertools.count(5_000_000)
        self._ended = threading.Event()
        self.taken: list[int] = []
        self.failed: list[int] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """The senders, for the time of the block."""
        threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(LONG)

    def goes_on(self, what: str) -> None:
        """Wait until many more are taken. Raises StackError."""
        before = len(self.taken)
        wait_until(
            f"deliveries are taken {what}",
            lambda: len(self.taken) >= before + MANY,
            seconds=LONG,
        )

    def _send(self) -> None:
        # One connection a sender, as Jira keeps them; another one once it was cut.
        session = requests.Session()
        while not self._ended.is_set():
            number = next(self._numbers)
            token = sign(
                self._app["clientKey"], self._app["sharedSecret"], "POST", "/webhooks/jira", []
            )
            try:
                answer = session.post(
                    self._url,
                    json=self._body(number),
                    headers={"Authorization": f"JWT {token}"},
                    timeout=60,
                )
            except requests.RequestException:
                self.failed.append(number)
                time.sleep(0.05)
                continue
            (self.taken if answer.status_code == 204 else self.failed).append(number)

    def _body(self, number: int) -> dict[str, Any]:
        fields = {"project": {"id": self._project}, "issuetype": {"id": self._type}}
        return {
            "webhookEvent": "jira:issue_updated",
            "issue": {"id": str(number), "key": f"WEB-{number}", "fields": fields},
            "changelog": {"items": [{"field": "summary", "fieldId": "summary"}]},
        }


@pytest.fixture(scope="module")
def without_workers() -> Iterator[Stack]:
    """A Tandem whose changes stay where they are: nobody drains."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, workers=0) as whole:
            whole.create_profile(whole.connect(), left=LEFT, right=RIGHT, name="Flooded")
            yield whole


@pytest.mark.crash
def test_what_was_acknowledged_is_stored_whoever_is_killed_under_load(
    without_workers: Stack,
) -> None:
    flood = Flood(without_workers)
    with flood.running():
        flood.goes_on("at first")
        [web] = children(without_workers, "web")
        os.kill(grandchildren(web)[0], signal.SIGKILL)
        flood.goes_on("after one web process was killed")
        os.kill(web, signal.SIGKILL)
        flood.goes_on("after the web server was killed")
        before = len(flood.failed)
        os.kill(postmaster(without_workers), signal.SIGKILL)
        flood.goes_on("after the database was killed")
        assert len(flood.failed) > before  # it was under way
        os.kill(postmaster(without_workers), signal.SIGKILL)
        os.kill(children(without_workers, "web")[0], signal.SIGKILL)
        flood.goes_on("after both were killed at once")
    with owner(without_workers) as database:
        rows = database.execute("SELECT issue_id FROM change").fetchall()
        stored = {issue_id for (issue_id,) in rows}
        durable = [
            database.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]
    assert len(flood.taken) >= 5 * MANY
    assert [number for number in flood.taken if number not in stored] == []
    # A killed process shows nothing of a power cut: what keeps that promise is PostgreSQL's own.
    assert durable == [("on",)] * 3
