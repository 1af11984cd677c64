"""Whether an undo replaced an edit that came between its check and its write. Such an edit is put
back, and the field is left alone; where it cannot be, the undo stands and the edit is told."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.activity.log import Detail, Outcome
from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.said import said, the_side
from app.mapping.values import whole
from app.sync.overwritten import Lost
from app.sync.plan import Write
from app.sync.put_back import After, put_back, read_again, replaced_by, told_again, told_back
from app.sync.store_links import Link
from app.sync.turn import Turn


def look(
    turn: Turn, side: Side, *, writes: Sequence[Write], read: Issue, returned: Issue | None
) -> After:
    """Look at what an undo just wrote to one issue. Raises SiteError where an edit cannot be put
    back now: what was sent then counts as not answered, and the engine looks again."""
    found = replaced_by(turn, side, read.id, writes, read_at=read.updated, returned=returned)
    if not found:
        return After(returned)
    now = returned or read_again(turn, side, read.id)
    back = [one for one in found if one.held and one.exact]
    put = put_back(turn, side, now, back) if back and now else None
    kept = put.back if put else {}
    later = [one for one in found if not one.held]
    lost = [one for one in found if one.held and one.key not in kept]
    details = [_stood(one, side) for one in lost]
    details += [told_again(one, side) for one in (*later, *(put.over if put else ()))]
    details += [told_back(one, side) for one in kept.values()]
    return After(
        put.returned if put else now,
        frozenset(kept) | {one.key for one in later},
        tuple(lost),
        tuple(details),
        put.count if put else 0,
        frozenset(kept),
    )


def _stood(one: Lost, side: Side) -> Detail:
    return Detail(
        said(
            "%(field)s was edited on %(side)s while an undo wrote it, and the edit could not "
            "be put back: what the undo wrote stands.",
            field=one.field,
            side=the_side(side),
        ),
        field=one.key,
        side=side.value,
        old=whole(one.text),
    )


def tell(
    session: Session,
    turn: Turn,
    link: Link,
    count: int,
    details: Sequence[Detail],
    *,
    after: After | None = None,
) -> None:
    """Put what an undo did to a pair into the activity. `after`: what its writes replaced."""
    lost = len(after.lost) if after else 0
    turn.tell(
        session,
        (link.left_key, link.right_key),
        Outcome.CONFLICT if lost else Outcome.UPDATED,
        written=count,
        conflicts=lost,
        details=[*details, *(after.details if after else ())],
    )
