"""What the switches see of the traffic: the counter of calls, and the faults to throw in."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from sandbox.media import first_bytes
from sandbox.model import JsonDict

FAULT_KINDS = frozenset({
    "429", "429-no-retry-after", "500", "502-html", "503", "slow", "timeout", "half-answer",
    "drop-connection", "commit-then-500", "401", "403", "404", "409", "503-html", "200-html",
    "hold", "hold-answer",
})  # fmt: skip
REFUSALS = {
    "401": (401, "Client must be authenticated to access this resource."),
    "403": (403, "You do not have permission to edit issues in this project."),
    "404": (404, "Issue does not exist or you do not have permission to see it."),
    "409": (409, "The issue is being edited by another request. Try again."),
    "500": (500, "Internal server error"),
}
PAGES = {
    "502-html": (502, "502 Bad Gateway"),
    "503-html": (503, "Jira is down for maintenance"),
    "200-html": (200, "Log in to continue"),
}
RULE_KEYS = frozenset({"method", "path", "app", "kind", "seconds", "times", "probability"})


@dataclass
class Calls:
    """Counts REST calls by caller and path."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    paths: dict[str, Counter[str]] = field(default_factory=dict)
    points: Counter[str] = field(default_factory=Counter)
    last_write: float = 0.0

    def add(self, caller: str, method: str, path: str) -> None:
        """Count one call."""
        with self.lock:
            self.paths.setdefault(caller, Counter())[f"{method} {path}"] += 1

    def add_points(self, caller: str, points: int) -> None:
        """Count what a call cost."""
        with self.lock:
            self.points[caller] += points

    def clear(self) -> None:
        """Back to zero."""
        with self.lock:
            self.paths.clear()
            self.points.clear()

    def to_json(self) -> JsonDict:
        """Totals and the counts by app, as the control API gives them."""
        with self.lock:
            by_app = {name: self._one(name) for name in self.paths}
        total: JsonDict = {
            key: sum(app[key] for app in by_app.values())
            for key in ("total", "reads", "writes", "points")
        }
        return {**total, "byApp": by_app}

    def _one(self, name: str) -> JsonDict:
        paths = self.paths[name]
        total = sum(paths.values())
        reads = sum(n for path, n in paths.items() if is_read(path))
        return {
            "total": total,
            "reads": reads,
            "writes": total - reads,
            "points": self.points[name],
            "paths": dict(sorted(paths.items())),
        }


# POST operations that only read.
READING_POSTS = (
    "/bulkfetch", "/search/jql", "/approximate-count", "/comment/list", "/permissions/check",
    "/worklog/list",
)  # fmt: skip


def is_read(method_and_path: str) -> bool:
    """Whether "METHOD /path" only reads: GETs, and POSTs that carry a question."""
    method, _, path = method_and_path.partition(" ")
    return method == "GET" or (method == "POST" and path.endswith(READING_POSTS))


@dataclass
class Rule:
    """One fault: what it applies to, what happens, how often."""

    kind: str
    method: str | None = None
    path: str | None = None
    app: str | None = None
    seconds: float | None = None
    times: int | None = None
    probability: float = 1.0

    def to_json(self) -> JsonDict:
        """The rule as it was given, with `times` counted down."""
        return {key: value for key, value in vars(self).items() if value is not None}

    @property
    def wait(self) -> float:
        """The seconds that a call is held or kept waiting at most."""
        return 60.0 if self.seconds is None else self.seconds

    def matches(self, caller: str) -> bool:
        """Whether the rule applies to the request at hand."""
        if self.times is not None and self.times <= 0:
            return False
        if self.method and self.method.upper() != request.method:
            return False
        if self.app and self.app != caller:
            return False
        return not self.path or re.search(self.path, request.path) is not None


class Faults:
    """The rules of one site."""

    def __init__(self, rng: random.Random) -> None:
        """`rng` decides for rules with a probability."""
        self.rules: list[Rule] = []
        self.latency = 0.0  # seconds that every call takes beyond its own work
        self.held = 0  # requests that wait to be let go
        self._rng = rng
        self._lock = threading.Lock()
        self._gate = threading.Condition()
        self._opened = 0

    def hold(self, seconds: float) -> None:
        """Wait until somebody lets go, for so many seconds at most."""
        with self._gate:
            before = self._opened
            self.held += 1
            try:
                self._gate.wait_for(lambda: self._opened != before, seconds)
            finally:
                self.held -= 1

    def let_go(self) -> int:
        """Let all go that are held; says how many."""
        with self._gate:
            self._opened += 1
            self._gate.notify_all()
            return self.held

    def replace(self, rules: list[JsonDict]) -> None:
        """Take new rules. Raises ValueError that names what is wrong."""
        fresh = []
        for number, rule in enumerate(rules):
            unknown = set(rule) - RULE_KEYS
            if unknown:
                raise ValueError(f"rule {number}: unknown keys {sorted(unknown)}")
            if rule.get("kind") not in FAULT_KINDS:
                raise ValueError(f"rule {number}: kind must be one of {sorted(FAULT_KINDS)}")
            if rule.get("path"):
                re.compile(rule["path"])
            fresh.append(Rule(**rule))
        with self._lock:
            self.rules = fresh

    def pick(self, caller: str, *, named: bool = False) -> Rule | None:
        """The fault for the request at hand, counted down; None for a clean passage.

        `named`: only rules that name a path count.
        """
        with self._lock:
            for rule in self.rules:
                if named and not rule.path:
                    continue
                if rule.matches(caller) and self._rng.random() < rule.probability:
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
        return None


def play(rule: Rule) -> Response | None:  # noqa: PLR0911 (one answer a kind)
    """Do what the rule says before the handler runs; None lets the request go on."""
    seconds = rule.seconds
    if rule.kind in ("429", "429-no-retry-after"):
        answer = Response('{"errorMessages":["Rate limit exceeded."],"errors":{}}', 429)
        answer.content_type = "application/json;charset=UTF-8"
        answer.headers["RateLimit-Reason"] = "jira-burst-based"
        if rule.kind == "429":
            answer.headers["Retry-After"] = str(max(1, round(seconds or 1)))
        return answer
    if rule.kind in REFUSALS:
        status, words = REFUSALS[rule.kind]
        body = json.dumps({"errorMessages": [words], "errors": {}})
        return Response(body, status, content_type="application/json;charset=UTF-8")
    if rule.kind in PAGES:
        status, title = PAGES[rule.kind]
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return Response(page, status, content_type="text/html;charset=UTF-8")
    if rule.kind == "503":
        answer = Response("Service Unavailable", 503, content_type="text/plain")
        if seconds:
            answer.headers["Retry-After"] = str(round(seconds))
        return answer
    if rule.kind == "slow":
        time.sleep(2.0 if seconds is None else seconds)
    elif rule.kind == "timeout":
        time.sleep(rule.wait)
        return drop()
    elif rule.kind == "drop-connection":
        return drop()
    return None


def drop() -> Response:
    """Cut the connection without an answer."""
    # Waitress hands the application a bound method of its channel; there is no other way down
    # to the socket.
    channel: Any = request.environ["waitress.client_disconnected"].__self__
    channel.socket.shutdown(2)
    return Response("", 500)


def halve(answer: Response) -> Response:
    """Announce the whole length and send half: the client's read breaks off."""
    if answer.direct_passthrough:
        answer.response = first_bytes(answer.iter_encoded(), (answer.content_length or 0) // 2)
        return answer
    whole = answer.get_data()
    length = len(whole)
    answer.set_data(whole[: length // 2])
    answer.headers["Content-Length"] = str(length)
    answer.automatically_set_content_length = False
    return answer
