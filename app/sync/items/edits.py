"""Edits of twins that a write or a delete of ours took the place of, by what webhooks told of them.

No site keeps a history of comments and worklogs, and none has a conditional write. What a webhook
tells of a twin that is being written is kept, sealed, until the pair was visited: then its time
says whether it was replaced. See docs/decisions/0021-items.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from app.database import Pipe, TenantId
from app.mapping.profile import ItemKind, Side
from app.sync.items.model import Gone, ItemLink
from app.vault.vault import Place, Vault

_KEEP = text(
    """
    INSERT INTO item_edit (id, profile_id, left_tenant_id, right_tenant_id, link_id, kind, side,
                           item, updated, held)
    VALUES (:id, :profile, :left_tenant, :right_tenant, :link, :kind, :side, :item, :updated, :held)
    ON CONFLICT DO NOTHING
    """
)
# Of a kind that is no longer carried, nobody would ask.
_FORGET_OLD = text(
    "DELETE FROM item_edit WHERE profile_id = :profile AND at < now() - interval '7 days'"
)
_OF = text("SELECT * FROM item_edit WHERE link_id = :link ORDER BY updated")
_DROP = text("DELETE FROM item_edit WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))


Twin: TypeAlias = tuple[str, Side, str]
"""The kind, the side and the id of a twin."""


@dataclass(frozen=True)
class Told:
    """What a webhook told of the edit of a twin of a pair."""

    profile_id: uuid.UUID
    left_tenant: TenantId
    right_tenant: TenantId
    link: uuid.UUID
    kind: ItemKind
    side: Side
    item: str
    updated: datetime
    said: str | None


@dataclass(frozen=True)
class Edit:
    """An edit of a twin, as a webhook told of it. `said` None: it did not say, or not for all."""

    id: uuid.UUID
    kind: str
    side: Side
    item: str
    updated: datetime
    said: str | None


@dataclass(frozen=True)
class Judged:
    """What is known of the edits of one twin: the one that was lost, and those that nobody needs
    any more. Of the others it is not known yet."""

    lost: Edit | None
    done: tuple[Edit, ...]


def is_over(when: datetime, over: Sequence[datetime]) -> bool:
    """Whether one of these writes took the place of a state of this moment."""
    return any(since < when < until for since, until in zip(over[::2], over[1::2], strict=True))


def keep(pipe: Pipe, vault: Vault, told: Told) -> None:
    """Keep what was told of a twin until its pair is visited."""
    one = uuid.uuid4()
    said = None if told.said is None else told.said.encode("utf-8", "replace")
    pipe.execute(_FORGET_OLD, {"profile": told.profile_id})
    pipe.execute(
        _KEEP,
        {
            "id": one,
            "profile": told.profile_id,
            "left_tenant": told.left_tenant,
            "right_tenant": told.right_tenant,
            "link": told.link,
            "kind": told.kind.value,
            "side": told.side.value,
            "item": told.item,
            "updated": told.updated,
            "held": None if said is None else vault.seal(_place(told.left_tenant, one), said),
        },
    )


def edits_of(session: Session, vault: Vault, link: uuid.UUID) -> dict[Twin, list[Edit]]:
    """What is kept of a pair, by kind, side and twin, the oldest first."""
    found: dict[Twin, list[Edit]] = {}
    for row in session.execute(_OF, {"link": link}).all():
        where = _place(TenantId(row.left_tenant_id), row.id)
        said = None if row.held is None else vault.unseal(where, row.held).decode()
        edit = Edit(row.id, row.kind, Side(row.side), row.item, row.updated, said)
        found.setdefault((edit.kind, edit.side, edit.item), []).append(edit)
    return found


def judge(edits: Sequence[Edit], row: ItemLink | None, read: datetime | None) -> Judged:
    """Tell which edit of a twin was lost, by the row as a visit leaves it. `read`: the twin's
    `updated` as the visit read it. Of several that went by one write the last was lost through it;
    the others people replaced."""
    if row is None or not edits:
        return Judged(None, tuple(edits))
    seen = row.left_seen if edits[0].side is Side.LEFT else row.right_seen
    known = max((at for at in (seen, read) if at is not None), default=None)
    lost, done = [], []
    for edit in edits:
        was_read = known is not None and edit.updated <= known
        deleted = row.twin_gone in {Gone.OURS, Gone.UNDONE} and not was_read
        if deleted or is_over(edit.updated, row.over):
            lost.append(edit)
        elif was_read or row.twin_gone is not None:
            done.append(edit)
    return Judged(lost[-1] if lost else None, (*done, *lost))


def drop(session: Session, ids: Sequence[uuid.UUID]) -> None:
    """Forget these: what they told is told."""
    if ids:
        session.execute(_DROP, {"ids": list(ids)})


def _place(left_tenant: TenantId, edit: uuid.UUID) -> Place:
    return Place(left_tenant, "item_edit", "held", str(edit))
