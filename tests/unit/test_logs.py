"""The log's rules: what a line may carry, and that nothing else gets into one."""

from __future__ import annotations

import ast
import importlib
import json
import logging
import pkgutil
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

import app
from app.jira.deployment import DataCenterSite
from app.logs.failures import describe
from app.logs.fields import EVENTS, FIELDS, PROBLEM_FIELDS, PROOFS, UNLISTED_EVENT, listed
from app.logs.lines import LibraryLines, render, scrub, typed
from app.tenants.caller import Proof

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Pl4nted-9f8e7d6c5b4a"
OWN = {"timestamp", "level", "event", "exception", "dropped"}
LIBRARY = {"timestamp", "level", "event", "logger", "at", "message", "exception"}

# The same in each process that runs a part of these tests.
SOME_ID = uuid.UUID("2f1c7ce2-6b0c-4be4-9f0e-0d3b5a7f1c11")
IDS = {"request": "0" * 32, "tenant": str(SOME_ID), "profile": str(SOME_ID)}
GOOD: dict[str, list[Any]] = {
    "request": [SOME_ID.hex],
    "tenant": [SOME_ID, str(SOME_ID)],
    "profile": [SOME_ID, str(SOME_ID)],
    "proof": ["public", *Proof],
    "method": ["GET", "OTHER"],
    "endpoint": ["static", "pages.people.people", "descriptor.atlassian_connect"],
    "route": ["/", "/pages/profiles/<uuid:profile>/<any(pause, resume):action>"],
    "status": [100, 204, 599],
    "ms": [0, 0.4, 12000],
    "code": ["not-authorised", "invalid-field"],
    "field": ["webhookEvent", "issue.fields.project.id"],
    "reason": ["token: longer than 8192 characters", "token: aud is not this app's base URL"],
    "site_status": [403],
    "lane": [0, 15],
    "job": [1, 2**40],
    "seconds": [0.1, 300],
    "count": [0, 50],
}
BAD: dict[str, list[Any]] = {
    "request": ["0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n", 7],
    "tenant": ["acme", str(SOME_ID) + "x", SOME_ID.hex, b"x", True],
    "profile": ["", "x" * 36],
    "proof": [SECRET, "PAGE", 1],
    "method": ["BREW", "get", SECRET],
    "endpoint": ["pages.home?x", "/pages/home", "a..b", "Pages"],
    "route": ["pages", "/pages/?jwt=x", '/"', "/" + "a" * 200, "/é"],
    "status": [99, 600, "200", True, 200.0],
    "ms": [-1, float("nan"), float("inf"), "1", True, 10**12],
    "code": ["Not-Authorised", "a" * 61, "k3y", ""],
    "field": [SECRET, "customfield_10031", "name\n", ["name"]],
    "reason": [SECRET, "token: 12345", "line\nbreak", "https://jira.example", "a" * 121, 'a"b'],
    "site_status": ["403"],
    "lane": [-1, 32768, True],
    "job": [-1, 2**63, "1"],
    "seconds": [-0.1, 86401, float("nan")],
    "count": [-1, 10**7],
}


def own_line(**record: Any) -> dict[str, Any]:
    """What a record of our own becomes."""
    found: dict[str, Any] = json.loads(typed(None, "info", record))
    return found


