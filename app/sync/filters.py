"""Issues outside the filter of their side, or with a security level that does not cross: no twin
is made of them, and their pairs stand still.

A pair that stands still keeps its base, so that what changed meanwhile crosses by the usual merge
once both of its issues are inside again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.activity.log import Detail, Outcome
from app.database import tenant_transaction
from app.jira.site import JiraSite
from app.mapping.lifecycle import Why
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side
from app.sync import store_dirty
from app.sync.budget import Kind, claim
from app.sync.marks import Mark, mark
from app.sync.planning_rules import in_scope, source_of_twin
from app.sync.restricted import held_now, held_of
from app.sync.store_links import Link
from app.sync.turn import Pair, Turn

BOTH = "both"
AT_ONCE = 50  # issues that a site looks at as they are now, in one call
CHUNK = 100  # issues that are looked up in the index, in one call
# Chunks of a look: those that no look has seen since they stand still, and of the others the ones
# that were longest not looked at. An issue comes inside by the passing of time as well.
NEW_CHUNKS, OLD_CHUNKS = 100, 2

_NOTE = text(
    """
    UPDATE issue_link k SET outside = n.outside, outside_checked_at = NULL
    FROM unnest(CAST(:ids AS uuid[]), CAST(:outside AS text[])) AS n (id, outside)
    WHERE k.id = n.id
    """
)
_STANDING = text(
    """
    SELECT id, left_issue_id, right_issue_id, lane, outside_checked_at FROM issue_link
    WHERE profile_id = :profile AND outside IN (:side, 'both')
      AND (outside_checked_at IS NULL OR outside_checked_at < :began)
    ORDER BY outside_checked_at NULLS FIRST LIMIT :most
    """
)
_LOOKED_AT = text("UPDATE issue_link SET outside_checked_at = now() WHERE id = ANY(:ids)")


def inside(turn: Turn, pairs: Sequence[Pair]) -> list[Pair]:
    """Settle the pairs that have an issue outside the filter of its own side, or one that is left
    alone for its security level; gives the others.

    What is read is asked of each side that has a filter, in one call for fifty issues, as it is
    now. Raises SiteError; then nothing was settled.
    """
    outside = {side: _outside_now(turn, side, pairs) for side in Side}
    still: list[tuple[Pair, str]] = []
    rest: list[Pair] = []
    for pair in pairs:
        out = [side.value for side in Side if _issue(pair, side) in outside[side]]
        if out and not _was_begun(turn, pair) and not _is_gone(turn, pair):
            still.append((pair, BOTH if len(out) == 2 else out[0]))
        else:
            rest.append(pair)
    back = [pair.link.id for pair in rest if pair.link is not None and pair.link.outside]
    if still or back:
        with turn.transaction() as session:
            _settle(session, turn, still, back)
    return rest


def outside_of(
    site: JiraSite, profile: StoredProfile, side: Side, issue_ids: Sequence[int]
) -> frozenset[int]:
    """Which of these issues (at most 1,000) are outside their side's filter, as search knows them.
    No call where there is no filter. Raises SiteError."""
    jql = profile.profile.scope(side).filter
    if jql is None or not issue_ids:
        return frozenset()
    return frozenset(issue_ids) - site.match(jql, issue_ids)


def _outside_now(turn: Turn, side: Side, pairs: Sequence[Pair]) -> frozenset[int]:
    profile = turn.profile.profile
    jql, held = profile.scope(side).filter, held_of(profile, turn.read[side].values())
    if jql is None:
        return held
    # An issue that was not read is gone or hidden: no filter decides of it.
    asked = sorted({_issue(pair, side) for pair in pairs} & turn.read[side].keys() - held)
    found: set[int] = set()
    for start in range(0, len(asked), AT_ONCE):
        found |= turn.sites[side].match_now(jql, asked[start : start + AT_ONCE])
    return frozenset(asked) - found | held


def _issue(pair: Pair, side: Side) -> int:
    """The id of the issue of a side; 0 where it has none."""
    if pair.link is not None:
        return pair.link.issue_id(side) or 0
    return next((one.issue_id for one in pair.changes if one.side is side), 0)


def _was_begun(turn: Turn, pair: Pair) -> bool:
    """Whether a twin may be there that nobody has linked yet: the create goes on to its end."""
    if pair.link is not None:
        return None in (pair.link.left_id, pair.link.right_id) and (
            pair.link.create_sent_at is not None
        )
    change = pair.changes[0]
    issue = turn.read[change.side].get(change.issue_id)
    return issue is not None and source_of_twin(turn.profile, issue, change.side) is not None


def _is_gone(turn: Turn, pair: Pair) -> bool:
    """Whether the profile may have an answer to what became of one of the issues as a whole: moved
    away or archived, it is outside any filter."""
    choices, link = turn.profile.profile.lifecycle, pair.link
    if link is None:
        return False
    archived = choices.deed(Why.ARCHIVED) is not None
    moved = choices.deed(Why.MOVED) is not None
    read = {side: turn.read[side].get(link.issue_id(side) or 0) for side in Side}
    return any(
        (archived and link.told(side) is Why.ARCHIVED)
        or (moved and issue is not None and not in_scope(turn.profile, issue, side))
        for side, issue in read.items()
    )


def _settle(
    session: Session, turn: Turn, still: Sequence[tuple[Pair, str]], back: Sequence[uuid.UUID]
) -> None:
    """Note who stands still and who goes on; the changes of those that stand are done with."""
    noted: dict[uuid.UUID, str | None] = dict.fromkeys(back)
    noted |= {pair.link.id: out for pair, out in still if pair.link is not None}
    ids = sorted(noted)
    if ids:
        session.execute(_NOTE, {"ids": ids, "outside": [noted[one] for one in ids]})
    store_dirty.done(session, turn.profile, [one for pair, _ in still for one in pair.changes])
    for pair, out in still:
        link = pair.link
        if link is None or None in (link.left_id, link.right_id) or link.outside is not None:
            continue
        _tell(session, turn, link, out)


def _tell(session: Session, turn: Turn, link: Link, out: str) -> None:
    """One entry for the time that a pair stands still, not one an event."""
    held = {side: held_of(turn.profile.profile, turn.read[side].values()) for side in Side}
    if any(link.issue_id(side) in held[side] for side in Side):
        sentence = said(
            "An issue of this pair has a security level. Nothing crosses while it has one, unless "
            "both sides allow that such issues cross."
        )
    elif out == BOTH:
        sentence = said(
            "The issues on both sides are outside the profile's filter. Nothing crosses until the "
            "filter finds them again."
        )
    else:
        sentence = said(
            "The issue on %(side)s is outside the profile's filter. Nothing crosses until the "
            "filter finds them again.",
            side=the_side(Side(out)),
        )
    keys = (link.left_key, link.right_key)
    turn.tell(session, keys, Outcome.LEFT_ALONE, details=[Detail(sentence)])


def look_again(
    site: JiraSite,
    profile: StoredProfile,
    side: Side,
    ring: Callable[[uuid.UUID, int], None],
    *,
    began: datetime,
) -> int:
    """Mark the pairs that stand still for an issue of this side which is inside by now; no event
    need have told of it. Returns how many. Raises SiteError.

    `began`: when the look began, by the database's clock; none is looked at twice in one.
    """
    marked, old = 0, 0
    for _ in range(NEW_CHUNKS):
        with tenant_transaction(profile.left_tenant) as session:
            asked = {"profile": profile.id, "side": side.value, "began": began, "most": CHUNK}
            rows = session.execute(_STANDING, asked).all()
        seen_before = bool(rows) and rows[0].outside_checked_at is not None
        old += seen_before
        kind = Kind.BACKGROUND if seen_before else Kind.LIVE
        if not rows or old > OLD_CHUNKS or not _may_ask(profile, side, kind, len(rows)):
            break
        issues = {
            row.left_issue_id if side is Side.LEFT else row.right_issue_id: row for row in rows
        }
        out = outside_of(site, profile, side, list(issues))
        back = issues.keys() - out - held_now(site, profile.profile, list(issues.keys() - out))
        lanes = {row.lane for issue, row in issues.items() if issue in back}
        with tenant_transaction(profile.left_tenant) as session:
            session.execute(_LOOKED_AT, {"ids": [row.id for row in rows]})
            if back:
                mark(session, [_mark(profile, side, one, issues[one].lane) for one in back])
        for lane in sorted(lanes):
            ring(profile.id, lane)
        marked += len(back)
    return marked


def _may_ask(profile: StoredProfile, side: Side, kind: Kind, count: int) -> bool:
    """Whether the site's budget has the calls; there is none where nothing holds issues back."""
    mapping = profile.profile
    calls = (mapping.scope(side).filter is not None) + (not mapping.carries_restricted)
    site = profile.tenants[side]
    return not calls or claim(site, kind, calls * (1 + count)) == 0


def _mark(profile: StoredProfile, side: Side, issue: int, lane: int) -> Mark:
    return Mark(profile.id, side, issue, profile.left_tenant, profile.right_tenant, lane, None)
