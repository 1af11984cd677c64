"""Seconds from a person's change to its arrival on the other site, at a steady rate of changes.

Both sites' own changelogs tell the times afterwards, by one clock: nothing asks meanwhile.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from bench.plant import Plant, plant
from bench.result import Result
from demo.walk import edit_issue
from sandbox.process import SiteHandle

RATES = (1, 10, 100)  # changes a second
SECONDS = 15.0  # of changes, at each rate
ISSUES = 300
PEOPLE = 8
WORKERS = 2
DELIVERY_MS = 50  # how late the sandbox sends its webhooks
MEDIAN_GOAL, P99_GOAL = 1.0, 3.0  # seconds; the 99th at 10 a second

Seen = dict[int, datetime]  # when the change of a number was there


def seconds_to_arrival() -> list[Result]:
    """Median and 99th percentile at each rate."""
    results: list[Result] = []
    with plant(delivery_delay=DELIVERY_MS) as one, one.workers(WORKERS):
        keys = one.link(ISSUES)
        twins: dict[str, str] = dict(
            one.database.execute("SELECT left_key, right_key FROM issue_link").fetchall()
        )
        for rate in RATES:
            waits = sorted(_waits(one, keys, twins, rate))
            name = f"arrival: {rate} changes a second"
            late = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
            results += [
                Result(
                    f"{name}, median", statistics.median(waits), "seconds", "lower", MEDIAN_GOAL
                ),
                Result(f"{name}, 99th", late, "seconds", "lower", P99_GOAL if rate == 10 else None),
            ]
    return results


def _waits(one: Plant, keys: Sequence[str], twins: dict[str, str], rate: int) -> Iterator[float]:
    """Make the changes at the rate, each a label with its number, and tell how long each took. A
    change that a later one of the same issue overtook arrived with that one."""
    one.settle()
    began = time.monotonic()

    def change(number: int) -> None:
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        edit_issue(one.acme, keys[number % len(keys)], labels=[f"a{rate}-{number}"])

    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(change, range(int(rate * SECONDS))))
    one.settle()
    here = _seen(one.acme, keys, f"a{rate}-")
    there = _seen(one.globex, [twins[key] for key in keys], f"a{rate}-")
    for key in keys:
        for number, made in here[key].items():
            yield min(
                (when - made).total_seconds()
                for other, when in there[twins[key]].items()
                if other >= number
            )


def _seen(site: SiteHandle, keys: Sequence[str], label: str) -> dict[str, Seen]:
    """When each numbered label came to its issue, by the site's own changelog."""
    found: dict[str, Seen] = {}
    for start in range(0, len(keys), 100):
        body = {"issueIdsOrKeys": keys[start : start + 100], "expand": ["changelog"]}
        answer = site.call("POST", "issue/bulkfetch", json={**body, "fields": ["updated"]}).json()
        for issue in answer["issues"]:
            seen: Seen = found.setdefault(issue["key"], {})
            for history in issue["changelog"]["histories"]:
                when = datetime.strptime(history["created"], "%Y-%m-%dT%H:%M:%S.%f%z")
                for item in history["items"]:
                    if (item["toString"] or "").startswith(label):
                        seen[int(item["toString"].removeprefix(label))] = when
    return found
