"""The functions of expressions. Each charges what it costs before it works, and none reads a clock,
chance, a file or anything else than its arguments.

They stand in the place of all of cel-python's own, of which some take unbounded time (`duration`),
read the clock (`timestamp`), or spell out values in errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from celpy.celtypes import DoubleType, IntType, ListType, MapType
from celpy.evaluation import CELEvalError

from app.mapping.transforms import moments
from app.mapping.transforms.basics import Function, finite, number, unfit, whole
from app.mapping.transforms.limits import Meter
from app.mapping.transforms.operators import Operators, both, choose, either
from app.mapping.transforms.problems import Unfit
from app.mapping.transforms.texts import Texts
from app.said import said

_LONGEST_NUMBER = 400


def table(meter: Meter, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Function]:
    """All functions by the name that cel-python calls them by, for one evaluation."""
    plain: dict[str, Function] = {
        **Operators(meter).table(),
        **Texts(meter).table(),
        **moments.table(),
        "int": to_int,
        "double": to_double,
        "default": default,
        "lookup": lambda name, key, *other: look_up(tables, name, key, *other),
    }
    guarded = {name: _guarded(function) for name, function in plain.items()}
    return guarded | {"_&&_": both, "_||_": either, "_?_:_": choose}


def _guarded(function: Function) -> Function:
    """The function, which hands on an error that it is given."""

    def call(*arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, CELEvalError):
                return argument
        return function(*arguments)

    return call


def to_int(value: Any) -> IntType:
    """int(): without the fraction."""
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
            raise Unfit(said("int() was given a text that is no whole number"))
    elif not number(value):
        unfit("int()", value)
    return whole(int(value))


def to_double(value: Any) -> DoubleType:
    """double(): with a fraction."""
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not re.fullmatch(
            r"\s*[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?\s*", value
        ):
            raise Unfit(said("double() was given a text that is no number"))
    elif not number(value):
        unfit("double()", value)
    return finite(float(value))


def default(value: Any, other: Any) -> Any:
    """default(): the value, or the other one where it is nothing, empty or blank."""
    if value is None or (isinstance(value, ListType | MapType) and not value):
        return other
    return other if isinstance(value, str) and not value.strip() else value


def look_up(tables: Mapping[str, Mapping[str, Any]], name: Any, key: Any, *other: Any) -> Any:
    """lookup(): what a table of the mapping has for a key, else the third argument."""
    if not isinstance(name, str) or not isinstance(key, str | None):
        unfit("lookup()", name, key)
    if name not in tables:
        raise Unfit(said("asks lookup() for a table that the mapping does not have"))
    if key is not None and key in tables[name]:
        return tables[name][key]
    if other:
        return other[0]
    raise Unfit(said("lookup() found no row; give what else to take as its third argument"))
