"""Expressions that mean harm end with a sentence: refused, or out of what they may spend."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.mapping.profile import Kind
from app.mapping.transforms import (
    Held,
    Inputs,
    Rule,
    Target,
    TransformFailed,
    TransformProblem,
    compile_expression,
)
from app.mapping.transforms.functions import table
from app.mapping.transforms.limits import BUDGET, MAX_PARTS, MAX_TEXT, Meter

WORDS = tuple(f"word{number:04}" for number in range(1_000))
LONG = "é" * 32_000
SUMMARY = Target("summary=summary", "summary", Kind.TEXT)


def inputs() -> Inputs:
    fields = {"labels": Held(Kind.LABELS, WORDS), "summary": Held(Kind.TEXT, LONG)}
    return Inputs(Held(Kind.TEXT, LONG), source=fields)


def refused(text: str) -> TransformProblem:
    with pytest.raises(TransformProblem) as caught:
        compile_expression(text)
    return caught.value


def failed(text: str, given: Inputs | None = None) -> str:
    with pytest.raises(TransformFailed) as caught:
        compile_expression(text).apply(given or inputs(), SUMMARY)
    return caught.value.sentence


REFUSED = [
    ("1" * 2_001, Rule.TOO_LONG),
    ("(" * 900 + "1" + ")" * 900, Rule.TOO_DEEP),
    ("[" * 900 + "]" * 900, Rule.TOO_DEEP),
    ("{1:" * 300 + "1" + "}" * 300, Rule.TOO_DEEP),
    ("!" * 1_990 + "true", Rule.TOO_DEEP),
    ("-" * 1_990 + "1", Rule.TOO_DEEP),
    ("1" + "+1" * 990, Rule.TOO_DEEP),
    ("true ? 1 : " * 150 + "2", Rule.TOO_DEEP),
    ("value" + ".trim()" * 200, Rule.TOO_DEEP),
    # The parser's own pattern for texts takes twice as long for each of these pairs.
    ('"' + r"\a" * 900, Rule.SYNTAX),
    ("'''" + r"\a" * 900, Rule.SYNTAX),
    ('"' + r"\a" * 900 + '\\\n"', Rule.SYNTAX),
    ('"' + r"\a" * 900 + '\r"', Rule.SYNTAX),
    ('"""' + r"\a" * 900 + '""', Rule.SYNTAX),
    ('value + r"\\"', Rule.SYNTAX),
    ('b"bytes"', Rule.SYNTAX),
    ("google.protobuf.Int32Value{value: 1}", Rule.SYNTAX),
    (".value", Rule.SYNTAX),
    (".size(value)", Rule.SYNTAX),
    ("99999999999999999999", Rule.SYNTAX),
    ("1" * 1_900, Rule.SYNTAX),
    ("9e999", Rule.SYNTAX),
    ("__import__('os').system('true')", Rule.UNKNOWN_FUNCTION),
    ("eval('1')", Rule.UNKNOWN_FUNCTION),
    ("getattr(value, 'x')", Rule.UNKNOWN_FUNCTION),
    ("type(value)", Rule.UNKNOWN_FUNCTION),
    ("now()", Rule.UNKNOWN_FUNCTION),
    ("value.format('{0.__class__}')", Rule.UNKNOWN_FUNCTION),
    ("value.encode()", Rule.UNKNOWN_FUNCTION),
    ("[1].reduce(a, b, 0, a + b)", Rule.UNKNOWN_FUNCTION),
    ("[1].min()", Rule.UNKNOWN_FUNCTION),
    ("bytes(value)", Rule.UNKNOWN_FUNCTION),
    ("__builtins__", Rule.UNKNOWN_NAME),
    ("self", Rule.UNKNOWN_NAME),
    ("size", Rule.UNKNOWN_NAME),
    ("google", Rule.UNKNOWN_NAME),
]


