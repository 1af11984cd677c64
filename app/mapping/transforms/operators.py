"""The operators of expressions. Each charges what it costs before it works."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from celpy.celtypes import (
    BoolType,
    DoubleType,
    DurationType,
    IntType,
    ListType,
    MapType,
    StringType,
    TimestampType,
)
from celpy.evaluation import CELEvalError

from app.mapping.transforms.basics import Function, bare, finite, number, unfit, whole
from app.mapping.transforms.limits import Meter
from app.mapping.transforms.moments import lasting, moved, plain_time, utc
from app.mapping.transforms.problems import Unfit
from app.said import said


def both(a: Any, b: Any) -> Any:
    """a && b: false if one is, whatever the other."""
    return _decided(a, b, stops=False)


def either(a: Any, b: Any) -> Any:
    """a || b: true if one is, whatever the other."""
    return _decided(a, b, stops=True)


def _decided(a: Any, b: Any, *, stops: bool) -> Any:
    for one in (a, b):
        if isinstance(one, BoolType) and bool(one) is stops:
            return BoolType(stops)
    for one in (a, b):
        if isinstance(one, CELEvalError):
            return one
    for one in (a, b):
        if not isinstance(one, BoolType):
            unfit("a condition", one)
    return BoolType(not stops)


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """condition ? yes : no."""
    if isinstance(condition, CELEvalError):
        return condition
    if not isinstance(condition, BoolType):
        unfit("a condition", condition)
    return yes if condition else no


class Operators:
    """The operators, at the cost of one evaluation."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def table(self) -> dict[str, Function]:
        """By the names of CEL's definition."""
        return {
            "!_": self._not,
            "-_": self._minus,
            "_+_": self._add,
            "_-_": self._subtract,
            "_*_": lambda a, b: _count(operator.mul, "*", a, b),
            "_/_": _divide,
            "_%_": _remainder,
            "_<_": lambda a, b: self._compare(operator.lt, a, b),
            "_<=_": lambda a, b: self._compare(operator.le, a, b),
            "_>_": lambda a, b: self._compare(operator.gt, a, b),
            "_>=_": lambda a, b: self._compare(operator.ge, a, b),
            "_==_": lambda a, b: BoolType(self.same(a, b)),
            "_!=_": lambda a, b: BoolType(not self.same(a, b)),
            "_in_": self._in,
            "contains": self.contains,
            "_[_]": self._item,
        }

    def same(self, a: Any, b: Any) -> bool:
        """Whether two values are equal; values of different types are not. Numbers are compared by
        what they are worth."""
        waiting = [(a, b)]
        while waiting:
            one, other = waiting.pop()
            self._meter.charge(1)
            if isinstance(one, ListType) and isinstance(other, ListType):
                if len(one) != len(other):
                    return False
                waiting.extend(zip(one, other, strict=True))
            elif isinstance(one, MapType) and isinstance(other, MapType):
                if set(one) != set(other):
                    return False
                waiting.extend((one[key], other[key]) for key in one)
            elif not _alike(one, other):
                return False
        return True

    def contains(self, group: Any, part: Any) -> BoolType:
        """Whether a text holds another, or a list an item."""
        if isinstance(group, str) and isinstance(part, str):
            self._meter.read(group)
            return BoolType(str(part) in str(group))
        if isinstance(group, ListType):
            return self._in(part, group)
        unfit("contains()", group, part)

    def _in(self, item: Any, group: Any) -> BoolType:
        if isinstance(group, MapType):
            return BoolType(isinstance(item, str) and item in group)
        if not isinstance(group, ListType):
            unfit("in", group)
        return BoolType(any(self.same(item, one) for one in group))

    def _item(self, group: Any, place: Any) -> Any:
        if isinstance(group, MapType) and isinstance(place, str):
            if place not in group:
                raise Unfit(
                    said("a name in brackets is not in the map; ask with in or has() first")
                )
            return group[place]
        if isinstance(group, ListType) and number(place) and int(place) == place:
            if not 0 <= place < len(group):
                raise Unfit(said("a place in brackets is not in the list; ask size() first"))
            return group[int(place)]
        unfit("[ ]", group, place)

    @staticmethod
    def _not(value: Any) -> BoolType:
        if not isinstance(value, BoolType):
            unfit("!", value)
        return BoolType(not value)

    @staticmethod
    def _minus(value: Any) -> Any:
        return _count(operator.sub, "-", IntType(0), value) if number(value) else unfit("-", value)

    def _add(self, a: Any, b: Any) -> Any:
        if isinstance(a, str) and isinstance(b, str):
            self._meter.room(len(a) + len(b))
            return StringType(str(a) + str(b))
        if isinstance(a, ListType) and isinstance(b, ListType):
            self._meter.items(len(a) + len(b))
            return ListType([*a, *b])
        for one, other in ((a, b), (b, a)):
            if isinstance(one, TimestampType) and isinstance(other, DurationType):
                return moved(one, plain_time(other))
        if isinstance(a, DurationType) and isinstance(b, DurationType):
            return lasting(plain_time(a) + plain_time(b))
        return _count(operator.add, "+", a, b)

    def _subtract(self, a: Any, b: Any) -> Any:
        if isinstance(a, TimestampType) and isinstance(b, TimestampType):
            return lasting(utc(a) - utc(b))
        if isinstance(a, TimestampType) and isinstance(b, DurationType):
            return moved(a, -plain_time(b))
        if isinstance(a, DurationType) and isinstance(b, DurationType):
            return lasting(plain_time(a) - plain_time(b))
        return _count(operator.sub, "-", a, b)

    def _compare(self, how: Callable[[Any, Any], bool], a: Any, b: Any) -> BoolType:
        if number(a) and number(b):
            return BoolType(how(bare(a), bare(b)))
        if isinstance(a, str) and isinstance(b, str):
            return BoolType(how(str(a), str(b)))
        if isinstance(a, TimestampType) and isinstance(b, TimestampType):
            return BoolType(how(utc(a), utc(b)))
        if isinstance(a, DurationType) and isinstance(b, DurationType):
            return BoolType(how(a.total_seconds(), b.total_seconds()))
        unfit("a comparison", a, b)


