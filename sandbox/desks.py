"""What the issues of service projects hold besides: request type, organizations, SLAs.

The forms are those of Atlassian's service desk REST API, in which the fields of an issue show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.model import FieldDef, Issue, JsonDict, Organization, Project, RequestType
from sandbox.service import is_public, project_type

if TYPE_CHECKING:
    from sandbox.render import View
    from sandbox.site import Site

FIRST_RESPONSE, RESOLUTION = "Time to first response", "Time to resolution"
HOUR = 3_600_000
# How long each may take at the start, around the clock.
GOALS = {FIRST_RESPONSE: 4 * HOUR, RESOLUTION: 40 * HOUR}
CATEGORIES = {"new": "NEW", "indeterminate": "INDETERMINATE", "done": "DONE"}


def has_desk(project: Project) -> bool:
    """Whether the project has customers."""
    return project_type(project) == "service_desk"


def desk_id(site: Site, project: Project) -> str:
    """The number of a project's service desk, which is not the project's."""
    desks = [one.id for one in site.projects.values() if has_desk(one)]
    return str(desks.index(project.id) + 1)


def request_type(site: Site, named: str) -> RequestType | None:
    """A request type by its id, or by the keys of its portal and form, as in "sup/it-help"."""
    return next((one for one in site.request_types.values() if named in (one.id, one.key)), None)


def request(view: View, issue: Issue, stored: str) -> JsonDict | None:
    """The request type of an issue, with what its customer sees of the status."""
    site = view.site
    kind = site.request_types.get(stored)
    if kind is None:
        return None
    desk = desk_id(site, site.projects[kind.project_id])
    status = site.statuses[issue.fields["status"]]
    own = f"{site.base_url}/rest/servicedeskapi"
    return {
        "_links": {
            "self": f"{own}/request/{issue.id}",
            "jiraRest": f"{site.base_url}/rest/api/2/issue/{issue.id}",
            "web": f"{site.base_url}/servicedesk/customer/portal/{desk}/{issue.key}",
            "agent": f"{site.base_url}/browse/{issue.key}",
        },
        "requestType": {
            "_expands": ["field"],
            "_links": {"self": f"{own}/servicedesk/{desk}/requesttype/{kind.id}"},
            "id": kind.id,
            "name": kind.name,
            "description": "",
            "helpText": "",
            "issueTypeId": kind.type_id,
            "serviceDeskId": desk,
            "portalId": desk,
            "groupIds": [desk],
        },
        "currentStatus": {
            "status": status.name,
            "statusCategory": CATEGORIES[status.category],
            "statusDate": _moment(view, issue.status_changed),
        },
    }


def organization(view: View, one: Organization) -> JsonDict:
    """An organization of customers."""
    url = f"{view.site.base_url}/rest/servicedeskapi/organization/{one.id}"
    return {"id": one.id, "name": one.name, "_links": {"self": url}}


def sla(view: View, issue: Issue, field: FieldDef) -> JsonDict | None:
    """How the issue stands to a goal now: it changes as time passes, and nothing tells of that."""
    site = view.site
    project = site.projects[issue.project_id]
    if not has_desk(project):
        return None
    number = str(list(site.sla_goals).index(field.name) + 1)
    stopped = _answered(project, issue) if field.name == FIRST_RESPONSE else _resolved(issue)
    cycle = _cycle(view, issue.created, stopped, site.sla_goals[field.name])
    url = f"{site.base_url}/rest/servicedeskapi/request/{issue.id}/sla/{number}"
    shown: JsonDict = {"id": number, "name": field.name, "_links": {"self": url}}
    if stopped is None:
        open_now = {"paused": False, "withinCalendarHours": True}
        return {**shown, "completedCycles": [], "ongoingCycle": {**cycle, **open_now}}
    return {**shown, "completedCycles": [cycle]}


def _answered(project: Project, issue: Issue) -> int | None:
    """When somebody else than the reporter first said something that the customer sees."""
    said = (one for one in issue.comments if one.author != issue.fields.get("reporter"))
    return next((one.created for one in said if is_public(project, one)), None)


def _resolved(issue: Issue) -> int | None:
    if not issue.fields.get("resolution"):
        return None
    found: int | None = issue.fields.get("resolutiondate")
    return found


def _cycle(view: View, start: int, stop: int | None, goal: int) -> JsonDict:
    elapsed = (view.site.now_ms() if stop is None else stop) - start
    shown = {"startTime": _moment(view, start), "breachTime": _moment(view, start + goal)}
    if stop is not None:
        shown["stopTime"] = _moment(view, stop)
    return {
        **shown,
        "breached": elapsed > goal,
        "goalDuration": _span(goal),
        "elapsedTime": _span(elapsed),
        "remainingTime": _span(goal - elapsed),
    }


def _moment(view: View, ms: int) -> JsonDict:
    jira = view.time(ms) or ""
    day, _, clock = jira.partition("T")
    return {
        "iso8601": f"{day}T{clock[:8]}{clock[12:]}",
        "jira": jira,
        "friendly": f"{day} {clock[:5]}",
        "epochMillis": ms,
    }


def _span(ms: int) -> JsonDict:
    hours, minutes = divmod(abs(ms) // 60_000, 60)
    words = [f"{hours}h" if hours else "", f"{minutes}m" if minutes or not hours else ""]
    sign = "-" if ms < 0 else ""
    return {"millis": ms, "friendly": sign + " ".join(one for one in words if one)}
