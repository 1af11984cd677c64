"""Attachments: files of issues, streamed to and from disk."""

from __future__ import annotations

from typing import Any

from flask import Response

from sandbox import attaching, media
from sandbox.errors import JiraError
from sandbox.media import MOST_FILES, Rules, Upload, rules_of
from sandbox.model import Attachment, Issue
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view

PER_ISSUE = 2000


def _rules(ctx: Ctx) -> Rules:
    return rules_of(ctx.site)


def _find(ctx: Ctx, attachment_id: str) -> tuple[Issue, Attachment]:
    issue = ctx.site.issues.get(ctx.site.attachment_issue.get(attachment_id, ""))
    if issue is None or not ctx.caller.sees_issue(ctx.site, issue) or not _rules(ctx).enabled:
        raise JiraError(404, f"The attachment with id '{attachment_id}' does not exist")
    return issue, next(one for one in issue.attachments if one.id == attachment_id)


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.2f} MB"


def _check(rules: Rules, uploads: list[Upload], present: int) -> None:
    """Refuse what the site's rules do not take: all of the call or nothing."""
    if len(uploads) > MOST_FILES or present + len(uploads) > PER_ISSUE:
        raise JiraError(413, "The number of attachments exceeds the limit.")
    for one in uploads:
        if one.size > rules.uploadLimit:
            raise JiraError(
                413,
                f"{one.filename} is too large to attach. Attachment is {_megabytes(one.size)} but "
                f"the largest allowed attachment is {_megabytes(rules.uploadLimit)}.",
            )
        if one.size == 0 and not rules.emptyFiles:
            raise JiraError(400, f"The file {one.filename} was not attached because it is empty.")
        ending = one.filename.rpartition(".")[2].lower()
        if "." in one.filename and ending in rules.blockedTypes:
            raise JiraError(400, f"Files of the type .{ending} are blocked by your admin.")


@route("POST", "issue/{issueIdOrKey}/attachments", intake=lambda world: world.files.receive())
def add_attachments(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Attach files: they are on disk already; what is refused is deleted."""
    uploads: list[Upload] = ctx.body
    kept: list[Attachment] = []
    try:
        issue = ctx.issue(issueIdOrKey)
        if not _rules(ctx).enabled:
            raise JiraError(403, "Attachments are disabled.")
        if not ctx.caller.user.can_edit or issue.archived:
            raise JiraError(403, "You do not have permission to create attachments for this issue.")
        _check(_rules(ctx), uploads, len(issue.attachments))
        kept = attaching.add(ctx.site, issue, uploads, actor=ctx.caller.user.account_id)
        return [view(ctx).attachment(one) for one in kept]
    finally:
        if not kept:
            media.discard([one.path for one in uploads])


@route("GET", "attachment/meta", anonymous=True)
def settings(ctx: Ctx) -> Any:
    """Whether files may be attached, and how large they may be."""
    rules = _rules(ctx)
    if not rules.enabled:
        return {"enabled": False}
    return {"enabled": True, "uploadLimit": rules.uploadLimit}


@route("GET", "attachment/{id}")
def metadata(ctx: Ctx, id: str) -> Any:
    """What is known of a file."""
    _, one = _find(ctx, id)
    return {**view(ctx).attachment(one), "id": int(one.id)}


@route("GET", "attachment/content/{id}")
def content(ctx: Ctx, id: str) -> Any:
    """The way to the file's bytes, or the bytes themselves when no redirect is wanted."""
    _, one = _find(ctx, id)
    if ctx.flag("redirect", default=True):
        url = media.signed_url(ctx.world.hub_url, ctx.site, one)
        return Response("", 303, headers={"Location": url})
    return media.send(one)


@route("DELETE", "attachment/{id}")
def delete(ctx: Ctx, id: str) -> Any:
    """Delete one's own file, or any as admin or app."""
    issue, one = _find(ctx, id)
    user = ctx.caller.user
    own = one.author == user.account_id
    if not user.can_edit or issue.archived or not (own or user.admin or ctx.caller.app):
        raise JiraError(403, f"You do not have permission to delete attachment with id: {id}")
    attaching.remove(ctx.site, issue, one, actor=user.account_id)
    return 204, None
