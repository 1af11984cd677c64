"""Jira Cloud's three rate limits: points an hour, bursts a second, writes on one issue.

Reference: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.model import JsonDict


@dataclass(frozen=True)
class Refusal:
    """Why a call is refused, and for how long."""

    reason: str
    retry_after_s: int
    limit: int


@dataclass
class Bucket:
    """A token bucket that holds one second's worth."""

    tokens: float
    at: float


@dataclass
class Limits:
    """The limits over all sites; the points are shared by all of an app's sites."""

    points_on: bool = True
    points_per_hour: int = 65_000
    burst_on: bool = True
    burst_read: int = 100
    burst_write: int = 50
    issue_on: bool = True
    issue_short: tuple[int, float] = (20, 2.0)
    issue_long: tuple[int, float] = (100, 30.0)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _points: dict[str, int] = field(default_factory=dict)
    _hour: int = 0
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)
    _writes: dict[tuple[str, str], deque[float]] = field(default_factory=dict)

    def to_json(self) -> JsonDict:
        """The switches and numbers, as the control API gives and takes them."""
        return {
            "points": {"on": self.points_on, "perHour": self.points_per_hour},
            "burst": {"on": self.burst_on, "read": self.burst_read, "write": self.burst_write},
            "issueWrites": {
                "on": self.issue_on,
                "short": list(self.issue_short),
                "long": list(self.issue_long),
            },
            "used": dict(self._points),
        }

    def update(self, given: JsonDict) -> None:
        """Change the given switches and numbers. Raises ValueError for unknown ones."""
        known: dict[str, dict[str, str]] = {
            "points": {"on": "points_on", "perHour": "points_per_hour"},
            "burst": {"on": "burst_on", "read": "burst_read", "write": "burst_write"},
            "issueWrites": {"on": "issue_on", "short": "issue_short", "long": "issue_long"},
        }
        changes: dict[str, Any] = {}
        for group, values in given.items():
            if group == "used":
                continue
            if group not in known or not isinstance(values, dict):
                raise ValueError(f"unknown limit {group!r}; known: {sorted(known)}")
            for name, value in values.items():
                if name not in known[group]:
                    raise ValueError(f"unknown {group}.{name}; known: {sorted(known[group])}")
                changes[known[group][name]] = tuple(value) if isinstance(value, list) else value
        with self._lock:
            for name, value in changes.items():
                setattr(self, name, value)
            self._points.clear()
            self._buckets.clear()
            self._writes.clear()

    def check(
        self, *, site: str, app: str | None, caller: str, method: str, path: str, issue: str | None
    ) -> Refusal | None:
        """Say whether the call may pass; it is counted in the burst and issue limits if so."""
        with self._lock:
            now = time.monotonic()
            if app and self.points_on and self._used(app) >= self.points_per_hour:
                left = 3600 - int(time.time()) % 3600
                return Refusal("jira-quota-global-based", left, self.points_per_hour)
            refusal = self._burst(now, (site, caller, method, path), method)
            if refusal is None and issue and method != "GET":
                refusal = self._issue_writes(now, (site, issue))
            return refusal

    def _used(self, app: str) -> int:
        hour = int(time.time()) // 3600
        if hour != self._hour:
            self._hour = hour
            self._points.clear()
        return self._points.get(app, 0)

    def _burst(self, now: float, key: tuple[str, ...], method: str) -> Refusal | None:
        if not self.burst_on:
            return None
        size = self.burst_read if method in ("GET", "POST") else self.burst_write
        bucket = self._buckets.setdefault(key, Bucket(size, now))
        bucket.tokens = min(size, bucket.tokens + (now - bucket.at) * size)
        bucket.at = now
        if bucket.tokens < 1:
            return Refusal("jira-burst-based", 1, size)
        bucket.tokens -= 1
        return None

    def _issue_writes(self, now: float, key: tuple[str, str]) -> Refusal | None:
        if not self.issue_on:
            return None
        times = self._writes.setdefault(key, deque(maxlen=self.issue_long[0] + 1))
        for most, window in (self.issue_short, self.issue_long):
            recent = [t for t in times if t > now - window]
            if len(recent) >= most:
                wait = max(1, int(recent[-most] + window - now + 0.999))
                return Refusal("jira-per-issue-on-write", wait, int(most))
        times.append(now)
        return None

    def spend(self, app: str, points: int) -> None:
        """Take the points of a finished call from the app's hour."""
        with self._lock:
            self._points[app] = self._used(app) + points

    def headers(self, app: str | None, refusal: Refusal | None) -> dict[str, str]:
        """The headers that tell a caller where it stands."""
        if refusal:
            reset = datetime.fromtimestamp(int(time.time()) + refusal.retry_after_s, UTC)
            return {
                "Retry-After": str(refusal.retry_after_s),
                "X-RateLimit-Limit": str(refusal.limit),
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%MZ"),
                "RateLimit-Reason": refusal.reason,
            }
        if not (app and self.points_on):
            return {}
        left = max(0, self.points_per_hour - self._points.get(app, 0))
        found = {
            "X-RateLimit-Limit": str(self.points_per_hour),
            "X-RateLimit-Remaining": str(left),
        }
        if left < self.points_per_hour // 5:
            found["X-RateLimit-NearLimit"] = "true"
        return found
