"""One step of the check of a whole scope: what is read, compared and counted, and then dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.jira.site import SiteError, SiteOpener
from app.jira.times import parse_time
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import completeness_store as rows
from app.sync.completeness_pairs import Pairs
from app.sync.completeness_reads import Reading
from app.sync.completeness_store import CHUNK, NAMED, PAIRS, Check, Mark
from app.sync.lanes import lane_of
from app.sync.restricted import held_of, level_fields
from app.vault.vault import Vault


@dataclass
class Step:
    """What one step did besides the counts: its calls, and what the engine is to look at."""

    calls: int = 0
    marks: list[Mark] = field(default_factory=list)
    finished: bool = False


class Look:
    """One step of one check: reads up to a hundred pairs or issues, and counts."""

    def __init__(
        self, profile: StoredProfile, check: Check, vault: Vault, open_site: SiteOpener
    ) -> None:
        self._profile, self._check = profile, check
        self._reading = Reading(vault, profile, open_site)
        self._step = Step()

    def take(self) -> Step:
        """Take it. Raises Held, and Problem where a site fails or refuses."""
        if self._check.phase == PAIRS:
            self._pairs()
        else:
            side = Side(self._check.phase)
            self._second_issues(side) if self._check.suspects else self._issues(side)
        self._step.calls = self._reading.calls
        return self._step

    def _pairs(self) -> None:
        pairs = Pairs(self._reading, self._check)
        if self._check.suspects:
            pairs.second()
            self._step.marks += pairs.marks
        elif not pairs.first():
            self._check.phase, self._check.page = Side.LEFT.value, None

    # -- issues without a pair

    def _issues(self, side: Side) -> None:
        """A page of a side's scope: which of its issues have no pair?"""
        check, scope = self._check, self._profile.profile.scope(side)
        jql = f"{scope.jql()} ORDER BY id"
        try:
            page = self._reading.claimed({side: CHUNK})[side].search(
                jql, ["created"], page=check.page, size=CHUNK
            )
        except SiteError as error:
            if check.page is None or error.site_status != 400:
                raise
            self._from_the_first_page(side)  # the site has forgotten its page numbers
            return
        with self._reading.transaction() as session:
            born = rows.born(session, self._profile.id)
            linked = rows.linked(session, self._profile, side, [one.id for one in page.issues])
        lonely = [issue for issue in page.issues if issue.id not in linked]
        younger = [one for one in lonely if parse_time(one.fields["created"]) >= born]
        unlinked = f"unlinked_{side.value}"
        setattr(check, unlinked, getattr(check, unlinked) + len(lonely) - len(younger))
        check.suspects = [str(issue.id) for issue in younger]
        check.page = page.next
        if page.next is None and not check.suspects:
            self._next_phase(side)

    def _from_the_first_page(self, side: Side) -> None:
        check = self._check
        for count in (f"only_{side.value}", f"unlinked_{side.value}"):
            setattr(check, count, 0)
        check.named = [one for one in check.named if one.get("only") != side.value]
        check.page = None

    def _second_issues(self, side: Side) -> None:
        """Name the issues that still have no pair, are still in scope, and wait for none."""
        check, scope = self._check, self._profile.profile.scope(side)
        ids = [int(one) for one in check.suspects]
        profile = self._profile.profile
        site = self._reading.claimed({side: len(ids)})[side]
        read = site.fetch(ids, level_fields(profile))
        outside = self._reading.outside(side, list(read)) | held_of(profile, read.values())
        with self._reading.transaction() as session:
            settled = rows.linked(session, self._profile, side, ids)
            dirty = rows.dirty(session, self._profile, [(side, one) for one in ids])
        for issue_id, issue in read.items():
            within = (
                str(issue.fields["project"]["id"]) == scope.project_id
                and str(issue.fields["issuetype"]["id"]) == scope.issue_type_id
            )
            if issue_id in settled or issue_id in outside or not within:
                continue
            if (side, issue_id) in dirty:
                count = "parked" if dirty[side, issue_id] else "waiting"
            else:
                count = f"only_{side.value}"
                self._name(side, issue.key)
                self._step.marks.append(Mark(side, issue_id, lane_of(issue_id)))
            setattr(check, count, getattr(check, count) + 1)
        check.suspects = []
        if check.page is None:
            self._next_phase(side)

    def _name(self, side: Side, key: str) -> None:
        if len(self._check.named) < NAMED:
            named: dict[str, Any] = {side.value: key, "fields": [], "only": side.value}
            self._check.named = [*self._check.named, named]

    def _next_phase(self, side: Side) -> None:
        if side is Side.LEFT:
            self._check.phase = Side.RIGHT.value
        else:
            self._step.finished = True
