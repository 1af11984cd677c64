"""`tandem profile fill`: what transitions are given for fields that nothing else feeds."""

from __future__ import annotations

import json

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.cli.named import require_named
from app.mapping.document_moves import dump_moves
from app.mapping.profile import Side


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--side", type=click.Choice([one.value for one in Side]), help="Whose transitions.")
@click.option("--field", metavar="FIELD", help="The id of a field on their screens, or `comment`.")
@click.option(
    "--value",
    metavar="JSON",
    help='As Jira\'s REST API takes it, such as \'{"id": "10000"}\'; a plain text for a comment or '
    "a text; '' for none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def fill(
    profile: str, *, side: str | None, field: str | None, value: str | None, as_json: bool
) -> None:
    """Say what a transition of a side of PROFILE is given for a field that its screen requires and
    nothing else fills. Without options: list what is given."""
    from app.mapping import revisions
    from app.mapping.revisions import filled

    given = [one is not None for one in (side, field, value)]
    if any(given) and not all(given):
        raise click.UsageError("--side, --field and --value go together: give all three.")
    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        if side is None or field is None or value is None:
            listed = dump_moves(stored.profile.moves).get("moves", {})
            if as_json:
                click.echo(json.dumps({"profile": str(stored.id), "moves": listed}))
                return
            if not stored.profile.moves:
                click.echo("Nothing is given.")
            for one in stored.profile.moves:
                click.echo(f"{one.side.value}: {one.field} = {one.value}")
            return
        wanted = _value(value)
        require_named(tandem, stored, filled(stored.profile, Side(side), field, wanted))
        revisions.set_constant(
            tandem.vault, tandem.record, stored, Side(side), field=field, value=wanted
        )
    if as_json:
        click.echo(json.dumps({"side": side, "field": field, "value": wanted}))
        return
    click.echo(f"{side}: {field} = {json.dumps(wanted)}" if wanted else f"{side}: {field}: none.")


def _value(text: str) -> object:
    """What was typed: JSON, or a plain text."""
    if not text:
        return None
    try:
        found: object = json.loads(text)
    except ValueError:
        return text
    return found
