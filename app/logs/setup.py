"""Sends all that a process says of itself through one pipeline."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from typing import TYPE_CHECKING, TextIO

import structlog

from app.logs import failures
from app.logs.lines import LibraryLines, LineWriter, crash, render, typed, write

if TYPE_CHECKING:
    from types import TracebackType


def configure_logs(level: int = logging.INFO) -> None:
    """Our lines, other libraries' warnings and crashes: to standard error, each one JSON object.

    Call it first in every process: what fails before it is told in Python's own way.
    """
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, typed],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: LineWriter(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [LibraryLines()]
    root.setLevel(logging.WARNING)
    logging.raiseExceptions = False  # its own report of a broken record prints the arguments
    warnings.showwarning = _warned
    sys.excepthook = _crashed
    sys.unraisablehook = lambda told: crash(told.exc_value)
    threading.excepthook = _thread_crashed


def _crashed(
    _kind: type[BaseException], fault: BaseException, _trace: TracebackType | None
) -> None:
    # Where a hook fails, Python prints the exception itself.
    try:
        crash(fault)
    except BaseException:
        write(render("critical", "crash", {}))


def _thread_crashed(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is None or not isinstance(told.exc_value, SystemExit):
        crash(told.exc_value)


def _warned(  # noqa: PLR0917  the signature is Python's
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    module = filename.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py")
    write(
        render(
            "warning",
            "library",
            {
                "logger": "warnings",
                "at": failures.place(module, lineno, "<warning>"),
                "exception": [{"class": category.__name__, "frames": []}],
            },
        )
    )
