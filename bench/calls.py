"""REST calls and points per change, counted by the sandbox: a lone change, bursts, and what must
cost nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.plant import Plant, count, go_on, plant, stop
from bench.result import Result
from demo.stack import APP_KEY, wait_until
from demo.walk import RIGHT, edit_issue, mapped

BURST = 500
DELIVERIES = 1000
PEOPLE = 8  # who edit at once in a burst
READ = "POST /rest/api/3/issue/bulkfetch"


@dataclass(frozen=True)
class Counted:
    """What the sandbox counted of Tandem's calls until all was at rest, echoes and all."""

    calls: int
    points: int
    paths: dict[str, int]


def counted(one: Plant) -> Counted:
    """The calls since `clear`, once no webhook is under way and nothing is to be done."""
    one.settle()
    found = [site.calls()["byApp"].get(APP_KEY, {}) for site in one.stack.sandbox.sites]
    paths: dict[str, int] = {}
    for site in found:
        for path, number in site.get("paths", {}).items():
            paths[path] = paths.get(path, 0) + number
    return Counted(
        sum(site.get("total", 0) for site in found),
        sum(site.get("points", 0) for site in found),
        paths,
    )


def clear(one: Plant) -> None:
    """Count from zero; the periodic searches and checks, which have shares of their own, wait."""
    one.settle()
    one.stack.look_no_more()
    for site in one.stack.sandbox.sites:
        site.clear_calls()


def lone_change(one: Plant, key: str, twin: str, label: str) -> Counted:
    """One field of one issue is changed, and arrives."""
    clear(one)
    edit_issue(one.acme, key, labels=[label])
    wait_until("it arrives", lambda: mapped(one.globex, twin)["labels"] == [label], seconds=120)
    return counted(one)


def unmapped_change(one: Plant, key: str) -> Counted:
    """A field is changed that no profile carries."""
    clear(one)
    edit_issue(one.acme, key, environment=None, assignee={"accountId": one.acme.admin["accountId"]})
    edit_issue(one.acme, key, assignee=None)
    return counted(one)


def burst(one: Plant, keys: Sequence[str], label: str, *, held: bool) -> Counted:
    """Many issues are changed by several people at once; the webhooks come as they come, or (held)
    all at one moment."""
    clear(one)
    one.acme.webhooks(hold=held)
    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(lambda key: edit_issue(one.acme, key, labels=[label]), keys))
    if held:
        one.acme.release()
        one.acme.webhooks(hold=False)
    arrived(one, len(keys), label)
    return counted(one)


def gathered_burst(
    one: Plant, workers: Sequence[subprocess.Popen[bytes]], keys: Sequence[str], label: str
) -> Counted:
    """The same, where the workers first look when all webhooks have been taken."""
    clear(one)
    stop(workers)
    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(lambda key: edit_issue(one.acme, key, labels=[label]), keys))
    one.acme.wait_idle(300)
    go_on(workers)
    arrived(one, len(keys), label)
    return counted(one)


def deliveries_for_one(one: Plant, key: str, twin: str, label: str) -> Counted:
    """A thousand webhooks for one issue: half as many changes, each told twice, in any order."""
    clear(one)
    one.acme.webhooks(hold=True, shuffle=True, duplicate=1.0)
    for number in range(DELIVERIES // 2):
        edit_issue(one.acme, key, labels=[f"{label}-{number}"])
    released = one.acme.release()
    assert released == DELIVERIES, f"{released} webhooks were held"
    one.acme.webhooks(hold=False, shuffle=False, duplicate=0.0)
    last = [f"{label}-{DELIVERIES // 2 - 1}"]
    wait_until("it arrives", lambda: mapped(one.globex, twin)["labels"] == last, seconds=300)
    return counted(one)


def reconciles(found: Counted) -> int:
    """How often a lone pair was read: each reads both sides."""
    return found.paths.get(READ, 0) // 2


def arrived(one: Plant, number: int, label: str) -> None:
    """Wait until so many twins have the label."""
    asked = f"project = {RIGHT[0]} AND labels = {label}"
    wait_until(f"{number} twins have it", lambda: count(one.globex, asked) == number, seconds=300)


def twin_of(one: Plant, key: str) -> str:
    """The key of an issue's twin."""
    row = one.database.execute(
        "SELECT right_key FROM issue_link WHERE left_key = %s", (key,)
    ).fetchone()
    assert row is not None
    return str(row[0])


def the_calls() -> list[Result]:
    """Calls and points per change, of one worker."""
    with plant() as one, one.workers(1) as workers:
        keys = one.link(BURST)
        first, twin = keys[0], twin_of(one, keys[0])
        lone = lone_change(one, first, twin, "lone")
        unmapped = unmapped_change(one, first)
        as_they_come = burst(one, keys, "as-they-come", held=False)
        at_once = burst(one, keys, "at-once", held=True)
        gathered = gathered_burst(one, workers, keys, "gathered")
        thousand = deliveries_for_one(one, first, twin, "many")
    return [
        Result("calls: a lone change", lone.calls, "calls", "lower", 3),
        Result("calls: a lone change, points", lone.points, "points", "lower", 5),
        *_each("calls: 500 as they come", as_they_come),
        *_each("calls: 500 at once", at_once),
        *_each("calls: 500 that waited for a worker", gathered),
        Result("calls: a field that is not mapped", unmapped.calls, "calls", "lower"),
        Result("calls: 1,000 webhooks for one issue", reconciles(thousand), "reads", "lower", 2),
    ]


def _each(name: str, found: Counted) -> list[Result]:
    return [
        Result(name, found.calls / BURST, "calls per change", "lower", 1.1),
        Result(f"{name}, points", found.points / BURST, "points per change", "lower", 3.0),
    ]
