"""Carries out an inverse plan, lane by lane: looks again, notes, writes, and stores the base.

What is put back becomes the base of its side, and the other side's base stays: so the engine sees
nobody's change on either, and carries nothing back or forth.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from app.activity.log import Detail
from app.jira.site import Issue, SiteError
from app.mapping.profile import Side
from app.mapping.said import said, the_side
from app.mapping.values import Value, handler
from app.sync import moves, provenance, store_links, written
from app.sync.bases import changed_fields, confirm, landed
from app.sync.marks import Mark, mark
from app.sync.plan import Base, PlannedMark, Reason, Write
from app.sync.put_back import After
from app.sync.store_links import Link
from app.sync.turn import Turn
from app.sync.undo_done import Done
from app.sync.undo_hold import Hold
from app.sync.undo_item_read import why_not
from app.sync.undo_look import look, tell
from app.sync.undo_plan import Left, Restore, Why
from app.sync.undo_read import Reader
from app.sync.words import raw, refused_fields
from app.sync.written import Wrote


@dataclass
class _Visit:
    """A pair of which one side is written to."""

    link: Link
    issue: Issue
    restores: list[Restore]
    base: Base
    written: tuple[Write, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    own: dict[str, Value] = field(default_factory=dict)
    dirty: bool = False
    sent: bool = False
    answered: bool = False
    after: After = field(default_factory=lambda: After(None))


class Work:
    """Undoes what is of one lane, while it has that lane in hand."""

    def __init__(
        self, turn: Turn, reader: Reader, hold: Hold, run_id: uuid.UUID, done: Done
    ) -> None:
        self.turn, self.reader, self.hold, self.done = turn, reader, hold, done
        self.run_id = run_id

    def put_back(self, side: Side, restores: Sequence[Restore]) -> None:
        """Put these fields of one side back. Raises SiteError where the site fails the read."""
        by_issue: dict[int, list[Restore]] = {}
        for one in restores:
            by_issue.setdefault(one.spot.issue_id, []).append(one)
        issues = self.reader.issues(side, list(by_issue))
        links = self.reader.links(side, list(by_issue))
        visits = []
        for issue_id, fields in by_issue.items():
            visit = self._visit(side, fields, issues.get(issue_id), links)
            if visit is not None:
                visits.append(visit)
        self._note(side, visits)
        try:
            for visit in visits:
                self.hold.renew()
                self._write(side, visit)
        except SiteError as error:
            self.done.trouble = error
        finally:
            self._finish(side, visits)

    def _visit(
        self,
        side: Side,
        fields: Sequence[Restore],
        issue: Issue | None,
        links: Mapping[uuid.UUID, Link],
    ) -> _Visit | None:
        """The pair as it is now, with the fields that still hold what the plan saw."""
        link = links.get(fields[0].spot.link_id)
        why = Why.GONE if issue is None else why_not(link)
        if why is not None or issue is None or link is None:
            self._leave(fields, why or Why.UNLINKED)
            return None
        _, marks = self.reader.marks(side, issue)
        keep = [one for one in fields if marks.get(one.spot.key) == one.mark_now]
        back = [one for one in fields if marks.get(one.spot.key) == one.mark_back]
        for one in back:
            self.done.is_already(one.spot)
        self._leave([one for one in fields if one not in keep and one not in back], Why.CHANGED)
        if not keep:
            return None
        base = self._settled(link, side, issue)
        kept = {one.spot.key: one.mark_back for one in keep}
        both = {side: {**base.of(side), **kept}, side.other: base.of(side.other)}
        link = replace(link, base=base)
        return _Visit(link, issue, keep, Base(both[Side.LEFT], both[Side.RIGHT]))

    def _settled(self, link: Link, side: Side, issue: Issue) -> Base:
        """The base with what a worker wrote who died before he could store it."""
        if not link.planned:
            return link.base
        other = self.reader.issues(side.other, [link.issue_id(side.other) or 0])
        now = {side: self.turn.snapshot(issue, side)}
        for found in other.values():
            now[side.other] = self.turn.snapshot(found, side.other)
        planned = {key: one for key, one in link.planned.items() if one.to in now}
        return landed(link.base, planned, now, self.turn.fingerprints)

    def _leave(self, fields: Sequence[Restore], why: Why, sentence: str = "") -> None:
        for one in fields:
            left = Left.of(one.spot, why, one.issue, one.field)
            self.done.leave(replace(left, sentence=sentence) if sentence else left)

    def _note(self, side: Side, visits: Sequence[_Visit]) -> None:
        """Note what is about to be written, as the engine does: whoever dies now is understood."""
        if not visits:
            return
        plans = []
        for visit in visits:
            left, right = visit.base.left, visit.base.right
            keys = [one.spot.key for one in visit.restores]
            marks = {
                k: PlannedMark(side, left[k], right[k]) for k in keys if k in left.keys() & right
            }
            plans.append((visit.link, marks))
        rows = [
            Wrote(
                visit.link.id,
                side,
                visit.issue.id,
                one.spot.key,
                one.mark_now,
                one.mark_back,
                self.run_id,
                read_at=visit.issue.updated,
            )
            for visit in visits
            for one in visit.restores
        ]
        with self.turn.transaction() as session:
            self.hold.check(session)
            store_links.save_synced(session, [visit.link for visit in visits])
            self._trace(session, [provenance.Ended(visit.link) for visit in visits])
            store_links.note_plans(session, plans)
            written.note(session, self.turn.profile, rows)

    def _trace(self, session: Session, ended: Sequence[provenance.Ended]) -> None:
        provenance.note(session, self.turn.profile, self.turn.fingerprints, ended)

    def _write(self, side: Side, visit: _Visit) -> None:
        """Write one issue; fields that the site refuses by name are left out. Raises SiteError
        where the site fails as a whole."""
        writes = [
            Write(one.spot.key, one.field, one.kind, one.back, one.now, Reason.CHANGED)
            for one in visit.restores
        ]
        visit.sent = True
        read = self.turn.snapshot(visit.issue, side)
        came = moves.write(self.turn, side, visit.link, read=read, writes=writes, put=_put)
        visit.refused, visit.own = came.refused, came.own
        writes = [w for w in writes if w.key not in came.refused.keys() | came.again]
        after = look(self.turn, side, writes=writes, read=visit.issue, returned=came.returned)
        after = replace(after, reopened=after.reopened | came.again)
        visit.answered, visit.after = True, after
        visit.written = tuple(w for w in writes if w.key not in after.reopened)
        if after.returned is not None:
            self._confirm(side, visit, after.returned)

    def _confirm(self, side: Side, visit: _Visit, returned: Issue) -> None:
        profile, of = self.turn.profile.profile, self.turn.fingerprints
        stored = self.turn.snapshot(returned, side)
        visit.base, moved = confirm(
            visit.base,
            side,
            writes=visit.written,
            read=self.turn.snapshot(visit.issue, side),
            returned=stored,
            profile=profile,
            fingerprints=of,
        )
        visit.dirty = bool(moved - set(visit.refused))
        # Only where the base is of this very state is its echo nothing new.
        if not changed_fields(side, stored.values, visit.base, profile, of):
            visit.link = visit.link.with_seen(side, returned.updated)

    def _finish(self, side: Side, visits: Sequence[_Visit]) -> None:
        """Store the bases of what was answered, and take back what was never sent. What was sent
        without an answer stays noted, and shows by what the field holds."""
        turn, amended, links, ended = self.turn, [], [], []
        answered = [visit for visit in visits if visit.answered]
        for visit in visits:
            void = set(visit.refused) | visit.after.reopened
            if not visit.sent:
                void = {one.spot.key for one in visit.restores}
            elif not visit.answered:
                continue
            base = _without(visit.base, visit.link.base, side, void)
            own = {key: turn.fingerprints.of(key, side, held) for key, held in visit.own.items()}
            both = {side: {**base.of(side), **own}, side.other: base.of(side.other)}
            base = Base(both[Side.LEFT], both[Side.RIGHT])
            links.append(replace(visit.link, base=base))
            wrote = [(side, one.spot.key) for one in visit.restores]
            ended.append(provenance.Ended(links[-1], wrote))
            amended += written.amended(visit.link, side, base, visit.written, turn.fingerprints)
            amended += [written.Amended(visit.link.id, side, key, None) for key in void]
            amended += visit.after.amended(turn, visit.link, side)
        if not links:
            return
        with turn.transaction() as session:
            self.hold.check(session)
            store_links.save_synced(session, links)
            written.amend(session, amended)
            self._trace(session, ended)
            provenance.note_put_back(session, turn.profile, amended)
            dirty = [self._mark(visit, side) for visit in answered if visit.dirty]
            if dirty:
                mark(session, dirty)
            for visit in answered:
                if visit.written or visit.after.details:
                    count = len(visit.written)
                    tell(session, turn, visit.link, count, _details(side, visit), after=visit.after)
        self._count(answered)

    def _count(self, visits: Sequence[_Visit]) -> None:
        for visit in visits:
            self.done.restored += len(visit.written)
            for one in visit.restores:
                if one.spot.key in visit.refused:
                    self._leave([one], Why.REFUSED, visit.refused[one.spot.key])
                elif one.spot.key in visit.after.reopened:
                    self._leave([one], Why.CHANGED)
                self.done.settled.add(one.spot)

    def _mark(self, visit: _Visit, side: Side) -> Mark:
        profile, link = self.turn.profile, visit.link
        sites = profile.left_tenant, profile.right_tenant
        return Mark(profile.id, side, visit.issue.id, *sites, link.lane, None)


def put_back(work: Work, side: Side, restores: Sequence[Restore]) -> None:
    """See Work.put_back."""
    work.put_back(side, restores)


def _put(
    turn: Turn, side: Side, link: Link, writes: Sequence[Write]
) -> tuple[Issue | None, dict[str, str]]:
    """Write fields; those that the site refuses are left out. Raises SiteError where it fails."""
    site, issue_id = turn.sites[side], link.issue_id(side) or 0
    try:
        return site.update(issue_id, raw(writes)), {}
    except SiteError as error:
        if error.passing or error.locked_out:
            raise
        refused = refused_fields(error, writes) or {w.key: error.detail for w in writes}
    rest = [write for write in writes if write.key not in refused]
    return site.update(issue_id, raw(rest)) if rest else None, refused


def _details(side: Side, visit: _Visit) -> list[Detail]:
    return [
        Detail(
            said(
                "%(field)s was put back on %(side)s by an undo.",
                field=write.field,
                side=the_side(side),
            ),
            field=write.field,
            side=side.value,
            old=handler(write.kind).brief(write.was),
            new=handler(write.kind).brief(write.value),
        )
        for write in visit.written
    ]


def _without(base: Base, old: Base, side: Side, refused: Collection[str]) -> Base:
    """The base with the entries of `side` that were not written as they were."""
    marks = dict(base.of(side)) | {k: v for k, v in old.of(side).items() if k in refused}
    both = {side: marks, side.other: base.of(side.other)}
    return Base(both[Side.LEFT], both[Side.RIGHT])
