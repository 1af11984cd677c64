"""The workflow of a Jira Cloud issue over REST v3: what moves it has, and making one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.jira import answers
from app.jira.answers import PROPERTY, text, understood
from app.jira.site import Issue, SiteError, Transition

if TYPE_CHECKING:
    from collections.abc import Callable

COMMENT = "comment"


class CloudTransitions:
    """The part of a Cloud site that moves issues through their workflow."""

    _call: Callable[..., dict[str, Any]]

    @understood
    def transitions(self, issue_id: int) -> list[Transition]:
        """See JiraSite.transitions."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        answer = self._call(
            "GET",
            f"rest/api/3/issue/{int(issue_id)}/transitions",
            params={"expand": "transitions.fields", "includeUnavailableTransitions": "true"},
        )
        return [transition(raw) for raw in answer["transitions"]]

    @understood
    def transition(self, issue_id: int, transition_id: str, fields: Mapping[str, Any]) -> None:
        """See JiraSite.transition."""
        body: dict[str, Any] = {"transition": {"id": transition_id}}
        plain = {name: value for name, value in fields.items() if name != COMMENT}
        if plain:
            body["fields"] = plain
        if COMMENT in fields:
            body["update"] = {COMMENT: [{"add": {"body": fields[COMMENT]}}]}
        self._call("POST", f"rest/api/3/issue/{int(issue_id)}/transitions", body=body)

    @understood
    def remark(self, issue_id: int, value: Mapping[str, Any]) -> None:
        """See JiraSite.remark."""
        path = f"rest/api/3/issue/{int(issue_id)}/properties/{PROPERTY}"
        self._call("PUT", path, body=dict(value))

    @understood
    def stored(self, issue_id: int, fields: Sequence[str]) -> Issue | None:
        """See JiraSite.stored."""
        params = {
            "fields": ",".join([*fields, "updated", "project", "issuetype"]),
            "properties": PROPERTY,
            "expand": "changelog",
        }
        try:
            answer = self._call("GET", f"rest/api/3/issue/{int(issue_id)}", params=params)
        except SiteError as error:
            if error.site_status == 404:
                return None
            raise
        return answers.issue(answer)


def transition(raw: Mapping[str, Any]) -> Transition:
    """A transition, as Jira lists it."""
    to = raw["to"]
    category = (to.get("statusCategory") or {}).get("key")
    return Transition(
        id=text(raw["id"]),
        name=text(raw["name"]),
        to=(text(to["id"]), text(to["name"])),
        done=category == "done",
        fields={name: answers.rule(rule) for name, rule in (raw.get("fields") or {}).items()},
        available=bool(raw.get("isAvailable", True)),
        conditional=bool(raw.get("isConditional")),
    )
