"""Which items are left alone, and why: as the merge of items and their kinds say it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.mapping.profile import ItemKind, Side
from app.mapping.said import Said, said, the_side
from app.sync.items.hand import Planned
from app.sync.items.links import THERE, WAITS
from app.sync.items.model import Gone, Item, ItemLink
from app.sync.items.nouns import an_item, count, noun
from app.sync.planning_types import Cause, Note


def notes_of(planned: Planned) -> list[Note]:
    """What is left alone of the items of one kind. Items with one reason are one note."""
    name = planned.kind.kind
    found: dict[tuple[Side, Cause, str], list[str]] = {}
    for side, cause, why, item in (*_held(planned), *_twins(planned, noun(name))):
        found.setdefault((side, cause, why), []).append(item)
    notes = []
    for (side, cause, why), ids in found.items():
        what = an_item(name, ids[0]) if len(ids) == 1 else count(name, len(ids))
        sentence = said("%(items)s on %(side)s: %(why)s", items=what, side=the_side(side), why=why)
        group = _in_general(planned, why)
        notes.append(Note(cause, sentence, planned.kind.field, side, tuple(ids), group))
    return notes


def joined(notes: Iterable[Note]) -> list[Note]:
    """The notes, those that say the same as one."""
    found: dict[Note, Note] = {}
    for one in notes:
        same = replace(one, items=())
        items = (*found[same].items, *one.items) if same in found else one.items
        found[same] = replace(one, items=items)
    return list(found.values())


_Found = tuple[Side, Cause, str, str]


def _held(planned: Planned) -> Iterator[_Found]:
    """Sources that may not cross."""
    mapping, place = planned.plan.mapping, planned.plan.place
    rows = _rows(planned)
    goes = {one.twin.id for one in planned.plan.deletes}
    for side in Side:
        if not mapping.flow.feeds(side.other):
            continue
        settled = {r.item(side) for r in rows if r.source is not side}
        going = {r.item(side) for r in rows if r.item(side.other) in goes}
        for item in planned.items[side]:
            if item.held is None or item.held == THERE or item.id in settled | going:
                continue
            if item.looked and not place.ours(item.mark, side):
                cause = Cause.WAITS if item.held == WAITS else Cause.HELD
                yield side, cause, item.held.sentence, item.id


def _twins(planned: Planned, called: Said) -> Iterator[_Found]:
    """Twins that somebody else edited or deleted, or that stay though their sources are gone."""
    plan = planned.plan
    moved = {one.row.id for one in plan.updates} | {one.row.id for one in plan.deletes}
    moved |= {one.row.id for one in plan.creates}
    now = {s: {one.id: one for one in planned.items[s]} for s in Side}
    for row in _rows(planned):
        side = row.source
        if side is None or row.id in moved or not plan.mapping.flow.feeds(side.other):
            continue
        source = now[side].get(row.item(side) or "")
        twin = now[side.other].get(row.item(side.other) or "")
        reason = _of_a_twin(row, source, twin, called)
        if reason is not None:
            yield side.other, reason[0], reason[1], row.item(side.other) or ""


def _of_a_twin(
    row: ItemLink, source: Item | None, twin: Item | None, called: Said
) -> tuple[Cause, str] | None:
    if source is not None and source.held is None:
        if twin is not None and row.touched:
            why = said(
                "Somebody edited what Tandem made; it is left so until the %(item)s is edited.",
                item=called,
            )
            return Cause.EDITED, why
        if twin is None and row.twin_gone is Gone.THEIRS:
            return Cause.DELETED, said("Somebody deleted what Tandem made; it is not made again.")
        if twin is None and row.twin_gone is Gone.UNDONE:
            why = said(
                "An undo took it away; it is made again once the %(item)s is edited.", item=called
            )
            return Cause.DELETED, why
    if source is None and twin is not None and row.source_gone:
        return Cause.KEPT, said(
            "Its source was deleted; the profile leaves such a %(item)s where it is.", item=called
        )
    return None


def _rows(planned: Planned) -> list[ItemLink]:
    """The rows as they would be stored."""
    return list(({row.id: row for row in planned.rows}
                 | {row.id: row for row in planned.plan.rows}).values())  # fmt: skip


def _in_general(planned: Planned, why: str) -> str:
    """The sentence that files of any size have in common."""
    limit = planned.plan.mapping.limit_mb
    if planned.kind.kind is ItemKind.ATTACHMENTS and limit is not None and f"{limit:,} MB" in why:
        return said(
            "The attachment has more than the %(limit)s MB that the profile carries.",
            limit=f"{limit:,}",
        )
    return why
