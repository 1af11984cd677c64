"""A Jira Cloud site over REST v3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.jira import answers
from app.jira.answers import MORE_PROPERTIES, PROPERTY, text, understood
from app.jira.cloud_transitions import CloudTransitions
from app.jira.cloud_values import CloudValues
from app.jira.comments import CloudComments
from app.jira.credential import Credential
from app.jira.files import CloudFiles
from app.jira.item_calls import Comments, Files, Links, Worklogs
from app.jira.links import CloudLinks
from app.jira.outbound import CALL_SECONDS, NetworkPolicy
from app.jira.site import (
    Changelog,
    Created,
    FieldChanges,
    FieldRule,
    Issue,
    JqlRefused,
    Named,
    Observer,
    ParsedJql,
    Person,
    SearchPage,
    SiteError,
)
from app.jira.wire import Wire
from app.jira.worklogs import CloudWorklogs
from app.said import said

PEOPLE = 20
PROJECTS_A_CHECK = 1000


class CloudSite(CloudTransitions, CloudValues):
    """Implements `app.jira.site.JiraSite` for Jira Cloud."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        policy: NetworkPolicy,
        *,
        seconds: float = CALL_SECONDS,
        observe: Observer = lambda headers, error: None,
        wire: type[Wire] = Wire,
    ) -> None:
        """`seconds` is what one call may take, from the look-up of the name to the last byte."""
        self.base_url = base_url
        calls = wire(base_url, credential, policy, seconds=seconds, observe=observe)
        self._call, self._answer, self._pages = calls.call, calls.answer, calls.pages
        self.comments: Comments = CloudComments(calls)
        self.files: Files = CloudFiles(calls)
        self.worklogs: Worklogs = CloudWorklogs(calls)
        self.links: Links = CloudLinks(calls)

    # -- issues

    @understood
    def fetch(self, issue_ids: Sequence[int | str], fields: Sequence[str]) -> dict[int, Issue]:
        """See JiraSite.fetch."""
        return self._fetch(issue_ids, fields)

    @understood
    def fetch_with_screens(
        self, issue_ids: Sequence[int | str], fields: Sequence[str]
    ) -> dict[int, Issue]:
        """See JiraSite.fetch_with_screens."""
        return self._fetch(issue_ids, fields, "editmeta")

    def _fetch(
        self, issue_ids: Sequence[int | str], fields: Sequence[str], *expand: str
    ) -> dict[int, Issue]:
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        if not issue_ids:
            return {}
        body: dict[str, Any] = {
            **({"expand": list(expand)} if expand else {}),
            "issueIdsOrKeys": [str(issue_id) for issue_id in issue_ids],
            "fields": [*fields, "updated", "project", "issuetype"],
            "properties": [PROPERTY, *MORE_PROPERTIES],
            "fieldsByKeys": False,
        }
        answer = self._call("POST", "rest/api/3/issue/bulkfetch", body=body)
        issues = [answers.issue(raw) for raw in answer.get("issues", [])]
        return {issue.id: issue for issue in issues}

    @understood
    def create(self, fields: Mapping[str, Any], properties: Mapping[str, Any]) -> Created:
        """See JiraSite.create."""
        body = {
            "fields": dict(fields),
            "properties": [{"key": key, "value": value} for key, value in properties.items()],
        }
        answer = self._call("POST", "rest/api/3/issue", body=body)
        return Created(int(answer["id"]), text(answer["key"]))

    @understood
    def update(self, issue_id: int, fields: Mapping[str, Any]) -> Issue | None:
        """See JiraSite.update. The changes come with it, so that they cost no call: see
        app/sync/overwritten.py."""
        answer = self._call(
            "PUT",
            f"rest/api/3/issue/{issue_id}",
            params={"returnIssue": "true", "expand": "changelog", "notifyUsers": "false"},
            body={"fields": dict(fields)},
        )
        return answers.issue(answer) if answer.get("fields") else None

    @understood
    def find_twin(self, profile: str, source_issue_id: int) -> Created | None:
        """See JiraSite.find_twin. Search is eventually consistent: None may mean "not yet"."""
        where = f"issue.property[{PROPERTY}]"
        jql = f'{where}.profile = "{profile}" AND {where}.source = "{source_issue_id}"'
        answer = self._call(
            "POST",
            "rest/api/3/search/jql",
            body={"jql": f"{jql} ORDER BY created ASC", "maxResults": 1, "fields": ["updated"]},
        )
        for raw in answer.get("issues", []):
            return Created(int(raw["id"]), text(raw["key"]))
        return None

    @understood
    def find_twins(self, profile: str, source_ids: Sequence[int]) -> dict[int, Created]:
        """See JiraSite.find_twins. The oldest counts: a clone bears the mark of its original."""
        where, wanted = f"issue.property[{PROPERTY}]", {str(one) for one in source_ids}
        listed = ", ".join(f'"{one}"' for one in sorted(wanted))
        page = self.search(
            f'{where}.profile = "{profile}" AND {where}.source IN ({listed})'
            " ORDER BY created ASC, id ASC",
            [],
        )
        found: dict[int, Created] = {}
        for issue in page.issues:
            mark = issue.property or {}
            source = str(mark.get("source"))
            if source in wanted and mark.get("unlinked") is not True:
                found.setdefault(int(source), Created(issue.id, issue.key))
        return found

    @understood
    def search(
        self, jql: str, fields: Sequence[str], *, page: str | None = None, size: int = 100
    ) -> SearchPage:
        """See JiraSite.search."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
        body: dict[str, Any] = {
            "jql": jql,
            "fields": [*fields, "updated", "project", "issuetype"],
            "properties": [PROPERTY],
            "maxResults": size,
        }
        if page is not None:
            body["nextPageToken"] = page
        answer = self._call("POST", "rest/api/3/search/jql", body=body)
        following = answer.get("nextPageToken")
        return SearchPage(
            tuple(answers.issue(raw) for raw in answer.get("issues", [])),
            None if following is None else text(following),
        )

    @understood
    def count(self, jql: str) -> int:
        """See JiraSite.count."""
        answer = self._call("POST", "rest/api/3/search/approximate-count", body={"jql": jql})
        return int(answer["count"])

    @understood
    def parse(self, queries: Sequence[str]) -> list[ParsedJql]:
        """See JiraSite.parse."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/
        answer = self._call(
            "POST",
            "rest/api/3/jql/parse",
            params={"validation": "strict"},
            body={"queries": list(queries)},
        )
        parsed = [answers.parsed(raw) for raw in answer["queries"]]
        if len(parsed) != len(queries):
            raise ValueError("not one answer a query")
        return parsed

    @understood
    def match(self, jql: str, issue_ids: Sequence[int]) -> frozenset[int]:
        """See JiraSite.match."""
        body = {"jqls": [jql], "issueIds": list(issue_ids)}
        [found] = self._call("POST", "rest/api/3/jql/match", body=body)["matches"]
        if found.get("errors"):
            raise JqlRefused
        return frozenset(int(one) for one in found["matchedIssues"]) & frozenset(issue_ids)

    @understood
    def match_now(self, jql: str, issue_ids: Sequence[int]) -> frozenset[int]:
        """See JiraSite.match_now."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile
        body = {
            "jql": f"id in ({', '.join(str(int(one)) for one in issue_ids)}) AND ( {jql} )",
            "maxResults": len(issue_ids),
            "fields": ["id"],
            "reconcileIssues": list(issue_ids),
        }
        found: set[int] = set()
        try:
            while True:
                answer = self._call("POST", "rest/api/3/search/jql", body=body)
                found |= {int(raw["id"]) for raw in answer["issues"]}
                following = answer.get("nextPageToken")
                if following is None or following == body.get("nextPageToken"):
                    return frozenset(found) & frozenset(issue_ids)
                body["nextPageToken"] = text(following)
        except SiteError as error:
            if error.site_status != 400:
                raise
            # The filter is broken, or one of the issues was deleted a moment ago: `match` knows
            # the difference.
            return self.match(jql, issue_ids)

    @understood
    def last_changes(self, issue_ids: Sequence[int]) -> dict[int, FieldChanges]:
        """See JiraSite.last_changes. Knows each issue's 40 newest changes, which is what the bulk
        read gives; the bulk read of whole changelogs is closed to Connect apps."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        last = {one: answers.latest(raw) for one, raw in self._changelogs(issue_ids).items()}
        return {one: last.get(one, FieldChanges()) for one in issue_ids}

    @understood
    def changelogs(self, issue_ids: Sequence[int]) -> dict[int, Changelog]:
        """See JiraSite.changelogs. Gives each issue's 40 newest changes, as `last_changes` does."""
        return {one: answers.changelog(raw) for one, raw in self._changelogs(issue_ids).items()}

    def _changelogs(self, issue_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        if not issue_ids:
            return {}
        body = {
            "issueIdsOrKeys": [str(issue_id) for issue_id in issue_ids],
            "fields": ["updated"],
            "expand": ["changelog"],
        }
        answer = self._call("POST", "rest/api/3/issue/bulkfetch", body=body)
        return {int(raw["id"]): raw.get("changelog") or {} for raw in answer.get("issues", [])}

    @understood
    def changelog(self, issue_id: int) -> Changelog:
        """See JiraSite.changelog."""
        path = f"rest/api/3/issue/{int(issue_id)}/changelog"
        return Changelog(answers.edits(list(self._pages(path, "values"))), whole=True)

    @understood
    def delete(self, issue_id: int) -> None:
        """See JiraSite.delete."""
        self._call("DELETE", f"rest/api/3/issue/{int(issue_id)}")

    # -- metadata

    def ask(self) -> None:
        """See JiraSite.ask."""
        self._call("GET", "rest/api/3/myself")

    @understood
    def account(self) -> str:
        """See JiraSite.account."""
        return text(self._call("GET", "rest/api/3/myself")["accountId"])

    @understood
    def projects(self) -> list[Named]:
        """See JiraSite.projects."""
        found = self._pages("rest/api/3/project/search", "values")
        named = [Named(int(raw["id"]), text(raw["name"]), text(raw["key"])) for raw in found]
        return sorted(named, key=lambda project: project.name.casefold())

    @understood
    def issue_types(self, project_id: int) -> list[Named]:
        """See JiraSite.issue_types."""
        path = f"rest/api/3/issue/createmeta/{project_id}/issuetypes"
        found = [
            Named(int(raw["id"]), text(raw["name"]), subtask=raw.get("subtask") is True)
            for raw in self._pages(path, "issueTypes")
        ]
        return sorted(found, key=lambda kind: kind.subtask)

    @understood
    def create_fields(self, project_id: int, type_id: int) -> dict[str, FieldRule]:
        """See JiraSite.create_fields."""
        path = f"rest/api/3/issue/createmeta/{project_id}/issuetypes/{type_id}"
        return {text(raw["fieldId"]): answers.rule(raw) for raw in self._pages(path, "fields")}

    @understood
    def edit_fields(self, issue_id: int) -> dict[str, FieldRule]:
        """See JiraSite.edit_fields."""
        answer = self._call("GET", f"rest/api/3/issue/{int(issue_id)}/editmeta")
        return answers.edit_screen(answer)

    @understood
    def is_admin(self, account_id: str) -> bool:
        """See JiraSite.is_admin."""
        body = {"accountId": account_id, "globalPermissions": ["ADMINISTER"]}
        answer = self._call("POST", "rest/api/3/permissions/check", body=body)
        return "ADMINISTER" in answer.get("globalPermissions", [])

    # -- people

    @understood
    def administered_projects(self, account_id: str) -> frozenset[int]:
        """See JiraSite.administered_projects."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/
        granted: set[int] = set()
        projects = [project.id for project in self.projects()]
        for start in range(0, len(projects), PROJECTS_A_CHECK):
            asked = {
                "permissions": ["ADMINISTER_PROJECTS"],
                "projects": projects[start : start + PROJECTS_A_CHECK],
            }
            body = {"accountId": account_id, "projectPermissions": [asked]}
            answer = self._call("POST", "rest/api/3/permissions/check", body=body)
            for one in answer.get("projectPermissions", []):
                if one.get("permission") == "ADMINISTER_PROJECTS":
                    granted.update(int(project) for project in one.get("projects", []))
        return frozenset(granted)

    @understood
    def find_people(self, query: str) -> list[Person]:
        """See JiraSite.find_people."""
        found = self._answer(
            "GET", "rest/api/3/user/search", params={"query": query, "maxResults": PEOPLE}
        )
        if not isinstance(found, list):
            raise SiteError(
                said(
                    "%(base_url)s answered the search of people in an unknown form.",
                    base_url=self.base_url,
                )
            )
        return [
            Person(str(raw["accountId"]), str(raw["displayName"]))
            for raw in found
            if raw.get("accountType") == "atlassian" and raw.get("active", True)
        ]
