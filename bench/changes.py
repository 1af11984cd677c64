"""Changes a second with 1, 2 and 4 workers, at sites that answer at once or slowly.

All linked issues are edited at Acme while the workers stand still, and all their webhooks are
taken; what is measured is the time from when the workers go on until every change is done. The
webhooks of the twins, which Tandem has to tell for echoes, arrive meanwhile.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from bench.plant import Plant, Spent, count, go_on, plant, stop
from bench.result import Result
from demo.stack import wait_until
from demo.walk import RIGHT, edit_issue

ISSUES = 1000
WORKERS = (1, 2, 4)
MILLISECONDS = (0, 50, 200)
THREADS = 64  # calls that a site answers at a time: slow ones wait beside each other
ROUNDS = 3  # the best of these: a shared machine only ever takes away
GOAL = 300.0  # a second, with 2 workers and sites that answer at once


def changes_a_second() -> list[Result]:
    """The rates, and what a change costs in calls, points and processor time."""
    results: list[Result] = []
    with plant(threads=THREADS) as one:
        with one.workers(2):
            keys = one.link(ISSUES)
        for workers in WORKERS:
            for milliseconds in MILLISECONDS:
                results += _measure(one, keys, workers, milliseconds)
    return results


def _measure(one: Plant, keys: list[str], workers: int, milliseconds: int) -> list[Result]:
    name = f"changes: {workers} workers, sites take {milliseconds} ms"
    with one.workers(workers) as running:
        one.latency(milliseconds / 1000)
        rounds = [
            burst(one, running, keys, f"w{workers}-{milliseconds}-{number}")
            for number in range(1 if milliseconds else ROUNDS)
        ]
        one.latency(0)
    seconds, cost = min(rounds, key=lambda done: done[0])
    goal = GOAL if (workers, milliseconds) == (2, 0) else None
    results = [Result(name, len(keys) / seconds, "a second", "higher", goal)]
    if milliseconds:
        # 1 where each wait is added up; what is more was overlapped.
        summed = len(keys) * cost.calls * milliseconds / 1000
        results.append(Result(f"{name}, waits overlapped", summed / seconds, "times", "higher"))
    if (workers, milliseconds) == (2, 0):
        for what, value in vars(cost).items():
            unit = "per change" if what in ("calls", "points") else "ms of processor each"
            results.append(Result(f"changes: {what}", value, unit, "lower"))
    return results


def burst(
    one: Plant, running: Sequence[subprocess.Popen[bytes]], keys: Sequence[str], label: str
) -> tuple[float, Spent]:
    """Edit all, then let the workers go on. Gives the seconds until all is done, and what each
    change cost."""
    one.settle()
    stop(running)
    for key in keys:
        edit_issue(one.acme, key, labels=[label])
    one.acme.wait_idle(300)
    before = one.spent(running)
    began = go_on(running)
    while one.pending():
        time.sleep(0.02)
    seconds = time.monotonic() - began
    after = one.spent(running)
    asked = f"project = {RIGHT[0]} AND labels = {label}"
    wait_until("every twin has the label", lambda: count(one.globex, asked) == len(keys))
    one.settle()
    return seconds, after.since(before, len(keys))
