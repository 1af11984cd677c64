"""`tandem profile rules` and `set`: in which direction a field crosses, when, and who wins."""

from __future__ import annotations

import json

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.mapping.profile import Flow, Moment, Policy


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rules(profile: str, as_json: bool) -> None:
    """List the fields of PROFILE (its id or its name) with their rules."""
    with opened_profile(settings_or_end(), profile) as (_, stored):
        fields, revision = stored.profile.fields, stored.revision
    rows = [
        {
            "left": m.left,
            "right": m.right,
            "kind": m.kind.value,
            "flow": m.flow.value,
            "moment": m.moment.value,
            "policy": m.policy.value,
        }
        for m in fields
    ]
    if as_json:
        click.echo(json.dumps({"profile": str(stored.id), "revision": revision, "rules": rows}))
        return
    for row in rows:
        click.echo(
            f"{row['left']} = {row['right']}  {row['kind']}, flow {row['flow']}, moment "
            f"{row['moment']}, in a conflict {row['policy']}"
        )


@click.command("set")
@click.argument("profile", metavar="PROFILE")
@click.option("--field", metavar="FIELD", help="The mapped field that --flow and so on are for.")
@click.option("--flow", type=click.Choice([one.value for one in Flow]), help="The direction.")
@click.option(
    "--moment",
    type=click.Choice([one.value for one in Moment]),
    help="Always, only when the twin is made, or only afterwards.",
)
@click.option(
    "--policy",
    type=click.Choice([one.value for one in Policy]),
    help="Who wins where both sides changed it; ask: a person.",
)
@click.option(
    "--search-minutes",
    type=int,
    metavar="N",
    help="How often each side is searched for what no webhook told.",
)
def set_rules(
    profile: str,
    *,
    field: str | None,
    flow: str | None,
    moment: str | None,
    policy: str | None,
    search_minutes: int | None,
) -> None:
    """Change the rules of a field of PROFILE, or how often its sides are searched."""
    ruled = any(one is not None for one in (flow, moment, policy))
    if ruled != (field is not None):
        raise click.UsageError("--field goes with --flow, --moment or --policy: give both.")
    if not ruled and search_minutes is None:
        raise click.UsageError("Say what to change: --field with a rule, or --search-minutes.")
    from app.mapping import revisions

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        if field is not None:
            found = revisions.set_rules(
                tandem.vault,
                tandem.record,
                stored,
                field,
                flow=Flow(flow) if flow else None,
                policy=Policy(policy) if policy else None,
                moment=Moment(moment) if moment else None,
            )
            click.echo(
                f"{found.left} = {found.right}: flow {found.flow.value}, moment "
                f"{found.moment.value}, in a conflict {found.policy.value}."
            )
        if search_minutes is not None:
            revisions.set_interval(tandem.record, stored, search_minutes * 60)
            click.echo(f"Each side is searched every {search_minutes} minutes.")
