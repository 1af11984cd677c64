"""Filters over real processes: what is outside stands still, and goes on where it stopped."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
from flask import Flask

from app import Tandem, create_app
from app.database import TenantId, db
from app.jobs.bell import ring
from app.mapping.profile import Side
from app.settings import load_settings
from app.sync.search import Look, Searcher
from demo.stack import APP_KEY, Stack, StackError, calls_of, scope_ids, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from sandbox.process import SiteHandle
from tests.stack_fixture import look, look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0
OTHER = (RIGHT[0], "Bug")
IN, OUT = {"name": "High"}, {"name": "Low"}
FILTER = "priority = High AND (labels is EMPTY OR labels != secret)"


@pytest.fixture(scope="module")
def owner(running: Stack) -> Iterator[psycopg.Connection]:  # noqa: F811
    """A connection of the owner of the tables."""
    address = running.database
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def profile(running: Stack) -> str:  # noqa: F811
    """A profile whose left side has a filter; the priority is not among its fields, so that only
    the filter looks at it."""
    return make(running, left_filter=FILTER)["profile"]


@pytest.fixture(autouse=True)
def _told_again(running: Stack) -> Iterator[None]:  # noqa: F811
    """After each test webhooks come as they should."""
    yield
    for site in running.sandbox.sites:
        site.webhooks(drop=0.0, hold=False)


FIELDS = (
    '[{"left": "summary", "right": "summary", "kind": "text"},'
    ' {"left": "description", "right": "description", "kind": "rich_text"},'
    ' {"left": "duedate", "right": "duedate", "kind": "date"}]'
)


def make(stack: Stack, **more: str) -> Any:
    """Make a profile as Acme's admin; gives the page's answer, raises StackError."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    left, right = scope_ids(acme, *LEFT), scope_ids(globex, *RIGHT)
    form = {
        "connection": stack.connect(),
        "name": "Filtered",
        "left_project": left[0],
        "left_type": left[1],
        "right_project": right[0],
        "right_type": right[1],
        "fields": FIELDS,
    }
    made = stack.page(acme, "POST", "/pages/profiles", **form | more)
    stack.approve(globex, made["profile"])
    return made


def twins(stack: Stack, summary: str) -> list[str]:
    """The keys of Globex's issues of this summary."""
    return keys_by_summary(stack.sandbox.globex, RIGHT[0]).get(summary, [])


def pair(stack: Stack, summary: str) -> tuple[str, str]:
    """A pair that is inside the filter."""
    left = create_issue(stack.sandbox.acme, *LEFT, summary=summary, priority=IN)
    wait_until("its twin is there", lambda: twins(stack, summary), seconds=LONG)
    stack.settle()
    [right] = twins(stack, summary)
    return left, right


def search_knows(site: SiteHandle, key: str) -> bool:
    """Whether the site's search knows the last edit of an issue."""
    updated = site.call("GET", f"issue/{key}").json()["fields"]["updated"]
    body = {"jql": f"key = {key}", "fields": ["updated"], "maxResults": 1}
    found = site.call("POST", "search/jql", json=body).json()["issues"]
    return [one["fields"]["updated"] for one in found] == [updated]


@pytest.fixture(scope="module")
def here(running: Stack, owner: psycopg.Connection) -> Iterator[Flask]:  # noqa: F811
    """The product in this process as well, on the database of the running one."""
    url = running.database
    app = create_app(load_settings(running.environment | {"DATABASE_URL": url}), pool_size=4)
    with app.app_context():
        yield app
        db.engine.dispose()


def look_here(owner: psycopg.Connection, here: Flask) -> None:
    """Search both sides from their old mark in this process, at once; the workers do the rest."""
    product: Tandem = here.extensions["tandem"]
    rows = owner.execute(
        "SELECT profile_id, side, left_tenant_id, right_tenant_id, since, looked_at, now()"
        " FROM search_look ORDER BY side"
    ).fetchall()
    for one, side, left, right, *times in rows:
        tenants = TenantId(left), TenantId(right)
        Searcher(product.vault, product.open_site, ring).look(
            Look(one, Side(side), *tenants, *times)
        )


def silence(stack: Stack) -> None:
    """From now on no webhook arrives."""
    for site in stack.sandbox.sites:
        site.webhooks(drop=1.0)