def library_line(record: logging.LogRecord, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What a record of another library becomes."""
    LibraryLines().emit(record)
    [line] = capsys.readouterr().err.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def raised(fault: BaseException, cause: BaseException | None = None) -> BaseException:
    """An exception with a traceback, as it is caught."""
    try:
        raise fault from cause
    except BaseException as caught:
        return caught


# -- the rules


def test_every_field_has_an_example_that_it_takes_and_one_that_it_refuses() -> None:
    assert set(GOOD) == set(BAD) == set(FIELDS)


@pytest.mark.parametrize(("name", "found"), [(n, one) for n in GOOD for one in GOOD[n]])
def test_a_value_that_keeps_its_rule_is_told(name: str, found: Any) -> None:
    line = own_line(event="refused", **{name: found})
    assert line[name] == (str(found) if isinstance(found, uuid.UUID) else found)
    assert "dropped" not in line


@pytest.mark.parametrize(("name", "found"), [(n, one) for n in BAD for one in BAD[n]])
def test_a_value_that_breaks_its_rule_is_left_out_and_its_field_named(
    name: str, found: Any
) -> None:
    line = own_line(event="refused", **{name: found})
    assert set(line) == {"timestamp", "level", "event", "dropped"}
    assert line["dropped"] == [name]


def test_a_field_that_is_not_listed_is_neither_told_nor_named() -> None:
    line = typed(None, "info", {"event": "refused", "summary": SECRET, SECRET: 1})
    assert SECRET not in line
    assert "summary" not in line
    assert json.loads(line)["dropped"] == ["unlisted"]


def test_a_field_without_a_value_is_left_out_silently() -> None:
    assert set(own_line(event="refused", tenant=None)) == {"timestamp", "level", "event"}


@pytest.mark.parametrize("event", [f"installed {SECRET}", SECRET, "", None, 7, ["installed"]])
def test_an_event_that_is_not_listed_is_not_told(event: Any) -> None:
    line = own_line(event=event)
    assert line["event"] == UNLISTED_EVENT


def test_the_pipelines_own_fields_cannot_be_given_by_a_log_call() -> None:
    line = typed(
        None, "info", {"event": "refused", "message": SECRET, "exception": SECRET, "at": SECRET}
    )
    assert SECRET not in line


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_field_has_a_place_for_anything_of_a_data_center_site(name: str) -> None:
    texts = ("https://jira.acme.example:8443", "jane@acme.example", "MTIzNDU2Nzg5MDEyOlRva2Vu")
    for found in (DataCenterSite(*texts), *texts, list(texts)):
        assert listed({name: found}) == {"dropped": [name]}


class Odd:
    """An object that fails whatever is asked of it, and says the secret."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError(SECRET)

    def __hash__(self) -> int:
        raise RuntimeError(SECRET)

    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_an_object_that_fails_when_looked_at_does_not_fail_the_call(name: str) -> None:
    assert listed({name: Odd()}) == {"dropped": [name]}


texts = st.text(st.characters(codec=None), max_size=60)
planted = st.builds(lambda before, after: before + SECRET + after, texts, texts)
values = st.one_of(
    planted,
    st.lists(planted, max_size=2),
    st.dictionaries(planted, planted, max_size=2),
    st.binary(max_size=20),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.none(),
    st.uuids(),
    st.builds(lambda text: raised(ValueError(text)), planted),
)


@given(
    st.dictionaries(st.one_of(st.sampled_from(sorted(FIELDS)), planted, texts), values),
    st.one_of(planted, texts, st.none()),
    st.one_of(st.none(), st.just(True), planted.map(lambda t: raised(KeyError(t)))),
)
def test_whatever_is_logged_is_one_line_of_json_with_nothing_but_what_the_rules_allow(
    record: dict[str, Any], event: str | None, exc_info: Any
) -> None:
    line = typed(None, "error", record | {"event": event, "exc_info": exc_info})
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert SECRET not in line
    for name, value in json.loads(line).items():
        assert name in OWN or FIELDS[name](value) == value


# -- exceptions


def test_an_exception_is_told_by_class_and_places_with_its_causes_and_never_by_its_text() -> None:
    cause = raised(KeyError(SECRET))
    told = describe(raised(ValueError(f"no {SECRET}"), cause))
    assert [one["class"] for one in told] == ["ValueError", "KeyError"]
    assert all("test_logs" in one["frames"][-1] for one in told)
    assert all(one["frames"][-1].endswith(" raised") for one in told)
    assert SECRET not in json.dumps(told)


def test_a_group_tells_of_each_exception_that_it_holds() -> None:
    group = ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)])
    told = describe(raised(group))
    assert [one["class"] for one in told] == ["ExceptionGroup", "ValueError", "KeyError"]
    assert SECRET not in json.dumps(told)


def test_exceptions_that_cause_each_other_and_endless_chains_come_to_an_end() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert len(describe(first)) == 2
    last: BaseException = ValueError()
    for _ in range(100):
        last = raised(ValueError(), last)
    assert len(describe(last)) == 12


def test_a_class_with_an_odd_name_is_not_named() -> None:
    kind = type(f"x {SECRET}", (ValueError,), {})
    assert describe(kind())[0]["class"] == "unknown"


# -- other libraries


def record_of(msg: Any, *args: Any, exc: BaseException | None = None) -> logging.LogRecord:
    """A record as `logging` makes it."""
    info = (type(exc), exc, exc.__traceback__) if exc else None
    return logging.LogRecord("some.library", logging.WARNING, "/x/pool.py", 7, msg, args, info, "f")


def test_a_librarys_text_is_left_out_and_its_place_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = library_line(record_of(f'said "{SECRET}"\nand more'), capsys)
    assert line.pop("timestamp")
    assert line == {
        "level": "warning",
        "event": "library",
        "logger": "some.library",
        "at": "pool:7 f",
    }


