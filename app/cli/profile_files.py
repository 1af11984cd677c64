"""`tandem profile export`, `import`, `diff` and `delete`: profiles as files, and their end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile, read_as_owner
from app.cli.named import require_named, require_named_anew
from app.errors import NotFound, Problem

if TYPE_CHECKING:
    from app import Tandem
    from app.database import TenantId
    from app.mapping.naming import Names
    from app.mapping.profile import Profile, Scope, Side
    from app.mapping.profiles import StoredProfile
    from app.mapping.told import Difference
    from app.mapping.yaml_file import Content
    from app.settings import Settings

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
MOST_BYTES = 8_000_000
# The address of a site by token is sealed: which of a site's it is, is seen when they are opened.
_CONNECTIONS = """
    SELECT c.id, l.id AS left_tenant, r.id AS right_tenant, r.owner_id IS NOT NULL AS by_token,
        r.base_url LIKE '%://' || :right AS named
    FROM connection c
    JOIN installation l ON l.id IN (c.left_tenant_id, c.right_tenant_id)
    JOIN installation r ON r.id IN (c.left_tenant_id, c.right_tenant_id)
    WHERE l.base_url LIKE '%://' || :left AND l.id <> r.id AND l.owner_id IS NULL
        AND (r.base_url LIKE '%://' || :right OR r.owner_id = l.id)
    ORDER BY by_token, c.created_at
"""


@click.command("export")
@click.argument("profile", metavar="PROFILE")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write this file instead."
)
def export_file(profile: str, out: Path | None) -> None:
    """Print PROFILE (its id or its name) as a YAML file, with names beside the ids as far as both
    sites tell them. No secret is in it."""
    from app.mapping import history
    from app.mapping.yaml_file import write

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        pace = history.pace_of(stored.left_tenant, stored.id)
        text = write(stored.profile, stored.name, pace, _names(tandem, stored))
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, "utf-8")
    click.echo(f"Written to {out}.")


@click.command("import")
@click.argument("profile", metavar="[PROFILE]", nargs=-1)
@click.argument("file", metavar="FILE", type=READABLE)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def import_file(profile: tuple[str, ...], file: Path, *, dry_run: bool) -> None:
    """Take FILE as the mapping of PROFILE (its id or its name): a new revision. Without PROFILE a
    new one is made between the two sites that the file names, and proposed to its right one."""
    from app.mapping.yaml_file import read

    if len(profile) > 1:
        raise click.UsageError("Give one PROFILE and one FILE.")
    settings = settings_or_end()
    content = read(_text(file))
    if not profile:
        _create(settings, content, dry_run=dry_run)
        return
    with opened_profile(settings, profile[0]) as (tandem, stored):
        found = _taken(tandem, stored, content, dry_run=dry_run)
    _say(found, "Nothing changes: the profile is as the file says.")


def _taken(tandem: Tandem, stored: StoredProfile, content: Content, *, dry_run: bool) -> list[str]:
    """What changes, in sentences; and it is changed."""
    from app.jobs.bell import ring
    from app.mapping import history, revisions, taking
    from app.mapping.difference import differences
    from app.mapping.profile import Side
    from app.sync.mapping_taken import follow

    old, sites = stored.profile, _sites(tandem, stored)
    new = taking.wanted(content, old, taking.Parties(sites))
    for side in Side:
        if new.scope(side).filter != old.scope(side).filter:
            _check(tandem, stored.tenants[side], new.scope(side), side)
    require_named(tandem, stored, new)
    names = _names(tandem, stored) if new != old else None
    found = [one.sentence for one in differences(old, new, names)]
    pace = history.pace_of(stored.left_tenant, stored.id)
    if content.search_seconds not in {None, pace}:
        found.append(f"Each side is searched every {content.search_seconds} seconds.")
    if dry_run:
        return found
    if taking.take_as_operator(tandem.vault, tandem.record, stored, content, sites):
        follow(tandem.vault, ring, stored.id, old, new)
    if content.search_seconds is not None and content.search_seconds != pace:
        revisions.set_interval(tandem.record, stored, content.search_seconds)
    return found


def _create(settings: Settings, content: Content, *, dry_run: bool) -> None:
    """A new profile between the sites of a file, its left one's the proposer."""
    from app import create_app
    from app.mapping import taking
    from app.mapping.profile import Side

    if content.name is None or len(content.sites) < len(Side):
        raise Problem(
            "FILE: a new profile needs a name (profile) and both hosts (left.site, right.site).",
            code="invalid-file",
            field="file",
        )
    hosts = {f"{side.value}": content.sites[side] for side in Side}
    rows = read_as_owner(settings, _CONNECTIONS, **hosts)
    profile = taking.between(content, content.sites)
    with create_app(settings, pool_size=2, endpoints=False).app_context() as context:
        tandem: Tandem = context.app.extensions["tandem"]
        row = next((one for one in rows if _leads_to(tandem, one, hosts["right"])), None)
        if row is None:
            raise NotFound(
                f"FILE: {hosts['left']} and {hosts['right']} are not connected here. An admin of "
                f"{hosts['left']} connects them on Tandem's page; or name the PROFILE that the "
                "file is for."
            )
        if dry_run:
            proposed = f"A new profile “{content.name}” would be made and proposed to its right"
            click.echo(f"{proposed} site.")
            return
        made = _made(tandem, row, content.name, profile)
    click.echo(f"Made {made}. It carries nothing until {_approver(hosts['right'], row)}.")


