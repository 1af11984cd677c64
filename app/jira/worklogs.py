"""The worklogs of a Jira Cloud site over REST v3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.jira.answers import PROPERTY, text, understood
from app.jira.wire import Wire

IDS_A_CALL = 1000
# The remaining estimate is a field, which crosses by itself; and people heard of the work already.
QUIETLY = {"adjustEstimate": "leave", "notifyUsers": "false"}


class CloudWorklogs:
    """Implements `app.jira.item_calls.Worklogs`."""

    # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-worklogs/

    def __init__(self, wire: Wire) -> None:
        self._call, self._answer, self._pages = wire.call, wire.answer, wire.pages

    @understood
    def all(self, issue_id: int) -> list[dict[str, Any]]:
        """See Worklogs.all."""
        found = list(self._pages(f"rest/api/3/issue/{int(issue_id)}/worklog", "worklogs"))
        return list({text(raw["id"]): raw for raw in found}.values())

    @understood
    def marks(self, ids: Sequence[str]) -> dict[str, Any]:
        """See Worklogs.marks."""
        found: dict[str, Any] = {}
        for start in range(0, len(ids), IDS_A_CALL):
            answer = self._answer(
                "POST",
                "rest/api/3/worklog/list",
                params={"expand": "properties"},
                body={"ids": [int(one) for one in ids[start : start + IDS_A_CALL]]},
            )
            for raw in answer:
                held = {one["key"]: one.get("value") for one in raw.get("properties") or ()}
                found[text(raw["id"])] = held.get(PROPERTY)
        return found

    @understood
    def add(
        self, issue_id: int, said: Mapping[str, Any], properties: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See Worklogs.add."""
        listed = [{"key": key, "value": value} for key, value in properties.items()]
        return self._call(
            "POST",
            f"rest/api/3/issue/{int(issue_id)}/worklog",
            params=QUIETLY,
            body={**said, "properties": listed},
        )

    @understood
    def edit(self, issue_id: int, worklog_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """See Worklogs.edit."""
        path = f"rest/api/3/issue/{int(issue_id)}/worklog/{int(worklog_id)}"
        return self._call("PUT", path, params=QUIETLY, body=said)

    @understood
    def delete(self, issue_id: int, worklog_id: str) -> None:
        """See Worklogs.delete."""
        path = f"rest/api/3/issue/{int(issue_id)}/worklog/{int(worklog_id)}"
        self._call("DELETE", path, params=QUIETLY)
