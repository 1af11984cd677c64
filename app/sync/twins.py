"""An issue without a twin: the intent, the create, and the search for one that may be made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from app.activity.log import Detail, Outcome
from app.jira.answers import PROPERTY
from app.jira.site import Created, Issue, SiteError
from app.mapping.profile import Side
from app.mapping.said import said
from app.sync import hierarchy, lifecycle, parked, rings, store_dirty, store_links
from app.sync.bases import confirm, unmoved
from app.sync.items.work import fields_of, of_a_new_twin
from app.sync.lost_twins import adopt_twin
from app.sync.merge import blank, for_create
from app.sync.move_marks import born, later
from app.sync.pairs import reconcile_linked
from app.sync.plan import Base, Carry, Plan, Snapshot
from app.sync.planning_rules import in_scope, source_of_twin
from app.sync.store_links import Link
from app.sync.text_files import NoFiles, carries_files
from app.sync.turn import Pair, Turn, Visit
from app.sync.words import raw, refused_fields

# How long a create that was sent without an answer is searched for before it is sent again:
# Jira's search may lag behind, and a doubled issue is worse than a late one.
ADOPT_WITHIN = timedelta(seconds=60)
ADOPT_EVERY = 5.0  # seconds


def reconcile_unlinked(turn: Turn, pair: Pair) -> None:
    """Make the twin of a dirty issue, or link it where it is one. Raises SiteError."""
    change = pair.changes[0]
    issue = turn.read[change.side].get(change.issue_id)
    if issue is None or not in_scope(turn.profile, issue, change.side):
        with turn.transaction() as session:
            store_dirty.done(session, turn.profile, pair.changes)
        return
    if lifecycle.is_alone(turn, change.side, issue):
        with turn.transaction() as session:
            store_dirty.done(session, turn.profile, pair.changes)
        return
    source = source_of_twin(turn.profile, issue, change.side)
    if source is not None and not _is_a_clone(turn, issue, change.side, source):
        _adopt_source(turn, pair, issue, change.side, source)
        return
    twin = turn.twins.get((change.side, issue.id))
    if twin is not None:
        adopt_twin(turn, pair, issue, change.side, twin)
        return
    intent = rings.claim(turn, pair, change.side, issue)
    if intent is not None:
        _create(turn, replace(pair, link=intent), intent, change.side, issue)


def _is_a_clone(turn: Turn, twin: Issue, side: Side, source: int) -> bool:
    """Whether an issue bears the mark of another one, as a clone made with its properties does: the
    source has its twin, and somebody else than Tandem made this one. Raises SiteError."""
    left, right = ([source], []) if side is Side.RIGHT else ([], [source])
    with turn.transaction() as session:
        links = store_links.links_of(session, turn.profile, left, right)
    theirs = {link.issue_id(side) for link in links} - {None, twin.id}
    if not theirs:
        return False
    found = turn.sites[side].fetch([twin.id], ["creator"]).get(twin.id)
    creator = (found.fields.get("creator") or {}) if found else {}
    return creator.get("accountId") not in {None, turn.sites[side].account()}


def _adopt_source(turn: Turn, pair: Pair, twin: Issue, side: Side, source: int) -> None:
    """An issue that our mark names as a twin: link it to its source, as the mark says."""
    with turn.transaction() as session:
        left, right = ([source], []) if side is Side.RIGHT else ([], [source])
        found = store_links.links_of(session, turn.profile, left, right)
        link = found[0] if found else None
        if link is None:
            link = store_links.intend(
                session,
                turn.profile,
                source=side.other,
                issue_id=source,
                key="",
                lane=turn.lane,
                sent=True,
            )
        theirs = link.issue_id(side)
        if theirs is None:
            store_links.adopt(session, link, side, Created(twin.id, twin.key))
        if theirs is not None and theirs != twin.id:
            # The source has another twin already: this one is left as it is.
            store_dirty.done(session, turn.profile, pair.changes)
            return
        for change in pair.changes:
            store_dirty.move_lane(session, turn.profile, change, link.lane)
    turn.ring(turn.profile.id, link.lane)


def finish_create(turn: Turn, pair: Pair, link: Link) -> None:
    """A create was intended. Was it sent? Then look for what it made before sending again."""
    side = Side.LEFT if link.left_id is not None else Side.RIGHT
    source_id = link.issue_id(side)
    issue = turn.read[side].get(source_id) if source_id is not None else None
    if issue is None:
        with turn.transaction() as session:
            store_dirty.done(session, turn.profile, pair.changes)
        return
    if link.sent_ago is not None:
        twin = turn.sites[side.other].find_twin(str(turn.profile.id), issue.id)
        if twin is not None:
            _adopted(turn, pair, link, side, twin)
            return
        if link.sent_ago < ADOPT_WITHIN:
            with turn.transaction() as session:
                store_dirty.postpone(
                    session, turn.profile, pair.changes, ADOPT_EVERY, "waiting-for-search"
                )
            turn.ring(turn.profile.id, turn.lane, ADOPT_EVERY + 0.05)
            return
    intent = rings.claim(turn, pair, side, issue)
    if intent is not None:
        _create(turn, replace(pair, link=intent), intent, side, issue)


def _adopted(turn: Turn, pair: Pair, link: Link, side: Side, twin: Created) -> None:
    link = link.with_issue(side.other, twin.id, twin.key)
    with turn.transaction() as session:
        store_links.save(session, link)
    fields = [m.field(side.other) for m in turn.profile.profile.fields]
    fields += fields_of(turn.profile.profile)
    turn.read[side.other] |= turn.sites[side.other].fetch([twin.id], fields)
    reconcile_linked(turn, replace(pair, link=link), link)


def _plan_create(turn: Turn, source: Snapshot, to: Side) -> Plan:
    """What a twin is made with: all that its create screen has a place for."""
    profile, marks, off = turn.profile.profile, turn.fingerprints, dict[str, str]()

    def planned(carry: Carry) -> Plan:
        return for_create(source, to, profile, marks, off_screen=off, carry=carry)

    files = NoFiles(waits=carries_files(profile, to))
    plan = turn.carrying.settle(planned, {to.other: source}, files)
    off = turn.carrying.off_screen(to, plan.writes(to), None)
    return turn.carrying.settle(planned, {to.other: source}, files) if off else plan


def _create(turn: Turn, pair: Pair, link: Link, side: Side, issue: Issue) -> None:
    """Create the twin of `issue` on the other side, marked as ours in the same call."""
    to = side.other
    source = turn.snapshot(issue, side)
    profile, marks = turn.profile.profile, turn.fingerprints
    plan = _plan_create(turn, source, to)
    if hierarchy.waits(turn, pair, link, plan=plan, source=source, to=to):
        return
    whole = plan.base
    plan, waits = later(plan, to, marks.of)
    with turn.transaction() as session:
        store_links.mark_create(session, link, plan.base, sent=True)
    try:
        created, refused = _send_create(turn, plan, link, to, issue)
    except SiteError as error:
        if error.surely_refused:
            with turn.transaction() as session:
                store_links.mark_create(session, link, Base(), sent=False)
        raise
    turn.carrying.refused(to, [w for w in plan.writes(to) if w.key in refused])
    base = unmoved(plan.base, Base(), refused)
    link = link.with_issue(to, created.id, created.key).with_seen(side, issue.updated)
    link = replace(link, base=base)
    # From here on a crash finds the twin by the link.
    with turn.transaction() as session:
        store_links.save(session, link)
    writes = tuple(w for w in plan.writes(to) if w.key not in refused)
    dirty: frozenset[str] = frozenset()
    stored = _read_back(turn, to, created)
    if stored is not None:
        before, made = blank(turn.profile.profile, to, issue.updated), turn.snapshot(stored, to)
        base, dirty = confirm(
            base,
            to,
            writes=writes,
            read=before,
            returned=made,
            profile=turn.profile.profile,
            fingerprints=turn.fingerprints,
        )
        base, dirty = _unfilled(turn, base, to, made, refused), dirty - refused.keys()
        base, rest = born(base, whole, to, waits=waits, made=made, marks=marks.of)
        dirty = dirty - {one.key for one in waits} | rest
        if not dirty:
            link = link.with_seen(to, stored.updated)
    link = replace(link, base=base)
    told = [
        Detail(
            said("%(created)s was created for %(issue)s.", created=created.key, issue=issue.key)
        ),
        *(Detail(sentence, field=key) for key, sentence in refused.items()),
        *(Detail(one.sentence, field=one.key) for one in plan.left_alone if one.is_told_at_create),
        *(Detail(one, field=w.field, side=to.value) for w in writes for one in w.notes),
    ]
    visit = Visit(
        pair,
        link,
        Outcome.CREATED,
        written=1,
        details=tuple(told),
        dirty=bool(dirty) or any(one.waits for one in plan.left_alone),
        parked=(
            *parked.field_causes(to, plan.writes(to), refused, plan.base),
            *parked.unpaired(profile, plan),
        ),
        made=to,
        awaits=hierarchy.ask_for_parent(turn, plan, {side: source}),
    )
    turn.finish([of_a_new_twin(turn, visit, side, issue, stored)])


def _unfilled(turn: Turn, base: Base, to: Side, made: Snapshot, keys: Iterable[str]) -> Base:
    """The base where these fields were refused: what the site filled in is nobody's edit, so it
    never goes back over the source's value."""
    own = {k: turn.fingerprints.of(k, to, made.values[k]) for k in keys if k in made.values}
    both = {to: {**base.of(to), **own}, to.other: base.of(to.other)}
    return Base(both[Side.LEFT], both[Side.RIGHT])


