"""What a Jira Cloud site knows of the values of fields: people, statuses, groups, components."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from app.jira.answers import field_at_large, is_of_project, text, understood
from app.jira.site import FieldRule, SiteError, Value
from app.jira.wire import PAGE
from app.said import said

GROUPS = 1000  # that are listed at once
# Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/
# https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/
# https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-servicedesk/
# A service desk may be named by the id of its project.
_BY_ID = {
    "component": "rest/api/3/component/{id}",
    "option": "rest/api/3/customFieldOption/{id}",
    "organization": "rest/servicedeskapi/organization/{id}",
    "priority": "rest/api/3/priority/{id}",
    "request_type": "rest/servicedeskapi/servicedesk/{project}/requesttype/{id}",
    "resolution": "rest/api/3/resolution/{id}",
    "security": "rest/api/3/securitylevel/{id}",
    "sprint": "rest/agile/1.0/sprint/{id}",
    "status": "rest/api/3/status/{id}",
    "version": "rest/api/3/version/{id}",
}


class CloudValues:
    """The part of a Cloud site that knows the values of fields."""

    _call: Callable[..., dict[str, Any]]
    _answer: Callable[..., Any]
    _pages: Callable[[str, str], Iterator[dict[str, Any]]]

    # -- people

    @understood
    def people(self, account_ids: Sequence[str]) -> dict[str, str]:
        """See JiraSite.people."""
        return {text(raw["accountId"]): str(raw["displayName"]) for raw in self._users(account_ids)}

    @understood
    def active(self, account_ids: Sequence[str]) -> dict[str, bool]:
        """See JiraSite.active."""
        return {
            text(raw["accountId"]): raw.get("active") is True for raw in self._users(account_ids)
        }

    @understood
    def emails(self, account_ids: Sequence[str]) -> dict[str, str]:
        """See JiraSite.emails. What a person's profile hides, this hides."""
        return {
            text(raw["accountId"]): str(raw["emailAddress"])
            for raw in self._users(account_ids)
            if raw.get("emailAddress")
        }

    @understood
    def find_by_email(self, email: str) -> str | None:
        """See JiraSite.find_by_email. Search also finds names: only a shown address counts."""
        found = self._list("rest/api/3/user/search", {"query": email, "maxResults": PAGE})
        accounts = {
            text(raw["accountId"])
            for raw in found
            if str(raw.get("emailAddress", "")).casefold() == email.casefold()
            and raw.get("active", True)
            and raw.get("accountType", "atlassian") == "atlassian"
        }
        return accounts.pop() if len(accounts) == 1 else None

    def _users(self, account_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(account_ids), PAGE):
            params = {"accountId": list(account_ids[start : start + PAGE]), "maxResults": PAGE}
            yield from self._call("GET", "rest/api/3/user/bulk", params=params).get("values", [])

    # -- fields and their values

    @understood
    def all_fields(self, project_id: int) -> dict[str, FieldRule]:
        """See JiraSite.all_fields. A field of a team-managed project is of that one alone."""
        found = self._list("rest/api/3/field", {})
        return {
            text(raw["id"]): field_at_large(raw) for raw in found if is_of_project(raw, project_id)
        }

    @understood
    def resolutions(self) -> list[Value]:
        """See JiraSite.resolutions."""
        return [_value(raw) for raw in self._list("rest/api/3/resolution", {})]

    @understood
    def statuses(self, project_id: int, type_id: int) -> list[Value]:
        """See JiraSite.statuses."""
        for raw in self._list(f"rest/api/3/project/{project_id}/statuses", {}):
            if str(raw["id"]) == str(type_id):
                return [_value(one) for one in raw.get("statuses", [])]
        return []

    @understood
    def groups(self, names: Sequence[str]) -> list[Value]:
        """See JiraSite.groups."""
        found: list[Value] = []
        for name in names:
            params = {"query": name, "maxResults": PAGE, "caseInsensitive": "true"}
            groups = self._call("GET", "rest/api/3/groups/picker", params=params).get("groups", [])
            found += [
                (text(raw["groupId"]), text(raw["name"]))
                for raw in groups
                if text(raw["name"]).casefold() == name.casefold()
            ]
        return found

    @understood
    def all_groups(self) -> list[Value] | None:
        """See JiraSite.all_groups."""
        params = {"query": "", "maxResults": GROUPS}
        answer = self._call("GET", "rest/api/3/groups/picker", params=params)
        found = [(text(raw["groupId"]), text(raw["name"])) for raw in answer["groups"]]
        return found if len(found) >= int(answer["total"]) else None

    @understood
    def lacks(self, what: str, value_id: str, project_id: int) -> bool:
        """See JiraSite.lacks. What we may not ask for, the site may have."""
        path = _BY_ID[what].format(id=quote(value_id, safe=""), project=project_id)
        try:
            self._call("GET", path)
        except SiteError as error:
            if error.site_status not in {403, 404}:
                raise
            return error.site_status == 404
        return False

    @understood
    def create_component(self, project_id: int, name: str) -> Value:
        """See JiraSite.create_component. Jira wants the project's key there, which may change."""
        project = self._call("GET", f"rest/api/3/project/{project_id}")
        body = {"name": name, "project": text(project["key"])}
        return _value(self._call("POST", "rest/api/3/component", body=body))

    @understood
    def create_version(self, project_id: int, name: str) -> Value:
        """See JiraSite.create_version."""
        body = {"name": name, "projectId": project_id}
        return _value(self._call("POST", "rest/api/3/version", body=body))

    def _list(self, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        found = self._answer("GET", path, params=params)
        if not isinstance(found, list):
            raise SiteError(said("The site answered %(path)s in an unknown form.", path=path))
        return found


def _value(raw: dict[str, Any]) -> Value:
    return str(raw["id"]), text(raw["name"])
