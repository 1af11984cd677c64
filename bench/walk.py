"""The walk's figures: REST calls per change, and seconds from a change to its arrival."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.result import Result
from demo.stack import stack
from demo.walk import walk


def the_walk() -> list[Result]:
    """One walk over the whole stack, the sandbox's webhooks 150 ms late as Jira's are."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)
        with stack(instance, delivery_delay=150) as running:
            figures = walk(running, lambda text: None)
    return [
        Result("walk: REST calls per change", figures.calls_per_change, "calls", "lower"),
        Result("walk: change to arrival, median", figures.median_seconds, "seconds", "lower", 1.0),
        Result("walk: change to arrival, slowest", figures.slowest_seconds, "seconds", "lower"),
        Result("walk: writes after agreement", figures.writes_after_rest, "writes", "lower"),
        Result("walk: doubled issues", figures.doubled, "issues", "lower"),
    ]
