"""Reads what an undo needs of items: what is there now of the twins that something was done to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import text

from app.database import tenant_transaction
from app.jira.site import Issue, JiraSite
from app.mapping.profile import ItemKind, ItemMapping, Kind, Side
from app.mapping.profiles import StoredProfile
from app.sync.fingerprint import Fingerprinter
from app.sync.items import store
from app.sync.items.found import mark_of
from app.sync.items.kinds import KindOfItem, NotedKind
from app.sync.items.model import Item, ItemLink, Place
from app.sync.items.work import KINDS
from app.sync.store_links import Link
from app.sync.undo_items import ItemNote, ItemVerdict, judge_item
from app.sync.undo_plan import Left, TwinItem, Why, name_of

_ORDER = {kind: number for number, kind in enumerate(KINDS)}
"""Comments, files, worklogs, links."""

# A twin that its mark told of after a loss: nobody knows whether it was edited before.
_FOUND_AGAIN = text(
    "SELECT id FROM item_link"
    " WHERE link_id = ANY(:links) AND made_at IS NULL AND written_at IS NULL"
)

Claim = Callable[[Side, float], None]


@dataclass(frozen=True)
class Here:
    """An issue of a pair, with its items of one kind."""

    issue: Issue
    link: Link
    items: Mapping[str, Item]


@dataclass
class FoundItems:
    """What is to be done about twins of items."""

    twins: list[TwinItem] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    already: int = 0
    back: Mapping[int, Collection[str]] = field(default_factory=dict)

    def without(self, issue_id: int) -> set[str]:
        """The comments and the fields of an issue that do not stay as they are."""
        found = {one.item for one in self.twins if one.kind == ItemKind.COMMENTS and not one.again}
        return found | set(self.back.get(issue_id, ()))


class ItemReader:
    """Reads the twins of items in one profile. Writes nothing."""

    def __init__(
        self,
        profile: StoredProfile,
        sites: Mapping[Side, JiraSite],
        fingerprints: Fingerprinter,
        claim: Claim,
    ) -> None:
        self.profile, self.sites = profile, sites
        self.fingerprints, self._claim = fingerprints, claim
        self._found_again: set[uuid.UUID] = set()
        self._mappings = {one.kind.value: one for one in profile.profile.items}

    def judge(
        self,
        side: Side,
        notes: Sequence[ItemNote],
        links: Mapping[uuid.UUID, Link],
        back: Mapping[int, Collection[str]],
    ) -> FoundItems:
        """Judge what was done to twins on these issues of one side. `back`: the fields of each that
        go back. Raises SiteError."""
        found = FoundItems(back=back)
        issues = self.issues(side, {n.issue_id for n in notes}, {n.kind for n in notes})
        rows = self.rows([links[one] for one in {n.link_id for n in notes} if one in links])
        there: dict[tuple[int, str], dict[str, Item] | None] = {}
        # Comments first: a file that only these show goes with them.
        for note in sorted(notes, key=lambda one: _ORDER[one.kind]):
            issue, link = issues.get(note.issue_id), links.get(note.link_id)
            problem, row = why_not(link), rows.get(note.row_id)
            if issue is None:
                found.left.append(_left(note, row, "", Why.GONE))
                continue
            if problem is not None or link is None:
                found.left.append(_left(note, row, issue.key, problem or Why.UNLINKED))
                continue
            place = issue.id, note.kind
            if place not in there:
                there[place] = self.there(side, issue, note.kind)
            items = there[place]
            if items is None:
                found.left.append(_left(note, row, issue.key, Why.UNREADABLE))
            else:
                self._judge(note, row, Here(issue, link, items), found)
        return found

    def _judge(
        self,
        note: ItemNote,
        row: ItemLink | None,
        here: Here,
        found: FoundItems,
    ) -> None:
        twin = here.items.get(row.item(note.side) or "") if row is not None else None
        judged = judge_item(
            note, row, None if twin is None else self.mark(note.kind, note.side, twin)
        )
        why = judged.why
        if judged.verdict is ItemVerdict.DELETE and row is not None:
            why = self.why_stays(note.kind, note.side, row, here, found.without(note.issue_id))
        if why is not None:
            left = _left(note, row, here.issue.key, why)
            found.left.append(replace(left, sentence=judged.sentence or left.sentence))
        elif judged.verdict is ItemVerdict.ALREADY or row is None:
            found.already += 1
        else:
            again = judged.verdict is ItemVerdict.AGAIN
            item = row.item(note.side.other if again else note.side) or ""
            found.twins.append(
                TwinItem(note.spot, here.issue.key, note.kind, item, row.id, row.twin_mark, again)
            )

    # -- what is there

    def issues(self, side: Side, ids: Collection[int], kinds: Collection[str]) -> dict[int, Issue]:
        """The issues with their items of these kinds. Raises SiteError."""
        self._claim(side, 1 + len(ids))
        fields = {KINDS[kind].field for kind in kinds} | {"project"}
        if ItemKind.ATTACHMENTS in kinds:
            fields |= self._texts(side) | {"comment"}
        return self.sites[side].fetch(sorted(ids), sorted(fields))

    def rows(self, links: Sequence[Link]) -> dict[uuid.UUID, ItemLink]:
        """The rows of the items of these pairs, by their ids."""
        with tenant_transaction(self.profile.left_tenant) as session:
            found = store.rows_of(session, links)
            lost = session.scalars(_FOUND_AGAIN, {"links": [link.id for link in links]})
            self._found_again |= set(lost)
        return {row.id: row for rows in found.values() for row in rows}

    def there(self, side: Side, issue: Issue, name: str) -> dict[str, Item] | None:
        """The items of one kind on an issue, by their ids, with their marks; None where the site
        does not show them. Raises SiteError."""
        kind, mapping = KINDS[name], self.mapping(name)
        listing = kind.read(issue, issue, mapping)
        if listing is None:
            return None
        items = listing.items
        if not listing.whole:
            self._claim(side, 2)
            items = kind.read_all(self.sites[side], issue, issue, mapping)
        return self._marked(side, kind, items)

    def _marked(self, side: Side, kind: KindOfItem, items: Sequence[Item]) -> dict[str, Item]:
        found = {one.id: one for one in items}
        blank = [one.id for one in items if not one.looked]
        if blank:
            self._claim(side, 1 + len(blank))
            marks = kind.marks(self.sites[side], blank)
            found |= {one: found[one].marked(marks.get(one)) for one in blank}
        return found

    def mapping(self, kind: str) -> ItemMapping:
        """How a kind is carried; as by default where it is not carried any more."""
        return self._mappings.get(kind) or ItemMapping(ItemKind(kind))

    def mark(self, kind: str, side: Side, twin: Item) -> str:
        """The fingerprint of what a twin says."""
        return mark_of(kind, side, twin, self.fingerprints)

    def why_stays(
        self, kind: str, side: Side, row: ItemLink, here: Here, without: Collection[str]
    ) -> Why | None:
        """Why a twin that is as Tandem wrote it stays nonetheless, if so. `without`: the comments
        and the fields of its issue that do not stay as they are."""
        twin = here.items[row.item(side) or ""]
        if row.id in self._found_again and not isinstance(KINDS[kind], NotedKind):
            return Why.UNKNOWN
        if not self._is_ours(kind, side, row, here.link, twin):
            return Why.NOT_OURS
        shown = kind == ItemKind.ATTACHMENTS and self._is_shown(side, here.issue, twin.id, without)
        return Why.SHOWN if shown else None

    def _is_ours(self, kind: str, side: Side, row: ItemLink, link: Link, twin: Item) -> bool:
        """Whether a twin bears our mark for this pair. Where the notes of an issue have none of a
        file or a link, the row and its maker say so; a link's kind looks at that itself."""
        if twin.mark is None and isinstance(KINDS[kind], NotedKind):
            return kind != ItemKind.ATTACHMENTS or twin.author == self.sites[side].account()
        tenants = self.profile.tenants
        ids = {side: str(link.issue_id(side)) for side in Side}
        place = Place(str(self.profile.id), tenants, ids)
        mark, source = twin.mark, row.item(side.other)
        return mark is not None and mark.item == source and place.ours(mark, side)

    def _is_shown(self, side: Side, issue: Issue, file: str, without: Collection[str]) -> bool:
        """Whether a text of an issue shows a file: it would lose its picture."""
        media = self.sites[side].files.media_id(file)
        comments = (issue.fields.get("comment") or {}).get("comments") or ()
        texts = [one.get("body") for one in comments if str(one.get("id")) not in without]
        stay = self._texts(side) - set(without)
        texts += [held for name, held in issue.fields.items() if name in stay]
        return media is not None and media in json.dumps(texts)

    def _texts(self, side: Side) -> set[str]:
        fields = self.profile.profile.fields
        rich = {one.field(side) for one in fields if one.kind_of(side) is Kind.RICH_TEXT}
        return rich | {"description", "environment"}


def why_not(link: Link | None) -> Why | None:
    """Why nothing can be undone in a pair now, if so."""
    if link is None or link.left_id is None or link.right_id is None:
        return Why.UNLINKED
    return None if link.create_sent_at is None else Why.BUSY


def _left(note: ItemNote, row: ItemLink | None, issue: str, why: Why) -> Left:
    item = row.item(note.side) if row is not None else None
    return Left.of(note.spot, why, issue, name_of(note.kind, item))
