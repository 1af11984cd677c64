"""Watchers and votes of issues. Neither moves `updated` nor leaves a history."""

from __future__ import annotations

from typing import Any

from sandbox.errors import JiraError
from sandbox.model import Issue
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view


def _held(issue: Issue, field_id: str) -> list[str]:
    return list(issue.fields.get(field_id) or [])


def _hold(ctx: Ctx, issue: Issue, field_id: str, accounts: list[str]) -> None:
    issue.fields = {**issue.fields, field_id: accounts}
    ctx.site.touch_index(issue.id)


def _named(ctx: Ctx, account_id: Any) -> str:
    """The account that is meant: the caller's own where none is named."""
    found = ctx.site.users.get(str(account_id or ctx.caller.user.account_id))
    if found is None:
        raise JiraError(404, "The specified user does not exist.")
    return found.account_id


@route("GET", "issue/{issueIdOrKey}/watchers")
def watchers(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Who watches an issue."""
    issue, look = ctx.issue(issueIdOrKey), view(ctx)
    shown = look.value(issue, ctx.site.fields["watches"])
    return {**shown, "watchers": [look.user(one) for one in _held(issue, "watches")]}


@route("POST", "issue/{issueIdOrKey}/watchers")
def watch(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Let an account watch an issue."""
    issue, who = ctx.issue(issueIdOrKey), _named(ctx, ctx.body)
    have = _held(issue, "watches")
    _hold(ctx, issue, "watches", have if who in have else [*have, who])
    return 204, None


@route("DELETE", "issue/{issueIdOrKey}/watchers")
def stop_watching(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Let an account watch it no more."""
    issue, who = ctx.issue(issueIdOrKey), _named(ctx, ctx.args.get("accountId"))
    _hold(ctx, issue, "watches", [one for one in _held(issue, "watches") if one != who])
    return 204, None


@route("GET", "issue/{issueIdOrKey}/votes")
def votes(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Who votes for an issue."""
    issue, look = ctx.issue(issueIdOrKey), view(ctx)
    shown = look.value(issue, ctx.site.fields["votes"])
    return {**shown, "voters": [look.user(one) for one in _held(issue, "votes")]}


@route("POST", "issue/{issueIdOrKey}/votes")
def vote(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Vote for an issue that somebody else reported."""
    issue, who = ctx.issue(issueIdOrKey), ctx.caller.user.account_id
    if issue.fields.get("reporter") == who:
        raise JiraError(404, "You cannot vote for an issue you have reported.")
    have = _held(issue, "votes")
    _hold(ctx, issue, "votes", have if who in have else [*have, who])
    return 204, None


@route("DELETE", "issue/{issueIdOrKey}/votes")
def take_back(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Take one's vote back."""
    issue, who = ctx.issue(issueIdOrKey), ctx.caller.user.account_id
    _hold(ctx, issue, "votes", [one for one in _held(issue, "votes") if one != who])
    return 204, None
