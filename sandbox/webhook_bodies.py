"""The bodies of webhooks: in the words of REST v2, with wiki markup, as real sites send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.model import (
    Attachment,
    ChangeItem,
    Comment,
    Issue,
    IssueLink,
    JsonDict,
    Worklog,
)
from sandbox.render import View
from sandbox.site import Site

# Comment events carry no more of their issue than this.
THIN = ("summary", "issuetype", "project", "assignee", "priority", "status")
# Not in the bodies of issue events, although the REST API gives it.
LEFT_OUT = frozenset({"comment", "worklog"})


@dataclass(frozen=True)
class Event:
    """Something that happened; `issue` is a snapshot of then. `time` is epoch milliseconds."""

    name: str
    time: int
    issue: Issue
    actor: str = ""
    items: tuple[ChangeItem, ...] = ()
    change_id: str = ""
    type_name: str = ""
    comment: Comment | None = None
    attachment: Attachment | None = None
    worklog: Worklog | None = None
    link: IssueLink | None = None
    property_key: str = ""
    secondary: bool = False


@dataclass(frozen=True)
class SiteEvent:
    """Something that happened to no issue: to a person, a version, an issue type. `told` is the
    rest of its body."""

    name: str
    time: int
    told: JsonDict
    secondary: bool = False


def body_of(site: Site, event: Event | SiteEvent) -> JsonDict:
    """The JSON of one event."""
    look = View(site, 2, site.time_zone)
    body: JsonDict = {"timestamp": event.time, "webhookEvent": event.name}
    if isinstance(event, SiteEvent):
        return {**body, **event.told}
    if event.name.startswith("comment_"):
        assert event.comment is not None
        body["comment"] = look.comment(event.issue, event.comment)
        body["issue"] = _issue(look, event.issue, list(THIN))
        body["eventType"] = "primaryAction"
        return body
    if hanging := _hanging(site, look, event):
        return {**body, **hanging}
    if event.property_key:
        return _property(look, event, body)
    body["issue_event_type_name"] = event.type_name
    body["user"] = look.user(event.actor)
    names = [name for name in site.fields if name not in LEFT_OUT]
    body["issue"] = _issue(look, event.issue, names)
    if event.items:
        body["changelog"] = {"id": event.change_id, "items": _items(look, event)}
    if event.comment:
        body["comment"] = look.comment(event.issue, event.comment)
    return body


def _hanging(site: Site, look: View, event: Event) -> JsonDict | None:
    """What files, worklogs and links tell: themselves alone, their issues at most by id."""
    if event.attachment:
        return {"attachment": look.attachment(event.attachment)}
    if event.worklog:
        return {"worklog": look.worklog(event.issue, event.worklog)}
    if event.link:
        kind = site.link_types[event.link.type_id]
        shown: JsonDict = {
            "id": int(event.link.id),
            "sourceIssueId": int(event.link.source),
            "destinationIssueId": int(event.link.target),
            "issueLinkType": {
                "id": int(kind.id),
                "name": kind.name,
                "outwardName": kind.outward,
                "inwardName": kind.inward,
                "isSubTaskLinkType": False,
                "isSystemLinkType": False,
            },
            "systemLink": False,
        }
        return {"issueLink": shown}
    return None


def _issue(look: View, issue: Issue, names: list[str]) -> JsonDict:
    shown = look.issue(issue, wanted=names)
    del shown["expand"]
    return shown


def _items(look: View, event: Event) -> list[JsonDict]:
    items = []
    for item in event.items:
        shown = look.change(item)
        if item.field_id in ("assignee", "reporter"):
            shown["tmpFromAccountId"] = item.before
            shown["tmpToAccountId"] = item.after
        items.append(shown)
    return items


def _property(look: View, event: Event, body: JsonDict) -> JsonDict:
    issue = event.issue
    prop: JsonDict = {
        "key": event.property_key,
        "self": f"{look.base}/issue/{issue.id}/properties/{event.property_key}",
    }
    if event.name.endswith("_set"):
        value: Any = issue.properties.get(event.property_key)
        prop["value"] = value
    body["user"] = look.user(event.actor)
    body["property"] = prop
    body["issue"] = {"id": issue.id, "key": issue.key, "self": f"{look.base}/issue/{issue.id}"}
    return body
