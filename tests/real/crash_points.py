"""A worker that dies: drains in a forked process which kills itself at a chosen point.

A point is a line of the modules that create and update, a statement or a commit sent to the
database (before and after), or a call to a site (before it is sent, after it is sent but before
its answer is read, and after). The process dies by SIGKILL, so nothing of it is tidied up.
"""

from __future__ import annotations

import gc
import http.client
import json
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import urllib3.connection
from flask import Flask
from sqlalchemy import event

from app import ROOT, create_app
from app.database import db
from app.settings import Settings

MODULES = tuple(
    str(ROOT / "app" / "sync" / f"{name}.py")
    for name in (
        "reconcile",
        "flight",
        "turn",
        "twins",
        "rings",
        "ring_walk",
        "pairs",
        "put_back",
        "overwritten",
        "written",
        "store",
        "items/work",
        "items/hand",
        "items/store",
    )
)
HTTP: dict[CodeType, str] = {
    urllib3.connection.HTTPConnection.request.__code__: "send",
    http.client.HTTPConnection.getresponse.__code__: "answer",
}


class Points:
    """Counts the points that a process passes, and kills it at the chosen one: the one with this
    number, or the first one with this label."""

    def __init__(self, die_at: int | str | None) -> None:
        self.die_at = die_at
        self.labels: list[str] = []
        self._making: dict[int, bool] = {}

    def __call__(self, label: str) -> None:
        """Pass a point."""
        if self.die_at in {len(self.labels), label}:
            os.kill(os.getpid(), signal.SIGKILL)
        self.labels.append(label)

    def watch(self) -> None:
        """Begin: lines, calls and statements of this process from here on."""
        for name in ("before_cursor_execute", "after_cursor_execute"):
            event.listen(db.engine, name, lambda *_a, name=name, **_k: self(name))
        for name in ("begin", "commit", "rollback"):
            event.listen(db.engine, name, lambda *_a, name=name, **_k: self(name))
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, kind: str, _arg: Any) -> Any:
        code = frame.f_code
        if code in HTTP:
            self(f"{HTTP[code]} {'create' if self._creates(frame) else 'call'}")
            return self._returns
        if code.co_filename in MODULES:
            return self._lines
        return None

    def _creates(self, frame: FrameType) -> bool:
        """Whether what a connection sends, or was last sent on it, makes an issue."""
        sent = frame.f_locals
        if "method" in sent:
            path = str(sent["url"]).partition("?")[0]
            self._making[id(sent["self"])] = sent["method"] == "POST" and path.endswith("/issue")
        return self._making[id(sent["self"])]

    def _returns(self, frame: FrameType, kind: str, _arg: Any) -> Any:
        if kind == "return":
            self(f"{HTTP[frame.f_code]} return")
        return self._returns

    def _lines(self, frame: FrameType, kind: str, _arg: Any) -> Any:
        if kind == "line":
            self(f"{Path(frame.f_code.co_filename).stem}:{frame.f_lineno}")
        return self._lines


def places(labels: Sequence[str], known: set[str] | None = None) -> list[int]:
    """The numbers of the points to die at: each line at its first pass, each call to a site, each
    statement and commit. Lines in `known` were died at before; with them given, statements (whose
    lines are died at anyhow) are left out, commits are not."""
    seen: set[str] = set() if known is None else known
    chosen = []
    for number, label in enumerate(labels):
        is_line = ":" in label
        left_out = label in seen if is_line else known is not None and "execute" in label
        if not left_out:
            chosen.append(number)
        if is_line:
            seen.add(label)
    return chosen


def boundaries(labels: Sequence[str]) -> list[int]:
    """The numbers of the points by which something outside of the process may have changed: after
    each statement and each commit, and between a call to a site and its answer, and after that. To
    die anywhere between two of them leaves the same behind as to die at the first."""
    told = [(number, label) for number, label in enumerate(labels) if ":" not in label]
    after = [label in {"commit", "rollback"} for _, label in told]
    return [
        number
        for (number, label), was_ended in zip(told, [True, *after[:-1]], strict=True)
        if was_ended or label.startswith(("after", "answer"))
    ]


@dataclass(frozen=True)
class Victim:
    """The product put together in this process, warm, with no connection open."""

    app: Flask
    log: Path

    @classmethod
    def of(cls, settings: Settings, log: Path) -> Victim:
        """Put it together as the worker does."""
        app = create_app(settings, pool_size=4)
        with app.app_context():
            db.engine.dispose()  # a connection must not be shared over a fork
        return cls(app, log)

    def warm(self, profile: str, lanes: Sequence[int]) -> None:
        """Drain here, before the first fork: what is compiled and imported then serves every
        process that is forked from this one."""
        with self.app.app_context():
            for lane in lanes:
                self.app.extensions["tandem"].reconciler.drain(uuid.UUID(profile), lane)
            db.engine.dispose()
        gc.freeze()  # a collection in a child would copy every page that it looks at

    def drain(
        self, profile: str, lane: int, *, die_at: int | str | None = None
    ) -> list[str] | None:
        """Drain once in a process of its own. The points that it passed; None: it was killed.

        Without `die_at` it is undisturbed.
        """
        told = self.log.with_suffix(".points")
        told.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._in_child(profile, lane, die_at, told)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return None
        assert os.WEXITSTATUS(status) == 0, self.log.read_text()[-4000:]
        found: list[str] = json.loads(told.read_text())
        return found

    def _in_child(self, profile: str, lane: int, die_at: int | str | None, told: Path) -> None:
        code = 1
        try:
            sink = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            points = Points(die_at)
            with self.app.app_context():
                points.watch()
                self.app.extensions["tandem"].reconciler.drain(uuid.UUID(profile), lane)
            sys.settrace(None)
            told.write_text(json.dumps(points.labels))
            sys.stdout.flush()
            code = 0
        finally:
            os._exit(code)
