"""What the functions of expressions share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from celpy.celtypes import BoolType, DoubleType, IntType

from app.mapping.transforms.limits import name_of
from app.mapping.transforms.problems import Unfit
from app.said import said

Function: TypeAlias = Callable[..., Any]
_INT = range(-(1 << 63), 1 << 63)


def unfit(what: str, *given: object) -> NoReturn:
    """Raises Unfit: what the function or operator does not take."""
    names = name_of(given[0])
    for one in given[1:]:
        names = said("%(first)s and %(second)s", first=names, second=name_of(one))
    raise Unfit(said("%(what)s does not take %(names)s", what=what, names=names))


def number(value: object) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, BoolType | bool)


def bare(value: Any) -> int | float:
    """A number as Python's own."""
    return float(value) if isinstance(value, float) else int(value)


def whole(found: int) -> IntType:
    """A whole number. Raises Unfit where it has more than 63 bits."""
    if found not in _INT:
        raise Unfit(said("a number grows beyond 63 bits"))
    return IntType(found)


def finite(found: float) -> DoubleType:
    """A number. Raises Unfit where it is infinite or none."""
    if not math.isfinite(found):
        raise Unfit(said("a number grows without end"))
    return DoubleType(found)
