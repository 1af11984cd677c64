"""A database that dies under load: each request of a page is answered, or told that it is away."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from demo.stack import APP_KEY, Stack, wait_until
from tests.processes import alive, postmaster
from tests.stack_fixture import opened, running  # noqa: F401  a fixture

pytestmark = [pytest.mark.real, pytest.mark.crash]

LONG = 120.0  # seconds: a slow machine's
PAGES = ("/pages/conflicts", "/pages/profiles", "/pages/home", "/pages/parts/overview")


def test_no_request_ends_in_a_fault_while_the_database_dies_and_comes_back(
    running: Stack,  # noqa: F811
) -> None:
    site, ended = running.sandbox.acme, Event()
    found: Counter[int] = Counter()

    def ask() -> None:
        while not ended.is_set():
            for path in PAGES:
                token = site.context_token(APP_KEY, accountId=site.admin["accountId"])
                answer = requests.get(
                    f"{running.url}{path}", headers={"Authorization": f"JWT {token}"}, timeout=60
                )
                found[answer.status_code] += 1

    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(ask) for _ in range(6)]
        for _ in range(5):
            pid = postmaster(running)
            os.kill(pid, signal.SIGKILL)
            wait_until("the database is down", lambda pid=pid: not alive(pid), LONG)  # type: ignore[misc]
            wait_until("the page opens", lambda: opened(running).ok, LONG)
            answered = found[200]
            wait_until("more was answered", lambda n=answered: found[200] > n, LONG)  # type: ignore[misc]
        ended.set()
        for one in asking:
            one.result()
    print("answers:", dict(found))
    assert found[503]
    assert not {status for status in found if status >= 500} - {503}
