"""What people wrote into twins, and a write or a delete of ours took away: it is told, sealed.

What not everybody may see who sees the issue is told without its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from app.activity.log import Detail
from app.mapping.profile import Side
from app.mapping.said import said, the_side, together
from app.mapping.values import whole
from app.sync.fingerprint import Fingerprinter
from app.sync.items import edits
from app.sync.items.found import mark_of
from app.sync.items.kinds import KindOfItem
from app.sync.items.model import Delete, Gone, Item, ItemLink, Update
from app.sync.items.nouns import the_item

if TYPE_CHECKING:
    from app.sync.items.hand import Did, Planned, Work
    from app.sync.turn import Turn

UNSAID = said("What it said is not kept, as not everybody may see it.")


def is_by_others(twin: Item) -> bool | None:
    """Whether somebody else than who made it edited a twin last; None where nobody says so."""
    editor = (twin.raw.get("updateAuthor") or {}).get("accountId")
    return None if not editor or not twin.author else str(editor) != twin.author


def by_update(kind: KindOfItem, one: Update) -> Detail | None:
    """What goes when a twin is written anew that somebody edited. Where we wrote it last ourselves,
    and did not hear so, nothing of others goes."""
    if not one.lost or is_by_others(one.twin) is False:
        return None
    what = said("a later edit of its source took the place of that.")
    return _detail(kind, one.to, one.twin.id, what, _words(kind, one.twin))


def written(one: Update, made: Item) -> ItemLink:
    """The row of a twin that was just written, with the times between which an edit of it would be
    lost: after we read it. A write of ours that we never heard of read it earlier."""
    row = one.row
    heard = row.left_seen if one.to is Side.LEFT else row.right_seen
    if heard is not None and heard < one.twin.updated and is_by_others(one.twin) is False:
        row = row.written_over(heard, one.twin.updated)
    return row.written_over(one.twin.updated, made.updated)


def by_delete(kind: KindOfItem, one: Delete, fingerprints: Fingerprinter) -> Detail | None:
    """What goes when a twin is deleted that somebody edited since we wrote it."""
    theirs = is_by_others(one.twin)
    if one.double or not one.row.twin_mark:  # nobody knows what was written
        edited = theirs is True
    else:
        mark = mark_of(one.row.kind, one.to, one.twin, fingerprints)
        edited = theirs is not False and (one.row.touched or mark != one.row.twin_mark)
    if not edited:
        return None
    what = (
        said("it was deleted as one too many.")
        if one.double
        else said("it was deleted with its source.")
    )
    # What may not be seen there any more is not kept for those who see the activity.
    words = None if one.held is not None and one.held.retract else _words(kind, one.twin)
    return _detail(kind, one.to, one.twin.id, what, words)


def by_the_way(turn: Turn, work: Work, did: Did) -> None:
    """Tell of the edits that came between our reading a twin and our writing or deleting it, as
    far as webhooks told of them."""
    if not any(row.told for row in work.rows):
        return
    with turn.transaction() as session:
        kept = edits.edits_of(session, turn.vault, work.link.id)
    planned = {one.kind.kind.value: one for one in work.planned}
    rows = _by_twin(({row.id: row for row in work.rows} | did.rows).values())
    for (name, side, item), found in kept.items():
        row, plan = rows.get((name, side, item)), planned.get(name)
        judged = edits.judge(found, row, None if plan is None else _read(work, plan, side, item))
        did.edits += [one.id for one in judged.done]
        if judged.lost is None or plan is None or row is None:
            continue
        gone = row.twin_gone is not None
        # With its source, or by an undo; else it may not be seen there any more.
        told = not gone or row.source_gone or row.twin_gone is Gone.UNDONE
        words = judged.lost.said if told else None
        sentence = (
            said("it was deleted before that was read, and the edit is lost there.")
            if gone
            else said(
                "it was written anew from its source before that was read, and the edit is lost "
                "there."
            )
        )
        did.lost += 1
        did.details.append(_detail(plan.kind, side, item, sentence, words))


def _by_twin(rows: Iterable[ItemLink]) -> Mapping[edits.Twin, ItemLink]:
    return {
        (row.kind, row.source.other, row.item(row.source.other) or ""): row
        for row in rows
        if row.source is not None
    }


def _read(work: Work, plan: Planned, side: Side, item: str) -> datetime | None:
    """The `updated` of a twin as this visit read it; None where it came on another page."""
    listing = plan.kind.read(work.issues[side], work.issues[side.other], plan.plan.mapping)
    items = () if listing is None else listing.items
    return next((one.updated for one in items if one.id == item), None)


def _words(kind: KindOfItem, twin: Item) -> str | None:
    return None if twin.held is not None and twin.held.retract else whole(kind.text(twin))


def _detail(kind: KindOfItem, side: Side, item: str, what: str, words: str | None) -> Detail:
    sentence = said(
        "%(item)s that Tandem made was edited on %(side)s; %(what)s",
        item=the_item(kind.kind, item),
        side=the_side(side),
        what=what,
    )
    return Detail(
        together([sentence] if words is not None else [sentence, UNSAID]),
        kind.field,
        side.value,
        old=words,
    )
