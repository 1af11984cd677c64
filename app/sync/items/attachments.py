"""Attachments: files, which never change. Each goes across as one stream, whatever its size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.jira.answers import FILES, text
from app.jira.item_calls import BrokenOff, File
from app.jira.site import Issue, SiteError
from app.jira.times import UNCHANGING, parse_time
from app.mapping.profile import ItemKind, ItemMapping, Side
from app.mapping.said import said
from app.sync.items import file_notes
from app.sync.items.kinds import Listing, Meeting, NotedKind, Refusal, Target
from app.sync.items.model import Held, Item, Mark

MEGA = 1_000_000
TRIES = 3
NOTED_WITHIN = timedelta(minutes=2)
"""A file of ours that is older and not noted will not be noted any more."""
NOBODY = "00000000-0000-0000-0000-000000000000"
UNHEARD = Held(said("Tandem sent the file, and its source is not there any more."), retract=False)


class AttachmentKind(NotedKind):
    """See KindOfItem. A file bears no mark: the property `tandem-files` of its issue notes it."""

    kind = ItemKind.ATTACHMENTS
    field = "attachment"

    def read(self, issue: Issue, other: Issue, mapping: ItemMapping) -> Listing | None:
        """See KindOfItem."""
        raws = issue.fields.get(self.field)
        if not isinstance(raws, list):
            return None
        marks = file_notes.marks_of(issue.more.get(FILES))
        return Listing(tuple(_item(raw, mapping, marks) for raw in raws))

    def meet(self, meeting: Meeting) -> tuple[dict[Side, tuple[Item, ...]], bool]:
        """See KindOfItem. What has no mark is known by its bytes: a file that we sent and did not
        hear of, or one that people attached on both sides."""
        return _Acquaintance(meeting).made()

    def make(self, to: Target, source: Item, mark: Mark) -> Item:
        """See KindOfItem: as one stream."""
        file = _file(source.raw)
        limit = to.site.files.limit(file.size)
        if limit is None:
            raise Refusal(said("The site takes no attachments."))
        if file.size > limit:
            raise Refusal(
                said(
                    "The attachment has %(megabytes)s, and the site takes at most %(megabytes2)s.",
                    megabytes=megabytes(file.size),
                    megabytes2=megabytes(limit),
                )
            )
        for _ in range(TRIES):
            try:
                made, digest = _carry(to, file)
            except BrokenOff:
                continue
            made["sha256"] = digest
            return _item(made, to.mapping, {})
        raise Refusal(
            said("The attachment broke off %(tries)s times while it was read.", tries=TRIES)
        )

    def delete(self, to: Target, twin: Item) -> bool:
        """See KindOfItem."""
        to.site.files.delete(twin.id)
        return True

    def note(self, to: Target, twins: Mapping[str, tuple[Mark, Item | None]]) -> None:
        """See KindOfItem."""
        notes = to.issue.more.get(FILES)
        noted = file_notes.marks_of(notes)
        news = {
            twin: (mark, str(item.raw.get("sha256", "")) if item else "")
            for twin, (mark, item) in twins.items()
            if twin not in noted
        }
        if not news:
            return
        there = {str(raw.get("id")) for raw in to.issue.fields.get(self.field) or ()}
        fresh = file_notes.with_twins(notes, news, there | twins.keys())
        if file_notes.length(fresh) > file_notes.LONGEST:
            return
        to.site.files.note(to.issue.id, fresh)

    def text(self, item: Item) -> str:
        """See KindOfItem."""
        return str(item.raw.get("filename", ""))


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / MEGA:,.1f} MB" if size >= MEGA / 10 else f"{size:,} bytes"


def _item(raw: Mapping[str, Any], mapping: ItemMapping, marks: Mapping[str, Mark]) -> Item:
    author = raw.get("author") or {}
    name, size, item = text(raw["filename"]), int(raw["size"]), text(raw["id"])
    by_app = bool(author) and author.get("accountType") not in {"atlassian", "customer"}
    held = None
    if mapping.limit_mb is not None and size > mapping.limit_mb * MEGA:
        held = Held(
            said(
                "The attachment has %(megabytes)s; the profile carries at most %(limit_mb)s MB.",
                megabytes=megabytes(size),
                limit_mb=f"{mapping.limit_mb:,}",
            ),
            retract=False,
        )
    return Item(
        id=item,
        author=str(author.get("accountId", "")),
        created=parse_time(raw["created"]),
        updated=UNCHANGING,
        value=(name, size),
        held=held,
        by_app=by_app,
        looked=True,
        # Whoever can write the property cannot make a person's file ours.
        mark=marks.get(item) if by_app else None,
        raw=raw,
    )


def _file(raw: Mapping[str, Any]) -> File:
    mime = str(raw.get("mimeType") or "application/octet-stream")
    return File(text(raw["id"]), text(raw["filename"]), mime, int(raw["size"]))


def _carry(to: Target, file: File) -> tuple[dict[str, Any], str]:
    """Send a file across; what the site says of it, and its hash. Raises BrokenOff."""
    digest = hashlib.sha256()

    def hashed(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            digest.update(piece)
            yield piece

    with ExitStack() as stack:
        try:
            pieces = stack.enter_context(to.source.files.read(file))
        except SiteError as error:
            if error.site_status == 404:
                raise Refusal(said("The attachment was deleted before it was read.")) from error
            raise
        made = to.site.files.add(to.issue.id, file, hashed(pieces))
    return made, digest.hexdigest()


class _Acquaintance:
    """Finds, among files that nobody noted, those that are the same."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.items = {side: {one.id: one for one in meeting.items[side]} for side in Side}
        self._digests: dict[tuple[Side, str], str | None] = {}
        self._accounts: dict[Side, str] = {}
        self.waits = False

    def made(self) -> tuple[dict[Side, tuple[Item, ...]], bool]:
        """The items, with the marks that their bytes tell of; and whether to come again."""
        for side in Side:
            for item in self._unknown(side):
                if self._is_ours(side, item):
                    self._claim(side, item)
        self._pair_others()
        return {side: tuple(found.values()) for side, found in self.items.items()}, self.waits

    def _unknown(self, side: Side) -> list[Item]:
        """Those without a mark and a row, the oldest first."""
        known = {row.item(side) for row in self.meeting.rows}
        free = (o for o in self.items[side].values() if o.mark is None and o.id not in known)
        return sorted(free, key=lambda one: one.place)

    def _is_ours(self, side: Side, item: Item) -> bool:
        if item.by_app and side not in self._accounts:
            self._accounts[side] = self.meeting.sites[side].account()
        return item.by_app and item.author == self._accounts[side]

    def _claim(self, side: Side, item: Item) -> None:
        """A file of ours that was never noted: the twin of a source that waits for one, or else no
        source of anything."""
        for source in self._waiting(side.other):
            if self._same(side.other, source, side, item):
                self.items[side][item.id] = replace(item, mark=self._mark(side, source))
                return
        self.waits = self.waits or datetime.now(UTC) - item.created < NOTED_WITHIN
        self.items[side][item.id] = replace(item, held=UNHEARD)

    def _waiting(self, side: Side) -> list[Item]:
        """The sources of a side that have no twin yet."""
        found = {row.item(side) for row in self.meeting.rows if row.item(side.other) is not None}
        claimed = {o.mark.item for o in self.items[side.other].values() if o.mark is not None}
        free = (o for o in self.items[side].values() if o.id not in found | claimed)
        return sorted((o for o in free if o.held is None), key=lambda one: one.place)

    def _mark(self, side: Side, source: Item) -> Mark:
        place = self.meeting.place
        root = place.root(ItemKind.ATTACHMENTS.value, source, side.other)
        issue, on = place.issues[side.other], place.issues[side]
        return Mark(place.profile, side, issue, source.id, on, root)

    def _pair_others(self) -> None:
        """Files of others that are the same on both sides: one root makes a pair of them."""
        free = [one for one in self._unknown(Side.RIGHT) if one.held is None]
        for one in self._unknown(Side.LEFT):
            for other in free if one.held is None else ():
                if self._same(Side.LEFT, one, Side.RIGHT, other):
                    free.remove(other)
                    mark = replace(self._mark(Side.RIGHT, one), profile=NOBODY)
                    self.items[Side.RIGHT][other.id] = replace(other, mark=mark)
                    break

    def _same(self, side: Side, one: Item, on: Side, other: Item) -> bool:
        if one.value != other.value:
            return False
        mine = self._digest(side, one)
        return mine is not None and mine == self._digest(on, other)

    def _digest(self, side: Side, item: Item) -> str | None:
        """The hash of a file; None where it cannot be read to its end."""
        if (side, item.id) not in self._digests:
            digest = hashlib.sha256()
            try:
                with self.meeting.sites[side].files.read(_file(item.raw)) as pieces:
                    for piece in pieces:
                        digest.update(piece)
                self._digests[side, item.id] = digest.hexdigest()
            except BrokenOff:
                self._digests[side, item.id] = None
        return self._digests[side, item.id]
