"""Links between issues, their kinds; and the archive, as far as REST reaches it."""

from __future__ import annotations

from typing import Any

from sandbox import linking, moving
from sandbox.editing import add_comment
from sandbox.errors import JiraError, missing_issue
from sandbox.model import Issue, IssueLink, JsonDict, LinkType
from sandbox.rest import Ctx, route
from sandbox.rest.issues import comment_text, new_comment
from sandbox.rest.meta import view

MOST_ARCHIVED = 1000


@route("GET", "issueLinkType")
def link_types(ctx: Ctx) -> Any:
    """The kinds of links."""
    return {"issueLinkTypes": [view(ctx).link_type(kind) for kind in ctx.site.link_types.values()]}


@route("GET", "issueLinkType/{issueLinkTypeId}")
def link_type(ctx: Ctx, issueLinkTypeId: str) -> Any:
    """One kind of links."""
    kind = ctx.site.link_types.get(issueLinkTypeId)
    if kind is None:
        raise JiraError(404, f"No issue link type with id '{issueLinkTypeId}' found.")
    return view(ctx).link_type(kind)


@route("POST", "issueLinkType")
def create_link_type(ctx: Ctx) -> Any:
    """A new kind of links, by an admin; its name is not in use."""
    asked = ctx.body or {}
    _require_admin(ctx)
    texts = [str(asked.get(one) or "") for one in ("name", "inward", "outward")]
    if not all(texts):
        raise JiraError(400, "The name, inward and outward descriptions must be given.")
    if any(kind.name.casefold() == texts[0].casefold() for kind in ctx.site.link_types.values()):
        raise JiraError(404, f"An issue link type with the name '{texts[0]}' exists.")
    kind = LinkType(ctx.site.next_small_id(), *texts)
    ctx.site.link_types[kind.id] = kind
    return 201, view(ctx).link_type(kind)


@route("DELETE", "issueLinkType/{issueLinkTypeId}")
def delete_link_type(ctx: Ctx, issueLinkTypeId: str) -> Any:
    """Take a kind of links away, by an admin, and the links of this kind with it."""
    _require_admin(ctx)
    if issueLinkTypeId not in ctx.site.link_types:
        raise JiraError(404, f"No issue link type with id '{issueLinkTypeId}' found.")
    for issue in list(ctx.site.issues.values()):
        for one in issue.links:
            if one.type_id == issueLinkTypeId and one.source == issue.id:
                linking.unlink(ctx.site, one, actor=ctx.caller.user.account_id)
    del ctx.site.link_types[issueLinkTypeId]
    return 204, None


def _require_admin(ctx: Ctx) -> None:
    if not ctx.caller.user.admin:
        raise JiraError(404, "You need the permission to administer Jira.")


def _kind(ctx: Ctx, named: JsonDict) -> LinkType:
    for kind in ctx.site.link_types.values():
        if kind.id == str(named.get("id", "")) or kind.name == named.get("name"):
            return kind
    wrong = named.get("name") or named.get("id")
    raise JiraError(404, f"No issue link type with name '{wrong}' found.")


@route("POST", "issueLink")
def create_link(ctx: Ctx) -> Any:
    """Link two issues; the source, which "blocks", is what Jira calls the inward issue."""
    asked = ctx.body or {}
    kind = _kind(ctx, asked["type"])
    ends = [asked[name] for name in ("inwardIssue", "outwardIssue")]
    source, target = (ctx.issue(str(end.get("id") or end.get("key") or "")) for end in ends)
    _allow(ctx, source)
    if source.id == target.id:
        raise JiraError(400, "You cannot link an issue to itself.")
    said = comment_text(ctx, asked["comment"].get("body")) if asked.get("comment") else None
    linking.link(ctx.site, kind, source, target, actor=ctx.caller.user.account_id)
    if said:
        add_comment(ctx.site, source, new_comment(ctx, source, said))
    return 201, None


def _allow(ctx: Ctx, issue: Issue) -> None:
    if not ctx.caller.user.can_edit or issue.archived:
        raise JiraError(404, "No Link Issue Permission for issue")


def _find(ctx: Ctx, link_id: str) -> tuple[IssueLink, Issue, Issue]:
    source = ctx.site.issues.get(ctx.site.link_source.get(link_id, ""))
    if source is None:
        raise JiraError(404, f"No issue link with id '{link_id}' exists.")
    one = next(link for link in source.links if link.id == link_id)
    target = ctx.site.issues[one.target]
    if not all(ctx.caller.sees_issue(ctx.site, issue) for issue in (source, target)):
        raise missing_issue()
    return one, source, target


@route("GET", "issueLink/{linkId}")
def get_link(ctx: Ctx, linkId: str) -> Any:
    """One link, with both of its issues."""
    one, source, target = _find(ctx, linkId)
    look = view(ctx)
    return {
        "id": one.id,
        "self": ctx.url(f"issueLink/{one.id}"),
        "type": look.link_type(ctx.site.link_types[one.type_id]),
        "inwardIssue": look.relative(source),
        "outwardIssue": look.relative(target),
    }


@route("DELETE", "issueLink/{linkId}")
def delete_link(ctx: Ctx, linkId: str) -> Any:
    """Take a link away."""
    one, source, _ = _find(ctx, linkId)
    _allow(ctx, source)
    linking.unlink(ctx.site, one, actor=ctx.caller.user.account_id)
    return 204, None


# --- the archive ---------------------------------------------------------------------------


@route("PUT", "issue/archive")
def archive(ctx: Ctx) -> Any:
    """Archive issues with their sub-tasks."""
    return _archive(ctx, undo=False)


@route("PUT", "issue/unarchive")
def unarchive(ctx: Ctx) -> Any:
    """Bring archived issues back."""
    return _archive(ctx, undo=True)


def _archive(ctx: Ctx, *, undo: bool) -> Any:
    if not (ctx.caller.user.admin or (ctx.caller.app and ctx.caller.has_scope("ADMIN"))):
        raise JiraError(403, "Only admins can archive or unarchive issues. Access denied.")
    names = (ctx.body or {}).get("issueIdsOrKeys", [])
    found = {name: ctx.site.issue(name) for name in names[:MOST_ARCHIVED]}
    errors: JsonDict = {}
    count = 0
    for name, issue in found.items():
        if issue is None or not ctx.caller.sees_issue(ctx.site, issue):
            _add(errors, "issuesNotFound", "Issue not found.", name)
        elif ctx.site.issue_types[issue.type_id].subtask:
            _add(errors, "issueIsSubtask", "Issue is subtask.", name)
        else:
            actor = ctx.caller.user.account_id
            count += moving.archive(ctx.site, issue, actor=actor, undo=undo)
    if (errors and sum(part["count"] for part in errors.values()) == len(found)) or not found:
        raise JiraError(400, "No valid issue to archive or unarchive. Bad request.")
    if len(names) > MOST_ARCHIVED:
        raise JiraError(
            412,
            "The number of issues to archive or unarchive exceeds the hard limit of 1000. "
            "Precondition failed.",
        )
    return {"numberOfIssuesUpdated": count, "errors": errors}


def _add(errors: JsonDict, kind: str, message: str, name: str) -> None:
    part = errors.setdefault(kind, {"count": 0, "issueIdsOrKeys": [], "message": message})
    part["count"] += 1
    part["issueIdsOrKeys"].append(name)
