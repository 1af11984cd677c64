"""Through real processes: what no webhook told is found by a search, once, and then all rests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem, create_app
from app.database import TenantId, db
from app.jira.site import JiraSite, SearchPage
from app.jobs.bell import ring
from app.mapping.profile import Side
from app.settings import load_settings
from app.sync.search import Look, Searcher
from demo.stack import Stack, calls_of, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from sandbox.process import SiteHandle
from tests.stack_fixture import look, running  # noqa: F401  a fixture

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def owner(running: Stack) -> Iterator[psycopg.Connection]:  # noqa: F811
    """A connection of the owner of the tables, of a stack with one profile."""
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
    address = running.database
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def here(running: Stack, owner: psycopg.Connection) -> Iterator[Flask]:  # noqa: F811
    """The product in this process as well, on the database of the running one."""
    url = running.database
    app = create_app(load_settings(running.environment | {"DATABASE_URL": url}), pool_size=4)
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture(autouse=True)
def _told_again(running: Stack) -> Iterator[None]:  # noqa: F811
    """After each test webhooks come as they should."""
    yield
    for site in running.sandbox.sites:
        site.release()
        site.webhooks(drop=0.0, hold=False)
        site.faults()


def calls(stack: Stack) -> Counter[str]:
    """Tandem's calls to both sites."""
    return calls_of(*stack.sandbox.sites)


def writes(stack: Stack) -> int:
    """How often Tandem has written to either site."""
    return writes_of(*stack.sandbox.sites)


def activity(owner: psycopg.Connection) -> int:
    """How many visits to a pair left an entry."""
    [(count,)] = owner.execute("SELECT count(*) FROM activity").fetchall()
    return int(count)


def pair(stack: Stack, summary: str) -> tuple[str, str]:
    """A pair, made from Acme's side and told by its webhook."""
    left = create_issue(stack.sandbox.acme, *LEFT, summary=summary)
    wait_until("its twin is there", lambda: twins(stack, summary))
    stack.settle()
    [right] = twins(stack, summary)
    return left, right


def twins(stack: Stack, summary: str) -> list[str]:
    """The keys of Globex's issues of this summary."""
    return keys_by_summary(stack.sandbox.globex, RIGHT[0]).get(summary, [])


def on_globex(stack: Stack) -> int:
    """How many issues Globex's project has."""
    return sum(len(keys) for keys in keys_by_summary(stack.sandbox.globex, RIGHT[0]).values())


def in_step(stack: Stack, left: str, right: str) -> bool:
    """Whether both issues carry the same."""
    return mapped(stack.sandbox.acme, left) == mapped(stack.sandbox.globex, right)


def search_knows(site: SiteHandle, key: str) -> bool:
    """Whether the site's search knows the last edit of an issue."""
    updated = site.call("GET", f"issue/{key}").json()["fields"]["updated"]
    body = {"jql": f"key = {key}", "fields": ["updated"], "maxResults": 1}
    found = site.call("POST", "search/jql", json=body).json()["issues"]
    return [one["fields"]["updated"] for one in found] == [updated]


def silence(stack: Stack) -> None:
    """From now on no webhook arrives."""
    for site in stack.sandbox.sites:
        site.webhooks(drop=1.0)


def test_an_edit_and_a_new_issue_that_no_webhook_told_arrive_after_one_look_and_then_all_rests(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
) -> None:
    left, right = pair(running, "Told once")
    silence(running)
    edit_issue(running.sandbox.acme, left, summary="Not told at Acme")
    edit_issue(running.sandbox.globex, right, priority={"name": "Low"})
    create_issue(running.sandbox.acme, *LEFT, summary="Nobody told of me")
    look(owner)
    wait_until("the new issue has a twin", lambda: twins(running, "Nobody told of me"))
    wait_until("the edits crossed", lambda: in_step(running, left, right))
    assert mapped(running.sandbox.acme, left)["priority"] == "Low"
    assert mapped(running.sandbox.globex, right)["summary"] == "Not told at Acme"
    running.settle()
    written, entries = writes(running), activity(owner)
    look(owner)
    look(owner)
    running.settle()
    assert (writes(running), activity(owner)) == (written, entries)
    assert len(twins(running, "Nobody told of me")) == 1