def test_a_librarys_template_is_told_and_its_arguments_never(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = library_line(record_of("error in %r: %s", SECRET, raised(OSError(SECRET))), capsys)
    assert line["message"] == "error in %r: %s"
    assert SECRET not in json.dumps(line)


def test_arguments_that_do_not_fit_the_template_are_not_reported_with_their_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = library_line(record_of("%d of %s", SECRET), capsys)
    assert line["message"] == "%d of %s"


@given(st.one_of(planted, texts), st.lists(values, max_size=3), planted)
def test_whatever_a_library_logs_is_one_line_of_json_without_its_values(
    msg: str, args: list[Any], text: str
) -> None:
    record = record_of(msg if args else msg + SECRET, *args, exc=raised(ValueError(text)))
    told = LibraryLines._told(record)
    message = told.pop("message", None)
    line = render("warning", "library", told)
    assert len(line.splitlines()) == 1
    assert SECRET not in line
    assert set(json.loads(line)) <= LIBRARY
    if record.args:
        assert msg.startswith(message)
    else:
        assert message is None
    assert len(render("warning", "library", {"message": message}).splitlines()) == 1


PROGRAM = """
import asyncio, logging, sys, threading, warnings
from app.logs import configure_logs
configure_logs()
SECRET = sys.argv[2]
class Ends:
    def __del__(self):
        raise ValueError(SECRET)
def fail():
    raise ValueError(SECRET)
async def lose():
    asyncio.get_running_loop().call_soon(fail)
    task = asyncio.create_task(asyncio.to_thread(fail))
    while not task.done():
        await asyncio.sleep(0.01)
    del task
def by_task(): asyncio.run(lose())
def by_thread():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
def by_end():
    ends = Ends()
    del ends
def by_warning(): warnings.warn(SECRET)
def by_library(): logging.getLogger(SECRET).error("x " + SECRET)
def by_library_with_broken_arguments(): logging.getLogger("x").error("%d", SECRET)
def by_crash(): fail()
globals()["by_" + sys.argv[1]]()
"""


@pytest.mark.parametrize(
    ("way", "lines"),
    [
        ("crash", 1),
        ("thread", 1),
        ("end", 1),
        ("task", 2),
        ("warning", 1),
        ("library", 1),
        ("library_with_broken_arguments", 1),
    ],
)
def test_however_a_process_fails_it_prints_lines_of_json_and_no_value(way: str, lines: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, way, SECRET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert SECRET not in ended.stdout + ended.stderr
    found = [json.loads(line) for line in ended.stderr.splitlines()]
    assert len(found) == lines
    assert all(one["event"] in {"crash", "library"} for one in found)
    assert (ended.returncode != 0) == (way == "crash")


# -- the net


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhY21lIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        (f"got {TOKEN} there", TOKEN),
        (f"jwt={TOKEN}", TOKEN),
        (f'"{TOKEN}"', TOKEN),
        (f"é{TOKEN}", TOKEN),
        (f"\n{TOKEN}", TOKEN),
        ("Authorization: Basic YWRtaW46c2VjcmV0", "YWRtaW46c2VjcmV0"),
        ("Bearer ATATT3xFfGF0", "ATATT3xFfGF0"),
        ("postgresql://tandem:hunter2@db:5432/x", "hunter2"),
        ("0123456789abcdef" * 2, "0123456789abcdef"),
        ("A1b2+/" * 8 + "==", "A1b2+/"),
    ],
)
def test_the_net_takes_out_what_looks_like_a_secret(text: str, gone: str) -> None:
    line = render("warning", "library", {"message": text})
    assert gone not in line
    assert all(part not in line for part in gone.split("."))
    assert "[removed]" in json.loads(line)["message"]


def test_the_net_leaves_our_own_lines_as_they_are() -> None:
    for name, examples in GOOD.items():
        for found in examples:
            record = {"event": "refused", name: found, **IDS}
            record[name] = found
            assert "[removed]" not in typed(None, "info", record), record
    for reason in reasons():
        assert "[removed]" not in typed(None, "info", {"event": "refused", "reason": reason})


