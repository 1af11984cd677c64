"""The shell around the merge of items: what it reads beyond the issues, what is noted before it
writes, what it writes, and what is told of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from app.activity.log import Detail, Outcome
from app.jira.site import Issue, SiteError
from app.mapping.profile import ItemKind, ItemMapping, Profile, Side
from app.sync import store_dirty
from app.sync.items import looked, lost, remote_link, store, trace
from app.sync.items.attachments import AttachmentKind
from app.sync.items.comments import CommentKind
from app.sync.items.hand import Did, Hand, Planned, Work
from app.sync.items.kinds import KindOfItem, Meeting
from app.sync.items.links import LinkKind
from app.sync.items.merge import Refused, merge_items
from app.sync.items.model import Create, Item, ItemLink
from app.sync.items.neighbours import Neighbour, Waker
from app.sync.items.reads import Reads, place_of
from app.sync.items.worklogs import WorklogKind
from app.sync.restricted import level_fields
from app.sync.store_links import Link
from app.sync.turn import Pair, Turn, Visit
from app.sync.written import run_of

KINDS: Mapping[str, KindOfItem] = {
    one.kind.value: one for one in (CommentKind(), AttachmentKind(), WorklogKind(), LinkKind())
}


def fields_of(profile: Profile) -> list[str]:
    """The fields that bring the items along that a profile carries, and what tells whether an
    issue is to be left alone."""
    kinds = (KINDS.get(mapping.kind.value) for mapping in profile.items)
    return [*(kind.field for kind in kinds if kind is not None), *level_fields(profile)]


def read_rows(turn: Turn, links: Sequence[Link]) -> None:
    """Read the rows of these pairs in one statement, where the profile carries items."""
    if turn.profile.profile.items or remote_link.left_over(turn):
        with turn.transaction() as session:
            turn.item_rows |= store.rows_of(session, links)


def plan_items(turn: Turn, pair: Pair, link: Link, issues: Mapping[Side, Issue]) -> Work:
    """What is to be done for the items of a pair whose issues were read. Raises SiteError."""
    work = Work(link, issues, run_id=run_of(pair.changes))
    if not turn.profile.profile.items and not remote_link.left_over(turn):
        return work
    found = turn.set_aside(pair, link)
    work.before = tuple(one.cause for one in found)
    work.refused = {(k.cause.side, k.cause.key): k.cause.mark for k in found if not k.ask}
    if link.id not in turn.item_rows:
        read_rows(turn, [link])
    work.rows = turn.item_rows.pop(link.id)
    for mapping in turn.profile.profile.items:
        _plan(turn, work, mapping, Waker(turn, link, mapping.kind, work.run_id))
    return work


def _wake_nobody(pair: Neighbour, side: Side, item: str) -> None:
    return


def look_at_items(
    reads: Reads,
    link: Link,
    issues: Mapping[Side, Issue],
    rows: Sequence[ItemLink],
    refused: Refused | None = None,
    *,
    woken: Callable[[Neighbour, Side, str], None] = _wake_nobody,
) -> Work:
    """What a visit would do for the items of a pair. Nothing is noted, and no other pair is woken:
    `woken` hears of those that would be. Raises SiteError."""
    work = Work(link, issues, rows=rows, refused=refused or {})
    for mapping in reads.profile.profile.items:
        _plan(reads, work, mapping, woken)
    return work


def _plan(
    reads: Reads,
    work: Work,
    mapping: ItemMapping,
    wake: Callable[[Neighbour, Side, str], None],
) -> None:
    """Plan one kind, where it is of this way of working and both sites show it."""
    if mapping.kind.value not in KINDS:
        return
    kind = KINDS[mapping.kind.value]
    items: dict[Side, tuple[Item, ...]] = {}
    paged: set[Side] = set()
    for side in Side:
        here, there = work.issues[side], work.issues[side.other]
        listing = kind.read(here, there, mapping)
        if listing is None:
            return  # not shown: nothing can be said of what is there and what is not
        items[side] = listing.items
        if not listing.whole:
            items[side] = kind.read_all(reads.sites[side], here, there, mapping)
            paged.add(side)
    place = place_of(reads, work.link)
    own = [row for row in work.rows if row.kind == mapping.kind.value]
    items, waits = kind.meet(Meeting(reads.sites, place, items, own, mapping, wake))
    while True:
        plan = merge_items(mapping, own, items, place, reads.fingerprints, refused=work.refused)
        if not plan.looks:
            plan = replace(plan, waits=plan.waits or waits)
            done = Planned(kind, plan, frozenset(paged), rows=tuple(own), items=items)
            work.planned.append(done)
            return
        for side, ids in plan.looks.items():
            marks = looked.marks(kind, reads, side, ids)
            items[side] = tuple(
                one.marked(marks.get(one.id)) if one.id in ids else one for one in items[side]
            )


def note(session: Session, turn: Turn, works: Iterable[Work]) -> None:
    """Note the creates before the first of them is sent. What another profile is making on the same
    issue is left out: it will be found there."""
    for work in works:
        for one in work.planned:
            granted = [
                create
                for create in one.plan.creates
                if store.begin(session, turn.profile, work.link, create)
            ]
            made = [create.row.id for create in granted]
            run = work.run_id or _run_of(session, turn, work, one.kind, granted)
            trace.note(session, turn.profile, trace.Deed.MADE, made, run)
            one.waits = one.plan.waits or len(granted) < len(one.plan.creates)
            one.plan = replace(one.plan, creates=tuple(granted))


def _run_of(
    session: Session, turn: Turn, work: Work, kind: KindOfItem, creates: Sequence[Create]
) -> uuid.UUID | None:
    """The run that these belong to, though this visit is not its: what needs the twins of two
    issues is made by whichever visit sees both first, while a run has either in hand."""
    ends = [end for create in creates for end in kind.ends(create.source, create.to).items()]
    if not ends:
        return None
    issues = {side: {work.issues[side].id, *(e for s, e in ends if s is side)} for side in Side}
    return store_dirty.run_in_hand(session, turn.profile, issues)


def carry_out(turn: Turn, work: Work) -> Did:
    """Write what is planned and noted. What a site refuses is set aside by itself, the rest
    crosses. Raises SiteError where a site fails."""
    did = Did()
    # Files first, for texts show them.
    for one in sorted(work.planned, key=lambda one: one.kind.kind is not ItemKind.ATTACHMENTS):
        did.rows |= {row.id: row for row in one.plan.rows}
        did.details += [
            Detail(told.sentence, field=one.kind.field, side=told.side.value)
            for told in one.plan.told
        ]
        did.waits = did.waits or one.waits
        did.causes += [c for c in work.before if c.key in one.plan.aside]
        hand = Hand(turn, work, one, did)
        hand.delete()
        hand.update()
        hand.create()
        hand.note()
        did.details += hand.counted()
    remote_link.carry_out(turn, work, did)
    lost.by_the_way(turn, work, did)
    return did


def with_items(visit: Visit, did: Did) -> Visit:
    """The visit, with what came of the items of its pair."""
    outcome = visit.outcome
    if did.refused:
        outcome = Outcome.PARKED
    elif did.lost and outcome is not Outcome.PARKED:
        outcome = Outcome.CONFLICT
    elif did.written and outcome in {None, Outcome.LEFT_ALONE}:
        outcome = Outcome.UPDATED
    elif did.details and outcome is None:
        outcome = Outcome.LEFT_ALONE
    return replace(
        visit,
        outcome=outcome,
        written=visit.written + did.written,
        conflicts=visit.conflicts + did.lost,
        details=(*visit.details, *did.details),
        dirty=visit.dirty or did.again,
        parked=(*visit.parked, *did.causes),
        items=tuple(did.rows.values()),
        edits=tuple(did.edits),
        waits=visit.waits or did.waits,
    )


def of_a_new_twin(turn: Turn, visit: Visit, side: Side, source: Issue, made: Issue | None) -> Visit:
    """The visit of a pair whose issue was just made, with the items of its source. Where that does
    not work at once, the pair is visited again."""
    if not turn.profile.profile.items:
        return visit
    if made is None:
        return replace(visit, dirty=True)
    try:
        work = plan_items(turn, visit.pair, visit.link, {side: source, side.other: made})
        with turn.transaction() as session:
            note(session, turn, [work])
        return with_items(visit, carry_out(turn, work))
    except SiteError:
        return replace(visit, dirty=True)
