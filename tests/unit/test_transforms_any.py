"""Any expression at all: refused, failed, or a value; no other error, and no value told."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.mapping.profile import Kind
from app.mapping.transforms import (
    Held,
    Inputs,
    Target,
    TransformFailed,
    TransformProblem,
    compile_expression,
)
from app.mapping.transforms.check import FUNCTIONS, MACROS, METHODS
from app.mapping.transforms.limits import BUDGET
from app.mapping.values import handler

SECRET = "s3cret"
FIELDS = {
    "l": Held(Kind.LABELS, tuple(f"{SECRET}{number}" for number in range(300))),
    "t": Held(Kind.TEXT, f"{SECRET} é" * 2_000),
    "d": Held(Kind.DATE, "2026-03-31"),
    "o": Held(Kind.OPTION, ("7", SECRET)),
    "n": Held(Kind.NUMBER, 3.5),
}
INPUTS = Inputs(Held(Kind.TEXT, SECRET), FIELDS, FIELDS, tables={"t": {SECRET: "x"}})
ATOMS = [
    "value", "source.l", "source.t", "source.d", "source.o", "source.o.id", "source.n", "source",
    "target.l", "tables.t", "null", "true", "0", "-5", "2.5", "9223372036854775807", "'a'", "'é,b'",
    "'(a|b)*c'", "'2026-03-31'", "'1h'", "[]", "{}",
]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "in", "&&", "||"]


class Maker:
    """Expressions of the names, functions and operators that there are, mostly with wrong types."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def make(self, depth: int, names: list[str]) -> str:
        """One of at most this depth, in which these names of macros may stand."""
        if depth <= 0:
            return self._random.choice(ATOMS + 3 * names)
        kind = self._random.choice((self._operator, self._method, self._macro, self._other))
        return kind(depth - 1, names)

    def _operator(self, depth: int, names: list[str]) -> str:
        sign = self._random.choice(OPERATORS)
        return f"({self.make(depth, names)} {sign} {self.make(depth, names)})"

    def _method(self, depth: int, names: list[str]) -> str:
        name = self._random.choice(sorted(METHODS))
        given_ = ", ".join(self.make(depth - 1, names) for _ in range(METHODS[name][0]))
        return f"{self.make(depth, names)}.{name}({given_})"

    def _macro(self, depth: int, names: list[str]) -> str:
        name = f"v{len(names)}"
        body = self.make(depth, [*names, name])
        return f"{self.make(depth, names)}.{self._random.choice(MACROS)}({name}, {body})"

    def _other(self, depth: int, names: list[str]) -> str:
        name = self._random.choice([*sorted(FUNCTIONS), "if", "list", "map"])
        one, two, three = (self.make(depth - n, names) for n in (0, 0, 1))
        match name:
            case "has":
                return f"has({one}.x)"
            case "if":
                return f"({one} ? {two} : {three})"
            case "list":
                return f"[{one}, {two}][{three}]"
            case "map":
                return f"{{'a': {one}, 'b': {two}}}.a"
        return f"{name}({', '.join((one, two, three)[: FUNCTIONS[name][0]])})"


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.sampled_from(sorted(Kind)))
def test_any_expression_ends_with_a_value_or_with_a_sentence(
    random: Random, depth: int, kind: Kind
) -> None:
    try:
        transform = compile_expression(Maker(random).make(depth, []))
    except TransformProblem as problem:
        assert problem.sentence
        return
    try:
        assert transform.show(INPUTS)[1] <= BUDGET
        value = transform.apply(INPUTS, Target("a=b", "l", kind))
        assert handler(kind).same(value, transform.apply(INPUTS, Target("a=b", "l", kind)))
    except TransformFailed as failed:
        assert SECRET not in failed.sentence
        assert "cannot be worked out" not in failed.sentence, transform.text


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="value.()[]{}\"'\\/ \n\r+-?:,rb0x1e_é&|<=", max_size=60))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        compile_expression(text)
    except TransformProblem as problem:
        assert problem.sentence
