"""The pairs of one step of the check: read in bulk, compared by the engine's own merges, and
counted."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.jira.site import Issue, SiteError
from app.mapping.profile import Side
from app.sync import completeness_store as rows
from app.sync.completeness_archived import FIELD as ARCHIVED
from app.sync.completeness_archived import archived, tell
from app.sync.completeness_items import Lack, hidden, lacks, waits
from app.sync.completeness_reads import Held, Reading
from app.sync.completeness_store import CHUNK, NAMED, Check, Mark
from app.sync.items.hand import Work
from app.sync.items.model import ItemLink
from app.sync.items.store import rows_of
from app.sync.items.work import look_at_items
from app.sync.lookups import Lookups
from app.sync.merge import merge
from app.sync.plan import Reason
from app.sync.restricted import held_of
from app.sync.snapshots import snapshot
from app.sync.store_links import Link
from app.sync.text_files import text_files

MOST_CALLS = 30
"""After so many calls a step ends with the pair that it is at: it has a lease for three minutes."""
LONGEST = 60.0  # seconds; the same


@dataclass(frozen=True)
class Verdict:
    """How a pair is: one of the counts' names; the fields and items, or the side, that tell why."""

    count: str
    fields: tuple[str, ...] = ()
    items: tuple[Lack, ...] = ()
    gone: Side | None = None


@dataclass(frozen=True)
class _Read:
    """Some pairs as they were read: the rows of their items before their issues."""

    links: Sequence[Link]
    items: Mapping[uuid.UUID, Sequence[ItemLink]]
    issues: Mapping[Side, Mapping[int, Issue]]
    outside: Mapping[Side, frozenset[int]]
    dirty: Mapping[tuple[Side, int], bool]
    archived: Mapping[Side, frozenset[int]]


