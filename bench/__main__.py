"""`python -m bench [NAME…]`: run the benchmarks, print a table, write bench/results.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from bench.arrival import seconds_to_arrival
from bench.attachments import attachments
from bench.boundary import the_boundary
from bench.calls import the_calls
from bench.changes import changes_a_second
from bench.content import the_content
from bench.idle import idle_tenants, memory
from bench.load import first_load
from bench.pages import pages
from bench.result import Result
from bench.vault import seal_and_unseal
from bench.walk import the_walk
from bench.webhooks import deliveries

BENCHMARKS: dict[str, Callable[[], list[Result]]] = {
    "arrival": seconds_to_arrival,
    "attachments": attachments,
    "boundary": the_boundary,
    "calls": the_calls,
    "changes": changes_a_second,
    "content": the_content,
    "load": first_load,
    "idle": idle_tenants,
    "memory": memory,
    "pages": pages,
    "vault": seal_and_unseal,
    "webhooks": deliveries,
    "walk": the_walk,
}
RESULTS = Path(__file__).with_name("results.json")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
def main(names: tuple[str, ...]) -> None:
    """Run all benchmarks, or those named."""
    results: list[Result] = []
    for name in names or BENCHMARKS:
        click.echo(f"running {name}", err=True)
        results += BENCHMARKS[name]()
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    width = max(len(result.name) for result in results)
    for result in results:
        goal = f"goal {result.goal:g}, {result.better} is better" if result.goal else ""
        click.echo(f"{result.name:<{width}}  {result.value:>12,.2f} {result.unit:<22} {goal}")


if __name__ == "__main__":
    main()
