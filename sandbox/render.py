"""How a site words its data in JSON, in REST v2 and v3 and in webhooks."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import field_json, service
from sandbox.model import (
    Attachment,
    ChangeItem,
    Comment,
    FieldDef,
    History,
    Issue,
    IssueType,
    JsonDict,
    LinkType,
    Priority,
    Project,
    RichValue,
    Status,
    User,
    Worklog,
)
from sandbox.richtext import plain_text, to_wiki
from sandbox.site import Site
from sandbox.spans import span_text

# The issue's own field shows no more worklogs; the rest is in pages.
FIRST_WORKLOGS = 20
CATEGORIES = {
    "new": (2, "blue-gray", "To Do"),
    "indeterminate": (4, "yellow", "In Progress"),
    "done": (3, "green", "Done"),
}


@lru_cache(maxsize=32)
def zone(name: str) -> ZoneInfo:
    """A time zone by its name."""
    return ZoneInfo(name)


@lru_cache(maxsize=65_536)
def _second(second: int, time_zone: str) -> tuple[str, str]:
    moment = datetime.fromtimestamp(second, UTC).astimezone(zone(time_zone))
    return f"{moment:%Y-%m-%dT%H:%M:%S}", f"{moment:%z}"


def jira_time(ms: int, time_zone: str) -> str:
    """Epoch milliseconds as Jira writes a time: 2026-04-25T18:35:13.605+0530."""
    second, rest = divmod(ms, 1000)
    text, offset = _second(second, time_zone)
    return f"{text}.{rest:03d}{offset}"


class View:
    """Writes JSON for one reader: an API version and the reader's time zone."""

    def __init__(self, site: Site, version: int, time_zone: str) -> None:
        """Version 3 gives ADF, 2 wiki markup."""
        self.site = site
        self.version = version
        self.time_zone = time_zone
        self.base = f"{site.base_url}/rest/api/{version}"
        # The account that reads; "" for a webhook, which is nobody's.
        self.reader = ""
        # Which issues the reader may know of.
        self.sees: Callable[[Issue], bool] = lambda issue: True

    # --- vocabulary ----------------------------------------------------------------------

    def avatars(self, kind: str, key: str) -> JsonDict:
        """Addresses of a picture in four sizes."""
        root = f"{self.base}/universal_avatar/view/type/{kind}/avatar/{key}"
        sizes = (("48x48", ""), ("24x24", "small"), ("16x16", "xsmall"), ("32x32", "medium"))
        return {size: f"{root}?size={name}" if name else root for size, name in sizes}

    def user(self, account_id: str | None) -> JsonDict | None:
        """A user as other things mention it: no email, as privacy rules want it."""
        user = self.site.users.get(account_id or "")
        return self.user_of(user) if user else None

    def user_of(self, user: User) -> JsonDict:
        """The same for a user at hand."""
        return {
            "self": f"{self.base}/user?accountId={user.account_id}",
            "accountId": user.account_id,
            "avatarUrls": self.avatars("user", user.account_id.rsplit(":", 1)[-1]),
            "displayName": user.display_name,
            "active": user.active,
            "timeZone": user.time_zone,
            "accountType": user.account_type,
        }

    def issue_type(self, kind: IssueType) -> JsonDict:
        """An issue type."""
        return {
            "self": f"{self.base}/issuetype/{kind.id}",
            "id": kind.id,
            "description": kind.description,
            "iconUrl": f"{self.base}/universal_avatar/view/type/issuetype/avatar/10318?size=medium",
            "name": kind.name,
            "subtask": kind.subtask,
            "avatarId": 10318,
            "entityId": kind.entity_id,
            "hierarchyLevel": kind.level,
        }

    def status(self, status: Status) -> JsonDict:
        """A status with its category."""
        return {
            "self": f"{self.base}/status/{status.id}",
            "description": "",
            "iconUrl": f"{self.site.base_url}/images/icons/statuses/generic.png",
            "name": status.name,
            "id": status.id,
            "statusCategory": self.status_category(status),
        }

    def status_category(self, status: Status) -> JsonDict:
        """The category of a status."""
        number, color, name = CATEGORIES[status.category]
        return {
            "self": f"{self.base}/statuscategory/{number}",
            "id": number,
            "key": status.category,
            "colorName": color,
            "name": name,
        }

    def priority(self, priority: Priority) -> JsonDict:
        """A priority as an issue carries it."""
        icon = priority.name.lower()
        return {
            "self": f"{self.base}/priority/{priority.id}",
            "iconUrl": f"{self.site.base_url}/images/icons/priorities/{icon}_new.svg",
            "name": priority.name,
            "id": priority.id,
        }

    def project(self, project: Project) -> JsonDict:
        """A project as an issue carries it."""
        return {
            "self": f"{self.base}/project/{project.id}",
            "id": project.id,
            "key": project.key,
            "name": project.name,
            "projectTypeKey": service.project_type(project),
            "simplified": False,
            "avatarUrls": self.avatars("project", "10417"),
        }

    def option(self, field: FieldDef, option_id: str) -> JsonDict | None:
        """A select value."""
        option = self.site.option(field.id, option_id)
        if option is None:
            return None
        url = f"{self.base}/customFieldOption/{option.id}"
        return {"self": url, "value": option.value, "id": option.id}

    def resolution(self, resolution_id: str | None) -> JsonDict | None:
        """A resolution."""
        found = self.site.resolutions.get(resolution_id or "")
        if found is None:
            return None
        url = f"{self.base}/resolution/{found.id}"
        return {"self": url, "id": found.id, "description": "", "name": found.name}

    def rich(self, adf: JsonDict | None) -> JsonDict | str | None:
        """Rich text: ADF in v3, wiki markup in v2."""
        return adf if self.version == 3 else to_wiki(adf)

    def time(self, ms: int | None) -> str | None:
        """A time in the reader's zone."""
        return None if ms is None else jira_time(ms, self.time_zone)

    # --- issues --------------------------------------------------------------------------

    def allowed_value(self, field: FieldDef, project: Project) -> list[JsonDict] | None:
        """The values a field may take, where there is a closed list."""
        if field.kind == "priority":
            return [
                self.priority(p)
                for p in self.site.priorities.values()
                if p.projects is None or project.key in p.projects
            ]
        if field.kind == "issuetype":
            return [self.issue_type(self.site.issue_types[t]) for t in project.issue_types]
        if field.kind == "project":
            return [self.project(project)]
        if field.kind == "resolution":
            found = [self.resolution(r) for r in self.site.resolutions]
            return [value for value in found if value]
        return field_json.allowed(self, field, project)

    def value(self, issue: Issue, field: FieldDef) -> Any:  # noqa: PLR0911, PLR0912 (one case a kind)
        """The value of one field of an issue."""
        stored: Any = issue.fields.get(field.id)
        if stored is None and field.custom and field.kind != "sla":
            return None  # most are empty, and webhooks carry them all
        site = self.site
        match field.kind:
            case "richtext":
                return self.rich(stored)
            case "labels":
                return list(stored) if stored or field.id == "labels" else None
            case "user":
                return self.user(issue.creator if field.id == "creator" else stored)
            case "priority":
                return self.priority(site.priorities[stored]) if stored else None
            case "option":
                return self.option(field, stored) if stored else None
            case "options":
                return [self.option(field, v) for v in stored] if stored else None
            case "status":
                return self.status(site.statuses[stored])
            case "issuetype":
                return self.issue_type(site.issue_types[issue.type_id])
            case "project":
                return self.project(site.projects[issue.project_id])
            case "resolution":
                return self.resolution(stored)
            case "datetime":
                return self._moment(issue, field.id)
            case "parent":
                return self._relative(stored)
            case "readonly":
                return self._readonly(issue, field.id)
        return field_json.shown(self, issue, field, stored)

    def _moment(self, issue: Issue, field_id: str) -> str | None:
        moments = {
            "created": issue.created,
            "updated": issue.updated,
            "statuscategorychangedate": issue.status_changed,
        }
        return self.time(moments.get(field_id, issue.fields.get(field_id)))

    def _relative(self, issue_id: str | None) -> JsonDict | None:
        other = self.site.issues.get(issue_id or "")
        if other is None:
            return None
        fields = self.site.fields
        shown = {k: self.value(other, fields[k]) for k in ("summary", "status", "issuetype")}
        if other.fields.get("priority"):
            shown["priority"] = self.value(other, fields["priority"])
        url = f"{self.base}/issue/{other.id}"
        return {"id": other.id, "key": other.key, "self": url, "fields": shown}

    def _readonly(self, issue: Issue, field_id: str) -> Any:  # noqa: PLR0911 (one case a field)
        if field_id == "comment":
            found = [self.comment(issue, c) for c in issue.comments[: service.SHOWN]]
            url = f"{self.base}/issue/{issue.id}/comment"
            page = {"comments": found, "self": url, "maxResults": len(found)}
            page["total"] = len(issue.comments)
            return {**page, "startAt": 0}
        if field_id == "watches":
            url = f"{self.base}/issue/{issue.key}/watchers"
            held = issue.fields.get("watches") or ()
            return {"self": url, "watchCount": len(held), "isWatching": self.reader in held}
        if field_id == "votes":
            url = f"{self.base}/issue/{issue.key}/votes"
            held = issue.fields.get("votes") or ()
            return {"self": url, "votes": len(held), "hasVoted": self.reader in held}
        if field_id == "statusCategory":
            return self.status_category(self.site.statuses[issue.fields["status"]])
        if field_id == "subtasks":
            return [self._relative(child.id) for child in self.site.subtasks_of(issue.id)]
        if field_id == "attachment":
            return [self.attachment(one) for one in issue.attachments]
        if field_id == "issuelinks":
            return self.links(issue)
        if field_id == "worklog":
            return self._worklogs(issue)
        return []

    def relative(self, issue: Issue) -> JsonDict:
        """An issue as others mention it: their parent, sub-task or link."""
        found = self._relative(issue.id)
        assert found is not None
        return found

    def fields(self, issue: Issue, wanted: Iterable[str]) -> JsonDict:
        """The named fields of an issue; `parent` only where there is one, as in Jira."""
        shown = {}
        for name in wanted:
            if name == "parent" and not issue.fields.get("parent"):
                continue
            shown[name] = self.value(issue, self.site.fields[name])
        return shown

    def issue(
        self,
        issue: Issue,
        *,
        wanted: Iterable[str] | None,
        properties: Iterable[str] = (),
        expand: Iterable[str] = (),
    ) -> JsonDict:
        """An issue with the named fields, entity properties and expansions."""
        url = f"{self.base}/issue/{issue.id}"
        # Looked at in issue order so that answers are stable.
        shown: JsonDict = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog",
            "id": issue.id,
            "self": url,
            "key": issue.key,
        }
        names = list(wanted or ())
        if wanted is not None:
            shown["fields"] = self.fields(issue, names)
        keys = list(properties)
        if keys:
            have = issue.properties
            picked = have if "*all" in keys else {k: have[k] for k in keys if k in have}
            shown["properties"] = dict(picked)
        for part in expand:
            if part == "changelog":
                newest_first = [self.history(h) for h in reversed(issue.histories)][:100]
                total = len(issue.histories)
                shown["changelog"] = {
                    "startAt": 0,
                    "maxResults": len(newest_first),
                    "total": total,
                    "histories": newest_first,
                }
            elif part == "names":
                shown["names"] = {name: self.site.fields[name].name for name in names}
            elif part == "schema":
                shown["schema"] = {name: self.site.fields[name].schema for name in names}
            elif part == "renderedFields":
                shown["renderedFields"] = self._rendered(issue, names)
        return shown

    def _rendered(self, issue: Issue, names: list[str]) -> JsonDict:
        rendered: JsonDict = {}
        for name in names:
            if self.site.fields[name].kind == "richtext":
                text = plain_text(issue.fields.get(name))
                rendered[name] = f"<p>{html.escape(text)}</p>" if text else ""
            else:
                rendered[name] = None
        return rendered

    # --- what hangs on issues --------------------------------------------------------------

    def attachment(self, one: Attachment) -> JsonDict:
        """A file."""
        shown: JsonDict = {
            "self": f"{self.base}/attachment/{one.id}",
            "id": one.id,
            "filename": one.filename,
            "author": self.user(one.author),
            "created": self.time(one.created),
            "size": one.size,
            "mimeType": one.mime,
            "content": f"{self.base}/attachment/content/{one.id}",
        }
        if one.mime.startswith("image/"):
            shown["thumbnail"] = f"{self.base}/attachment/thumbnail/{one.id}"
        return shown

    def worklog(self, issue: Issue, one: Worklog, *, properties: bool = False) -> JsonDict:
        """Work on an issue."""
        shown: JsonDict = {
            "self": f"{self.base}/issue/{issue.id}/worklog/{one.id}",
            "author": self.user(one.author),
            "updateAuthor": self.user(one.update_author),
            "created": self.time(one.created),
            "updated": self.time(one.updated),
            "started": self.time(one.started),
            "timeSpent": span_text(one.seconds),
            "timeSpentSeconds": one.seconds,
            "id": one.id,
            "issueId": issue.id,
        }
        if one.body:
            shown["comment"] = self.rich(one.body)
        if one.visibility:
            shown["visibility"] = one.visibility
        if properties:
            found = one.properties.items()
            shown["properties"] = [{"key": key, "value": value} for key, value in found]
        return shown

    def link_type(self, kind: LinkType) -> JsonDict:
        """A kind of link."""
        return {
            "id": kind.id,
            "name": kind.name,
            "inward": kind.inward,
            "outward": kind.outward,
            "self": f"{self.base}/issueLinkType/{kind.id}",
        }

    def links(self, issue: Issue) -> list[JsonDict]:
        """The links of an issue to others that the reader may see."""
        shown = []
        for link in issue.links:
            outward = link.source == issue.id
            other = self.site.issues.get(link.target if outward else link.source)
            if other is None or not self.sees(other):
                continue
            shown.append({
                "id": link.id,
                "self": f"{self.base}/issueLink/{link.id}",
                "type": self.link_type(self.site.link_types[link.type_id]),
                "outwardIssue" if outward else "inwardIssue": self._relative(other.id),
            })  # fmt: skip
        return shown

    def _worklogs(self, issue: Issue) -> JsonDict:
        found = [self.worklog(issue, one) for one in issue.worklogs[:FIRST_WORKLOGS]]
        page = {"startAt": 0, "maxResults": FIRST_WORKLOGS, "total": len(issue.worklogs)}
        return {**page, "worklogs": found}

    def comment(self, issue: Issue, comment: Comment, *, properties: bool = False) -> JsonDict:
        """A comment."""
        shown: JsonDict = {
            "self": f"{self.base}/issue/{issue.id}/comment/{comment.id}",
            "id": comment.id,
            "author": self.user(comment.author),
            "body": self.rich(comment.body),
            "updateAuthor": self.user(comment.update_author),
            "created": self.time(comment.created),
            "updated": self.time(comment.updated),
            "jsdPublic": service.is_public(self.site.projects[issue.project_id], comment),
        }
        if comment.visibility:
            shown["visibility"] = comment.visibility
        if properties:
            found = comment.properties.items()
            shown["properties"] = [{"key": key, "value": value} for key, value in found]
        return shown

    def history(self, history: History) -> JsonDict:
        """One change of an issue, as the changelog gives it."""
        return {
            "id": history.id,
            "author": self.user(history.author),
            "created": self.time(history.created),
            "items": [self.change(item) for item in history.items],
        }

    def change(self, item: ChangeItem) -> JsonDict:
        """One line of a change; rich text is wiki markup here even in v3, as in Jira."""
        return {
            "field": item.field,
            "fieldtype": "custom" if item.custom else "jira",
            # What is no field of the issue, as a link to the outside, has no id.
            **({"fieldId": item.field_id} if item.field_id else {}),
            "from": item.before,
            "fromString": _text(item.before_text),
            "to": item.after,
            "toString": _text(item.after_text),
        }


def _text(value: str | RichValue | None) -> str | None:
    return to_wiki(value.adf) if isinstance(value, RichValue) else value
