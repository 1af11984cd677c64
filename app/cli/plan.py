"""`tandem plan` and `tandem apply`: what would be done, field by field; then that or nothing."""

from __future__ import annotations

import signal
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.cli.plan_words import JsonPrinter, Printer, figures

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.profiles import StoredProfile
    from app.sync.apply import Applier
    from app.sync.plan_file import PlanFile
    from app.sync.planning import Planner
    from app.sync.planning_summary import Estimate, Summary
    from app.sync.planning_types import IssuePlan

LOOK_EVERY = 0.5  # seconds between two looks at what the workers have left
SILENCE = 60.0  # seconds without any progress until that is said


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--issue", metavar="KEY", help="Only the issue (or pair) of this key.")
@click.option("--jql", metavar="JQL", help="Only what this JQL finds on --side, in the scope.")
@click.option("--side", type=click.Choice(["left", "right"]), help="The side of --issue or --jql.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the plan to this file, for `tandem apply`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(
    profile: str,
    issue: str | None,
    jql: str | None,
    side: str | None,
    *,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show what Tandem would do for PROFILE (its id or its name), and do nothing of it.

    Both sites are read as they are now. Shown are each field that would be written, with old and
    new value; how many comments, files, worklogs and links would be made, written anew or deleted;
    what would wait, be left alone or blocked, and why; and the REST calls and minutes it would
    take. The first issues are printed, FILE and --json have all.

    Ends with 0 where nothing is blocked, with 1 where something is, with 2 where no plan was made.
    """
    if issue is not None and jql is not None:
        raise click.UsageError("Give --issue or --jql, not both.")
    if jql is not None and side is None:
        raise click.UsageError("Give --side: a JQL is read by one site.")
    if side is not None and issue is None and jql is None:
        raise click.UsageError("--side goes with --issue or --jql.")
    from app.sync.planning import Planner

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        planner = Planner(tandem.vault, tandem.open_site)
        plans = _asked(planner, stored, issue, jql, side)
        asked = "issue" if issue else "jql" if jql else "scope"
        printer = JsonPrinter(stored) if as_json else Printer()
        summary, estimate = _make(
            tandem, planner, stored, plans, printer=printer, out=out, asked=asked
        )
        _record(tandem, stored, asked, summary)
        printer.end(summary, estimate, out)
    raise SystemExit(1 if summary.by_count("blocked") else 0)


def _asked(
    planner: Planner, stored: StoredProfile, issue: str | None, jql: str | None, side: str | None
) -> Iterable[IssuePlan]:
    from app.mapping.profile import Side

    where = Side(side) if side else None
    if issue is not None:
        return [planner.key(stored, issue, where)]
    if jql is not None and where is not None:
        return planner.jql(stored, where, jql)
    return planner.scope(stored)


def _make(
    tandem: Tandem,
    planner: Planner,
    stored: StoredProfile,
    plans: Iterable[IssuePlan],
    *,
    printer: Printer | JsonPrinter,
    out: Path | None,
    asked: str,
) -> tuple[Summary, Estimate]:
    """Let the plans pass: counted, printed and written, none kept."""
    from app.mapping.profile import Side
    from app.sync.plan_file import PlanWriter
    from app.sync.planning_summary import Summary, is_told

    summary = Summary()
    writer = PlanWriter(out, tandem.vault, stored, {"asked": asked}) if out else None
    try:
        for one in _watched(plans):
            summary.add(one)
            if is_told(one):
                printer.show(one)
                if writer is not None:
                    writer.add(one)
        estimate = summary.estimate(
            seconds_a_call=planner.seconds_a_call,
            hands=tandem.settings.worker_concurrency,
            points_an_hour=planner.points_an_hour(stored),
            filtered=[side for side in Side if stored.profile.scope(side).filter],
        )
        if writer is not None:
            writer.end(figures(summary, estimate))
    except BaseException:
        if writer is not None:
            writer.drop()
        raise
    return summary, estimate


def _watched(plans: Iterable[IssuePlan]) -> Iterator[IssuePlan]:
    """The plans, with their count on a terminal's error output as they come."""
    count = 0
    for one in plans:
        yield one
        count += 1
        if count % 100 == 0 and sys.stderr.isatty():
            click.echo(f"\r{count:,} looked at", nl=False, err=True)
    if count >= 100 and sys.stderr.isatty():
        click.echo("\r", nl=False, err=True)


def _record(tandem: Tandem, stored: StoredProfile, asked: str, summary: Summary) -> None:
    """Values of both sites were read and shown: both trails have it."""
    from app.database import tenant_transaction
    from app.tenants.deeds import OPERATOR, Action, Deed, record_for_both

    detail: dict[str, str | int | bool | None] = {"asked": asked, "issues": summary.looked_at}
    with tenant_transaction(stored.left_tenant) as session:
        deed = Deed(OPERATOR, Action.PLAN_MADE, f"profile:{stored.id}", detail)
        record_for_both(tandem.record, session, stored.left_tenant, stored.right_tenant, deed)


@click.command()
@click.argument(
    "file", metavar="PLAN", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def apply(file: Path) -> None:
    """Apply the plan in the file PLAN, made by `tandem plan --out`.

    First the whole file is checked, then every issue that it would change: if anything moved since
    the plan was made, nothing is applied, and what moved is named. Then the workers carry it out,
    behind live changes. Ctrl-C leaves them at it.

    Ends with 0 where all was carried out, with 1 where something was set aside, with 2 where
    nothing was applied.
    """
    settings = settings_or_end()
    from app import create_app
    from app.jobs.bell import ring
    from app.sync.apply import Applier
    from app.sync.plan_file import PlanFile
    from app.sync.planning import Planner

    app = create_app(settings, pool_size=2, endpoints=False)
    with app.app_context(), file.open("rb") as opened:
        tandem: Tandem = app.extensions["tandem"]
        plan = PlanFile(opened, tandem.vault)
        if not plan.to_apply:
            click.echo("There is nothing in the plan to apply.")
            return
        with click.progressbar(length=plan.to_apply, label="Checking", file=sys.stderr) as bar:
            planner = Planner(tandem.vault, tandem.open_site)
            applier = Applier(planner, ring, tandem.record, bar.update)
            applier.check(plan)
        parked = _carry_out(applier, plan)
    raise SystemExit(1 if parked else 0)


def _carry_out(applier: Applier, plan: PlanFile) -> int:
    """Hand the plan to the workers and wait for them. Returns how much was set aside."""
    try:
        with _undisturbed():
            run, count = applier.begin(plan)
        return _follow(applier, plan, run, count)
    except KeyboardInterrupt:
        click.echo(
            f"\nThe workers go on with run {run}; stopping this command stops nothing.", err=True
        )
        raise SystemExit(130) from None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until the block has ended, which is then all done or not begun."""
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: stopped.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if stopped:
        raise KeyboardInterrupt


def _follow(applier: Applier, plan: PlanFile, run: uuid.UUID, count: int) -> int:
    """Show how far the workers are until nothing is left. Returns how much was set aside."""
    with click.progressbar(length=max(count, 1), label="Applying", file=sys.stderr) as bar:
        left = applier.progress(plan.profile, run)
        moved_at, told = time.monotonic(), False
        while left.due:
            done = count - left.due
            if done > bar.pos:
                bar.update(done - bar.pos)
                moved_at = time.monotonic()
            if not told and time.monotonic() - moved_at > SILENCE:
                told = True
                click.echo(
                    "\nNothing was taken up for a minute. Is a worker running (`tandem worker`)? "
                    "Or a site is blocked or paused: look at Tandem's page.",
                    err=True,
                )
            time.sleep(LOOK_EVERY)
            left = applier.progress(plan.profile, run)
        bar.update(max(count, 1) - bar.pos)
    applier.end(plan.profile, run)
    click.echo(f"{count - left.parked:,} of {count:,} changes of run {run} were carried out.")
    if left.parked:
        click.echo(f"{left.parked:,} were set aside: Tandem's page says why and what to do.")
    return left.parked
