"""Pairs of which an issue was deleted, moved away or archived: what the profile says of the other
issue is done, and the pair ends. See docs/lifecycle.md."""

from __future__ import annotations

from dataclasses import dataclass

from app.activity.log import Detail, Outcome
from app.jira.answers import PROPERTY, text
from app.jira.site import Issue, SiteError
from app.mapping.lifecycle import Archived, Deed, Deleted, Moved, Why
from app.mapping.profile import FieldMapping, Kind, Side
from app.mapping.said import said, the_side
from app.mapping.values import handler
from app.sync import moves, parked, store_dirty, unlinked
from app.sync.items import remote_link
from app.sync.plan import Reason, Snapshot, Write
from app.sync.planning_rules import in_scope
from app.sync.reasons import Cause, Code
from app.sync.store_links import Link
from app.sync.turn import Pair, Turn, Visit

ENDED = "ended"
"""In the mark of a comment: the pair that it tells the end of."""
STATUS = FieldMapping("status", "status", Kind.STATUS)
DEEDS = {
    Why.DELETED: said("was deleted"),
    Why.MOVED: said("was moved out of the profile's project or issue type"),
    Why.ARCHIVED: said("was archived"),
}


@dataclass(frozen=True)
class Happened:
    """What happened to the issue of a side, and what is to be done for the other one."""

    why: Why
    side: Side
    deed: Deed


def happened(turn: Turn, link: Link) -> Happened | None:
    """What the profile has an answer to; None: nothing. Raises SiteError."""
    choices = turn.profile.profile.lifecycle
    for side in Side:
        why = _why(turn, link, side)
        deed = None if why is None else choices.deed(why)
        if why is not None and deed is not None:
            return Happened(why, side, deed)
    if link.synced_at is None:
        _is_paired(turn, link)
    return None


def _is_paired(turn: Turn, link: Link) -> None:
    """What was said of these two when an earlier pair of theirs ended holds no longer."""
    with turn.transaction() as session:
        unlinked.forget(session, link)
    for side in Side:
        issue = turn.read[side].get(link.issue_id(side) or 0)
        mark = issue.property or {} if issue is not None else {}
        if issue is not None and "unlinked" in mark and _is_ours(turn, link, side, issue):
            kept = {name: value for name, value in mark.items() if name != "unlinked"}
            turn.sites[side].remark(issue.id, kept)


def _why(turn: Turn, link: Link, side: Side) -> Why | None:
    issue, told = turn.read[side].get(link.issue_id(side) or 0), link.told(side)
    if issue is None:
        # Alone, that it is not found may be a permission that was lost.
        return Why.DELETED if told is Why.DELETED else None
    if not in_scope(turn.profile, issue, side):
        return Why.MOVED
    choices = turn.profile.profile.lifecycle
    is_told = told is Why.ARCHIVED
    if choices.archived is Archived.IGNORE or not (is_told or _was_refused(turn, link, side)):
        return None
    project = int(issue.fields["project"]["id"])
    if not turn.sites[side].match_now(f"project = {project}", [issue.id]):
        return Why.ARCHIVED
    if is_told:
        with turn.transaction() as session:
            unlinked.is_back(session, link, side)
    return None


def _was_refused(turn: Turn, link: Link, side: Side) -> bool:
    """Whether the site refused to have the issue changed at all, as it does for an archived one."""
    found = parked.of_rows(turn.aside, link, ())
    return any(one.cause.side is side and not one.cause.key for one in found)


def act(turn: Turn, pair: Pair, link: Link, what: Happened) -> Visit | None:
    """Do it, and end the pair. A Visit where it cannot be done. Raises SiteError."""
    stays = what.side.other
    twin = turn.read[stays].get(link.issue_id(stays) or 0)
    if twin is None and link.told(stays) is not Why.DELETED:
        return hidden(pair, link, stays)
    sentence = said(
        "The issue on %(side)s %(deed)s.", side=the_side(what.side), deed=DEEDS[what.why]
    )
    details, left = [Detail(sentence)], [what.side]
    if twin is not None:
        did = _do(turn, pair, link, what, twin)
        if isinstance(did, Visit):
            return did
        details.append(Detail(did, side=stays.value))
        left.append(stays)
    for side in left:
        _remark(turn, link, side)
    remote_link.end(turn, link)
    with turn.transaction() as session:
        turn.settle(session, pair, link, ())
        store_dirty.done(session, turn.profile, pair.changes)
        unlinked.end(session, link, what.why)
        keys = (link.left_key, link.right_key)
        turn.tell(session, keys, Outcome.UNLINKED, details=details)
    return None


def hidden(pair: Pair, link: Link, side: Side) -> Visit:
    """An issue is not found, and nothing is done for that."""
    sentence = (
        said(
            "The issue on %(side)s is gone or hidden from Tandem (its site told that it was "
            "deleted); its twin was left as it is.",
            side=the_side(side),
        )
        if link.told(side) is Why.DELETED
        else said(
            "The issue on %(side)s is gone or hidden from Tandem; its twin was left as it is.",
            side=the_side(side),
        )
    )
    return Visit(pair, link, Outcome.LEFT_ALONE, details=(Detail(sentence),))


