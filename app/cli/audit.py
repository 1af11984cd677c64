"""`tandem audit …`: check the audit trail, and print it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.errors import Problem
from app.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.governance.audit_check import Report
    from app.governance.audit_read import Head, Row

COULD_NOT_LOOK = 2


@click.group()
def audit() -> None:
    """The audit trail: who did what to what, when and from where."""


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--since",
    "noted",
    multiple=True,
    metavar="CHAIN:SEQ:MAC",
    help="A head that an earlier check printed, or @FILE with an earlier check's JSON: prove that "
    "it is still in its chain. Repeatable.",
)
def verify(as_json: bool, noted: tuple[str, ...]) -> None:
    """Find rows that were changed, removed, moved, cut off or rolled back.

    Prints the head of every chain. Keep them where nobody who can change the database can change
    them, and give them to a later check with --since: nothing else finds a trail that was put back
    whole to an earlier state.

    Ends with 0 where all is well, 1 where there is a fault, 2 where it could not look.
    """
    since = [head for value in noted for head in _heads(value)]
    settings = settings_or_end()
    with _or_end():
        report = _check(settings, since)
    if as_json:
        click.echo(json.dumps(_report_json(report)))
    else:
        _print_report(report)
    raise SystemExit(0 if report.well else 1)


@audit.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--tenant", help="Only this tenant's chain; \"server\": only the server's own.")
def list_events(as_json: bool, tenant: str | None) -> None:
    """Print the trail. That it was printed goes on the server's own chain, first of all."""
    chain = None if tenant is None else _chain(tenant)
    settings = settings_or_end()
    with _or_end():
        _record_export(settings, chain)
        _print_rows(settings, chain, as_json)


@contextmanager
def _or_end() -> Iterator[None]:
    """End with the sentence of a problem, where the trail cannot be looked at."""
    try:
        yield
    except Problem as problem:
        click.echo(problem.detail, err=True)
        raise SystemExit(COULD_NOT_LOOK) from None


def _chain(name: str) -> uuid.UUID:
    from app.vault.vault import SERVER

    try:
        return SERVER if name == "server" else uuid.UUID(name)
    except ValueError:
        raise click.BadParameter(
            'must be the id of a tenant, or "server".', param_hint="--tenant"
        ) from None


def _heads(value: str) -> list[Head]:
    """The heads that one --since names."""
    from app.governance.audit_read import read_head

    try:
        if not value.startswith("@"):
            return [read_head(value)]
        found = json.loads(Path(value[1:]).read_text())["heads"]
        return [read_head(f"{one['chain']}:{one['seq']}:{one['mac']}") for one in found]
    except (OSError, ValueError, KeyError, TypeError):
        raise click.BadParameter(
            "must be CHAIN:SEQ:MAC as `tandem audit verify` prints it, or @ and a file with the "
            "output of `tandem audit verify --json`.",
            param_hint="--since",
        ) from None


def _check(settings: Settings, since: list[Head]) -> Report:
    from app import create_app
    from app.governance.audit import NOTHING, trail_key
    from app.governance.audit_check import check_trail
    from app.governance.audit_read import heads, is_empty, rows

    vault = create_app(settings, pool_size=1, endpoints=False).extensions["tandem"].vault
    with _reading(settings) as session:
        # An empty trail may have no key yet, and a check makes none.
        key = NOTHING if is_empty(session) else trail_key(vault, may_create=False)
        return check_trail(rows(session), heads(session), key, since)


@contextmanager
def _reading(settings: Settings) -> Iterator[Session]:
    """A transaction of the owner of the tables, which sees every chain and changes nothing."""
    from app import create_owner_app
    from app.database import unscoped_transaction
    from app.governance.audit_read import begin_reading

    with create_owner_app(settings).app_context(), unscoped_transaction() as session:
        begin_reading(session)
        yield session


def _report_json(report: Report) -> dict[str, object]:
    from app.governance.audit_read import chain_name

    return {
        "chains": report.chains,
        "events": report.events,
        "faults": [vars(fault) for fault in report.faults],
        "more_faults": report.unnamed,
        "heads": [
            {"chain": chain_name(head.chain), "seq": head.seq, "mac": head.mac.hex()}
            for head in report.heads
        ],
    }


def _print_report(report: Report) -> None:
    for head in report.heads:
        click.echo(f"head  {head}")
    for fault in report.faults:
        click.echo(f"FAULT {fault.flaw:<13} {fault.chain} event {fault.seq}: {fault.found}")
    count = len(report.faults) + report.unnamed
    if report.unnamed:
        click.echo(f"      … and {report.unnamed} more.")
    click.echo(
        f"{report.chains} chains, {report.events} events: "
        f"{'all is well' if report.well else f'{count} faults'}."
    )


def _record_export(settings: Settings, chain: uuid.UUID | None) -> None:
    from app import create_app
    from app.database import unscoped_transaction
    from app.governance.audit_read import chain_name
    from app.tenants.deeds import OPERATOR, Action, Deed

    app = create_app(settings, pool_size=1, endpoints=False)
    subject = "audit" if chain is None else f"audit:{chain_name(chain)}"
    with app.app_context(), unscoped_transaction() as session:
        app.extensions["tandem"].record(
            session, None, Deed(OPERATOR, Action.TRAIL_EXPORTED, subject)
        )


def _print_rows(settings: Settings, chain: uuid.UUID | None, as_json: bool) -> None:
    from app.database import TenantId
    from app.governance.audit_read import rows

    with _reading(settings) as session:
        found = rows(session, None if chain is None else TenantId(chain))
        if not as_json:
            for row in found:
                click.echo("  ".join(_words(row)))
            return
        comma = "["
        for row in found:
            click.echo(f"{comma}{json.dumps(_row_json(row))}", nl=False)
            comma = ",\n"
        click.echo("[]" if comma == "[" else "]")


def _row_json(row: Row) -> dict[str, object]:
    from app.governance.audit_read import chain_name

    event = row.event()
    return {
        "chain": chain_name(row.chain),
        "seq": row.seq,
        "at": None if event is None else _time(event.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "origin": None if event is None else json.loads(event.origin),
        "detail": None if event is None else json.loads(event.detail),
        "mac": (row.mac or b"").hex(),
    }


def _time(microseconds: int) -> str | None:
    from app.governance.audit import EPOCH

    try:
        return (EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:  # no recorded time is so far away
        return None


def _words(row: Row) -> list[str]:
    """A row for people. Who changed it may have put control characters in it."""
    found = _row_json(row)
    parts = [found["at"], f"{found['chain']}:{row.seq}", row.actor, row.action, row.subject]
    parts += [json.dumps(found["detail"]), json.dumps(found["origin"])]
    return ["".join(c if c.isprintable() else "?" for c in str(part)) for part in parts]
