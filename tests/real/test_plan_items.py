"""A plan of items, then its apply, over real processes: what is announced is what is made."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.stack import Stack, calls_of, wait_until
from demo.walk import create_issue, keys_by_summary
from sandbox.process import SiteHandle
from tests.real.attachments_scene import Sides as Files
from tests.real.comments_scene import LONG, Sides
from tests.real.test_links import links, tie
from tests.real.test_plan import stored
from tests.real.work_scene import LEFT, RIGHT, Work, made
from tests.stack_fixture import look_no_more, owner, running  # noqa: F401  a fixture
from tests.stack_fixture import tandem as run_tandem

pytestmark = pytest.mark.real

SECRET = "Sphinx of black quartz"
KINDS = ("comments", "attachments", "worklogs", "links", "remote_link")
PROPERTY = "PUT /rest/api/3/issue/{issueIdOrKey}/properties/{propertyKey}"


@pytest.fixture(scope="module")
def quiet(running: Stack) -> Iterator[tuple[Work, Work]]:  # noqa: F811
    """Two pairs with a worklog and a link that crossed; then no webhook arrives and no search
    looks."""
    items = [{"kind": kind} for kind in KINDS]
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Tasks", items=items)
    first, second = made(running, "The first"), made(running, "The second")
    first.log("left", 30, SECRET)
    tie(first.site("left"), "Blocks", first.left, second.left)
    wait_until("the worklog is there", lambda: len(first.ours("right")) == 1, LONG)
    wait_until("the link is there", lambda: links(first.site("right"), first.right), LONG)
    running.settle()
    look_no_more(running)
    for site in running.sandbox.sites:
        site.webhooks(drop=1.0)
    yield first, second


def tandem(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """A `tandem` command."""
    return run_tandem(stack.environment, *words, seconds=300)


def plan(stack: Stack, *words: str) -> dict[str, Any]:
    """What `tandem plan … --json` says."""
    done = tandem(stack, "plan", "Tasks", "--json", *words)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def announced(told: dict[str, Any]) -> Counter[tuple[str, str, str]]:
    """The items of a plan: side, kind and what becomes of them."""
    return Counter((o["side"], o["kind"], o["deed"]) for o in told["issues"][0]["items"])


def sent(site: SiteHandle) -> dict[str, int]:
    """The calls of Tandem that wrote to a site, by what they were."""
    paths = calls_of(site)
    reads = ("GET ", "POST /rest/api/3/issue/bulkfetch", "POST /rest/api/3/comment/list",
             "POST /rest/api/3/worklog/list", "POST /rest/api/3/search")  # fmt: skip
    return {path: number for path, number in paths.items() if not path.startswith(reads)}


def twins_of(site: SiteHandle, summary: str) -> list[str]:
    """The keys of the right side's issues of this summary, as a search knows them."""
    return keys_by_summary(site, RIGHT[0]).get(summary, [])


def clear(stack: Stack) -> None:
    for site in stack.sandbox.sites:
        site.clear_calls()


