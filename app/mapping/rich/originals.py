"""The way back of an edited twin: blocks that only degraded on their way out stay as they were.

A macro that is a line of text on the twin would else be that line on its own site as well, as soon
as somebody edits another paragraph of the twin.
"""

from __future__ import annotations

import json
from typing import Any

from app.mapping.kinds.rich_text import as_read
from app.mapping.profile import Kind
from app.mapping.rich.convert import carry_document
from app.mapping.rich.files import would_drop_media
from app.mapping.rich.known import Carried, Context, Degraded, Needs, content_of
from app.mapping.values import UnreadableValueError, handler


def carry_edited(came: str, back: Context, mine: str | None, there: Context) -> Carried:
    """Carry a document to the site that holds `mine`, with the blocks of `mine` put back that are
    in `came` as they were carried there. `there`: the context in which `mine` is carried out.

    What comes of it is the same twin, when it is carried out, as without the originals. Pure, and
    never an exception.
    """
    whole = carry_document(came, back)
    if whole.refused or mine is None or whole.document is None:
        return whole
    try:
        arrived = _blocks(came)
        places = _places([as_read(block) for block in _blocks(came)], mine, there)
        if not places:
            return whole
        found = _joined(arrived, places, back)
    except (ValueError, RecursionError):  # no document, or one too deep
        return whole
    # Only what leads to the same twin is worth the originals, and no file may go for them.
    plain = carry_document(whole.document, there).document
    out = carry_document(found.document, there).document if found.document else None
    if not handler(Kind.RICH_TEXT).same(plain, out):
        return whole
    return whole if would_drop_media(whole.document, found.document) else found


def _held(mine: str, there: Context) -> list[tuple[Any, list[Any]]]:
    """The blocks of this site that degrade on their way out, each with what it is over there."""
    found = []
    for block in _blocks(mine):
        out = carry_document(_document([block]), there)
        if out.degraded and out.document is not None:
            found.append((block, _blocks(out.document)))
    return found


def _places(arrived: list[str], mine: str, there: Context) -> dict[int, tuple[int, Any]]:
    """Where in what arrived a held block begins, how many blocks it is there, and the original."""
    found: dict[int, tuple[int, Any]] = {}
    start = 0
    for original, out in _held(mine, there):
        size = len(out)
        looked_for = [as_read(block) for block in out]
        for place in range(start, len(arrived) - size + 1):
            if arrived[place : place + size] == looked_for:
                found[place] = (size, original)
                start = place + size
                break
    return found


def _joined(arrived: list[Any], places: dict[int, tuple[int, Any]], back: Context) -> Carried:
    """What arrived, carried piece by piece, with the originals in their places."""
    blocks: list[Any] = []
    degraded: list[Degraded] = []
    needs = Needs()
    place = 0
    while place < len(arrived):
        if place in places:
            size, original = places[place]
            blocks.append(original)
            place += size
            continue
        piece = carry_document(_document([arrived[place]]), back)
        if piece.refused:
            return piece
        # A document of an empty paragraph is none; within others it is a gap that somebody made.
        blocks += _blocks(piece.document) if piece.document else [arrived[place]]
        degraded += piece.degraded
        needs = needs.with_(piece.needs)
        place += 1
    try:
        value = handler(Kind.RICH_TEXT).read(json.loads(_document(blocks)))
    except UnreadableValueError:
        return Carried(None)
    return Carried(value if isinstance(value, str) else None, tuple(degraded), needs)


def _blocks(document: str) -> list[Any]:
    whole = json.loads(document)
    return content_of(whole) if isinstance(whole, dict) else []


def _document(blocks: list[Any]) -> str:
    return json.dumps({"type": "doc", "version": 1, "content": blocks})
