"""Profiles in a ring: an issue is linked to the twin that other profiles made, not twinned again.

See docs/decisions/0017-twins-in-a-ring.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import store_dirty, store_links
from app.sync.planning_rules import in_scope
from app.sync.ring_walk import may_be_a_ring, walk
from app.sync.store_links import Link
from app.sync.turn import LONGEST_BELL, Pair, Turn

LOOKS = 3
FIRST_WAIT = 1.0  # seconds
LONGEST_WAIT = 30.0  # seconds

# The other issue was to get a twin of its own, and nothing was sent: ours takes its place.
_DROP = text(
    """
    DELETE FROM issue_link o
    WHERE o.profile_id = :profile AND o.create_sent_at IS NULL
      AND (o.left_issue_id = :left AND o.right_issue_id IS NULL
           OR o.right_issue_id = :right AND o.left_issue_id IS NULL)
      AND o.id IS DISTINCT FROM :keep
    """
)
_FILL = text(
    """
    UPDATE issue_link k
    SET left_issue_id = :left, right_issue_id = :right, left_key = :left_key,
        right_key = :right_key, base = '{}', planned = NULL, create_sent_at = NULL
    WHERE k.id = :keep AND NOT EXISTS (
        SELECT FROM issue_link o WHERE o.profile_id = :profile AND o.id <> k.id
        AND (o.left_issue_id = :left OR o.right_issue_id = :right))
    """
)
_PAIR = text(
    """
    INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, lane,
                            left_issue_id, right_issue_id, left_key, right_key)
    VALUES (:id, :profile, :left_tenant, :right_tenant, :lane, :left, :right, :left_key, :right_key)
    ON CONFLICT DO NOTHING
    """
)
_SENT = text("UPDATE issue_link SET create_sent_at = now() WHERE id = :id")

# Of two profiles that would make the same twin, the second sees the intent of the first.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('tandem:twins-in-a-ring'))")


def claim(turn: Turn, pair: Pair, side: Side, issue: Issue) -> Link | None:
    """The intent to create the twin of an issue, which the caller has to carry out.

    None where there is nothing to create: the issue has a twin, made by this or by other profiles,
    or others are making one and this profile waits for it. Raises SiteError.
    """
    looked_at: set[int] = set()
    for _ in range(LOOKS):
        with turn.transaction() as session:
            found = _claim(session, turn, side, issue, looked_at)
        if isinstance(found, Link):
            if None in (found.left_id, found.right_id):
                return found
            _hand_on(turn, pair, found)
            return None
        if not found:
            break
        looked_at.update(found)
        link = _link_to_one_of(turn, side, issue, found)
        if link is not None:
            _hand_on(turn, pair, link)
            return None
    _wait(turn, pair)
    return None


def _claim(
    session: Session, turn: Turn, side: Side, issue: Issue, looked_at: set[int]
) -> Link | list[int]:
    """The intent; or the issues to look at first; or none of them, where it has to wait."""
    profile = turn.profile
    if not may_be_a_ring(session, profile, side, issue):
        return _intend(session, turn, side, issue)
    session.execute(_LOCK)
    own = _own(session, profile, side, issue.id)
    if own is not None and None not in (own.left_id, own.right_id):
        return own
    issues, under_way = walk(session, profile, side, issue)
    fresh = [one for one in issues if one not in looked_at]
    if fresh:
        return fresh
    if under_way:
        # Two that were both sent are left over from crashes: the lesser id goes first.
        sent = own is not None and own.create_sent_at is not None
        if own is None or not sent or own.id > min(under_way):
            return []
    link = _intend(session, turn, side, issue)
    if None in (link.left_id, link.right_id):
        # Sent from here on, to the eyes of others: they wait for it.
        session.execute(_SENT, {"id": link.id})
    return link


def _intend(session: Session, turn: Turn, side: Side, issue: Issue) -> Link:
    return store_links.intend(
        session,
        turn.profile,
        source=side,
        issue_id=issue.id,
        key=issue.key,
        lane=turn.lane,
        sent=False,
    )


def _own(session: Session, profile: StoredProfile, side: Side, issue_id: int) -> Link | None:
    left, right = ([issue_id], []) if side is Side.LEFT else ([], [issue_id])
    return next(iter(store_links.links_of(session, profile, left, right)), None)


def _link_to_one_of(turn: Turn, side: Side, issue: Issue, ids: Sequence[int]) -> Link | None:
    """Link the issue to the first of these that is in scope and has no twin in this profile."""
    other = side.other
    fields = [mapping.field(other) for mapping in turn.profile.profile.fields]
    found = turn.sites[other].fetch(ids, fields)
    for one in ids:
        twin = found.get(one)
        if twin is None or not in_scope(turn.profile, twin, other):
            continue
        with turn.transaction() as session:
            link = _link(session, turn, side, issue, twin)
        if link is not None:
            return link
    return None


def _link(session: Session, turn: Turn, side: Side, issue: Issue, twin: Issue) -> Link | None:
    """The link of these two, with an empty base. None where either has another twin."""
    profile = turn.profile
    left, right = (issue, twin) if side is Side.LEFT else (twin, issue)
    session.execute(_LOCK)
    ours = _own(session, profile, side, issue.id)
    own = ours or _own(session, profile, side.other, twin.id)
    values = {
        "id": uuid.uuid4(),
        "keep": own.id if own else None,
        "profile": profile.id,
        "left_tenant": profile.left_tenant,
        "right_tenant": profile.right_tenant,
        "lane": turn.lane,
        "left": left.id,
        "right": right.id,
        "left_key": left.key,
        "right_key": right.key,
    }
    if own is None:
        session.execute(_PAIR, values)
    elif None in (own.left_id, own.right_id) and (ours or own.create_sent_at is None):
        session.execute(_DROP, values)
        session.execute(_FILL, values)
        session.expire_all()  # what was read before is old now
    link = _own(session, profile, side, issue.id)
    return link if link is not None and link.issue_id(side.other) == twin.id else None


def _hand_on(turn: Turn, pair: Pair, link: Link) -> None:
    """The issue is linked: the change is due in its link's lane, as that of a pair."""
    with turn.transaction() as session:
        for change in pair.changes:
            store_dirty.move_lane(session, turn.profile, change, link.lane)
    turn.ring(turn.profile.id, link.lane)


def _wait(turn: Turn, pair: Pair) -> None:
    attempts = max(change.attempts for change in pair.changes)
    seconds = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts, 10))
    with turn.transaction() as session:
        store_dirty.postpone(session, turn.profile, pair.changes, seconds, "waiting-for-link")
    if seconds <= LONGEST_BELL:
        turn.ring(turn.profile.id, turn.lane, seconds + 0.05)
