"""What was done to twins: kept with the row of the item for whoever asks why, and noted for undo.

A twin that is made or deleted is noted before the call, so that a worker that dies in between
leaves nothing that nobody knows of; one that is written anew with its row, as the next visit would
write it again. Ids and times; no content.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.mapping.profiles import StoredProfile


class Deed(StrEnum):
    """What was done to a twin."""

    MADE = "made"
    WRITTEN = "written"  # anew, from its source
    DELETED = "deleted"


_SET = {
    Deed.MADE: "made_at = now(), made_revision = :revision, made_run = :run, written_at = NULL,"
    " written_revision = NULL, written_run = NULL, gone_at = NULL, gone_run = NULL",
    Deed.WRITTEN: "written_at = now(), written_revision = :revision, written_run = :run",
    Deed.DELETED: "gone_at = now(), gone_run = :run",
}
_NOTE = {
    deed: text(
        f"""
        WITH noted AS (
            INSERT INTO item_written (profile_id, left_tenant_id, right_tenant_id, link_id,
                                      item_id, kind, side, issue_id, did, run_id)
            SELECT i.profile_id, i.left_tenant_id, i.right_tenant_id, i.link_id, i.id, i.kind,
                CASE i.source WHEN 'left' THEN 'right' ELSE 'left' END, i.target_issue_id,
                '{deed.value}', CAST(:run AS uuid)
            FROM item_link i WHERE i.id = ANY(:rows))
        UPDATE item_link SET {change} WHERE id = ANY(:rows)
        """  # noqa: S608  words of our own
    )
    for deed, change in _SET.items()
}
_FORGET = text(
    """
    DELETE FROM item_written w
    WHERE w.did = :did AND w.id = ANY(
        SELECT max(o.id) FROM item_written o WHERE o.item_id = ANY(:rows) GROUP BY o.item_id)
    """
)
_NOT_GONE = text("UPDATE item_link SET gone_at = NULL, gone_run = NULL WHERE id = ANY(:rows)")


def note(
    session: Session,
    profile: StoredProfile,
    deed: Deed,
    rows: Iterable[uuid.UUID],
    run_id: uuid.UUID | None,
) -> None:
    """Note that this is done to the twins of these rows, in one statement. `run_id`: the run that
    it belongs to; None where it is live."""
    asked = sorted(rows)
    if asked:
        values = {"rows": asked, "run": run_id}
        revision = {} if deed is Deed.DELETED else {"revision": profile.revision}
        session.execute(_NOTE[deed], values | revision)


def forget(session: Session, deed: Deed, rows: Iterable[uuid.UUID]) -> None:
    """Forget the last notes of these rows, for what they say was surely not done."""
    asked = sorted(rows)
    if asked:
        session.execute(_FORGET, {"did": deed.value, "rows": asked})
    if asked and deed is Deed.DELETED:
        session.execute(_NOT_GONE, {"rows": asked})