@pytest.mark.parametrize(("text", "rule"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_what_could_never_run_well_is_refused_before_it_runs(text: str, rule: Rule) -> None:
    assert refused(text).rule is rule


INTO_PYTHON = [
    "value.__class__",
    "value['__class__']",
    "''.__class__.__mro__",
    "source.__dict__",
    "source['__init__']",
    "tables.__getitem__",
    "[].__class__",
    "1.5.real",
    "timestamp('2026-01-01').year",
    "source_issue == source_issue ? value.__doc__ : ''",
]


@pytest.mark.parametrize("text", INTO_PYTHON)
def test_no_name_leads_into_python(text: str) -> None:
    try:
        sentence = failed(text)
    except TransformProblem as problem:
        sentence = problem.sentence
    assert "__" in text or "is asked of" in sentence or "CEL" in sentence
    assert "celpy" not in sentence and "class '" not in sentence


def test_every_function_within_reach_is_one_of_ours() -> None:
    """cel-python falls back on its own functions for a name that is not in our table."""
    from app.mapping.transforms.check import FUNCTIONS, METHODS

    ours = table(Meter(), {})
    assert set(FUNCTIONS) | set(METHODS) <= set(ours) | {"has"}
    from celpy.evaluation import base_functions

    operators = {name for name in base_functions if "_" in name and not name.isidentifier()}
    assert operators <= set(ours)


def nested(body: str, times: int) -> str:
    """[…].map(a0, [a0…].map(a1, …)), each level with a name of its own."""
    opened = "".join(f".map(a{n}, {body.replace('@', f'a{n}')}" for n in range(times))
    return f"[value]{opened}{')' * times}"


EXHAUSTED = [
    "source.labels.map(x, source.labels.map(y, y))",
    "source.labels.map(x, source.labels.map(y, source.labels.map(z, z)))",
    "source.labels.exists(x, source.labels.exists(y, x + y == ''))",
    "source.labels.all(x, source.labels.all(y, x != y || true))",
    # cel-python's own exists() gathers the words of errors: they would double 1,000 times.
    "source.labels.exists(x, source.labels.exists(y, x.size() / 0 > 1))",
    "source.labels.all(x, source.labels.all(y, y.nope))",
    "source.labels.map(x, value.upper().size())",
    "source.labels.map(x, value.replace('é', 'e').size())",
    "source.labels.map(x, value.contains('éa'))",
    "source.labels.map(x, source.labels.join(','))",
    "source.labels.map(x, source.labels == source.labels)",
    "source.labels.map(x, x in source.labels)",
    "source.labels.map(x, value.matches('(é|a)*b$'))",
    "source.labels.map(x, value.matches('(.*)(.*)(.*)b$'))",
    "source.labels.map(x, x.matches(x + '(a{10}|b{10}){5}'))",
    "source.labels.map(x, [source.labels, source.labels, source.labels].size())",
]


@pytest.mark.parametrize("text", EXHAUSTED)
def test_what_loops_in_loops_runs_out_of_steps(text: str) -> None:
    assert "takes more steps than a transform may" in failed(text)


def test_a_list_that_doubles_at_each_turn_ends_at_its_limit() -> None:
    for turn in ("[a, a]", "[[a], [a]]", "{'a': a, 'b': a}"):
        assert f"{MAX_PARTS:,}" in failed("[1]" + f".map(a, {turn})" * 40)
    assert f"{MAX_PARTS:,}" in failed("[1]" + ".map(a, [a, a, a])" * 40 + " == [1]")


def test_a_text_that_doubles_at_each_turn_ends_at_its_limit() -> None:
    short = Inputs(Held(Kind.TEXT, "x" * 100))
    for text in (
        "[value]" + ".map(a, a + a)" * 60,
        nested("[@ + @]", 20),
        "value" + ".replace('x', 'xxxxxxxxxx')" * 30,
        "[[value, value].join(value)]" + ".map(a, [a, a, a].join(a))" * 30,
    ):
        assert f"{MAX_TEXT:,}" in failed(text, short)


def test_a_regular_expression_takes_time_in_proportion_to_the_text() -> None:
    bombs = ("(a+)+$", "(a|aa)+$", "(a|a?)+b", "(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$")
    given = Inputs(Held(Kind.TEXT, "a" * 30_000 + "!"))
    for bomb in bombs:
        assert compile_expression(f"value.matches('{bomb}')").show(given)[0] is False


@pytest.mark.parametrize("pattern", ["(", "a{1001}", "((a{100}){100}){100}", r"(?=a)", r"(a)\\1"])
def test_a_regular_expression_that_re2_does_not_take_is_an_error(pattern: str) -> None:
    assert "RE2" in failed(f"value.matches('{pattern}')")


def test_a_duration_that_would_make_cel_pythons_own_pattern_backtrack_is_an_error() -> None:
    assert "no duration" in failed(f"string(duration('{'a' * 1_500}!'))")


@pytest.mark.parametrize("text", ["now", "2026", "12:00", "2026-W01", "20260101", "2026-01-01T10"])
def test_no_text_makes_a_timestamp_read_the_clock_or_a_zone_of_the_machine(text: str) -> None:
    assert "timestamp() was given a text" in failed(f"string(timestamp('{text}'))")


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + 1",
        "9223372036854775807 * 9223372036854775807",
        "-9223372036854775807 - 2",
        "1.0e308 * 10.0",
        "int('" + "9" * 300 + "')",
        "int('" + "9" * 1_500 + "')",
        "int(1.0e300)",
        "1 / 0",
        "1 % 0",
        "1.0 / 0.0",
        "string(days(99999999999))",
        "string(timestamp('9999-12-31') + days(2))",
        "string(timestamp('0001-01-01') - days(2))",
    ],
)
def test_numbers_and_moments_end_at_their_limits(text: str) -> None:
    assert "fails (line 1" in failed(text)


