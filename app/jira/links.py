"""The links of a Jira Cloud site over REST v3: between issues, and from an issue to the outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.jira.answers import LINKS, text, understood
from app.jira.site import SiteError
from app.jira.wire import Wire

MOST_KEPT = 10_000
_authors: dict[str, str] = {}
"""Our account on each site."""


class CloudLinks:
    """Implements `app.jira.item_calls.Links`."""

    # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-links/

    def __init__(self, wire: Wire) -> None:
        self._call, self._site = wire.call, wire.base_url

    @understood
    def author(self) -> str:
        """See Links.author. An app has one account on a site for good."""
        if self._site not in _authors:
            if len(_authors) >= MOST_KEPT:
                _authors.clear()
            _authors[self._site] = text(self._call("GET", "rest/api/3/myself")["accountId"])
        return _authors[self._site]

    @understood
    def types(self) -> list[tuple[str, str]]:
        """See Links.types. Where linking is switched off, Jira answers 404."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-link-types/
        try:
            answer = self._call("GET", "rest/api/3/issueLinkType")
        except SiteError as error:
            if error.site_status == 404:
                return []
            raise
        return [(text(raw["id"]), text(raw["name"])) for raw in answer["issueLinkTypes"]]

    @understood
    def add(self, kind: Mapping[str, str], source: int, target: int) -> None:
        """See Links.add. Jira calls the issue that "blocks" the inward one here."""
        body = {
            "type": dict(kind),
            "inwardIssue": {"id": str(int(source))},
            "outwardIssue": {"id": str(int(target))},
        }
        self._call("POST", "rest/api/3/issueLink", body=body)

    @understood
    def delete(self, link_id: str) -> None:
        """See Links.delete."""
        self._call("DELETE", f"rest/api/3/issueLink/{int(link_id)}")

    def note(self, issue_id: int, notes: Mapping[str, Any]) -> None:
        """See Links.note."""
        path = f"rest/api/3/issue/{int(issue_id)}/properties/{LINKS}"
        self._call("PUT", path, body=notes)

    @understood
    def put_remote(self, issue_id: int, body: Mapping[str, Any]) -> str:
        """See Links.put_remote."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
        path = f"rest/api/3/issue/{int(issue_id)}/remotelink"
        return str(int(self._call("POST", path, body=body)["id"]))

    @understood
    def delete_remote(self, issue_id: int, global_id: str) -> None:
        """See Links.delete_remote."""
        path = f"rest/api/3/issue/{int(issue_id)}/remotelink"
        self._call("DELETE", path, params={"globalId": global_id})
