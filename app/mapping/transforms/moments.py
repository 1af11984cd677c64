"""The functions of expressions that make and read moments and durations, all in UTC: a zone's rules
are data that changes, and would change results. None reads the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from celpy.celtypes import DurationType, IntType, StringType, TimestampType

from app.mapping.transforms.basics import Function, number, unfit
from app.mapping.transforms.problems import Unfit
from app.said import said

_DURATION = re.compile(r"([+-]?)((?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|s|m|h|d)){1,5})")
_PIECE = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PARTS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda m: m.year,
    "getMonth": lambda m: m.month - 1,
    "getDate": lambda m: m.day,
    "getDayOfMonth": lambda m: m.day - 1,
    "getDayOfWeek": lambda m: m.isoweekday() % 7,
    "getDayOfYear": lambda m: m.timetuple().tm_yday - 1,
    "getHours": lambda m: m.hour,
    "getMinutes": lambda m: m.minute,
    "getSeconds": lambda m: m.second,
}
PARTS = tuple(_PARTS)


def table() -> dict[str, Function]:
    """By the names that expressions call them by."""
    return {
        "timestamp": to_timestamp,
        "duration": to_duration,
        "days": days,
        "date": day,
        **{name: _part(name, take) for name, take in _PARTS.items()},
    }


def utc(moment: datetime) -> datetime:
    """A moment as Python's own, in UTC."""
    clock = (moment.hour, moment.minute, moment.second, moment.microsecond, moment.tzinfo)
    return datetime(moment.year, moment.month, moment.day, *clock).astimezone(UTC)


def plain_time(time: timedelta) -> timedelta:
    """A duration as Python's own."""
    return timedelta(days=time.days, seconds=time.seconds, microseconds=time.microseconds)


def moved(moment: datetime, by: timedelta) -> TimestampType:
    """The moment so much later. Raises Unfit outside of the years 1 to 9999."""
    try:
        return TimestampType(utc(moment) + by)
    except OverflowError:
        raise Unfit(said("a moment leaves the years 1 to 9999")) from None


def lasting(time: timedelta) -> DurationType:
    """A duration. Raises Unfit where it is longer than CEL's longest."""
    try:
        return DurationType(time)
    except (ValueError, OverflowError):
        raise Unfit(said("a duration grows beyond 10,000 years")) from None


def spelled(moment: TimestampType | DurationType) -> str:
    """As text: 2026-01-31T09:00:00Z, or seconds as 5400s."""
    if isinstance(moment, DurationType):
        return f"{int(moment.total_seconds())}s"
    return utc(moment).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def to_timestamp(value: Any) -> TimestampType:
    """timestamp(): from YYYY-MM-DD, or such a day with its time and zone."""
    if isinstance(value, TimestampType):
        return value
    if not isinstance(value, str):
        unfit("timestamp()", value)
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            found = date.fromisoformat(value)
            return TimestampType(datetime(found.year, found.month, found.day, tzinfo=UTC))
        moment = datetime.fromisoformat(value) if len(value) <= 40 else None
        if moment is not None and moment.tzinfo is not None:
            return TimestampType(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    raise Unfit(said("timestamp() was given a text that is no day and no moment with its zone"))


def to_duration(value: Any) -> DurationType:
    """duration(): from a text such as "1h30m" or "-2d"."""
    if isinstance(value, DurationType):
        return value
    if not isinstance(value, str):
        unfit("duration()", value)
    match = _DURATION.fullmatch(value)
    if match is None:
        raise Unfit(said('duration() was given a text that is no duration such as "36h" or "2d"'))
    seconds = sum(float(count) * _SECONDS[unit] for count, unit in _PIECE.findall(match[2]))
    return _long(-seconds if match[1] == "-" else seconds)


def days(count: Any) -> DurationType:
    """days(): a duration of so many times 24 hours."""
    if not number(count):
        unfit("days()", count)
    return _long(float(count) * 86_400)


def _long(seconds: float) -> DurationType:
    if not abs(seconds) <= DurationType.MaxSeconds:
        raise Unfit(said("a duration grows beyond 10,000 years"))
    return lasting(timedelta(seconds=seconds))


def day(moment: Any) -> StringType:
    """date(): the day of a moment in UTC as YYYY-MM-DD."""
    return StringType(_utc(moment, "date()").date().isoformat())


def _utc(moment: Any, name: str) -> datetime:
    if not isinstance(moment, TimestampType):
        unfit(name, moment)
    return utc(moment)


def _part(name: str, take: Callable[[datetime], int]) -> Function:
    return lambda moment: IntType(take(_utc(moment, f"{name}()")))
