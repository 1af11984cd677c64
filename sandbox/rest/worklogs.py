"""Worklogs: work on issues, its properties, and what changed since a moment."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox import editing, timelog
from sandbox.errors import JiraError
from sandbox.model import Issue, JsonDict, Worklog
from sandbox.rest import Ctx, route
from sandbox.rest.meta import view
from sandbox.rest.props import check_key, keys_of, missing_property, value_of
from sandbox.spans import span_seconds
from sandbox.timelog import ADJUSTS, Estimate
from sandbox.values import FieldFault, rich_in

PATH = "issue/{issueIdOrKey}/worklog"
PROPERTIES = PATH + "/{worklogId}/properties"
# Jira takes this form alone: milliseconds and an offset without a colon.
STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")
MOST = 5000
PER_PAGE = 1000


def _find(ctx: Ctx, issue: Issue, worklog_id: str) -> Worklog:
    found = next((one for one in issue.worklogs if one.id == worklog_id), None)
    if found is None:
        raise JiraError(404, f"Cannot find worklog with id: '{worklog_id}'.")
    return found


def _own(ctx: Ctx, issue: Issue, one: Worklog | None) -> None:
    """Refuse the work of others to people; apps and admins may edit all."""
    user = ctx.caller.user
    own = one is None or one.author == user.account_id
    if not user.can_edit or issue.archived or not (own or user.admin or ctx.caller.app):
        raise JiraError(400, "You do not have the permission to work on this issue.")


def _spent(asked: JsonDict) -> int | None:
    """The seconds that the request says. Raises JiraError 400."""
    if "timeSpent" in asked and "timeSpentSeconds" in asked:
        raise JiraError(400, "timeSpent and timeSpentSeconds cannot both be given.")
    seconds: int | None = asked.get("timeSpentSeconds")
    if "timeSpent" in asked:
        seconds = span_seconds(str(asked["timeSpent"]))
        if seconds is None:
            raise JiraError(400, fields={"timeLogged": "Invalid time duration entered."})
    if seconds is not None and seconds < 60:
        # Jira counts minutes: less is no time at all.
        raise JiraError(400, fields={"timeLogged": "You must indicate the time spent working."})
    return None if seconds is None else seconds // 60 * 60


def _started(text: Any) -> int | None:
    if text is None:
        return None
    if not isinstance(text, str) or not STARTED.fullmatch(text):
        raise JiraError(
            400, fields={"started": f"Cannot parse the date '{text}': yyyy-MM-dd'T'HH:mm:ss.SSSZ"}
        )
    try:
        return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)
    except ValueError:
        raise JiraError(400, fields={"started": f"There is no such date: '{text}'"}) from None


def _body(ctx: Ctx, asked: JsonDict) -> JsonDict | None:
    if asked.get("comment") is None:
        return None
    try:
        return rich_in(ctx.version, asked["comment"])
    except FieldFault as fault:
        raise JiraError(400, fields={"comment": str(fault)}) from None


def _estimate(ctx: Ctx, by_hand: str) -> Estimate:
    """What the query says of the remaining estimate. Raises JiraError 400."""
    how = ctx.args.get("adjustEstimate", "auto")
    if how not in ADJUSTS:  # said here as well, for where Atlassian's document is not at hand
        raise JiraError(400, f"adjustEstimate: must be one of {', '.join(ADJUSTS)}")
    named = {"new": "newEstimate", "manual": by_hand}.get(how)
    if not named:
        return Estimate(how)
    seconds = span_seconds(ctx.args.get(named, ""))
    if seconds is None:
        raise JiraError(400, fields={named: f"You must supply a valid {named}."})
    return Estimate(how, seconds)


@route("GET", PATH)
def list_worklogs(ctx: Ctx, issueIdOrKey: str) -> Any:
    """The worklogs of an issue, in pages."""
    issue = ctx.issue(issueIdOrKey)
    after = ctx.int_arg("startedAfter", 0)
    before = ctx.int_arg("startedBefore", 1 << 62)
    found = [one for one in issue.worklogs if after <= one.started < before]
    start, size = ctx.int_arg("startAt", 0), ctx.int_arg("maxResults", MOST, most=MOST)
    with_properties = "properties" in ctx.list_arg("expand")
    look = view(ctx)
    cut = found[start : start + size]
    shown = [look.worklog(issue, one, properties=with_properties) for one in cut]
    return {"startAt": start, "maxResults": size, "total": len(found), "worklogs": shown}


@route("POST", PATH)
def add_worklog(ctx: Ctx, issueIdOrKey: str) -> Any:
    """Log work."""
    issue = ctx.issue(issueIdOrKey)
    _own(ctx, issue, None)
    asked = ctx.body or {}
    seconds = _spent(asked)
    if seconds is None:
        raise JiraError(400, fields={"timeLogged": "You must indicate the time spent working."})
    estimate = _estimate(ctx, "reduceBy")
    now = ctx.site.tick(issue)
    who = ctx.caller.user.account_id
    one = Worklog(
        ctx.site.next_small_id(),
        who,
        who,
        _started(asked.get("started")) or now,
        seconds,
        _body(ctx, asked),
        now,
        now,
        editing.read_properties(asked.get("properties") or []),
        asked.get("visibility"),
    )
    timelog.add(ctx.site, issue, one, estimate)
    return 201, view(ctx).worklog(issue, one)


@route("GET", PATH + "/{id}")
def get_worklog(ctx: Ctx, issueIdOrKey: str, id: str) -> Any:
    """One worklog."""
    issue = ctx.issue(issueIdOrKey)
    with_properties = "properties" in ctx.list_arg("expand")
    return view(ctx).worklog(issue, _find(ctx, issue, id), properties=with_properties)


@route("PUT", PATH + "/{id}")
def edit_worklog(ctx: Ctx, issueIdOrKey: str, id: str) -> Any:
    """Edit one's own worklog, or any as admin or app."""
    issue = ctx.issue(issueIdOrKey)
    old = _find(ctx, issue, id)
    _own(ctx, issue, old)
    asked = ctx.body or {}
    properties = editing.read_properties(asked.get("properties") or [])
    estimate = _estimate(ctx, "reduceBy")
    fresh = replace(
        old,
        update_author=ctx.caller.user.account_id,
        started=_started(asked.get("started")) or old.started,
        seconds=_spent(asked) or old.seconds,
        body=_body(ctx, asked) if "comment" in asked else old.body,
        updated=ctx.site.tick(issue),
        properties={**old.properties, **properties},
        visibility=asked.get("visibility", old.visibility),
    )
    timelog.replace(ctx.site, issue, fresh, estimate)
    return view(ctx).worklog(issue, fresh)


