"""One step of the check of a whole scope: what is read, compared and counted, and then dropped."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.jira.site import Issue, JiraSite, SiteError, SiteOpener
from app.jira.times import parse_time
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import completeness_store as rows
from app.sync import filters
from app.sync.budget import Kind, claim
from app.sync.completeness_store import CHUNK, NAMED, PAIRS, Check, Mark
from app.sync.fingerprints import of_profile
from app.sync.lanes import lane_of
from app.sync.lookups import Lookups
from app.sync.merge import merge
from app.sync.plan import Reason, Snapshot
from app.sync.snapshots import snapshot
from app.sync.store_links import Link
from app.vault.vault import Vault

T = TypeVar("T")


@dataclass
class Step:
    """What one step did besides the counts: its calls, and what the engine is to look at."""

    calls: int = 0
    marks: list[Mark] = field(default_factory=list)
    finished: bool = False


@dataclass(frozen=True)
class Verdict:
    """How a pair is: one of the counts' names, and the fields or the side that tell why."""

    count: str
    fields: tuple[str, ...] = ()
    gone: Side | None = None


class Held(Exception):
    """A site's budget has nothing for background work now; ask again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"held for {seconds} seconds")
        self.seconds = seconds


class Look:
    """One step of one check: reads up to a hundred pairs or issues, and counts."""

    def __init__(
        self, profile: StoredProfile, check: Check, vault: Vault, open_site: SiteOpener
    ) -> None:
        self._profile, self._check = profile, check
        self._fingerprints = of_profile(vault, profile.left_tenant, profile.id, profile.profile)
        self._tenants = {Side.LEFT: profile.left_tenant, Side.RIGHT: profile.right_tenant}
        self._open_site = open_site
        self._carrying = Lookups().carrying(
            profile, self._ask, lambda side: open_site(self._tenants[side]).base_url, creates=False
        )
        self._step = Step()

    def _ask(self, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T:
        return work(self._open_site(self._tenants[side]))

    def take(self) -> Step:
        """Take it. Raises Held, and Problem where a site fails or refuses."""
        if self._check.phase == PAIRS:
            self._second_pairs() if self._check.suspects else self._pairs()
        else:
            side = Side(self._check.phase)
            self._second_issues(side) if self._check.suspects else self._issues(side)
        return self._step

    def _transaction(self) -> AbstractContextManager[Session]:
        return tenant_transaction(TenantId(self._profile.left_tenant))

    def _sites(self, objects: Mapping[Side, int]) -> dict[Side, JiraSite]:
        """The sites, each for one call that reads so many issues. Raises Held."""
        for side, count in objects.items():
            wait = claim(self._tenants[side], Kind.BACKGROUND, 1 + count)
            if wait:
                raise Held(wait)
        self._step.calls += len(objects)
        return {side: self._open_site(self._tenants[side]) for side in objects}

    # -- pairs

    def _pairs(self) -> None:
        with self._transaction() as session:
            links = rows.next_links(session, self._profile, self._check.after_link)
        if not links:
            self._check.phase, self._check.page = Side.LEFT.value, None
            return
        read = self._fetch(links)
        outside = self._outside(read)
        self._check.after_link = links[-1].id
        suspects = []
        for link, verdict in self._judge(links, read, outside):
            if verdict.count in {"differing", "gone"}:
                suspects.append(str(link.id))
            else:
                self._count(link, verdict)
        self._check.suspects = suspects

    def _second_pairs(self) -> None:
        """Look again at the pairs that did not agree, and name those that still do not."""
        ids = [uuid.UUID(one) for one in self._check.suspects]
        with self._transaction() as session:
            links = rows.links(session, self._profile, ids)
        read = self._fetch(links)
        outside = self._outside(read)
        with self._transaction() as session:
            now = {link.id: link.base for link in rows.links(session, self._profile, ids)}
        for link, found in self._judge(links, read, outside):
            # A base that moved meanwhile: the engine is at it in this very moment.
            moved = found.count == "differing" and now.get(link.id) != link.base
            verdict = Verdict("waiting") if moved else found
            self._count(link, verdict)
            if verdict.count == "differing" and link.left_id is not None:
                self._step.marks.append(Mark(Side.LEFT, link.left_id, link.lane))
        self._check.suspects = []

    def _fetch(self, links: Sequence[Link]) -> dict[Side, dict[int, Issue]]:
        wanted = {
            side: sorted(one for link in links if (one := link.issue_id(side)) is not None)
            for side in Side
        }
        sites = self._sites({side: len(ids) for side, ids in wanted.items() if ids})
        read: dict[Side, dict[int, Issue]] = {side: {} for side in Side}
        for side, site in sites.items():
            fields = [m.field(side) for m in self._profile.profile.fields]
            read[side] = site.fetch(wanted[side], fields)
        return read

    def _outside(self, read: dict[Side, dict[int, Issue]]) -> dict[Side, frozenset[int]]:
        """Which of these issues are outside their side's filter. No call where there is none."""
        return {side: self._outside_of(side, list(read[side])) for side in Side}

    def _outside_of(self, side: Side, ids: list[int]) -> frozenset[int]:
        if self._profile.profile.scope(side).filter is None or not ids:
            return frozenset()
        site = self._sites({side: len(ids)})[side]
        return filters.outside_of(site, self._profile, side, ids)

    def _judge(
        self,
        links: Sequence[Link],
        read: dict[Side, dict[int, Issue]],
        outside: dict[Side, frozenset[int]],
    ) -> list[tuple[Link, Verdict]]:
        issues = [
            (side, one)
            for link in links
            for side in Side
            if (one := link.issue_id(side)) is not None
        ]
        with self._transaction() as session:
            dirty = rows.dirty(session, self._profile, issues)
        return [
            (link, Verdict("still"))
            if any(link.issue_id(side) in outside[side] for side in Side)
            else (link, self._verdict(link, read, dirty))
            for link in links
        ]

    def _verdict(
        self,
        link: Link,
        read: dict[Side, dict[int, Issue]],
        dirty: dict[tuple[Side, int], bool],
    ) -> Verdict:
        ids = [(side, link.issue_id(side) or 0) for side in Side]
        parked = [dirty[one] for one in ids if one in dirty]
        if parked or link.left_id is None or link.right_id is None:
            return Verdict("parked" if parked and all(parked) else "waiting")
        for side, issue_id in ids:
            if issue_id not in read[side]:
                return Verdict("gone", gone=side)
        fields = self._out_of_step(link, *(read[side][one] for side, one in ids))
        return Verdict("differing", fields) if fields else Verdict("agreed")

    def _out_of_step(self, link: Link, left: Issue, right: Issue) -> tuple[str, ...]:
        """The fields (by the left side's id) that the merge would not find in step.

        The engine's own merge is asked, by fingerprint: both can never be of two minds.
        """
        profile = self._profile.profile
        here, there = self._snapshot(Side.LEFT, left), self._snapshot(Side.RIGHT, right)
        marks = self._fingerprints
        plan = self._carrying.settle(
            lambda carry: merge(here, there, link.base, profile, marks, carry=carry),
            {Side.LEFT: here, Side.RIGHT: there},
        )
        keys = {write.key for side in Side for write in plan.writes(side)}
        keys |= {one.key for one in plan.conflicts}
        keys |= {one.key for one in plan.left_alone if one.reason is not Reason.ABSENT}
        seen = here.values.keys() & there.values.keys()
        hidden = {m.left for m in profile.fields if m.key not in seen}
        self._check.unseen = sorted({*self._check.unseen, *hidden})
        return tuple(m.left for m in profile.fields if m.key in keys)

    def _snapshot(self, side: Side, issue: Issue) -> Snapshot:
        return snapshot(self._profile.profile, issue, side)

    def _count(self, link: Link, verdict: Verdict) -> None:
        check = self._check
        check.pairs += verdict.count != "still"
        setattr(check, verdict.count, getattr(check, verdict.count) + 1)
        if verdict.count in {"differing", "gone"}:
            named: dict[str, Any] = {"left": link.left_key, "right": link.right_key}
            named["fields"] = list(verdict.fields)
            if verdict.gone is not None:
                named["gone"] = verdict.gone.value
            self._name(named)

    def _name(self, named: dict[str, Any]) -> None:
        if len(self._check.named) < NAMED:
            self._check.named = [*self._check.named, named]

    # -- issues without a pair

    def _issues(self, side: Side) -> None:
        """A page of a side's scope: which of its issues have no pair?"""
        check, scope = self._check, self._profile.profile.scope(side)
        jql = f"{scope.jql()} ORDER BY id"
        try:
            page = self._sites({side: CHUNK})[side].search(
                jql, ["created"], page=check.page, size=CHUNK
            )
        except SiteError as error:
            if check.page is None or error.site_status != 400:
                raise
            self._from_the_first_page(side)  # the site has forgotten its page numbers
            return
        with self._transaction() as session:
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
        read = self._sites({side: len(ids)})[side].fetch(ids, [])
        outside = self._outside_of(side, list(read))
        with self._transaction() as session:
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
                self._name({side.value: issue.key, "fields": [], "only": side.value})
                self._step.marks.append(Mark(side, issue_id, lane_of(issue_id)))
            setattr(check, count, getattr(check, count) + 1)
        check.suspects = []
        if check.page is None:
            self._next_phase(side)

    def _next_phase(self, side: Side) -> None:
        if side is Side.LEFT:
            self._check.phase = Side.RIGHT.value
        else:
            self._step.finished = True
