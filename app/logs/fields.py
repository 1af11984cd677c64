"""What a line of our own may carry: a closed list of events, and of fields with a rule each.

A record is a set of typed fields, so it has no place for a text from outside: neither an issue's
content, nor a token, nor anything of a Data Center site. What breaks its rule is left out, and
only the field's name is told.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[object], str | int | float | None]
"""Gives the value as the line carries it, or None where it may not."""

UNLISTED_EVENT = "unlisted event"
UNLISTED_FIELD = "unlisted"

EVENTS = frozenset(
    {
        "request",
        "refused",
        "fault",
        "installed",
        "uninstalled",
        "bell was rung by another at the same moment",
        "bell failed",
        "check failed",
        "drain failed",
        "errand failed",
        "errand not renewed",
        "errand was taken over",
        "load failed",
        "load held up",
        "look failed",
        "reconcile failed",
        "search failed",
        "site paused",
        "site resumed",
        "site not asked",
        "backing off",
        "counter not kept",
        "took the job of a dead worker away",
    }
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"})
PROOFS = frozenset({"public", "lifecycle", "site", "page", "context", "invocation"})
PROBLEM_FIELDS = frozenset(
    {
        "account",
        "action",
        "allowed",
        "approve",
        "base",
        "baseUrl",
        "choice",
        "clientKey",
        "cloudId",
        "code",
        "connection",
        "constant",
        "days",
        "displayUrl",
        "eventType",
        "field",
        "fields",
        "file",
        "finding",
        "issue",
        "issue.fields.issuetype.id",
        "issue.fields.project.id",
        "issue.fields.updated",
        "issue.id",
        "issueLink",
        "issueLink.id",
        "issues",
        "issuetype",
        "items",
        "jql",
        "key",
        "kind",
        "left",
        "left.filter",
        "left_filter",
        "left_project",
        "left_type",
        "lifecycle",
        "limit_mb",
        "mapping",
        "match",
        "missing",
        "moves",
        "name",
        "of",
        "out",
        "outcome",
        "page",
        "pair",
        "plan",
        "productType",
        "profile",
        "project",
        "query",
        "revision",
        "right",
        "right.filter",
        "right_filter",
        "right_project",
        "right_type",
        "role",
        "row",
        "samples",
        "search-minutes",
        "sharedSecret",
        "side",
        "since",
        "sources",
        "text",
        "to",
        "token",
        "transform",
        "twin",
        "until",
        "url",
        "users",
        "value",
        "version",
        "webhookEvent",
        "what",
        "worklog",
        "worklog.issueId",
    }
)
"""The inputs that a problem may name; a name that a caller made up is none of them."""

_SENTENCE = re.compile(r"[A-Za-z0-9 ,.:;'()-]{1,120}")
_WORD = re.compile(r"[A-Za-z]{0,32}[0-9]{0,4}[a-z]{0,4}")


def shaped(pattern: str) -> Rule:
    """A text that the whole of this pattern describes."""
    whole_text = re.compile(pattern)

    def rule(found: object) -> str | None:
        match = whole_text.fullmatch(found) if isinstance(found, str) else None
        return match.group() if match else None

    return rule


def one_of(words: frozenset[str]) -> Rule:
    """A word of a closed set."""

    def rule(found: object) -> str | None:
        return next((word for word in words if word == found), None)

    return rule


def whole(low: int, high: int) -> Rule:
    """A whole number within these bounds."""

    def rule(found: object) -> int | None:
        if isinstance(found, bool) or not isinstance(found, int):
            return None
        return int(found) if low <= found <= high else None

    return rule


def number(high: float) -> Rule:
    """A number from 0 up, to the thousandth."""

    def rule(found: object) -> float | None:
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        return round(float(found), 3) if math.isfinite(found) and 0 <= found <= high else None

    return rule


def our_id(found: object) -> str | int | float | None:
    """A UUID: the ids of tenants, profiles and all else that is ours."""
    return _uuid_text(str(found) if isinstance(found, uuid.UUID) else found)


def sentence(found: object) -> str | None:
    """Plain words, as our own reasons are written; nothing that looks like a code or a key."""
    if not isinstance(found, str) or not _SENTENCE.fullmatch(found):
        return None
    words = re.findall(r"[A-Za-z0-9]+", found)
    return str(found) if all(_WORD.fullmatch(word) for word in words) else None


_uuid_text = shaped(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

FIELDS: Mapping[str, Rule] = {
    # Of the request
    "request": shaped(r"[0-9a-f]{32}"),
    "tenant": our_id,
    "proof": one_of(PROOFS),
    "method": one_of(METHODS),
    "endpoint": shaped(r"[a-z_]{1,60}(?:\.[a-z_]{1,60}){0,3}"),
    "route": shaped(r"/[A-Za-z0-9_<>:.,() /-]{0,160}"),
    "status": whole(100, 599),
    "ms": number(86_400_000),
    # Of a refusal
    "code": shaped(r"[a-z-]{1,60}"),
    "field": one_of(PROBLEM_FIELDS),
    "reason": sentence,
    "site_status": whole(100, 599),
    # Of the worker
    "profile": our_id,
    "lane": whole(0, 32767),
    "job": whole(0, 2**63 - 1),
    "seconds": number(86_400),
    "count": whole(0, 1_000_000),
}


def listed(values: Mapping[str, object]) -> dict[str, Any]:
    """The fields that may be told, and under `dropped` the names of those that may not.

    A name that is not listed is not told either: it may be input, too.
    """
    told: dict[str, Any] = {}
    dropped: set[str] = set()
    for name, found in values.items():
        if found is None:
            continue
        value = _checked(FIELDS[name], found) if name in FIELDS else None
        if value is None:
            dropped.add(name if name in FIELDS else UNLISTED_FIELD)
        else:
            told[name] = value
    if dropped:
        told["dropped"] = sorted(dropped)
    return told


def _checked(rule: Rule, found: object) -> str | int | float | None:
    try:
        return rule(found)
    except Exception:
        return None  # an object with odd ways of its own: a log call never fails


def listed_event(found: object) -> str:
    """The event's own name, if the list has it."""
    return found if isinstance(found, str) and found in EVENTS else UNLISTED_EVENT
