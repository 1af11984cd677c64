"""The comments of a Jira Cloud site over REST v3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.jira.answers import PROPERTY, text, understood
from app.jira.wire import Wire

IDS_A_CALL = 1000


class CloudComments:
    """Implements `app.jira.item_calls.Comments`."""

    # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/

    def __init__(self, wire: Wire) -> None:
        self._call, self._pages = wire.call, wire.pages

    @understood
    def all(self, issue_id: int) -> list[dict[str, Any]]:
        """See Comments.all."""
        found = list(self._pages(f"rest/api/3/issue/{int(issue_id)}/comment", "comments"))
        return list({text(raw["id"]): raw for raw in found}.values())

    @understood
    def marks(self, ids: Sequence[str]) -> dict[str, Any]:
        """See Comments.marks."""
        found: dict[str, Any] = {}
        for start in range(0, len(ids), IDS_A_CALL):
            answer = self._call(
                "POST",
                "rest/api/3/comment/list",
                params={"expand": "properties"},
                body={"ids": [int(one) for one in ids[start : start + IDS_A_CALL]]},
            )
            for raw in answer["values"]:
                held = {one["key"]: one.get("value") for one in raw.get("properties") or ()}
                found[text(raw["id"])] = held.get(PROPERTY)
        return found

    @understood
    def add(self, issue_id: int, body: object, properties: Mapping[str, Any]) -> dict[str, Any]:
        """See Comments.add."""
        return self._call(
            "POST",
            f"rest/api/3/issue/{int(issue_id)}/comment",
            body={"body": body, "properties": _listed(properties)},
        )

    @understood
    def edit(
        self, issue_id: int, comment_id: str, body: object, properties: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See Comments.edit."""
        asked: dict[str, Any] = {"body": body}
        if properties:
            asked["properties"] = _listed(properties)
        return self._call(
            "PUT",
            f"rest/api/3/issue/{int(issue_id)}/comment/{int(comment_id)}",
            params={"notifyUsers": "false"},
            body=asked,
        )

    @understood
    def delete(self, issue_id: int, comment_id: str) -> None:
        """See Comments.delete."""
        self._call("DELETE", f"rest/api/3/issue/{int(issue_id)}/comment/{int(comment_id)}")


def _listed(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in properties.items()]
