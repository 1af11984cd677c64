"""A Jira Cloud site over REST v3, through atlassian-python-api's client."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import requests
from atlassian import Jira

from app.jira.credential import Credential
from app.jira.outbound import (
    CALL_SECONDS,
    AddressRefused,
    NetworkPolicy,
    Stopped,
    guarded_session,
)
from app.jira.site import (
    Changelog,
    Created,
    Edit,
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
from app.jira.times import parse_time

# The client logs whole answers at debug level; issue content never reaches a log.
logging.getLogger("atlassian").setLevel(logging.WARNING)

P = ParamSpec("P")
T = TypeVar("T")

PROPERTY = "tandem"
"""The entity property that marks an issue as made by Tandem, and names its source."""

SILENCE_SECONDS = 30  # how long a site may say nothing
PAGE = 100
PEOPLE = 20
PROJECTS_A_CHECK = 1000


def _understood(method: Callable[P, T]) -> Callable[P, T]:
    """A method whose answer is in a form that nobody expects ends as a SiteError."""

    @wraps(method)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise SiteError(
                f"The site answered {method.__name__} in an unknown form. It is tried again."
            ) from fault

    return reading


class CloudSite:
    """Implements `app.jira.site.JiraSite` for Jira Cloud."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        policy: NetworkPolicy,
        *,
        seconds: float = CALL_SECONDS,
        observe: Observer = lambda headers, error: None,
    ) -> None:
        """`seconds` is what one call may take, from the look-up of the name to the last byte."""
        self.base_url = base_url
        self._observe = observe
        session = guarded_session(policy, auth=credential.auth(), seconds=seconds)
        # Its own retries (1,000, for up to half an hour) stay off: backing off is the worker's.
        self._client = Jira(
            base_url,
            session=session,
            cloud=True,
            advanced_mode=True,
            backoff_and_retry=False,
            retry_with_header=False,  # it would sleep in our thread for as long as a site likes
            timeout=SILENCE_SECONDS,
        )

    # -- issues

    @_understood
    def fetch(self, issue_ids: Sequence[int | str], fields: Sequence[str]) -> dict[int, Issue]:
        """See JiraSite.fetch."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        if not issue_ids:
            return {}
        body = {
            "issueIdsOrKeys": [str(issue_id) for issue_id in issue_ids],
            "fields": [*fields, "updated", "project", "issuetype"],
            "properties": [PROPERTY],
            "fieldsByKeys": False,
        }
        answer = self._call("POST", "rest/api/3/issue/bulkfetch", body=body)
        issues = [_issue(raw) for raw in answer.get("issues", [])]
        return {issue.id: issue for issue in issues}

    @_understood
    def create(self, fields: Mapping[str, Any], properties: Mapping[str, Any]) -> Created:
        """See JiraSite.create."""
        body = {
            "fields": dict(fields),
            "properties": [{"key": key, "value": value} for key, value in properties.items()],
        }
        answer = self._call("POST", "rest/api/3/issue", body=body)
        return Created(int(answer["id"]), _text(answer["key"]))

    @_understood
    def update(self, issue_id: int, fields: Mapping[str, Any]) -> Issue | None:
        """See JiraSite.update. The changes come with it, so that they cost no call: see
        app/sync/overwritten.py."""
        answer = self._call(
            "PUT",
            f"rest/api/3/issue/{issue_id}",
            params={"returnIssue": "true", "expand": "changelog", "notifyUsers": "false"},
            body={"fields": dict(fields)},
        )
        return _issue(answer) if answer.get("fields") else None

    @_understood
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
            return Created(int(raw["id"]), _text(raw["key"]))
        return None

    @_understood
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
            tuple(_issue(raw) for raw in answer.get("issues", [])),
            None if following is None else _text(following),
        )

    @_understood
    def count(self, jql: str) -> int:
        """See JiraSite.count."""
        answer = self._call("POST", "rest/api/3/search/approximate-count", body={"jql": jql})
        return int(answer["count"])

    @_understood
    def parse(self, queries: Sequence[str]) -> list[ParsedJql]:
        """See JiraSite.parse."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/
        answer = self._call(
            "POST",
            "rest/api/3/jql/parse",
            params={"validation": "strict"},
            body={"queries": list(queries)},
        )
        parsed = [_parsed(raw) for raw in answer["queries"]]
        if len(parsed) != len(queries):
            raise ValueError("not one answer a query")
        return parsed

    @_understood
    def match(self, jql: str, issue_ids: Sequence[int]) -> frozenset[int]:
        """See JiraSite.match."""
        body = {"jqls": [jql], "issueIds": list(issue_ids)}
        [found] = self._call("POST", "rest/api/3/jql/match", body=body)["matches"]
        if found.get("errors"):
            raise JqlRefused
        return frozenset(int(one) for one in found["matchedIssues"]) & frozenset(issue_ids)

    @_understood
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
                body["nextPageToken"] = _text(following)
        except SiteError as error:
            if error.site_status != 400:
                raise
            # The filter is broken, or one of the issues was deleted a moment ago: `match` knows
            # the difference.
            return self.match(jql, issue_ids)

    @_understood
    def last_changes(self, issue_ids: Sequence[int]) -> dict[int, FieldChanges]:
        """See JiraSite.last_changes. Knows each issue's 40 newest changes, which is what the bulk
        read gives; the bulk read of whole changelogs is closed to Connect apps."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        last: dict[int, FieldChanges] = {}
        if issue_ids:
            body = {
                "issueIdsOrKeys": [str(issue_id) for issue_id in issue_ids],
                "fields": ["updated"],
                "expand": ["changelog"],
            }
            answer = self._call("POST", "rest/api/3/issue/bulkfetch", body=body)
            for raw in answer.get("issues", []):
                histories = (raw.get("changelog") or {}).get("histories", [])
                last[int(raw["id"])] = FieldChanges(_latest(histories))
        return {one: last.get(one, FieldChanges()) for one in issue_ids}

    @_understood
    def changelogs(self, issue_ids: Sequence[int]) -> dict[int, Changelog]:
        """See JiraSite.changelogs. Gives each issue's 40 newest changes, as `last_changes` does."""
        if not issue_ids:
            return {}
        body = {
            "issueIdsOrKeys": [str(issue_id) for issue_id in issue_ids],
            "fields": ["updated"],
            "expand": ["changelog"],
        }
        answer = self._call("POST", "rest/api/3/issue/bulkfetch", body=body)
        found = {}
        for raw in answer.get("issues", []):
            found[int(raw["id"])] = _changelog(raw.get("changelog") or {})
        return found

    @_understood
    def changelog(self, issue_id: int) -> Changelog:
        """See JiraSite.changelog."""
        path = f"rest/api/3/issue/{int(issue_id)}/changelog"
        return Changelog(_edits(list(self._pages(path, "values"))), whole=True)

    @_understood
    def delete(self, issue_id: int) -> None:
        """See JiraSite.delete."""
        self._call("DELETE", f"rest/api/3/issue/{int(issue_id)}")

    # -- metadata

    def ask(self) -> None:
        """See JiraSite.ask."""
        self._call("GET", "rest/api/3/myself")

    @_understood
    def account(self) -> str:
        """See JiraSite.account."""
        return _text(self._call("GET", "rest/api/3/myself")["accountId"])

    @_understood
    def projects(self) -> list[Named]:
        """See JiraSite.projects."""
        found = self._pages("rest/api/3/project/search", "values")
        named = [Named(int(raw["id"]), _text(raw["name"]), _text(raw["key"])) for raw in found]
        return sorted(named, key=lambda project: project.name.casefold())

    @_understood
    def issue_types(self, project_id: int) -> list[Named]:
        """See JiraSite.issue_types."""
        path = f"rest/api/3/issue/createmeta/{project_id}/issuetypes"
        return [
            Named(int(raw["id"]), _text(raw["name"]))
            for raw in self._pages(path, "issueTypes")
            if not raw.get("subtask")
        ]

    @_understood
    def create_fields(self, project_id: int, type_id: int) -> dict[str, FieldRule]:
        """See JiraSite.create_fields."""
        path = f"rest/api/3/issue/createmeta/{project_id}/issuetypes/{type_id}"
        return {_text(raw["fieldId"]): _rule(raw) for raw in self._pages(path, "fields")}

    @_understood
    def is_admin(self, account_id: str) -> bool:
        """See JiraSite.is_admin."""
        body = {"accountId": account_id, "globalPermissions": ["ADMINISTER"]}
        answer = self._call("POST", "rest/api/3/permissions/check", body=body)
        return "ADMINISTER" in answer.get("globalPermissions", [])

    # -- people

    @_understood
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

    @_understood
    def people(self, account_ids: Sequence[str]) -> dict[str, str]:
        """See JiraSite.people."""
        names: dict[str, str] = {}
        for start in range(0, len(account_ids), PAGE):
            params = {"accountId": list(account_ids[start : start + PAGE]), "maxResults": PAGE}
            for raw in self._call("GET", "rest/api/3/user/bulk", params=params).get("values", []):
                names[str(raw["accountId"])] = str(raw["displayName"])
        return names

    @_understood
    def find_people(self, query: str) -> list[Person]:
        """See JiraSite.find_people."""
        found = self._answer(
            "GET", "rest/api/3/user/search", params={"query": query, "maxResults": PEOPLE}
        )
        if not isinstance(found, list):
            raise SiteError(f"{self.base_url} answered the search of people in an unknown form.")
        return [
            Person(str(raw["accountId"]), str(raw["displayName"]))
            for raw in found
            if raw.get("accountType") == "atlassian" and raw.get("active", True)
        ]

    # -- the wire

    def _pages(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        start = 0
        while True:
            answer = self._call("GET", path, params={"startAt": start, "maxResults": PAGE})
            values = answer.get(name, [])
            yield from values
            start += len(values)
            if not values or answer.get("isLast", start >= answer.get("total", 0)):
                return

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One call. Raises SiteError for everything but a 2xx with a JSON object (or nothing)."""
        parsed = self._answer(method, path, params=params, body=body)
        if not isinstance(parsed, dict):
            raise SiteError(f"{self.base_url} answered {method} {path} in an unknown form.")
        return parsed

    def _answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """One call, of which the observer is told. Raises SiteError for all but a 2xx with JSON
        (or nothing)."""
        try:
            headers, parsed = self._ask(method, path, params=params, body=body)
        except SiteError as error:
            self._observe({}, error)
            raise
        self._observe(headers, None)
        return parsed

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> tuple[Mapping[str, str], Any]:
        try:
            answer = self._client.request(
                method=method,
                path=path,
                params=dict(params or {}),
                data=dict(body) if body is not None else None,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                allow_redirects=False,
            )
        except AddressRefused as fault:
            raise SiteError(f"{self.base_url} {fault}") from fault
        except Stopped as fault:
            raise SiteError(f"{self.base_url} {fault} for {method} {path}.") from fault
        except requests.RequestException as fault:
            raise SiteError(
                f"{self.base_url} did not answer ({type(fault).__name__}). It is tried again."
            ) from fault
        if not 200 <= answer.status_code < 300:
            raise _refusal(self.base_url, method, path, answer)
        if answer.status_code == 204 or not answer.content:
            return answer.headers, {}
        try:
            return answer.headers, answer.json()
        except (ValueError, RecursionError) as fault:
            raise SiteError(
                f"{self.base_url} answered {method} {path} with something that is not JSON, as "
                "during maintenance. It is tried again."
            ) from fault


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("a text was expected")
    return found


def _issue(raw: Mapping[str, Any]) -> Issue:
    fields = raw["fields"]
    return Issue(
        id=int(raw["id"]),
        key=_text(raw["key"]),
        fields=fields,
        updated=parse_time(fields["updated"]),
        property=(raw.get("properties") or {}).get(PROPERTY),
        changelog=_changelog(raw["changelog"]) if raw.get("changelog") else None,
    )


def _parsed(raw: Mapping[str, Any]) -> ParsedJql:
    errors = tuple(_text(one) for one in raw.get("errors") or ())
    structure = raw.get("structure") or {}
    if not errors and not structure:
        raise ValueError("neither errors nor a structure")
    return ParsedJql(errors, bool(structure.get("where")), bool(structure.get("orderBy")))


def _rule(raw: Mapping[str, Any]) -> FieldRule:
    values = raw.get("allowedValues")
    names = [str(one.get("name", one.get("value"))) for one in values or ()]
    return FieldRule(
        name=_text(raw["name"]),
        required=bool(raw.get("required")) and not raw.get("hasDefaultValue"),
        allowed=frozenset(names) if values else None,
    )


def _latest(histories: Sequence[Mapping[str, Any]]) -> dict[str, datetime]:
    at: dict[str, datetime] = {}
    for history in histories:
        when = parse_time(history["created"])
        for item in history.get("items", []):
            name = item.get("fieldId") or item.get("field")
            if name and (name not in at or at[name] < when):
                at[name] = when
    return at


def _changelog(raw: Mapping[str, Any]) -> Changelog:
    histories = raw.get("histories", [])
    whole = int(raw.get("total", len(histories) + 1)) <= len(histories)
    return Changelog(_edits(histories), whole)


def _edits(histories: Sequence[Mapping[str, Any]]) -> tuple[Edit, ...]:
    edits = []
    for history in histories:
        when, author = parse_time(history["created"]), (history.get("author") or {})
        number = str(history.get("id", ""))
        # Of two changes in one millisecond the later one has the higher number.
        place = when, int(number) if number.isascii() and number.isdigit() else 0
        for item in history.get("items", []):
            before = _told(item.get("from")), _told(item.get("fromString"))
            after = _told(item.get("to")), _told(item.get("toString"))
            name = item.get("fieldId") or item.get("field")
            edit = Edit(_text(name), when, before, after, _told(author.get("accountId")))
            edits.append((place, edit))
    edits.sort(key=lambda one: one[0], reverse=True)
    return tuple(edit for _, edit in edits)


def _told(found: object) -> str | None:
    return None if found is None else _text(found)


def _refusal(site: str, method: str, path: str, answer: requests.Response) -> SiteError:
    """What a site's refusal says, as an error that tells who may mend it."""
    sentences: list[str] = []
    by_field: dict[str, str] = {}
    try:
        body = answer.json()
        sentences += [str(one) for one in body.get("errorMessages") or []]
        by_field = {str(k): str(v) for k, v in (body.get("errors") or {}).items()}
    except (ValueError, RecursionError, AttributeError, TypeError):
        pass  # an HTML page of a proxy or of maintenance
    sentences += [f"{name}: {text}" for name, text in by_field.items()]
    said = "; ".join(sentences)[:500] or "no reason given"
    return SiteError(
        f"{site} answered {answer.status_code} to {method} {path}: {said}",
        site_status=answer.status_code,
        retry_after=_seconds(answer.headers.get("Retry-After")),
        field_errors=by_field,
        limit=_limit(answer),
    )


def _limit(answer: requests.Response) -> str | None:
    """Which limit a 429 was for. The site's word is not kept: only which of ours it means."""
    if answer.status_code != 429:
        return None
    reason = answer.headers.get("RateLimit-Reason", "")
    known = (("issue-on-write", "issue"), ("burst", "burst"), ("quota", "points"))
    return next((limit for mark, limit in known if mark in reason), "rate")


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None  # a date: our own back-off serves
