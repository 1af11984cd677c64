"""Enhanced JQL search: bounded queries, pages by token, an index that lags."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.errors import JiraError
from sandbox.jql import Compiler, JqlError, Query, compile_jql, sort_issues
from sandbox.model import Issue, JsonDict
from sandbox.rest import Ctx, route
from sandbox.rest.issues import wanted_fields
from sandbox.rest.meta import view

RECONCILE_LIMIT = 50
PAGE_LIMIT = 5000
ANSWERS_KEPT = 16
# A query that means something else a moment later.
RELATIVE = re.compile(r"\(\s*\)|[+-]?\d+[mhdw]\b")
NARROW = ("updated", "updateddate")


def _objects(body: Any) -> int:
    return 1 + len((body or {}).get("issues", []))


@route("GET", "search/jql", per_object=_objects)
def search_get(ctx: Ctx) -> Any:
    """Search by query parameters."""
    asked: JsonDict = {
        "jql": ctx.args.get("jql", ""),
        "nextPageToken": ctx.args.get("nextPageToken"),
        "maxResults": ctx.int_arg("maxResults", 50),
        "fields": ctx.list_arg("fields"),
        "properties": ctx.list_arg("properties"),
        "expand": ctx.args.get("expand", ""),
        "reconcileIssues": [int(i) for i in ctx.list_arg("reconcileIssues")],
    }
    return _search(ctx, asked)


@route("POST", "search/jql", per_object=_objects)
def search_post(ctx: Ctx) -> Any:
    """Search by a body."""
    return _search(ctx, ctx.body or {})


def _find(ctx: Ctx, jql: str, reconcile: list[int]) -> list[Issue]:
    user = ctx.caller.user
    if len(reconcile) > RECONCILE_LIMIT:
        raise JiraError(400, "At most 50 issues can be reconciled.")
    try:
        query, compiler = compile_jql(
            ctx.site, jql, account_id=user.account_id, time_zone=user.time_zone
        )
    except JqlError as error:
        raise JiraError(400, str(error)) from None
    if not query.bounded:
        raise JiraError(
            400,
            "Unbounded JQL queries are not allowed here. Please add a search restriction to "
            "your query.",
        )
    if reconcile or RELATIVE.search(jql):
        return _scan(ctx, query, compiler, {str(i) for i in reconcile})
    return _kept(ctx, jql, query, compiler)


def _scan(ctx: Ctx, query: Query, compiler: Compiler, reconcile: set[str]) -> list[Issue]:
    candidates = ctx.site.indexed(reconcile, since=_since(query, compiler))
    found = [i for i in candidates if ctx.caller.sees_issue(ctx.site, i) and query.matches(i)]
    return sort_issues(ctx.site, found, query, compiler)


def _since(query: Query, compiler: Compiler) -> int | None:
    """The time that every issue of the answer was updated at or after, if the query says one."""
    where = query.structure["where"]
    for clause in where["clauses"] if where.get("operator") == "and" else [where]:
        name = clause.get("field", {}).get("name", "").lower()
        value = clause.get("operand", {}).get("value")
        if name in NARROW and clause["operator"] in (">", ">=") and value is not None:
            return compiler.moment(name, value)
    return None


@dataclass
class _Answer:
    """What a query found, and the version of the index that it holds for."""

    found: list[Issue]
    version: int


def _kept(ctx: Ctx, jql: str, query: Query, compiler: Compiler) -> list[Issue]:
    """The answer as of now, made from that of the page before by what moved since."""
    site = ctx.site
    site.catch_up()
    key = (jql, ctx.caller.user.account_id)
    answer = site.search_cache.pop(key, None)
    moved = site.moved_since(answer.version) if answer else None
    if answer is None or moved is None:
        answer = _Answer(_scan(ctx, query, compiler, set()), site.index_version)
    elif moved:
        again = [one for one in map(site.indexed_issue, moved) if one is not None]
        found = [one for one in answer.found if one.id not in moved]
        found += [i for i in again if ctx.caller.sees_issue(site, i) and query.matches(i)]
        answer = _Answer(sort_issues(site, found, query, compiler), site.index_version)
    site.search_cache[key] = answer
    if len(site.search_cache) > ANSWERS_KEPT:
        site.search_cache.pop(next(iter(site.search_cache)))
    return answer.found


def _search(ctx: Ctx, asked: JsonDict) -> JsonDict:
    jql = asked.get("jql") or ""
    found = _find(ctx, jql, asked.get("reconcileIssues") or [])
    start = _read_token(asked.get("nextPageToken"), jql)
    size = max(1, min(asked.get("maxResults") or 50, PAGE_LIMIT))
    fields = [part for name in asked.get("fields") or [] for part in name.split(",")]
    properties = asked.get("properties") or []
    only_ids = not fields or fields == ["id"]
    if not only_ids:
        # Jira gives fewer a page when more than ids are asked for.
        size = min(size, 100)
    look = view(ctx)
    expand = [e for e in (asked.get("expand") or "").split(",") if e]
    wanted = None if only_ids else wanted_fields(ctx, fields, default="*navigable")
    shown = []
    for issue in found[start : start + size]:
        if only_ids and not properties and not expand:
            shown.append({"id": issue.id})
        else:
            shown.append(look.issue(issue, wanted=wanted, properties=properties, expand=expand))
    answer: JsonDict = {"issues": shown, "isLast": start + size >= len(found)}
    if not answer["isLast"]:
        answer["nextPageToken"] = _token(start + size, jql)
    return answer


def _token(start: int, jql: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([start, jql]).encode()).decode()


def _read_token(token: str | None, jql: str) -> int:
    if not token:
        return 0
    try:
        start, asked = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        raise JiraError(400, "The provided next page token is invalid.") from None
    if asked != jql:
        raise JiraError(400, "The provided next page token is for another query.")
    return int(start)


@route("POST", "search/approximate-count")
def count(ctx: Ctx) -> Any:
    """About how many issues a query finds."""
    return {"count": len(_find(ctx, (ctx.body or {}).get("jql") or "", []))}