def test_a_plan_names_the_items_of_a_pair_is_refused_once_one_moved_and_then_makes_just_those(
    running: Stack,  # noqa: F811
    quiet: tuple[Work, Work],
    tmp_path: Path,
) -> None:
    first, _ = quiet
    pair = Sides(running, first.left, first.right)
    for text in ("One", "Two"):
        pair.say("left", f"{SECRET} {text}")
    pair.say("right", SECRET)
    Files(running, first.left, first.right).attach("left", f"{SECRET}.txt", b"x" * 300_000)
    first.edit("left", first.worklogs("left")[0]["id"], timeSpentSeconds=7200)
    first.site("left").call("DELETE", f"issueLink/{links(first.site('left'), first.left)[0]['id']}")
    lone = create_issue(first.site("left"), "WEB", "Bug", summary="In no profile")
    tie(first.site("left"), "Relates", first.left, lone)
    before = stored(running)
    clear(running)
    path = tmp_path / "plan.jsonl"
    asked = ("--issue", first.left, "--out", str(path))
    said = tandem(running, "plan", "Tasks", *asked).stdout
    for line in (
        "right  2 comments would be made",
        "left   1 comment would be made",
        "right  1 attachment (0.3 MB) would be made",
        "right  1 worklog would be written anew",
        "right  1 link would be deleted",
        "The issue at the link's other end has no twin yet",
    ):
        assert line in said
    assert SECRET not in said + path.read_text()
    # Written nowhere.
    assert stored(running) == before
    assert [sent(site) for site in running.sandbox.sites] == [{}, {}]

    pair.say("left", "Three")
    done = tandem(running, "apply", str(path))
    assert done.returncode == 2
    assert (
        f"{first.left} / {first.right}: a comment was added on the left side since the plan"
        in done.stderr
    )
    assert stored(running) == before
    assert [sent(site) for site in running.sandbox.sites] == [{}, {}]

    told = plan(running, *asked)
    assert announced(told) == Counter({
        ("right", "comments", "made"): 3,
        ("left", "comments", "made"): 1,
        ("right", "attachments", "made"): 1,
        ("right", "worklogs", "written anew"): 1,
        ("right", "links", "deleted"): 1,
    })  # fmt: skip
    left_alone = [(one["cause"], one["field"]) for one in told["issues"][0]["left_alone"]]
    assert (left_alone, told["issues"][0]["writes"]) == ([("waits", "issuelinks")], [])
    clear(running)
    done = tandem(running, "apply", str(path))
    assert done.returncode == 0, done.stderr
    left, right = (sent(site) for site in running.sandbox.sites)
    comments = "POST /rest/api/3/issue/{issueIdOrKey}/comment"
    assert left == {comments: 1}
    assert right == {
        comments: 3,
        "POST /rest/api/3/issue/{issueIdOrKey}/attachments": 1,
        PROPERTY: 1,
        "PUT /rest/api/3/issue/{issueIdOrKey}/worklog/{id}": 1,
        "DELETE /rest/api/3/issueLink/{linkId}": 1,
    }
    # The check reads both issues, their screens and the limit of files as well.
    calls = sum(told["summary"]["calls"].values())
    assert calls <= calls_of(*running.sandbox.sites).total() <= calls + 8
    again = plan(running, "--issue", first.left)
    assert (again["issues"][0]["step"], again["issues"][0]["items"]) == ("nothing", [])


def test_a_new_twin_is_planned_with_its_items_and_gets_just_those(
    running: Stack,  # noqa: F811
    quiet: tuple[Work, Work],
    tmp_path: Path,
) -> None:
    _, second = quiet
    acme, globex = running.sandbox.sites
    key = create_issue(acme, *LEFT, summary="It has no twin")
    source = Sides(running, key, "")
    for number in range(3):
        source.say("left", f"{SECRET} {number}")
    Files(running, key, "").attach("left", "notes.txt", b"some")
    tie(acme, "Blocks", key, second.left)
    path = tmp_path / "plan.jsonl"
    told = plan(running, "--issue", key, "--out", str(path))
    assert told["issues"][0]["step"] == "create"
    assert announced(told) == Counter({
        ("right", "comments", "made"): 3,
        ("right", "attachments", "made"): 1,
        ("right", "links", "made"): 1,
        ("left", "remote_link", "made"): 1,
        ("right", "remote_link", "made"): 1,
    })  # fmt: skip
    clear(running)
    done = tandem(running, "apply", str(path))
    assert done.returncode == 0, done.stderr
    assert sent(acme) == {"POST /rest/api/3/issue/{issueIdOrKey}/remotelink": 1}
    assert sent(globex) == {
        "POST /rest/api/3/issue": 1,
        "POST /rest/api/3/issue/{issueIdOrKey}/comment": 3,
        "POST /rest/api/3/issue/{issueIdOrKey}/attachments": 1,
        "POST /rest/api/3/issueLink": 1,
        "POST /rest/api/3/issue/{issueIdOrKey}/remotelink": 1,
        PROPERTY: 2,
    }
    calls = sum(told["summary"]["calls"].values())
    assert calls <= calls_of(*running.sandbox.sites).total() <= calls + 8
    # With its link lost, it is found again by its mark.
    wait_until("search knows the twin", lambda: twins_of(globex, "It has no twin"), LONG)
    [twin] = twins_of(globex, "It has no twin")
    with owner(running) as connection:
        connection.execute("DELETE FROM issue_link WHERE left_key = %s", (key,))
    said = tandem(running, "plan", "Tasks", "--issue", key).stdout
    assert f"its twin {twin} is found by its mark" in said
