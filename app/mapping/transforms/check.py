"""What an expression may say: its names, functions and depth, known before it runs.

Everything that is not listed here is refused, so nothing of cel-python is within reach that was
not looked at.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from celpy.celparser import CELParseError, CELParser
from celpy.evaluation import Activation, CELEvalError, Evaluator
from lark import Token, Tree

from app.mapping.transforms import moments
from app.mapping.transforms.limits import MAX_DEPTH
from app.mapping.transforms.problems import Rule, TransformProblem
from app.mapping.transforms.scan import scan
from app.said import said

NAMES = ("value", "source", "target", "source_issue", "target_issue", "tables")
ISSUE = ("key", "type", "project")
FUNCTIONS: dict[str, tuple[int, ...]] = {
    "size": (1,),
    "string": (1,),
    "int": (1,),
    "double": (1,),
    "timestamp": (1,),
    "duration": (1,),
    "days": (1,),
    "default": (2,),
    "lookup": (2, 3),
    "has": (1,),
}
METHODS: dict[str, tuple[int, ...]] = {
    "size": (0,),
    "contains": (1,),
    "startsWith": (1,),
    "endsWith": (1,),
    "matches": (1,),
    "lower": (0,),
    "upper": (0,),
    "trim": (0,),
    "replace": (2,),
    "split": (1,),
    "join": (1,),
    "truncate": (1,),
    "date": (0,),
    **dict.fromkeys(moments.PARTS, (0,)),
}
MACROS = ("map", "filter", "all", "exists", "exists_one")
# Nodes that only hand on their one child.
_PASSING = {
    "expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary",
    "member", "paren_expr",
}  # fmt: skip
_REFUSED = {
    "member_object": said("an object of a type"),
    "dot_ident": said("a name that begins with a dot"),
    "dot_ident_arg": said("a function that begins with a dot"),
}
_REFUSED_LITERALS = {"BYTES_LIT": said("bytes"), "UINT_LIT": said("a number with u")}
_parsing = threading.Lock()


@dataclass
class Checked:
    """An expression that may run: its tree, and what of its inputs it reads, such as
    "source.summary", or "source" where it reads it as a whole."""

    tree: Tree[Token]
    reads: set[str] = field(default_factory=set)
    # The values of literals, by the id() of their node in the tree.
    literals: dict[int, Any] = field(default_factory=dict)


def check(text: str) -> Checked:
    """Raises TransformProblem where the expression may not be."""
    scan(text)
    checked = Checked(_slim(_parsed(text)))
    if isinstance(checked.tree, Tree):
        _look(checked)
    return checked


def _parsed(text: str) -> Tree[Token]:
    try:
        with _parsing:
            return CELParser().parse(text)
    except CELParseError as error:
        line, column = error.line or 0, error.column or 0
        # The end of the text is no place in it.
        where = (line, column) if line > 0 and column > 0 else (0, 0)
        raise TransformProblem(
            Rule.SYNTAX,
            said("this is no CEL expression; compare it with the examples in docs/transforms.md"),
            *where,
        ) from None
    except Exception:
        raise TransformProblem(
            Rule.SYNTAX, said("this is no CEL expression; write it anew")
        ) from None


def _slim(root: Tree[Token]) -> Tree[Token]:
    """The tree without nodes that only hand on their child: a tenth of the steps. A loop, as the
    tree may be thousands of levels deep. Raises TransformProblem where it still is too deep."""
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(_trees(node))
    new: dict[int, Tree[Token]] = {}
    depth: dict[int, int] = {}
    for node in reversed(order):
        children = [new[id(c)] if isinstance(c, Tree) else c for c in node.children]
        if len(children) == 1 and isinstance(children[0], Tree) and _passes(node, children[0]):
            new[id(node)] = children[0]
            continue
        node.children = children
        new[id(node)] = node
        depth[id(node)] = 1 + max((depth[id(c)] for c in _trees(node)), default=0)
    slim = new[id(root)]
    if depth[id(slim)] > MAX_DEPTH:
        raise TransformProblem(
            Rule.TOO_DEEP,
            said(
                "the expression has more than %(max_depth)s levels, of which each + in a row "
                "has two; write it flatter, such as with ['a', 'b'].join('')",
                max_depth=MAX_DEPTH,
            ),
        )
    return slim


def _passes(node: Tree[Token], child: Tree[Token]) -> bool:
    if node.data == "primary":
        return child.data not in {"ident", "ident_arg", "list_lit", "map_lit", *_REFUSED}
    return node.data in _PASSING


def _trees(node: Tree[Token]) -> Iterator[Tree[Token]]:
    return (child for child in node.children if isinstance(child, Tree))


def _look(checked: Checked) -> None:
    waiting: list[tuple[Tree[Token], frozenset[str]]] = [(checked.tree, frozenset(NAMES))]
    while waiting:
        node, names = waiting.pop()
        if node.data in _REFUSED:
            raise _problem(
                Rule.SYNTAX,
                said("%(refused)s is not known here; leave it", refused=_REFUSED[node.data]),
                node,
            )
        if node.data == "literal":
            _literal(checked, node)
        if node.data in {"member_dot", "member_index"} and _reads(checked, node):
            continue
        if node.data == "ident":
            _name(checked, node, names)
        elif node.data == "ident_arg":
            _function(checked, node)
        elif node.data == "member_dot_arg":
            inner = _method(node, names)
            if inner is not None:
                waiting += [(_first(node), names), (inner[1], names | {inner[0]})]
                continue
        waiting.extend((child, names) for child in _trees(node))


def _literal(checked: Checked, node: Tree[Token]) -> Any:
    """The value of a literal, which is worked out once and not at each visit."""
    token = node.children[0]
    kind = token.type if isinstance(token, Token) else ""
    if kind in _REFUSED_LITERALS:
        raise _problem(
            Rule.SYNTAX,
            said(
                "%(refused_literals)s is not known here; leave it",
                refused_literals=_REFUSED_LITERALS[kind],
            ),
            node,
        )
    try:
        found = Evaluator(node, Activation()).literal(node)
    except Exception:
        found = CELEvalError()
    if isinstance(found, CELEvalError) or (isinstance(found, float) and math.isinf(found)):
        sentence = said("this number or text cannot be read; numbers have at most 63 bits")
        raise _problem(Rule.SYNTAX, sentence, node)
    checked.literals[id(node)] = found
    return found


def _reads(checked: Checked, node: Tree[Token]) -> bool:
    """Note the field, table or fact that is read by its name; False where it is none of them."""
    base, rest = _first(node), node.children[1]
    if base.data != "primary" or not isinstance(base.children[0], Tree):
        return False
    name = _token(base.children[0]) if base.children[0].data == "ident" else ""
    if name not in NAMES[1:]:
        return False
    part = str(rest) if isinstance(rest, Token) else _known_text(checked, rest)
    if part is None:
        return False
    if name.endswith("_issue") and part not in ISSUE:
        sentence = said(
            "an issue has %(issue)s, and no other name; use one of these", issue=", ".join(ISSUE)
        )
        raise _problem(Rule.UNKNOWN_NAME, sentence, node)
    checked.reads.add(f"{name}.{part}")
    return True


def _known_text(checked: Checked, node: Tree[Token]) -> str | None:
    """The text that a node is, if it is one that stands in the expression."""
    if node.data != "literal":
        return None
    found = _literal(checked, node)
    return str(found) if isinstance(found, str) else None


def _name(checked: Checked, node: Tree[Token], names: frozenset[str]) -> None:
    name = _token(node)
    if name not in names:
        sentence = said(
            "%(name)s is no name here; there are: %(names)s", name=name[:40], names=", ".join(NAMES)
        )
        raise _problem(Rule.UNKNOWN_NAME, sentence, node)
    if name in NAMES:
        checked.reads.add(name)


def _function(checked: Checked, node: Tree[Token]) -> None:
    name, arguments = _token(node), _arguments(node)
    if name not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        sentence = said(
            "%(name)s() is no function here; there are: %(known)s", name=name[:40], known=known
        )
        raise _problem(Rule.UNKNOWN_FUNCTION, sentence, node)
    _counted(node, name, arguments, FUNCTIONS[name])
    if name == "lookup":
        table = _known_text(checked, arguments[0])
        checked.reads.add("tables" if table is None else f"tables.{table}")
    if name == "has" and arguments[0].data != "member_dot":
        sentence = said("has() asks for a name of a map; write has(source.summary)")
        raise _problem(Rule.ARGUMENTS, sentence, node)


def _method(node: Tree[Token], names: frozenset[str]) -> tuple[str, Tree[Token]] | None:
    """The variable of a macro and what is done for each item; None for what is no macro."""
    name, arguments = str(node.children[1]), _arguments(node)
    if name in METHODS:
        _counted(node, name, arguments, METHODS[name])
        return None
    if name not in MACROS:
        known = ", ".join((*METHODS, *MACROS))
        sentence = said(
            ".%(name)s() is no function here; there are: %(known)s", name=name[:40], known=known
        )
        raise _problem(Rule.UNKNOWN_FUNCTION, sentence, node)
    _counted(node, name, arguments, (2,))
    variable = arguments[0].children[0]
    if not isinstance(variable, Tree) or variable.data != "ident":
        sentence = said(
            "%(name)s() wants a name first, then what to do: %(name)s(x, x.lower())", name=name
        )
        raise _problem(Rule.ARGUMENTS, sentence, node)
    if _token(variable) in names:
        sentence = said(
            "%(token)s is a name already; take another in %(name)s()",
            token=_token(variable)[:40],
            name=name,
        )
        raise _problem(Rule.ARGUMENTS, sentence, node)
    return _token(variable), arguments[1]


def _counted(
    node: Tree[Token], name: str, arguments: list[Tree[Token]], counts: tuple[int, ...]
) -> None:
    if len(arguments) not in counts:
        wanted = " or ".join(map(str, counts))
        sentence = said(
            "%(name)s() takes %(wanted)s in its brackets and has %(count)s; correct it",
            name=name,
            wanted=wanted,
            count=len(arguments),
        )
        raise _problem(Rule.ARGUMENTS, sentence, node)


def _arguments(node: Tree[Token]) -> list[Tree[Token]]:
    last = node.children[-1]
    given = isinstance(last, Tree) and last.data == "exprlist" and last is not node.children[0]
    return list(_trees(last)) if given and isinstance(last, Tree) else []


def _first(node: Tree[Token]) -> Tree[Token]:
    first = node.children[0]
    assert isinstance(first, Tree)  # noqa: S101  the grammar has an expression there
    return first


def _token(node: Tree[Token]) -> str:
    return str(node.children[0])


def _problem(rule: Rule, sentence: str, node: Tree[Token]) -> TransformProblem:
    # A method's own name, and not where that begins which it is asked of.
    at = node.children[1] if node.data == "member_dot_arg" else node.meta
    line, column = getattr(at, "line", None), getattr(at, "column", None)
    place = (line, column) if line and column else (0, 0)
    return TransformProblem(rule, sentence, *place)
