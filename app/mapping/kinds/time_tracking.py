"""Estimates: the system field `timetracking` (TimeTrackingDetails in Atlassian's OpenAPI document),
which gives seconds and takes texts such as "90m"."""

from __future__ import annotations

from collections.abc import Mapping

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said

_MINUTE = 60
_NAMES = ("originalEstimate", "remainingEstimate")


@register(Kind.TIME_TRACKING)
class TimeTracking(Handler):
    """`(original, remaining)` in seconds, each None where it is not estimated.

    Jira takes whole minutes, so seconds beyond them are cut. Written in minutes, as the lengths of
    days and weeks are a setting of each site. The time spent is the sum of the worklogs.
    """

    empty = (None, None)

    def read(self, raw: object) -> Value:
        if raw is None:
            return None, None
        if not isinstance(raw, Mapping):
            raise UnreadableValueError(Kind.TIME_TRACKING, said("an object with estimates"), raw)
        original, remaining = (_seconds(raw, name) for name in _NAMES)
        return original, remaining

    def write(self, value: Value) -> object:
        return {
            name: "" if seconds is None else f"{seconds // _MINUTE}m"
            for name, seconds in zip(_NAMES, _both(value), strict=True)
        }

    def is_stored_form(self, written: Value, stored: Value) -> bool:
        # Jira fills the one estimate that is missing with the other.
        (original, remaining), both = _both(written), _both(stored)
        return both == (
            remaining if original is None else original,
            original if remaining is None else remaining,
        ) or self.same(written, stored)

    def text(self, value: Value) -> str:
        labels = ("estimate", "remaining")
        told = zip(labels, _both(value), strict=True)
        return ", ".join(
            f"{label} {_spoken(seconds)}" for label, seconds in told if seconds is not None
        )


def _seconds(raw: Mapping[object, object], name: str) -> int | None:
    """Whole minutes, in seconds. What we write ourselves is read as well."""
    seconds, written = raw.get(f"{name}Seconds"), raw.get(name)
    if seconds is None and isinstance(written, str) and written[:-1].isdecimal():
        seconds = int(written[:-1][:12]) * _MINUTE if written.endswith("m") else None
    if seconds is None:
        return None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds < 1 << 63:
        raise UnreadableValueError(Kind.TIME_TRACKING, said("an estimate in seconds"), seconds)
    return seconds // _MINUTE * _MINUTE


def _both(value: Value) -> tuple[int | None, int | None]:
    original, remaining = value if isinstance(value, tuple) and len(value) == 2 else (None, None)
    return (
        original if isinstance(original, int) else None,
        remaining if isinstance(remaining, int) else None,
    )


def _spoken(seconds: int) -> str:
    hours, minutes = divmod(seconds // _MINUTE, 60)
    if not hours:
        return f"{minutes}m"
    return f"{hours}h {minutes}m" if minutes else f"{hours}h"
