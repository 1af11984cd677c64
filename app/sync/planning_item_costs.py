"""What the items of an issue cost when a plan is applied: REST calls and points, by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from app.mapping.profile import ItemKind, Side
from app.mapping.rich.files import media_in
from app.sync.items.hand import Work
from app.sync.items.model import Create, Update
from app.sync.planning_site import LOOK, PlanSite
from app.sync.planning_types import Calls, ItemDeed, ItemWrite

WRITE = Calls(1, 1)
READ = Calls(1, LOOK)
NOTED = frozenset({ItemKind.ATTACHMENTS, ItemKind.LINKS})
"""Kinds whose marks are noted on the issue, once for all that is made."""


class Costs:
    """Counts, issue by issue. What a process asks a site once is counted with the first."""

    def __init__(self, sites: Mapping[Side, PlanSite]) -> None:
        self._sites = sites
        self._before: dict[Side, Calls] = {}
        self._named: set[Side] = set()

    def begin(self) -> None:
        """Begin with an issue: what is read until `of` is what a visit of it reads."""
        self._before = {side: self._sites[side].spent for side in Side}

    def of(self, work: Work, writes: Sequence[ItemWrite]) -> dict[Side, Calls]:
        """What an issue's items cost each side: what was read, and what is to be written."""
        found: dict[Side, Calls] = defaultdict(Calls)
        for side in Side:
            before, after = self._before[side], self._sites[side].spent
            found[side] += Calls(after.calls - before.calls, after.points - before.points)
        for one in writes:
            self._write(one, found)
        for side, kind in {(w.side, w.kind) for w in writes if w.deed is ItemDeed.MADE}:
            if kind in NOTED:
                found[side] += WRITE
        self._texts(work, found)
        self._looks_before_deletes(work, found)
        return dict(found)

    def _write(self, one: ItemWrite, found: dict[Side, Calls]) -> None:
        found[one.side] += WRITE
        if one.kind is ItemKind.ATTACHMENTS and one.deed is ItemDeed.MADE:
            found[one.side.other] += READ  # the file itself
        elif one.kind is ItemKind.LINKS and one.deed is ItemDeed.MADE:
            found[one.side] += READ  # what is there, and who made it
            if one.side not in self._named:
                self._named.add(one.side)
                found[one.side] += READ

    def _texts(self, work: Work, found: dict[Side, Calls]) -> None:
        """What files are called in the texts of the other side is asked once for each."""
        for planned in work.planned:
            changes: tuple[Create | Update, ...] = (*planned.plan.creates, *planned.plan.updates)
            for one in changes:
                words = one.source.value[0] if isinstance(one.source.value, tuple) else None
                if planned.kind.kind in {ItemKind.COMMENTS, ItemKind.WORKLOGS}:
                    shown = media_in(words if isinstance(words, str) else None)
                    found[one.to] += Calls(len(shown), LOOK * len(shown))

    def _looks_before_deletes(self, work: Work, found: dict[Side, Calls]) -> None:
        """Where a side was read page by page, what seems gone is looked for once more."""
        for planned in work.planned:
            for one in planned.plan.deletes:
                side = one.to.other
                if side in planned.paged and one.held is None and not one.double:
                    found[side] += READ
