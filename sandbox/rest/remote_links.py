"""Links from issues to the outside: created or replaced by their global id."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

from sandbox import linking
from sandbox.errors import JiraError
from sandbox.model import Issue, JsonDict, RemoteLink
from sandbox.rest import Ctx, route

PATH = "issue/{issueIdOrKey}/remotelink"
LONGEST = 255


def _show(ctx: Ctx, issue: Issue, one: RemoteLink) -> JsonDict:
    body = one.body
    shown: JsonDict = {
        "id": int(one.id),
        "self": ctx.url(f"issue/{issue.key}/remotelink/{one.id}"),
        "application": body.get("application") or {},
        "object": {"icon": {}, "status": {"icon": {}}, **body["object"]},
    }
    if one.global_id:
        shown["globalId"] = one.global_id
    if body.get("relationship"):
        shown["relationship"] = body["relationship"]
    return shown


def _by_id(issue: Issue, link_id: str) -> RemoteLink:
    found = next((one for one in issue.remote_links if one.id == link_id), None)
    if found is None:
        raise JiraError(404, f"No remote issue link with id '{link_id}' exists for this issue.")
    return found


def _by_global_id(issue: Issue, global_id: str) -> RemoteLink:
    found = next((one for one in issue.remote_links if one.global_id == global_id), None)
    if found is None:
        raise JiraError(404, f"No remote issue link with global id '{global_id}' exists.")
    return found


def _allowed(ctx: Ctx, name: str) -> Issue:
    issue = ctx.issue(name)
    if not ctx.caller.user.can_edit or issue.archived:
        raise JiraError(403, "You do not have permission to link issues in this project.")
    return issue


def _checked(ctx: Ctx) -> JsonDict:
    body: JsonDict = ctx.body or {}
    given = body["object"]
    faults = {
        name: f"'{name}' is required." for name in ("title", "url") if not given.get(name)
    } | {
        name: f"'{name}' must not be longer than {LONGEST} characters."
        for name, text in (("globalId", body.get("globalId")), ("title", given.get("title")))
        if text and len(text) > LONGEST
    }
    if not faults and "://" not in given["url"]:
        faults["url"] = "'url' must be an absolute URL."
    if faults:
        raise JiraError(400, fields=faults)
    return body


@route("GET", PATH)
def list_links(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The links of an issue, or the one with a global id."""
    issue = ctx.issue(issueIdOrKey)
    if global_id := ctx.args.get("globalId"):
        return _show(ctx, issue, _by_global_id(issue, global_id))
    # A list, although the document's schema is that of a single link: so it is not held to it.
    found = [_show(ctx, issue, one) for one in issue.remote_links]
    return Response(json.dumps(found), content_type="application/json;charset=UTF-8")


@route("POST", PATH)
def put_link(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Create a link, or replace all of the one with the same global id."""
    issue = _allowed(ctx, issueIdOrKey)
    body = _checked(ctx)
    wanted = body.get("globalId")
    old = next((one for one in issue.remote_links if wanted and one.global_id == wanted), None)
    actor = ctx.caller.user.account_id
    one = linking.put_remote(ctx.site, issue, body, old.id if old else None, actor=actor)
    url = ctx.url(f"issue/{issue.key}/remotelink/{one.id}")
    return 200 if old else 201, {"id": int(one.id), "self": url}


@route("GET", PATH + "/{linkId}")
def get_link(ctx: Ctx, issueIdOrKey: str, linkId: str) -> Any:
    """One link."""
    issue = ctx.issue(issueIdOrKey)
    return _show(ctx, issue, _by_id(issue, linkId))


@route("PUT", PATH + "/{linkId}")
def edit_link(ctx: Ctx, issueIdOrKey: str, linkId: str) -> Any:
    """Replace all of a link; what is not given is empty afterwards."""
    issue = _allowed(ctx, issueIdOrKey)
    old = _by_id(issue, linkId)
    linking.put_remote(ctx.site, issue, _checked(ctx), old.id, actor=ctx.caller.user.account_id)
    return 204, None


@route("DELETE", PATH)
def delete_by_global_id(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Take the link with a global id away."""
    issue = _allowed(ctx, issueIdOrKey)
    one = _by_global_id(issue, ctx.args["globalId"])
    linking.drop_remote(ctx.site, issue, one, actor=ctx.caller.user.account_id)
    return 204, None


@route("DELETE", PATH + "/{linkId}")
def delete_link(ctx: Ctx, issueIdOrKey: str, linkId: str) -> Any:
    """Take a link away."""
    issue = _allowed(ctx, issueIdOrKey)
    linking.drop_remote(ctx.site, issue, _by_id(issue, linkId), actor=ctx.caller.user.account_id)
    return 204, None
