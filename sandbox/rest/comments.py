"""Comments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox import editing
from sandbox.errors import JiraError
from sandbox.model import Comment, Issue, JsonDict
from sandbox.rest import Ctx, route
from sandbox.rest.issues import comment_text, new_comment
from sandbox.rest.meta import view
from sandbox.richtext import plain_text

TEXT_LIMIT = 32_767
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."


def _find(ctx: Ctx, issue: Issue, comment_id: str) -> Comment:
    found = next((c for c in issue.comments if c.id == comment_id), None)
    if found is None:
        raise JiraError(404, f"Can not find a comment for the id: {comment_id}.")
    return found


def _own(ctx: Ctx, comment: Comment) -> None:
    user = ctx.caller.user
    if comment.author != user.account_id and not (user.admin or ctx.caller.app):
        raise JiraError(400, "You do not have the permission for this comment.")


def _body(ctx: Ctx, issue: Issue, on: str, asked: JsonDict) -> JsonDict:
    """The body that was sent, where it is not too long and no admin's rule refuses it."""
    body = comment_text(ctx, asked.get("body"))
    text = plain_text(body)
    if len(text) > TEXT_LIMIT:
        raise JiraError(400, fields={"comment": TOO_LONG})
    project = ctx.site.projects[issue.project_id]
    ctx.world.refusals[ctx.site.name].check(ctx, on, project.key, issue.key, {"comment": text})
    return body


@route("GET", "issue/{issueIdOrKey}/comment")
def list_comments(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The comments of an issue, in pages."""
    issue = ctx.issue(issueIdOrKey)
    found = list(issue.comments)
    if ctx.args.get("orderBy", "").startswith("-"):
        found.reverse()
    start, size = ctx.int_arg("startAt", 0), ctx.int_arg("maxResults", 100, most=5000)
    look = view(ctx)
    with_properties = "properties" in ctx.list_arg("expand")
    cut = found[start : start + size]
    shown = [look.comment(issue, c, properties=with_properties) for c in cut]
    return {"startAt": start, "maxResults": size, "total": len(found), "comments": shown}


@route("POST", "issue/{issueIdOrKey}/comment")
def add_comment(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Add a comment, with entity properties when given."""
    issue = ctx.issue(issueIdOrKey)
    if not ctx.caller.user.can_edit:
        raise JiraError(400, "You do not have the permission to comment on this issue.")
    asked = ctx.body or {}
    body = _body(ctx, issue, "create", asked)
    comment = new_comment(ctx, issue, body)
    comment.properties = editing.read_properties(asked.get("properties") or [])
    comment.visibility = asked.get("visibility")
    editing.add_comment(ctx.site, issue, comment)
    return 201, view(ctx).comment(issue, comment)


@route("GET", "issue/{issueIdOrKey}/comment/{id}")
def get_comment(ctx: Ctx, issueIdOrKey: str, id: str) -> Any:
    """One comment."""
    issue = ctx.issue(issueIdOrKey)
    with_properties = "properties" in ctx.list_arg("expand")
    return view(ctx).comment(issue, _find(ctx, issue, id), properties=with_properties)


@route("PUT", "issue/{issueIdOrKey}/comment/{id}")
def edit_comment(ctx: Ctx, issueIdOrKey: str, id: str) -> Any:
    """Edit one's own comment, or any as admin or app."""
    issue = ctx.editable(issueIdOrKey)
    old = _find(ctx, issue, id)
    _own(ctx, old)
    asked = ctx.body or {}
    body = _body(ctx, issue, "edit", asked)
    properties = editing.read_properties(asked.get("properties") or [])
    fresh = replace(
        old,
        body=body,
        update_author=ctx.caller.user.account_id,
        updated=ctx.site.tick(issue),
        properties={**old.properties, **properties},
        visibility=asked.get("visibility", old.visibility),
    )
    editing.replace_comment(ctx.site, issue, fresh)
    return view(ctx).comment(issue, fresh)


@route("DELETE", "issue/{issueIdOrKey}/comment/{id}")
def delete_comment(ctx: Ctx, issueIdOrKey: str, id: str) -> Any:
    """Delete one's own comment, or any as admin or app."""
    issue = ctx.editable(issueIdOrKey)
    comment = _find(ctx, issue, id)
    _own(ctx, comment)
    editing.drop_comment(ctx.site, issue, comment, ctx.caller.user.account_id)
    return 204, None


@route("POST", "comment/list", per_object=lambda page: 1 + len((page or {}).get("values", [])))
def comments_by_ids(ctx: Ctx) -> Any:
    """Comments by id, over all issues the caller sees; unknown ids are left out."""
    look = view(ctx)
    with_properties = "properties" in ctx.list_arg("expand")
    shown = []
    for number in (ctx.body or {})["ids"][:1000]:
        issue = ctx.site.issues.get(ctx.site.comment_issue.get(str(number), ""))
        if issue and ctx.caller.sees_issue(ctx.site, issue):
            comment = _find(ctx, issue, str(number))
            shown.append(look.comment(issue, comment, properties=with_properties))
    page = ctx.page(shown, default=1048576, most=1048576, path="comment/list")
    page.pop("self")
    return page
