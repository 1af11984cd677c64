"""What may leave no trace: types that refuse to be stored, and marks that nothing may carry.

While a call that may concern a Data Center is `in_hand`, no statement of the engine and no log line
carries a text of it. The hand is a context variable: a new thread or task pool does not inherit it,
unless it is started with `contextvars.copy_context().run`. Types that inherit from `Traceless` are
refused everywhere, in hand or not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

import psycopg
from psycopg.adapt import Dumper
from psycopg.types.json import Json, Jsonb

SHORTEST = 4  # characters: anything shorter would match by accident
SHORTEST_BASE64 = 6
WITHHELD = "[withheld]"
_PLAIN = frozenset({NoneType, bool, int, float, str, bytes, uuid.UUID, datetime})


class TracelessError(RuntimeError):
    """Something that must leave no trace was about to be stored, sent on or written down."""


class Traceless:
    """The base of types that are never stored: no table, no pickle, no JSON, no repr of content.

    Not for dataclasses: `asdict`, and with it Flask's JSON, would take them apart.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        if "__slots__" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} needs __slots__: vars() would take it apart.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: never stored>"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} does not change.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TracelessError(f"A {type(self).__name__} is never stored: it cannot be pickled.")


class _Refusal(Dumper):
    def dump(self, obj: Any) -> NoReturn:
        """Refuse to make a parameter of a statement of it."""
        raise TracelessError(f"A {type(obj).__name__} is never stored: no statement may carry it.")


psycopg.adapters.register_dumper(Traceless, _Refusal)


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of one mark, in lower case; `mark` is the number of the mark, from 1."""

    mark: int
    form: str
    text: str = field(repr=False)


def needles(marks: Iterable[str]) -> tuple[Needle, ...]:
    """The marks and the forms that they may hide in; those under four characters are left out."""
    made = []
    for number, mark in enumerate(marks, start=1):
        if len(mark) < SHORTEST:
            continue
        forms: dict[str, str] = {}
        for variant in dict.fromkeys((mark, mark.lower(), mark.upper())):
            for form, text in _forms(variant):
                forms.setdefault(text.lower(), form)
        made += [Needle(number, form, text) for text, form in forms.items()]
    return tuple(made)


def _forms(mark: str) -> Iterator[tuple[str, str]]:
    raw = mark.encode("utf-8", "surrogatepass")
    yield "text", mark
    yield "JSON", json.dumps(mark)[1:-1]
    yield "JSON", json.dumps(mark, ensure_ascii=False)[1:-1]
    yield "URL", quote(raw, safe="")
    yield "URL", quote(raw)
    yield "URL", quote_plus(raw)
    yield "hex", raw.hex()
    yield "SHA-256", hashlib.sha256(raw).hexdigest()
    # A text inside a longer one is encoded in one of three ways, by where it begins. Only the
    # characters that depend on nothing around it are looked for.
    for shift, start in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        core = coded[start : len(coded) - (1 if (shift + len(raw)) % 3 else 0)]
        if len(core) >= SHORTEST_BASE64:
            yield "base64", core
            yield "base64", core.replace("+", "-").replace("/", "_")


def find(wanted: Iterable[Needle], value: object) -> Needle | None:
    """The first of the needles in a value, whatever it is: text, bytes, numbers, nested."""
    for leaf in _leaves(value):
        if isinstance(leaf, int | float | Decimal):
            # A number is a find only where it is the mark itself.
            text = str(leaf)
            whole = [one for one in wanted if one.text == text]
            if whole:
                return whole[0]
            continue
        text = text_of(leaf)
        for one in wanted:
            if one.text in text:
                return one
    return None


def text_of(value: object) -> str:
    """A value as the text that needles are looked for in, in lower case."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace").lower()
    return str(value).lower()


def _leaves(value: object) -> Iterator[object]:
    """The single values in a value; a Json of psycopg is opened."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, Json | Jsonb):
        yield from _leaves(value.obj)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(name)
            yield from _leaves(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


_hand: ContextVar[tuple[Needle, ...]] = ContextVar("traceless", default=())


@contextmanager
def in_hand(marks: Iterable[str]) -> Iterator[None]:
    """While the block runs, no statement and no log line may carry one of these texts.

    An exception whose text carries one leaves the block as a TracelessError without it.
    """
    wanted = _hand.get() + needles(marks)
    token = _hand.set(wanted)
    try:
        yield
    except Exception as fault:
        if _tells(fault, wanted):
            raise TracelessError(
                f"A {type(fault).__name__}; what it says is withheld, since it says too much."
            ) from None
        raise
    finally:
        _hand.reset(token)


def _tells(fault: BaseException | None, wanted: tuple[Needle, ...]) -> bool:
    """Whether an exception, or one that is shown with it, carries a needle in its text."""
    while fault is not None:
        if find(wanted, [str(fault), *map(str, fault.args), *getattr(fault, "__notes__", ())]):
            return True
        hidden = fault.__suppress_context__
        fault = fault.__cause__ or (None if hidden else fault.__context__)
    return False


def is_barred(value: object) -> bool:
    """Whether a value may not be stored or written down: a Traceless, or a mark in hand."""
    wanted = _hand.get()
    return _holds_traceless(value) or (bool(wanted) and find(wanted, value) is not None)


def _holds_traceless(value: object) -> bool:
    if type(value) in _PLAIN:
        return False  # by far the most: this runs for every statement
    if isinstance(value, list | tuple | set | frozenset):
        return not _PLAIN.issuperset(map(type, value)) and any(map(_holds_traceless, value))
    if isinstance(value, Mapping):
        return any(map(_holds_traceless, (*value, *value.values())))
    if isinstance(value, Json | Jsonb):
        return _holds_traceless(value.obj)
    return isinstance(value, Traceless)


def guard_statement(
    _connection: object, _cursor: object, statement: str, parameters: object, *_: object
) -> None:
    """For SQLAlchemy's `before_cursor_execute`: let no statement pass that carries what is barred.

    It stands before every flush, core statement, text and executemany. Raises TracelessError.
    """
    if is_barred(parameters) or is_barred(statement):
        raise TracelessError(
            "A statement was refused: it carries something that must leave no trace."
        )


def drop_marks(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a log line, each that is barred withheld."""
    return {name: WITHHELD if is_barred(value) else value for name, value in values.items()}