def test_a_value_of_the_wrong_type_is_never_spelled_out() -> None:
    """cel-python's own words hold the values that an operator did not take."""
    secret = "s3cret-value"
    given = Inputs(Held(Kind.TEXT, secret), source={"labels": Held(Kind.LABELS, (secret,))})
    for text in (
        "value + 1",
        "value.x",
        "value.lower().x.y",
        "value && value",
        "value || value",
        "!value",
        "-value",
        "value ? 1 : 2",
        "value < 1",
        "source.labels[value]",
        "source.labels[5]",
        "source[value]",
        "source.labels.map(x, x.y)",
        "source.labels.all(x, x)",
        "int(value)",
        "double(value)",
        "timestamp(value)",
        "duration(value)",
        "lookup(value, value)",
        "value.matches(value + '(')",
        "{value: 1, value: 2}",
        "{source.labels: 1}",
        "[source.labels, value].join('')",
        "source.labels",
        "source",
    ):
        assert secret not in failed(text, given)


def test_cel_python_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    given = Inputs(Held(Kind.TEXT, "s3cret-value"))
    failed("[1].map(x, value + x)", given)
    failed("1 + value.nothing", given)
    compile_expression("value + ''").apply(given, SUMMARY)
    assert "s3cret" not in caplog.text


def test_threads_that_run_out_of_steps_end_alone_and_leave_the_others_their_results() -> None:
    good = compile_expression("source.labels.map(x, x.upper()).size()")
    bad = compile_expression(EXHAUSTED[0])
    together = threading.Barrier(4)

    def run(number: int) -> object:
        together.wait(timeout=120)
        try:
            return (bad if number % 2 else good).show(inputs())[0]
        except TransformFailed:
            return "failed"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [1_000, "failed", 1_000, "failed"]


def test_the_deepest_expressions_that_are_taken_run_in_a_thread_with_a_small_stack() -> None:
    deep = ["value" + " + value" * 38, "!" * 78 + "true", "value" + ".trim()" * 78]
    deep.append("[1]" + "".join(f".map(a{n}, [a{n}]" for n in range(20)) + ")" * 20)
    found: list[object] = []

    def run() -> None:
        found.extend(compile_expression(text).show(Inputs(Held(Kind.TEXT, "x"))) for text in deep)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(timeout=120)
    assert len(found) == len(deep)


def test_the_worst_that_was_found_stays_within_a_few_megabytes() -> None:
    doubling = compile_expression("[1]" + ".map(a, [a, a])" * 40)
    erring = compile_expression(EXHAUSTED[4])
    tracemalloc.start()
    try:
        for transform in (doubling, erring):
            with pytest.raises(TransformFailed):
                transform.show(inputs())
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_what_an_expression_costs_does_not_depend_on_the_machine() -> None:
    spent = {
        compile_expression("source.labels.map(x, x + 'a').size()").show(inputs()) for _ in "abc"
    }
    assert len(spent) == 1
    assert 0 < spent.pop()[1] < BUDGET
