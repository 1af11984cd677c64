"""The REST operations of a site: a registry, and what each handler is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import MultiDict

from sandbox.auth import Caller
from sandbox.errors import JiraError, missing_issue
from sandbox.model import Issue, JsonDict, Project
from sandbox.site import Site

if TYPE_CHECKING:
    from sandbox.world import World

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Ctx:
    """One call: the site, who calls, API version (2 or 3), query parameters and JSON body."""

    site: Site
    world: World
    caller: Caller
    version: int
    args: MultiDict[str, str]
    body: Any

    def issue(self, id_or_key: str) -> Issue:
        """The issue the path names; raises 404 as Jira does when hidden or absent."""
        issue = self.site.issue(id_or_key)
        if issue is None or not self.caller.sees_issue(self.site, issue):
            raise missing_issue()
        return issue

    def editable(self, id_or_key: str) -> Issue:
        """The issue, when the caller may also change it."""
        issue = self.issue(id_or_key)
        if not self.caller.user.can_edit:
            raise JiraError(403, "You do not have permission to edit issues in this project.")
        if issue.archived:
            raise JiraError(400, "You can't edit this issue because it is archived.")
        return issue

    def project(self, id_or_key: str) -> Project:
        """The project the path names; raises 404 when hidden or absent."""
        project = self.site.project(id_or_key)
        if project is None or not self.caller.sees(project):
            raise JiraError(404, f"No project could be found with key '{id_or_key}'.")
        return project

    def int_arg(self, name: str, default: int, *, most: int | None = None) -> int:
        """A whole number from the query; raises 400 when it is none."""
        text = self.args.get(name)
        if text is None or text == "":
            return default
        try:
            number = int(text)
        except ValueError:
            raise JiraError(400, f"The value of '{name}' must be a whole number.") from None
        if number < 0:
            raise JiraError(400, f"The value of '{name}' must not be negative.")
        return number if most is None else min(number, most)

    def list_arg(self, name: str) -> list[str]:
        """A list from the query: repeated, comma-separated, or both."""
        found = []
        for text in self.args.getlist(name):
            found += [part.strip() for part in text.split(",") if part.strip()]
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean from the query."""
        text = self.args.get(name)
        return default if text is None else text.lower() == "true"

    def url(self, path: str) -> str:
        """An absolute address below the API version that was called."""
        return self.site.self_url(self.version, path)

    def page(self, values: list[Any], *, default: int, most: int, path: str) -> JsonDict:
        """Cut one page by startAt and maxResults, in the shape of Jira's page beans."""
        start = self.int_arg("startAt", 0)
        size = self.int_arg("maxResults", default, most=most)
        end = start + size
        page: JsonDict = {
            "self": f"{self.url(path)}?startAt={start}&maxResults={size}",
            "maxResults": size,
            "startAt": start,
            "total": len(values),
            "isLast": end >= len(values),
            "values": values[start:end],
        }
        if end < len(values):
            page["nextPage"] = f"{self.url(path)}?startAt={end}&maxResults={size}"
        return page


@dataclass(frozen=True)
class Route:
    """One operation. `path` is as in Atlassian's document, without /rest/api/3 unless `plain`."""

    method: str
    path: str
    handler: Handler
    plain: bool = False
    anonymous: bool = False
    # Points beyond the one of the call itself, computed from what is answered.
    per_object: Callable[[Any], int] | None = None
    # Reads a request that is no JSON, before the site's lock is taken; gives the context's body.
    intake: Callable[[World], Any] | None = None

    @property
    def documented(self) -> str:
        """The path as Atlassian's OpenAPI document writes it."""
        return self.path if self.plain else f"/rest/api/3/{self.path}"


ROUTES: list[Route] = []


def route(method: str, path: str, **options: Any) -> Callable[[Handler], Handler]:
    """Register a handler `(ctx, **path_parameters) -> body | (status, body)`."""

    def keep(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, **options))
        return handler

    return keep
