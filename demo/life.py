"""A stack with some life in it, for the pictures and for the look at every page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests

from demo.stack import APP_KEY, Stack, scope_ids, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, paragraph
from sandbox.process import SiteHandle

NAME = "Web and platform"
PROPOSED = "Faults of the operations"
BUGS = ("WEB", "Bug"), ("OPS", "Bug")
SUMMARY = "Show delivery dates in the basket"
OLD = ("Move product images to the new storage", "Basket forgets the voucher")
FIELDS = [
    {"left": "summary", "right": "summary", "kind": "text"},
    {"left": "description", "right": "description", "kind": "rich_text"},
    {"left": "labels", "right": "labels", "kind": "labels"},
    {"left": "priority", "right": "priority", "kind": "named"},
    {"left": "duedate", "right": "duedate", "kind": "date", "policy": "ask"},
    {"left": "customfield_10033", "right": "customfield_10123", "kind": "number"},
]


@dataclass(frozen=True)
class Life:
    """What was made: the profile that is on and the one that waits for Acme, an issue and its twin,
    and a draft of Acme's admin."""

    profile: str
    proposed: str
    issue: str
    twin: str
    draft: str


def live(stack: Stack) -> Life:
    """Two profiles, a handful of issues, a conflict, a change that was refused, a plan and a load
    that is done, people with roles, and a draft."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    for summary in OLD:
        create_issue(acme, *LEFT, summary=summary)
    connection = stack.connect()
    profile = stack.create_profile(connection, left=LEFT, right=RIGHT, name=NAME, fields=FIELDS)
    runs(stack, profile)
    issue, twin = _pair(stack)
    _conflict(stack)
    _refused(stack)
    for name, role in (("developer", "editor"), ("agent", "viewer")):
        account = next(u for u in acme.users if u["email"].startswith(name))["accountId"]
        stack.page(acme, "POST", "/pages/roles", account=account, role=role)
    proposed = propose(stack, globex, connection)
    return Life(profile, proposed, issue, twin, draft_of_bugs(stack))


def _pair(stack: Stack) -> tuple[str, str]:
    """An issue with a twin, edited on both sides since."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    text = paragraph("Shoppers ask when their order comes. Show it before they pay.")
    issue = create_issue(acme, *LEFT, summary=SUMMARY, description=text)
    twin = _twin(stack, SUMMARY)
    edit_issue(acme, issue, priority={"name": "High"}, labels=["basket"])
    edit_issue(globex, twin, customfield_10123=5)
    stack.settle()
    return issue, twin


def _twin(stack: Stack, summary: str) -> str:
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(stack.sandbox.globex, RIGHT[0]).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' has a twin", look)
    stack.settle()
    return found[0]


def _conflict(stack: Stack) -> None:
    """Both sides give one issue another due date while no webhook goes out."""
    sites = stack.sandbox.sites[:2]
    summary = "Renew the certificate of the shop"
    keys = (
        create_issue(sites[0], *LEFT, summary=summary, duedate="2027-01-15"),
        _twin(stack, summary),
    )
    for site in sites:
        site.webhooks(hold=True)
    for site, key, day in zip(sites, keys, ("2027-01-22", "2027-01-29"), strict=True):
        edit_issue(site, key, duedate=day)
    for site in sites:
        site.webhooks(hold=False)
        site.release()
    wait_until("it is asked", lambda: stack.page(sites[0], "GET", "/pages/conflicts"))
    stack.settle()


def _refused(stack: Stack) -> None:
    """Globex refuses a priority, so the change is parked."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    summary = "Search finds products that are sold out"
    key = create_issue(acme, *LEFT, summary=summary)
    _twin(stack, summary)
    globex.refusals({"field": "priority", "message": "The priority selected is invalid."})
    edit_issue(acme, key, priority={"name": "Low"})
    wait_until("it is parked", lambda: any(one["parked"] for one in stack.overview()))
    stack.settle()
    globex.refusals()


def runs(stack: Stack, profile: str) -> None:
    """A plan of what is there, and the load of a part of it."""
    acme = stack.sandbox.acme
    stack.page(acme, "POST", "/pages/runs/plan", profile=profile, what="scope")
    _wait_for_runs(stack)
    jql = f'summary ~ "{OLD[0]}"'
    path = f"/pages/profiles/{profile}/load"
    stack.page(acme, "POST", path, sources="left", match="summary", jql=jql)
    _wait_for_runs(stack)


def _wait_for_runs(stack: Stack) -> None:
    """Wait until no plan and no load is under way."""

    def rest() -> bool:
        found = stack.page(stack.sandbox.acme, "GET", "/pages/runs")
        listed = [*found["runs"], *found["errands"]]
        return all(one["state"] in ("done", "failed", "stopped") for one in listed)

    wait_until("the runs are done", rest)
    stack.settle()


def propose(stack: Stack, site: SiteHandle, connection: str) -> str:
    """A profile that Globex proposes, which waits for Acme."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    right, left = scope_ids(acme, "SUP", "Bug"), scope_ids(globex, "OPS", "Bug")
    form = {
        "connection": connection,
        "name": PROPOSED,
        "items": json.dumps([{"kind": "comments"}]),
        "left_project": left[0],
        "left_type": left[1],
        "right_project": right[0],
        "right_type": right[1],
    }
    made = stack.page(site, "POST", "/pages/profiles", **form)
    return str(made["profile"])


def draft_of_bugs(stack: Stack) -> str:
    """A draft of Acme's admin in which both projects are chosen, and nothing else."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    draft = str(stack.page(acme, "POST", "/pages/drafts")["draft"])
    names = ("left_project", "left_type", "right_project", "right_type")
    chosen = (*scope_ids(acme, *BUGS[0]), *scope_ids(globex, *BUGS[1]))
    version = "1"
    for name, value in zip(names, chosen, strict=True):
        version = _save(stack, draft, "projects", version, **{name: value})
    _save(stack, draft, "projects", version, name="Bugs of the shop")
    return draft


def _save(stack: Stack, draft: str, step: str, version: str, **form: Any) -> str:
    """Save a choice of a draft, as the page does; returns the version that it made."""
    acme = stack.sandbox.acme
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.post(
        f"{stack.url}/pages/drafts/{draft}/{step}",
        data={**form, "version": version},
        headers={"Authorization": f"JWT {token}"},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.headers["Tandem-Draft-Version"]
