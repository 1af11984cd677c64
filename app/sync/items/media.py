"""Files that rich text shows: which file of the other site a media node is to name there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.jira.site import Issue, JiraSite, SiteError
from app.mapping.profile import ItemKind, Side
from app.mapping.rich import File, keeping_media, would_drop_media
from app.sync.items.model import ItemLink

FIELD = "attachment"


@dataclass(frozen=True)
class Media:
    """The files of a pair as a text needs them that goes from one issue to the other.

    `twins`: the files of the target by those of the source that they are one with. `deleted`: files
    of the target that Tandem deleted since it read the issue.
    """

    source: JiraSite
    target: JiraSite
    issue: Issue
    """The source's."""
    on: Issue
    """The target's."""
    twins: Mapping[str, str]
    deleted: frozenset[str] = frozenset()

    def files(self, wanted: Collection[str]) -> dict[str, File]:
        """What these media of the source are on the target. Each file is asked for its media id
        once in the life of a process. Raises SiteError."""
        found = {one: File(None) for one in wanted}
        missing = set(wanted)
        raws = self.issue.fields.get(FIELD) or ()
        for raw in sorted(raws, key=self._place):
            if not missing:
                break
            media = _media(self.source, raw["id"])
            if media not in missing:
                continue
            missing.remove(media)
            twin = self.twins.get(raw["id"])
            there = _media(self.target, twin) if twin else None
            found[media] = File(there, "", str(raw["filename"]), self._address(raw))
        return found

    def _place(self, raw: Mapping[str, Any]) -> tuple[bool, bool]:
        """Pictures that crossed are looked at first."""
        return raw["id"] not in self.twins, not str(raw.get("mimeType")).startswith("image/")

    def _address(self, raw: Mapping[str, Any]) -> str:
        name = quote(str(raw["filename"]), safe="")
        return f"{self.source.base_url}/secure/attachment/{raw['id']}/{name}"

    def keeping(self, now: str | None, to_write: str) -> str:
        """A text for the target that shows whatever file of the issue it shows now: what no text
        shows any more, Jira deletes. Raises SiteError."""
        dropped = {one.id for one in would_drop_media(now, to_write)}
        if not dropped:
            return to_write
        raws = self.on.fields.get(FIELD)
        gone = dropped - self._there(dropped) if isinstance(raws, list) else set()
        return keeping_media(now, to_write, gone) or to_write

    def shown(self, files: Collection[str], wanted: Collection[str]) -> set[str]:
        """Those of these media of the source that are these files of its issue. Raises
        SiteError."""
        known = (_media(self.source, one) for one in files)
        return {one for one in known if one is not None and one in wanted}

    def gone(self, wanted: Collection[str]) -> frozenset[str]:
        """Those of these media of the target that are no files of its issue any more. Raises
        SiteError."""
        shown = isinstance(self.on.fields.get(FIELD), list)
        return frozenset(wanted) - self._there(wanted) if shown else frozenset()

    def _there(self, wanted: Collection[str]) -> set[str]:
        """Those of these media of the target that are files of its issue still."""
        ids = [raw["id"] for raw in self.on.fields.get(FIELD) or ()]
        known = (_media(self.target, one) for one in ids if one not in self.deleted)
        return {one for one in known if one is not None and one in wanted}


def _media(site: JiraSite, file: str) -> str | None:
    try:
        return site.files.media_id(file)
    except SiteError as error:
        if error.site_status == 404:
            return None  # it went meanwhile
        raise


def twins_of(rows: Collection[ItemLink], side: Side) -> dict[str, str]:
    """The files of the other side by those of `side` that they are one with, whoever made them."""
    files = (row for row in rows if row.kind == ItemKind.ATTACHMENTS and row.twin_gone is None)
    pairs = ((row.item(side), row.item(side.other)) for row in files)
    return {one: other for one, other in pairs if one is not None and other is not None}


def deleted_of(rows: Collection[ItemLink], side: Side) -> frozenset[str]:
    """The files of a side that are gone as Tandem knows."""
    files = (row for row in rows if row.kind == ItemKind.ATTACHMENTS and row.twin_gone)
    return frozenset(item for row in files if row.source is not side and (item := row.item(side)))
