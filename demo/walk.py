"""The walk without hands: 20 issues, changed on both sides until these agree; with figures."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from demo.stack import Stack, StackError, calls_of, wait_until, writes_of
from sandbox.process import SiteHandle

ISSUES = 20
LEFT = ("WEB", "Task")
RIGHT = ("PLAT", "Task")
REST_SECONDS = 3.0  # how long nothing may be written once both sides agree


@dataclass(frozen=True)
class Figures:
    """What a walk measured. `changes`: edits made by people; times from an edit to its arrival."""

    changes: int
    seconds: float
    calls: int
    calls_per_change: float
    median_seconds: float
    p99_seconds: float
    slowest_seconds: float
    doubled: int
    writes_after_rest: int
    agreed: bool
    broken_answers: int

    @property
    def well(self) -> bool:
        """Whether both sites agree, nothing is doubled, and nothing was written after that."""
        return (
            self.agreed
            and not self.doubled
            and not self.writes_after_rest
            and not self.broken_answers
        )

    def line(self) -> str:
        """One line of JSON, for machines."""
        return json.dumps(asdict(self))


def paragraph(text: str) -> dict[str, Any]:
    """A rich text document of one paragraph."""
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def create_issue(site: SiteHandle, project: str, issue_type: str, **fields: Any) -> str:
    """Create an issue as the site's admin; returns its key."""
    body = {"fields": {"project": {"key": project}, "issuetype": {"name": issue_type}, **fields}}
    answer = site.call("POST", "issue", json=body)
    if answer.status_code != 201:
        raise StackError(f"creating an issue: {answer.status_code} {answer.text}")
    return str(answer.json()["key"])


def edit_issue(site: SiteHandle, key: str, **fields: Any) -> None:
    """Edit an issue as the site's admin."""
    answer = site.call("PUT", f"issue/{key}", json={"fields": fields})
    if answer.status_code != 204:
        raise StackError(f"editing {key}: {answer.status_code} {answer.text}")


def mapped(site: SiteHandle, key: str) -> dict[str, Any]:
    """The carried fields of an issue, in a form that both sites share."""
    names = "summary,description,labels,priority,duedate"
    fields = site.call("GET", f"issue/{key}", params={"fields": names}).json()["fields"]
    return {
        "summary": fields["summary"],
        "description": fields["description"],
        "labels": sorted(fields["labels"]),
        "priority": fields["priority"]["name"] if fields["priority"] else None,
        "duedate": fields["duedate"],
    }


INDEX_SECONDS = 0.15  # the sandbox's search lags a tenth of a second behind an edit


def keys_by_summary(site: SiteHandle, project: str) -> dict[str, list[str]]:
    """The project's issue keys by summary, all of them, as search knows them."""
    time.sleep(INDEX_SECONDS)
    found: dict[str, list[str]] = {}
    token: str | None = None
    while True:
        body: dict[str, Any] = {
            "jql": f"project = {project} ORDER BY key",
            "fields": ["summary"],
            "maxResults": 100,
        }
        if token:
            body["nextPageToken"] = token
        page = site.call("POST", "search/jql", json=body).json()
        for issue in page["issues"]:
            found.setdefault(issue["fields"]["summary"], []).append(issue["key"])
        token = page.get("nextPageToken")
        if not token:
            return found


def walk(stack: Stack, say: Callable[[str], None]) -> Figures:
    """Create, pair, change, wait, count."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    _profile_of_the_walk(stack)
    for site in (acme, globex):
        site.clear_calls()
    began = time.monotonic()
    waits: list[float] = []

    say(f"creating {ISSUES} issues on either side in turn")
    twins: list[tuple[str, str]] = []
    for number in range(ISSUES):
        here, scope, there, other = _sides(stack, number)
        summary = f"Walk {number:02d}"
        started = time.monotonic()
        key = create_issue(
            here, *scope, summary=summary, description=paragraph(f"First text of {number}.")
        )
        twin = _arrived(there, other[0], summary)
        waits.append(time.monotonic() - started)
        twins.append((key, twin) if here is acme else (twin, key))

    say("changing each on both sides, in different fields")
    for number, (left, right) in enumerate(twins):
        started = time.monotonic()
        edit_issue(acme, left, summary=f"Walk {number:02d}, renamed at Acme", labels=["walked"])
        edit_issue(globex, right, priority={"name": "High"}, duedate="2027-01-31")
        wait_until(
            f"{left} and {right} agree",
            lambda left=left, right=right, number=number: _crossed(  # type: ignore[misc]
                acme, left, globex, right, number
            ),
        )
        waits.append(time.monotonic() - started)

    seconds = time.monotonic() - began
    _settle(stack)
    calls = calls_of(acme, globex).total()
    writes = writes_of(acme, globex)
    say("resting, to see that nothing is written any more")
    time.sleep(REST_SECONDS)
    after = writes_of(acme, globex) - writes
    changes = ISSUES * 3
    ordered = sorted(waits)
    return Figures(
        changes=changes,
        seconds=round(seconds, 2),
        calls=calls,
        calls_per_change=round(calls / changes, 2),
        median_seconds=round(statistics.median(waits), 3),
        p99_seconds=round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        slowest_seconds=round(ordered[-1], 3),
        doubled=_doubled(stack),
        writes_after_rest=after,
        agreed=all(mapped(acme, a) == mapped(globex, b) for a, b in twins),
        broken_answers=len(stack.sandbox.broken_answers()),
    )


def _profile_of_the_walk(stack: Stack) -> None:
    stack.create_profile(stack.connect(), left=LEFT, right=RIGHT, name="Web tasks")


def _sides(
    stack: Stack, number: int
) -> tuple[SiteHandle, tuple[str, str], SiteHandle, tuple[str, str]]:
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    return (acme, LEFT, globex, RIGHT) if number % 2 == 0 else (globex, RIGHT, acme, LEFT)


def _arrived(site: SiteHandle, project: str, summary: str) -> str:
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(site, project).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' is in {site.name}'s {project}", look)
    return found[0]


def _crossed(acme: SiteHandle, left: str, globex: SiteHandle, right: str, number: int) -> bool:
    here, there = mapped(acme, left), mapped(globex, right)
    return (
        here == there
        and here["summary"] == f"Walk {number:02d}, renamed at Acme"
        and here["priority"] == "High"
        and here["duedate"] == "2027-01-31"
        and here["labels"] == ["walked"]
    )


def _settle(stack: Stack) -> None:
    """Wait until no webhook is under way and no change is pending."""
    for site in stack.sandbox.sites:
        site.wait_idle()
    wait_until("nothing is pending", lambda: all(p["pending"] == 0 for p in stack.overview()))


def _doubled(stack: Stack) -> int:
    """How many issues of the walk have more than one issue of their name on a side."""
    sides = ((stack.sandbox.acme, LEFT[0]), (stack.sandbox.globex, RIGHT[0]))
    return sum(
        len(keys) - 1
        for site, project in sides
        for summary, keys in keys_by_summary(site, project).items()
        if summary.startswith("Walk ")
    )