def is_alone(turn: Turn, side: Side, issue: Issue) -> bool:
    """Whether an issue without a link had a pair that was ended."""
    mark = issue.property or {}
    if mark.get("unlinked") is True and mark.get("profile") == str(turn.profile.id):
        return True
    with turn.transaction() as session:
        return bool(unlinked.alone(session, turn.profile, side, [issue.id]))


def _do(turn: Turn, pair: Pair, link: Link, what: Happened, twin: Issue) -> str | Visit:
    """What is done to the issue that stays, as a sentence. A Visit where that is refused."""
    side, deed = what.side.other, what.deed
    if deed in {Deleted.COMMENT, Moved.COMMENT, Archived.COMMENT}:
        _comment(turn, link, what, twin)
        return said("A comment says so, and the pair is no longer linked.")
    if deed is Deleted.CLOSE:
        closed = said("It was closed, and is no longer linked.")
        return _close(turn, pair, link, side, twin) or closed
    if deed is Deleted.DELETE:
        if not _is_ours(turn, link, side, twin):
            return said("It was not made by Tandem, so it stays. The pair is no longer linked.")
        _delete(turn, side, twin)
        return said("Tandem had made the other one, and deleted it.")
    return said("The pair is no longer linked.")


def _is_ours(turn: Turn, link: Link, side: Side, issue: Issue) -> bool:
    """Whether Tandem made an issue, as the twin of the other one of its pair."""
    mark = issue.property or {}
    said = (mark.get("profile"), mark.get("side"), str(mark.get("source")))
    return said == (str(turn.profile.id), side.value, str(link.issue_id(side.other)))


def _delete(turn: Turn, side: Side, twin: Issue) -> None:
    try:
        turn.sites[side].delete(twin.id)
    except SiteError as error:
        if error.site_status != 404:
            raise


def _comment(turn: Turn, link: Link, what: Happened, twin: Issue) -> None:
    """Say it on the issue that stays, once: a worker may have died after it."""
    comments = turn.sites[what.side.other].comments
    ids = [text(one["id"]) for one in comments.all(twin.id)]
    mark = {"profile": str(turn.profile.id), ENDED: str(link.id)}
    if ids and mark in comments.marks(ids).values():
        return
    key = link.left_key if what.side is Side.LEFT else link.right_key
    site = turn.sites[what.side].base_url.partition("://")[2].partition("/")[0]
    words = (
        f"{key or 'The issue'} at {site}, of which this one is the twin, {DEEDS[what.why]}. "
        "Tandem no longer keeps the two in step."
    )
    body = [{"type": "paragraph", "content": [{"type": "text", "text": words}]}]
    comments.add(twin.id, {"type": "doc", "version": 1, "content": body}, {PROPERTY: mark})


def _close(turn: Turn, pair: Pair, link: Link, side: Side, twin: Issue) -> Visit | None:
    """Move the issue to the status that the profile names. A Visit where no way leads there."""
    choices = turn.profile.profile.lifecycle
    wanted = choices.left_closed if side is Side.LEFT else choices.right_closed
    issue = turn.sites[side].fetch([twin.id], [STATUS.field(side)]).get(twin.id)
    now = handler(Kind.STATUS).read(issue.fields["status"]) if issue is not None else None
    if not isinstance(now, tuple) or wanted is None or now[0] == wanted:
        return None
    fields = turn.profile.profile.fields
    mapping = next((m for m in fields if m.field(side) == STATUS.field(side)), STATUS)
    key, target = mapping.key, (wanted, "")
    values = {**turn.snapshot(twin, side).values, key: now}
    goal = Write(key, STATUS.field(side), Kind.STATUS, target, now, Reason.CHANGED)
    read = Snapshot(values, twin.updated)
    came = moves.write(turn, side, link, read=read, writes=[goal], put=_nothing)
    if not came.refused and not came.again:
        return None
    told = came.refused.get(key, said("status: somebody moved the issue at the same moment"))
    code = came.codes.get(key, Code.MOVE_REFUSED)
    cause = Cause(side, code, goal.field, key, said=told)
    return Visit(pair, link, Outcome.PARKED, details=(Detail(told),), parked=(cause,))


def _nothing(*_: object) -> tuple[None, dict[str, str]]:
    return None, {}


def _remark(turn: Turn, link: Link, side: Side) -> None:
    """Say in the mark of a twin that its pair has ended, so that nobody pairs it again by that.
    What the site refuses for good is noted in the database alone."""
    issue = turn.read[side].get(link.issue_id(side) or 0)
    if issue is None or not _is_ours(turn, link, side, issue):
        return
    try:
        turn.sites[side].remark(issue.id, {**(issue.property or {}), "unlinked": True})
    except SiteError as error:
        if error.passing or error.site_status == 401:
            raise
