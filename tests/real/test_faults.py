"""Limits and faults over real processes: what the page says, and that both sides agree after."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from typing import Any

import pytest

from demo.stack import APP_KEY, Stack, calls_of, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from tests.processes import alive, children, grandchildren, postmaster, ready, unwatched
from tests.real.test_walk import in_step, page_text, pair, writes
from tests.stack_fixture import (  # noqa: F401  a fixture
    opened,
    owner,
    running,
    says,
    tandem,
)

pytestmark = pytest.mark.real

LONG = 150.0  # seconds: a slow machine's, for states that are seconds away
WRITES = {"method": "PUT", "path": "/rest/api/3/issue/", "app": APP_KEY}


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:  # noqa: F811
    """The stack with one profile that is on."""
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
    return running


def said(stack: Stack, words: str) -> None:
    """Wait until the page says so."""
    wait_until(f"the page says '{words}'", lambda: words in page_text(stack), seconds=LONG)


def go_on(stack: Stack) -> None:
    """Let the time that a site asked for be over."""
    with owner(stack) as database:
        database.execute("UPDATE site_budget SET blocked_until = now() WHERE blocked_until > now()")
        database.execute("UPDATE change SET not_before = now() WHERE not_before > now()")


def follows(stack: Stack, left: str, right: str) -> None:
    """Wait until both issues of a pair carry the same."""
    wait_until(f"{left} and {right} agree", lambda: in_step(stack, left, right), seconds=LONG)


def rests(stack: Stack, *summaries: str) -> None:
    """Nothing is doubled, and nothing is written any more."""
    stack.settle()
    before = writes(stack)
    stack.settle()
    assert writes(stack) == before
    for site, project in ((stack.sandbox.acme, LEFT[0]), (stack.sandbox.globex, RIGHT[0])):
        wait_until(  # search lags behind
            f"{project} has {summaries}",
            lambda site=site, project=project: (  # type: ignore[misc]
                set(summaries) <= set(keys_by_summary(site, project))
            ),
        )
        found = keys_by_summary(site, project)
        assert [len(found[summary]) for summary in summaries] == [1] * len(summaries)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "429", "seconds": 600}, "takes only so many calls a second"),
        ({"kind": "429-no-retry-after"}, "takes only so many calls a second"),
        ({"kind": "500"}, "The site failed (5xx)"),
        ({"kind": "503"}, "The site failed (5xx)"),
        ({"kind": "502-html"}, "The site failed (5xx)"),
        ({"kind": "503-html"}, "The site failed (5xx)"),
        ({"kind": "200-html"}, "The site did not answer"),
        ({"kind": "timeout", "seconds": 1}, "The site did not answer"),
        ({"kind": "drop-connection"}, "The site did not answer"),
        ({"kind": "half-answer", "method": "POST", "path": "bulkfetch"}, "The site did not answer"),
        ({"kind": "409"}, "Jira was at work on the issue itself (409)"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_fault_is_said_on_the_page_and_passes(
    paired: Stack, fault: dict[str, Any], words: str
) -> None:
    summary = f"Said {fault['kind']}"
    left, right = pair(paired, summary)
    paired.settle()
    paired.sandbox.globex.faults({**WRITES, **fault})
    edit_issue(paired.sandbox.acme, left, summary=f"{summary}, over")
    said(paired, words)
    assert mapped(paired.sandbox.globex, right)["summary"] == summary
    paired.sandbox.globex.faults()
    go_on(paired)
    follows(paired, left, right)
    rests(paired, f"{summary}, over")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("commit-then-500", "The site failed (5xx)"),
        ("half-answer", "The site did not answer"),
    ],
)
def test_a_write_that_was_done_and_answered_badly_is_read_again_and_not_written_twice(
    paired: Stack, kind: str, words: str
) -> None:
    left, right = pair(paired, f"Done, {kind}")
    paired.settle()
    globex = paired.sandbox.globex
    globex.webhooks(hold=True)
    globex.faults({**WRITES, "kind": kind})
    globex.clear_calls()
    edit_issue(paired.sandbox.acme, left, summary=f"Done, {kind}, over")
    said(paired, words)
    follows(paired, left, right)
    go_on(paired)
    wait_until(
        "nothing is pending",
        lambda: all(not one["pending"] for one in paired.overview()),
        seconds=LONG,
    )
    assert writes_of(globex) == 1
    globex.faults()
    globex.webhooks(hold=False)
    globex.release()
    rests(paired, f"Done, {kind}, over")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("403", "does not let Tandem edit the issue"),
        ("404", "says that the issue is gone, or hides it from Tandem"),
    ],
)
def test_a_site_that_forbids_or_misses_one_issue_parks_it_alone_until_it_is_retried(
    paired: Stack, kind: str, words: str
) -> None:
    bad, bad_twin = pair(paired, f"Only this {kind}")
    good, good_twin = pair(paired, f"Not this {kind}")
    paired.settle()
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    bad_id = globex.call("GET", f"issue/{bad_twin}").json()["id"]
    globex.faults({**WRITES, "path": f"/rest/api/3/issue/{bad_id}$", "kind": kind})
    for key in (bad, good):
        edit_issue(acme, key, labels=["moved"])
    follows(paired, good, good_twin)

    def groups() -> Any:
        return paired.page(acme, "GET", "/pages/parked")

    wait_until("the page says why", lambda: any(words in str(g) for g in groups()), seconds=LONG)
    assert len(groups()) == 1
    with owner(paired) as database:
        paused = "SELECT count(*) FROM site_budget WHERE paused_since IS NOT NULL"
        assert database.execute(paused).fetchone() == (0,)
    assert mapped(globex, bad_twin)["labels"] == []
    globex.faults()
    [profile] = [one["id"] for one in paired.overview()]
    paired.page(acme, "POST", f"/pages/parked/{profile}/retry")
    follows(paired, bad, bad_twin)
    wait_until("nothing is parked", lambda: groups() == [], seconds=LONG)
    rests(paired, f"Only this {kind}", f"Not this {kind}")


def test_while_a_site_asks_for_patience_no_lane_calls_it(paired: Stack) -> None:
    pairs = [pair(paired, f"Patience {number}") for number in range(6)]
    paired.settle()
    globex = paired.sandbox.globex
    globex.faults({**WRITES, "kind": "429", "seconds": 600, "times": 1})
    edit_issue(paired.sandbox.acme, pairs[0][0], labels=["first"])
    said(paired, "takes only so many calls a second")
    globex.clear_calls()
    for left, _ in pairs[1:]:
        edit_issue(paired.sandbox.acme, left, labels=["held"])
    paired.sandbox.acme.wait_idle(LONG)
    held = (
        "SELECT count(*), (SELECT count(*) FROM site_budget WHERE blocked_until > now())"
        " FROM change WHERE reason = 'site-held'"
    )

    def all_held() -> bool:
        with owner(paired) as database:
            return database.execute(held).fetchone() == (5, 1)

    wait_until("the others wait", all_held, seconds=LONG)
    assert calls_of(globex) == Counter()
    go_on(paired)
    for left, right in pairs:
        follows(paired, left, right)
    globex.faults()
    rests(paired, *(f"Patience {number}" for number in range(6)))


def test_an_issue_that_always_fails_blocks_only_itself(paired: Stack) -> None:
    bad, bad_twin = pair(paired, "Bad one")
    good = [pair(paired, f"Good {number}") for number in range(5)]
    paired.settle()
    globex = paired.sandbox.globex
    bad_id = globex.call("GET", f"issue/{bad_twin}").json()["id"]
    globex.faults({**WRITES, "path": f"/rest/api/3/issue/{bad_id}$", "kind": "500"})
    for left in (bad, *(left for left, _ in good)):
        edit_issue(paired.sandbox.acme, left, labels=["moved"])
    for left, right in good:
        wait_until(
            "a good one crosses",
            lambda left=left, right=right: in_step(paired, left, right),  # type: ignore[misc]
            seconds=LONG,
        )
    assert mapped(globex, bad_twin)["labels"] == []
    globex.faults()
    wait_until("the bad one follows", lambda: in_step(paired, bad, bad_twin), seconds=LONG)
    rests(paired, "Bad one")


def test_an_hours_points_that_are_used_up_are_waited_for(paired: Stack) -> None:
    left, right = pair(paired, "Points")
    paired.settle()
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    globex.limits(points={"perHour": 0})
    edit_issue(acme, left, summary="Points, over")
    codes = "SELECT DISTINCT code FROM site_budget WHERE blocked_until > now()"
    with owner(paired) as database:
        wait_until("a site is left alone", lambda: database.execute(codes).fetchall(), LONG)
        assert database.execute(codes).fetchall() == [("points",)]
    # They are the points of all sites: without any, no page could ask who looks at it either.
    globex.limits(points={"perHour": 65_000})
    said(paired, "points")
    go_on(paired)  # the next hour begins
    wait_until("it arrived in the next hour", lambda: in_step(paired, left, right), seconds=LONG)
    rests(paired, "Points, over")


def test_bursts_beyond_the_limit_arrive_whole(paired: Stack) -> None:
    pairs = [pair(paired, f"Burst {number}") for number in range(6)]
    paired.settle()
    paired.sandbox.acme.webhooks(hold=True)
    for left, _ in pairs:
        edit_issue(paired.sandbox.acme, left, labels=["burst"])
    paired.sandbox.globex.limits(burst={"write": 0})
    paired.sandbox.acme.webhooks(hold=False)
    paired.sandbox.acme.release()
    said(paired, "takes only so many calls a second")
    paired.sandbox.globex.limits(burst={"write": 1})  # it counts our own edits, too
    for left, right in pairs:
        follows(paired, left, right)
    paired.sandbox.globex.limits(burst={"write": 50})
    rests(paired, *(f"Burst {number}" for number in range(6)))


def test_an_issue_that_was_written_too_often_waits_alone(paired: Stack) -> None:
    busy, busy_twin = pair(paired, "Busy")
    calm, calm_twin = pair(paired, "Calm")
    paired.settle()
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    acme.webhooks(hold=True)
    edit_issue(acme, busy, labels=["one"])
    globex.limits(issueWrites={"short": [1, 600.0]})  # it counts our own edits, too
    acme.webhooks(hold=False)
    acme.release()
    wait_until("the first write arrived", lambda: in_step(paired, busy, busy_twin), seconds=LONG)
    edit_issue(acme, busy, labels=["two"])
    said(paired, "One issue was written too often")
    edit_issue(acme, calm, labels=["calm"])
    wait_until("the calm one crosses", lambda: in_step(paired, calm, calm_twin), seconds=LONG)
    with owner(paired) as database:
        blocked = "SELECT count(*) FROM site_budget WHERE blocked_until > now()"
        assert database.execute(blocked).fetchone() == (0,)
    globex.limits(issueWrites={"short": [20, 2.0]})
    go_on(paired)
    follows(paired, busy, busy_twin)
    rests(paired, "Busy", "Calm")


# Commands that ask a site from the share of background work, which a paused one has none of.
WAITING = (
    ("plan", "Web tasks"),
    ("profile", "check", "Web tasks"),
    ("profile", "fields", "Web tasks"),
    ("profile", "load", "Web tasks", "--from", "left", "--no-match"),
    ("profile", "load", "Web tasks", "--from", "left", "--no-match", "--dry-run"),
)


@pytest.mark.parametrize(("status", "words"), [(401, "does not know"), (403, "does not allow")])
def test_a_site_that_locks_us_out_is_paused_said_and_resumed(
    paired: Stack, status: int, words: str
) -> None:
    left, right = pair(paired, f"Locked {status}")
    paired.settle()
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    globex.control("POST", f"apps/{APP_KEY}/disable")
    if status == 401:  # the site's word that it disabled us was lost
        with owner(paired) as database:
            database.execute("UPDATE installation SET state = 'enabled'")
    edit_issue(acme, left, summary=f"Locked {status}, over")
    said(paired, words)
    for command in WAITING:
        told = tandem(paired.environment, *command)
        assert told.returncode in (1, 2), told.stdout
        assert "The site on the right side does not let Tandem in" in told.stderr
        assert "Mend that at the site" in told.stderr
    globex.clear_calls()
    edit_issue(acme, left, labels=["while-locked"])
    acme.wait_idle()
    globex.control("POST", f"apps/{APP_KEY}/enable")
    wait_until("it resumed by itself", lambda: in_step(paired, left, right), seconds=LONG)
    assert words not in page_text(paired)
    rests(paired, f"Locked {status}, over")


def test_an_issue_that_is_gone_leaves_its_twin_alone(paired: Stack) -> None:
    left, right = pair(paired, "Gone")
    paired.settle()
    assert paired.sandbox.globex.call("DELETE", f"issue/{right}").status_code == 204
    edit_issue(paired.sandbox.acme, left, summary="Gone, still here")
    said(paired, "is gone or hidden from Tandem")
    paired.settle()
    assert mapped(paired.sandbox.acme, left)["summary"] == "Gone, still here"
    there = keys_by_summary(paired.sandbox.globex, RIGHT[0])
    assert "Gone, still here" not in there


@pytest.mark.crash
def test_a_killed_web_process_loses_no_change(paired: Stack) -> None:
    left, right = pair(paired, "Web killed")
    paired.settle()
    [pid] = children(paired, "web")
    orphans = grandchildren(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(
        "what it started is gone", lambda: not any(alive(one) for one in orphans), seconds=LONG
    )
    edit_issue(paired.sandbox.acme, left, summary="Web killed, over")
    wait_until(
        "it serves again", lambda: children(paired, "web") != [pid] and ready(paired), seconds=LONG
    )
    wait_until("it arrived", lambda: in_step(paired, left, right), seconds=LONG)
    rests(paired, "Web killed, over")


@pytest.mark.crash
def test_that_no_worker_runs_is_said_on_the_page_until_one_does(paired: Stack) -> None:
    left, right = pair(paired, "Worker killed")
    paired.settle()
    with unwatched(paired):
        for pid in children(paired, "worker"):
            os.kill(pid, signal.SIGKILL)
        edit_issue(paired.sandbox.acme, left, summary="Worker killed, over")
        paired.sandbox.acme.wait_idle(LONG)
        with owner(paired) as database:  # half a minute goes by
            database.execute("UPDATE procrastinate_workers SET last_heartbeat = '2020-03-01'")
            database.execute("UPDATE change SET first_at = '2020-03-01 14:03:00+00'")
        said(paired, "No worker is running, so no change crosses: 1 change waits, the first since")
        told = tandem(paired.environment | {"DATABASE_URL": paired.database}, "doctor")
        assert re.search("WRONG +workers +0 running, and changes wait in 1 lanes", told.stdout)
    follows(paired, left, right)
    assert "No worker is running" not in page_text(paired)
    rests(paired, "Worker killed, over")


@pytest.mark.crash
def test_a_database_that_is_away_is_said_on_the_page(paired: Stack) -> None:
    pid = postmaster(paired)
    assert opened(paired).status_code == 200
    with unwatched(paired):
        os.kill(pid, signal.SIGKILL)
        wait_until("the database is down", lambda: not alive(pid), seconds=LONG)
        wait_until(
            "the page says so",
            lambda: says(paired, "Tandem's database does not answer: it restarts, or has ended."),
            seconds=LONG,
        )
        shown = opened(paired)
        assert (shown.status_code, shown.headers["Content-Type"]) == (
            503,
            "text/html; charset=utf-8",
        )
    wait_until("the page opens", lambda: opened(paired).ok, seconds=LONG)


@pytest.mark.crash
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_database_that_ends_under_a_running_tandem_is_started_again_and_loses_nothing(
    paired: Stack, how: signal.Signals
) -> None:
    summary = f"Database, {how.name}"
    left, right = pair(paired, summary)
    paired.settle()
    pid = postmaster(paired)
    os.kill(pid, how)  # SIGINT is PostgreSQL's fast shutdown: it cuts every connection
    wait_until("the database is down", lambda: not alive(pid), seconds=LONG)
    edit_issue(paired.sandbox.acme, left, summary=f"{summary}, over")
    wait_until("it serves again", lambda: ready(paired), seconds=LONG)
    for _ in range(20):
        page_text(paired)  # nobody's call fails to find that a connection was cut
    follows(paired, left, right)
    rests(paired, f"{summary}, over")


def test_nothing_new_is_made_by_all_that(paired: Stack) -> None:
    assert paired.sandbox.broken_answers() == []
    assert create_issue(paired.sandbox.acme, *LEFT, summary="After all")
    wait_until(
        "it still works", lambda: "After all" in keys_by_summary(paired.sandbox.globex, RIGHT[0])
    )
    rests(paired, "After all")
