"""The rows of pairs that ended: what webhooks said of issues as a whole, and who has no pair any
more and gets none by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import Pipe
from app.mapping.lifecycle import Why
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.store_links import Link


@dataclass(frozen=True)
class Told:
    """What a site said of an issue that is in a pair. `why` None: it is back."""

    profile_id: UUID
    side: Side
    issue_id: int
    why: Why | None


_TELL = {
    side: text(
        f"UPDATE issue_link SET {side.value}_told = :why"  # noqa: S608  "left" or "right"
        f" WHERE profile_id = :profile AND {side.value}_issue_id = :issue"
        f" AND {side.value}_told IS DISTINCT FROM 'undone'"
    )
    for side in Side
}
_UNDONE = {
    side: text(f"UPDATE issue_link SET {side.value}_told = 'undone' WHERE id = :link")  # noqa: S608
    for side in Side
}
_ARCHIVED = {
    side: text(
        f"UPDATE issue_link SET {side.value}_told = 'archived'"  # noqa: S608
        f" WHERE id = :link AND {side.value}_told IS NULL"
    )
    for side in Side
}
_BACK = {
    side: text(f"UPDATE issue_link SET {side.value}_told = NULL WHERE id = :link")  # noqa: S608
    for side in Side
}
_END = text(
    """
    INSERT INTO unlinked (profile_id, side, issue_id, left_tenant_id, right_tenant_id, why)
    SELECT k.profile_id, n.side, n.issue, k.left_tenant_id, k.right_tenant_id, :why
    FROM issue_link k
    CROSS JOIN LATERAL (VALUES ('left', k.left_issue_id), ('right', k.right_issue_id))
        AS n (side, issue)
    WHERE k.id = :link AND n.issue IS NOT NULL
    ON CONFLICT (profile_id, side, issue_id) DO UPDATE SET why = excluded.why, at = now()
    """
)
_DROP = text("DELETE FROM issue_link WHERE id = :link")
_FORGET = text(
    """
    DELETE FROM unlinked u USING issue_link k
    WHERE k.id = :link AND u.profile_id = k.profile_id
      AND (u.side = 'left' AND u.issue_id = :left OR u.side = 'right' AND u.issue_id = :right)
    """
)
_ALONE = text(
    "SELECT issue_id FROM unlinked"
    " WHERE profile_id = :profile AND side = :side AND issue_id = ANY(:issues)"
)


def tell_through(pipe: Pipe, told: Iterable[Told]) -> None:
    """Store what a site said of issues of its own."""
    for one in told:
        values = {
            "profile": one.profile_id,
            "issue": one.issue_id,
            "why": None if one.why is None else one.why.value,
        }
        pipe.execute(_TELL[one.side], values)


def is_back(session: Session, link: Link, side: Side) -> None:
    """Forget what was said of an issue: it is there."""
    session.execute(_BACK[side], {"link": link.id})


def is_archived(session: Session, link: Link, side: Side) -> None:
    """An issue was found to be archived, though nobody told."""
    session.execute(_ARCHIVED[side], {"link": link.id})


def is_undone(session: Session, link: Link, side: Side) -> None:
    """Tandem is about to delete an issue to undo what had made it: the other one is a person's,
    and nothing is done to it for that."""
    session.execute(_UNDONE[side], {"link": link.id})


def end(session: Session, link: Link, why: Why) -> None:
    """End a pair: the link goes, and its issues stay without one."""
    session.execute(_END, {"link": link.id, "why": why.value})
    session.execute(_DROP, {"link": link.id})


def forget(session: Session, link: Link) -> None:
    """These two are a pair again."""
    values = {"link": link.id, "left": link.left_id, "right": link.right_id}
    session.execute(_FORGET, values)


def alone(
    session: Session, profile: StoredProfile, side: Side, issues: Sequence[int]
) -> frozenset[int]:
    """Which of these issues had a pair that was ended."""
    asked = {"profile": profile.id, "side": side.value, "issues": list(issues)}
    return frozenset(session.scalars(_ALONE, asked))