@dataclass
class Pairs:
    """Compares the pairs of a check whose turn it is."""

    reading: Reading
    check: Check
    marks: list[Mark] = field(default_factory=list)
    """What the engine is to look at."""

    def __post_init__(self) -> None:
        self._profile = self.reading.profile
        self._began = time.monotonic()
        self._carrying = Lookups().carrying(
            self._profile,
            self.reading.ask,
            lambda side: self.reading.site(side).base_url,
            creates=False,
        )

    def first(self) -> bool:
        """Look at the next pairs; what does not agree waits for a second look. False: there are no
        more."""
        check = self.check
        with self.reading.transaction() as session:
            links = rows.next_links(session, self._profile, check.after_link, check.chunk)
        if not links:
            return False
        suspects: list[str] = []
        for link, verdict in self._judged(self._read(links)):
            check.after_link = link.id
            if verdict.count in {"differing", "gone"}:
                suspects.append(str(link.id))
            else:
                self._count(link, verdict)
        check.suspects = suspects
        return True

    def second(self) -> None:
        """Look again at pairs that did not agree, and name those that still do not."""
        due, later = (
            self.check.suspects[: self.check.chunk],
            self.check.suspects[self.check.chunk :],
        )
        with self.reading.transaction() as session:
            links = rows.links(session, self._profile, [uuid.UUID(one) for one in due])
        read = self._read(links, again=True)
        found = list(self._judged(read))
        differing = [link for link, one in found if one.count == "differing"]
        put_away = {link.id for link, one in found if ARCHIVED in one.fields}
        moved = self._moved([link for link in differing if link.id not in put_away], read)
        for link, first in found:
            verdict = moved.get(link.id, first)
            self._count(link, verdict)
            if link.id in put_away:
                tell(self.reading, link, read.archived)
                # The row of a side may be parked, and stays so: the other one's is not.
                self.marks += [Mark(side, one, link.lane) for side, one in _issues([link])]
            elif verdict.count == "differing" and link.left_id is not None:
                self.marks.append(Mark(Side.LEFT, link.left_id, link.lane))
        self.check.suspects = [*(str(link.id) for link in links[len(found) :]), *later]

    # -- what is read

    def _read(self, links: Sequence[Link], *, again: bool = False) -> _Read:
        items = self._items(links)
        ids = {side: sorted(one for at, one in _issues(links) if at is side) for side in Side}
        issues = self.reading.fetch(ids)
        profile = self._profile.profile
        outside = {
            side: self.reading.outside(side, list(issues[side]))
            | held_of(profile, issues[side].values())
            for side in Side
        }
        gone = archived(self.reading, issues, surely=again)
        return _Read(links, items, issues, outside, self._dirty(links), gone)

    def _items(self, links: Sequence[Link]) -> Mapping[uuid.UUID, Sequence[ItemLink]]:
        if not self._profile.profile.items:
            return {link.id: () for link in links}
        with self.reading.transaction() as session:
            return rows_of(session, links)

    def _dirty(self, links: Sequence[Link]) -> dict[tuple[Side, int], bool]:
        with self.reading.transaction() as session:
            return rows.dirty(session, self._profile, _issues(links))

    def _moved(self, links: Sequence[Link], read: _Read) -> dict[uuid.UUID, Verdict]:
        """Those of these pairs that the engine is at in this very moment, or soon."""
        items, dirty = self._items(links), self._dirty(links)
        with self.reading.transaction() as session:
            known = rows.links(session, self._profile, [link.id for link in links])
        now = {link.id: (link.base, _state(items[link.id])) for link in known}
        found: dict[uuid.UUID, Verdict] = {}
        for link in links:
            aside = _aside(link, dirty)
            if now.get(link.id) != (link.base, _state(read.items[link.id])):
                aside = aside or Verdict("waiting")
            if aside is not None:
                found[link.id] = aside
        return found

    # -- what is said of it

    def _judged(self, read: _Read) -> Iterator[tuple[Link, Verdict]]:
        """The pairs in their order, each with its verdict. Ends early where a step has made its
        calls, or a site's budget is spent. Raises Held where it is spent before the first."""
        done = 0
        for link in read.links:
            if done and (self.reading.calls >= MOST_CALLS or self._seconds() >= LONGEST):
                break
            try:
                verdict = self._verdict(link, read)
            except Held:
                if not done:
                    self.check.chunk = max(1, self.check.chunk // 4)
                    raise
                break
            done += 1
            yield link, verdict
        whole = done == len(read.links)
        self.check.chunk = min(CHUNK, 2 * max(1, self.check.chunk if whole else done))

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    @staticmethod
    def _not_compared(link: Link, read: _Read) -> Verdict | None:
        """How a pair is that is not to be compared; None where it is."""
        aside = _aside(link, read.dirty)
        if any(link.issue_id(side) in read.archived[side] for side in Side):
            # One that is set aside is often so for that.
            told = Verdict("differing", (ARCHIVED,))
            return aside if aside is not None and aside.count == "waiting" else told
        if any(link.issue_id(side) in read.outside[side] for side in Side):
            return Verdict("still")
        return aside

    def _verdict(self, link: Link, read: _Read) -> Verdict:
        apart = self._not_compared(link, read)
        if apart is not None:
            return apart
        issues: dict[Side, Issue] = {}
        for side, issue_id in _issues([link]):
            if issue_id not in read.issues[side]:
                return Verdict("gone", gone=side)
            issues[side] = read.issues[side][issue_id]
        try:
            work = look_at_items(self.reading, link, issues, read.items[link.id])
        except SiteError as error:
            if error.passing or error.locked_out:
                raise
            return Verdict("waiting")  # one of its issues is going, or its items are not to be had
        fields, items = self._out_of_step(link, issues, work), lacks(self.reading, work)
        if fields or items:
            return Verdict("differing", fields, tuple(items))
        return Verdict("waiting" if waits(work) else "agreed")

    def _out_of_step(self, link: Link, issues: Mapping[Side, Issue], work: Work) -> tuple[str, ...]:
        """The fields (by the left side's id) that the merge would not find in step.

        The engine's own merge is asked, by fingerprint: both can never be of two minds.
        """
        profile, sites = self._profile.profile, self.reading.sites
        here, there = (snapshot(profile, issues[side], side) for side in Side)
        marks = self.reading.fingerprints
        plan = self._carrying.settle(
            lambda carry: merge(here, there, link.base, profile, marks, carry=carry),
            {Side.LEFT: here, Side.RIGHT: there},
            text_files(profile, sites, issues, work),
        )
        keys = {write.key for side in Side for write in plan.writes(side)}
        keys |= {one.key for one in plan.conflicts}
        keys |= {one.key for one in plan.left_alone if one.reason is not Reason.ABSENT}
        seen = here.values.keys() & there.values.keys()
        unseen = {m.left for m in profile.fields if m.key not in seen} | {*hidden(profile, work)}
        self.check.unseen = sorted({*self.check.unseen, *unseen})
        return tuple(m.left for m in profile.fields if m.key in keys)

    def _count(self, link: Link, verdict: Verdict) -> None:
        check = self.check
        check.pairs += verdict.count != "still"
        setattr(check, verdict.count, getattr(check, verdict.count) + 1)
        if verdict.count not in {"differing", "gone"} or len(check.named) >= NAMED:
            return
        named: dict[str, Any] = {"left": link.left_key, "right": link.right_key}
        named["fields"] = list(verdict.fields)
        if verdict.items:
            named["items"] = list(verdict.items)
        if verdict.gone is not None:
            named["gone"] = verdict.gone.value
        check.named = [*check.named, named]


def _issues(links: Sequence[Link]) -> list[tuple[Side, int]]:
    return [(s, one) for link in links for s in Side if (one := link.issue_id(s)) is not None]


def _aside(link: Link, dirty: Mapping[tuple[Side, int], bool]) -> Verdict | None:
    """Whether a pair is not compared: a change of it waits, or was set aside."""
    parked = [dirty[one] for one in _issues([link]) if one in dirty]
    if parked or None in (link.left_id, link.right_id):
        return Verdict("parked" if parked and all(parked) else "waiting")
    return None


def _state(items: Sequence[ItemLink]) -> frozenset[ItemLink]:
    """The rows of a pair, to be compared. How long ago a create was sent changes by itself."""
    return frozenset(replace(one, sent_ago=None if one.sent_ago is None else 0.0) for one in items)
