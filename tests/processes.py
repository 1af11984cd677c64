"""The processes of a running Tandem, for tests that kill them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from demo.stack import Stack


def children(stack: Stack, role: str) -> list[int]:
    """The processes of `tandem serve` of this role: web or worker."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(stack.tandem.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [int(x.split()[0]) for x in listed.splitlines() if x.endswith(f" {role}")]


def grandchildren(pid: int) -> list[int]:
    """The processes that this one started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return [int(line) for line in listed.split()]


def alive(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


@contextmanager
def unwatched(stack: Stack) -> Iterator[None]:
    """For the time of the block, nobody starts again what ends."""
    os.kill(stack.tandem.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stack.tandem.pid, signal.SIGCONT)


def ready(stack: Stack) -> bool:
    """Whether Tandem serves."""
    try:
        return requests.get(f"{stack.url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def postmaster(stack: Stack) -> int:
    """The first process of the embedded database."""
    return int((stack.instance / "postgres" / "postmaster.pid").read_text().split()[0])
