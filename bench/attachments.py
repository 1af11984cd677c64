"""Files: megabytes a second from site to site, and what a worker's memory grows by meanwhile."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.plant import Plant, plant
from bench.result import Result
from demo.stack import wait_until
from demo.walk import LEFT, RIGHT, create_issue, keys_by_summary
from tests.stack_fixture import tandem

MEGA = 1_000_000
LARGE = 1000  # megabytes
MANY = 200  # files of a hundred kilobytes
GOAL_MEMORY = 64.0


def attachments() -> list[Result]:
    """One gigabyte through one worker, and many small files."""
    with plant() as one, one.workers(1) as [worker]:
        done = tandem(one.stack.environment, "profile", "carry", "bench", "attachments")
        assert done.returncode == 0, done.stderr
        key, twin = _pair(one)
        _attach(one, key, "warm.bin", 1 * MEGA)
        wait_until("the first is there", lambda: _count(one, twin) == 1, seconds=120)
        one.settle()
        before = _peak(worker)
        large = _seconds(one, key, twin, [LARGE * MEGA])
        grown = _peak(worker) - before
        small = _seconds(one, key, twin, [100_000] * MANY)
    return [
        Result(f"attachments: a file of {LARGE:,} MB", LARGE / large, "MB a second", "higher"),
        Result("attachments: memory for it", grown, "MB", "lower", GOAL_MEMORY),
        Result(f"attachments: {MANY} files of 100 KB", MANY / small, "files a second", "higher"),
    ]


def _pair(one: Plant) -> tuple[str, str]:
    key = create_issue(one.acme, *LEFT, summary="With files")
    wait_until(
        "it has a twin",
        lambda: keys_by_summary(one.globex, RIGHT[0]).get("With files"),
        seconds=120,
    )
    one.settle()
    return key, keys_by_summary(one.globex, RIGHT[0])["With files"][0]


def _seconds(one: Plant, key: str, twin: str, sizes: list[int]) -> float:
    """How long it takes until files that are there already are on the other side."""
    wanted = _count(one, twin) + len(sizes)
    one.acme.webhooks(hold=True)
    for number, size in enumerate(sizes):
        _attach(one, key, f"{number}.bin", size)
    began = time.monotonic()
    one.acme.webhooks(hold=False)
    one.acme.release()
    wait_until("all are there", lambda: _count(one, twin) == wanted, seconds=900)
    took = time.monotonic() - began
    one.settle()
    return took


def _attach(one: Plant, key: str, name: str, size: int) -> None:
    """Attach a file that is never whole in this process."""
    bound = "----bound"
    head = (
        f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(size // 100_000):
            yield bytes(100_000)
        yield f"\r\n--{bound}--\r\n".encode()

    kind = f"multipart/form-data; boundary={bound}"
    headers = {"X-Atlassian-Token": "no-check", "Content-Type": kind}
    answer = one.acme.call("POST", f"issue/{key}/attachments", data=body(), headers=headers)
    answer.raise_for_status()


def _count(one: Plant, key: str) -> int:
    shown = one.globex.call("GET", f"issue/{key}?fields=attachment").json()
    return len(shown["fields"]["attachment"])


def _peak(worker: subprocess.Popen[bytes]) -> float:
    """The most memory that a worker ever had, in megabytes."""
    told = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    [line] = [line for line in told if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / MEGA
