"""What 1,000 tenants cost while nothing changes, and a worker's memory over 10,000 issues."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.plant import Plant, plant
from bench.result import Result
from bench.tenants import app_of, ids_of, link_all, mark_all, tenant_pairs
from demo.stack import wait_until

TENANTS = 1000
SCOPES = ("SUP", "Task"), ("OPS", "Task")
MINUTES = 1.0
FIRST, LAST = 1000, 10_000  # issues after which a worker's memory is read
GOAL = 1.1


def idle_tenants() -> list[Result]:
    """Statements a minute at the database of 2 workers, with two tenants and with 1,000."""
    with plant() as one, app_of(one) as app, one.workers(2):
        few = _statements(one)
        tenant_pairs(one, app, TENANTS // 2 - 1, left=SCOPES[0], right=SCOPES[1])
        # The searches of all would be due within five minutes: those that are due have a cost of
        # their own, which is no idle one.
        one.database.execute("UPDATE search_look SET due_at = now() + interval '1 hour'")
        many = _statements(one)
    return [
        Result("idle: statements with 2 tenants", few, "a minute", "lower"),
        Result(f"idle: statements with {TENANTS:,} tenants", many, "a minute", "lower"),
        Result("idle: ratio", many / few, "times", "lower", GOAL),
    ]


def _statements(one: Plant) -> float:
    """Statements a minute, counted in the database's own log."""
    one.settle()
    log = Path(one.stack.instance) / "postgres" / "log"
    for setting in ("log_statement = 'all'", "log_line_prefix = '@|'"):
        one.database.execute(f"ALTER SYSTEM SET {setting}")
    one.database.execute("SELECT pg_reload_conf()")
    time.sleep(1.0)
    before = log.stat().st_size
    time.sleep(MINUTES * 60)
    with log.open(errors="replace") as lines:
        lines.seek(before)
        counted = sum(line.startswith("@|LOG:  ") for line in lines)
    one.database.execute("ALTER SYSTEM RESET ALL")
    one.database.execute("SELECT pg_reload_conf()")
    return counted / MINUTES


def memory() -> list[Result]:
    """A worker's resident memory after 1,000 and after 10,000 issues, each with a write."""
    with plant() as one, app_of(one) as app, one.workers(1) as [worker]:
        for site in one.stack.sandbox.sites:
            site.webhooks(hold=True)
        one.acme.make_issues(LAST, SCOPES[0][0])
        one.globex.make_issues(LAST + 1, SCOPES[1][0])
        wait_until("the index is there", lambda: len(ids_of(one.globex, SCOPES[1][0])) > LAST)
        lefts, rights = ids_of(one.acme, SCOPES[0][0]), ids_of(one.globex, SCOPES[1][0])[1:]
        [pair] = tenant_pairs(one, app, 1, left=SCOPES[0], right=SCOPES[1])
        link_all(one, pair, list(zip(lefts, rights, strict=True)))
        one.database.execute("UPDATE search_look SET due_at = now() + interval '1 day'")
        read = []
        for issues in (lefts[:FIRST], lefts[FIRST:]):
            mark_all(pair, issues)
            wait_until("all are done", lambda: one.pending() == 0, seconds=1200)
            read.append(_resident(worker.pid))
    return [
        Result("memory: a worker after 1,000 issues", read[0], "MB", "lower"),
        Result("memory: a worker after 10,000 issues", read[1], "MB", "lower"),
        Result("memory: ratio", read[1] / read[0], "times", "lower", GOAL),
    ]


def _resident(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    told: Sequence[str] = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in told if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
