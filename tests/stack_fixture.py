"""The running stack as a fixture: sandbox and Tandem as real processes, one for a test module."""

from __future__ import annotations

import atexit
import html
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from demo.stack import APP_KEY, ROOT, Stack, stack, wait_until
from tests import warm


class QuietStack(Stack):
    """A stack whose new profiles begin nothing by themselves: tests say when to look."""

    def create_profile(self, connection: str, **scope: Any) -> str:
        """Create a profile, approve it on both sites, and put off its searches and checks."""
        made = super().create_profile(connection, **scope)
        look_no_more(self, settle=False)
        return made


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """Sandbox and Tandem, installed in both sites, not yet paired."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        copy_database(instance)
        with stack(instance, delivery_delay=50) as whole:
            yield QuietStack(**vars(whole))
            assert whole.sandbox.broken_answers() == []


def copy_database(instance: Path) -> None:
    """Give an instance a database that is as a first start leaves it. It is made once for many
    stacks, each of which would spend a second of a processor on it, and wait for a disk."""
    subprocess.run(["cp", "-a", str(_made_once() / "postgres"), str(instance)], check=True)


@cache
def _made_once() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tandem-test-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = {"TANDEM_BASE_URL": "https://tandem.example.test", "TANDEM_INSTANCE": str(folder)}
    made = tandem({**os.environ, **settings}, "db", "upgrade", cold=True)
    assert made.returncode == 0, made.stderr
    return folder


def owner(stack: Stack) -> psycopg.Connection:
    """A connection of the owner of the tables, past row security."""
    return psycopg.connect(stack.database, autocommit=True)


def look_no_more(stack: Stack, *, settle: bool = True) -> None:
    """Put off what begins by itself after minutes and has calls of its own. With webhooks held,
    nothing can settle."""
    stack.look_no_more()
    if settle:
        stack.settle()


def look(owner: psycopg.Connection, seconds: float = 150.0) -> None:
    """Have a worker search both sides, and wait until it has ended a search that began since."""
    began = owner.execute("SELECT now()").fetchone()
    owner.execute("UPDATE search_look SET due_at = now()")
    # One that was under way ends as one of before, and is due in five minutes. What is due later
    # than that is held by a look that is under way now.
    again = (
        "UPDATE search_look SET due_at = now() WHERE looked_at < %s AND attempts = 0"
        " AND due_at > now() AND due_at < now() + interval '350 s'"
    )

    def both_ended() -> bool:
        owner.execute(again, began)
        left = "SELECT count(*) FROM search_look WHERE looked_at < %s"
        return owner.execute(left, began).fetchone() == (0,)

    wait_until("both sides were searched", both_ended, seconds)


def crosses(stack: Stack, act: Callable[[], object], arrived: Callable[[], object]) -> None:
    """What somebody does in Acme arrives in Globex, and comes to rest; what Globex tells of it
    comes once all of that is stored, however slow the machine is."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    for site in (acme, globex):
        site.webhooks(hold=True)
    act()
    acme.webhooks(hold=False)
    acme.release()
    arrived()
    wait_until("it is stored", stack.is_at_rest)
    globex.webhooks(hold=False)
    globex.release()
    stack.settle()


def opened(stack: Stack) -> requests.Response:
    """Tandem's page as the browser of Acme's admin asks for it, from inside Jira."""
    acme = stack.sandbox.acme
    url = acme.page_url(APP_KEY, "tandem", accountId=acme.admin["accountId"])
    return requests.get(url, timeout=90)


def says(stack: Stack, words: str) -> bool:
    """Whether the page answers, and says so, whatever its status."""
    try:
        return words in html.unescape(opened(stack).text)
    except requests.RequestException:
        return False


def tandem(
    environment: dict[str, str], *words: str, seconds: float = 180.0, cold: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the `tandem` command as a process of its own, for so long at most. `cold`: start Python
    for it, as its users do, where tests else fork it from one that has imported the product."""
    if not cold and "PYTEST_CURRENT_TEST" in os.environ and warm.fits(environment):
        return warm.run(environment, words, seconds)
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
