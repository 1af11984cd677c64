"""One thing that two mapping documents say differently."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """`where`: the place in the document, its fields by their pair of ids; `old` and `new`: what it
    says there, None for nothing; and the new state as a sentence for people."""

    where: str
    old: str | None
    new: str | None
    sentence: str
