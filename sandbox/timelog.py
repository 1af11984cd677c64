"""Work on issues: worklogs, and what they do to the time that is spent and that remains."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.hanging import item, record
from sandbox.model import ChangeItem, Issue, Worklog
from sandbox.site import Site

TYPE_NAMES = {
    "worklog_created": "issue_work_logged",
    "worklog_updated": "issue_worklog_updated",
    "worklog_deleted": "issue_worklog_deleted",
}


ADJUSTS = ("auto", "leave", "new", "manual")


@dataclass(frozen=True)
class Estimate:
    """How the remaining estimate moves: "auto", "leave", "new" or "manual"; in seconds."""

    how: str = "auto"
    seconds: int = 0


def add(site: Site, issue: Issue, one: Worklog, estimate: Estimate) -> None:
    """Store a worklog."""
    issue.worklogs = (*issue.worklogs, one)
    site.worklog_issue[one.id] = issue.id
    items = _tracking(issue, one.seconds, estimate, -estimate.seconds)
    _tell(site, issue, one, "worklog_created", items, one.author)


def replace(site: Site, issue: Issue, one: Worklog, estimate: Estimate) -> None:
    """Store an edited worklog."""
    before = next(other for other in issue.worklogs if other.id == one.id)
    issue.worklogs = tuple(one if other.id == one.id else other for other in issue.worklogs)
    items = _tracking(issue, one.seconds - before.seconds, estimate, 0)
    items = (*items, item("WorklogId", "", one.id, one.id, None, None))
    _tell(site, issue, one, "worklog_updated", items, one.update_author)


def remove(site: Site, issue: Issue, one: Worklog, estimate: Estimate, *, actor: str) -> None:
    """Delete a worklog."""
    issue.worklogs = tuple(other for other in issue.worklogs if other.id != one.id)
    site.worklog_issue.pop(one.id, None)
    site.worklogs_gone[one.id] = site.now_ms()
    items = _tracking(issue, -one.seconds, estimate, estimate.seconds)
    items = (
        *items,
        item("WorklogId", "", one.id, one.id, None, None),
        item("WorklogTimeSpent", "", one.seconds, one.seconds, None, None),
    )
    _tell(site, issue, one, "worklog_deleted", items, actor)


def forget(site: Site, issue: Issue) -> None:
    """Note that the worklogs of an issue that is deleted went with it."""
    for one in issue.worklogs:
        site.worklog_issue.pop(one.id, None)
        site.worklogs_gone[one.id] = site.now_ms()


def _tracking(issue: Issue, spent: int, estimate: Estimate, by_hand: int) -> tuple[ChangeItem, ...]:
    """Move the issue's times and give the lines of its history; `by_hand`: of "manual"."""
    had = issue.fields.get("timespent")
    left = issue.fields.get("timeestimate")
    now = max(0, (had or 0) + spent)
    remains = {
        "auto": max(0, (left or 0) - spent),
        "new": estimate.seconds,
        "manual": max(0, (left or 0) + by_hand),
        "leave": left,
    }[estimate.how]
    issue.fields = {**issue.fields, "timespent": now, "timeestimate": remains}
    lines = (("timeestimate", left, remains), ("timespent", had, now))
    return tuple(
        item(name, name, before, before, after, after)
        for name, before, after in lines
        if before != after
    )


def _tell(  # noqa: PLR0917 (one place calls it in one way)
    site: Site,
    issue: Issue,
    one: Worklog,
    event: str,
    items: tuple[ChangeItem, ...],
    actor: str,
) -> None:
    site.emit(event, issue=issue.snapshot(), actor=actor, worklog=one)
    record(site, issue, items, actor=actor, type_name=TYPE_NAMES[event])