def _leads_to(tandem: Tandem, row: Mapping[str, object], host: str) -> bool:
    """Whether a connection is with the site of this host. One by token may be named by its cloud
    id as well, as other commands name it."""
    if row["named"]:
        return True
    return tandem.installations.of(_tenant(row, "right")).base_url.split("://", 1)[1] == host


def _approver(host: str, row: Mapping[str, object]) -> str:
    """Who approves a new profile, and where."""
    if row["by_token"]:
        return f"who gave the API token of {host} approves it for that side, on Tandem's page"
    return f"{host} approves it"


def _tenant(row: Mapping[str, object], side: str) -> TenantId:
    from app.database import TenantId

    return TenantId(uuid.UUID(str(row[f"{side}_tenant"])))


def _made(tandem: Tandem, row: Mapping[str, object], name: str, profile: Profile) -> uuid.UUID:
    from app.mapping import taking
    from app.mapping.profile import Side
    from app.tenants.caller import Caller, Proof
    from app.tenants.deeds import OPERATOR

    tenants = {side: _tenant(row, side.value) for side in Side}
    require_named_anew(tandem, tenants, profile)
    return taking.create(
        tandem.vault,
        tandem.record,
        Caller(tenants[Side.LEFT], OPERATOR, Proof.CONTEXT),
        uuid.UUID(str(row["id"])),
        name=name,
        profile=profile,
        check=lambda scope, side: _check(tandem, tenants[side], scope, side),
    )


@click.command("diff")
@click.argument("profile", metavar="PROFILE")
@click.argument("other", metavar="FILE|REVISION")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_file(profile: str, other: str, *, as_json: bool) -> None:
    """Say in sentences what would change if PROFILE (its id or its name) were as a file or an
    earlier revision of it says. Ends with 0 where nothing would, otherwise with 1."""
    from app.mapping import history, taking
    from app.mapping.difference import differences
    from app.mapping.yaml_file import read

    file = Path(other)
    content = None if other.isdecimal() and not file.exists() else read(_text(file))
    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        old, names = stored.profile, _names(tandem, stored)
        if content is None:
            new = history.at(tandem.vault, stored.left_tenant, stored.id, int(other))
        else:
            new = taking.wanted(content, old, taking.Parties(names.sites))
        found = differences(old, new, names)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False))
    else:
        _say([one.sentence for one in found], "Nothing differs.")
    raise SystemExit(1 if found else 0)


@click.command("delete")
@click.argument("profile", metavar="PROFILE")
@click.option("--yes-delete", "name", metavar="NAME", required=True, help="Its name, once more.")
def delete_profile(profile: str, name: str) -> None:
    """Delete PROFILE (its id or its name) and all that Tandem knows of its pairs. The issues of
    both sites stay as they are; what was written can not be undone any more."""
    from app.mapping import removal
    from app.tenants.caller import Caller, Proof
    from app.tenants.deeds import OPERATOR

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        caller = Caller(stored.left_tenant, OPERATOR, Proof.CONTEXT)
        pairs = removal.remove(tandem.record, caller, stored.id, name)
    click.echo(f"Deleted. {pairs} pairs are not kept in step any more; their issues stay.")


def _say(found: list[str], otherwise: str) -> None:
    for sentence in found or [otherwise]:
        click.echo(sentence)


def _as_json(one: Difference) -> dict[str, str | None]:
    return {"where": one.where, "old": one.old, "new": one.new, "sentence": one.sentence}


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
        return raw.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Problem(
            f"FILE: {file.name} cannot be read as a text in UTF-8. Give an export, or the number "
            "of a revision where one is asked for.",
            code="invalid-file",
            field="file",
        ) from None


def _sites(tandem: Tandem, stored: StoredProfile) -> dict[Side, str]:
    return {
        side: tandem.installations.of(tenant).base_url.split("://", 1)[1]
        for side, tenant in stored.tenants.items()
    }


def _names(tandem: Tandem, stored: StoredProfile) -> Names:
    from app.sync.profile_names import ProfileNames

    names = ProfileNames(tandem.open_site)
    return names.of(stored.profile, stored.tenants, _sites(tandem, stored))


def _check(tandem: Tandem, tenant: TenantId, scope: Scope, side: Side) -> None:
    """Ask the site of a side whether it understands a new filter. Raises Problem."""
    from app.mapping import filters

    if scope.filter is not None:
        filters.check(tandem.open_site(tenant), scope, side, own=False)
