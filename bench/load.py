"""The first load: issues a second, and what it asks of the sites, paired and created."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from app.database import start_embedded
from bench.result import Result
from demo.stack import APP_KEY, ROOT, Stack, stack

ISSUES = int(os.environ.get("BENCH_LOAD_ISSUES", "2000"))
"""Issues a side to be paired; a fifth as many are created."""

PAIRED = (("WEB", "Task"), ("PLAT", "Task"))
CREATED = (("SUP", "Task"), ("OPS", "Task"))
PLENTY = {"points": {"perHour": 500_000_000}}


def first_load() -> list[Result]:
    """Pair ISSUES a side by their summaries, then create twins for a fifth as many; 2 workers."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)
        with stack(instance, workers=2, delivery_delay=150) as running:
            # The share of background work would make it wait for hours; its size is not measured.
            running.sandbox.acme.limits(**PLENTY)
            connection = running.connect()
            results = []
            for what, count, words in (
                ("paired", ISSUES, ["--match", "summary"]),
                ("created", ISSUES // 5, ["--no-match"]),
            ):
                results += _load(running, connection, what, count, words)
    return results


def _load(running: Stack, connection: str, what: str, count: int, words: list[str]) -> list[Result]:
    left, right = PAIRED if what == "paired" else CREATED
    acme, globex = running.sandbox.acme, running.sandbox.globex
    acme.make_issues(count, *left)
    if what == "paired":
        globex.make_issues(count, *right)
    profile = running.create_profile(connection, left=left, right=right, name=what)
    time.sleep(1)  # the sandbox's search lags a tenth of a second behind
    for site in (acme, globex):
        site.clear_calls()
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "profile", "load", profile, "--from", "left",
         "--jql", "labels = generated", "--json", *words],
        env=running.environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    if told[what] != count:
        raise RuntimeError(f"{count} were to be {what}; the load said {told}")
    with psycopg.connect(start_embedded(running.instance)) as database:
        query = "SELECT extract(epoch FROM ended_at - begun_at) FROM load WHERE run_id = %s"
        [seconds] = database.execute(query, (told["run"],)).fetchone() or [0]
    spent = [site.calls()["byApp"].get(APP_KEY, {}) for site in (acme, globex)]
    calls = sum(int(one.get("total", 0)) for one in spent)
    points = sum(int(one.get("points", 0)) for one in spent)
    name = f"load, {count:,} {what}"
    return [
        Result(f"{name}: issues a second", count / float(seconds), "issues/s", "higher"),
        Result(f"{name}: REST calls", calls, "calls", "lower"),
        Result(f"{name}: REST calls per issue", calls / count, "calls", "lower"),
        Result(f"{name}: points", points, "points", "lower"),
        Result(f"{name}: points per issue", points / count, "points", "lower"),
    ]
