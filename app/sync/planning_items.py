"""What a visit would do to the items of an issue, as a plan tells it: ids, counts and sizes, and
never what an item says. Reads more of both sites where a visit would; writes to neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import text

from app.database import TenantId, tenant_transaction
from app.jira.site import Issue, JiraSite
from app.mapping.profile import ItemKind, Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import Said, capital_site, said, the_side, together
from app.sync.fingerprint import Fingerprinter
from app.sync.items import remote_link, store
from app.sync.items.attachments import AttachmentKind, megabytes
from app.sync.items.found import mark_of
from app.sync.items.hand import Planned, Work
from app.sync.items.link_ties import maker
from app.sync.items.links import TYPE, LinkKind
from app.sync.items.model import Create, Delete, Item, ItemLink, key_of
from app.sync.items.neighbours import Neighbour
from app.sync.items.nouns import an_item, kinds_called
from app.sync.items.reads import Amiss
from app.sync.items.work import look_at_items
from app.sync.planning_item_costs import Costs
from app.sync.planning_item_notes import joined, notes_of
from app.sync.planning_read import Reader
from app.sync.planning_rules import in_scope
from app.sync.planning_site import PlanSite
from app.sync.planning_types import Calls, Cause, ItemDeed, ItemWrite, Note
from app.sync.store_links import Link
from app.sync.text_files import TextFiles, text_files

_AT_IT = text(
    """
    SELECT o.kind, o.root FROM item_link o
    WHERE o.target_tenant_id = :tenant AND o.target_issue_id = :issue AND o.root = ANY(:roots)
      AND o.id <> ALL(CAST(:rows AS uuid[])) AND o.source IS NOT NULL
      AND coalesce(o.twin_gone, '') NOT IN ('ours', 'undone')
    """
)
OTHERS = said("Somebody else made it, so it stays, though its source was deleted.")
INCOMING = said("It is made with the issue that it goes out from, in a visit of its own.")
_DEEDS = {
    Amiss.MISSING: ItemDeed.MADE,
    Amiss.DIFFERENT: ItemDeed.WRITTEN,
    Amiss.SURPLUS: ItemDeed.DELETED,
}


@dataclass
class Told:
    """What becomes of the items of an issue. `seen`: fingerprints of what both sides have."""

    writes: list[ItemWrite] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    seen: dict[Side, dict[str, str]] = field(default_factory=dict)
    calls: Mapping[Side, Calls] = field(default_factory=dict)


class ItemSurvey:
    """Looks at the items of one profile's issues. What items are read with: see Reads."""

    def __init__(self, profile: StoredProfile, reader: Reader, fingerprints: Fingerprinter) -> None:
        self._profile, self._reader, self._fingerprints = profile, reader, fingerprints
        self._tenants = profile.tenants
        self._asked = {side: PlanSite(reader, side) for side in Side}
        # A plan of items asks for no more than PlanSite has.
        self._sites = {side: cast(JiraSite, one) for side, one in self._asked.items()}
        self._costs = Costs(self._asked)
        self._projects: dict[Side, object] = {}

    @property
    def profile(self) -> StoredProfile:
        """See Reads."""
        return self._profile

    @property
    def tenants(self) -> Mapping[Side, TenantId]:
        """See Reads."""
        return self._tenants

    @property
    def sites(self) -> Mapping[Side, JiraSite]:
        """See Reads."""
        return self._sites

    @property
    def fingerprints(self) -> Fingerprinter:
        """See Reads."""
        return self._fingerprints

    def rows(self, links: Sequence[Link]) -> Mapping[Any, Sequence[ItemLink]]:
        """The rows of these pairs, by their links' ids."""
        if not links:
            return {}
        with tenant_transaction(self._profile.left_tenant) as session:
            return store.rows_of(session, links)

    def look(
        self, link: Link, issues: Mapping[Side, Issue], rows: Sequence[ItemLink]
    ) -> tuple[Work, Told]:
        """What a visit would do, and how a plan tells it. What was refused before is asked again,
        as by a plan that is applied. Raises SiteError."""
        self._costs.begin()
        incoming: list[Note] = []

        def woken(pair: Neighbour, on: Side, item: str) -> None:
            sentence = _about_link(item, on, INCOMING)
            incoming.append(Note(Cause.WAITS, sentence, LinkKind.field, on, (item,), INCOMING))

        work = look_at_items(self, link, issues, rows, woken=woken)
        told = self._tell(work)
        told.notes += incoming
        return work, told

    def without_twin(self, side: Side, source: Issue, known: Mapping[int, Issue]) -> Issue:
        """The issue that a twin begins as: of the other side's project, and with nothing on it.
        `known`: issues of that side that were read."""
        to = side.other
        fields: dict[str, Any] = {"comment": {"comments": [], "total": 0}, "attachment": []}
        fields |= {"worklog": {"worklogs": [], "total": 0}, "issuelinks": []}
        if any(one.internal for one in self._profile.profile.items):
            fields["project"] = self._project(to, known)
        return Issue(0, "", fields, source.updated)

    def _project(self, side: Side, known: Mapping[int, Issue]) -> object:
        """The project of a side, as one of its issues tells it; nothing where it has none."""
        if side not in self._projects:
            mine = [one for one in known.values() if in_scope(self._profile, one, side)]
            if not mine:
                jql = self._profile.profile.scope(side).jql()
                page = self._reader.call(side, 2, lambda site: site.search(jql, [], size=1))
                mine = list(page.issues)
            self._projects[side] = mine[0].fields.get("project") if mine else {}
        return self._projects[side]

    def files(self, work: Work) -> TextFiles | None:
        """The files of a pair that its texts show."""
        return text_files(self._profile.profile, self._sites, work.issues, work)

    def _tell(self, work: Work) -> Told:
        told = Told(seen={side: {} for side in Side})
        for planned in work.planned:
            for side in Side:
                told.seen[side] |= self._seen(planned, side)
            told.notes += notes_of(planned)
            self._plan(work, planned, told)
        told.writes += [
            ItemWrite(side, ItemKind.REMOTE_LINK, _DEEDS[how])
            for side, how in remote_link.amiss(self, work).items()
        ]
        told.notes = joined(told.notes)
        told.calls = self._costs.of(work, told.writes)
        return told

    def _seen(self, planned: Planned, side: Side) -> dict[str, str]:
        kind = planned.kind.kind.value
        return {
            key_of(kind, one.id): mark_of(kind, side, one, self._fingerprints)
            for one in planned.items[side]
        }

    def _plan(self, work: Work, planned: Planned, told: Told) -> None:
        plan, kind = planned.plan, planned.kind.kind
        creates = self._granted(work, plan.creates)
        for create in creates:
            if (blocked := self._blocked(kind, create)) is not None:
                told.notes.append(blocked)
                continue
            size = _size(kind, create.source)
            mark = create.row.source_mark
            told.writes.append(
                ItemWrite(create.to, kind, ItemDeed.MADE, create.source.id, "", mark, size)
            )
        for one in plan.updates:
            mark = mark_of(kind.value, one.to.other, one.source, self._fingerprints)
            ids = one.source.id, one.twin.id
            written = ItemWrite(one.to, kind, ItemDeed.WRITTEN, *ids, mark, lost=one.lost)
            told.writes.append(written)
        for gone in plan.deletes:
            if kind is ItemKind.LINKS and not self._is_ours(work, gone):
                told.notes.append(_of_others(gone))
                continue
            ids = gone.row.item(gone.to.other) or "", gone.twin.id
            why = gone.held.sentence if gone.held else ""
            told.writes.append(ItemWrite(gone.to, kind, ItemDeed.DELETED, *ids, why=why))
        if plan.waits or len(creates) < len(plan.creates):
            sentence = said(
                "Of the %(items)s something is still under way; it is looked at again.",
                items=kinds_called(kind),
            )
            told.notes.append(Note(Cause.WAITS, sentence, planned.kind.field))

    def _granted(self, work: Work, creates: Sequence[Create]) -> list[Create]:
        """The creates, without those of which another profile makes the twin at this moment."""
        taken: set[tuple[Side, str, str]] = set()
        for side in Side:
            asked = [one.row for one in creates if one.to is side]
            issue = work.link.issue_id(side)
            if not asked or not issue:
                continue
            told = {
                "tenant": self._tenants[side],
                "issue": issue,
                "roots": [row.root for row in asked],
                "rows": [row.id for row in asked],
            }
            with tenant_transaction(self._profile.left_tenant) as session:
                taken |= {(side, row.kind, row.root) for row in session.execute(_AT_IT, told)}
        return [one for one in creates if (one.to, one.row.kind, one.row.root) not in taken]

    def _is_ours(self, work: Work, gone: Delete) -> bool:
        """Whether the history of a link's issue names nobody else as who made it."""
        site = self._asked[gone.to]
        stored = site.stored(work.issues[gone.to].id, [LinkKind.field])
        edits = stored.changelog.edits if stored is not None and stored.changelog else ()
        return maker(edits, gone.twin) in {None, site.links.author()}

    def _blocked(self, kind: ItemKind, create: Create) -> Note | None:
        """Why a site would refuse an item, if it would."""
        size = _size(kind, create.source)
        if size is not None:
            return self._too_large(create, size)
        return self._of_no_type(create) if kind is ItemKind.LINKS else None

    def _too_large(self, create: Create, size: int) -> Note | None:
        limit, to = self._asked[create.to].files.limit(size), create.to
        sentence: str
        if limit is None:
            sentence = group = said("%(site)s takes no attachments.", site=capital_site(to))
        elif size > limit:
            group = said(
                "%(site)s takes no attachment of more than %(megabytes)s.",
                site=capital_site(to),
                megabytes=megabytes(limit),
            )
            sentence = together(
                [
                    said(
                        "The attachment %(id)s has %(size)s.",
                        id=create.source.id,
                        size=megabytes(size),
                    ),
                    group,
                ]
            )
        else:
            return None
        ids = (create.source.id,)
        return Note(Cause.BLOCKED, sentence, AttachmentKind.field, to.other, ids, group)

    def _of_no_type(self, create: Create) -> Note | None:
        """Where the types of links of a side lack the one that is wanted."""
        wanted, to = create.source.raw[TYPE], create.to
        for type_id, name in self._asked[to].links.types():
            if type_id == wanted.get("id") or name.casefold() == wanted.get("name", "").casefold():
                return None
        name = create.source.raw["type"]["name"]
        sentence = said(
            "link type '%(name)s' has no twin on %(side)s", name=name, side=the_side(to)
        )
        ids = (create.source.id,)
        return Note(Cause.NO_TWIN, sentence, LinkKind.field, to.other, ids)


def _about_link(item: str, side: Side, why: Said) -> Said:
    return said(
        "%(items)s on %(side)s: %(why)s",
        items=an_item(ItemKind.LINKS, item),
        side=the_side(side),
        why=why,
    )


def _of_others(gone: Delete) -> Note:
    sentence = _about_link(gone.twin.id, gone.to, OTHERS)
    return Note(Cause.KEPT, sentence, LinkKind.field, gone.to, (gone.twin.id,), OTHERS)


def _size(kind: ItemKind, item: Item) -> int | None:
    """The bytes of a file; None for whatever else."""
    if kind is not ItemKind.ATTACHMENTS or not isinstance(item.value, tuple):
        return None
    return int(str(item.value[1]))
