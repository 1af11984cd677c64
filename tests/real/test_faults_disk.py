"""The disk of the database fills up: nothing is acknowledged that is not kept, and all goes on by
itself once there is room again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from demo.stack import Stack, stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from tests.real.test_walk import in_step, pair, writes
from tests.stack_fixture import opened, says, tandem

pytestmark = [pytest.mark.real, pytest.mark.crash]

LONG = 600.0  # seconds: a lost delivery is found by the search, which comes every five minutes
SIZE = "300m"
FULL = "The disk of Tandem's database is full: nothing can be stored"


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    """The stack with one profile, its database on a small file system of its own."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        data = instance / "postgres"
        data.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tandem-test", str(data)]
        mount = shutil.which("mount")
        tried = (
            subprocess.run(words, capture_output=True, text=True, check=False) if mount else None
        )
        if tried is None or tried.returncode != 0:
            pytest.skip(f"cannot mount a small file system here: {tried and tried.stderr.strip()}")
        try:
            with stack(instance, delivery_delay=50) as whole:
                whole.create_profile(whole.connect(), left=LEFT, right=RIGHT, name="Web tasks")
                yield whole
                assert whole.sandbox.broken_answers() == []
        finally:
            subprocess.run(["umount", "--lazy", str(data)], check=True)


def fill(stack: Stack) -> Path:
    """Leave no byte free; returns what takes the room."""
    ballast = stack.instance / "postgres" / "ballast"
    with ballast.open("wb", buffering=0) as sink:
        for size in (1 << 20, 4096):
            try:
                while True:
                    sink.write(bytes(size))
            except OSError:
                continue
    assert os.statvfs(ballast).f_bavail == 0
    return ballast


def refused(stack: Stack) -> list[int]:
    """The answers other than 2xx that the sites' deliveries got."""
    log = [one for site in stack.sandbox.sites for one in site.webhook_log(500)]
    return [one["status"] for one in log if one["status"] and one["status"] >= 300]


def accepted(stack: Stack) -> int:
    """How many deliveries were acknowledged."""
    log = [one for site in stack.sandbox.sites for one in site.webhook_log(500)]
    return sum(one["status"] is not None and one["status"] < 300 for one in log)


def ready(stack: Stack) -> bool:
    """Whether Tandem serves."""
    try:
        return requests.get(f"{stack.url}/readyz", timeout=90).ok
    except requests.RequestException:
        return False


def test_a_full_disk_acknowledges_nothing_that_is_not_kept_and_goes_on_by_itself(
    small: Stack,
) -> None:
    acme, globex = small.sandbox.acme, small.sandbox.globex
    pairs = [pair(small, f"Full {number}") for number in range(3)]
    small.settle()
    acme.webhooks(retryMs=3000)  # five tries: for a minute and a half
    ballast = fill(small)
    wait_until("the page says why", lambda: says(small, FULL), LONG)
    assert opened(small).status_code in {200, 507}  # 507 from the moment that PostgreSQL ended
    made = [create_issue(acme, *LEFT, summary=f"New {number}") for number in range(60)]
    for left, _ in pairs:
        edit_issue(acme, left, description=None, labels=["full"])
    wait_until("a delivery was refused", lambda: any(s >= 500 for s in refused(small)), LONG)
    assert {status for status in refused(small) if status < 500} == set()
    wait_until("the page still says why", lambda: says(small, FULL), LONG)
    assert not ready(small)
    assert re.search(r"WRONG +disk +0 MB free in /", tandem(small.environment, "doctor").stdout)
    ballast.unlink()
    wait_until("it serves again", lambda: ready(small), LONG)
    wait_until("it is told no more", lambda: not says(small, FULL) and opened(small).ok, LONG)
    for left, right in pairs:
        wait_until(f"{left} and {right} agree", lambda x=left, y=right: in_step(small, x, y), LONG)  # type: ignore[misc]
        assert mapped(globex, right)["labels"] == ["full"]
    wanted = {f"New {number}" for number in range(len(made))}
    wait_until("all have a twin", lambda: wanted <= set(keys_by_summary(globex, RIGHT[0])), LONG)
    small.settle()
    before = writes(small)
    small.settle()
    assert writes(small) == before
    for site, project in ((acme, LEFT[0]), (globex, RIGHT[0])):
        found = keys_by_summary(site, project)
        assert {summary: len(found[summary]) for summary in wanted} == dict.fromkeys(wanted, 1)
