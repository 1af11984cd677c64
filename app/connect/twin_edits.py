"""Whether a webhook tells of an edit that a write of ours took the place of, and keeps it then."""

from __future__ import annotations

from app.connect.events import Event, ItemEvent
from app.connect.webhook_routes import Route
from app.database import Pipe
from app.mapping.profile import ItemKind, Profile
from app.sync.items.edits import Told, is_over, keep
from app.vault.vault import Vault


def may_be_replaced(told: ItemEvent, route: Route) -> bool:
    """Whether a write of ours has taken the place of what an event tells of a twin, or is perhaps
    about to. What comes while nobody visits the pair is read by the next visit."""
    known = route.item
    if known is None or not known.ours or not told.is_edit or told.updated is None:
        return False
    if is_over(told.updated, known.over):
        return True
    is_later = known.seen is None or told.updated > known.seen
    return is_later and (route.visited or known.gone)


def keep_edit(pipe: Pipe, vault: Vault, event: Event, route: Route, profile: Profile) -> None:
    """Keep what an event tells of a twin, where it may be replaced. What not everybody may see who
    sees the issue is not kept in words."""
    told = event.item
    if told is None or told.updated is None or route.link is None:
        return
    if not may_be_replaced(told, route):
        return
    shown = not told.private or (
        told.kind is ItemKind.COMMENTS
        and any(one.kind is told.kind and one.carries_internal for one in profile.items)
    )
    keep(
        pipe,
        vault,
        Told(
            profile_id=route.profile_id,
            left_tenant=route.left_tenant,
            right_tenant=route.right_tenant,
            link=route.link,
            kind=told.kind,
            side=route.side,
            item=told.id,
            updated=told.updated,
            said=told.said if shown else None,
        ),
    )
