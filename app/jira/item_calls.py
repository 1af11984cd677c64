"""What the sync asks of a site about the things on an issue that are no fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
