"""Reads numbers, dates, times and spans of time."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sandbox.model import FieldDef
from sandbox.spans import span_seconds
from sandbox.values.faults import FieldFault, a_string, an_object

if TYPE_CHECKING:
    from sandbox.values import Intake

LAST_YEAR = 9999
NUMBER_LIMIT = 100_000_000_000_000
# Jira's own form: milliseconds and an offset must be there.
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}[+-]\d{2}:?\d{2}")
SPAN_LIMIT = 50
ESTIMATES = {"originalEstimate": "timeoriginalestimate", "remainingEstimate": "timeestimate"}
WORDS = {"originalEstimate": "original", "remainingEstimate": "remaining"}


def number(intake: Intake, field: FieldDef, value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldFault("Operation value must be a number")
    if not abs(value) <= NUMBER_LIMIT:
        raise FieldFault(f"'{value}' is an invalid number. It is larger than {NUMBER_LIMIT:,}.")
    return float(value)


def day(intake: Intake, field: FieldDef, value: Any) -> str | None:
    """A date, as in 2026-11-26."""
    text = a_string(value)
    if text == "":
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise FieldFault(f"Error parsing date string: {text}") from None


def moment(intake: Intake, field: FieldDef, value: Any) -> int | None:
    """A time in any zone, as epoch milliseconds."""
    text = a_string(value)
    if text == "":
        return None
    try:
        if not TIME.fullmatch(text):
            raise ValueError
        found = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
        if not 1 < found.year < LAST_YEAR:
            raise ValueError
    except ValueError:
        raise FieldFault(f"Error parsing time: {text}") from None
    return round(found.timestamp() * 1000)


def estimates(intake: Intake, field: FieldDef, value: Any) -> dict[str, int | None]:
    """The original and the remaining estimate, in seconds, under the names they are stored by.

    On an issue that has none, one that is given alone stands for both, as in Jira.
    """
    if value is None:
        return dict.fromkeys(ESTIMATES.values())
    given = an_object(value)
    found: dict[str, int | None] = {}
    for name, stored in ESTIMATES.items():
        if name not in given:
            continue
        text = "" if given[name] is None else str(given[name])
        seconds = span_seconds(text) if len(text) < SPAN_LIMIT else None
        if seconds is None and text:
            raise FieldFault(
                f"The {WORDS[name]} estimate specified is not valid.",
                f"timetracking_{name.lower()}",
            )
        found[stored] = seconds
    if not found:
        raise FieldFault("Specify 'originalEstimate' or 'remainingEstimate'.")
    said = [seconds for seconds in found.values() if seconds is not None]
    if len(said) == 1 and not any(intake.current.get(name) for name in ESTIMATES.values()):
        return dict.fromkeys(ESTIMATES.values(), said[0])
    return found
