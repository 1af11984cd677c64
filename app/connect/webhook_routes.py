"""Which profiles a webhook matters to, and what is known of its issue and of its item."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from app.connect.events import Event
from app.database import Pipe, TenantId
from app.mapping.profile import Side
from app.sync.lanes import lane_of

# For each event: the profiles that watch its project and type, paused ones too (what comes
# meanwhile waits in its row) but none that one side never approved, and those that have its issue
# linked though it has left them; with the pair's base. Each half names its own column of the link,
# so that the unique index finds it: a CASE over the side read every link of the profile. `visited`:
# a change of the pair is due, or an undo has its lane in hand. Every row tells how the installation
# stands.
ROUTES = text(
    """
    WITH here AS (SELECT secret_version, state FROM installation WHERE id = tandem_tenant()),
    asked AS (
        SELECT * FROM unnest(
            CAST(:issues AS bigint[]), CAST(:projects AS bigint[]), CAST(:types AS bigint[]),
            CAST(:kinds AS text[]), CAST(:items AS text[])
        ) WITH ORDINALITY AS a (issue, project, type, kind, item, number)
    ),
    watching AS (
        SELECT a.number, p.id AS profile_id, p.revision, p.left_tenant_id, p.right_tenant_id,
               'left' AS side,
               l.id AS link_id, l.lane, l.base -> 'left' AS base, l.planned, l.left_seen AS seen,
               l.outside IS NOT NULL AS still, l.left_issue_id, l.right_issue_id,
               i.id AS item_link, i.source AS item_source, i.left_seen AS item_seen,
               i.source_gone, i.twin_gone, i.over AS item_over
        FROM asked a
        JOIN profile p ON p.left_tenant_id = tandem_tenant()
        LEFT JOIN issue_link l ON l.profile_id = p.id AND l.left_issue_id = a.issue
        LEFT JOIN item_link i ON i.link_id = l.id AND i.kind = a.kind AND i.left_item = a.item
        WHERE p.state <> 'proposed'
            AND (l.id IS NOT NULL OR (p.left_project_id = a.project AND p.left_type_id = a.type))
        UNION ALL
        SELECT a.number, p.id, p.revision, p.left_tenant_id, p.right_tenant_id, 'right',
               l.id, l.lane, l.base -> 'right', l.planned, l.right_seen, l.outside IS NOT NULL,
               l.left_issue_id, l.right_issue_id,
               i.id, i.source, i.right_seen, i.source_gone, i.twin_gone, i.over
        FROM asked a
        JOIN profile p ON p.right_tenant_id = tandem_tenant()
        LEFT JOIN issue_link l ON l.profile_id = p.id AND l.right_issue_id = a.issue
        LEFT JOIN item_link i ON i.link_id = l.id AND i.kind = a.kind AND i.right_item = a.item
        WHERE p.state <> 'proposed' AND (
            l.id IS NOT NULL OR (p.right_project_id = a.project AND p.right_type_id = a.type))
    )
    SELECT h.secret_version, h.state, w.*,
           EXISTS (SELECT FROM change c WHERE c.profile_id = w.profile_id AND c.side = 'left'
                   AND c.issue_id = w.left_issue_id AND NOT c.parked)
           OR EXISTS (SELECT FROM change c WHERE c.profile_id = w.profile_id AND c.side = 'right'
                      AND c.issue_id = w.right_issue_id AND NOT c.parked)
           OR EXISTS (SELECT FROM undo_hold u WHERE u.profile_id = w.profile_id
                      AND u.lane = w.lane AND u.until > now()) AS visited
    FROM here h LEFT JOIN watching w ON true
    """
)


@dataclass(frozen=True)
class KnownItem:
    """An item of a pair: `seen` is the `updated` of the state that is known. `ours`: it is the
    twin. `idle`: it and its other are of others, and nothing is written for them. `over`: the times
    of our writes of it, two each: of the state that was read, and of ours."""

    seen: datetime | None
    gone: bool
    ours: bool
    idle: bool
    over: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class Route:
    """A profile that the event matters to, and the pair where there is one."""

    profile_id: uuid.UUID
    revision: int
    left_tenant: TenantId
    right_tenant: TenantId
    side: Side
    linked: bool
    lane: int
    base: Mapping[str, str]
    planned: Mapping[str, str]  # what this side holds once the writes under way are done
    visited: bool  # the pair may be read or written at this moment
    seen: datetime | None
    still: bool  # an issue of the pair was outside its filter when it was last looked at
    link: uuid.UUID | None = None
    item: KnownItem | None = None  # what is known of the item that the event is about


def routes_of(pipe: Pipe, events: Sequence[Event]) -> tuple[Any, list[tuple[int, Route]]]:
    """How the installation stands (None: it is gone), and the routes by the event's position."""
    rows = pipe.execute(
        ROUTES,
        {
            "issues": [event.issue_id for event in events],
            "projects": [event.project_id for event in events],
            "types": [event.type_id for event in events],
            "kinds": [event.item.kind.value if event.item else None for event in events],
            "items": [event.item.id if event.item else None for event in events],
        },
    ).fetchall()
    found = []
    for row in rows:
        if row.profile_id is None:
            continue
        position = row.number - 1
        route = Route(
            profile_id=row.profile_id,
            revision=row.revision,
            left_tenant=TenantId(row.left_tenant_id),
            right_tenant=TenantId(row.right_tenant_id),
            side=Side(row.side),
            linked=row.link_id is not None,
            lane=lane_of(events[position].issue_id) if row.lane is None else row.lane,
            base=row.base or {},
            planned={
                key: left if row.side == Side.LEFT.value else right
                for key, (_, left, right) in (row.planned or {}).items()
            },
            visited=bool(row.visited),
            seen=row.seen,
            still=bool(row.still),
            link=row.link_id,
            item=_known_item(row),
        )
        found.append((position, route))
    return (rows[0] if rows else None), found


def _known_item(row: Any) -> KnownItem | None:
    if row.item_link is None:
        return None
    is_source = row.item_source == row.side
    gone = row.source_gone if is_source else row.twin_gone is not None
    idle, over = row.item_source is None, tuple(row.item_over)
    return KnownItem(
        row.item_seen, bool(gone), ours=not is_source and not idle, idle=idle, over=over
    )
