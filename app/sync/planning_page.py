"""Plans up to a hundred issues of a side at once: reads both sides in bulk, merges, no more."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from app.jira.site import FieldChanges, FieldRule, SiteError
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side
from app.sync import completeness_store as rows_of
from app.sync.bases import landed
from app.sync.fingerprint import Fingerprinter
from app.sync.inbox import decisions_of
from app.sync.lookups import Carrying
from app.sync.merge import for_create
from app.sync.plan import Base, Decision, Plan
from app.sync.planning_draft import NO_ID, UNREADABLE, Draft, gone, loose
from app.sync.planning_ends import ends
from app.sync.planning_items import ItemSurvey
from app.sync.planning_known import Known
from app.sync.planning_read import Reader
from app.sync.planning_rules import changed_at, decide, in_scope
from app.sync.planning_tell import Teller
from app.sync.planning_twins import Twins
from app.sync.planning_types import Cause, IssuePlan, Note, Step
from app.sync.restricted import held_back
from app.sync.text_files import NoFiles, carries_files


class Survey:
    """The plans of one profile's issues, page by page; keeps nothing between two pages."""

    def __init__(
        self,
        profile: StoredProfile,
        reader: Reader,
        fingerprints: Fingerprinter,
        born: datetime,
        rules: Callable[[Side], Mapping[str, FieldRule]],
        *,
        carrying: Carrying,
    ) -> None:
        """`born`: when the profile was made; `rules`: what a side asks of fields."""
        self._carrying = carrying
        self._profile, self._reader, self._marks = profile, reader, fingerprints
        self._teller = Teller(profile, fingerprints, born, rules)
        self._items = ItemSurvey(profile, reader, fingerprints)
        self._known = Known(profile, reader)
        self._twins = Twins(self._known)

    def page(self, side: Side, ids: Sequence[int]) -> list[IssuePlan]:
        """The plans of these issues of a side, at most a hundred, in their order."""
        self._known.forget()
        wanted = list(dict.fromkeys(ids))
        links = self._known.links(side, wanted)
        drafts = [Draft(side, one, links.get(one)) for one in wanted]
        self._known.fetch(side, wanted)
        self._twins.find(drafts)
        for other in Side:
            ids_there = [one.link.issue_id(other) for one in drafts if one.link]
            self._known.fetch(other, [one for one in ids_there if one is not None])
        for draft in drafts:
            self._begin(draft)
        self._filter([one for one in drafts if one.step is not Step.NOTHING])
        self._look_at_items([one for one in drafts if one.step is not Step.NOTHING])
        self._merge([one for one in drafts if one.step in {Step.UPDATE, Step.LINK}])
        return self._finished(drafts)

    # -- what is decided

    def _begin(self, draft: Draft) -> None:
        """What sort of visit it is, and what there is no visit for."""
        if draft.notes:
            return
        side, link = draft.side, draft.link
        issue = self._known.read[side].get(draft.issue_id)
        for one in Side:
            there = link.issue_id(one) if link else None
            found = self._known.read[one].get(there) if there is not None else None
            if found is not None:
                draft.issues[one] = found
        if link is not None and link.left_id is not None and link.right_id is not None:
            ending = ends(self._profile, link, draft.issues)
            if ending is not None:
                draft.step = Step.NOTHING
                draft.notes.append(ending)
                return
            if len(draft.issues) == 2:
                draft.step = Step.LINK if draft.step is Step.LINK else Step.UPDATE
                return
            lost = Side.LEFT if Side.LEFT not in draft.issues else Side.RIGHT
            draft.step = Step.NOTHING
            draft.notes.append(gone(lost))
        elif issue is None:
            draft.notes.append(gone())
        elif link is None and not in_scope(self._profile, issue, side):
            draft.issues[side] = issue
            sentence = said("The issue is not of the profile's project and type.")
            draft.notes.append(Note(Cause.OUTSIDE, sentence))
        else:
            draft.issues[side], draft.step = issue, Step.CREATE
            source, profile, to = (
                self._teller.snapshot(issue, side),
                self._profile.profile,
                side.other,
            )
            draft.plan = self._carrying.settle(
                lambda carry: for_create(source, to, profile, self._marks, carry=carry),
                {side: source},
                NoFiles(waits=carries_files(profile, to)),
            )

    def _filter(self, drafts: Sequence[Draft]) -> None:
        """A pair stands still, and no twin is made, while a side's filter does not find its issue;
        a twin that was begun is made whatever the filter says."""
        profile = self._profile.profile
        for side in Side:
            jql = profile.scope(side).filter
            asked = [one for one in drafts if side in one.issues and not one.begun]
            for draft in asked:
                if held_back(profile, draft.issues[side]):
                    draft.step, draft.plan = Step.NOTHING, None
                    sentence = said(
                        "The issue on %(side)s has a security level", side=the_side(side)
                    )
                    draft.notes.append(Note(Cause.FILTERED, sentence))
            if jql is None or not asked:
                continue
            ids = sorted({one.issues[side].id for one in asked})
            inside = self._reader.match_now(side, jql, ids)
            for draft in asked:
                if draft.issues[side].id not in inside:
                    draft.step, draft.plan = Step.NOTHING, None
                    sentence = said(
                        "The issue on %(side)s is outside the profile's filter", side=the_side(side)
                    )
                    draft.notes.append(Note(Cause.FILTERED, sentence))

    def _look_at_items(self, drafts: Sequence[Draft]) -> None:
        """What becomes of the items of these, which may decide what their texts show."""
        rows = self._items.rows([one.link for one in drafts if one.link and one.link.id != NO_ID])
        for draft in drafts:
            side, link, issues = draft.side, draft.link, draft.issues
            if draft.step is Step.CREATE:
                source = issues[side]
                link = (link or loose(side, source, 0, 0)).with_issue(side.other, 0, "")
                there = self._known.read[side.other]
                issues = {side: source, side.other: self._items.without_twin(side, source, there)}
            if link is not None:
                try:
                    found = self._items.look(link, issues, rows.get(link.id, ()))
                except SiteError as error:
                    if error.passing or error.locked_out:
                        raise
                    draft.step, draft.plan = Step.NOTHING, None
                    draft.notes.append(UNREADABLE)
                else:
                    draft.work, draft.told = found

    def _merge(self, drafts: Sequence[Draft]) -> None:
        """Merge the pairs; with what people chose and with times, where the engine asks them."""
        for draft in drafts:
            draft.plan = self._decide(draft, {}, None)
        asking = [
            one for one in drafts if one.plan and any(not c.winner for c in one.plan.conflicts)
        ]
        chosen: dict[uuid.UUID, dict[str, Decision]] = {}
        if asking:
            with self._known.transaction() as session:
                chosen = decisions_of(session, [one.link.id for one in asking if one.link])
        for draft in asking:
            draft.plan = self._decide(draft, chosen, None)
        timed = [one for one in drafts if one.plan and one.plan.needs_times]
        if not timed:
            return
        times = {
            side: self._reader.last_changes(side, [one.issues[side].id for one in timed])
            for side in Side
        }
        for draft in timed:
            draft.asks_times = True
            draft.plan = self._decide(draft, chosen, times)

    def _decide(
        self,
        draft: Draft,
        chosen: Mapping[uuid.UUID, Mapping[str, Decision]],
        times: Mapping[Side, Mapping[int, FieldChanges]] | None,
    ) -> Plan:
        profile, link = self._profile.profile, draft.link
        decisions = chosen.get(link.id, {}) if link else {}

        def when(side: Side) -> Mapping[str, datetime]:
            found = (times or {}).get(side, {}).get(draft.issues[side].id, FieldChanges())
            return changed_at(profile, side, found)

        snapshots = {side: self._teller.snapshot(draft.issues[side], side) for side in Side}
        base = link.base if link else Base()
        if link is not None and link.planned:
            base = landed(base, link.planned, snapshots, self._marks)
        return decide(
            profile,
            self._marks,
            base,
            snapshots,
            carrying=self._carrying,
            ids={side: issue.id for side, issue in draft.issues.items()},
            files=self._items.files(draft.work) if draft.work else None,
            decisions=lambda: decisions,
            times=None if times is None else when,
        )

    def _finished(self, drafts: Sequence[Draft]) -> list[IssuePlan]:
        issues = {(one.side, one.issue_id) for one in drafts}
        issues |= {(side, issue.id) for one in drafts for side, issue in one.issues.items()}
        with self._known.transaction() as session:
            dirty = rows_of.dirty(session, self._profile, sorted(issues)) if issues else {}
        return [self._teller.tell(one, dirty) for one in drafts]