@route("DELETE", PATH + "/{id}")
def delete_worklog(ctx: Ctx, issueIdOrKey: str, id: str) -> Any:
    """Delete one's own worklog, or any as admin or app."""
    issue = ctx.issue(issueIdOrKey)
    one = _find(ctx, issue, id)
    _own(ctx, issue, one)
    estimate = _estimate(ctx, "increaseBy")
    timelog.remove(ctx.site, issue, one, estimate, actor=ctx.caller.user.account_id)
    return 204, None


# --- properties --------------------------------------------------------------------------


def _store(issue: Issue, one: Worklog, properties: dict[str, Any]) -> None:
    fresh = replace(one, properties=properties)
    issue.worklogs = tuple(fresh if other.id == one.id else other for other in issue.worklogs)


@route("GET", PROPERTIES)
def property_keys(ctx: Ctx, issueIdOrKey: str, worklogId: str) -> Any:
    """The keys of a worklog's properties."""
    issue = ctx.issue(issueIdOrKey)
    one = _find(ctx, issue, worklogId)
    return keys_of(ctx.url(f"issue/{issue.id}/worklog/{one.id}/properties"), one.properties)


@route("GET", PROPERTIES + "/{propertyKey}")
def get_property(ctx: Ctx, issueIdOrKey: str, worklogId: str, propertyKey: str) -> Any:
    """One property of a worklog."""
    one = _find(ctx, ctx.issue(issueIdOrKey), worklogId)
    if propertyKey not in one.properties:
        raise missing_property(propertyKey)
    return {"key": propertyKey, "value": one.properties[propertyKey]}


