"""The rows of items: pairs of a source and its twin, by ids and keyed fingerprints. No content."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.items import trace
from app.sync.items.model import Create, Gone, ItemLink
from app.sync.store_links import Link

_ROWS = text(
    """
    SELECT i.*, extract(epoch FROM now() - i.create_sent_at) AS sent_ago,
        EXISTS (SELECT FROM item_edit e WHERE e.link_id = i.link_id AND e.kind = i.kind
            AND e.item IN (i.left_item, i.right_item)) AS told
    FROM item_link i WHERE i.link_id IN :links
    """
).bindparams(bindparam("links", expanding=True))

_VALUES = """
    INSERT INTO item_link (id, profile_id, left_tenant_id, right_tenant_id, link_id, kind,
        left_item, right_item, source, root, target_tenant_id, target_issue_id, source_mark,
        twin_mark, left_seen, right_seen, create_sent_at, touched, source_gone, twin_gone, gone_at,
        over)
    VALUES (:id, :profile, :left_tenant, :right_tenant, :link, :kind, :left, :right, :source,
        :root, :target_tenant, :target_issue, :source_mark, :twin_mark, :left_seen, :right_seen,
        CASE WHEN :sent THEN now() END, :touched, :source_gone, CAST(:twin_gone AS text),
        CASE WHEN CAST(:twin_gone AS text) IS NOT NULL THEN now() END, :over)
"""
# A row of the same root on the same issue is another profile's: it makes the twin, or has made it.
_BEGIN = text(_VALUES + " ON CONFLICT DO NOTHING RETURNING id")
_SAVE = text(
    _VALUES
    + """
    ON CONFLICT (id) DO UPDATE SET left_item = excluded.left_item,
        right_item = excluded.right_item, source_mark = excluded.source_mark,
        twin_mark = excluded.twin_mark, left_seen = excluded.left_seen,
        right_seen = excluded.right_seen, create_sent_at = NULL, touched = excluded.touched,
        source_gone = excluded.source_gone, twin_gone = excluded.twin_gone,
        gone_at = CASE WHEN excluded.twin_gone IS NOT NULL
            THEN coalesce(item_link.gone_at, now()) END,
        gone_run = CASE WHEN excluded.twin_gone IS NOT NULL THEN item_link.gone_run END,
        over = excluded.over
    """
)
_SEND_AGAIN = text(
    """
    UPDATE item_link SET left_item = :left, right_item = :right, source_mark = :source_mark,
        twin_mark = '', create_sent_at = now(), touched = false, twin_gone = NULL
    WHERE id = :id RETURNING id
    """
)
_CLAIMED = text(
    """
    SELECT EXISTS (SELECT FROM item_link o WHERE o.target_tenant_id = :target_tenant
        AND o.target_issue_id = :target_issue AND o.kind = :kind AND o.root = :root
        AND o.id <> :id AND o.source IS NOT NULL
        AND coalesce(o.twin_gone, '') NOT IN ('ours', 'undone'))
    """
)
_DROP = text("DELETE FROM item_link WHERE id = :id")


def rows_of(session: Session, links: Iterable[Link]) -> dict[uuid.UUID, list[ItemLink]]:
    """The rows of these pairs, by the pair, in one statement."""
    ids = [link.id for link in links]
    found: dict[uuid.UUID, list[ItemLink]] = {one: [] for one in ids}
    for row in session.execute(_ROWS, {"links": ids}).all() if ids else []:
        found[row.link_id].append(
            ItemLink(
                id=row.id,
                kind=row.kind,
                left=row.left_item,
                right=row.right_item,
                source=Side(row.source) if row.source else None,
                root=row.root,
                source_mark=row.source_mark,
                twin_mark=row.twin_mark,
                left_seen=row.left_seen,
                right_seen=row.right_seen,
                sent_ago=None if row.sent_ago is None else float(row.sent_ago),
                touched=row.touched,
                source_gone=row.source_gone,
                twin_gone=_gone(row),
                over=tuple(row.over),
                told=row.told,
            )
        )
    return found


def _gone(row: Any) -> Gone | None:
    """Who took the twin away. Where it was noted that we were about to, whoever finds it gone finds
    our doing; whoever finds it there, that it was not done."""
    if row.twin_gone is None and row.gone_at is not None:
        return Gone.OURS
    return Gone(row.twin_gone) if row.twin_gone else None


def begin(session: Session, profile: StoredProfile, link: Link, create: Create) -> bool:
    """Note that the create of a twin is about to be sent. False: another profile is at it, or this
    one is in another worker's hand."""
    values = _values(profile, link, create.row, sent=True)
    if not create.stored:
        return session.execute(_BEGIN, values).scalar() is not None
    if session.execute(_CLAIMED, values).scalar():
        return False
    return session.execute(_SEND_AGAIN, values).scalar() is not None


def take_back(session: Session, creates: Iterable[Create]) -> None:
    """Forget that these were to be sent: surely nothing was made."""
    rows = [create.row.id for create in creates]
    trace.forget(session, trace.Deed.MADE, rows)
    for row in rows:
        session.execute(_DROP, {"id": row})


def save(session: Session, profile: StoredProfile, link: Link, rows: Sequence[ItemLink]) -> None:
    """Store these rows as they are."""
    for row in rows:
        session.execute(_SAVE, _values(profile, link, row, sent=False))


def _values(profile: StoredProfile, link: Link, row: ItemLink, *, sent: bool) -> dict[str, Any]:
    to = row.source.other if row.source else Side.RIGHT
    tenants = profile.tenants
    return {
        "id": row.id,
        "profile": profile.id,
        "left_tenant": profile.left_tenant,
        "right_tenant": profile.right_tenant,
        "link": link.id,
        "kind": row.kind,
        "left": row.left,
        "right": row.right,
        "source": row.source.value if row.source else None,
        "root": row.root,
        "target_tenant": tenants[to],
        "target_issue": link.issue_id(to),
        "source_mark": row.source_mark,
        "twin_mark": row.twin_mark,
        "left_seen": row.left_seen,
        "right_seen": row.right_seen,
        "sent": sent,
        "touched": row.touched,
        "source_gone": row.source_gone,
        "twin_gone": row.twin_gone.value if row.twin_gone else None,
        "over": list(row.over),
    }
