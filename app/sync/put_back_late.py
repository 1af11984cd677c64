"""Looks at writes whose worker died before it looked: whether they replaced a person's edit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from app.activity.log import Outcome
from app.jira.site import Changelog
from app.mapping.profile import Side
from app.sync import provenance
from app.sync import written as notes
from app.sync.bases import landed, unmoved
from app.sync.move_marks import as_one
from app.sync.overwritten import Sent
from app.sync.plan import Base, Snapshot
from app.sync.put_back import After, decide, find
from app.sync.store_links import Link
from app.sync.turn import Turn


def look_after_a_death(turn: Turn, link: Link, snapshots: dict[Side, Snapshot]) -> Base:
    """Look at writes that were noted and found done, whose worker did not get to look.

    Gives the base with those that stand, and tells what came of it at once. Where an edit was put
    back, `snapshots` has the side as it is then. Costs one call a side.
    """
    base = landed(link.base, link.planned, snapshots, turn.fingerprints)
    of = turn.fingerprints.of
    for side in Side:
        values, issue_id = snapshots[side].values, link.issue_id(side) or 0
        marks = {
            key: mark.of(side)
            for key, mark in link.planned.items()
            if mark.to is side and key in values and of(key, side, values[key]) == mark.of(side)
        }
        sent = _noted(turn, link, side, marks) if marks else []
        found = find(turn.sites[side], issue_id, sent, None, partial(_steps, turn, link, side))
        if not found:
            continue
        after = decide(turn, side, link, found, turn.read[side][issue_id])
        _tell(turn, link, side, after)
        base = unmoved(base, link.base, after.reopened)
        if after.puts and after.returned is not None:
            snapshots[side] = turn.snapshot(after.returned, side)
    return base


def _tell(turn: Turn, link: Link, side: Side, after: After) -> None:
    """Tell what came of a write that its worker did not look at, and correct the notes of it: both
    in one commit, so that it is told once."""
    with turn.transaction() as session:
        found = after.amended(turn, link, side)
        notes.amend(session, found)
        provenance.note_put_back(session, turn.profile, found)
        turn.tell(
            session,
            (link.left_key, link.right_key),
            Outcome.CONFLICT if after.lost else Outcome.UPDATED,
            written=after.puts,
            conflicts=len(after.lost),
            details=after.details,
        )


def _noted(turn: Turn, link: Link, side: Side, marks: Mapping[str, str]) -> list[Sent]:
    """The writes as they were noted before they were sent: by fingerprints alone."""
    of = turn.fingerprints.of
    mappings = {m.key: m for m in turn.profile.profile.fields}
    with turn.transaction() as session:
        rows = notes.newest(session, link.id, side, list(marks))
    return [
        Sent(
            row.key,
            mappings[row.key].field(side),
            mappings[row.key].kind_of(side),
            lambda value, row=row: of(row.key, side, value) == row.after,  # type: ignore[misc]
            lambda value, row=row: of(row.key, side, value) == row.before,  # type: ignore[misc]
            row.read_at,
        )
        for row in rows
        if row.before is not None and row.after == marks[row.key] and row.key in mappings
    ]


def _steps(turn: Turn, link: Link, side: Side, log: Changelog, sent: Sent) -> Changelog:
    """The changelog with the steps of a move, as it was noted, as one edit."""
    marks, of = link.moving.get((sent.key, side), frozenset()), turn.fingerprints.of
    if not marks:
        return log
    return as_one(
        log,
        sent.field,
        origin=sent.was,
        between=lambda status: of(sent.key, side, status) in marks,
        target=sent.ours,
    )
