"""`tandem storage …`: what is stored, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.errors import Problem
from app.settings import Settings

if TYPE_CHECKING:
    from app.governance.proof import Place, Proof


@click.group()
def storage() -> None:
    """What Tandem stores."""


@storage.command()
@click.option("--mark", "marks", multiple=True, metavar="TEXT", help="What must not be there.")
@click.option(
    "--marks",
    "marks_file",
    type=click.File(encoding="utf-8"),
    help="A file with a mark on each line, or - for standard input: a secret does not belong on a "
    "command line.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A log that is not in the instance folder. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prove(
    marks: tuple[str, ...], marks_file: IO[str] | None, logs: tuple[Path, ...], as_json: bool
) -> None:
    """Prove that marks (a site's address, an email, a token) are nowhere in what is stored.

    Looks at every row and column of every table, sealed values opened, jobs included; at the
    planner's statistics; at the files of the instance folder; and at the logs that you name. A mark
    is found in any case, and also encoded for a URL, as base64, as hex, in JSON, or hashed with
    SHA-256. Rows that were deleted may stay in the files of the database until it cleans up: these
    are not looked at.

    Ends with 0 where all was looked at and nothing found, otherwise with 1. Prints the number of a
    mark that was found, never its text.
    """
    wanted = [*marks, *(line.strip() for line in marks_file or ())]
    wanted = [mark for mark in wanted if mark]
    if not wanted or any(len(mark) < 4 for mark in wanted):
        raise click.UsageError("Give at least one mark, each of four characters or more.")
    try:
        proof = _prove(settings_or_end(), wanted, logs, as_json)
    except Problem as problem:
        click.echo(f"Nothing was proven. {problem.detail}", err=True)
        raise SystemExit(1) from None
    _print(proof, len(wanted), as_json)
    raise SystemExit(0 if proof.proven else 1)


def _prove(settings: Settings, marks: list[str], logs: tuple[Path, ...], as_json: bool) -> Proof:
    """Look, as the owner of the tables, and put the deed on the server's own audit trail."""
    from app import create_app, create_owner_app
    from app.database import unscoped_transaction
    from app.governance import prove as room
    from app.governance.proof import files_of
    from app.tenants.deeds import OPERATOR, Action, Deed

    product = create_app(settings, pool_size=1, endpoints=False)
    tandem = product.extensions["tandem"]
    files = [*files_of(settings.instance), *logs]
    with create_owner_app(settings).app_context(), unscoped_transaction() as session:
        told = (lambda place: None) if as_json else _print_place
        proof = room.prove(session, tandem.vault, marks, files, told)
    detail = {"marks": len(marks), "proven": proof.proven, "places": len(proof.places)}
    with product.app_context(), unscoped_transaction() as session:
        tandem.record(session, None, Deed(OPERATOR, Action.STORAGE_PROVED, "storage", detail))
    return proof


def _print_place(place: Place) -> None:
    if place.columns:
        sealed = f", {place.sealed} sealed values opened" if place.sealed else ""
        lost = f", {place.shredded} that nobody can open any more" if place.shredded else ""
        click.echo(
            f"looked at {place.name}: {place.columns} columns, {place.rows} rows{sealed}{lost}"
        )
    else:
        click.echo(f"looked at {place.name}: {place.bytes} bytes")


def _print(proof: Proof, marks: int, as_json: bool) -> None:
    if as_json:
        lists = {name: [vars(one) for one in getattr(proof, name)] for name in _LISTS}
        click.echo(json.dumps({"proven": proof.proven, "marks": marks, **lists,
                               "more_finds": proof.more_finds}))  # fmt: skip
        return
    for found in proof.finds:
        click.echo(f"FOUND     mark {found.mark} ({found.form}) in {found.place}, {found.row}")
    if proof.more_finds:
        click.echo(f"          … and {proof.more_finds} more.")
    for unread in proof.unread:
        click.echo(f"NOT READ  {unread.place}: {unread.why}")
    rows = sum(place.rows for place in proof.places)
    size = sum(place.bytes for place in proof.places)
    opened = sum(place.sealed for place in proof.places)
    click.echo(
        f"{len(proof.places)} places, {rows} rows, {opened} sealed values opened, {size} bytes of "
        f"files: {'no mark is there.' if proof.proven else 'NOT PROVEN.'}"
    )


_LISTS = ("places", "finds", "unread")
