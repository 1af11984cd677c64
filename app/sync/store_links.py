"""The rows of links: pairs, the intent to make a twin, their bases, and what is planned."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Interval, func, or_, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.jira.site import Created
from app.mapping.lifecycle import Why
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.models import IssueLink
from app.sync.plan import Base, PlannedMark


@dataclass(frozen=True)
class Link:
    """A pair of issues, or the intent to create the one whose id is missing."""

    id: uuid.UUID
    left_id: int | None
    right_id: int | None
    left_key: str | None
    right_key: str | None
    lane: int
    base: Base
    left_seen: datetime | None
    right_seen: datetime | None
    create_sent_at: datetime | None
    sent_ago: timedelta | None = None  # by the database's clock: a worker's own may be stepped
    planned: Mapping[str, PlannedMark] = field(default_factory=dict)
    moving: Mapping[tuple[str, Side], frozenset[str]] = field(default_factory=dict)
    """The fingerprints of the statuses that a move goes through, while one may be under way."""
    outside: str | None = None
    """Whose issue is outside its side's filter, so that the pair stands still: a side, or both."""
    synced_at: datetime | None = None
    """When the last visit to the pair ended, as this was read."""
    left_told: str | None = None
    right_told: str | None = None

    def issue_id(self, side: Side) -> int | None:
        """The id of the issue on `side`, None where it is still to be made."""
        return self.left_id if side is Side.LEFT else self.right_id

    def seen(self, side: Side) -> datetime | None:
        """The `updated` of the state on `side` that the base was made from."""
        return self.left_seen if side is Side.LEFT else self.right_seen

    def told(self, side: Side) -> Why | None:
        """What its site said of the issue on `side` as a whole."""
        said = self.left_told if side is Side.LEFT else self.right_told
        return Why(said) if said in set(Why) else None

    def with_issue(self, side: Side, issue_id: int, key: str) -> Link:
        """The link with the issue of `side` filled in."""
        if side is Side.LEFT:
            return replace(self, left_id=issue_id, left_key=key)
        return replace(self, right_id=issue_id, right_key=key)

    def with_seen(self, side: Side, seen: datetime | None) -> Link:
        """The link with the seen time of `side` set."""
        if side is Side.LEFT:
            return replace(self, left_seen=seen)
        return replace(self, right_seen=seen)


_LINK = select(IssueLink, type_coerce(func.now() - IssueLink.create_sent_at, Interval()))


def links_of(
    session: Session, profile: StoredProfile, left: Sequence[int], right: Sequence[int]
) -> list[Link]:
    """The links that have one of these issues."""
    rows = session.execute(
        _LINK.where(
            IssueLink.profile_id == profile.id,
            or_(IssueLink.left_issue_id.in_(left), IssueLink.right_issue_id.in_(right)),
        )
    )
    return [_link(row, ago) for row, ago in rows]


def links_by_issue(
    session: Session, profile: StoredProfile, side: Side, issues: Sequence[int]
) -> dict[int, Link]:
    """The links of these issues of a side, by id; those without one are left out."""
    left, right = (issues, ()) if side is Side.LEFT else ((), issues)
    return {link.issue_id(side) or 0: link for link in links_of(session, profile, left, right)}


def _link(row: IssueLink, sent_ago: timedelta | None) -> Link:
    return Link(
        id=row.id,
        left_id=row.left_issue_id,
        right_id=row.right_issue_id,
        left_key=row.left_key,
        right_key=row.right_key,
        lane=row.lane,
        base=Base(row.base.get("left", {}), row.base.get("right", {})),
        left_seen=row.left_seen,
        right_seen=row.right_seen,
        create_sent_at=row.create_sent_at,
        sent_ago=sent_ago,
        planned={
            key: PlannedMark(Side(to) if to else None, left, right)
            for key, (to, left, right) in (row.planned or {}).items()
        },
        moving={
            (key, Side(side)): frozenset(marks)
            for key, (side, *marks) in (row.moving or {}).items()
        },
        outside=row.outside,
        synced_at=row.synced_at,
        left_told=row.left_told,
        right_told=row.right_told,
    )


def intend(
    session: Session,
    profile: StoredProfile,
    *,
    source: Side,
    issue_id: int,
    key: str,
    lane: int,
    sent: bool,
) -> Link:
    """The intent to create the twin of an issue; the existing link where there is one already."""
    ids: dict[str, int | str] = {
        f"{source.value}_issue_id": issue_id,
        f"{source.value}_key": key,
    }
    session.execute(
        insert(IssueLink)
        .values(
            id=uuid.uuid4(),
            profile_id=profile.id,
            left_tenant_id=profile.left_tenant,
            right_tenant_id=profile.right_tenant,
            lane=lane,
            base={},
            create_sent_at=func.now() if sent else None,
            **ids,
        )
        .on_conflict_do_nothing()
    )
    column = IssueLink.left_issue_id if source is Side.LEFT else IssueLink.right_issue_id
    row, ago = session.execute(
        _LINK.where(IssueLink.profile_id == profile.id, column == issue_id)
    ).one()
    return _link(row, ago)


