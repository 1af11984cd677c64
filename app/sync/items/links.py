"""Links between issues that both are carried: the same link between their twins.

A link shows with both of its issues. It is carried with the one that it goes out from, so that one
pair alone makes and unmakes its twin; the other pair only wakes that one where it has not heard.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from app.database import TenantId, tenant_transaction
from app.jira.answers import LINKS
from app.jira.site import Issue, JiraSite, SiteError
from app.mapping.profile import ItemKind, ItemMapping, Side
from app.mapping.said import said
from app.sync.items import link_notes, neighbours
from app.sync.items.kinds import Listing, Meeting, NotedKind, Target
from app.sync.items.link_ties import (
    Twins,
    end_of,
    goes_out,
    is_even,
    is_of,
    item_of,
    key_of_end,
    made_by,
    maker,
    say_the_same,
    type_on,
    words_of,
)
from app.sync.items.model import Held, Item, Mark
from app.sync.items.neighbours import Neighbour

NOBODY = "00000000-0000-0000-0000-000000000000"
WAITS = Held(said("The issue at the link's other end has no twin yet."), retract=False)
THERE = Held(said("The link is carried with the issue that it goes out from."), retract=False)
TAKEN = Held(said("The same link is there already, and Tandem did not make it."), retract=False)
TWIN = "tandemTwin"
"""In a link's raw form: the id of the twin of the issue at its other end."""
TYPE = "tandemType"
"""The same of its type."""
MADE_MEANWHILE = 409


class LinkKind(NotedKind):
    """See KindOfItem. A link bears no mark: the property `tandem-links` of its issue notes it."""

    kind = ItemKind.LINKS
    field = "issuelinks"

    def read(self, issue: Issue, other: Issue, mapping: ItemMapping) -> Listing | None:
        """See KindOfItem."""
        raws = issue.fields.get(self.field)
        if not isinstance(raws, list):
            return None
        marks = link_notes.marks_of(issue.more.get(LINKS))
        whole = (raw for raw in raws if "outwardIssue" in raw or "inwardIssue" in raw)
        return Listing(tuple(item_of(raw, marks) for raw in whole))

    def meet(self, meeting: Meeting) -> tuple[dict[Side, tuple[Item, ...]], bool]:
        """See KindOfItem. What has the same type and the same ends says the same."""
        if not any(meeting.items.values()):
            return dict.fromkeys(Side, ()), False
        return _Acquaintance(meeting).made()

    def ends(self, source: Item, to: Side) -> Mapping[Side, int]:
        """See KindOfItem."""
        return {to.other: int(end_of(source)), to: int(source.raw[TWIN])}

    def make(self, to: Target, source: Item, mark: Mark) -> Item:
        """See KindOfItem. The site does not say what a call made, so it is read after; and what
        somebody else made at that moment is his."""
        issue, end, kind = to.issue.id, str(source.raw[TWIN]), source.raw[TYPE]
        to.site.links.add(kind, issue, int(end))
        stored = to.site.stored(issue, [self.field])
        raws = stored.fields.get(self.field) if stored is not None else None
        found = [item_of(raw, {}) for raw in raws or ()]
        mine = (one for one in found if end_of(one) == end and is_of(one, kind))
        same = next((one for one in mine if goes_out(one) or is_even(one)), None)
        if stored is None or same is None:
            raise SiteError(
                said("The site does not show the link that was made. It is looked at again.")
            )
        if not _made_by_us(to.site, stored, same):
            raise SiteError(
                said("Somebody else made the same link at this moment. It is looked at again."),
                site_status=MADE_MEANWHILE,
            )
        return same

    def delete(self, to: Target, twin: Item) -> bool:
        """See KindOfItem. The notes of what we made are the issue's, and anybody with the right to
        edit it can write them: a link whose history names somebody else stays."""
        stored = to.site.stored(to.issue.id, [self.field])
        edits = stored.changelog.edits if stored is not None and stored.changelog else ()
        if maker(edits, twin) not in {None, to.site.links.author()}:
            to.tell(
                said(
                    "The link %(text)s was made by somebody else, so it stays.",
                    text=self.text(twin),
                )
            )
            return False
        to.site.links.delete(twin.id)
        return True

    def note(self, to: Target, twins: Mapping[str, tuple[Mark, Item | None]]) -> None:
        """See KindOfItem."""
        raws = to.issue.fields.get(self.field) or ()
        there = {str(raw.get("id")) for raw in raws} | twins.keys()
        marks = {twin: mark for twin, (mark, _) in twins.items()}
        notes = link_notes.with_twins(to.issue.more.get(LINKS), marks, there)
        if notes is None:
            return
        to.site.links.note(to.issue.id, notes)

    def text(self, item: Item) -> str:
        """See KindOfItem."""
        return f"{words_of(item)} {key_of_end(item)}"


def _made_by_us(site: JiraSite, issue: Issue, item: Item) -> bool:
    """Whether a link of an issue, as just stored, is one that this app made."""
    edits = issue.changelog.edits if issue.changelog is not None else ()
    return made_by(site.links.author(), edits, item)


