"""Links between issues and from issues to the outside, and who may be whose parent."""

from __future__ import annotations

from sandbox.errors import JiraError
from sandbox.hanging import item, record
from sandbox.model import Issue, IssueLink, JsonDict, LinkType, Project, RemoteLink
from sandbox.site import Site

# As a new site has them: name, inward, outward.
TYPES = (
    ("Blocks", "is blocked by", "blocks"),
    ("Cloners", "is cloned by", "clones"),
    ("Duplicate", "is duplicated by", "duplicates"),
    ("Relates", "relates to", "relates to"),
)


def seed_types(site: Site, first_id: int) -> None:
    """Give the site the kinds of links that a new one has."""
    for number, (name, inward, outward) in enumerate(TYPES):
        type_id = str(first_id + number)
        site.link_types[type_id] = LinkType(type_id, name, inward, outward)


# --- between issues ----------------------------------------------------------------------


def link(site: Site, kind: LinkType, source: Issue, target: Issue, *, actor: str) -> IssueLink:
    """Link two issues; the link that is there already is not doubled."""
    for one in source.links:
        ends = (one.source, one.target)
        same = ends == (source.id, target.id)
        turned = kind.inward == kind.outward and ends == (target.id, source.id)
        if one.type_id == kind.id and (same or turned):
            return one
    one = IssueLink(site.next_small_id(), kind.id, source.id, target.id)
    site.link_source[one.id] = source.id
    for issue in (source, target):
        issue.links = (*issue.links, one)
    site.emit("issuelink_created", issue=source.snapshot(), actor=actor, link=one)
    for issue, other, words in _sides(kind, source, target):
        text = f"This work item {words} {other.key}"
        change = item("Link", "issuelinks", None, None, other.key, text)
        record(site, issue, (change,), actor=actor)
    return one


def unlink(site: Site, one: IssueLink, *, actor: str) -> None:
    """Take a link away from both issues."""
    source, target = site.issues[one.source], site.issues[one.target]
    _drop(site, one)
    site.emit("issuelink_deleted", issue=source.snapshot(), actor=actor, link=one)
    for issue, other, words in _sides(site.link_types[one.type_id], source, target):
        text = f"This work item {words} {other.key}"
        change = item("Link", "issuelinks", other.key, text, None, None)
        record(site, issue, (change,), actor=actor)


def forget(site: Site, issue: Issue, *, actor: str) -> None:
    """Take the links of an issue that is deleted away from the others."""
    for one in issue.links:
        _drop(site, one)
        site.emit("issuelink_deleted", issue=issue.snapshot(), actor=actor, link=one)


def _drop(site: Site, one: IssueLink) -> None:
    site.link_source.pop(one.id, None)
    for issue_id in (one.source, one.target):
        if issue := site.issues.get(issue_id):
            issue.links = tuple(other for other in issue.links if other.id != one.id)
            site.touch_index(issue_id)


def _sides(kind: LinkType, source: Issue, target: Issue) -> list[tuple[Issue, Issue, str]]:
    return [(source, target, kind.outward), (target, source, kind.inward)]


# --- to the outside ----------------------------------------------------------------------


def put_remote(
    site: Site, issue: Issue, body: JsonDict, link_id: str | None, *, actor: str
) -> RemoteLink:
    """Store a link to the outside; `link_id` of the one that it replaces."""
    one = RemoteLink(link_id or site.next_small_id(), body.get("globalId") or None, body)
    if link_id:
        issue.remote_links = tuple(one if r.id == link_id else r for r in issue.remote_links)
        record(site, issue, (), actor=actor)
        return one
    issue.remote_links = (*issue.remote_links, one)
    change = item("RemoteIssueLink", "", None, None, one.id, _remote_text(one))
    record(site, issue, (change,), actor=actor)
    return one


def drop_remote(site: Site, issue: Issue, one: RemoteLink, *, actor: str) -> None:
    """Take a link to the outside away."""
    issue.remote_links = tuple(other for other in issue.remote_links if other.id != one.id)
    change = item("RemoteIssueLink", "", one.id, _remote_text(one), None, None)
    record(site, issue, (change,), actor=actor)


def _remote_text(one: RemoteLink) -> str:
    words = one.body.get("relationship") or "links to"
    application = (one.body.get("application") or {}).get("name") or "Web Link"
    return f'This work item {words} "{one.body["object"]["title"]} ({application})"'


# --- parents -----------------------------------------------------------------------------


def check_parent(
    site: Site, project: Project, type_id: str, parent_id: str | None, issue_id: str | None
) -> None:
    """Refuse a parent of the wrong level or project, and circles. Raises JiraError 400."""
    parent = site.issues.get(parent_id or "")
    if parent is None:
        return
    above: Issue | None = parent
    while above is not None:
        if above.id == issue_id:
            raise JiraError(400, fields={"parentId": "A work item cannot be its own parent."})
        above = site.issues.get(above.fields.get("parent") or "")
    level = site.issue_types[type_id].level
    if site.issue_types[parent.type_id].level != level + 1:
        raise JiraError(
            400,
            fields={"parentId": "Given parent work item does not belong to appropriate hierarchy."},
        )
    if level < 0 and parent.project_id != project.id:
        raise JiraError(
            400, fields={"parentId": "A sub-task must be in the project of its parent."}
        )
    if parent.archived:
        raise JiraError(400, fields={"parentId": "The parent is archived."})