def test_a_second_look_marks_nothing_and_calls_once_a_side(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    here: Flask,
) -> None:
    left, _right = pair(running, "Seen twice")
    silence(running)
    edit_issue(running.sandbox.acme, left, summary="Seen twice, edited")
    look(owner)
    running.settle()
    before = calls(running)
    assert [searcher(here).look(one) for one in looks(owner)] == [0, 0]
    made = calls(running) - before
    assert made.total() == 2, made


def test_an_edit_of_a_field_that_is_not_mapped_is_found_and_marked_by_nobody(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    here: Flask,
) -> None:
    left, _right = pair(running, "Unmapped")
    silence(running)
    acme = running.sandbox.acme
    edit_issue(acme, left, assignee={"accountId": acme.admin["accountId"]})
    wait_until("search has it", lambda: search_knows(acme, left))
    assert [searcher(here).look(one) for one in looks(owner)] == [0, 0]


def test_webhooks_that_come_half_an_hour_late_change_nothing_more(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
) -> None:
    left, right = pair(running, "Late")
    for site in running.sandbox.sites:
        site.webhooks(hold=True)
    for number in range(3):
        edit_issue(running.sandbox.acme, left, summary=f"Late, edit {number}")
    create_issue(running.sandbox.acme, *LEFT, summary="Late as well")
    look(owner)
    wait_until("the new issue has a twin", lambda: twins(running, "Late as well"))
    wait_until("the edits crossed", lambda: in_step(running, left, right))
    wait_until("nothing is pending", lambda: not running.overview()[0]["pending"])
    written = writes(running)
    assert sum(site.release() for site in running.sandbox.sites) >= 4
    running.settle()
    assert writes(running) == written
    assert len(twins(running, "Late as well")) == 1
    assert mapped(running.sandbox.globex, right)["summary"] == "Late, edit 2"


def test_a_look_finds_the_same_for_an_admin_whose_time_zone_is_tokyo(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
) -> None:
    acme = running.sandbox.acme
    create_issue(acme, *LEFT, summary="Whatever the zone")
    pair(running, "Whatever the zone, and told")
    [left, _right] = looks(owner)
    project = acme.call("GET", f"project/{LEFT[0]}").json()
    [kind] = [one["id"] for one in project["issueTypes"] if one["name"] == LEFT[1]]
    ours = left.jql(project["id"], kind)
    minute = (datetime.now(UTC) + timedelta(hours=4)).strftime("%Y/%m/%d %H:%M")
    quoted = f'project = {project["id"]} AND updated >= "{minute}"'
    [tokyo] = [one for one in acme.users if one["email"].startswith("tester@")]  # lives there

    def found(jql: str, user: dict[str, Any]) -> list[str]:
        body = {"jql": jql, "fields": ["updated"], "maxResults": 1000}
        as_user = (user["email"], user["token"])
        answer = acme.call("POST", "search/jql", json=body, auth=as_user).json()
        return [str(one["key"]) for one in answer["issues"]]

    assert found(ours, acme.admin) == found(ours, tokyo) != []
    # The zones are not alike: this quoted time is to come in Berlin, and past in Tokyo.
    assert found(quoted, acme.admin) != found(quoted, tokyo)


def test_an_issue_that_has_another_key_by_now_is_still_its_pair(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
) -> None:
    left, right = pair(running, "Moved")
    owner.execute(
        "UPDATE issue_link SET left_key = 'OLD-1', right_key = 'OLD-2' WHERE left_key = %s", (left,)
    )
    silence(running)
    edit_issue(running.sandbox.acme, left, summary="Moved, and edited")
    look(owner)
    wait_until("it crossed", lambda: in_step(running, left, right))
    running.settle()
    wait_until("search knows the new summary", lambda: twins(running, "Moved, and edited"))
    assert len(twins(running, "Moved, and edited")) == 1
    [(keys,)] = owner.execute(
        "SELECT count(*) FROM issue_link WHERE left_key = %s AND right_key = %s", (left, right)
    ).fetchall()
    assert keys == 1


