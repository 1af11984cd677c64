"""Which edits of twins were lost through a write or a delete of ours, and what is told of them."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.mapping.profile import Side
from app.sync.items.comments import CommentKind
from app.sync.items.edits import Edit, judge
from app.sync.items.found import mark_of
from app.sync.items.lost import by_delete, by_update, written
from app.sync.items.model import MOST_TIMES, Delete, Gone, Held, Item, ItemLink, Update
from tests.unit.items_world import FINGERPRINTS
from tests.unit.test_comment_kind import paragraph

KIND = CommentKind()
US, ANN = "app", "ann"
SECRET = Held("Not for all.", retract=True)


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)


def edit(second: int, said: str | None = "Theirs") -> Edit:
    return Edit(uuid.UUID(int=second), "comments", Side.RIGHT, "7", at(second), said)


def row(*over: int, seen: int | None = 0, gone: Gone | None = None, **more: Any) -> ItemLink:
    """The row of a twin on the right side."""
    times = tuple(map(at, over))
    known = ItemLink(uuid.UUID(int=1), "comments", "5", "7", Side.LEFT, "f00d", twin_gone=gone)
    return replace(known, over=times, right_seen=None if seen is None else at(seen), **more)


@pytest.mark.parametrize(
    ("known", "read", "edits", "lost", "done"),
    [
        (row(1, 5, seen=5), 5, [3], 3, [3]),  # between what we read and what we wrote
        (row(1, 5, seen=5), 5, [1], None, [1]),  # it was read
        (row(1, 5, seen=5), 5, [5], None, [5]),  # our own
        (row(1, 5, seen=5), 5, [6], None, []),  # later: the next visit reads it
        (row(1, 5, seen=5), 6, [6], None, [6]),  # this one read it
        (row(1, 5, seen=6), 6, [3, 6], 3, [3, 6]),  # one lost, and one made over our write
        (row(1, 5, seen=5), 5, [2, 3], 3, [2, 3]),  # people replaced the first themselves
        (row(1, 5, 5, 9, seen=9), 9, [3], 3, [3]),  # told late: by the write before the last
        (row(1, 5, 5, 9, seen=9), 9, [5], None, [5]),  # our write before the last
        (row(seen=2), 4, [3], None, [3]),  # never written anew
        (row(seen=None), None, [3], None, []),
        (row(seen=2, gone=Gone.OURS), None, [3], 3, [3]),  # it went with the twin
        (row(seen=4, gone=Gone.OURS), None, [3], None, [3]),  # read, and told, before
        (row(seen=2, gone=Gone.THEIRS), None, [3], None, [3]),  # others took the twin away
        (row(seen=2, gone=Gone.UNDONE), None, [3], 3, [3]),  # it went by an undo
        (row(seen=4, gone=Gone.UNDONE), None, [3], None, [3]),
        (None, None, [3], None, [3]),
    ],
)
def test_an_edit_is_lost_where_it_came_between_our_reading_and_our_writing(
    known: ItemLink | None, read: int | None, edits: list[int], lost: int | None, done: list[int]
) -> None:
    judged = judge([edit(one) for one in edits], known, None if read is None else at(read))
    assert judged.lost == (None if lost is None else edit(lost))
    assert {one.id for one in judged.done} == {uuid.UUID(int=one) for one in done}


def item(text: str, second: int = 1, *, by: str | None = US, held: Held | None = None) -> Item:
    """A twin on the right side, which we made."""
    raw = {} if by is None else {"updateAuthor": {"accountId": by}}
    body = {"type": "doc", "version": 1, "content": [paragraph(text)]}
    said = json.dumps(body, separators=(",", ":"))
    return Item("7", US, at(0), at(second), (said, False), held, by_app=True, raw=raw)


def known(text: str, **more: Any) -> ItemLink:
    """The row that knows the twin as saying this."""
    return row(**more, twin_mark=mark_of("comments", Side.RIGHT, item(text), FINGERPRINTS))


@pytest.mark.parametrize(
    ("of", "twin", "held", "double", "old"),
    [
        (known("Ours"), item("Ours"), None, False, ""),
        (known("Ours"), item("Theirs", by=ANN), None, False, "Theirs"),
        (known("Ours"), item("Theirs", by=None), None, False, "Theirs"),
        (known("Ours"), item("Ours anew"), None, False, ""),  # a write that we never heard of
        (known("Told", touched=True), item("Told", by=ANN), None, False, "Told"),
        (known("Ours"), item("Theirs", by=ANN), SECRET, False, None),
        (known("Ours"), item("Theirs", by=ANN, held=SECRET), None, False, None),
        (known("Ours"), item("Double"), None, True, ""),
        (known("Ours"), item("Double", by=ANN), None, True, "Double"),
        (row(), item("Found", by=ANN), None, False, "Found"),  # found by its mark after a loss
        (row(), item("Found"), None, False, ""),
    ],
)
def test_a_twin_that_somebody_edited_is_not_deleted_unsaid(
    of: ItemLink, twin: Item, held: Held | None, double: bool, old: str | None
) -> None:
    told = by_delete(KIND, Delete(of, twin, Side.RIGHT, held, double), FINGERPRINTS)
    assert (told is None) == (old == "")
    if told is not None:
        assert (told.old, told.side, told.field) == (old, "right", "comment")
        assert "comment 7 that Tandem made was edited on the right side; it was" in told.sentence
        assert ("not everybody may see it" in told.sentence) == (old is None)


@pytest.mark.parametrize(
    ("twin", "lost", "old"),
    [
        (item("Theirs", by=ANN), True, "Theirs"),
        (item("Theirs", by=None), True, "Theirs"),
        (item("Ours, unheard"), True, ""),
        (item("Ours"), False, ""),
        (item("Theirs", by=ANN, held=SECRET), True, None),
    ],
)
def test_a_write_that_we_did_not_hear_of_is_nobodys_edit(
    twin: Item, lost: bool, old: str | None
) -> None:
    told = by_update(KIND, Update(row(), item("Source"), twin, Side.RIGHT, lost))
    assert (told is None) == (old == "")
    assert told is None or told.old == old


def test_a_row_keeps_the_times_of_its_last_writes_alone() -> None:
    known = row()
    for second in range(1, 40, 2):
        twin, made = item("x", second), item("y", second + 1)
        known = written(Update(known, item("s"), twin, Side.RIGHT, lost=False), made)
        known = known.with_seen(Side.RIGHT, made.updated)
    assert len(known.over) == MOST_TIMES
    assert known.over[-2:] == (at(39), at(40))


def test_what_a_write_replaced_that_we_did_not_hear_of_is_known_by_the_next_one() -> None:
    update = Update(row(seen=1), item("s"), item("Ours, unheard", 5), Side.RIGHT, lost=True)
    known = written(update, item("Ours", 9))
    assert known.over == (at(1), at(5), at(5), at(9))
    assert judge([edit(3)], known, None).lost == edit(3)
    theirs = replace(update, twin=item("Theirs", 5, by=ANN))
    assert written(theirs, item("Ours", 9)).over == (at(5), at(9))
