"""Plans up to a hundred issues of a side at once: reads both sides in bulk, merges, no more."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.jira.site import FieldChanges, FieldRule, Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import completeness_store as rows
from app.sync import store_links, unlinked
from app.sync.bases import landed
from app.sync.fingerprint import Fingerprinter
from app.sync.inbox import decisions_of
from app.sync.lanes import lane_of
from app.sync.lookups import Carrying
from app.sync.merge import for_create
from app.sync.plan import Base, Decision, Plan
from app.sync.planning_draft import SECOND, Draft, gone, loose
from app.sync.planning_ends import ENDED, ends, is_ended
from app.sync.planning_read import Reader
from app.sync.planning_rings import candidates
from app.sync.planning_rules import changed_at, decide, in_scope, source_of_twin
from app.sync.planning_tell import Teller
from app.sync.planning_types import Cause, IssuePlan, Note, Step
from app.sync.store_links import Link


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
        self._read: dict[Side, dict[int, Issue]] = {side: {} for side in Side}

    def page(self, side: Side, ids: Sequence[int]) -> list[IssuePlan]:
        """The plans of these issues of a side, at most a hundred, in their order."""
        self._read = {one: {} for one in Side}
        wanted = list(dict.fromkeys(ids))
        links = self._links(side, wanted)
        drafts = [Draft(side, one, links.get(one)) for one in wanted]
        self._fetch(side, wanted)
        self._leave_ended([one for one in drafts if one.link is None])
        self._adopt_sources([one for one in drafts if one.link is None and not one.notes])
        self._find_twins([one for one in drafts if one.link and one.link.create_sent_at])
        self._find_rings([one for one in drafts if one.step is Step.NOTHING and not one.notes])
        for other in Side:
            ids_there = [one.link.issue_id(other) for one in drafts if one.link]
            self._fetch(other, [one for one in ids_there if one is not None])
        for draft in drafts:
            self._begin(draft)
        self._filter([one for one in drafts if one.step is not Step.NOTHING])
        self._merge([one for one in drafts if one.step in {Step.UPDATE, Step.LINK}])
        return self._finished(drafts)

    # -- what is read

    def _transaction(self) -> AbstractContextManager[Session]:
        return tenant_transaction(TenantId(self._profile.left_tenant))

    def _links(self, side: Side, ids: Sequence[int]) -> dict[int, Link]:
        left, right = (ids, ()) if side is Side.LEFT else ((), ids)
        with self._transaction() as session:
            found = store_links.links_of(session, self._profile, left, right)
        return {link.issue_id(side) or 0: link for link in found}

    def _fetch(self, side: Side, ids: Sequence[int]) -> None:
        missing = sorted(set(ids) - self._read[side].keys())
        if missing:
            fields = [m.field(side) for m in self._profile.profile.fields]
            self._read[side] |= self._reader.fetch(side, missing, [*fields, "created"])

    def _leave_ended(self, drafts: Sequence[Draft]) -> None:
        """Issues whose pair was ended stay alone."""
        if not drafts:
            return
        side, ids = drafts[0].side, [one.issue_id for one in drafts]
        with self._transaction() as session:
            alone = unlinked.alone(session, self._profile, side, ids)
        for draft in drafts:
            issue = self._read[side].get(draft.issue_id)
            if draft.issue_id in alone or (issue and is_ended(self._profile, issue)):
                draft.notes.append(ENDED)

    def _adopt_sources(self, drafts: Sequence[Draft]) -> None:
        """Twins of ours that have no link: the engine links them to the source that they name."""
        sources: dict[int, Draft] = {}
        for draft in drafts:
            issue = self._read[draft.side].get(draft.issue_id)
            if issue is None or not in_scope(self._profile, issue, draft.side):
                continue
            source = source_of_twin(self._profile, issue, draft.side)
            if source in sources:
                draft.notes.append(SECOND)
            elif source is not None:
                sources[source] = draft
                draft.step, draft.begun = Step.LINK, True
                draft.link = loose(draft.side, issue, source, lane_of(source))
        if not sources:
            return
        side = drafts[0].side
        for source, link in self._links(side.other, list(sources)).items():
            draft, theirs = sources[source], link.issue_id(side)
            if theirs is not None and theirs != draft.issue_id:
                draft.step, draft.link = Step.NOTHING, None
                draft.notes.append(SECOND)
            else:
                issue = self._read[side][draft.issue_id]
                draft.link = link.with_issue(side, issue.id, issue.key)

    def _find_twins(self, drafts: Sequence[Draft]) -> None:
        """Creates that were sent and never answered: the engine looks for the twin first."""
        for draft in drafts:
            link = draft.link
            if link is None or (link.left_id is not None and link.right_id is not None):
                continue
            to, source = draft.side.other, link.issue_id(draft.side)
            if source is None:
                continue
            twin = self._reader.find_twin(to, str(self._profile.id), source)
            draft.begun = True
            if twin is not None:
                draft.step = Step.LINK
                draft.link = link.with_issue(to, twin.id, twin.key)

    def _find_rings(self, drafts: Sequence[Draft]) -> None:
        """Twins that other profiles made: the engine links to them and makes none."""
        for draft in drafts:
            side, link = draft.side, draft.link
            issue = self._read[side].get(draft.issue_id)
            if issue is None or (link is not None and link.issue_id(side.other) is not None):
                continue
            if link is None and not in_scope(self._profile, issue, side):
                continue
            ids = candidates(self._profile, side, issue)
            taken = self._links(side.other, ids) if ids else {}
            self._fetch(side.other, [one for one in ids if one not in taken])
            for one in ids:
                twin = self._read[side.other].get(one)
                if one not in taken and twin and in_scope(self._profile, twin, side.other):
                    own = link or loose(side, issue, one, lane_of(issue.id))
                    own = own.with_issue(side.other, twin.id, twin.key)
                    draft.step, draft.link = Step.LINK, replace(own, base=Base(), planned={})
                    break

    # -- what is decided

    def _begin(self, draft: Draft) -> None:
        """What sort of visit it is, and what there is no visit for."""
        if draft.notes:
            return
        side, link = draft.side, draft.link
        issue = self._read[side].get(draft.issue_id)
        for one in Side:
            there = link.issue_id(one) if link else None
            found = self._read[one].get(there) if there is not None else None
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
            draft.notes.append(gone(f"The issue on the {lost.value} side is"))
        elif issue is None:
            draft.notes.append(gone("The issue is"))
        elif link is None and not in_scope(self._profile, issue, side):
            draft.issues[side] = issue
            sentence = "The issue is not of the profile's project and type."
            draft.notes.append(Note(Cause.OUTSIDE, sentence))
        else:
            draft.issues[side], draft.step = issue, Step.CREATE
            source = self._teller.snapshot(issue, side)
            draft.plan = self._carrying.settle(
                lambda carry: for_create(
                    source, side.other, self._profile.profile, self._marks, carry=carry
                ),
                {side: source},
            )

    def _filter(self, drafts: Sequence[Draft]) -> None:
        """A pair stands still, and no twin is made, while a side's filter does not find its issue;
        a twin that was begun is made whatever the filter says."""
        for side in Side:
            jql = self._profile.profile.scope(side).filter
            asked = [one for one in drafts if side in one.issues and not one.begun]
            if jql is None or not asked:
                continue
            ids = sorted({one.issues[side].id for one in asked})
            inside = self._reader.match_now(side, jql, ids)
            for draft in asked:
                if draft.issues[side].id not in inside:
                    draft.step, draft.plan = Step.NOTHING, None
                    sentence = f"The issue on the {side.value} side is outside the profile's filter"
                    draft.notes.append(Note(Cause.FILTERED, sentence))

    def _merge(self, drafts: Sequence[Draft]) -> None:
        """Merge the pairs; with what people chose and with times, where the engine asks them."""
        for draft in drafts:
            draft.plan = self._decide(draft, {}, None)
        asking = [
            one for one in drafts if one.plan and any(not c.winner for c in one.plan.conflicts)
        ]
        chosen: dict[uuid.UUID, dict[str, Decision]] = {}
        if asking:
            with self._transaction() as session:
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
            decisions=lambda: decisions,
            times=None if times is None else when,
        )

    def _finished(self, drafts: Sequence[Draft]) -> list[IssuePlan]:
        issues = {(one.side, one.issue_id) for one in drafts}
        issues |= {(side, issue.id) for one in drafts for side, issue in one.issues.items()}
        with self._transaction() as session:
            dirty = rows.dirty(session, self._profile, sorted(issues)) if issues else {}
        return [self._teller.tell(one, dirty) for one in drafts]
