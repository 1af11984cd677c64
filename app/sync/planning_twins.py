"""Which twin the engine would find for an issue that no link knows, and so would not make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.jira.site import Issue
from app.sync import unlinked
from app.sync.lanes import lane_of
from app.sync.plan import Base
from app.sync.planning_draft import SECOND, Draft, loose
from app.sync.planning_ends import ENDED, is_ended
from app.sync.planning_known import Known
from app.sync.planning_rings import candidates
from app.sync.planning_rules import in_scope, source_of_twin
from app.sync.planning_types import Step


class Twins:
    """Finds the twins of the issues of a page, in the engine's order."""

    def __init__(self, known: Known) -> None:
        self._known, self._reader, self._profile = known, known.reader, known.profile

    def find(self, drafts: Sequence[Draft]) -> None:
        """Link the drafts of a side to what is there already. Raises SiteError."""
        self._leave_ended([one for one in drafts if one.link is None])
        self._adopt_sources([one for one in drafts if one.link is None and not one.notes])
        self._find_lost([one for one in drafts if one.link is None and not one.notes])
        self._find_sent([one for one in drafts if one.link and one.link.create_sent_at])
        self._find_rings([one for one in drafts if one.step is Step.NOTHING and not one.notes])

    def _leave_ended(self, drafts: Sequence[Draft]) -> None:
        """Issues whose pair was ended stay alone."""
        if not drafts:
            return
        side, ids = drafts[0].side, [one.issue_id for one in drafts]
        with self._known.transaction() as session:
            alone = unlinked.alone(session, self._profile, side, ids)
        for draft in drafts:
            issue = self._known.read[side].get(draft.issue_id)
            if draft.issue_id in alone or (issue and is_ended(self._profile, issue)):
                draft.notes.append(ENDED)

    def _adopt_sources(self, drafts: Sequence[Draft]) -> None:
        """Twins of ours that have no link: the engine links them to the source that they name."""
        sources: dict[int, Draft] = {}
        for draft in drafts:
            issue = self._in_scope(draft)
            source = source_of_twin(self._profile, issue, draft.side) if issue else None
            if issue is None or source is None:
                continue
            if source in sources:
                draft.notes.append(SECOND)
                continue
            sources[source] = draft
            draft.step, draft.begun, draft.marked = Step.LINK, True, draft.side
            draft.link = loose(draft.side, issue, source, lane_of(source))
        if not sources:
            return
        side = drafts[0].side
        for source, link in self._known.links(side.other, list(sources)).items():
            draft, theirs = sources[source], link.issue_id(side)
            if theirs is not None and theirs != draft.issue_id:
                draft.step, draft.link = Step.NOTHING, None
                draft.begun, draft.marked = False, None
                if not self._is_a_clone(draft):
                    draft.notes.append(SECOND)
            else:
                issue = self._known.read[side][draft.issue_id]
                draft.link = link.with_issue(side, issue.id, issue.key)

    def _is_a_clone(self, draft: Draft) -> bool:
        """Whether somebody else made an issue that bears the mark of another one's twin, as a clone
        does: it gets a twin of its own."""
        side, issue = draft.side, draft.issue_id
        found = self._reader.fetch(side, [issue], ["creator"]).get(issue)
        creator = (found.fields.get("creator") or {}) if found else {}
        ours = self._reader.call(side, 2, lambda site: site.account())
        return creator.get("accountId") not in {None, ours}

    def _find_lost(self, drafts: Sequence[Draft]) -> None:
        """Twins that bear our mark, and whose links were lost. One question for the page."""
        asked = {one.issue_id: issue for one in drafts if (issue := self._in_scope(one))}
        if not asked:
            return
        side, profile, ids = drafts[0].side, str(self._profile.id), sorted(asked)
        found = self._reader.call(side.other, 2, lambda site: site.find_twins(profile, ids))
        taken = self._known.links(side.other, [twin.id for twin in found.values()])
        for draft in drafts:
            twin = found.get(draft.issue_id)
            if twin is not None and twin.id not in taken:
                issue = asked[draft.issue_id]
                draft.step, draft.begun, draft.marked = Step.LINK, True, side.other
                own = loose(draft.side, issue, twin.id, lane_of(issue.id))
                draft.link = own.with_issue(side.other, twin.id, twin.key)

    def _find_sent(self, drafts: Sequence[Draft]) -> None:
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
                draft.step, draft.marked = Step.LINK, to
                draft.link = link.with_issue(to, twin.id, twin.key)

    def _find_rings(self, drafts: Sequence[Draft]) -> None:
        """Twins that other profiles made: the engine links to them and makes none."""
        for draft in drafts:
            side, link, read = draft.side, draft.link, self._known.read
            issue = read[side].get(draft.issue_id)
            if issue is None or (link is not None and link.issue_id(side.other) is not None):
                continue
            if link is None and not in_scope(self._profile, issue, side):
                continue
            ids = candidates(self._profile, side, issue)
            taken = self._known.links(side.other, ids) if ids else {}
            self._known.fetch(side.other, [one for one in ids if one not in taken])
            for one in ids:
                twin = read[side.other].get(one)
                if one not in taken and twin and in_scope(self._profile, twin, side.other):
                    own = link or loose(side, issue, one, lane_of(issue.id))
                    own = own.with_issue(side.other, twin.id, twin.key)
                    draft.step, draft.link = Step.LINK, replace(own, base=Base(), planned={})
                    break

    def _in_scope(self, draft: Draft) -> Issue | None:
        """The issue of a draft, where it is of the profile."""
        issue = self._known.read[draft.side].get(draft.issue_id)
        return issue if issue and in_scope(self._profile, issue, draft.side) else None
