"""Parses queries for whoever asks, and tells which issues queries would find."""

from __future__ import annotations

from typing import Any

from sandbox.errors import JiraError
from sandbox.jql import JqlError, Query, compile_jql
from sandbox.model import JsonDict
from sandbox.rest import Ctx, route

# Jira refuses more; its document does not say where it begins.
MOST_QUERIES = 100
MOST_ISSUES = 1000


def _compiled(ctx: Ctx, jql: str) -> Query:
    user = ctx.caller.user
    query, _ = compile_jql(ctx.site, jql, account_id=user.account_id, time_zone=user.time_zone)
    return query


@route("POST", "jql/parse")
def parse(ctx: Ctx) -> Any:
    """Whether queries are understood: `strict` and `warn` look for fields and values as well, and
    so does `none` here."""
    return {"queries": [_parsed(ctx, jql) for jql in (ctx.body or {}).get("queries", [])]}


def _parsed(ctx: Ctx, jql: str) -> JsonDict:
    try:
        return {"query": jql, "structure": _compiled(ctx, jql).structure}
    except JqlError as error:
        return {"query": jql, "errors": [str(error)]}


def _objects(body: Any) -> int:
    return 1 + sum(len(one["matchedIssues"]) for one in (body or {}).get("matches", []))


@route("POST", "jql/match", per_object=_objects)
def match(ctx: Ctx) -> Any:
    """Which of the issues each query finds, as search knows them."""
    body = ctx.body or {}
    if len(body.get("jqls", [])) > MOST_QUERIES:
        raise JiraError(400, f"At most {MOST_QUERIES} JQL queries can be matched.")
    if len(body.get("issueIds", [])) > MOST_ISSUES:
        raise JiraError(400, f"At most {MOST_ISSUES} issues can be matched.")
    wanted = {str(one) for one in body.get("issueIds", [])}
    seen = [
        issue
        for issue in ctx.site.indexed()
        if issue.id in wanted and ctx.caller.sees_issue(ctx.site, issue)
    ]
    return {"matches": [_matches(ctx, jql, seen) for jql in body.get("jqls", [])]}


def _matches(ctx: Ctx, jql: str, seen: list[Any]) -> JsonDict:
    try:
        query = _compiled(ctx, jql)
    except JqlError as error:
        return {"matchedIssues": [], "errors": [f"Invalid JQL: {error}"]}
    return {"matchedIssues": [int(one.id) for one in seen if query.matches(one)], "errors": []}
