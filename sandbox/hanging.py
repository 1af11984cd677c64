"""What hangs on an issue and changes it beside its fields: the history it leaves, the events."""

from __future__ import annotations

from typing import Any

from sandbox.model import ChangeItem, History, Issue
from sandbox.site import Site


def record(
    site: Site,
    issue: Issue,
    items: tuple[ChangeItem, ...],
    *,
    actor: str,
    type_name: str = "issue_updated",
    secondary: bool = False,
) -> None:
    """Note a change of the issue: `updated` moves, the history grows, the listeners are told."""
    now = site.tick(issue)
    issue.updated = now
    change_id = ""
    if items:
        history = History(site.next_small_id(), actor, now, items)
        issue.histories = (*issue.histories, history)
        change_id = history.id
    site.touch_index(issue.id)
    site.emit(
        "jira:issue_updated",
        issue=issue.snapshot(),
        actor=actor,
        items=items,
        change_id=change_id,
        type_name=type_name,
        secondary=secondary,
    )


def item(  # noqa: PLR0917 (the columns of a changelog)
    field: str, field_id: str, before: Any, before_text: Any, after: Any, after_text: Any
) -> ChangeItem:
    """One line of a change; numbers become text, None stays."""
    sides = (before, before_text, after, after_text)
    texts = [None if side is None else str(side) for side in sides]
    return ChangeItem(field, field_id, texts[0], texts[1], texts[2], texts[3])
