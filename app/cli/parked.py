"""`tandem parked …`: what sites refused, by root cause, and how it is tried again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.errors import Problem

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.profiles import StoredProfile
    from app.sync.parked_groups import Group, Wanted
    from app.sync.parked_preview import Preview


@click.group()
def parked() -> None:
    """Parked changes: list them by root cause, and retry one, a group or all."""


def _narrowed(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose among the parked changes of a profile."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--issue", "key", metavar="KEY", help="Only this issue, of either side."),
        click.option("--field", metavar="ID", help="Only this field of Jira."),
        click.option("--code", metavar="CODE", help="Only this reason."),
        click.option(
            "--side", type=click.Choice(["left", "right"]), help="Only what this side refused."
        ),
    ):
        command = option(command)
    return click.argument("profile", metavar="PROFILE")(command)


@parked.command("list")
@_narrowed
def list_parked(profile: str, *, as_json: bool, **options: Any) -> None:
    """List what is parked of PROFILE (its id or its name) by root cause, with what to do.

    Ends with 0 where nothing is parked, otherwise with 1.
    """
    from app.database import tenant_transaction
    from app.sync import parked_groups

    wanted = _wanted(**options)
    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        with tenant_transaction(stored.left_tenant) as session:
            found = parked_groups.groups(session, tandem.vault, stored.id, wanted)
        if as_json:
            click.echo(json.dumps([_as_json(tandem, stored, one) for one in found]))
        else:
            click.echo("\n".join(_lines(tandem, stored, found)))
    raise SystemExit(1 if found else 0)


@parked.command()
@_narrowed
@click.option("--preview", is_flag=True, help="Say what would be done; retry nothing.")
def retry(profile: str, *, as_json: bool, preview: bool, **options: Any) -> None:
    """Try what is parked of PROFILE (its id or its name) again: all, or what the options choose.

    Workers carry it, behind what is live. With --preview both sides are read, and it says field by
    field what would be written, and what the site refused before in the same value.
    """
    from app.jobs.bell import ring
    from app.sync import parked_groups, parked_preview
    from app.tenants.deeds import OPERATOR

    wanted = _wanted(**options)
    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        if preview:
            shown = parked_preview.preview(tandem.vault, tandem.open_site, stored, wanted)
            click.echo(_preview(shown, as_json=as_json))
            return
        count = parked_groups.ask_again(
            tandem.record, ring, stored, wanted, actor=OPERATOR, own=stored.left_tenant
        )
        if as_json:
            click.echo(json.dumps({"retried": count}))
        elif count:
            click.echo(f"{count} {'change is' if count == 1 else 'changes are'} tried again now.")
        else:
            click.echo("Nothing of that is parked. `tandem parked list` has what is.")


def _wanted(*, side: str | None, code: str | None, field: str | None, key: str | None) -> Wanted:
    from app.mapping.profile import Side
    from app.sync.parked_groups import Wanted
    from app.sync.reasons import Code

    if code is not None and code not in list(Code):
        raise Problem(f"--code: there is no code {code!r}. Choose one of {', '.join(Code)}.")
    return Wanted(Side(side) if side else None, Code(code) if code else None, field, key)


def _words(tandem: Tandem, stored: StoredProfile, one: Group) -> tuple[str, str]:
    from app.screens.words import called_field
    from app.sync.reasons import say

    tenant = stored.tenants[one.side]
    site = tandem.installations.of(tenant).base_url.split("://", 1)[1]
    return say(one.code, site=site, field=called_field(one.field))


def _as_json(tandem: Tandem, stored: StoredProfile, one: Group) -> dict[str, Any]:
    from app.screens.parked_json import group_json

    sentence, cure = _words(tandem, stored, one)
    chosen = {"side": one.side.value, "code": one.code.value, "field": one.field}
    return group_json(one, stored.name, sentence, cure, chosen)


def _lines(tandem: Tandem, stored: StoredProfile, found: list[Group]) -> Iterator[str]:
    if not found:
        yield "Nothing is parked."
    for one in found:
        sentence, cure = _words(tandem, stored, one)
        options = f"--side {one.side.value} --code {one.code.value} --field '{one.field}'"
        yield f"{one.issues:>6}  {sentence}"
        yield f"        What to do: {cure}"
        more = ", …" if one.issues > len(one.examples) else ""
        yield f"        Issues: {', '.join(one.examples)}{more}"
        yield f"        Retry: {options}"


def _preview(shown: Preview, *, as_json: bool) -> str:
    from app.screens.parked_json import preview_json

    told = preview_json(shown)
    if as_json:
        return json.dumps(told)
    lines = [f"{told['total']} parked; the first {len(told['issues'])} would be read and merged:"]
    again = {"new": "", "again": " (refused before)", "aside": " (refused before; stays aside)"}
    for issue in told["issues"]:
        keys = " / ".join(key for key in (issue["left"], issue["right"]) if key)
        whole = "; the site refused the issue before" if issue["refusedWhole"] else ""
        lines.append(f"{keys or 'an issue that is gone'}: {issue['step']}{whole}")
        for write in issue["writes"]:
            values = f"{write['old']} -> {write['new']}"
            where = f"{write['field']} on the {write['side']} side"
            lines.append(f"    {where}: {values}{again[write['status']]}")
        lines += [f"    {told}" for told in (*issue["items"], *issue["notes"])]
    return "\n".join([*lines, "Nothing was written."])
