"""`tandem profile approve`: the operator turns the key that a profile waits for."""

from __future__ import annotations

import json

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def approve(profile: str, as_json: bool) -> None:
    """Approve what waits of PROFILE (its id or its name), in place of the people of the site that
    is asked. Both trails say that the operator did it. See docs/two-keys.md."""
    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        from app.jobs.bell import ring
        from app.mapping import profiles
        from app.mapping.approvals import approve_as_operator
        from app.sync.mapping_taken import follow

        number = approve_as_operator(tandem.vault, tandem.record, stored.left_tenant, stored.id)
        now = profiles.load(tandem.vault, stored.id).profile
        follow(tandem.vault, ring, stored.id, stored.profile, now)
    if as_json:
        click.echo(json.dumps({"profile": str(stored.id), "revision": number}))
    else:
        click.echo(f"Revision {number} of {stored.name} is in force.")
