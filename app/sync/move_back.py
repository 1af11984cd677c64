"""Puts a status back that a move of ours replaced, by the workflow, as it was written."""

from __future__ import annotations

from collections.abc import Sequence

from app.jira.site import Issue
from app.mapping.profile import Side
from app.sync import moves
from app.sync.overwritten import Lost
from app.sync.plan import Reason, Write
from app.sync.store_links import Link
from app.sync.turn import Turn


def move_back(turn: Turn, side: Side, link: Link, issue: Issue, edit: Lost) -> Issue | None:
    """The issue once it is back in the status of the edit; None where no way leads there. Raises
    SiteError."""
    read = turn.snapshot(issue, side)
    now = read.values.get(edit.key)
    write = Write(edit.key, edit.field, edit.kind, edit.value, now, Reason.WON)
    came = moves.write(turn, side, link, read=read, writes=[write], put=_nothing)
    return None if came.refused or came.again else came.returned or issue


def _nothing(
    turn: Turn, side: Side, link: Link, writes: Sequence[Write]
) -> tuple[Issue | None, dict[str, str]]:
    """There is nothing else to write."""
    return None, {}
