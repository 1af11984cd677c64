"""`tandem transform try`: an expression is tried before it is put into a profile."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from app.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["transform", "try", *arguments])


def test_an_expression_gives_its_result_for_the_values_that_are_given() -> None:
    result = run(
        '[source_issue.key, value, source.priority.name, lookup("t", "1")].join(" ")',
        "--key=WEB-7",
        '--value=text="Login fails"',
        '--source=priority:priority={"id": "2", "name": "High"}',
        '--table=t={"1": "one"}',
        "--to=text",
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout) == "WEB-7 Login fails High one"
    assert "% of the steps" in result.stderr


def test_json_has_the_result_and_what_is_read() -> None:
    result = run("value + source.n", "--value=number=1", "--source=n:number=2.5", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told == {"result": 3.5, "reads": ["source.n", "value"], "budget_percent": 1}


def test_an_expression_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "expression.cel"
    path.write_text("// a comment\nvalue.upper()", encoding="utf-8")
    result = run("--file", str(path), '--value=text="é"')
    assert (result.exit_code, json.loads(result.stdout)) == (0, "É")


def test_what_is_refused_or_fails_or_does_not_fit_ends_with_one_and_its_sentence() -> None:
    for text, more, words in (
        ("valeu", (), "valeu is no name here"),
        ("value + 1", ('--value=text="a"',), "+ does not take a text and a number"),
        ("1", ("--to=labels",), "gives a number, where a list of texts was expected"),
    ):
        result = run(text, *more)
        assert (result.exit_code, result.stdout) == (1, "")
        assert words in result.stderr
        told = run(text, *more, "--json")
        assert told.exit_code == 1
        assert words in json.loads(told.stdout)["error"]


def test_what_is_given_wrongly_is_named_with_the_right_form() -> None:
    for arguments, words in (
        ((), "Give an expression"),
        (("value", "--value=text"), "KIND=JSON"),
        (("value", "--value=text=Broken"), "texts are in double quotes"),
        (("value", "--value=colour=1"), "colour is no kind; there are: text"),
        (("value", '--value=number="x"'), "expected a number"),
        (("value", "--source=text=1"), "FIELD:KIND=JSON"),
        (("value", "--table=t=[1]"), "A table is an object"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert words in result.stderr
