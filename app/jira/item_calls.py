"""What the sync asks of a site about the things on an issue that are no fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class Comments(Protocol):
    """The comments of one site, raw as REST v3 gives them. Every call raises SiteError."""

    def all(self, issue_id: int) -> list[dict[str, Any]]:
        """All comments of an issue, page by page, the oldest first."""

    def marks(self, ids: Sequence[str]) -> dict[str, Any]:
        """Our own entity property of these comments, None where one has none, by the comments'
        ids; one that is gone or hidden is left out."""

    def add(self, issue_id: int, body: object, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Add a comment together with its entity properties, in one call; as it is stored then."""

    def edit(
        self, issue_id: int, comment_id: str, body: object, properties: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write a comment's body, and these of its properties; as it is stored then."""

    def delete(self, issue_id: int, comment_id: str) -> None:
        """Delete a comment."""


@dataclass(frozen=True)
class File:
    """What a site says of a file. `size` in bytes."""

    id: str
    name: str
    mime: str
    size: int


class BrokenOff(Exception):
    """A file ended before its end, or went on after it."""


class Files(Protocol):
    """The files of one site. Every call raises SiteError; no file is ever whole in memory."""

    def read(self, file: File) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes of a file, piece by piece. The pieces raise BrokenOff."""

    def add(self, issue_id: int, file: File, pieces: Iterable[bytes]) -> dict[str, Any]:
        """Attach a file from its pieces, under the name and of the size that `file` says; as the
        site tells of it. What the pieces raise is passed on, and the site has nothing then."""

    def delete(self, file_id: str) -> None:
        """Delete a file."""

    def limit(self, size: int) -> int | None:
        """How many bytes a file may have; None where the site takes no files. Asked for a file of
        this size, which is not refused for what was true minutes ago."""

    def media_id(self, file_id: str) -> str | None:
        """What rich text calls a file; None where the site does not tell."""

    def note(self, issue_id: int, notes: Mapping[str, Any]) -> None:
        """Store which of an issue's files are twins, as a property of the issue."""


class Worklogs(Protocol):
    """The worklogs of one site, raw as REST v3 gives them. Every call raises SiteError. None moves
    an estimate or tells people by mail."""

    def all(self, issue_id: int) -> list[dict[str, Any]]:
        """All worklogs of an issue, page by page, in the order of their making."""

    def marks(self, ids: Sequence[str]) -> dict[str, Any]:
        """Our own entity property of these worklogs, None where one has none, by the worklogs' ids;
        one that is gone or hidden is left out."""

    def add(
        self, issue_id: int, said: Mapping[str, Any], properties: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Log work together with its entity properties, in one call; as it is stored then."""

    def edit(self, issue_id: int, worklog_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Write these parts of a worklog; as it is stored then."""

    def delete(self, issue_id: int, worklog_id: str) -> None:
        """Delete a worklog."""


class Links(Protocol):
    """The links of one site's issues. Every call raises SiteError."""

    def author(self) -> str:
        """The account that histories name for what we do."""

    def types(self) -> list[tuple[str, str]]:
        """The types of links that the site has, by id and name; none where it has no links."""

    def add(self, kind: Mapping[str, str], source: int, target: int) -> None:
        """Link two issues; `kind` has the id or the name of the link's type. The site does not say
        which link that made, nor whether it was there already."""

    def delete(self, link_id: str) -> None:
        """Take a link away."""

    def note(self, issue_id: int, notes: Mapping[str, Any]) -> None:
        """Store which of an issue's links are twins, as a property of the issue."""

    def put_remote(self, issue_id: int, body: Mapping[str, Any]) -> str:
        """Make a link to the outside, or replace the one of the same `globalId`; its id."""

    def delete_remote(self, issue_id: int, global_id: str) -> None:
        """Take the link to the outside of this global id away."""
