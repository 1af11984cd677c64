"""Changelogs."""

from __future__ import annotations

from typing import Any

from sandbox.errors import JiraError
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view


@route("GET", "issue/{issueIdOrKey}/changelog",
       per_object=lambda page: 1 + len((page or {}).get("values", [])))  # fmt: skip
def changelog(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The changes of an issue, oldest first, in pages."""
    issue = ctx.issue(issueIdOrKey)
    page = ctx.page(
        list(issue.histories), default=100, most=100, path=f"issue/{issue.id}/changelog"
    )
    look = view(ctx)
    page["values"] = [look.history(h) for h in page["values"]]
    return page


@route("POST", "changelog/bulkfetch")
def bulk_changelog(ctx: Ctx) -> Any:
    """Changes of up to 1000 issues, by field when asked, oldest first, paged by token."""
    asked = ctx.body or {}
    names = asked["issueIdsOrKeys"]
    if not 1 <= len(names) <= 1000:
        raise JiraError(400, "Between 1 and 1000 issues can be requested.")
    only = set(asked.get("fieldIds") or ())
    found = []
    for name in names:
        issue = ctx.site.issue(name)
        if issue and ctx.caller.sees_issue(ctx.site, issue):
            found += [
                (h.created, int(issue.id), h)
                for h in issue.histories
                if not only or any(item.field_id in only for item in h.items)
            ]
    found.sort(key=lambda row: row[:2])
    token = asked.get("nextPageToken") or "0"
    if not token.isdigit():
        raise JiraError(400, "The nextPageToken is invalid.")
    start, size = int(token), min(asked.get("maxResults", 1000), 10_000)
    look = view(ctx)
    by_issue: dict[int, list[Any]] = {}
    for _, issue_id, history in found[start : start + size]:
        shown = look.history(history)
        if only:
            shown["items"] = [i for i in shown["items"] if i["fieldId"] in only]
        by_issue.setdefault(issue_id, []).append(shown)
    logs = [{"issueId": str(i), "changeHistories": h} for i, h in by_issue.items()]
    answer: dict[str, Any] = {"issueChangeLogs": logs}
    if start + size < len(found):
        answer["nextPageToken"] = str(start + size)
    return answer