def mark_create(session: Session, link: Link, base: Base, *, sent: bool) -> None:
    """Note that a create is about to be sent, or that it surely made nothing.

    `base`: what both sides hold once it is done. A twin that is found after a crash is merged
    against it, so that what was emptied meanwhile stays empty.
    """
    session.execute(
        update(IssueLink)
        .where(IssueLink.id == link.id)
        .values(create_sent_at=func.now() if sent else None, base=_as_stored(base))
    )


def adopt(session: Session, link: Link, side: Side, twin: Created) -> None:
    """Fill in the twin of `side` where there is none yet, and touch nothing else.

    Whoever made the twin may be storing its base at this moment.
    """
    column = IssueLink.left_issue_id if side is Side.LEFT else IssueLink.right_issue_id
    session.execute(
        update(IssueLink)
        .where(IssueLink.id == link.id, column.is_(None))
        .values({f"{side.value}_issue_id": twin.id, f"{side.value}_key": twin.key})
    )


def save(session: Session, link: Link) -> None:
    """Store a link's ids, keys, base and seen times, before its visit has ended."""
    session.execute(
        update(IssueLink)
        .where(IssueLink.id == link.id)
        .values(
            left_issue_id=link.left_id,
            right_issue_id=link.right_id,
            left_key=link.left_key,
            right_key=link.right_key,
            base=_as_stored(link.base),
            left_seen=link.left_seen,
            right_seen=link.right_seen,
        )
    )


_SAVE_SYNCED = text(
    """
    UPDATE issue_link k
    SET left_issue_id = n.left_id, right_issue_id = n.right_id,
        left_key = n.left_key, right_key = n.right_key, base = n.base,
        left_seen = n.left_seen, right_seen = n.right_seen,
        planned = NULL, moving = NULL, create_sent_at = NULL, synced_at = now()
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:left_ids AS bigint[]), CAST(:right_ids AS bigint[]),
        CAST(:left_keys AS text[]), CAST(:right_keys AS text[]), CAST(:bases AS jsonb[]),
        CAST(:left_seens AS timestamptz[]), CAST(:right_seens AS timestamptz[]))
        AS n (id, left_id, right_id, left_key, right_key, base, left_seen, right_seen)
    WHERE k.id = n.id
    """
)


def save_synced(session: Session, links: Sequence[Link]) -> None:
    """Store the ids, keys, bases and seen times of pairs that were visited, in one statement."""
    ordered = sorted(links, key=lambda link: link.id)
    session.execute(
        _SAVE_SYNCED,
        {
            "ids": [link.id for link in ordered],
            "left_ids": [link.left_id for link in ordered],
            "right_ids": [link.right_id for link in ordered],
            "left_keys": [link.left_key for link in ordered],
            "right_keys": [link.right_key for link in ordered],
            "bases": [json.dumps(_as_stored(link.base)) for link in ordered],
            "left_seens": [link.left_seen for link in ordered],
            "right_seens": [link.right_seen for link in ordered],
        },
    )


_NOTE_PLANS = text(
    """
    UPDATE issue_link k SET planned = n.planned, base = coalesce(n.base, k.base)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:plans AS jsonb[]), CAST(:bases AS jsonb[]))
        AS n (id, planned, base)
    WHERE k.id = n.id
    """
)


def note_plans(session: Session, plans: Sequence[tuple[Link, Mapping[str, PlannedMark]]]) -> None:
    """Store what each pair holds once its writes are done, in one statement.

    They take the place of earlier plans. What was found to be done of these is in the link's base,
    which is stored with them then.
    """
    ordered = sorted(plans, key=lambda one: one[0].id)
    session.execute(
        _NOTE_PLANS,
        {
            "ids": [link.id for link, _ in ordered],
            "plans": [
                json.dumps({key: [m.to, m.left, m.right] for key, m in marks.items()})
                for _, marks in ordered
            ],
            "bases": [
                json.dumps(_as_stored(link.base)) if link.planned else None for link, _ in ordered
            ],
        },
    )


_NOTE_WAY = text(
    "UPDATE issue_link SET moving = coalesce(moving, '{}') || CAST(:way AS jsonb) WHERE id = :id"
)


def note_way(session: Session, link: Link, key: str, side: Side, marks: Sequence[str]) -> None:
    """Store the fingerprints of the statuses that a move goes through, before its first step."""
    way = json.dumps({key: [side.value, *marks]})
    session.execute(_NOTE_WAY, {"id": link.id, "way": way})


_FORGET_PLANS = text(
    "UPDATE issue_link SET planned = nullif(planned - CAST(:keys AS text[]), '{}') WHERE id = :id"
)


def forget_plans(session: Session, link: Link, keys: Sequence[str]) -> None:
    """Forget what was planned for these mapping keys of a pair: it surely was not written."""
    if keys:
        session.execute(_FORGET_PLANS, {"id": link.id, "keys": list(keys)})


def _as_stored(base: Base) -> dict[str, dict[str, str]]:
    return {side.value: dict(base.of(side)) for side in Side}