def _alike(one: Any, other: Any) -> bool:
    if number(one) and number(other):
        return bare(one) == bare(other)
    if isinstance(one, str) and isinstance(other, str):
        return str(one) == str(other)
    kinds = (BoolType, TimestampType, DurationType)
    if any(isinstance(one, kind) and isinstance(other, kind) for kind in kinds):
        return bool(one == other)
    return one is None and other is None


def _count(how: Callable[[Any, Any], Any], sign: str, a: Any, b: Any) -> IntType | DoubleType:
    """Whole numbers stay whole; with a fraction on one side the result has one."""
    if not (number(a) and number(b)):
        unfit(sign, a, b)
    found = how(bare(a), bare(b))
    if isinstance(found, float):
        return finite(found)
    return whole(found)


def _divide(a: Any, b: Any) -> IntType | DoubleType:
    if not (number(a) and number(b)):
        unfit("/", a, b)
    if b == 0:
        raise Unfit(said("a division by zero; ask for it first"))
    if isinstance(a, float) or isinstance(b, float):
        return finite(bare(a) / bare(b))
    found = abs(int(a)) // abs(int(b))  # towards zero, as CEL says
    return whole(-found if (int(a) < 0) != (int(b) < 0) else found)


def _remainder(a: Any, b: Any) -> IntType:
    if not all(number(one) and not isinstance(one, float) for one in (a, b)):
        unfit("%", a, b)
    if int(b) == 0:
        raise Unfit(said("a division by zero; ask for it first"))
    found = abs(int(a)) % abs(int(b))
    return IntType(-found if int(a) < 0 else found)