@route("PUT", PROPERTIES + "/{propertyKey}")
def set_property(ctx: Ctx, issueIdOrKey: str, worklogId: str, propertyKey: str) -> Any:
    """Set one property of a worklog."""
    issue = ctx.issue(issueIdOrKey)
    one = _find(ctx, issue, worklogId)
    _own(ctx, issue, one)
    check_key(propertyKey)
    value = value_of(ctx)
    editing.check_property_size(value)
    _store(issue, one, {**one.properties, propertyKey: value})
    return 200 if propertyKey in one.properties else 201, None


@route("DELETE", PROPERTIES + "/{propertyKey}")
def delete_property(ctx: Ctx, issueIdOrKey: str, worklogId: str, propertyKey: str) -> Any:
    """Delete one property of a worklog."""
    issue = ctx.issue(issueIdOrKey)
    one = _find(ctx, issue, worklogId)
    _own(ctx, issue, one)
    if propertyKey not in one.properties:
        raise missing_property(propertyKey)
    _store(issue, one, {k: v for k, v in one.properties.items() if k != propertyKey})
    return 204, None


# --- over all issues -----------------------------------------------------------------------


def _changed(ctx: Ctx, times: list[tuple[int, int, list[JsonDict]]], path: str) -> JsonDict:
    since = ctx.int_arg("since", 0)
    found = sorted((one for one in times if one[0] > since), key=lambda one: one[:2])
    cut = found[:PER_PAGE]
    until = cut[-1][0] if cut else since
    values = [
        {"worklogId": number, "updatedTime": moment, "properties": shown}
        for moment, number, shown in cut
    ]
    page: JsonDict = {
        "values": values,
        "since": since,
        "until": until,
        "self": ctx.url(f"{path}?since={since}"),
        "lastPage": len(found) <= PER_PAGE,
    }
    if len(found) > PER_PAGE:
        page["nextPage"] = ctx.url(f"{path}?since={until}")
    return page


def _all(ctx: Ctx) -> list[tuple[Issue, Worklog]]:
    ids = sorted(set(ctx.site.worklog_issue.values()), key=int)
    issues = (ctx.site.issues[issue_id] for issue_id in ids)
    seen = (issue for issue in issues if ctx.caller.sees_issue(ctx.site, issue))
    return [(issue, one) for issue in seen for one in issue.worklogs]


@route("GET", "worklog/updated")
def updated(ctx: Ctx) -> Any:
    """The worklogs that were made or edited since a moment."""
    with_properties = "properties" in ctx.list_arg("expand")
    times = []
    for _, one in _all(ctx):
        found = one.properties.items() if with_properties else ()
        shown = [{"key": key, "value": value} for key, value in found]
        times.append((one.updated, int(one.id), shown))
    return _changed(ctx, times, "worklog/updated")


@route("GET", "worklog/deleted")
def deleted(ctx: Ctx) -> Any:
    """The worklogs that were deleted since a moment."""
    times = [(moment, int(one), []) for one, moment in ctx.site.worklogs_gone.items()]
    return _changed(ctx, times, "worklog/deleted")


@route("POST", "worklog/list", per_object=lambda found: 1 + len(found or ()))
def worklogs_by_ids(ctx: Ctx) -> Any:
    """Worklogs by id, over all issues the caller sees; unknown ids are left out."""
    asked = {str(number) for number in (ctx.body or {})["ids"]}
    if len(asked) > PER_PAGE:
        raise JiraError(400, "The number of ids exceeds the limit of 1000.")
    with_properties = "properties" in ctx.list_arg("expand")
    look = view(ctx)
    return [
        look.worklog(issue, one, properties=with_properties)
        for issue, one in _all(ctx)
        if one.id in asked
    ]
