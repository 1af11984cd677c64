"""`tandem profile lifecycle`: what becomes of a twin whose issue is deleted, moved or archived."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.mapping.lifecycle import Archived, Deleted, Moved

if TYPE_CHECKING:
    from app.mapping.lifecycle import Lifecycle


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--deleted", type=click.Choice([one.value for one in Deleted]))
@click.option("--moved", type=click.Choice([one.value for one in Moved]))
@click.option("--archived", type=click.Choice([one.value for one in Archived]))
@click.option("--left-closed", metavar="STATUS", help="The status to close with, by id.")
@click.option("--right-closed", metavar="STATUS", help="The same for the right side.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lifecycle(profile: str, as_json: bool, **options: str | None) -> None:
    """Say what PROFILE (its id or its name) does when an issue is deleted, moved out of scope or
    archived; or choose otherwise. What is not named stays as it is. See docs/lifecycle.md."""
    wanted = {name: value or None for name, value in options.items() if value is not None}
    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        chosen = stored.profile.lifecycle
        if wanted:
            from app.mapping.revisions import set_lifecycle

            chosen = set_lifecycle(tandem.vault, tandem.record, stored, wanted)
    _show(chosen, as_json=as_json)


def _show(chosen: Lifecycle, *, as_json: bool) -> None:
    rows = {
        "deleted": chosen.deleted.value,
        "moved": chosen.moved.value,
        "archived": chosen.archived.value,
        "left_closed": chosen.left_closed,
        "right_closed": chosen.right_closed,
    }
    if as_json:
        click.echo(json.dumps(rows))
        return
    for name, value in rows.items():
        if value is not None:
            click.echo(f"{name}: {value}")
