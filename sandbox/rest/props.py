"""Entity properties of issues and comments, and the app properties of Connect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox import editing
from sandbox.errors import JiraError
from sandbox.model import AppInstall, Comment, Issue
from sandbox.rest import Ctx, route

KEY_LIMIT = 255


def missing_property(key: str) -> JiraError:
    """The refusal for a property that is not there."""
    return JiraError(404, f"The property '{key}' does not exist.")


def check_key(key: str) -> None:
    """Refuse keys that are too long. Raises JiraError 400."""
    if len(key) > KEY_LIMIT:
        raise JiraError(400, "The length of the property key must not exceed 255 characters.")


def value_of(ctx: Ctx) -> Any:
    """The value that the request sets. Raises JiraError 400 where there is none."""
    if ctx.body is None:
        raise JiraError(400, "The property value must be a valid, non-empty JSON.")
    return ctx.body


def keys_of(base: str, names: Any) -> Any:
    """A list of keys as Jira shows it."""
    return {"keys": [{"self": f"{base}/{name}", "key": name} for name in names]}


@route("GET", "issue/{issueIdOrKey}/properties")
def issue_keys(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The keys of an issue's properties."""
    issue = ctx.issue(issueIdOrKey)
    return keys_of(ctx.url(f"issue/{issue.id}/properties"), issue.properties)


@route("GET", "issue/{issueIdOrKey}/properties/{propertyKey}")
def issue_property(ctx: Ctx, issueIdOrKey: str, propertyKey: str) -> Any:
    """One property of an issue."""
    issue = ctx.issue(issueIdOrKey)
    if propertyKey not in issue.properties:
        raise missing_property(propertyKey)
    return {"key": propertyKey, "value": issue.properties[propertyKey]}


@route("PUT", "issue/{issueIdOrKey}/properties/{propertyKey}")
def set_issue_property(ctx: Ctx, issueIdOrKey: str, propertyKey: str) -> Any:
    """Set one property of an issue: 201 for a new one, 200 for another value."""
    issue = ctx.editable(issueIdOrKey)
    check_key(propertyKey)
    who = ctx.caller.user.account_id
    fresh = editing.set_property(ctx.site, issue, propertyKey, value_of(ctx), actor=who)
    return 201 if fresh else 200, None


@route("DELETE", "issue/{issueIdOrKey}/properties/{propertyKey}")
def delete_issue_property(ctx: Ctx, issueIdOrKey: str, propertyKey: str) -> Any:
    """Delete one property of an issue."""
    issue = ctx.editable(issueIdOrKey)
    who = ctx.caller.user.account_id
    if not editing.delete_property(ctx.site, issue, propertyKey, actor=who):
        raise missing_property(propertyKey)
    return 204, None


def _comment(ctx: Ctx, comment_id: str) -> tuple[Issue, Comment]:
    issue = ctx.site.issues.get(ctx.site.comment_issue.get(comment_id, ""))
    if issue is None or not ctx.caller.sees_issue(ctx.site, issue):
        raise JiraError(404, f"Can not find a comment for the id: {comment_id}.")
    return issue, next(c for c in issue.comments if c.id == comment_id)


def _store_comment(issue: Issue, comment: Comment, properties: dict[str, Any]) -> None:
    fresh = replace(comment, properties=properties)
    issue.comments = tuple(fresh if c.id == comment.id else c for c in issue.comments)


@route("GET", "comment/{commentId}/properties")
def comment_keys(ctx: Ctx, commentId: str) -> Any:
    """The keys of a comment's properties."""
    _, comment = _comment(ctx, commentId)
    return keys_of(ctx.url(f"comment/{commentId}/properties"), comment.properties)


@route("GET", "comment/{commentId}/properties/{propertyKey}")
def comment_property(ctx: Ctx, commentId: str, propertyKey: str) -> Any:
    """One property of a comment."""
    _, comment = _comment(ctx, commentId)
    if propertyKey not in comment.properties:
        raise missing_property(propertyKey)
    return {"key": propertyKey, "value": comment.properties[propertyKey]}


@route("PUT", "comment/{commentId}/properties/{propertyKey}")
def set_comment_property(ctx: Ctx, commentId: str, propertyKey: str) -> Any:
    """Set one property of a comment."""
    issue, comment = _comment(ctx, commentId)
    check_key(propertyKey)
    editing.check_property_size(value_of(ctx))
    fresh = propertyKey not in comment.properties
    _store_comment(issue, comment, {**comment.properties, propertyKey: ctx.body})
    return 201 if fresh else 200, None


@route("DELETE", "comment/{commentId}/properties/{propertyKey}")
def delete_comment_property(ctx: Ctx, commentId: str, propertyKey: str) -> Any:
    """Delete one property of a comment."""
    issue, comment = _comment(ctx, commentId)
    if propertyKey not in comment.properties:
        raise missing_property(propertyKey)
    left = {k: v for k, v in comment.properties.items() if k != propertyKey}
    _store_comment(issue, comment, left)
    return 204, None


# --- app properties ----------------------------------------------------------------------

ADDON = "/rest/atlassian-connect/1/addons/{addonKey}/properties"


def _message(status: int, text: str) -> JiraError:
    return JiraError(status, body={"message": text, "statusCode": status})


def _app(ctx: Ctx, addon_key: str) -> AppInstall:
    app = ctx.caller.app
    if app is None or app.key != addon_key:
        raise _message(401, "The add-on key in the path is not that of the authenticated app.")
    return app


@route("GET", ADDON, plain=True)
def app_keys(ctx: Ctx, addonKey: str) -> Any:
    """The keys of the app's own properties."""
    app = _app(ctx, addonKey)
    return keys_of(f"{ctx.site.base_url}{ADDON.format(addonKey=addonKey)}", app.properties)


@route("GET", ADDON + "/{propertyKey}", plain=True)
def app_property(ctx: Ctx, addonKey: str, propertyKey: str) -> Any:
    """One property of the app."""
    app = _app(ctx, addonKey)
    if propertyKey not in app.properties:
        raise _message(404, f"Property with key {propertyKey} not found.")
    return {"key": propertyKey, "value": app.properties[propertyKey]}


@route("PUT", ADDON + "/{propertyKey}", plain=True)
def set_app_property(ctx: Ctx, addonKey: str, propertyKey: str) -> Any:
    """Set one property of the app, 32 KB at most."""
    app = _app(ctx, addonKey)
    if len(propertyKey) > 127:
        raise _message(400, "The property key must not be longer than 127 characters.")
    if ctx.body is None:
        raise _message(400, "The property value must be valid JSON.")
    try:
        editing.check_property_size(ctx.body)
    except JiraError as error:
        raise _message(400, error.messages[0]) from None
    fresh = propertyKey not in app.properties
    app.properties[propertyKey] = ctx.body
    if fresh:
        return 201, {"message": "Property created.", "statusCode": 201}
    return 200, {"message": "Property updated.", "statusCode": 200}


@route("DELETE", ADDON + "/{propertyKey}", plain=True)
def delete_app_property(ctx: Ctx, addonKey: str, propertyKey: str) -> Any:
    """Delete one property of the app."""
    app = _app(ctx, addonKey)
    if propertyKey not in app.properties:
        raise _message(404, f"Property with key {propertyKey} not found.")
    del app.properties[propertyKey]
    return 204, None