json_values = st.recursive(
    st.one_of(
        texts,
        st.integers(-(2**63), 2**63),
        st.none(),
        st.sampled_from([TOKEN, "a1" * 30, "://u:p@h"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_the_net_never_breaks_the_json(value: Any) -> None:
    json.loads(scrub(json.dumps(value)))
    json.loads(scrub(json.dumps(value, ensure_ascii=False)))


@given(st.text(st.sampled_from('\\"nu/0a1b2c://@eyJ.= '), max_size=120))
def test_the_net_never_breaks_the_json_where_escapes_meet_secrets(text: str) -> None:
    json.loads(scrub(json.dumps({"x": text})))


# -- our own code


def sources() -> Iterator[tuple[str, ast.AST]]:
    """Each module of Tandem, by its path."""
    for path in sorted((ROOT / "app").rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call of a structlog logger, which all modules name `log`."""
    for name, tree in sources():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                yield f"{name}:{node.lineno}", node


def test_every_log_call_uses_a_listed_event_and_listed_fields_alone() -> None:
    calls = list(log_calls())
    used = set()
    for where, call in calls:
        assert isinstance(call.func, ast.Attribute)
        assert call.func.attr in {"debug", "info", "warning", "error", "exception"}, where
        assert len(call.args) == 1, f"{where}: one literal event, and fields by name"
        [event] = call.args
        assert isinstance(event, ast.Constant), f"{where}: the event must be a literal"
        assert event.value in EVENTS, f"{where}: put {event.value!r} into EVENTS"
        used.add(event.value)
        for keyword in call.keywords:
            assert keyword.arg in FIELDS, f"{where}: {keyword.arg!r} is not in FIELDS"
    assert used == EVENTS  # the list holds no event that nobody logs


def test_every_logger_is_named_log_and_no_other_way_to_a_log_is_used() -> None:
    for name, tree in sources():
        for node in ast.walk(tree):
            text = ast.unparse(node) if isinstance(node, ast.Assign | ast.Call) else ""
            if isinstance(node, ast.Assign) and "structlog.get_logger" in text:
                assert text.startswith("log = structlog.get_logger("), name
            if isinstance(node, ast.Call) and not name.startswith("app/logs/"):
                assert not re.match(r"(logging\.(?!getLogger\(.*\)$)\w+|warnings\.warn)\(", text), (
                    f"{name}:{node.lineno}: {text}"
                )
                assert not re.match(
                    r"logging\.getLogger\(.*\)\.(?!setLevel\()\w+\(|.*traceback\.print", text
                ), f"{name}:{node.lineno}: {text}"


def _literal_names(function: ast.AST) -> dict[str, list[str]]:
    """The names that a `for` of this function takes from a tuple of literals."""
    return {
        node.target.id: [str(one.value) for one in node.iter.elts if isinstance(one, ast.Constant)]
        for node in ast.walk(function)
        if isinstance(node, ast.For)
        and isinstance(node.target, ast.Name)
        and isinstance(node.iter, ast.Tuple)
        and all(isinstance(one, ast.Constant) for one in node.iter.elts)
    }


# A part of a reason that is not a literal: our own closed words.
OUR_WORDS = {"known.state": ["uninstalled"], "type(fault).__name__": ["InvalidSignatureError"]}


def reasons() -> Iterator[str]:
    """Every reason that a refusal of ours can have. Fails on one that may carry input."""
    for name, tree in sources():
        known = OUR_WORDS | _literal_names(tree)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "NotAuthorised"):
                continue
            where = f"{name}:{node.lineno}"
            [reason] = node.args
            parts = reason.values if isinstance(reason, ast.JoinedStr) else [reason]
            text = ""
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    words = known.get(ast.unparse(part.value))
                    assert words, f"{where}: a reason must not carry {ast.unparse(part.value)}"
                    text += max(words, key=len)
                else:
                    assert isinstance(part, ast.Constant), f"{where}: must be a literal"
                    text += part.value
            yield text


def test_every_reason_of_a_refused_token_is_made_of_our_own_words_and_is_told() -> None:
    found = list(reasons())
    assert len(found) > 10
    for reason in found:
        assert FIELDS["reason"](reason) == reason


def test_every_input_that_a_problem_of_ours_names_is_listed() -> None:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    named = set()
    waiting: list[type[Schema]] = list(Schema.__subclasses__())
    while waiting:
        schema = waiting.pop()
        waiting += schema.__subclasses__()
        if schema.__module__.startswith(("app.connect", "app.screens", "app.forge")):
            named |= set(schema._declared_fields)
    for _, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            where = {k.arg: k.value for k in node.keywords}.get("field")
            if any(k.arg == "code" for k in node.keywords) and isinstance(where, ast.Constant):
                named.add(str(where.value))
            # The readers of forms and bodies name the field that they read.
            reader = re.match(r"(form_|argument_|refuse$|_object$|_whole$)", ast.unparse(node.func))
            if reader:
                named |= {str(a.value) for a in node.args[:2] if isinstance(a, ast.Constant)}
    fields = {name for name in named if re.fullmatch(r"[A-Za-z_.]+", name)}
    assert len(fields) > 10
    assert fields - PROBLEM_FIELDS == set(), "put these into PROBLEM_FIELDS"


def test_every_proof_is_listed() -> None:
    assert {proof.value for proof in Proof} <= PROOFS


def test_the_docs_name_every_field_and_every_event() -> None:
    text = (ROOT / "docs" / "logs.md").read_text()
    for name in [*FIELDS, *EVENTS, *OWN, *LIBRARY]:
        assert f"`{name}`" in text, name