def test_a_site_that_refuses_the_search_is_asked_later_and_the_other_side_goes_on(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
) -> None:
    silence(running)
    running.sandbox.acme.faults({"kind": "503", "path": "search/jql"})
    [(began,)] = owner.execute("SELECT now()").fetchall()
    owner.execute("UPDATE search_look SET due_at = now()")

    def stand(side: str) -> Any:
        asked = "SELECT attempts, looked_at >= %s FROM search_look WHERE side = %s"
        return owner.execute(asked, (began, side)).fetchone()

    wait_until("one was put off", lambda: stand("left")[0] >= 1)
    wait_until("the other ended", lambda: stand("right") == (0, True))
    assert stand("left")[1] is False
    running.sandbox.acme.faults()
    create_issue(running.sandbox.acme, *LEFT, summary="After the refusal")
    look(owner)
    wait_until("it arrived", lambda: twins(running, "After the refusal"))


def test_a_profile_that_is_paused_during_a_look_has_none_again_until_it_resumes(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    here: Flask,
) -> None:
    tandem: Tandem = here.extensions["tandem"]
    endless = "SELECT count(*) FROM search_look WHERE due_at = 'infinity'"

    def pausing(tenant: TenantId) -> JiraSite:
        owner.execute("UPDATE profile SET state = 'paused'")
        return tandem.open_site(tenant)

    [left, right] = looks(owner)
    during = Searcher(tandem.vault, pausing, ring)
    during.look(left)  # ends, and stays out of turn
    silence(running)
    create_issue(running.sandbox.globex, *RIGHT, summary="While paused")
    assert during.look(right) == 0
    assert owner.execute(endless).fetchone() == (2,)
    owner.execute("UPDATE profile SET state = 'on'")
    wait_until(
        "what came meanwhile arrived",
        lambda: keys_by_summary(running.sandbox.acme, LEFT[0]).get("While paused"),
    )
    running.settle()


class Dying:
    """A site whose reader is killed when it asks for the second page."""

    def __init__(self, site: JiraSite) -> None:
        self._site = site

    def search(self, jql: str, fields: Sequence[str], *, page: str | None = None) -> SearchPage:
        """The site's own answer, once."""
        if page is not None:
            raise KeyboardInterrupt
        return self._site.search(jql, fields)


def looks(owner: psycopg.Connection) -> list[Look]:
    """Both sides' looks from their old mark, without taking them."""
    rows = owner.execute(
        "SELECT profile_id, side, left_tenant_id, right_tenant_id, since, looked_at, now()"
        " FROM search_look ORDER BY side"
    ).fetchall()
    return [
        Look(one, Side(side), TenantId(left), TenantId(right), *times)
        for one, side, left, right, *times in rows
    ]


def searcher(here: Flask) -> Searcher:
    """The product's own, in this process."""
    tandem: Tandem = here.extensions["tandem"]
    return Searcher(tandem.vault, tandem.open_site, ring)


def test_several_pages_arrive_once_each_though_the_worker_died_between_two(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    here: Flask,
) -> None:
    tandem: Tandem = here.extensions["tandem"]
    made, there = 250, on_globex(running)
    keys = running.sandbox.acme.make_issues(made, *LEFT)
    wait_until("search has them", lambda: search_knows(running.sandbox.acme, keys[-1]))
    [(before,)] = owner.execute("SELECT count(*) FROM issue_link").fetchall()
    [left, _right] = old = looks(owner)
    dying = Searcher(tandem.vault, lambda tenant: Dying(tandem.open_site(tenant)), ring)  # type: ignore[arg-type,return-value]
    with pytest.raises(KeyboardInterrupt):
        dying.look(left)
    assert [one.looked_at for one in looks(owner)] == [one.looked_at for one in old]
    look(owner)

    def linked() -> int:
        [(count,)] = owner.execute(
            "SELECT count(*) FROM issue_link"
            " WHERE left_issue_id IS NOT NULL AND right_issue_id IS NOT NULL"
        ).fetchall()
        return int(count) - int(before)

    wait_until("all have a twin", lambda: linked() == made, seconds=600)
    running.settle()
    written = writes(running)
    look(owner)
    running.settle()
    assert writes(running) == written
    assert on_globex(running) - there == made