class _Acquaintance:
    """Finds which links wait, which are there already, and which belong to another pair."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting, self.mapping = meeting, meeting.mapping
        self.items = {side: {one.id: one for one in meeting.items[side]} for side in Side}
        self.pairs = self._neighbours()
        self.twins: Twins = {
            place: [one.ids[place[0].other] for one in found] for place, found in self.pairs.items()
        }
        self.waits = False

    def made(self) -> tuple[dict[Side, tuple[Item, ...]], bool]:
        """The items, with what could be told of them; and whether to come again."""
        self._find_unheard()
        self._pair_others()
        for side in Side:
            for item in list(self.items[side].values()):
                self.items[side][item.id] = self._seen(side, item)
        self._wake()
        return {side: tuple(found.values()) for side, found in self.items.items()}, self.waits

    def _tenants(self) -> dict[Side, TenantId]:
        tenants = self.meeting.place.tenants
        return {side: TenantId(uuid.UUID(str(tenants[side]))) for side in Side}

    def _neighbours(self) -> dict[tuple[Side, str], list[Neighbour]]:
        place, tenants = self.meeting.place, self._tenants()
        ids = {side: {end_of(one) for one in self.items[side].values()} for side in Side}
        with tenant_transaction(tenants[Side.LEFT]) as session:
            found = neighbours.find(session, place.profile, tenants, ids)
        pairs: dict[tuple[Side, str], list[Neighbour]] = {}
        for one in found:
            for side in Side:
                pairs.setdefault((side, one.ids[side]), []).append(one)
        return pairs

    def _row_of(self, side: Side, item: Item) -> bool:
        return any(row.item(side) == item.id for row in self.meeting.rows)

    def _free(self, side: Side) -> list[Item]:
        """Those that no row and no note tells of."""
        found = self.items[side].values()
        return [one for one in found if one.mark is None and not self._row_of(side, one)]

    def _same_of(self, side: Side, item: Item) -> Item | None:
        """The link of the other side that says the same."""
        for other in self.items[side.other].values():
            left, right = (item, other) if side is Side.LEFT else (other, item)
            if say_the_same(self.mapping, left, right, self.twins):
                return other
        return None

    def _find_unheard(self) -> None:
        """What was sent, and whose answer was not stored: the site's own history says whether the
        link that is there came of it."""
        for row in self.meeting.rows:
            side = row.source
            if side is None or row.item(side.other) is not None or row.twin_gone is not None:
                continue
            source = self.items[side].get(row.item(side) or "")
            twin = self._same_of(side, source) if source is not None else None
            if source is None or twin is None or twin not in self._free(side.other):
                continue
            place = self.meeting.place
            if self._is_ours(side.other, twin):
                issue, on = place.issues[side], place.issues[side.other]
                mark = Mark(place.profile, side.other, issue, source.id, on, row.root)
                self.items[side.other][twin.id] = replace(twin, mark=mark)

    def _is_ours(self, side: Side, item: Item) -> bool:
        site = self.meeting.sites[side]
        stored = site.stored(int(self.meeting.place.issues[side]), [LinkKind.field])
        return stored is not None and _made_by_us(site, stored, item)

    def _pair_others(self) -> None:
        """The same links of others on both sides: one root makes a pair of them, for good."""
        place = self.meeting.place
        for one in self._free(Side.LEFT):
            other = self._same_of(Side.LEFT, one)
            if other is None or other not in self._free(Side.RIGHT):
                continue
            root = place.root(ItemKind.LINKS.value, one, Side.LEFT)
            issue, on = place.issues[Side.LEFT], place.issues[Side.RIGHT]
            mark = Mark(NOBODY, Side.RIGHT, issue, one.id, on, root)
            self.items[Side.RIGHT][other.id] = replace(other, mark=mark)

    def _seen(self, side: Side, item: Item) -> Item:
        """A link, with its twin's type and end, or why it may not cross."""
        if not goes_out(item):
            return replace(item, held=THERE)
        ends = self.twins.get((side, end_of(item)))
        if not ends:
            return replace(item, held=WAITS)
        if self._is_taken(side, item):
            return replace(item, held=TAKEN)
        kind = type_on(self.mapping, side.other, item)
        return replace(item, raw={**item.raw, TWIN: next(iter(ends)), TYPE: kind})

    def _is_taken(self, side: Side, item: Item) -> bool:
        """Whether the same link is there, and is not this one's twin."""
        other = self._same_of(side, item)
        if other is None or (other.mark is not None and other.mark.item == item.id):
            return False
        for row in self.meeting.rows:
            if row.item(side.other) == other.id:
                if row.item(side) == item.id:
                    return False
                # It goes with its own source in this visit; then this one is made.
                goes = row.source is side and row.item(side) not in self.items[side]
                self.waits = self.waits or (goes and self.mapping.deletions and not row.source_gone)
        return True

    def _wake(self) -> None:
        """Wake the pairs of the issues that links come in from, where they have not heard of them:
        they waited for a twin of this issue, which is there now."""
        asked: list[tuple[Neighbour, Side, Item]] = []
        for side in Side:
            if not self.mapping.flow.feeds(side.other):
                continue
            for item in self._free(side):
                pairs = self.pairs.get((side, end_of(item)), ())
                if pairs and not goes_out(item) and self._same_of(side, item) is None:
                    asked.append((next(iter(pairs)), side, item))
        if not asked:
            return
        tenant = self._tenants()[Side.LEFT]
        links, items = [one.link_id for one, _, _ in asked], [item.id for _, _, item in asked]
        with tenant_transaction(tenant) as session:
            known = neighbours.known(session, ItemKind.LINKS.value, links, items)
        for one, side, item in asked:
            if (one.link_id, item.id) not in known:
                self.meeting.wake(one, side, item.id)
