"""Whether all that was done to an issue that Tandem created is Tandem's making of items on it: such
an issue is later than its creation, and yet nobody did anything to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app.database import tenant_transaction
from app.jira.site import Changelog, Issue
from app.mapping.profile import ItemKind, Side
from app.sync.items.found import mark_of
from app.sync.items.kinds import NotedKind
from app.sync.items.model import Item
from app.sync.items.work import KINDS
from app.sync.put_back import by_us
from app.sync.undo_item_read import ItemReader
from app.sync.undo_items import is_of_items

_TWINS = text(
    """
    SELECT kind, item, touched, twin_mark FROM (
        SELECT kind, CASE source WHEN 'left' THEN right_item ELSE left_item END AS item,
            target_issue_id, touched, twin_mark
        FROM item_link
        WHERE profile_id = :profile AND source = :source AND twin_gone IS NULL) AS t
    WHERE item IS NOT NULL
      AND (target_issue_id = :issue OR kind = :links AND item = ANY(:ends))
    """
)


@dataclass(frozen=True)
class _Twin:
    """A twin of the profile, as Tandem wrote it."""

    touched: bool
    mark: str


def only_ours_since(
    reader: ItemReader,
    side: Side,
    issue: Issue,
    since: datetime,
    edits: Callable[[], Changelog],
) -> bool:
    """Whether nothing but our items came to an issue that surely was as we made it at `since`.
    `edits`: reads its changelog. Raises SiteError."""
    if not _twins(reader, side, issue.id, ()):
        return False
    now = reader.issues(side, [issue.id], KINDS).get(issue.id)
    if now is None or now.updated != issue.updated:
        return False
    there = {name: reader.there(side, now, name) for name in KINDS}
    # A link shows from its other end too, whose pair has its row.
    twins = _twins(reader, side, issue.id, tuple(there[ItemKind.LINKS.value] or ()))
    for name, items in there.items():
        if items is None:
            return False  # what is not shown may be a person's
        for item in items.values():
            if not _is_as_written(reader, side, name, item, twins.get((name, item.id))):
                return False
    is_by_us = by_us(reader.sites[side])
    return all(is_of_items(edit) and is_by_us(edit) for edit in edits().edits if edit.at > since)


def _is_as_written(
    reader: ItemReader, side: Side, name: str, item: Item, twin: _Twin | None
) -> bool:
    if twin is None or twin.touched:
        return False
    # A file or a link is never edited.
    return isinstance(KINDS[name], NotedKind) or (
        mark_of(name, side, item, reader.fingerprints) == twin.mark
    )


def _twins(
    reader: ItemReader, side: Side, issue: int, links: Sequence[str]
) -> dict[tuple[str, str], _Twin]:
    """The profile's twins on an issue, and these links, by kind and id."""
    asked = {
        "profile": reader.profile.id,
        "source": side.other.value,
        "issue": issue,
        "links": ItemKind.LINKS.value,
        "ends": list(links),
    }
    with tenant_transaction(reader.profile.left_tenant) as session:
        rows = session.execute(_TWINS, asked).all()
    return {(row.kind, row.item): _Twin(row.touched, row.twin_mark) for row in rows}
