"""A running Tandem to measure at: linked issues, worker processes of our own, and counters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from app.database import start_embedded
from demo.stack import APP_KEY, ROOT, Stack, stack, wait_until
from demo.walk import LEFT, RIGHT
from sandbox.process import SiteHandle

NO_LIMITS = {"points": {"on": False}, "burst": {"on": False}, "issueWrites": {"on": False}}


TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """What a stretch of work cost: REST calls and points at both sites, and milliseconds of
    processor time of each part."""

    calls: float
    points: float
    workers: float
    web: float
    database: float
    sandbox: float

    def since(self, before: Spent, changes: int) -> Spent:
        """What was spent since then, for each of so many changes."""
        now, then = vars(self), vars(before)
        return Spent(**{name: (now[name] - then[name]) / changes for name in now})


class Plant:
    """Sandbox, web and database; workers are started by `workers`, as many as are wanted."""

    def __init__(self, running: Stack) -> None:
        self.stack = running
        self.acme, self.globex = running.sandbox.sites
        self.database = psycopg.connect(start_embedded(running.instance), autocommit=True)
        self.profile = running.create_profile(
            running.connect(), left=LEFT, right=RIGHT, name="bench"
        )

    @contextmanager
    def workers(self, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        """So many worker processes while the block lasts."""
        environment = self.stack.environment | {"DATABASE_URL": self.database_url()}
        with (self.stack.instance / "workers.log").open("ab") as log:
            children = [
                subprocess.Popen(
                    [sys.executable, "-m", "app.cli", "worker"],
                    env=environment,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )
                for _ in range(count)
            ]
        try:
            wait_until(
                f"{count} workers are ready",
                lambda: self.number("SELECT count(*) FROM procrastinate_workers") == count,
            )
            yield children
        finally:
            for child in children:
                child.send_signal(signal.SIGCONT)
                child.terminate()
            for child in children:
                child.wait(30)
            self.database.execute("DELETE FROM procrastinate_workers")

    def database_url(self) -> str:
        """The address of the embedded database."""
        return start_embedded(self.stack.instance)

    def number(self, query: str, *values: Any) -> int:
        """The one number that a query gives."""
        row = self.database.execute(query, values).fetchone()
        assert row is not None
        return int(row[0])

    def pending(self) -> int:
        """Changes that are still to be taken across."""
        return self.number("SELECT count(*) FROM change WHERE NOT parked")

    def link(self, count: int) -> list[str]:
        """Make so many issues at Acme and let the engine make their twins; gives Acme's keys."""
        before = self.linked()
        keys = self.acme.make_issues(count, LEFT[0], LEFT[1], webhooks=True)
        wait_until(
            f"{count} issues have twins",
            lambda: self.linked() >= before + count and not self.pending(),
            seconds=600,
        )
        self.settle()
        return keys

    def linked(self) -> int:
        """Pairs whose both issues are there."""
        return self.number(
            "SELECT count(*) FROM issue_link WHERE left_issue_id IS NOT NULL"
            " AND right_issue_id IS NOT NULL"
        )

    def settle(self) -> None:
        """Wait until no webhook is under way and nothing is to be done."""
        for site in self.stack.sandbox.sites:
            site.wait_idle(300)
        wait_until("nothing is pending", lambda: self.pending() == 0, seconds=300)

    def spent(self, workers: Sequence[subprocess.Popen[bytes]]) -> Spent:
        """What was spent up to now; take the difference of two."""
        counted = [site.calls()["byApp"].get(APP_KEY, {}) for site in (self.acme, self.globex)]
        postmaster = (self.stack.instance / "postgres" / "postmaster.pid").read_text().split()[0]
        return Spent(
            calls=sum(one.get("total", 0) for one in counted),
            points=sum(one.get("points", 0) for one in counted),
            workers=processor_time(*(one.pid for one in workers)),
            web=processor_time(self.stack.tandem.pid),
            database=processor_time(int(postmaster)),
            sandbox=processor_time(self.stack.sandbox.process.pid),
        )

    def latency(self, seconds: float) -> None:
        """Let both sites take so long for each call of Tandem's."""
        rules = [{"kind": "slow", "app": APP_KEY, "seconds": seconds}] if seconds else []
        for site in self.stack.sandbox.sites:
            site.faults(*rules)


@contextmanager
def plant(**sandbox: Any) -> Iterator[Plant]:
    """A plant without the sites' rate limits."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, workers=0, **{"delivery_delay": 0, **sandbox}) as running:
            for site in running.sandbox.sites:
                site.limits(**NO_LIMITS)
            made = Plant(running)
            try:
                yield made
            finally:
                made.database.close()


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Let processes stand still, as they are."""
    for one in processes:
        os.kill(one.pid, signal.SIGSTOP)


def go_on(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    """Let them run again; gives the moment."""
    began = time.monotonic()
    for one in processes:
        os.kill(one.pid, signal.SIGCONT)
    return began


def processor_time(*processes: int) -> float:
    """Milliseconds of processor time of these processes and all below them, up to now."""
    below: dict[int, list[int]] = {}
    spent: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(folder.name)
        below.setdefault(int(told[1]), []).append(pid)
        spent[pid] = int(told[11]) + int(told[12])

    def of(pid: int) -> int:
        return spent.get(pid, 0) + sum(of(child) for child in below.get(pid, []))

    return sum(of(pid) for pid in processes) * 1000 / TICK


def count(site: SiteHandle, jql: str) -> int:
    """How many issues a JQL finds, by one call."""
    answer = site.call("POST", "search/approximate-count", json={"jql": jql})
    return int(answer.json()["count"])
