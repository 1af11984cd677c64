"""`tandem profile items` and `carry`: what of an issue is carried besides its fields, and how."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.cli.named import require_named
from app.mapping.document_items import dump_items
from app.mapping.profile import Flow, ItemKind, ItemMapping, MarkerMode, Side

NOT_CARRIED = "none"
ALLOWED_BY: dict[str, list[str]] = {
    **{side.value: [side.value] for side in Side},
    "both": [side.value for side in Side],
    "none": [],
}


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def items(profile: str, as_json: bool) -> None:
    """List what PROFILE (its id or its name) carries besides fields, such as comments."""
    with opened_profile(settings_or_end(), profile) as (_, stored):
        listed: Any = dump_items(stored.profile.items).get("items", [])
        revision = stored.revision
    if as_json:
        click.echo(json.dumps({"profile": str(stored.id), "revision": revision, "items": listed}))
        return
    if not listed:
        click.echo("Nothing besides its fields. `tandem profile carry` changes that.")
    for row in listed:
        click.echo(_said(row))


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.argument("kind", type=click.Choice([one.value for one in ItemKind]))
@click.option(
    "--flow",
    type=click.Choice([*(one.value for one in Flow), NOT_CARRIED]),
    help="The direction; none: not carried any more, what was made stays.",
)
@click.option("--prefix", help="The first line: {author}, {site}, {created}; '' for no line.")
@click.option("--marker", help="A text that chooses; '' for none.")
@click.option(
    "--marker-mode",
    type=click.Choice([one.value for one in MarkerMode]),
    help="Only what holds the marker crosses, or all that does not.",
)
@click.option("--deletions/--no-deletions", default=None, help="A twin goes with its source.")
@click.option(
    "--internal",
    type=click.Choice(list(ALLOWED_BY)),
    help="Comments: who allows that internal ones cross, as internal ones; only with both they do.",
)
@click.option(
    "--limit-mb",
    type=click.IntRange(0),
    help="Larger attachments stay where they are; 0 for no limit but the site's.",
)
@click.option(
    "--type",
    "types",
    metavar="LEFT=RIGHT",
    multiple=True,
    help="Links: these two types, by id, are one; '' for names alone. May be given several times.",
)
@click.option(
    "--now",
    is_flag=True,
    help="Visit all pairs for it, behind live changes; else each with its next change. Links to "
    "the twin always are.",
)
def carry(
    profile: str, kind: str, flow: str | None, types: tuple[str, ...], now: bool, **options: Any
) -> None:
    """Carry the items of a KIND, such as comments, of PROFILE, or change how. What is not named
    stays as it is."""
    from app.jobs.bell import ring
    from app.mapping import revisions
    from app.sync.items.revisit import visit_all

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        listed: Any = dump_items(stored.profile.items).get("items", [])
        entry: dict[str, Any] = next((o for o in listed if o["kind"] == kind), {"kind": kind})
        entry.pop("internal", None)  # what the sides said stays, also what they say at this moment
        entry |= {name: value for name, value in options.items() if value is not None}
        if options["internal"] is not None:
            entry |= {"internal": ALLOWED_BY[options["internal"]]}
        entry |= {"flow": flow} if flow else {}
        entry |= {"types": _table(types)} if types else {}
        for name in ("prefix", "marker", "limit_mb"):
            entry |= {name: None} if entry.get(name) in ("", 0) else {}
        wanted: dict[str, Any] | None = None if flow == NOT_CARRIED else entry
        if types:
            require_named(tandem, stored, revisions.with_items(stored, ItemKind(kind), wanted))
        made = revisions.set_items(tandem.vault, tandem.record, stored, ItemKind(kind), wanted)
        at_once = now or kind == ItemKind.REMOTE_LINK or _hides(stored.profile.items, made)
        due = visit_all(ring, stored) if at_once else 0
    rows: Any = dump_items([made] if made else []).get("items", [])
    click.echo(_said(rows[0]) if rows else f"{kind}: not carried.")
    if due:
        click.echo(f"{due:,} {'pair is' if due == 1 else 'pairs are'} visited for it.")


def _hides(before: Sequence[ItemMapping], made: ItemMapping | None) -> bool:
    """Whether internal comments that crossed are to be taken away."""
    crossed = any(one.carries_internal for one in before)
    return crossed and made is not None and not made.carries_internal


def _table(types: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table of types. What is wrong in them the mapping document says."""
    cut = (one.partition("=") for one in types if one)
    return [{"left": left, "right": right} for left, _, right in cut]


def _said(row: dict[str, Any]) -> str:
    if row["kind"] == ItemKind.REMOTE_LINK:
        return f"{row['kind']}: flow {row['flow']}."
    parts = [f"flow {row['flow']}", f"deletions {'carried' if row['deletions'] else 'not carried'}"]
    if row["kind"] == ItemKind.LINKS:
        pairs = ", ".join(f"{one['left']}={one['right']}" for one in row.get("types", ()))
        parts.append(f"types {pairs}, others by name" if pairs else "types by name")
        return f"{row['kind']}: {', '.join(parts)}."
    if row["kind"] == ItemKind.ATTACHMENTS:
        limit = row.get("limit_mb")
        parts.append(f"up to {limit:,} MB" if limit else "no limit but the site's")
        return f"{row['kind']}: {', '.join(parts)}."
    parts.append(f"prefix {row['prefix']!r}" if row["prefix"] else "no prefix")
    if row["kind"] == ItemKind.WORKLOGS:
        return f"{row['kind']}: {', '.join(parts)}."
    if row["marker"]:
        parts.append(f"{row['marker_mode']} with {row['marker']!r}")
    parts.append(_internal(row["internal"]))
    return f"{row['kind']}: {', '.join(parts)}."


def _internal(allowed: Sequence[str]) -> str:
    """Who allows internal comments, and who does not."""
    if not allowed:
        return "internal ones allowed by neither side, so none crosses"
    if len(allowed) == len(Side):
        return "internal ones allowed by left and right"
    other = Side(allowed[0]).other.value
    return f"internal ones allowed by {allowed[0]}, not by {other}, so none crosses"
