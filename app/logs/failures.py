"""What a line tells of an exception: classes and places. Never a message: it carries values."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import TracebackType

MOST_FAULTS = 12
MOST_FRAMES = 20

_CLASS = re.compile(r"[A-Za-z0-9_.<>]{1,120}")
_FRAME = re.compile(r"[A-Za-z0-9_.<>-]{1,100}:[0-9]{1,7} [A-Za-z0-9_<>]{1,80}")

Told = dict[str, str | list[str]]


def describe(fault: BaseException) -> list[Told]:
    """The exception, what caused it and what it holds: each with its class and its last frames."""
    return [
        {"class": class_name(one), "frames": _frames(one.__traceback__)} for one in _family(fault)
    ]


def current(exc_info: object) -> BaseException | None:
    """The exception that a log call means by its `exc_info`."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        found = exc_info[1] if len(exc_info) == 3 else None
        return found if isinstance(found, BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def class_name(fault: BaseException) -> str:
    """The class with its module, as long as both are plain names."""
    kind = type(fault)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return name if _CLASS.fullmatch(name) else "unknown"


def place(module: object, line: object, function: object) -> str:
    """`module:line function`, as long as these are plain names."""
    text = f"{module}:{line} {function}"
    return text if _FRAME.fullmatch(text) else "unknown"


def _family(fault: BaseException) -> Iterator[BaseException]:
    waiting, seen = [fault], set[int]()
    while waiting and len(seen) < MOST_FAULTS:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if before is not None:
            waiting.append(before)
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)


def _frames(trace: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(
            place(trace.tb_frame.f_globals.get("__name__"), trace.tb_lineno, code.co_name)
        )
        trace = trace.tb_next
    return frames[-MOST_FRAMES:]
