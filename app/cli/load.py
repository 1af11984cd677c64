"""`tandem profile load`: the issues that were there before a profile get their twins."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.errors import Problem
from app.settings import Settings

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.profiles import StoredProfile
    from app.sync.load import Ask, Loads
    from app.sync.load_store import Load

LONGEST_WAIT = 1.0  # seconds between two looks at what workers carry
STANDS_STILL = 60.0  # seconds without progress; then the command says what to look at


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option(
    "--from",
    "sources",
    type=click.Choice(["left", "right", "both"]),
    help="Whose issues get a twin on the other side.",
)
@click.option("--jql", metavar="JQL", help="Only these of the profile's scope. No ORDER BY.")
@click.option(
    "--match",
    metavar="FIELD",
    help="Pair issues of equal value instead of creating: a field's id, or LEFT=RIGHT.",
)
@click.option("--no-match", is_flag=True, help="Create a twin for each issue that has none.")
@click.option("--dry-run", is_flag=True, help="Read and count, write nothing.")
@click.option("--yes-all", is_flag=True, help="Load more than 200,000 issues.")
@click.option("--resume", is_flag=True, help="Go on with a load that was stopped.")
@click.option("--abandon", is_flag=True, help="Give up a load that was stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def load(profile: str, *, as_json: bool, **options: Any) -> None:
    """Give the issues of PROFILE (its id or its name) that are there already their twins.

    Workers carry the load, behind all live changes. Stopped at any moment, it goes on with
    --resume. Ends with 0 where nothing is left to look at. docs/load.md has examples.
    """
    settings = settings_or_end()
    _check(**options)
    with _opened(settings, profile) as (tandem, loads, stored):
        if options["abandon"]:
            raise SystemExit(_abandon(loads, stored, as_json=as_json))
        if options["resume"]:
            ask = _continued(loads, stored, **options)
            found = loads.resume(stored, ask)
        else:
            found = _begin(tandem, loads, stored, as_json=as_json, **options)
        raise SystemExit(_drive(loads, stored, found, as_json=as_json))


def _check(**options: Any) -> None:
    """Raises Problem where the options do not fit together."""
    if options["match"] and options["no_match"]:
        raise Problem("--match and --no-match exclude each other. Leave one out.")
    alone = [name for name in ("resume", "abandon", "dry_run") if options[name]]
    if len(alone) > 1:
        raise Problem(
            "--resume, --abandon and --dry-run exclude each other. Leave all but one out."
        )
    if options["resume"] or options["abandon"]:
        return
    if not options["sources"]:
        raise Problem("--from: say whose issues get a twin: left, right or both.")
    if not options["match"] and not options["no_match"]:
        raise Problem(
            "Say how twins that are there already are found: --match summary (or another field "
            "that both sides have). Where the other side surely has none: --no-match."
        )


@contextmanager
def _opened(settings: Settings, wanted: str) -> Iterator[tuple[Tandem, Loads, StoredProfile]]:
    from app.jobs.bell import ring
    from app.sync.load import Loads

    with opened_profile(settings, wanted) as (tandem, stored):
        yield tandem, Loads(tandem.vault, tandem.open_site, ring, tandem.record), stored


def _asked(stored: StoredProfile, **options: Any) -> Ask:
    from app.sync.load import Ask
    from app.sync.load_match import MatchField
    from app.sync.load_walk import clean_jql

    match = MatchField.of(stored.profile, options["match"]) if options["match"] else None
    return Ask(options["sources"], clean_jql(options["jql"]), match)


def _continued(loads: Loads, stored: StoredProfile, **options: Any) -> Ask | None:
    """What the options say of the load to go on with; what they do not say is as it was."""
    unfinished = loads.unfinished(stored)
    if unfinished is None:
        return None
    was = loads.asked(stored, unfinished)
    given = _asked(stored, **options | {"sources": options["sources"] or was.sources})
    if options["jql"] is None:
        given = replace(given, jql=was.jql)
    if not options["match"] and not options["no_match"]:
        given = replace(given, match=was.match)
    return given


def _begin(
    tandem: Tandem, loads: Loads, stored: StoredProfile, *, as_json: bool, **options: Any
) -> Load:
    """Look, say what is about to be done, and begin. A rehearsal ends here."""
    from app.sync.load_look import look, rehearse
    from app.sync.load_words import promise

    ask = _asked(stored, **options)
    if not options["dry_run"] and loads.unfinished(stored) is not None:
        raise loads.refusal(stored, ask)
    try:
        seen = look(stored, tandem.open_site, ask, all_=options["yes_all"])
    except Problem as problem:
        if problem.code == "too-many":
            problem.detail += " Or say --yes-all if you mean them all."
        raise
    click.echo(promise(ask, seen), err=True)
    if not options["dry_run"]:
        return loads.begin(stored, ask, seen.reads + seen.sources)
    with click.progressbar(length=max(1, seen.reads), label="Reading", file=sys.stderr) as bar:
        found = rehearse(loads, stored, ask, lambda read: bar.update(read - bar.pos))
    raise SystemExit(_tell(found.load, as_json=as_json, rehearsed=True, twins=found.found))


def _drive(loads: Loads, stored: StoredProfile, found: Load, *, as_json: bool) -> int:
    """Take the steps until the load has ended."""
    try:
        with click.progressbar(length=max(1, found.about), label="Loading", file=sys.stderr) as bar:
            found = _steps(loads, stored, found, bar)
    except KeyboardInterrupt:
        click.echo(
            "\nStopped. What is marked is still carried; go on with --resume, or give it up with "
            "--abandon.",
            err=True,
        )
        return 130
    except Problem as problem:
        click.echo(f"\n{problem.detail} The load keeps its place: go on with --resume.", err=True)
        return 2
    return _tell(found, as_json=as_json)


def _steps(loads: Loads, stored: StoredProfile, found: Load, bar: Any) -> Load:
    moved, told = time.monotonic(), False
    while found.ended_at is None:
        found = loads.step(stored.id, found.run_id)
        done = loads.progress(stored, found)
        if done > bar.pos:
            moved, told = time.monotonic(), False
        # Issues that were made since the count are loaded as well.
        bar.length = max(bar.length, done)
        bar.update(max(0, done - bar.pos))
        if not told and time.monotonic() - moved > STANDS_STILL:
            told = True
            click.echo(f"\nNothing has moved for a minute. {_why(stored)}", err=True)
        wait = (found.not_before - datetime.now(UTC)).total_seconds()
        if found.ended_at is None and wait > 0:
            time.sleep(min(LONGEST_WAIT, wait))
    bar.update(max(0, bar.length - bar.pos))
    return found


def _why(stored: StoredProfile) -> str:
    """What a load may stand still for."""
    from app.sync.budget import shut_out

    told = [one for side, it in stored.tenants.items() if (one := shut_out(it, side))]
    if told:
        return " ".join([*told, "The load goes on then."])
    return (
        "Do workers run (`tandem worker`)? Live changes go first, and a load has a fifth of a "
        "site's points of the hour."
    )


def _abandon(loads: Loads, stored: StoredProfile, *, as_json: bool) -> int:
    found, withdrawn = loads.abandon(stored)
    _tell(found, as_json=as_json, stopped=True)
    if withdrawn and not as_json:
        click.echo(f"{withdrawn:,} that were still to be created are withdrawn.")
    return 0


def _tell(
    found: Load,
    *,
    as_json: bool,
    rehearsed: bool = False,
    stopped: bool = False,
    twins: Sequence[str] = (),
) -> int:
    from app.sync.load_store import COUNTS
    from app.sync.load_words import result, well

    if as_json:
        told: dict[str, Any] = {name: getattr(found, name) for name in COUNTS}
        told["run"] = None if rehearsed else str(found.run_id)
        told |= {"dry_run": rehearsed, "named": found.named, "found_by_mark": list(twins)}
        click.echo(json.dumps(told))
    else:
        click.echo(result(found, rehearsed=rehearsed, stopped=stopped, found=twins))
    return 0 if well(found) else 1
