"""`tandem transform try`: what an expression gives, before it is put into a profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from app.mapping.transforms import Held, Inputs, Transform

_EXAMPLE = "KIND=JSON, such as text='\"Broken\"'"


@click.group()
def transform() -> None:
    """Expressions that make the value of a mapped field. docs/transforms.md has examples."""


@transform.command("try")
@click.argument("expression", required=False)
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the expression from here.",
)
@click.option("--value", default="text=null", metavar="KIND=JSON", help="The mapped field.")
@click.option("--source", multiple=True, metavar="FIELD:KIND=JSON", help="A field it comes from.")
@click.option("--target", multiple=True, metavar="FIELD:KIND=JSON", help="A field of the twin.")
@click.option("--table", multiple=True, metavar="NAME=JSON", help="A look-up table.")
@click.option("--key", default="", help="The key of the issue it comes from.")
@click.option("--twin", default="", help="The key of its twin, if there is one.")
@click.option("--to", default="", metavar="KIND", help="Check that a field of this kind takes it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def try_(
    expression: str | None,
    *,
    path: Path | None,
    value: str,
    source: tuple[str, ...],
    target: tuple[str, ...],
    table: tuple[str, ...],
    key: str,
    twin: str,
    to: str,
    as_json: bool,
) -> None:
    """Work out EXPRESSION with values that you give, as Jira gives them in JSON.

    Nothing is read from a site and nothing is written. Ends with 1 where there is no value.
    """
    from app.mapping.transforms import Target, TransformFailed, TransformProblem
    from app.mapping.transforms import compile_expression as compile_

    text = path.read_text(encoding="utf-8") if path else expression
    if text is None or (path and expression):
        raise click.UsageError("Give an expression, or a file with one.")
    inputs = _inputs(value, source, target, table, (key, twin))
    kind = _kind(to) if to else None
    try:
        found = compile_(text)
        if kind is not None:
            found.apply(inputs, Target("this field", "the field", kind))
        _print(found, inputs, as_json)
    except (TransformProblem, TransformFailed) as problem:
        _end(problem.sentence, as_json)


def _inputs(
    value: str,
    source: tuple[str, ...],
    target: tuple[str, ...],
    tables: tuple[str, ...],
    keys: tuple[str, str],
) -> Inputs:
    from app.mapping.transforms import Inputs, IssueFacts

    facts = [IssueFacts(key, "", key.partition("-")[0]) for key in keys]
    rows = {name: _json(text) for name, text in map(_split, tables)}
    if not all(isinstance(one, dict) for one in rows.values()):
        raise click.UsageError('A table is an object, such as severity=\'{"1": "Critical"}\'.')
    return Inputs(_held(value), _fields(source), _fields(target), facts[0], facts[1], rows)


def _print(found: Transform, inputs: Inputs, as_json: bool) -> None:
    from app.mapping.transforms.limits import BUDGET

    result, spent = found.show(inputs)
    share = -(-spent * 100 // BUDGET)
    if as_json:
        reads = sorted(found.reads)
        click.echo(json.dumps({"result": result, "reads": reads, "budget_percent": share}))
        return
    click.echo(json.dumps(result, ensure_ascii=False))
    click.echo(f"It took {share} % of the steps that it may.", err=True)


def _end(sentence: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": sentence}))
    else:
        click.echo(sentence, err=True)
    raise SystemExit(1)


def sample(kind: str, raw: Any) -> Held:
    """A value as Jira gives it, as its kind reads it; a rich text may be given as plain text.

    Raises UsageError.
    """
    from app.mapping.transforms import Held
    from app.mapping.transforms.rich import document
    from app.mapping.values import UnreadableValueError, handler

    known = _kind(kind)
    if known == "rich_text" and isinstance(raw, str):
        raw = document(raw)
    if known == "named" and isinstance(raw, str):
        raw = {"name": raw}
    try:
        return Held(known, handler(known).read(raw))
    except UnreadableValueError as error:
        raise click.UsageError(f"{kind}: {error}.") from None


def _kind(name: str) -> Any:
    from app.mapping.profile import Kind

    try:
        return Kind(name)
    except ValueError:
        raise click.UsageError(f"{name} is no kind; there are: {', '.join(Kind)}.") from None


def _held(given: str) -> Held:
    kind, raw = _split(given)
    return sample(kind, _json(raw))


def _fields(given: tuple[str, ...]) -> dict[str, Held]:
    found = {}
    for one in given:
        field, colon, rest = one.partition(":")
        if not colon:
            raise click.UsageError(f"{one}: give FIELD:{_EXAMPLE}.")
        found[field] = _held(rest)
    return found


def _split(given: str) -> tuple[str, str]:
    name, equals, rest = given.partition("=")
    if not equals:
        raise click.UsageError(f"{given}: give {_EXAMPLE}.")
    return name, rest


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise click.UsageError(f"{text} is no JSON; texts are in double quotes.") from None
