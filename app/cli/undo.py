"""`tandem undo`: the inverse of what a run or a span of time wrote; shown first, then done."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import find_profile
from app.settings import Settings

if TYPE_CHECKING:
    from app.sync.undo_done import Done
    from app.sync.undo_plan import Inverse, Left, Restore, Target


@click.command()
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--profile", metavar="PROFILE", help="With --since: the profile, by id or name.")
@click.option("--since", metavar="TIME", help="Undo what was written from then on (ISO 8601).")
@click.option("--until", metavar="TIME", help="… and before then.")
@click.option(
    "--delete-created",
    is_flag=True,
    help="Delete the issues that were created and that nobody changed since.",
)
@click.option(
    "--unlink",
    is_flag=True,
    help="With --delete-created: forget the pairs too. The next change of the issue that is left "
    "then makes a new twin.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and end.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON. Needs --yes or --dry-run.")
def undo(
    run: str | None,
    profile: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
    **choices: bool,
) -> None:
    """Undo what RUN wrote (`tandem runs` lists them), or what PROFILE wrote in a span of time.

    Shows each field with what it holds now and what it goes back to, and the comments, files,
    worklogs and links that were made, which are deleted; and asks. Old values come from Jira's own
    changelogs. What somebody changed since is left alone and listed. A time without a zone is UTC.
    Stopped half way, it goes on when it is started again. Ends with 0 where nothing was left alone,
    otherwise with 1.
    """
    if (run is None) == (profile is None and since is None):
        raise click.UsageError("Give a RUN, or --profile and --since.")
    if run is None and (profile is None or since is None):
        raise click.UsageError("--profile and --since belong together.")
    if run is not None and until is not None:
        raise click.UsageError("--until belongs to --since.")
    if choices["unlink"] and not choices["delete_created"]:
        raise click.UsageError(
            "--unlink needs --delete-created: a pair that is forgotten while both issues are "
            "there would get a second twin."
        )
    if as_json and not (choices["yes"] or choices["dry_run"]):
        raise click.UsageError("--json needs --yes or --dry-run.")
    settings = settings_or_end()
    if run is not None:
        from app.cli.runs import find_run

        target = find_run(settings, run)
    else:
        target = _span(settings, str(profile), str(since), until)
    raise SystemExit(_undo(settings, target, as_json=as_json, **choices))


def _span(settings: Settings, profile: str, since: str, until: str | None) -> Target:
    from app.sync.undo_plan import Target

    found = Target(
        find_profile(settings, profile),
        since=time_of("--since", since),
        until=time_of("--until", until) if until else None,
    )
    if found.until and found.since and found.until <= found.since:
        raise click.UsageError("--until must be later than --since.")
    return found


def time_of(option: str, text: str) -> datetime:
    """A time as it was typed, in UTC where it has no zone. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{option}: this is no time. Write it as 2026-11-25T14:00 or 2026-11-25T14:00+01:00."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _undo(
    settings: Settings,
    target: Target,
    *,
    as_json: bool,
    delete_created: bool,
    unlink: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Plan, show, ask, do. Gives the exit status."""
    from app import create_app
    from app.jobs.bell import lane_lock, ring
    from app.mapping import profiles
    from app.sync.undo import Undo

    app = create_app(settings, pool_size=3, endpoints=False)
    with app.app_context():
        tandem = app.extensions["tandem"]
        stored = profiles.load(tandem.vault, target.profile_id)
        work = Undo(tandem.vault, tandem.open_site, ring, tandem.record, stored, lock_of=lane_lock)
        plan = work.plan(target)
        if not as_json:
            _show(plan, delete=delete_created)
        nothing = not plan.restores and not plan.items and not (delete_created and plan.twins)
        if dry_run or nothing:
            if as_json:
                click.echo(json.dumps({"plan": _as_json(plan), "run": None}))
            return 1 if plan.left or (plan.twins and not delete_created) else 0
        if not yes:
            click.confirm("Put this back?", abort=True)
        run_id, done = work.carry_out(target, plan, delete=delete_created, unlink=unlink)
        if as_json:
            click.echo(
                json.dumps({"plan": _as_json(plan), "run": str(run_id), "done": _told(done)})
            )
        else:
            _say(str(run_id), done, before=len(plan.left))
    return 1 if done.left or done.trouble else 0


def _show(plan: Inverse, *, delete: bool) -> None:
    """Print the plan: what goes back, what is deleted, what is left alone."""
    for one in plan.restores:
        now, back = _briefs(one)
        click.echo(f"BACK    {one.issue:<12} {one.field}: {now} -> {back}")
    for twin in plan.twins:
        what = "DELETE  " if delete else "CREATED "
        rest = "" if delete else "it was created, and is left; --delete-created deletes it"
        if twin.items:
            rest += f" with {_many(twin.items, 'item')} that were made on it"
        click.echo(f"{what}{twin.issue:<12} {rest.strip()}".rstrip())
    for item in plan.items:
        what = "is made again from its source" if item.again else "is deleted"
        click.echo(f"ITEM    {item.issue:<12} {item.name} {what}")
    _print_left(plan.left)
    already = f", {plan.already} as it was before" if plan.already else ""
    click.echo(
        f"To put back: {_many(len(plan.restores), 'field')}. Created: "
        f"{_many(len(plan.twins), 'issue')}.{_kinds(plan)} Left alone: {len(plan.left)}{already}."
    )


def _kinds(plan: Inverse) -> str:
    """How many items of each kind are deleted and made again."""
    told = ""
    for again, what in ((False, "To delete"), (True, "To make again")):
        counts = Counter(one.kind for one in plan.items if one.again is again)
        if counts:
            told += f" {what}: {', '.join(_many(n, k[:-1]) for k, n in counts.items())}."
    return told


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _print_left(left: tuple[Left, ...] | list[Left]) -> None:
    for one in left:
        field = f" {one.field}:" if one.field else ""
        click.echo(f"LEFT    {one.issue:<12}{field} {one.sentence}")


def _say(run: str, done: Done, *, before: int) -> None:
    _print_left(done.left[before:])
    click.echo(
        f"Run {run}: {_many(done.restored, 'field')} put back, "
        f"{_many(done.deleted, 'issue')} deleted, {_many(done.items, 'item')} undone, "
        f"{len(done.left)} left alone."
    )
    if done.trouble is not None:
        click.echo(f"It stopped early. {done.trouble.detail} Start it again: it goes on.", err=True)


def _briefs(one: Restore) -> tuple[str, str]:
    from app.mapping.values import handler

    kind = handler(one.kind)
    return kind.brief(one.now), kind.brief(one.back)


def _as_json(plan: Inverse) -> dict[str, Any]:
    from app.mapping.values import handler

    return {
        "back": [
            {
                "issue": one.issue,
                "side": one.spot.side.value,
                "field": one.field,
                "now": handler(one.kind).text(one.now),
                "back_to": handler(one.kind).text(one.back),
            }
            for one in plan.restores
        ],
        "created": [
            {"issue": one.issue, "side": one.spot.side.value, "items": one.items}
            for one in plan.twins
        ],
        "items": [
            {
                "issue": one.issue,
                "side": one.spot.side.value,
                "kind": one.kind,
                "id": one.item,
                "again": one.again,
            }
            for one in plan.items
        ],
        "left": _left_json(plan.left),
        "already": plan.already,
    }


def _left_json(left: tuple[Left, ...] | list[Left]) -> list[dict[str, str]]:
    return [
        {
            "issue": one.issue,
            "side": one.spot.side.value,
            "field": one.field,
            "why": one.why.value,
            "sentence": one.sentence,
        }
        for one in left
    ]


def _told(done: Done) -> dict[str, Any]:
    return {
        "restored": done.restored,
        "deleted": done.deleted,
        "items": done.items,
        "already": done.already,
        "left": _left_json(done.left),
        "stopped": done.trouble.detail if done.trouble else None,
    }
