"""What an expression's result is to a field, and to people."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from celpy.celtypes import (
    BoolType,
    DurationType,
    ListType,
    MapType,
    StringType,
    TimestampType,
)

from app.mapping.kinds.identified import OneOf, SeveralOf
from app.mapping.profile import Kind
from app.mapping.transforms.limits import name_of
from app.mapping.transforms.moments import spelled, utc
from app.mapping.transforms.rich import document
from app.mapping.values import UnreadableValueError, Value, handler
from app.said import said

_LONGEST_LABEL = 255


class Misfit(Exception):
    """A result is not what the field takes. The sentence says what was expected and what came."""


def can_make(kind: Kind) -> bool:
    """Whether an expression can make a value of `kind`: not of what is only read, nor an issue."""
    known = kind in _TAKEN or isinstance(handler(kind), OneOf | SeveralOf)
    return known and handler(kind).writable


def taken(kind: Kind, result: Any) -> Value:
    """The canonical value of a result. Raises Misfit where a field of `kind` does not take it."""
    if not can_make(kind):
        raise Misfit(
            said(
                "gives a value for a field of kind %(kind)s, which no transform can make",
                kind=kind.value,
            )
        )
    try:
        if result is None:
            return handler(kind).empty
        several = isinstance(handler(kind), SeveralOf)
        return _TAKEN.get(kind, _as_many if several else _as_one)(kind, result)
    except UnreadableValueError:
        raise Misfit(
            said(
                "a field of kind %(kind)s cannot take %(name_of)s",
                kind=kind.value,
                name_of=name_of(result),
            )
        ) from None


def told(result: Any) -> Any:
    """A result as JSON has it, for people."""
    if isinstance(result, BoolType):
        return bool(result)
    if isinstance(result, DurationType):
        return spelled(result)
    if isinstance(result, TimestampType):
        return utc(result).isoformat().replace("+00:00", "Z")
    if isinstance(result, ListType):
        return [told(one) for one in result]
    if isinstance(result, MapType):
        return {str(key): told(one) for key, one in result.items()}
    plain_types = (float, int, str)
    return next((make(result) for make in plain_types if isinstance(result, make)), None)


def _expected(what: str, result: Any) -> Misfit:
    return Misfit(
        said("gives %(name_of)s, where %(what)s was expected", name_of=name_of(result), what=what)
    )


def _text(result: Any, what: str) -> str:
    if not isinstance(result, str):
        raise _expected(what, result)
    try:
        result.encode()
    except UnicodeEncodeError:
        raise Misfit(said("gives a text with half a character; cut or replace elsewhere")) from None
    return str(result)


def _as_text(kind: Kind, result: Any) -> Value:
    text = _text(result, said("a text (string() makes one)"))
    return (text.strip() or None) if kind is Kind.NAMED else handler(kind).read(text)


def _as_rich(kind: Kind, result: Any) -> Value:
    return handler(kind).read(document(_text(result, said("a text (string() makes one)"))))


def _as_number(kind: Kind, result: Any) -> Value:
    if isinstance(result, BoolType) or not isinstance(result, int | float):
        raise _expected(said("a number (double() makes one)"), result)
    return handler(kind).read(float(result))


def _as_day(kind: Kind, result: Any) -> Value:
    what = said("a moment, or a text as YYYY-MM-DD,")
    if isinstance(result, TimestampType):
        return utc(result).date().isoformat()
    return _spelled(kind, _text(result, what), what)


def _as_moment(kind: Kind, result: Any) -> Value:
    what = said("a moment, or a text as YYYY-MM-DDTHH:MM:SSZ,")
    if isinstance(result, TimestampType):
        return handler(kind).read(utc(result).isoformat())
    return _spelled(kind, _text(result, what), what)


def _spelled(kind: Kind, text: str, what: str) -> Value:
    try:
        return handler(kind).read(text)
    except UnreadableValueError:
        raise Misfit(said("gives another text, where %(what)s was expected", what=what)) from None


def _as_labels(kind: Kind, result: Any) -> Value:
    labels = [_text(one, said("a list of texts")) for one in _list(result, said("a list of texts"))]
    for label in labels:
        if not label or label.split() != [label] or len(label) > _LONGEST_LABEL:
            raise Misfit(
                said(
                    "gives a label that is empty, has a blank in it or more than "
                    '%(longest_label)s characters; use replace(" ", "-"), filter() and '
                    "truncate()",
                    longest_label=_LONGEST_LABEL,
                )
            )
    return handler(kind).read(labels)


def _list(result: Any, what: str) -> Iterator[Any]:
    if not isinstance(result, ListType):
        raise _expected(what, result)
    return iter(result)


def _at(result: MapType, name: str) -> Any:
    if name not in result:
        return None  # get() of cel-python has no default
    return result[name]


def _as_part(result: Any) -> tuple[str, str] | None:
    """An id and a name. What is given by its name alone has no id: whoever carries it finds it."""
    what = said('a name, or a map such as {"id": "10001"},')
    if isinstance(result, MapType):
        found = [str(_text(_at(result, key) or StringType(""), what)) for key in ("id", "name")]
        if not any(found):
            raise Misfit(
                said("gives a map without an id and a name, where one of them was expected")
            )
        return found[0], found[1]
    text = _text(result, what).strip()
    return ("", text) if text else None


def _as_one(kind: Kind, result: Any) -> Value:
    return _as_part(result)


def _as_many(kind: Kind, result: Any) -> Value:
    found = (_as_part(one) for one in _list(result, said("a list of names or maps")))
    return tuple(sorted({part for part in found if part is not None}))


def _as_cascade(kind: Kind, result: Any) -> Value:
    if not isinstance(result, MapType) or _at(result, "parent") is None:
        raise _expected(said('a map such as {"parent": "Europe", "child": "France"}'), result)
    parent, child = _as_part(result["parent"]), _at(result, "child")
    return None if parent is None else (parent, None if child is None else _as_part(child))


def _account(result: Any) -> str:
    what = said('an account id, or a map such as {"id": "…"},')
    return _text(_at(result, "id") if isinstance(result, MapType) else result, what)


def _as_user(kind: Kind, result: Any) -> Value:
    account = _account(result)
    return handler(kind).read({"accountId": account}) if account else None


def _as_users(kind: Kind, result: Any) -> Value:
    accounts = [_account(one) for one in _list(result, said("a list of account ids"))]
    return handler(kind).read([{"accountId": account} for account in accounts])


def _as_times(kind: Kind, result: Any) -> Value:
    what = said('a map such as {"original": 3600, "remaining": null} with seconds')
    if not isinstance(result, MapType):
        raise _expected(what, result)
    found = []
    for name in ("original", "remaining"):
        seconds = _at(result, name)
        if isinstance(seconds, BoolType) or not isinstance(seconds, int | float | None):
            raise _expected(what, seconds)
        found.append(None if seconds is None else math.floor(seconds / 60) * 60)
    if any(seconds is not None and seconds < 0 for seconds in found):
        raise Misfit(said("gives a time below zero"))
    return tuple(found)


_TAKEN: dict[Kind, Callable[[Kind, Any], Value]] = {
    Kind.TEXT: _as_text,
    Kind.URL: _as_text,
    Kind.NAMED: _as_text,
    Kind.RICH_TEXT: _as_rich,
    Kind.NUMBER: _as_number,
    Kind.DATE: _as_day,
    Kind.DATETIME: _as_moment,
    Kind.LABELS: _as_labels,
    Kind.CASCADE: _as_cascade,
    Kind.USER: _as_user,
    Kind.USERS: _as_users,
    Kind.TIME_TRACKING: _as_times,
}
