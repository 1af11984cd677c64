"""`python -m demo`: two Jira sites with Tandem between them. `python -m demo check`: by machine."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from demo.stack import ROOT, Stack, is_taken, stack
from demo.walk import LEFT, RIGHT, walk


@click.group(invoke_without_command=True)
@click.option("--port", default=8080, show_default=True, help="Where Tandem listens.")
@click.option("--sites-port", default=8701, show_default=True, help="Acme's port; Globex: next.")
@click.option("--issues", default=0, show_default=True, help="How many more issues in each site.")
@click.pass_context
def main(context: click.Context, port: int, sites_port: int, issues: int) -> None:
    """Start the sandbox and Tandem and leave them running until Ctrl-C."""
    if context.invoked_subcommand:
        return
    for taken in (port, sites_port - 1, sites_port, sites_port + 1):
        if is_taken(taken):
            raise click.ClickException(
                f"Port {taken} is taken. Free it, or choose others: "
                'make demo ARGS="--port 8090 --sites-port 8801"'
            )
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The sandbox keeps its sites in memory, so Tandem's side starts empty with them.
    with tempfile.TemporaryDirectory(prefix="tandem-demo-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(
            instance,
            port=port,
            hub_port=sites_port - 1,
            acme_port=sites_port,
            globex_port=sites_port + 1,
            issues=issues,
            delivery_delay=150,
        ) as running:
            connection = running.connect()
            running.create_profile(connection, left=LEFT, right=RIGHT, name="Web tasks")
            _tell(running, time.monotonic() - began)
            try:
                while running.tandem.poll() is None:
                    time.sleep(0.5)
            except KeyboardInterrupt:
                click.echo("\nEnding.")


def _tell(running: Stack, seconds: float) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    click.echo(f"\n  Tandem runs ({seconds:.0f} s). Open  {acme.url}/side-by-side\n")
    click.echo("  Tasks of ACME Web and Globex Platform are kept in step: change one, watch both.")
    click.echo(
        f"  Acme    {acme.url}      Tandem's page: {acme.url}/plugins/servlet/ac/tandem/tandem"
    )
    click.echo(f"  Globex  {globex.url}      Tandem's log:  {running.instance / 'tandem.log'}")
    click.echo("  Ctrl-C ends it.\n")


@main.command()
@click.option("--workers", default=1, show_default=True, help="How many worker processes.")
@click.option("--keep-log", type=click.Path(path_type=Path), help="Copy Tandem's log here.")
def check(workers: int, keep_log: Path | None) -> None:
    """The walk without hands; ends with one line of JSON. Exit 0 only where all is well."""
    with tempfile.TemporaryDirectory(prefix="tandem-check-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)
        try:
            with stack(instance, workers=workers, delivery_delay=150) as running:
                figures = walk(running, lambda text: click.echo(text, err=True))
        finally:
            if keep_log is not None:
                keep_log.write_bytes((instance / "tandem.log").read_bytes())
    click.echo(figures.line())
    raise SystemExit(0 if figures.well else 1)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
