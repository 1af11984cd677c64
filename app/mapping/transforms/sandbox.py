"""Evaluates a checked expression by cel-python's evaluator, counting each step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

from celpy.celtypes import BoolType, ListType, MapType
from celpy.evaluation import Activation, CELEvalError, Evaluator
from lark import Token, Tree

from app.mapping.transforms.check import MACROS, Checked
from app.mapping.transforms.functions import table
from app.mapping.transforms.limits import STEP, TURN, Exhausted, Meter, name_of
from app.mapping.transforms.problems import Unfit
from app.said import Said, said, words_of

# It would log the values of issues.
logging.getLogger("celpy").setLevel(logging.CRITICAL + 1)
_MAKERS = {"exprlist", "mapinits", "member_dot_arg", "addition", "primary"}


# Each item of a list, and what came of it.
_Results: TypeAlias = Iterable[tuple[Any, Any]]


class Failed(Exception):
    """An evaluation came to no value. The sentence never holds a value."""


class _Counting(Evaluator):
    def __init__(
        self,
        tree: Tree[Token],
        activation: Activation,
        meter: Meter,
        literals: Mapping[int, Any],
    ) -> None:
        self._meter, self._literals = meter, literals
        super().__init__(tree, activation)

    def sub_evaluator(self, ast: Tree[Token]) -> _Counting:
        """The evaluator of what a macro does for each item, at the same cost."""
        return _Counting(ast, self.activation, self._meter, self._literals)

    def set_activation(self, values: Mapping[str, Any]) -> Evaluator:
        """Give names to values, as each turn of a macro does."""
        self._meter.charge(TURN)
        return super().set_activation(values)

    def visit(self, tree: Tree[Token]) -> Any:
        """One step. What makes lists is looked at for their size."""
        self._meter.charge(STEP)
        found = super().visit(tree)
        if tree.data in _MAKERS and isinstance(found, ListType | MapType):
            self._meter.weigh(found)
        return found

    def visit_children(self, tree: Tree[Token]) -> list[Any]:
        """A step for each child."""
        return [self.visit(c) if isinstance(c, Tree) else c for c in tree.children]

    def literal(self, tree: Tree[Token]) -> Any:
        """What stands in the expression itself, as it was read before."""
        return self._literals[id(tree)]

    def member_dot_arg(self, tree: Tree[Token]) -> Any:
        """A method, or one of CEL's macros: something done for each item of a list.

        cel-python's own macros collect the words of errors, which doubles with each item.
        """
        name = str(tree.children[1])
        if name not in MACROS:
            return super().member_dot_arg(tree)
        asked, _, arguments = cast("list[Tree[Token]]", tree.children)
        items = self.visit(asked)
        if isinstance(items, CELEvalError):
            return items
        if not isinstance(items, ListType | MapType):
            return _error(
                tree,
                said(
                    "%(name)s() is asked of %(name_of)s, and wants a list",
                    name=name,
                    name_of=name_of(items),
                ),
            )
        first, body = cast("list[Tree[Token]]", arguments.children)
        variable = str(next(first.find_data("ident")).children[0])
        inner = self.sub_evaluator(body)
        return _MACROS[name](tree, ((item, inner.turn(variable, item)) for item in items))

    def turn(self, variable: str, item: Any) -> Any:
        """The value for one item, which may be an error."""
        try:
            return self.evaluate({variable: item})
        except CELEvalError as error:
            return error

    def member_dot(self, tree: Tree[Token]) -> Any:
        """a.b: of a map and of nothing else. cel-python's own spells out the value in its error."""
        owner, name = self.visit_children(tree)
        if isinstance(owner, CELEvalError):
            return owner
        if isinstance(owner, MapType) and str(name) in owner:
            return owner[str(name)]
        if isinstance(owner, MapType):
            return _error(
                tree, said(".%(name)s is not there; ask with has() first", name=name[:40])
            )
        return _error(
            tree, said(".%(name)s is asked of %(name_of)s", name=name[:40], name_of=name_of(owner))
        )


def _error(tree: Tree[Token], sentence: str) -> CELEvalError:
    error = CELEvalError("unfit", tree=tree)
    error.__cause__ = Unfit(sentence)
    return error


def _map(tree: Tree[Token], results: _Results) -> Any:
    found = []
    for _, result in results:
        if isinstance(result, CELEvalError):
            return result
        found.append(result)
    return ListType(found)


def _filter(tree: Tree[Token], results: _Results) -> Any:
    found = []
    for item, result in results:
        if not isinstance(result, BoolType):
            return _no_condition(tree, result)
        if result:
            found.append(item)
    return ListType(found)


def _all(tree: Tree[Token], results: _Results) -> Any:
    return _joined(tree, results, stops=False)


def _exists(tree: Tree[Token], results: _Results) -> Any:
    return _joined(tree, results, stops=True)


def _joined(tree: Tree[Token], results: _Results, *, stops: bool) -> Any:
    """As if the results stood with && or || between them: one that decides outweighs errors."""
    wrong: Any = None
    for _, result in results:
        if not isinstance(result, BoolType):
            wrong = wrong or _no_condition(tree, result)
        elif bool(result) is stops:
            return BoolType(stops)
    return BoolType(not stops) if wrong is None else wrong


def _exists_one(tree: Tree[Token], results: _Results) -> Any:
    found = _filter(tree, results)
    return BoolType(len(found) == 1) if isinstance(found, ListType) else found


def _no_condition(tree: Tree[Token], result: Any) -> CELEvalError:
    if isinstance(result, CELEvalError):
        return result
    return _error(tree, said("a condition does not take %(name_of)s", name_of=name_of(result)))


_MACROS: Mapping[str, Callable[[Tree[Token], _Results], Any]] = {
    "map": _map,
    "filter": _filter,
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
}


def evaluate(
    checked: Checked, names: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]
) -> tuple[Any, int]:
    """The value in cel-python's types, and what it cost. Raises Failed, and nothing else."""
    meter = Meter()
    try:
        activation = Activation(functions=table(meter, tables))
        found = _Counting(checked.tree, activation, meter, checked.literals).evaluate(names)
        return found, meter.spent
    except Exhausted as limit:
        raise Failed(limit.sentence) from None
    except CELEvalError as error:
        raise Failed(_why(error)) from None
    except RecursionError:
        raise Failed(said("is nested too deep; write it flatter")) from None
    except Exception:
        # cel-python's words would hold values.
        raise Failed(said("cannot be worked out; try it on a few issues, in the editor")) from None


def _why(error: CELEvalError) -> str:
    line, column = error.line, error.column
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Unfit):
            return _fails(words_of(cause), line, column)
        cause = cause.__cause__
    return _fails(said("a function or operator was given what it does not take"), line, column)


def _fails(why: str, line: int | None, column: int | None) -> Said:
    if not line or not column:
        return said("fails: %(why)s", why=why)
    return said(
        "fails (line %(line)s, character %(column)s): %(why)s", line=line, column=column, why=why
    )