def stands(owner: psycopg.Connection, left: str) -> str | None:
    """Whose issue is outside, as the pair's row says."""
    [(outside,)] = owner.execute(
        "SELECT outside FROM issue_link WHERE left_key = %s", (left,)
    ).fetchall()
    return None if outside is None else str(outside)


def entries(owner: psycopg.Connection, left: str) -> int:
    """How many activity entries a pair has."""
    [(count,)] = owner.execute(
        "SELECT count(*) FROM activity WHERE left_key = %s", (left,)
    ).fetchall()
    return int(count)


def shown(site: SiteHandle, key: str) -> tuple[Any, Any, Any]:
    """What the profile carries of an issue."""
    found = mapped(site, key)
    return found["summary"], found["description"], found["duedate"]


def calls(stack: Stack, part: str) -> int:
    """How often Tandem has called paths with this part in them."""
    return sum(n for path, n in calls_of(*stack.sandbox.sites).items() if part in path)


def overview(stack: Stack) -> str:
    """The overview as the page shows it."""
    acme = stack.sandbox.acme
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.get(
        f"{stack.url}/pages/parts/overview",
        headers={"Authorization": f"JWT {token}"},
        timeout=90,
    )
    return html.unescape(answer.text)


def test_a_pair_that_leaves_the_filter_stands_still_and_crosses_both_ways_when_it_returns(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    left, right = pair(running, "Comes and goes")
    told = entries(owner, left)
    before = shown(acme, left)
    edit_issue(acme, left, priority=OUT, summary="Left while outside")
    wait_until("it stands still", lambda: stands(owner, left) == "left", seconds=LONG)
    edit_issue(globex, right, duedate="2027-05-05")
    for number in range(3):
        edit_issue(acme, left, summary=f"Left while outside, {number}")
    running.settle()
    assert shown(globex, right) == (*before[:2], "2027-05-05")
    assert shown(acme, left) == ("Left while outside, 2", *before[1:])
    assert entries(owner, left) == told + 1  # said once, not once an event
    assert "outside the profile's filter" in overview(running)
    asked = tandem(running.environment, "why", left)
    assert "  STANDS STILL: The issue at " in asked.stdout
    assert " is outside the profile's filter" in asked.stdout
    edit_issue(acme, left, priority=IN)  # a field that no mapping has
    wait_until(
        "both edits crossed",
        lambda: shown(acme, left) == shown(globex, right),
        seconds=LONG,
    )
    assert shown(acme, left)[::2] == ("Left while outside, 2", "2027-05-05")
    running.settle()
    assert stands(owner, left) is None


def test_the_same_holds_where_no_webhook_tells_of_anything(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    left, right = pair(running, "Never told")
    silence(running)
    edit_issue(acme, left, priority=OUT, summary="Never told, left")
    edit_issue(globex, right, duedate="2027-06-06")
    wait_until("search has it", lambda: search_knows(acme, left), seconds=LONG)
    wait_until("search has it", lambda: search_knows(globex, right), seconds=LONG)
    look(owner, LONG)
    wait_until("it stands still", lambda: stands(owner, left) == "left", seconds=LONG)
    running.settle()
    assert shown(globex, right)[0] == "Never told"
    assert shown(acme, left)[2] is None
    edit_issue(acme, left, priority=IN)
    wait_until("search has it", lambda: search_knows(acme, left), seconds=LONG)
    look(owner, LONG)
    wait_until(
        "both edits crossed", lambda: shown(acme, left) == shown(globex, right), seconds=LONG
    )
    assert shown(acme, left)[::2] == ("Never told, left", "2027-06-06")


def test_an_issue_outside_has_no_twin_until_it_enters_told_or_not(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    here: Flask,
    profile: str,
) -> None:
    acme = running.sandbox.acme
    first = create_issue(acme, *LEFT, summary="Enters, told", priority=OUT)
    second = create_issue(acme, *LEFT, summary="Enters, untold", priority=OUT)
    running.settle()
    look_here(owner, here)
    running.settle()
    assert twins(running, "Enters, told") == twins(running, "Enters, untold") == []
    edit_issue(acme, first, priority=IN)
    wait_until("it has a twin", lambda: twins(running, "Enters, told"), seconds=LONG)
    running.settle()
    silence(running)
    edit_issue(acme, second, priority=IN)
    wait_until("search has it", lambda: search_knows(acme, second), seconds=LONG)
    look_here(owner, here)
    wait_until("it has a twin", lambda: twins(running, "Enters, untold"), seconds=LONG)
    running.settle()
    assert len(twins(running, "Enters, told")) == len(twins(running, "Enters, untold")) == 1


def test_a_verdict_that_was_wrong_is_right_after_one_look_though_no_event_told(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    here: Flask,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    left, right = pair(running, "Judged wrongly")
    silence(running)
    edit_issue(globex, right, duedate="2027-07-07")
    # As an index that is late would have it; and long enough ago that no search has it any more.
    owner.execute("UPDATE issue_link SET outside = 'left' WHERE left_key = %s", (left,))
    owner.execute("UPDATE search_look SET looked_at = now() + interval '5 minutes'")
    look_here(owner, here)
    wait_until("it crossed", lambda: shown(acme, left)[2] == "2027-07-07", seconds=LONG)
    running.settle()
    assert stands(owner, left) is None
    owner.execute("UPDATE search_look SET looked_at = now()")


def test_another_filter_of_the_same_profile_counts_from_its_saving(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    path = f"/pages/profiles/{profile}/filters"
    left, right = pair(running, "Filtered anew")
    assert running.page(acme, "GET", path) == {"left_filter": FILTER}
    assert running.page(globex, "GET", path) == {"right_filter": None}
    narrow = running.page(acme, "POST", path, left_filter=f"{FILTER} AND summary !~ anew")
    assert narrow["filter"].endswith("!~ anew")
    edit_issue(globex, right, duedate="2027-08-08")
    wait_until("it stands still", lambda: stands(owner, left) == "left", seconds=LONG)
    running.settle()
    assert shown(acme, left)[2] is None
    assert running.page(acme, "POST", path, left_filter=f" {FILTER} ") == {"filter": FILTER}
    wait_until("it crossed", lambda: shown(acme, left)[2] == "2027-08-08", seconds=LONG)
    with pytest.raises(StackError, match=r"403 .*right_filter.*partner's site"):
        running.page(acme, "POST", path, right_filter="labels = x", left_filter="")
    [(actions,)] = owner.execute(
        "SELECT count(*) FROM audit_event WHERE action = 'profile.filter-changed'"
    ).fetchall()
    assert actions == 4  # two changes, on the trails of both sites


def test_a_check_counts_pairs_that_stand_still_apart_and_nothing_outside(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme = running.sandbox.acme
    left, _right = pair(running, "Checked")
    edit_issue(acme, left, priority=OUT, summary="Checked, outside")
    create_issue(acme, *LEFT, summary="Outside all the time", priority=OUT)
    running.settle()
    wait_until("search has it", lambda: search_knows(acme, left), seconds=LONG)
    owner.execute("DELETE FROM completeness")  # one may be under way since the filter changed
    done = tandem(running.environment, "profile", "check", profile, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (found["still"], found["differing"], found["only_left"]) == (1, 0, 0)
    assert found["agreed"] == found["pairs"]
    edit_issue(acme, left, priority=IN)
    running.settle()


def refused(stack: Stack, **form: str) -> dict[str, Any]:
    """What the page says to a filter that is none; and nothing of it may be stored."""
    before = stack.overview()
    with pytest.raises(StackError) as told:
        make(stack, name="Never made", **form)
    assert [one["name"] for one in stack.overview()] == [one["name"] for one in before]
    text = str(told.value)
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        (
            {"left_filter": "labels = a AND"},
            "left.filter",
            "your Jira does not understand it: Error in the JQL Query: Expecting a field name",
        ),
        (
            {"left_filter": "cf[10121] = 3"},
            "left.filter",
            "Field 'cf[10121]' does not exist or you do not have permission to view it",
        ),
        (
            {"left_filter": "labels = a) OR (project = SUP"},
            "left.filter",
            "Expecting either 'OR' or 'AND' but got ')'",
        ),
        ({"left_filter": "labels = a ORDER BY created"}, "left.filter", "Remove ORDER BY"),
        ({"left_filter": "ORDER BY created"}, "left.filter", "Remove ORDER BY"),
        (
            {"right_filter": "priority = Rumpelstilzchen"},
            "right.filter",
            "the partner's Jira does not understand it.",
        ),
        (
            {"right_filter": "labels = a) OR (project = OPS"},
            "right.filter",
            "the partner's Jira does not understand it at line 1, character 11.",
        ),
        (
            {"left_filter": "priority = High", "right_filter": "cf[10031] is EMPTY"},
            "right.filter",
            "Names of fields, statuses and people are those of the partner's site.",
        ),
        ({"left_filter": "a" * 2001}, "left.filter", "at most 2,000 characters"),
    ],
)
def test_a_filter_that_makes_no_sense_to_its_own_site_is_refused_and_nothing_is_made(
    running: Stack,  # noqa: F811
    profile: str,
    form: dict[str, str],
    field: str,
    words: str,
) -> None:
    told = refused(running, **form, right_type=scope_ids(running.sandbox.globex, *OTHER)[1])
    assert (told["status"], told["field"]) == (400, field)
    assert words in told["detail"]
    assert "Rumpelstilzchen" not in told["detail"]
    assert "Rumpelstilzchen" not in (running.instance / "tandem.log").read_text()


def test_a_changed_filter_that_makes_no_sense_leaves_the_old_one_as_it_was(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme = running.sandbox.acme
    path = f"/pages/profiles/{profile}/filters"
    before = owner.execute("SELECT revision FROM profile ORDER BY id").fetchall()
    for bad in ("universe = 42", "labels = a ORDER BY id", "a" * 3000):
        with pytest.raises(StackError, match=r"400 .*left\.filter"):
            running.page(acme, "POST", path, left_filter=bad)
    with pytest.raises(StackError, match=r"400 .*left_filter: is missing"):
        running.page(acme, "POST", path, other="x")
    assert running.page(acme, "GET", path) == {"left_filter": FILTER}
    assert owner.execute("SELECT revision FROM profile ORDER BY id").fetchall() == before


def test_a_profile_without_a_filter_makes_no_call_more_and_one_with_it_one_a_batch_and_side(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    path = f"/pages/profiles/{profile}/filters"
    left, right = pair(running, "Counted")

    def carried(text: str) -> tuple[int, int, int]:
        for site in running.sandbox.sites:
            site.wait_idle(LONG)
            site.clear_calls()
        edit_issue(acme, left, summary=text)
        wait_until("it crossed", lambda: shown(globex, right)[0] == text, seconds=LONG)
        running.settle()
        return calls(running, "bulkfetch"), calls(running, "search/jql"), calls(running, "jql/")

    def least(text: str) -> tuple[int, int, int]:
        """Of three edits: what runs in the background at that moment can only add to it."""
        look_no_more(running)
        return min(carried(f"{text} {number}") for number in range(3))

    assert least("Counted, with a filter") == (2, 1, 0)
    running.page(acme, "POST", path, left_filter="")
    running.settle()
    assert least("Counted, without a filter") == (2, 0, 0)
    running.page(acme, "POST", path, left_filter=FILTER)


def test_a_twin_that_its_own_sites_filter_does_not_find_stands_still_until_it_does(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    path = f"/pages/profiles/{profile}/filters"
    running.page(globex, "POST", path, right_filter="labels = shared")
    left, right = pair(running, "Made outside")
    edit_issue(acme, left, summary="Made outside, edited")
    wait_until("it stands still", lambda: stands(owner, left) == "right", seconds=LONG)
    running.settle()
    assert shown(globex, right)[0] == "Made outside"
    edit_issue(globex, right, labels=["shared"])
    wait_until(
        "it crossed", lambda: shown(globex, right)[0] == "Made outside, edited", seconds=LONG
    )
    running.page(globex, "POST", path, right_filter="")


def test_a_filter_that_jira_understands_no_more_holds_its_profile_and_the_page_says_what_to_do(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: str,
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    path = f"/pages/profiles/{profile}/filters"
    left, right = pair(running, "Held")
    name = acme.admin["displayName"]
    running.page(acme, "POST", path, left_filter=f'reporter = "{name}"')
    try:
        acme.rename(users={acme.admin["accountId"]: "Somebody Else"})
        edit_issue(acme, left, summary="Held, edited")
        wait_until(
            "the page says it",
            lambda: "Correct the filter; the changes wait" in overview(running),
            seconds=LONG,
        )
        assert shown(globex, right)[0] == "Held"
        reasons = "SELECT DISTINCT reason FROM change WHERE reason IS NOT NULL"
        assert owner.execute(reasons).fetchall() == [("filter-refused",)]
    finally:
        acme.rename(users={acme.admin["accountId"]: name})
        running.page(acme, "POST", path, left_filter=FILTER)
    wait_until("it crossed", lambda: shown(globex, right)[0] == "Held, edited", seconds=LONG)
    assert name not in (running.instance / "tandem.log").read_text()
