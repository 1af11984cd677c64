"""Reads what an undo needs: what is there now of what was written, and what changelogs tell."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.database import tenant_transaction
from app.jira.site import Changelog, Issue, JiraSite
from app.jira.times import parse_time
from app.mapping.profile import FieldMapping, Kind, Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import counted, together
from app.mapping.values import Value, handler, read_fields
from app.sync import store_links
from app.sync.fingerprint import Fingerprinter
from app.sync.store_links import Link
from app.sync.undo_created import only_ours_since
from app.sync.undo_item_read import ItemReader, why_not
from app.sync.undo_items import ItemNote
from app.sync.undo_notes import Notes
from app.sync.undo_plan import (
    Inverse,
    Left,
    Restore,
    Spot,
    Twin,
    TwinItem,
    Verdict,
    Why,
    as_made,
    judge,
    untouched,
)

AT_ONCE = 50  # issues, in one call

Claim = Callable[[Side, float], None]
"""Waits until a site may be called for so many points."""


@dataclass
class _Found:
    restores: list[Restore] = field(default_factory=list)
    twins: list[Twin] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    already: int = 0
    items: list[TwinItem] = field(default_factory=list)
    on_created: dict[tuple[Side, int], int] = field(default_factory=dict)
    """How many items were made on issues that were created."""


@dataclass(frozen=True)
class _Due:
    """A field to put back, whose old value is still to be found."""

    spot: Spot
    issue: Issue
    mapping: FieldMapping
    now: Value
    mark_now: str
    mark_back: str


class Reader:
    """Makes the inverse plan of what was written in one profile. Writes nothing."""

    def __init__(
        self,
        profile: StoredProfile,
        sites: Mapping[Side, JiraSite],
        fingerprints: Fingerprinter,
        claim: Claim,
    ) -> None:
        self._profile, self._sites = profile, sites
        self._fingerprints, self._claim = fingerprints, claim
        self._mapped = {m.key: m for m in profile.profile.fields}
        self.items = ItemReader(profile, sites, fingerprints, claim)

    def inverse(self, notes: Notes, items: Sequence[ItemNote] = ()) -> Inverse:
        """The inverse plan. Raises SiteError."""
        found = _Found()
        created = {
            (s.side, s.issue_id) for s, rows in notes.items() if any(r.created for r in rows)
        }
        for one in items:
            if (one.side, one.issue_id) in created:
                place = one.side, one.issue_id
                found.on_created[place] = found.on_created.get(place, 0) + 1
        for side in Side:
            by_issue: dict[int, Notes] = {}
            for spot, rows in notes.items():
                if spot.side is side:
                    by_issue.setdefault(spot.issue_id, {})[spot] = rows
            for ids in chunks(sorted(by_issue)):
                self._look(side, {one: by_issue[one] for one in ids}, found)
            rest = [n for n in items if n.side is side and (side, n.issue_id) not in created]
            self._look_at_items(side, rest, found)
        return Inverse(
            tuple(found.restores),
            tuple(found.twins),
            tuple(found.left),
            found.already,
            tuple(found.items),
        )

    def _look_at_items(self, side: Side, notes: Sequence[ItemNote], found: _Found) -> None:
        back: dict[int, set[str]] = {}
        for one in found.restores:
            if one.spot.side is side:
                back.setdefault(one.spot.issue_id, set()).add(one.field)
        for ids in chunks(sorted({note.issue_id for note in notes})):
            some = [note for note in notes if note.issue_id in ids]
            judged = self.items.judge(side, some, self.links(side, ids), back)
            found.items += judged.twins
            found.left += judged.left
            found.already += judged.already

    def _look(self, side: Side, notes: Mapping[int, Notes], found: _Found) -> None:
        issues = self.issues(side, list(notes))
        links = self.links(side, list(notes))
        due: list[_Due] = []
        for issue_id, spots in notes.items():
            due += self._judge(spots, issues.get(issue_id), links, found)
        if due:
            self._find_values(side, due, found)

    def issues(self, side: Side, ids: Sequence[int]) -> dict[int, Issue]:
        """The issues as they are now. Raises SiteError."""
        self._claim(side, 1 + len(ids))
        return self._sites[side].fetch(
            ids, [*(m.field(side) for m in self._mapped.values()), "created"]
        )

    def links(self, side: Side, ids: Sequence[int]) -> dict[uuid.UUID, Link]:
        """The links of these issues, by id."""
        left, right = (ids, []) if side is Side.LEFT else ([], ids)
        with tenant_transaction(self._profile.left_tenant) as session:
            found = store_links.links_of(session, self._profile, left, right)
        return {link.id: link for link in found}

    def marks(self, side: Side, issue: Issue) -> tuple[dict[str, Value], dict[str, str]]:
        """The values of an issue that can be read, and their fingerprints, by mapping key."""
        values = dict(read_fields(self._mapped.values(), side, issue.fields).values)
        return values, {k: self._fingerprints.of(k, side, v) for k, v in values.items()}

    def _judge(
        self,
        spots: Notes,
        issue: Issue | None,
        links: Mapping[uuid.UUID, Link],
        found: _Found,
    ) -> list[_Due]:
        """What one issue needs. Fields whose old value is to be looked up are returned."""
        first = next(iter(spots))
        whole = Spot(first.link_id, first.side, first.issue_id)
        created = any(note.created for rows in spots.values() for note in rows)
        link = links.get(first.link_id)
        if issue is None:
            # One that we created is as if it had never been; its fields are not to be had back.
            found.already += created
            found.left += [] if created else [Left.of(whole, Why.GONE)]
            return []
        problem = why_not(link)
        if problem is not None:
            found.left.append(Left.of(whole, problem, issue.key))
            return []
        values, marks = self.marks(first.side, issue)
        if created:
            items = found.on_created.get((whole.side, whole.issue_id), 0)
            if self._is_untouched(spots, issue, marks, whole.side):
                found.twins.append(Twin(whole, issue.key, issue.updated, items))
            else:
                found.left.append(_with_items(Left.of(whole, Why.CHANGED, issue.key), items))
            return []
        return list(self._fields(spots, issue, values, marks, found))

    def _is_untouched(
        self, spots: Notes, issue: Issue, marks: Mapping[str, str], side: Side
    ) -> bool:
        """Whether nobody did anything to an issue that was created, but our making of items."""
        notes = {spot.key: rows for spot, rows in spots.items()}
        if untouched(notes, marks, issue.updated, created_at(issue)):
            return True
        since = as_made(notes, marks, created_at(issue))
        if since is None:
            return False

        def edits() -> Changelog:
            self._claim(side, 2)
            return self._sites[side].changelog(issue.id)

        return only_ours_since(self.items, side, issue, since, edits)

    def _fields(
        self,
        spots: Notes,
        issue: Issue,
        values: Mapping[str, Value],
        marks: Mapping[str, str],
        found: _Found,
    ) -> Iterator[_Due]:
        for spot, rows in spots.items():
            mapping = self._mapped.get(spot.key)
            if mapping is None or spot.key not in marks:
                why = Why.UNMAPPED if mapping is None else Why.UNREADABLE
                name = spot.key.split("=")[spot.side is Side.RIGHT]
                found.left.append(Left.of(spot, why, issue.key, name))
                continue
            verdict, back = judge(rows, marks[spot.key])
            if verdict is Verdict.CHANGED:
                found.left.append(Left.of(spot, Why.CHANGED, issue.key, mapping.field(spot.side)))
            elif back is None:
                found.already += 1
            else:
                yield _Due(spot, issue, mapping, values[spot.key], marks[spot.key], back)

    # -- old values

    def _find_values(self, side: Side, due: Sequence[_Due], found: _Found) -> None:
        """Find the old values: in the newest changes first, then in whole changelogs."""
        ids = sorted({one.spot.issue_id for one in due})
        self._claim(side, 1 + len(ids))
        logs = self._sites[side].changelogs(ids)
        for one in due:
            log = logs.get(one.spot.issue_id, Changelog(whole=True))
            values = self._told(one, log)
            if not values and not log.whole:
                self._claim(side, 2)
                log = logs[one.spot.issue_id] = self._sites[side].changelog(one.spot.issue_id)
                values = self._told(one, log)
            name = one.mapping.field(side)
            if values:
                found.restores.append(
                    Restore(
                        one.spot,
                        one.issue.key,
                        name,
                        one.mapping.kind_of(side),
                        one.now,
                        values[0],
                        one.mark_now,
                        one.mark_back,
                    )
                )
                continue
            text_only = one.mapping.kind_of(side) is Kind.RICH_TEXT
            why = Why.ONLY_TEXT if text_only else Why.NOT_TOLD
            found.left.append(Left.of(one.spot, why, one.issue.key, name))

    def _told(self, due: _Due, log: Changelog) -> list[Value]:
        """The value with the fingerprint that was noted before the write, if the changelog has it.

        The fingerprint alone decides, not the time: a value that has it is the value.
        """
        kind = handler(due.mapping.kind_of(due.spot.side))
        edits = [edit for edit in log.edits if edit.field == due.mapping.field(due.spot.side)]
        candidates: list[Value] = [kind.empty]
        for edit in edits:
            for told in (edit.before, edit.after):
                candidates += kind.of_changelog(*told)
        of = self._fingerprints.of
        return [
            value for value in candidates if of(due.spot.key, due.spot.side, value) == due.mark_back
        ][:1]


def _with_items(left: Left, items: int) -> Left:
    """What is left, with how many items that were made on it are left with it."""
    if not items:
        return left
    many = counted(
        "With it stay %(count)s item that was made on it.",
        "With it stay %(count)s items that were made on it.",
        items,
    )
    return replace(left, sentence=together([left.sentence, many]))


def created_at(issue: Issue) -> datetime | None:
    """When an issue was created, if the site tells."""
    try:
        return parse_time(issue.fields["created"])
    except (KeyError, TypeError, ValueError):
        return None


def chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    """These, so many at a time."""
    waiting = list(ids)
    for start in range(0, len(waiting), AT_ONCE):
        yield waiting[start : start + AT_ONCE]
