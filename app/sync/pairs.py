"""A pair whose both issues are there: merge them, note the plan, write it, say what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.activity.log import Detail
from app.jira.site import Issue, SiteError
from app.mapping.profile import Flow, Policy, Profile, Side
from app.sync import hierarchy, inbox, lifecycle, moves, parked, store_links
from app.sync import written as notes
from app.sync.bases import confirm, planned_marks, unmoved
from app.sync.items.hand import Work
from app.sync.items.work import carry_out as carry_out_items
from app.sync.items.work import note as note_items
from app.sync.items.work import plan_items, with_items
from app.sync.move_marks import settled
from app.sync.move_resume import resume, together
from app.sync.names import Shown
from app.sync.plan import Base, Conflict, Plan, Snapshot, Write
from app.sync.planning_rules import changed_at, decide
from app.sync.put_back import look
from app.sync.put_back_late import look_after_a_death
from app.sync.reasons import Cause
from app.sync.store_links import Link
from app.sync.text_files import TextFiles, text_files
from app.sync.turn import Pair, Turn, Visit
from app.sync.words import details_of, outcome_of, raw, refused_fields


@dataclass(frozen=True)
class Planned:
    """A pair as it was read, and what is to be written for it."""

    pair: Pair
    link: Link
    plan: Plan
    snapshots: Mapping[Side, Snapshot]
    kept: parked.Kept
    items: Work


def reconcile_linked(turn: Turn, pair: Pair, link: Link) -> None:
    """Bring both issues of one pair in step. Raises SiteError where a site refuses or fails."""
    found = plan_linked(turn, replace(pair, link=link))
    if isinstance(found, Planned):
        note_plans(turn, [found])
        found = carry_out(turn, found)
    if found is not None:
        turn.finish([found])


def plan_linked(turn: Turn, pair: Pair) -> Planned | Visit | None:
    """What has to be written for a pair that is linked; a Visit where nothing can be; None where
    the pair has ended. Raises SiteError."""
    link = pair.link
    if link is None:
        raise ValueError("The pair has no link.")
    issues = {side: turn.read[side].get(link.issue_id(side) or 0) for side in Side}
    left, right = issues[Side.LEFT], issues[Side.RIGHT]
    what = lifecycle.happened(turn, link)
    if what is not None:
        return lifecycle.act(turn, pair, link, what)
    if left is None or right is None:
        return lifecycle.hidden(pair, link, Side.LEFT if left is None else Side.RIGHT)
    link = replace(link, left_key=left.key, right_key=right.key)
    snapshots = {Side.LEFT: turn.snapshot(left, Side.LEFT)}
    snapshots[Side.RIGHT] = turn.snapshot(right, Side.RIGHT)
    if link.planned:
        link = replace(link, base=look_after_a_death(turn, link, snapshots))
    link = resume(turn, link, snapshots)
    read = {Side.LEFT: left, Side.RIGHT: right}
    items = plan_items(turn, pair, link, read)
    files = text_files(turn.profile.profile, turn.sites, read, items)
    plan = _plan(turn, link, snapshots, files)
    kept = parked.keep_aside(together(turn.set_aside(pair, link), plan), plan, link.base)
    return Planned(pair, link, kept.plan, snapshots, kept, items)


def note_plans(turn: Turn, plans: Sequence[Planned]) -> None:
    """Store what both sides hold once these are written, before the first of them is.

    A worker that dies after a write leaves an old base behind. What it wrote is then known as
    ours, and no person's edit that could win over another.
    """
    due = [(p.link, planned_marks(p.plan, p.link.base)) for p in plans if not p.plan.is_empty]
    if due or any(one.items.creates for one in plans):
        with turn.transaction() as session:
            note_items(session, turn, [one.items for one in plans])
            store_links.note_plans(session, due)
            marks = turn.fingerprints
            rows = [
                row
                for one in plans
                for row in notes.of_plan(
                    one.link, one.plan, one.snapshots, notes.run_of(one.pair.changes), marks
                )
            ]
            notes.note(session, turn.profile, rows)
    for one in plans:
        turn.unwritten[one.link.id] = {(s, w.key) for s in Side for w in one.plan.writes(s)}


@dataclass
class _Done:
    """What came of the writes of a plan so far."""

    link: Link
    base: Base
    refused: dict[str, str] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    amended: list[notes.Amended] = field(default_factory=list)
    reopened: set[str] = field(default_factory=set)
    details: list[Detail] = field(default_factory=list)
    shown: Shown = field(default_factory=Shown)
    written: int = 0
    lost: int = 0
    dirty: bool = False


def carry_out(turn: Turn, planned: Planned) -> Visit:
    """Write what is planned. Raises SiteError where a site refuses or fails."""
    pair, plan = planned.pair, planned.plan
    causes = (*planned.kept.causes, *parked.unpaired(turn.profile.profile, plan))
    done = _Done(planned.link, plan.base, causes=causes)
    for side in Side:
        done.shown.saw(side, turn.read[side].get(done.link.issue_id(side) or 0))
        done.link = done.link.with_seen(side, planned.snapshots[side].updated)
        if plan.writes(side):
            _write_side(turn, planned, side, done)
    refused, causes = done.refused, done.causes
    open_ones = [c for c in plan.conflicts if c.winner is None or c.key in refused]
    # What is refused as before was told then.
    before = {one.cause for one in turn.set_aside(pair, done.link)}
    old = refused.keys() & {one.key for one in causes if one in before}
    told = parked.without(plan, plan.base, old | done.reopened)
    news = {key: words for key, words in refused.items() if key not in old}
    visit = Visit(
        pair,
        replace(done.link, base=unmoved(done.base, planned.link.base, done.reopened)),
        outcome_of(told, done.written, news, lost=bool(done.lost)),
        written=done.written,
        wrote=frozenset((side, write.key) for side in Side for write in plan.writes(side)),
        conflicts=len(told.conflicts) + done.lost,
        details=(*details_of(told, news, done.shown), *done.details),
        dirty=done.dirty or bool(done.reopened) or any(one.waits for one in plan.left_alone),
        parked=causes,
        questions=_for_a_person(turn.profile.profile, (*open_ones, *planned.kept.conflicts)),
        amended=tuple(done.amended),
        made=notes.made_side(turn.profile, done.link, turn.read),
        awaits=hierarchy.ask_for_parent(turn, plan, planned.snapshots),
    )
    try:
        return with_items(visit, carry_out_items(turn, planned.items))
    except SiteError:
        if not done.written:
            raise
        return replace(visit, dirty=True)  # what was written is told, the rest is tried again


def _for_a_person(profile: Profile, conflicts: Iterable[Conflict]) -> tuple[Conflict, ...]:
    """Those of which a person decides. A winner by a rule whose write was refused is no question:
    an answer to it would change nothing."""
    asks = {m.key for m in profile.fields if m.policy is Policy.ASK and m.flow is Flow.BOTH}
    return tuple(one for one in conflicts if one.key in asks)


def _write_side(turn: Turn, planned: Planned, side: Side, done: _Done) -> None:
    """Write one side, look at what that replaced, and compare what the site then holds."""
    link, read, writes = done.link, planned.snapshots[side], planned.plan.writes(side)
    came = moves.write(turn, side, link, read=read, writes=writes, put=_write)
    returned, said_no = came.returned, came.refused
    void = said_no.keys() | came.again
    done.refused |= said_no
    turn.carrying.refused(side, [w for w in writes if w.key in said_no.keys() - came.codes])
    done.causes += parked.field_causes(side, writes, said_no, planned.plan.base, came.codes)
    sent = tuple(w for w in writes if w.key not in void)
    done.base = unmoved(done.base, planned.link.base, void)
    done.base = settled(done.base, side, came.own, turn.fingerprints.of)
    done.amended += [notes.Amended(link.id, side, key, None) for key in void]
    done.reopened |= came.again
    done.details += came.details
    after = look(turn, side, link, writes=sent, read=read, returned=returned)
    done.written += len(sent) + after.puts
    done.lost += len(after.lost)
    done.details += after.details
    done.reopened |= after.reopened
    done.amended += after.amended(turn, link, side)
    if after.returned is None:
        done.link = link.with_seen(side, None) if sent else link
        return
    stay = tuple(w for w in sent if w.key not in after.reopened)
    stored = turn.snapshot(after.returned, side)
    done.shown.values[side] = stored.values
    done.shown.saw(side, after.returned)
    done.base, moved = confirm(
        done.base,
        side,
        writes=stay,
        read=read,
        returned=stored,
        profile=turn.profile.profile,
        fingerprints=turn.fingerprints,
    )
    done.amended += notes.amended(link, side, done.base, stay, turn.fingerprints)
    moved |= after.reopened
    done.dirty = done.dirty or bool(moved - set(said_no))
    done.link = link.with_seen(side, None if moved else after.returned.updated)


def _plan(
    turn: Turn, link: Link, snapshots: Mapping[Side, Snapshot], files: TextFiles | None
) -> Plan:
    """The merge; with the times of the fields in conflict, where these decide."""

    def times(side: Side) -> Mapping[str, datetime]:
        issue_id = link.issue_id(side) or 0
        found = turn.sites[side].last_changes([issue_id])[issue_id]
        return changed_at(turn.profile.profile, side, found)

    return decide(
        turn.profile.profile,
        turn.fingerprints,
        link.base,
        snapshots,
        carrying=turn.carrying,
        ids={side: link.issue_id(side) or 0 for side in Side},
        files=files,
        decisions=lambda: inbox.decisions(turn, link),
        times=times,
    )


def _write(
    turn: Turn, side: Side, link: Link, writes: Sequence[Write]
) -> tuple[Issue | None, dict[str, str]]:
    """Write; fields that the site refuses by name are left out and said, the rest crosses."""
    issue_id = link.issue_id(side) or 0
    refused: dict[str, str] = {}
    while rest := [w for w in writes if w.key not in refused]:
        try:
            returned = turn.sites[side].update(issue_id, raw(rest))
        except SiteError as error:
            more = refused_fields(error, rest)
            if not more:
                raise
            refused |= more
        else:
            turn.unwritten[link.id] -= {(side, one.key) for one in rest}
            return returned, refused
    return None, refused
