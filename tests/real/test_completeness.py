"""The check of a whole scope over real processes: found, named, healed, and then agreed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from demo.stack import APP_KEY, ROOT, Stack, calls_of, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from tests.real import attachments_scene, comments_scene
from tests.stack_fixture import owner, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

BUGS = (("WEB", "Bug"), ("PLAT", "Bug"))
PAIRS = 220
MARK = "Pack my box with five dozen jugs"


@pytest.fixture(scope="module")
def profile(running: Stack) -> str:  # noqa: F811
    """A profile with a few hundred pairs; ten issues are older than it and have no twin."""
    acme = running.sandbox.acme
    acme.make_issues(10, *LEFT)
    made = running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
    acme.make_issues(PAIRS, *LEFT, webhooks=True)
    wait_until("all are paired", lambda: running.overview()[0]["linked"] == PAIRS, seconds=240)
    running.settle()
    with owner(running) as connection:  # what no webhook told is not to be found by a search
        connection.execute("UPDATE search_look SET due_at = now() + interval '1 day'")
    with owner(running) as connection:  # at a pace of its own, the test would take minutes
        wait_until(
            "its row is there",
            lambda: connection.execute("UPDATE completeness SET calls_a_minute = 6000").rowcount,
        )
    return made


def command(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """`tandem profile …`."""
    return tandem(stack.environment, "profile", *words, seconds=300)


def check(stack: Stack, profile: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the figures of `tandem profile check`."""
    done = command(stack, "check", profile, "--json")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_a_scope_in_step_agrees_and_older_issues_are_only_said_to_be_unlinked(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    code, found = check(running, profile)
    assert (code, found["pairs"], found["agreed"]) == (0, PAIRS, PAIRS)
    older = [
        len(site.call("POST", "search/jql", json={"jql": jql, "maxResults": 999}).json()["issues"])
        for site, jql in (
            (running.sandbox.acme, f"project = {LEFT[0]} AND issuetype = {LEFT[1]}"),
            (running.sandbox.globex, f"project = {RIGHT[0]} AND issuetype = {RIGHT[1]}"),
        )
    ]
    assert [found["unlinked_left"], found["unlinked_right"]] == [n - PAIRS for n in older]
    assert found["unlinked_left"] >= 10
    assert (found["only_left"], found["only_right"]) == (0, 0)
    assert found["named"] == found["not_compared"] == []
    said = command(running, "check", "Web tasks")
    assert said.stdout.startswith(f"All {PAIRS} pairs agreed at ")
    assert f"{sum(older) - 2 * PAIRS} older than the profile are not linked" in said.stdout


def test_what_no_webhook_told_is_found_and_named_and_the_next_check_finds_it_agreed(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    with owner(running) as connection:
        pairs = connection.execute(
            "SELECT left_key, right_key FROM issue_link ORDER BY left_issue_id LIMIT 4"
        ).fetchall()
    for site in (acme, globex):
        site.webhooks(drop=1.0)
    edit_issue(acme, pairs[0][0], summary=MARK)
    edit_issue(globex, pairs[1][1], labels=["lost"], duedate="2027-05-01")
    lonely = create_issue(acme, *LEFT, summary="Made while nobody listened")
    for site in (acme, globex):
        site.wait_idle()
        site.webhooks(drop=0.0)
    wait_until(
        "search knows it",
        lambda: "Made while nobody listened" in keys_by_summary(acme, LEFT[0]),
    )
    code, found = check(running, profile)
    assert (code, found["agreed"], found["differing"]) == (1, PAIRS - 2, 2)
    named = {one["left"]: one for one in found["named"]}
    assert named[pairs[0][0]]["fields"] == ["summary"]
    assert sorted(named[pairs[1][0]]["fields"]) == ["duedate", "labels"]
    assert (found["only_left"], named[lonely]["only"]) == (1, "left")
    with owner(running) as connection:
        row = str(connection.execute("SELECT * FROM completeness").fetchall())
    assert pairs[0][0] in row
    assert MARK not in row
    assert "2027-05-01" not in row

    wait_until("healed", lambda: all(mapped(acme, a) == mapped(globex, b) for a, b in pairs))
    running.settle()
    wait_until("the lonely one is paired", lambda: running.overview()[0]["linked"] == PAIRS + 1)
    running.settle()
    code, found = check(running, profile)
    assert (code, found["agreed"], found["named"]) == (0, PAIRS + 1, [])


def test_a_check_that_was_killed_goes_on_from_its_last_step(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    with owner(running) as connection:
        connection.execute("UPDATE profile SET state = 'paused'")  # no worker takes it on
        connection.execute("UPDATE completeness SET calls_a_minute = 20")
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "profile", "check", profile],
            env=running.environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def half() -> bool:
            row = connection.execute(
                "SELECT pairs FROM completeness WHERE finished_at IS NULL AND lease IS NULL"
            ).fetchone()
            return row is not None and row[0] >= 100

        wait_until("it is under way", half)
        child.send_signal(signal.SIGKILL)
        child.wait()
        [began] = connection.execute("SELECT started_at FROM completeness").fetchone() or [None]
        connection.execute("UPDATE completeness SET calls_a_minute = 6000")
        running.sandbox.acme.clear_calls()
        code, found = check(running, profile)
        connection.execute("UPDATE profile SET state = 'on'")
    assert found["started_at"] == began.isoformat()
    assert (code, found["agreed"], found["pairs"]) == (0, PAIRS + 1, PAIRS + 1)
    reads = calls_of(running.sandbox.acme)
    assert reads.total() <= 5, reads  # two chunks of pairs that were left, three pages of the scope


def test_a_deleted_twin_is_gone_and_not_called_a_difference(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    globex = running.sandbox.globex
    with owner(running) as connection:
        [right] = connection.execute(
            "SELECT right_key FROM issue_link ORDER BY left_issue_id DESC LIMIT 1"
        ).fetchone() or [None]
    assert globex.call("DELETE", f"issue/{right}").status_code == 204
    globex.wait_idle()
    running.settle()
    code, found = check(running, profile)
    assert (code, found["gone"], found["differing"]) == (1, 1, 0)
    assert found["named"][0]["gone"] == "right"
    assert found["agreed"] == found["pairs"] - 1


def test_the_button_begins_a_check_and_a_worker_takes_it_to_its_end(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    begun = running.page(acme, "POST", f"/pages/profiles/{profile}/check")
    assert begun["checked"].startswith("Checking: 0 of about ")

    def said(site: Any) -> str:
        import requests

        token = site.context_token(APP_KEY, accountId=site.admin["accountId"])
        return requests.get(
            f"{running.url}/pages/parts/overview",
            headers={"Authorization": f"JWT {token}"},
            timeout=90,
        ).text

    wait_until("it is done", lambda: "pairs agreed at" in said(acme), seconds=120)
    assert "1 has lost its twin: WEB-" in said(acme)
    assert "1 has lost its twin: PLAT-" in said(globex)  # each site by its own keys


def test_the_list_tells_every_profile_and_an_unknown_one_is_refused_by_name(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    [row] = json.loads(command(running, "list", "--json").stdout)
    assert (row["id"], row["name"], row["state"]) == (profile, "Web tasks", "on")
    assert row["partner"] == running.sandbox.globex.url
    assert row["linked"] >= PAIRS
    assert "Web tasks" in command(running, "list").stdout
    unknown = command(running, "check", "No such")
    assert unknown.returncode == 2
    assert "PROFILE" in unknown.stderr


def writes(stack: Stack) -> int:
    """How many writing calls Tandem has made to both sites."""
    return writes_of(*stack.sandbox.sites)


def stored(stack: Stack) -> list[Any]:
    """What is stored of the items and the pairs of the profile that carries items."""
    where = "profile_id = (SELECT id FROM profile WHERE name = 'Web bugs') ORDER BY id"
    with owner(stack) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} WHERE {where}").fetchall()
            for table in ("item_link", "issue_link")
        ]


def bug_pairs(stack: Stack) -> list[comments_scene.Sides]:
    """Two pairs of a profile that carries comments and files, each with one of both."""
    with owner(stack) as connection:
        [connected] = connection.execute("SELECT connection_id FROM profile").fetchone() or [None]
    items = [{"kind": "comments", "prefix": None}, {"kind": "attachments"}]
    stack.create_profile(str(connected), left=BUGS[0], right=BUGS[1], name="Web bugs", items=items)
    pairs = [comments_scene.pair(stack, f"With items {n}", *BUGS) for n in range(2)]
    for one in pairs:
        one.say("left", "First")
        attachments_scene.Sides(stack, one.left, one.right).attach("left", "kept.txt", b"kept")
    for one in pairs:
        attachments_scene.Sides(stack, one.left, one.right).have("right", "kept.txt")
        one.has("right", "First")
    stack.settle()
    with owner(stack) as connection:
        connection.execute("UPDATE search_look SET due_at = now() + interval '1 day'")
    return pairs


def test_a_lost_comment_and_a_deleted_file_are_told_and_the_check_writes_nothing(
    running: Stack,  # noqa: F811
    profile: str,
) -> None:
    sites = running.sandbox.sites
    pairs = bug_pairs(running)
    lost = pairs[0]
    files = attachments_scene.Sides(running, lost.left, lost.right)
    with owner(running) as connection:
        connection.execute("UPDATE profile SET state = 'paused' WHERE name = 'Web bugs'")
        connection.execute(
            "INSERT INTO completeness (profile_id, left_tenant_id, right_tenant_id, due_at,"
            " calls_a_minute) SELECT id, left_tenant_id, right_tenant_id,"
            " now() + interval '1 day', 6000 FROM profile WHERE name = 'Web bugs'"
            " ON CONFLICT (profile_id) DO UPDATE SET calls_a_minute = 6000"
        )
    for site in sites:
        site.webhooks(drop=1.0)
    lost.say("left", MARK)
    lost.say("left", "And again")
    [twin] = files.files("right")
    files.drop("right", twin["id"])
    for site in sites:
        site.wait_idle()
        site.webhooks(drop=0.0)
        site.clear_calls()
    before = stored(running)

    done = command(running, "check", "Web bugs")
    assert done.returncode == 1, done.stderr
    head, items = done.stdout.splitlines()
    assert re.fullmatch(
        rf"1 of 2 pairs agreed at \d\d:\d\d; 1 differs: {lost.left} \(comments, files\); "
        r"Tandem was told to bring them in step; \d older than the profile are not linked\.",
        head,
    )
    assert items == (
        f"{lost.left} / {lost.right}: 2 comments are missing on the right side, "
        "1 file is missing on the right side."
    )
    assert writes(running) == 0
    assert stored(running) == before
    with owner(running) as connection:
        assert MARK not in str(connection.execute("SELECT * FROM completeness").fetchall())
        connection.execute("UPDATE profile SET state = 'on' WHERE name = 'Web bugs'")

    lost.has("right", "First", MARK, "And again")
    running.settle()
    assert files.names("right") == []  # whoever deleted it wanted it so: it was told and stays
    done = command(running, "check", "Web bugs")
    assert re.fullmatch(
        r"All 2 pairs agreed at \d\d:\d\d; \d older than the profile are not linked\.\n",
        done.stdout,
    )
    assert done.returncode == 0
