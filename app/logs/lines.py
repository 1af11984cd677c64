"""Makes each record one line of JSON on standard error: ours, other libraries', and crashes."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

from app.logs import failures
from app.logs.fields import listed, listed_event
from app.traceless import drop_marks

LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
TEMPLATE_LIMIT = 200  # characters

_LOGGER = re.compile(r"[A-Za-z_]{1,30}[0-9]{0,3}(?:[.-][A-Za-z_]{1,30}[0-9]{0,3}){0,7}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# What our rules let through has none of these. They are the net for what another library's
# template may hold. Escapes are matched first, so that none is ever cut in two.
_NET = re.compile(
    r"""
      (?P<keep> \\(?:u[0-9a-fA-F]{4}|.) | "request":\ "[0-9a-f]{32}" )
    | (?P<scheme> \b(?:[Bb]earer|[Bb]asic|JWT)[ ]+ ) [A-Za-z0-9+/._~=-]{8,}
    | (?P<user> :// ) [^\s/@"\\]{1,300} @
    | (?P<token> eyJ[A-Za-z0-9_-]{5,} (?:\.[A-Za-z0-9_-]+){0,2} )
    | (?P<run> [A-Za-z0-9+/_-]{24,} ={0,2} )
    """,
    re.VERBOSE,
)
REMOVED = "[removed]"

_writing = threading.Lock()


def scrub(line: str) -> str:
    """The finished line without what looks like a token, a key, or a password in an address."""
    return _NET.sub(_caught, line)


def _caught(match: re.Match[str]) -> str:
    found = match.group()
    if match["keep"]:
        return found
    if match["scheme"]:
        return match["scheme"] + REMOVED
    if match["user"]:
        return f"://{REMOVED}@"
    run = match["run"]
    if run is None:
        return REMOVED
    if _UUID.fullmatch(run):
        return found
    digits = any(letter.isdigit() for letter in run)
    is_hex = digits and len(run) >= 32 and all(c in "0123456789abcdefABCDEF" for c in run)
    return REMOVED if "eyJ" in run or is_hex or (digits and len(run) >= 40) else found


def render(level: str, event: str, rest: Mapping[str, Any]) -> str:
    """One line of JSON, in ASCII, whatever the values hold."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"timestamp": now, "level": level if level in LEVELS else "info", "event": event}
    return scrub(json.dumps(line | drop_marks(rest)))


def write(line: str) -> None:
    """Put a line out in one piece; a stream that is gone must not end what we do."""
    try:
        with _writing:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def typed(_logger: object, method: str, record: MutableMapping[str, Any]) -> str:
    """The last processor of our own records: what the lists allow, and nothing else."""
    event = listed_event(record.pop("event", None))
    fault = failures.current(record.pop("exc_info", None))
    line = listed(record)
    if fault is not None:
        line["exception"] = failures.describe(fault)
    return render("error" if method == "exception" else method, event, line)


def crash(fault: BaseException | None) -> None:
    """Tell of an exception that nobody caught."""
    write(render("critical", "crash", {"exception": failures.describe(fault)} if fault else {}))


class LineWriter:
    """What structlog hands finished lines to."""

    def msg(self, line: str) -> None:
        """Write it."""
        write(line)

    debug = info = warning = error = critical = exception = log = fatal = msg


class LibraryLines(logging.Handler):
    """Lines of other libraries: where, and how grave; the template only where it is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one line. Never formats its arguments, never fails."""
        try:
            write(render(record.levelname.lower(), "library", self._told(record)))
        except Exception:
            write(render("error", "library", {}))

    @staticmethod
    def _told(record: logging.LogRecord) -> dict[str, Any]:
        known = listed(structlog.contextvars.get_contextvars())
        told: dict[str, Any] = {
            "logger": record.name if _LOGGER.fullmatch(record.name) else "unknown",
            "at": failures.place(record.module, record.lineno, record.funcName),
        }
        # Without arguments the values may be in the text already.
        if record.args and isinstance(record.msg, str):
            told["message"] = record.msg[:TEMPLATE_LIMIT]
        fault = failures.current(record.exc_info)
        if fault is not None:
            told["exception"] = failures.describe(fault)
        return known | told
