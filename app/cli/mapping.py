"""`tandem profile mapping`: the whole mapping document of a profile, to read and to replace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.cli.named import require_named
from app.errors import Problem
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.profile import Side

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.profiles import StoredProfile


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
    of values and transforms, people, and items. With --set, replace it: a new revision.

    The sites are asked whether they have what it names anew; what they lack is refused."""
    from app.mapping import revisions

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        found = stored.profile
        if file is not None:
            document = _read(file)
            _check(tandem, stored, document)
            found = revisions.set_mapping(tandem.vault, tandem.record, stored, document)
    click.echo(json.dumps(dump_profile(found), indent=2, ensure_ascii=False))


def _check(tandem: Tandem, stored: StoredProfile, document: dict[str, object]) -> None:
    """Whether what is new in it is there. Raises Problem."""
    kept = dump_profile(stored.profile)
    try:
        new = load_profile({**document, **{side.value: kept[side.value] for side in Side}})
    except DocumentError:
        return  # what takes it says what is wrong
    require_named(tandem, stored, new)


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
