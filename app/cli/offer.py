"""`tandem profile fields` and `offer`: which fields can be mapped, and which belong together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.cli.named import require_named
from app.errors import Problem
from app.mapping.document import dump_profile
from app.mapping.profile import Moment, Side
from app.mapping.values import shorten

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.offer import OfferedField
    from app.mapping.offer_pairs import Offer, Pair
    from app.mapping.profiles import StoredProfile

ALL = "all"
_WHEN = {
    Moment.ALWAYS: "written",
    Moment.CREATE: "written when an issue is made",
    Moment.UPDATE: "written once an issue is there",
}


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--side", type=click.Choice([one.value for one in Side]), help="Only this side's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def fields(profile: str, *, side: str | None, as_json: bool) -> None:
    """List the fields that PROFILE (its id or its name) could map: their kinds, when they can be
    written, and what they are mapped to. First those that a side requires and nothing feeds.

    Both sites are asked for their screens. Ends with 1 where one does not answer.
    """
    sides = [Side(side)] if side else list(Side)
    with _offered(profile) as (_, stored, offer):
        pass
    if as_json:
        listed = {one.value: [_field(each) for each in offer.fields[one]] for one in sides}
        wanting = [_field(one) for one in offer.wanting if one.side in sides]
        about = {"profile": str(stored.id), "revision": stored.revision}
        click.echo(json.dumps({**about, "wanting": wanting, **listed, "unknown": offer.unknown}))
        return
    for sentence in offer.unknown:
        click.echo(_sentence(sentence))
    for line in _wanting(offer, sides):
        click.echo(line)
    for one in sides:
        click.echo(f"{one.value}:")
        for row in _table([_cells(each) for each in offer.fields[one]]):
            click.echo(f"  {row}")


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option(
    "--take",
    multiple=True,
    is_flag=False,
    flag_value=ALL,
    metavar="[LEFT=RIGHT]",
    help="Map them from the next change on: all that is suggested, or these two fields.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def offer(profile: str, *, take: tuple[str, ...], as_json: bool) -> None:
    """Suggest which fields of both sides of PROFILE (its id or its name) belong together: the same
    field of every Jira, or the same name. With --take, map them: a new revision.

    --take LEFT=RIGHT, which may be repeated, takes any two fields that can be mapped together; the
    kinds are found. One that is impossible, and none is taken. Ends with 1 where a site does not
    answer.
    """
    asked = [_asked(one) for one in take if one != ALL]
    with _offered(profile) as (tandem, stored, found):
        if take:
            every = [(one.left.id, one.right.id) for one in found.suggestions if ALL in take]
            shown = found.pairs(list(dict.fromkeys([*every, *asked])))
            now, left = _taken(tandem, stored, found, shown)
        else:
            shown, now, left = found.suggestions, stored, found
    if as_json:
        about = {"profile": str(now.id), "revision": now.revision, "taken": bool(take)}
        rows = [_pair(left, one) for one in shown]
        wanting = [_field(one) for one in left.wanting]
        told = {"unknown": left.unknown, "notes": left.notes}
        click.echo(json.dumps({**about, "pairs": rows, "wanting": wanting, **told}))
        return
    _say(left, shown, now.revision if take else None)


def _taken(
    tandem: Tandem, stored: StoredProfile, found: Offer, pairs: tuple[Pair, ...]
) -> tuple[StoredProfile, Offer]:
    """Map these too. The profile as it is then, and what it could map besides."""
    from app.mapping import offer_pairs, profiles, revisions

    made = [one.mapping for one in pairs]
    fields = (*stored.profile.fields, *made)
    require_named(tandem, stored, replace(stored.profile, fields=fields))
    revisions.add_fields(tandem.vault, tandem.record, stored, made)
    now = profiles.load(tandem.vault, stored.id)
    return now, offer_pairs.offer(now.profile, found.seen)


@contextmanager
def _offered(profile: str) -> Iterator[tuple[Tandem, StoredProfile, Offer]]:
    """What the profile could map, while the block lasts. Ends where a site does not answer."""
    from app.jira.site import SiteError
    from app.mapping import offer_pairs
    from app.sync.offering import look, reader_of

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        try:
            seen = look(reader_of(tandem.open_site, stored), stored)
        except Problem as problem:
            if isinstance(problem, SiteError) or problem.code == "site-busy":
                click.echo(problem.detail, err=True)
                raise SystemExit(1) from None
            raise
        yield tandem, stored, offer_pairs.offer(stored.profile, seen)


def _asked(text: str) -> tuple[str, str]:
    left, equals, right = (part.strip() for part in text.partition("="))
    if not (left and equals and right):
        raise click.UsageError(
            f"--take {text}: give two fields as LEFT=RIGHT, or nothing for all that is suggested. "
            "PROFILE goes before it."
        )
    return left, right


def _say(found: Offer, shown: tuple[Pair, ...], revision: int | None) -> None:
    """`revision`: the one that they were taken as; None where they are suggested."""
    for line in (*map(_sentence, found.unknown), *_wanting(found, list(Side))):
        click.echo(line)
    for one in shown:
        row = _row(found, one)
        kind = f"{row['kind']} to {row['right_kind']}" if row.get("right_kind") else row["kind"]
        click.echo(
            f"{row['left']} = {row['right']}  {_name(one)}: {kind}, flow {row['flow']}, moment "
            f"{row['moment']}. {_sentence(f'{one.reason}; {one.how}')}"
        )
    for note in found.notes if revision is None else ():
        click.echo(f"Not suggested: {note}.")
    if not shown:
        click.echo("Nothing more suggests itself.")
    elif revision is not None:
        noun = "field is" if len(shown) == 1 else "fields are"
        click.echo(f"{len(shown)} more {noun} mapped, as revision {revision}.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _wanting(found: Offer, sides: list[Side]) -> Iterator[str]:
    for one in found.wanting:
        if one.side in sides:
            below = " A suggestion below feeds it." if found.fills(one) else ""
            yield (
                f"The {one.side.value} side makes no issue without {_plain(one.name)} ({one.id}), "
                f"and no mapping feeds it.{below}"
            )


def _name(pair: Pair) -> str:
    left, right = _plain(pair.left.name), _plain(pair.right.name)
    return left if left == right else f"{left} and {right}"


def _row(found: Offer, pair: Pair) -> dict[str, Any]:
    """A pair as the mapping document has it."""
    document: Any = dump_profile(replace(found.profile, fields=(pair.mapping,)))
    row: dict[str, Any] = document["fields"][0]
    return row


def _pair(found: Offer, pair: Pair) -> dict[str, Any]:
    names = {"left_name": pair.left.name, "right_name": pair.right.name}
    return {"row": _row(found, pair), **names, "reason": pair.reason, "how": pair.how}


def _field(one: OfferedField) -> dict[str, Any]:
    return {
        "side": one.side.value,
        "id": one.id,
        "name": one.name,
        "kind": one.kind.value,
        "create": one.create,
        "edit": one.edit,
        "written": one.takes.value if one.takes else None,
        "why": one.why,
        "required": one.required,
        "mapped_to": one.mapped_to,
        "fed_by": one.fed_by,
        "filled": one.constant,
    }


def _cells(one: OfferedField) -> list[str]:
    """A line of the table."""
    does = [f"mapped to {', '.join(one.mapped_to)}"] if one.mapped_to else []
    does += ["filled in by transitions"] if one.constant else []
    does += ["required"] if one.required else []
    when = _WHEN[one.takes] if one.takes else "only read"
    return [
        one.id,
        _plain(one.name),
        one.kind.value,
        when,
        "; ".join([*does, *([one.why] if one.why else [])]),
    ]


def _plain(name: str) -> str:
    """A name without what would move a terminal's cursor, and not too long for a line."""
    return shorten("".join(one if one.isprintable() else " " for one in name), 60)


def _table(rows: list[list[str]]) -> list[str]:
    """Lines with the cells below one another."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
