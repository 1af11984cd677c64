"""What a benchmark reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure. `better` says which way is good; `goal` and `baseline` may be unknown."""

    name: str
    value: float
    unit: str
    better: str
    goal: float | None = None
    baseline: float | None = None
