"""Writes the items of one kind of one pair, and keeps what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from app.activity.log import Detail
from app.jira.site import Issue, SiteError
from app.mapping.profile import Side
from app.mapping.rich import Carried, File
from app.mapping.said import Said, counted, said, the_side, together
from app.sync.items import lost, store, trace
from app.sync.items.found import settled
from app.sync.items.kinds import KindOfItem, Target
from app.sync.items.media import Media, deleted_of, twins_of
from app.sync.items.model import (
    Create,
    Delete,
    Gone,
    Item,
    ItemLink,
    ItemPlan,
    Mark,
    Place,
    Update,
    key_of,
    root_of,
)
from app.sync.items.nouns import count
from app.sync.reasons import Cause, field_code
from app.sync.store_links import Link
from app.sync.turn import Turn


@dataclass
class Planned:
    """What is to be done for one kind of items of a pair. `paged`: the sides that were read page by
    page, so that what seems gone may have slipped from one page to another."""

    kind: KindOfItem
    plan: ItemPlan
    paged: frozenset[Side] = frozenset()
    waits: bool = False
    rows: tuple[ItemLink, ...] = ()
    items: Mapping[Side, Sequence[Item]] = field(default_factory=dict)


@dataclass(frozen=True)
class _FilesOf:
    """The files of a pair for one direction: those that crossed are there, others are not."""

    media: Media

    def files(self, to: Side, wanted: Collection[str]) -> dict[str, File]:
        """See lookups.Files."""
        return self.media.files(wanted)

    def gone(self, side: Side, wanted: Collection[str]) -> frozenset[str]:
        """See lookups.Files."""
        return self.media.gone(wanted)


@dataclass
class Work:
    """What is to be done for the items of a pair."""

    link: Link
    issues: Mapping[Side, Issue]
    planned: list[Planned] = field(default_factory=list)
    before: tuple[Cause, ...] = ()
    """What was refused of it before."""
    refused: Mapping[tuple[Side, str], str] = field(default_factory=dict)
    """What of that is not asked again: (side, key) -> the fingerprint of what was refused."""
    rows: Sequence[ItemLink] = ()
    run_id: uuid.UUID | None = None
    """The run that it belongs to; None where a live change is among what it is done for."""

    @property
    def creates(self) -> bool:
        """Whether a twin is to be made, which is noted first."""
        return any(one.plan.creates or one.plan.waits for one in self.planned)

    def place(self, turn: Turn) -> Place:
        """Where the pair is."""
        issues = {side: str(self.link.issue_id(side)) for side in Side}
        return Place(str(turn.profile.id), turn.tenants, issues)


@dataclass
class Did:
    """What came of it."""

    rows: dict[uuid.UUID, ItemLink] = field(default_factory=dict)
    details: list[Detail] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    written: int = 0
    lost: int = 0
    edits: list[uuid.UUID] = field(default_factory=list)
    """What webhooks told of twins and is judged: nobody needs it any more."""
    refused: int = 0
    again: bool = False
    waits: bool = False


class Hand:
    """Writes the items of one kind of one pair."""

    def __init__(self, turn: Turn, work: Work, planned: Planned, did: Did) -> None:
        self.turn, self.work, self.did = turn, work, did
        self.kind, self.plan, self.paged = planned.kind, planned.plan, planned.paged
        self.rows = {row.id: row for row in (*planned.rows, *planned.plan.rows)}
        self.made: dict[str, Item] = {}
        self.counts: dict[tuple[Side, str], int] = {}

    def delete(self) -> None:
        """Delete what must not stay."""
        for one in self._surely_gone():
            noted = [] if one.double else [one.row.id]
            self._trace(trace.Deed.DELETED, noted)
            try:
                deleted = self.kind.delete(self._target(one.to), one.twin)
            except SiteError as error:
                if error.surely_refused:
                    self._trace(trace.Deed.DELETED, noted, undone=True)
                if error.site_status != 404:
                    self._refused(one, error)
                    continue
                self._gone(one)  # somebody else was quicker: it is gone, as it should be
                continue
            if deleted:
                self._deleted(one)
            else:
                self._trace(trace.Deed.DELETED, noted, undone=True)
                if not one.double:
                    self._store(replace(one.row, source_gone=one.held is None))

    def _deleted(self, one: Delete) -> None:
        self._count(one.to, "deleted")
        if one.held is not None:
            self._tell(one.to, together([one.held.sentence, said("Its twin was deleted.")]))
        self._lost(lost.by_delete(self.kind, one, self.turn.fingerprints))
        self._gone(one)

    def _gone(self, one: Delete) -> None:
        if not one.double:
            gone = replace(one.row, twin_gone=Gone.OURS, source_gone=one.held is None)
            gone = gone.with_item(one.to, one.twin.id)
            self._store(gone.with_seen(one.to, one.twin.updated))

    def _trace(self, deed: trace.Deed, rows: list[uuid.UUID], *, undone: bool = False) -> None:
        with self.turn.transaction() as session:
            if undone:
                trace.forget(session, deed, rows)
                return
            trace.note(session, self.turn.profile, deed, rows, self.work.run_id)

    def _surely_gone(self) -> list[Delete]:
        """The deletes, without those whose source only slipped from one page to the next."""
        found: list[Delete] = []
        for one in self.plan.deletes:
            may_have_slipped = one.to.other in self.paged and one.held is None and not one.double
            source = one.row.item(one.to.other) or ""
            if may_have_slipped and source in self._still_there(one.to.other, source):
                self.did.again = True
                continue
            found.append(one)
        return found

    def _still_there(self, side: Side, item: str) -> Mapping[str, Mark | None]:
        return self.kind.marks(self.turn.sites[side], [item])

    def update(self) -> None:
        """Write twins anew."""
        for one in self.plan.updates:
            try:
                twin = self.kind.write(self._target(one.to, one), one.twin, one.source)
            except SiteError as error:
                self._refused(one, error)
                continue
            self._lost(lost.by_update(self.kind, one))
            self._count(one.to, "written anew")
            row = lost.written(one, twin)
            self._settle(row, one.source, twin, trace.Deed.WRITTEN)

    def create(self) -> None:
        """Make twins."""
        for number, one in enumerate(self.plan.creates):
            try:
                twin = self.kind.make(self._target(one.to, one), one.source, self._mark(one))
            except SiteError as error:
                # Those behind it were not sent either.
                rest = self.plan.creates[number + 1 :] if not _is_refusal(error) else ()
                void = (one, *rest) if error.surely_refused else rest
                with self.turn.transaction() as session:
                    store.take_back(session, void)
                self._refused(one, error)
                continue
            self._count(one.to, "made")
            self._settle(one.row, one.source, twin)
            self.made[twin.id] = twin

    def note(self) -> None:
        """Note the marks of what was made, where the items bear none themselves."""
        for side in Side:
            twins = {
                twin: (self._mark_of_row(row, side), self.made.get(twin))
                for row in self.rows.values()
                if row.source is side.other and row.twin_gone is None
                if (twin := row.item(side)) is not None
            }
            if twins:
                try:
                    self.kind.note(self._target(side), twins)
                except SiteError as error:
                    if not error.surely_refused or error.site_status == 429:
                        raise

    def _target(self, to: Side, one: Create | Update | None = None) -> Target:
        first = True
        if one is not None:
            tenant = self.turn.tenants[to.other]
            first = one.row.root == root_of(tenant, one.row.kind, one.source.id)
        sites = self.turn.sites
        url = sites[to.other].base_url
        issue, mapping = self.work.issues[to], self.plan.mapping
        media, tell = self._media(to), partial(self._tell, to)
        carried = partial(self._carried, to, media)
        return Target(sites[to], issue, mapping, url, sites[to.other], media, carried, first, tell)

    def _carried(self, to: Side, media: Media, document: str) -> Carried:
        """A text with what it names on the side that it goes to. Raises SiteError."""
        return self.turn.carrying.text(to, document, None, _FilesOf(media))[1]

    def _media(self, to: Side) -> Media:
        """The files of the pair, with those that crossed in this visit."""
        rows = ({row.id: row for row in self.work.rows} | self.did.rows).values()
        sites, issues = self.turn.sites, self.work.issues
        twins, deleted = twins_of(rows, to.other), deleted_of(rows, to)
        return Media(sites[to.other], sites[to], issues[to.other], issues[to], twins, deleted)

    def _mark(self, one: Create) -> Mark:
        return self._mark_of_row(one.row.with_item(one.to.other, one.source.id), one.to)

    def _mark_of_row(self, row: ItemLink, to: Side) -> Mark:
        place = self.plan.place
        source = row.item(to.other) or ""
        return Mark(place.profile, to, place.issues[to.other], source, place.issues[to], row.root)

    def _settle(
        self, row: ItemLink, source: Item, twin: Item, deed: trace.Deed | None = None
    ) -> None:
        """From here on a crash finds the twin by its row, and its echo costs nothing."""
        self._store(settled(row, source, twin, self.turn.fingerprints), deed)

    def _store(self, row: ItemLink, deed: trace.Deed | None = None) -> None:
        self.did.rows[row.id] = self.rows[row.id] = row
        with self.turn.transaction() as session:
            store.save(session, self.turn.profile, self.work.link, [row])
            if deed is not None:
                trace.note(session, self.turn.profile, deed, [row.id], self.work.run_id)

    def _refused(self, one: Create | Update | Delete, error: SiteError) -> None:
        """Set one item aside with the site's words. Raises SiteError where it is no refusal."""
        if not _is_refusal(error):
            raise error
        if error.site_status == 403:
            self.turn.sites[one.to].ask()  # raises where the site lets us do nothing at all
        if isinstance(one, Update) and error.site_status == 404:
            self.did.again = True  # it is gone: the next visit sees so
            return
        key = key_of(one.row.kind, one.row.item(one.to.other) or "")
        mark = self._mark_of(one) if isinstance(one, Update) else one.row.source_mark
        code = field_code(error.detail)
        cause = Cause(one.to, code, self.kind.field, key, mark, said=error.detail)
        self.did.causes.append(cause)
        if cause not in self.work.before:
            self.did.refused += 1
            self._tell(one.to, error.detail)

    def _mark_of(self, one: Update) -> str:
        row = settled(one.row, one.source, one.twin, self.turn.fingerprints)
        return row.source_mark

    def _lost(self, told: Detail | None) -> None:
        if told is not None:
            self.did.lost += 1
            self.did.details.append(told)

    def _tell(self, side: Side, sentence: str) -> None:
        self.did.details.append(Detail(sentence, field=self.kind.field, side=side.value))

    def _count(self, side: Side, what: str) -> None:
        self.did.written += 1
        self.counts[side, what] = self.counts.get((side, what), 0) + 1

    def counted(self) -> list[Detail]:
        """How many were made, written and deleted on each side."""
        return [
            Detail(
                _were(what, count(self.kind.kind, number), number, side),
                field=self.kind.field,
                side=side.value,
            )
            for (side, what), number in self.counts.items()
        ]


def _were(what: str, items: Said, number: int, side: Side) -> Said:
    """That so many items were made, written anew or deleted."""
    told = {"items": items, "side": the_side(side)}
    if what == "made":
        return counted(
            "%(items)s was made on %(side)s.", "%(items)s were made on %(side)s.", number, **told
        )
    if what == "deleted":
        return counted(
            "%(items)s was deleted on %(side)s.",
            "%(items)s were deleted on %(side)s.",
            number,
            **told,
        )
    return counted(
        "%(items)s was written anew on %(side)s.",
        "%(items)s were written anew on %(side)s.",
        number,
        **told,
    )


def _is_refusal(error: SiteError) -> bool:
    """Whether a site said no to this one item, and may take the next one."""
    return error.site_status in {400, 403, 404, 413}
