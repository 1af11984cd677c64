"""What the functions of expressions share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from celpy.celtypes import BoolType, DoubleType, IntType

from app.mapping.transforms.limits import name_of
from app.mapping.transforms.problems import Unfit

Function: TypeAlias = Callable[..., Any]
_INT = range(-(1 << 63), 1 << 63)


def unfit(what: str, *given: object) -> NoReturn:
    """Raises Unfit: what the function or operator does not take."""
    raise Unfit(f"{what} does not take {' and '.join(name_of(one) for one in given)}")


def number(value: object) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, BoolType | bool)


def bare(value: Any) -> int | float:
    """A number as Python's own."""
    return float(value) if isinstance(value, float) else int(value)


def whole(found: int) -> IntType:
    """A whole number. Raises Unfit where it has more than 63 bits."""
    if found not in _INT:
        raise Unfit("a number grows beyond 63 bits")
    return IntType(found)


def finite(found: float) -> DoubleType:
    """A number. Raises Unfit where it is infinite or none."""
    if not math.isfinite(found):
        raise Unfit("a number grows without end")
    return DoubleType(found)
