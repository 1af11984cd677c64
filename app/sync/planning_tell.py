"""Tells what was decided of an issue: its plan, without what the site would refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from app.jira.site import FieldRule, Issue
from app.jira.times import parse_time
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.fingerprint import Fingerprinter
from app.sync.lanes import lane_of
from app.sync.plan import Plan, Snapshot
from app.sync.planning_draft import NO_ID, Draft, ref
from app.sync.planning_items import Told
from app.sync.planning_obstacles import refused, wanting
from app.sync.planning_types import (
    STANDS_IN_THE_WAY,
    Cause,
    Clash,
    FieldWrite,
    IssuePlan,
    Note,
    Step,
)
from app.sync.snapshots import snapshot


class Teller:
    """Makes the plans of one profile's issues from their drafts."""

    def __init__(
        self,
        profile: StoredProfile,
        fingerprints: Fingerprinter,
        born: datetime,
        rules: Callable[[Side], Mapping[str, FieldRule]],
    ) -> None:
        """`born`: when the profile was made; `rules`: what a side asks of fields."""
        self._profile, self._marks = profile, fingerprints
        self._born, self._rules = born, rules

    def snapshot(self, issue: Issue, side: Side) -> Snapshot:
        """The mapped fields of an issue, as the merge takes them."""
        return snapshot(self._profile.profile, issue, side)

    def tell(self, draft: Draft, dirty: Mapping[tuple[Side, int], bool]) -> IssuePlan:
        """The plan. `dirty`: which issues have a change, and whether that is set aside."""
        plan, link, told = draft.plan, draft.link, draft.told or Told()
        writes, why = self._writes(draft)
        items = tuple(told.writes)
        step = draft.step
        if step is Step.UPDATE and not writes and not items:
            step = Step.NOTHING
        if any(note.field is None for note in why):
            step, writes, items = Step.NOTHING, (), ()  # the site would not make the issue at all
        notes = [*draft.notes, *self._notes(plan), *why, *told.notes]
        own = {(draft.side, draft.issue_id)} | {(s, i.id) for s, i in draft.issues.items()}
        found = {key: dirty[key] for key in own if key in dirty}
        return IssuePlan(
            step=step,
            side=draft.side,
            left=ref(draft, Side.LEFT),
            right=ref(draft, Side.RIGHT),
            lane=link.lane if link and link.id != NO_ID else lane_of(draft.issue_id),
            link=link.id if link and link.id != NO_ID else None,
            writes=writes,
            items=items,
            clashes=self._clashes(plan),
            left_alone=tuple(one for one in notes if one.cause not in STANDS_IN_THE_WAY),
            blocked=tuple(one for one in notes if one.cause in STANDS_IN_THE_WAY),
            seen={side: self._seen(issue, side) for side, issue in draft.issues.items()},
            base={side: dict(link.base.of(side)) if link else {} for side in Side},
            seen_items=told.seen,
            item_calls=told.calls,
            parked=frozenset(side for (side, _), parked in found.items() if parked),
            waiting=any(not parked for parked in found.values()),
            older=step is Step.CREATE and link is None and self._is_older(draft),
            asks_times=draft.asks_times,
            marked=draft.marked,
            again=step is not Step.NOTHING
            and any(o.waits for o in (plan.left_alone if plan else ())),
        )

    def _is_older(self, draft: Draft) -> bool:
        return parse_time(draft.issues[draft.side].fields["created"]) < self._born

    def _seen(self, issue: Issue, side: Side) -> dict[str, str]:
        values = self.snapshot(issue, side).values
        return {key: self._marks.of(key, side, value) for key, value in values.items()}

    def _writes(self, draft: Draft) -> tuple[tuple[FieldWrite, ...], list[Note]]:
        """What would be written, and why some of it would be refused."""
        made: list[FieldWrite] = []
        notes: list[Note] = []
        for side in Side:
            writes = draft.plan.writes(side) if draft.plan else ()
            if not writes:
                continue
            creates, rules = draft.step is Step.CREATE, self._rules(side)
            why = refused(rules, side, writes, creates=creates)
            lacking = wanting(rules, side, writes) if creates else None
            notes += [*why.values(), *([lacking] if lacking else [])]
            made += [
                FieldWrite(side, w.key, w.field, w.kind, w.was, w.value, w.reason)
                for w in writes
                if w.key not in why
            ]
        return tuple(made), notes

    def _clashes(self, plan: Plan | None) -> tuple[Clash, ...]:
        kinds = {m.key: m.kind for m in self._profile.profile.fields}
        return tuple(
            Clash(c.key, kinds[c.key], c.left, c.right, c.winner, c.sentence)
            for c in (plan.conflicts if plan else ())
        )

    def _notes(self, plan: Plan | None) -> list[Note]:
        alone = plan.left_alone if plan else ()
        return [
            Note(Cause.WAITS if one.waits else Cause(one.reason.value), one.sentence, one.key)
            for one in alone
        ]
