"""The `tandem` command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import psycopg
from sqlalchemy.exc import OperationalError as SQLAlchemyOperationalError

from app.cli.audit import audit
from app.cli.common import settings_or_end
from app.cli.keys import keys
from app.cli.parked import parked
from app.cli.plan import apply, plan
from app.cli.profile import profile
from app.cli.runs import runs
from app.cli.storage import storage
from app.cli.transform import transform
from app.cli.undo import undo
from app.cli.why import why
from app.errors import Problem
from app.logs import configure_logs
from app.settings import Settings

LOOK_EVERY = 2.0  # seconds between two looks whether the embedded database runs


class _Commands(click.Group):
    """The commands; a refusal that names its cure is told as a sentence, not as a fault."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A Problem, or a database that is not there, ends it with status 2."""
        configure_logs()  # a crash must not print values either
        try:
            return super().invoke(ctx)
        except Problem as problem:
            click.echo(problem.detail, err=True)
        except (psycopg.OperationalError, SQLAlchemyOperationalError):
            # Not the driver's own text: it repeats the address.
            click.echo(
                "The database does not answer, or refuses us. Check DATABASE_URL (host, port, "
                "name, user and password) and that the server runs.",
                err=True,
            )
        raise SystemExit(2)


@click.group(cls=_Commands)
def main() -> None:
    """Tandem keeps issues in two Jira sites in step.

    Settings come from the environment; .env.example in the repository lists them all.
    """


@main.group("db")
def database() -> None:
    """The database and its migrations."""


@database.command("upgrade")
def upgrade_command() -> None:
    """Bring the database to the revision of this release (safe to repeat)."""
    settings = settings_or_end()
    upgrade(settings)
    click.echo("The database is up to date.")


def upgrade(settings: Settings) -> None:
    """Run the pending migrations as the owner of the tables."""
    from flask_migrate import upgrade as run

    from app import create_owner_app

    with create_owner_app(settings).app_context():
        run()


@main.command()
def web() -> None:
    """Serve HTTP with gunicorn: on PORT, with WEB_CONCURRENCY processes."""
    settings = settings_or_end()
    from app.serving import serve_web

    serve_web(settings)


@main.command()
def worker() -> None:
    """Work off changes until told to stop. Start as many as you like, on any machine."""
    settings = settings_or_end()
    from app.serving import run_worker

    asyncio.run(run_worker(settings))


@main.command()
@click.option("--workers", default=1, show_default=True, help="How many worker processes.")
def serve(workers: int) -> None:
    """Run all of Tandem here: database (embedded unless DATABASE_URL is set), web and workers."""
    settings = settings_or_end()
    from app.database import database_url

    url = database_url(settings)
    upgrade(settings)
    _make_keys(settings)
    embedded = None if settings.database_url else settings.instance
    # The children join the running database rather than each starting its own.
    environment = os.environ | {"DATABASE_URL": url}
    commands = [["web"], *[["worker"]] * workers]
    children = [_child(command, environment) for command in commands]
    raise SystemExit(_watch(commands, children, environment, embedded))


def _make_keys(settings: Settings) -> None:
    """The key file of a new server. Ends where the keys are not those of the database."""
    from app.cli.keys import bare_app
    from app.vault.check import make_first_key, open_store
    from app.vault.master import VaultError

    try:
        with bare_app(settings).app_context():
            make_first_key(settings)
            open_store(settings)
    except VaultError as fault:
        click.echo(f"Tandem did not start. {fault.detail}", err=True)
        raise SystemExit(1) from None


def _child(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  our own module and words
        [sys.executable, "-m", "app.cli", *command],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )


def _address(settings: Settings) -> str:
    """The database's address; that of an embedded one as well where it does not start."""
    from app.database import database_url

    try:
        return database_url(settings)
    except Exception as fault:  # no room on its disk, for one
        click.echo(f"The database does not start ({type(fault).__name__}).", err=True)
        return f"postgresql://postgres@/postgres?host={settings.instance / 'postgres'}"


def _keep(instance: Path) -> None:
    from app.database import keep_embedded

    try:
        keep_embedded(instance)
    except Exception as fault:  # a file caught half-written, a disk without room: asked again
        click.echo(f"The database does not run ({type(fault).__name__}).", err=True)


def _watch(
    commands: list[list[str]],
    children: list[subprocess.Popen[bytes]],
    environment: dict[str, str],
    embedded: Path | None,
) -> int:
    """Start a child again that died, and the embedded database; end all on SIGTERM or SIGINT."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    looked = time.monotonic()
    while not stopping:
        if embedded is not None and time.monotonic() - looked > LOOK_EVERY:
            _keep(embedded)
            looked = time.monotonic()
        for position, child in enumerate(children):
            if child.poll() is not None and not stopping:
                click.echo(f"{commands[position][0]} ended ({child.returncode}); again.", err=True)
                time.sleep(0.5)
                children[position] = _child(commands[position], environment)
        time.sleep(0.2)
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + 10
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    return 0


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check database, disk, migrations, workers, keys, clock and reachability; say what to do."""
    settings = settings_or_end()
    from flask import Flask

    from app import health
    from app.database import init_database
    from app.database_faults import Disk

    app = Flask(__name__)
    url = _address(settings)
    init_database(app, url, pool_size=1)
    with app.app_context():
        findings = [
            health.check_database(),
            health.check_disk(Disk(url)),
            health.check_migrations(),
            health.check_workers(),
            health.check_keys(settings),
            *health.check_reachability(settings),
        ]
    rows: list[dict[str, Any]] = [vars(finding) for finding in findings]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for finding in findings:
            mark = "well " if finding.well else "WRONG"
            click.echo(f"{mark}  {finding.check:<13} {finding.found}")
            if finding.cure:
                click.echo(f"       {'':<13} {finding.cure}")
    raise SystemExit(0 if all(finding.well for finding in findings) else 1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table of the docs.")
def routes(as_json: bool, as_markdown: bool) -> None:
    """List every endpoint: the proof of the caller, the permission, and who has it."""
    settings = settings_or_end()
    from app import create_app
    from app.tenants.gate import declarations
    from app.tenants.matrix import markdown, row

    found = declarations(create_app(settings, pool_size=1))
    if as_json:
        click.echo(json.dumps([row(one) for one in found]))
    elif as_markdown:
        click.echo(markdown(found))
    else:
        for one in found:
            permission = one.permission.value if one.permission else "-"
            methods = ",".join(one.methods)
            click.echo(f"{one.proof.value:<10} {permission:<11} {methods:<8} {one.path}")


main.add_command(audit)
main.add_command(keys)
main.add_command(parked)
main.add_command(plan)
main.add_command(apply)
main.add_command(profile)
main.add_command(runs)
main.add_command(storage)
main.add_command(transform)
main.add_command(undo)
main.add_command(why)
