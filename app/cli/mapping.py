"""`tandem profile mapping`: the whole mapping document of a profile, to read and to replace."""

from __future__ import annotations

import json
from pathlib import Path

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.errors import Problem
from app.mapping.document import dump_profile


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option(
    "--set",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take this JSON file instead; it holds from the next change on.",
)
def mapping(profile: str, file: Path | None) -> None:
    """Print the mapping document of PROFILE (its id or its name) as JSON: fields with their tables
    of values and transforms, people, and items. With --set, replace it: a new revision."""
    from app.mapping import revisions

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        found = stored.profile
        if file is not None:
            found = revisions.set_mapping(tandem.vault, tandem.record, stored, _read(file))
    click.echo(json.dumps(dump_profile(found), indent=2, ensure_ascii=False))


def _read(file: Path) -> dict[str, object]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Problem(
            f"--set: {file.name} is no JSON object. Begin with what the command prints.",
            code="invalid-field",
            field="mapping",
        )
    return document
