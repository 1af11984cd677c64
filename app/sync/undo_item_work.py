"""Deletes twins of items that a run made, while they are as Tandem wrote them; and has those made
again that an undo deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from app.activity.log import Detail
from app.jira.site import SiteError
from app.mapping.profile import ItemKind, Side
from app.mapping.rich import Carried
from app.mapping.said import Said, counted, the_side
from app.sync.items import store, trace
from app.sync.items.kinds import Target
from app.sync.items.media import Media
from app.sync.items.model import Gone, Item, ItemLink
from app.sync.items.nouns import count
from app.sync.items.work import KINDS
from app.sync.marks import Mark, mark
from app.sync.undo_item_read import Here, why_not
from app.sync.undo_look import tell
from app.sync.undo_plan import SENTENCES, Left, TwinItem, Why
from app.sync.undo_work import Work


def undo_items(work: Work, side: Side, items: Sequence[TwinItem]) -> None:
    """Delete these twins of one side, or have them made again. Raises SiteError where the site
    fails the read."""
    by_issue: dict[int, list[TwinItem]] = {}
    for one in items:
        by_issue.setdefault(one.spot.issue_id, []).append(one)
    for issue_id, ones in by_issue.items():
        work.hold.renew()
        _OnIssue(work, side, issue_id, ones).do()
        if work.done.trouble is not None:
            return


class _OnIssue:
    """The twins on one issue. All is read again before the first of them is touched."""

    def __init__(self, work: Work, side: Side, issue_id: int, ones: Sequence[TwinItem]) -> None:
        self.work, self.side, self.issue_id, self.ones = work, side, issue_id, ones
        self.done, self.turn, self.reader = work.done, work.turn, work.reader.items
        self.gone: set[str] = set()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.there: dict[str, dict[str, Item] | None] = {}

    def do(self) -> None:
        """Undo what can be undone, and tell of it."""
        links = self.work.reader.links(self.side, [self.issue_id])
        link = links.get(self.ones[0].spot.link_id)
        kinds = {one.kind for one in self.ones}
        issue = self.reader.issues(self.side, [self.issue_id], kinds).get(self.issue_id)
        if issue is None or link is None or why_not(link) is not None:
            for one in self.ones:
                self._leave(one, Why.GONE if issue is None else why_not(link) or Why.UNLINKED)
            return
        self.here = Here(issue, link, {})
        self.rows = self.reader.rows([link])
        for one in self.ones:
            if self.done.trouble is None:
                self._undo(one)
        self._tell()

    def _undo(self, one: TwinItem) -> None:
        row = self.rows.get(one.row_id)
        if row is None:
            self._leave(one, Why.UNKNOWN)
        elif one.again:
            self._make_again(one, row)
        else:
            self._delete_as_planned(one, row)

    # -- deleting

    def _delete_as_planned(self, one: TwinItem, row: ItemLink) -> None:
        """Delete a twin, where it is still what the plan saw."""
        if one.kind not in self.there:
            issue = self.here.issue
            self.there[one.kind] = self.reader.there(self.side, issue, one.kind)
        there = self.there[one.kind]
        twin = there.get(one.item) if there is not None else None
        if there is None:
            self._leave(one, Why.UNREADABLE)
            return
        if twin is None:
            self.done.is_already(one.spot)
            return
        now = self.reader.mark(one.kind, self.side, twin)
        if row.touched or row.item(self.side) != one.item or not now == row.twin_mark == one.mark:
            self._leave(one, Why.CHANGED)
            return
        here = replace(self.here, items=there)
        why = self.reader.why_stays(one.kind, self.side, row, here, self.gone)
        if why is not None:
            self._leave(one, why)
        else:
            self._delete(one, row, twin)

    def _delete(self, one: TwinItem, row: ItemLink, twin: Item) -> None:
        """Whoever dies in between has noted that it was to be: the twin is not made again, and a
        further undo finds it there or not."""
        self.work.hold.renew()
        # What is edited after `updated` is told by the webhook of that edit.
        self._note(replace(row, twin_gone=Gone.UNDONE).with_seen(self.side, twin.updated))
        words: list[str] = []
        try:
            if not KINDS[one.kind].delete(self._target(one, words), twin):
                words.append(SENTENCES[Why.NOT_OURS])
        except SiteError as error:
            if error.passing or error.site_status == 401:
                self.done.trouble = error
                return
            if error.site_status != 404:  # else it is gone, as it should be
                words.append(error.detail)
        if words:
            self._note(replace(row, twin_gone=None), undone=True)
            self._leave(one, Why.REFUSED, words[0])
            return
        if one.kind == ItemKind.COMMENTS:
            self.gone.add(one.item)
        self._count(one, "deleted")

    def _note(self, row: ItemLink, *, undone: bool = False) -> None:
        with self.turn.transaction() as session:
            self.work.hold.check(session)
            store.save(session, self.turn.profile, self.here.link, [row])
            if undone:
                trace.forget(session, trace.Deed.DELETED, [row.id])
            else:
                run, deed = self.work.run_id, trace.Deed.DELETED
                trace.note(session, self.turn.profile, deed, [row.id], run)

    def _target(self, one: TwinItem, words: list[str]) -> Target:
        """Where the twin is. Nothing is carried there; `words`: takes why a kind let it stay."""
        sites, issue = self.turn.sites, self.here.issue
        here, there = sites[self.side], sites[self.side.other]
        return Target(
            here,
            issue,
            self.reader.mapping(one.kind),
            there.base_url,
            there,
            Media(there, here, issue, issue, {}),
            Carried,
            tell=words.append,
        )

    # -- making again

    def _make_again(self, one: TwinItem, row: ItemLink) -> None:
        """Have the next visit make a twin from its source."""
        if row.twin_gone is not Gone.UNDONE:
            self.done.is_already(one.spot)
            return
        profile, link = self.turn.profile, self.here.link
        sites = profile.left_tenant, profile.right_tenant
        due = Mark(profile.id, self.side, self.issue_id, *sites, link.lane, None)
        with self.turn.transaction() as session:
            self.work.hold.check(session)
            store.save(session, profile, link, [replace(row, twin_gone=Gone.OURS)])
            mark(session, [due])
        self._count(one, "again")

    # -- words

    def _leave(self, one: TwinItem, why: Why, sentence: str = "") -> None:
        left = Left.of(one.spot, why, one.issue, one.name)
        self.done.leave(replace(left, sentence=sentence) if sentence else left)

    def _count(self, one: TwinItem, what: str) -> None:
        self.done.items += 1
        self.done.settled.add(one.spot)
        self.counts[one.kind, what] += 1

    def _tell(self) -> None:
        details = [
            Detail(
                _undone(what, count(kind, number), number, self.side),
                field=KINDS[kind].field,
                side=self.side.value,
            )
            for (kind, what), number in self.counts.items()
        ]
        if details:
            with self.turn.transaction() as session:
                tell(session, self.turn, self.here.link, sum(self.counts.values()), details)


def _undone(what: str, items: Said, number: int, side: Side) -> Said:
    """That an undo deleted so many items, or has them made again."""
    told = {"items": items, "side": the_side(side)}
    if what == "again":
        return counted(
            "%(items)s is made again on %(side)s by an undo.",
            "%(items)s are made again on %(side)s by an undo.",
            number,
            **told,
        )
    return counted(
        "%(items)s was deleted on %(side)s by an undo.",
        "%(items)s were deleted on %(side)s by an undo.",
        number,
        **told,
    )
