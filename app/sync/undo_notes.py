"""What an undo goes by: the notes of what a run, or a span of time, wrote."""

from __future__ import annotations

from sqlalchemy import text

from app.database import tenant_transaction
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.items.trace import Deed
from app.sync.undo_items import ItemNote
from app.sync.undo_plan import Note, Spot, Target

Notes = dict[Spot, list[Note]]

_WRITTEN = text(
    """
    SELECT link_id, side, issue_id, field_key, mark_before, mark_after, created, seen
    FROM written
    WHERE profile_id = :profile
      AND (CAST(:run AS uuid) IS NULL OR run_id = :run)
      AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
    ORDER BY id
    """
)


def written_by(profile: StoredProfile, target: Target) -> Notes:
    """What the target wrote, by field, oldest first."""
    asked = {
        "profile": profile.id,
        "run": target.run_id,
        "since": target.since,
        "until": target.until,
    }
    found: Notes = {}
    with tenant_transaction(profile.left_tenant) as session:
        for row in session.execute(_WRITTEN, asked):
            spot = Spot(row.link_id, Side(row.side), row.issue_id, row.field_key)
            note = Note(row.mark_before, row.mark_after, row.created, row.seen)
            found.setdefault(spot, []).append(note)
    return found


_DONE = text(
    """
    WITH done AS (
        SELECT w.item_id, w.link_id, w.side, w.issue_id, w.kind, max(w.id) AS newest,
            array_agg(w.did ORDER BY w.id) AS deeds
        FROM item_written w
        WHERE w.profile_id = :profile
          AND (CAST(:run AS uuid) IS NULL OR w.run_id = :run)
          AND (CAST(:since AS timestamptz) IS NULL OR w.at >= :since)
          AND (CAST(:until AS timestamptz) IS NULL OR w.at < :until)
        GROUP BY w.item_id, w.link_id, w.side, w.issue_id, w.kind)
    SELECT d.*, NOT EXISTS (
        SELECT FROM item_written o
        WHERE o.item_id = d.item_id AND o.id > d.newest AND o.did <> 'deleted') AS last
    FROM done d ORDER BY d.newest
    """
)


def items_done_by(profile: StoredProfile, target: Target) -> list[ItemNote]:
    """What the target did to twins of items, in the order of the last of it."""
    asked = {
        "profile": profile.id,
        "run": target.run_id,
        "since": target.since,
        "until": target.until,
    }
    with tenant_transaction(profile.left_tenant) as session:
        rows = session.execute(_DONE, asked).all()
    return [
        ItemNote(
            row.item_id,
            row.link_id,
            Side(row.side),
            row.issue_id,
            row.kind,
            tuple(map(Deed, row.deeds)),
            row.last,
        )
        for row in rows
    ]
