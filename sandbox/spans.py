"""Spans of work as Jira writes them: a week has five days, a day eight hours."""

from __future__ import annotations

import re

UNITS = {"w": 5 * 8 * 3600, "d": 8 * 3600, "h": 3600, "m": 60}
PART = re.compile(r"(\d+(?:\.\d+)?)\s*([wdhm]?)", re.IGNORECASE)


def span_text(seconds: int) -> str:
    """Seconds as in "1w 2d 3h 20m"; "0m" for none."""
    parts = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0m"


def span_seconds(text: str) -> int | None:
    """The seconds of such a text, a bare number being minutes; None where it is none."""
    words = text.strip()
    if not words or PART.sub("", words).strip():
        return None
    total = sum(float(n) * UNITS[unit.lower() or "m"] for n, unit in PART.findall(words))
    return round(total)
