"""The functions of expressions that make and read texts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2
from celpy.celtypes import (
    BoolType,
    DurationType,
    IntType,
    ListType,
    MapType,
    StringType,
    TimestampType,
)

from app.mapping.transforms.basics import Function, number, unfit
from app.mapping.transforms.limits import MATCHED, MAX_PATTERN, Meter
from app.mapping.transforms.moments import spelled
from app.mapping.transforms.problems import Unfit
from app.said import said


class Texts:
    """The functions of texts, at the cost of one evaluation."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def table(self) -> dict[str, Function]:
        """By the names that expressions call them by."""
        return {
            "size": self.size,
            "string": self.string,
            "startsWith": self._starts,
            "endsWith": self._ends,
            "matches": lambda text, pattern: matches(self._meter, text, pattern),
            "lower": self._lower,
            "upper": self._upper,
            "trim": self._trim,
            "replace": self._replace,
            "split": self._split,
            "join": self._join,
            "truncate": self._truncate,
        }

    def size(self, value: Any) -> IntType:
        """size(): the characters of a text, the items of a list, the names of a map."""
        if not isinstance(value, str | ListType | MapType):
            unfit("size()", value)
        return IntType(len(value))

    def string(self, value: Any) -> StringType:
        """string(): a value as text. Whole numbers have no ".0"."""
        if isinstance(value, BoolType):
            return StringType("true" if value else "false")
        if isinstance(value, str):
            return StringType(value)
        if isinstance(value, float):
            whole = float(value).is_integer() and abs(value) < 1e15
            return StringType(str(int(value)) if whole else repr(float(value)))
        if isinstance(value, TimestampType | DurationType):
            return StringType(spelled(value))
        if number(value):
            return StringType(str(int(value)))
        unfit("string()", value)

    def _text(self, name: str, value: Any, *more: Any) -> str:
        for one in (value, *more):
            if not isinstance(one, str):
                unfit(name, one)
            self._meter.read(one)
        return str(value)

    def _starts(self, text: Any, start: Any) -> BoolType:
        return BoolType(self._text("startsWith()", text, start).startswith(start))

    def _ends(self, text: Any, end: Any) -> BoolType:
        return BoolType(self._text("endsWith()", text, end).endswith(end))

    def _lower(self, text: Any) -> StringType:
        return self._made(self._text("lower()", text).lower())

    def _upper(self, text: Any) -> StringType:
        return self._made(self._text("upper()", text).upper())

    def _made(self, text: str) -> StringType:
        self._meter.room(len(text))
        return StringType(text)

    def _trim(self, text: Any) -> StringType:
        return StringType(self._text("trim()", text).strip())

    def _replace(self, text: Any, old: Any, new: Any) -> StringType:
        whole = self._text("replace()", text, old, new)
        if not old:
            raise Unfit(said("replace() was given an empty text to look for"))
        self._meter.room(len(whole) + whole.count(old) * (len(new) - len(old)))
        return StringType(whole.replace(str(old), str(new)))

    def _split(self, text: Any, between: Any) -> ListType:
        whole = self._text("split()", text, between)
        if not between:
            raise Unfit(said("split() was given an empty text to look for"))
        count = whole.count(between) + 1
        self._meter.items(count)
        self._meter.charge(count)
        return ListType([StringType(part) for part in whole.split(str(between))])

    def _join(self, parts: Any, between: Any) -> StringType:
        if not isinstance(parts, ListType):
            unfit("join()", parts)
        if not isinstance(between, str):
            unfit("join()", between)
        texts = [str(part) for part in parts if isinstance(part, str)]
        if len(texts) < len(parts):
            raise Unfit(said("join() wants a list of texts; make texts with map() and string()"))
        self._meter.charge(len(parts) // 4)
        self._meter.room(sum(map(len, texts)) + len(between) * len(texts))
        return StringType(str(between).join(texts))

    def _truncate(self, text: Any, length: Any) -> StringType:
        whole = self._text("truncate()", text)
        if not number(length) or int(length) != length or length < 1:
            raise Unfit(said("truncate() wants a whole number from 1 on"))
        if len(whole) <= length:
            return StringType(whole)
        return StringType(whole[: int(length) - 1].rstrip() + "…")


def matches(meter: Meter, text: Any, pattern: Any) -> BoolType:
    """matches(): whether a regular expression of RE2 finds something in a text."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        unfit("matches()", text, pattern)
    if len(pattern) > MAX_PATTERN:
        raise Unfit(
            said(
                "a regular expression of more than %(max_pattern)s characters",
                max_pattern=MAX_PATTERN,
            )
        )
    meter.pattern(pattern)
    found = _compiled(str(pattern))
    if found is None:
        raise Unfit(said("a regular expression that RE2 does not take; correct or shorten it"))
    meter.charge(1 + len(text) * found.programsize // MATCHED)
    return BoolType(found.search(str(text)) is not None)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    # RE2 takes time in proportion to the text, whatever the expression.
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None
