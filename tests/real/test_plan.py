"""Plan, then apply, over real processes: a plan is written nowhere, and applied whole or not."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.stack import ROOT, Stack, calls_of, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from tests.stack_fixture import look_no_more, owner, running  # noqa: F401  a fixture
from tests.stack_fixture import tandem as run_tandem

pytestmark = pytest.mark.real

PAIRS = 12
# What moves by itself: jobs, the budget of the sites, the looks that are due, and the audit trail.
MOVING = (
    "procrastinate", "site_budget", "search_look", "completeness", "drift", "audit", "alembic",
)  # fmt: skip
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def pairs(running: Stack) -> Iterator[list[Pair]]:  # noqa: F811
    """A profile with some pairs in step; from then on no webhook arrives and no search looks."""
    acme = running.sandbox.acme
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
    acme.make_issues(PAIRS, *LEFT, webhooks=True)
    wait_until("all are paired", lambda: running.overview()[0]["linked"] == PAIRS, seconds=240)
    for site in running.sandbox.sites:
        site.wait_idle(120)
    look_no_more(running)
    with owner(running) as connection:
        rows = connection.execute(
            "SELECT left_key, right_key FROM issue_link ORDER BY left_issue_id"
        ).fetchall()
    for site in running.sandbox.sites:
        site.webhooks(drop=1.0)
    yield [(str(left), str(right)) for left, right in rows]


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    """Where a plan goes."""
    return tmp_path / "plan.jsonl"


def tandem(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """A `tandem` command."""
    return run_tandem(stack.environment, *words, seconds=300)


def plan(stack: Stack, *words: str) -> dict[str, Any]:
    """What `tandem plan … --json` says."""
    done = tandem(stack, "plan", "Web tasks", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored(stack: Stack) -> dict[str, list[str]]:
    """Every row of every table that nothing but a change moves, with the transaction that wrote
    it."""
    with owner(stack) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public'"
        ).fetchall()
        return {
            table: [
                str(row)
                for row in connection.execute(f'SELECT xmin::text, t::text FROM "{table}" t')
            ]
            for (table,) in tables
            if not table.startswith(MOVING)
        }


def written(stack: Stack) -> list[int]:
    """How many calls of Tandem wrote to each site."""
    return [writes_of(site) for site in stack.sandbox.sites]


def agree(stack: Stack, *pairs: Pair) -> bool:
    """Whether both sides of these have the same."""
    acme, globex = stack.sandbox.sites
    return all(mapped(acme, left) == mapped(globex, right) for left, right in pairs)


def search_knows(stack: Stack, summary: str) -> None:
    """Wait until a search finds an issue of Acme's by its summary."""
    acme = stack.sandbox.acme
    wait_until("search knows it", lambda: summary in keys_by_summary(acme, LEFT[0]))


def test_a_plan_of_one_issue_says_each_field_with_old_and_new_and_is_written_nowhere(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
) -> None:
    left, right = pairs[0]
    old = mapped(running.sandbox.acme, left)
    edit_issue(running.sandbox.acme, left, summary="Planned at Acme")
    edit_issue(running.sandbox.globex, right, duedate="2027-03-01", labels=["planned"])
    before, calls = stored(running), written(running)
    for named in ((left.lower(),), (right, "--side", "right")):
        told = plan(running, "--issue", *named)
        [one] = told["issues"]
        assert (one["step"], one["left"], one["right"]) == ("update", left, right)
        assert sorted((w["side"], w["field"], w["old"], w["new"]) for w in one["writes"]) == [
            ("left", "duedate", "", "2027-03-01"),
            ("left", "labels", ", ".join(old["labels"]), "planned"),
            ("right", "summary", old["summary"], "Planned at Acme"),
        ]
        assert told["summary"]["fields"] == {"left": 2, "right": 1}
        assert (one["left_alone"], one["blocked"], told["summary"]["groups"]) == ([], [], [])
    assert stored(running) == before
    assert written(running) == calls
    said = tandem(running, "plan", "Web tasks", "--issue", left)
    assert f"right  summary: {old['summary']} → Planned at Acme" in said.stdout
    assert "To apply it takes about 4 REST calls" in said.stdout


