"""Jira's way to write times."""

from __future__ import annotations

from datetime import UTC, datetime

UNCHANGING = datetime(1970, 1, 1, tzinfo=UTC)
"""When something that never changes was last changed."""


def parse_time(text: str) -> datetime:
    """A time as Jira writes it ("2026-04-25T18:35:13.605+0530"). Raises ValueError otherwise."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return when