def _send_create(
    turn: Turn, plan: Plan, link: Link, to: Side, issue: Issue
) -> tuple[Created, dict[str, str]]:
    """Create; where the site names mapped fields that it will not take, without them."""
    scope = turn.profile.profile.scope(to)
    properties = {
        PROPERTY: {
            "profile": str(turn.profile.id),
            "source": str(issue.id),
            "side": to.value,
        }
    }
    fixed = {"project": {"id": scope.project_id}, "issuetype": {"id": scope.issue_type_id}}
    writes, first = plan.writes(to), None
    refused: dict[str, str] = {}
    while True:
        rest = [w for w in writes if w.key not in refused]
        try:
            return turn.sites[to].create(fixed | raw(rest), properties), refused
        except SiteError as error:
            more = refused_fields(error, rest)
            if not more:
                # It wants a field whose value it would not take: what it said first is the cause.
                raise (first if first and refused_fields(error, writes) else error) from None
            first, refused = first or error, refused | more
        with turn.transaction() as session:
            base = unmoved(plan.base, Base(), refused)
            store_links.mark_create(session, link, base, sent=True)


def _read_back(turn: Turn, side: Side, created: Created) -> Issue | None:
    """The twin as stored. Where the read fails, its own webhook brings us back to it."""
    fields = [m.field(side) for m in turn.profile.profile.fields]
    fields += fields_of(turn.profile.profile)
    try:
        return turn.sites[side].fetch([created.id], fields).get(created.id)
    except SiteError:
        return None