def test_a_plan_that_is_applied_brings_exactly_what_was_planned(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
) -> None:
    acme, globex = running.sandbox.sites
    other = pairs[2]
    edit_issue(acme, pairs[1][0], summary="Chosen by its JQL", labels=["chosen"])
    edit_issue(acme, other[0], summary="Not in the JQL")
    search_knows(running, "Not in the JQL")
    asked = ("--jql", "labels = chosen", "--side", "left", "--out", str(plan_file))
    told = plan(running, *asked)
    assert [one["left"] for one in told["issues"]] == [pairs[1][0]]
    assert stat.S_IMODE(plan_file.stat().st_mode) == 0o600
    for site in running.sandbox.sites:
        site.clear_calls()
    done = tandem(running, "apply", str(plan_file))
    assert done.returncode == 0, done.stderr
    assert "1 of 1 changes" in done.stdout
    assert agree(running, pairs[1])
    assert mapped(globex, other[1])["summary"] != "Not in the JQL"
    assert written(running) == [0, 1]
    with owner(running) as connection:
        runs = connection.execute("SELECT kind, state, begun_by FROM run").fetchall()
        deeds = connection.execute(
            "SELECT action, count(*) FROM audit_event WHERE action LIKE 'plan.%' GROUP BY 1"
        ).fetchall()
    assert runs == [("apply", "done", "command")]
    assert dict(deeds)["plan.applied"] == 2  # both sites' trails have it
    again = tandem(running, "apply", str(plan_file))
    assert again.returncode == 2
    assert pairs[1][0] in again.stderr


def test_a_plan_of_the_whole_scope_has_pairs_and_lone_issues_and_its_estimate_is_kept(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
) -> None:
    acme, globex = running.sandbox.sites
    for number, (left, right) in enumerate(pairs[3:7]):
        edit_issue(acme, left, summary=f"Whole scope {number}")
        edit_issue(globex, right, duedate="2027-04-01")
    create_issue(acme, *LEFT, summary="Lone at Acme")
    create_issue(globex, *RIGHT, summary="Lone at Globex")
    search_knows(running, "Lone at Acme")
    wait_until("it is found", lambda: "Lone at Globex" in keys_by_summary(globex, RIGHT[0]))
    before, calls = stored(running), written(running)
    told = plan(running, "--out", str(plan_file))
    assert (stored(running), written(running)) == (before, calls)
    summary = told["summary"]
    lone = {one["left"] or one["right"]: one for one in told["issues"] if one["step"] == "create"}
    fresh = [one for one in lone.values() if not one["older_than_profile"]]
    assert sorted(one["create_on"] for one in fresh) == ["left", "right"]
    updates = {one["left"] for one in told["issues"] if one["step"] == "update"}
    assert {left for left, _ in pairs[3:7]} <= updates
    assert summary["steps"]["update"] == len(updates)
    assert summary["looked_at"] == PAIRS + len(lone)
    for site in running.sandbox.sites:
        site.clear_calls()
    done = tandem(running, "apply", str(plan_file))
    assert done.returncode == 0, done.stderr
    assert agree(running, *pairs[3:7])
    for site, project in ((globex, RIGHT[0]), (acme, LEFT[0])):
        twins = keys_by_summary(site, project)
        assert len(twins["Lone at Acme"]) == len(twins["Lone at Globex"]) == 1
    # The check before it reads as well, three bulk reads and two screens; and a worker that comes
    # upon half a batch reads once more for the rest.
    spent = calls_of(*running.sandbox.sites).total()
    assert sum(summary["calls"].values()) <= spent
    assert spent <= sum(summary["calls"].values()) + 12
    assert plan(running)["summary"]["steps"].keys() == {"nothing"}


def test_an_edit_after_the_plan_refuses_all_of_it_and_is_named(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
) -> None:
    acme, globex = running.sandbox.sites
    first, second = pairs[7], pairs[8]
    for left, _ in (first, second):
        edit_issue(acme, left, summary="To be planned")
    search_knows(running, "To be planned")
    told = plan(running, "--out", str(plan_file))
    assert {one["left"] for one in told["issues"]} >= {first[0], second[0]}
    edit_issue(globex, first[1], duedate="2027-06-06")
    before, calls = stored(running), written(running)
    done = tandem(running, "apply", str(plan_file))
    assert done.returncode == 2
    assert f"{first[0]} / {first[1]}: duedate on the right side changed" in done.stderr
    assert "1 issue moved" in done.stderr
    assert second[0] not in done.stderr
    assert (stored(running), written(running)) == (before, calls)


def test_a_plan_file_that_was_changed_is_refused_before_anything_is_done(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
) -> None:
    edit_issue(running.sandbox.acme, pairs[9][0], summary="A plan to be changed")
    plan(running, "--issue", pairs[9][0], "--out", str(plan_file))
    good = plan_file.read_text()
    before, calls = stored(running), written(running)
    for bad, why in (
        (good.replace("A plan to be changed", "Another value"), "signature does not hold"),
        (good.replace(pairs[9][0], pairs[10][0]), "signature does not hold"),
        ("\n".join(good.splitlines()[:-1]), "cut off"),
        ("not a plan\n", "no plan of Tandem"),
    ):
        assert bad != good
        plan_file.write_text(bad)
        done = tandem(running, "apply", str(plan_file))
        assert done.returncode == 2
        assert why in done.stderr
        assert "Nothing was applied" in done.stderr
    assert (stored(running), written(running)) == (before, calls)


@pytest.mark.parametrize("jql", ["labels = ", "nosuchfield = 3", "labels = a) OR (labels = b"])
def test_a_jql_that_the_site_does_not_take_ends_with_its_words_and_what_to_do(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
    jql: str,
) -> None:
    asked = ("--jql", jql, "--side", "right", "--out", str(plan_file))
    done = tandem(running, "plan", "Web tasks", *asked)
    assert done.returncode == 2
    assert "--jql: the right site does not take it." in done.stderr
    assert "Correct the JQL" in done.stderr
    assert not list(plan_file.parent.iterdir())


def test_what_a_site_would_refuse_is_grouped_by_cause_and_the_rest_is_applied(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
) -> None:
    acme, globex = running.sandbox.sites
    bugs = ("WEB", "Bug"), ("OPS", "Bug")
    with owner(running) as connection:
        [(known,)] = connection.execute("SELECT id::text FROM connection").fetchall()
    running.create_profile(known, left=bugs[0], right=bugs[1], name="Bugs")
    impact = {"customfield_10125": {"value": "Critical"}}
    for number in range(3):
        create_issue(acme, *bugs[0], summary=f"Bug at Acme {number}")
        create_issue(
            globex, *bugs[1], summary=f"Outage {number}", priority={"name": "Blocker"}, **impact
        )
    search_knows(running, "Bug at Acme 2")
    wait_until("it is found", lambda: "Outage 2" in keys_by_summary(globex, "OPS"))
    done = tandem(running, "plan", "Bugs", "--out", str(plan_file))
    assert done.returncode == 1, done.stderr  # something is blocked
    assert "4 issues: priority 'Blocker' has no twin on the left side (OPS-" in done.stdout
    assert "issues: the right side makes no issue without Impact, and no mapping" in done.stdout
    assert "4 twins to create (4 on the left)" in done.stdout
    calls = written(running)
    done = tandem(running, "apply", str(plan_file))
    assert done.returncode == 1  # the priority is set aside, as was said
    assert "4 were set aside" in done.stdout
    twins = keys_by_summary(acme, "WEB")
    assert all(len(twins[f"Outage {number}"]) == 1 for number in range(3))
    assert written(running)[1] == calls[1]
    # The twin's own default never goes back over the value that it could not take.
    sources = keys_by_summary(globex, "OPS")
    assert mapped(globex, sources["Outage 0"][0])["priority"] == "Blocker"


def test_stopping_the_command_stops_no_worker(
    running: Stack,  # noqa: F811
    pairs: list[Pair],
    plan_file: Path,
) -> None:
    acme, globex = running.sandbox.sites
    edit_issue(acme, pairs[11][0], summary="Carried by the workers")
    plan(running, "--issue", pairs[11][0], "--out", str(plan_file))
    globex.faults({"kind": "503", "method": "PUT"})  # until it is taken away: nothing is written
    with owner(running) as connection:
        runs = connection.execute("SELECT id FROM run").fetchall()
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "apply", str(plan_file)],
            env=running.environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        wait_until(
            "the run has begun",
            lambda: len(connection.execute("SELECT id FROM run").fetchall()) > len(runs),
            seconds=120,
        )
        os.kill(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=120)
        assert child.returncode == 130
        assert "The workers go on with run" in said
        globex.faults()
        wait_until("it is carried out", lambda: agree(running, pairs[11]), seconds=120)
        running.settle()
        wait_until(
            "the workers end the run",
            lambda: set(connection.execute("SELECT state FROM run").fetchall()) == {("done",)},
            seconds=120,
        )
