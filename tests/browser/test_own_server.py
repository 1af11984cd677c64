"""What a person in Jira sees of Tandem's own faults: on the open page, and where it cannot open."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from demo.stack import Stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue, keys_by_summary
from tests.browser.conftest import OpenPage, go
from tests.real.test_faults import alive, children, unwatched
from tests.stack_fixture import opened, owner

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.crash]

AWAY = re.compile("Tandem's database does not answer: it restarts, or has ended")


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:
    """The stack with one profile, by which an issue has crossed: both sites were called."""
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
    create_issue(running.sandbox.acme, *LEFT, summary="Crossed")
    globex = running.sandbox.globex
    wait_until("it crossed", lambda: "Crossed" in keys_by_summary(globex, RIGHT[0]))
    return running


def test_a_web_server_that_ended_is_said_on_the_open_page_until_it_runs_again(
    paired: Stack, open_page: OpenPage
) -> None:
    _, frame = open_page(paired.sandbox.acme)
    said = frame.locator("#problem")
    expect(frame.get_by_role("rowheader", name="Web tasks")).to_be_visible()
    with unwatched(paired):
        for pid in children(paired, "web"):
            os.kill(pid, signal.SIGKILL)
        expect(said).to_contain_text("Tandem does not answer. Nothing is lost")
        expect(frame.get_by_role("rowheader", name="Web tasks")).to_be_visible()
    expect(said).to_be_hidden()


def test_a_database_that_is_away_is_said_on_the_open_page_and_on_one_that_cannot_open(
    paired: Stack, open_page: OpenPage
) -> None:
    _, frame = open_page(paired.sandbox.acme)
    said = frame.locator("#problem")
    expect(frame.get_by_role("rowheader", name="Web tasks")).to_be_visible()
    pid = int((paired.instance / "postgres" / "postmaster.pid").read_text().split()[0])
    with unwatched(paired):
        os.kill(pid, signal.SIGKILL)
        wait_until("the database is down", lambda: not alive(pid))
        expect(said).to_contain_text(AWAY)
        _, fresh = open_page(paired.sandbox.acme)
        expect(fresh.get_by_role("alert")).to_contain_text(AWAY)
    expect(said).to_be_hidden()
    wait_until("the page opens", lambda: opened(paired).ok)


def test_a_part_that_could_not_load_is_asked_for_again_by_itself(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = open_page(paired.sandbox.acme)
    expect(frame.get_by_role("rowheader", name="Web tasks")).to_be_visible()
    page.route("**/pages/parts/people", lambda route: route.abort(), times=1)
    go(frame, "Settings")
    said = frame.locator("#problem")
    expect(said).to_have_text("Tandem did not answer. Try again in a moment.")
    expect(frame.get_by_role("heading", name="Who may use Tandem here")).to_be_visible()
    expect(said).to_be_hidden()


def test_a_banner_comes_and_goes_on_the_open_page(paired: Stack, open_page: OpenPage) -> None:
    _, frame = open_page(paired.sandbox.acme)
    expect(frame.get_by_role("rowheader", name="Web tasks")).to_be_visible()
    banner = frame.locator("[data-server]")
    expect(banner).to_have_count(0)
    with owner(paired) as database:

        def told() -> int:
            """Say it until it is shown: each answer of a site tells the right time again."""
            database.execute(
                "INSERT INTO site_budget (tenant_id, clock_ahead, clock_told_at)"
                " SELECT id, -110, now() FROM installation ON CONFLICT (tenant_id)"
                " DO UPDATE SET clock_ahead = excluded.clock_ahead, clock_told_at = now()"
            )
            return banner.filter(has_text="Tandem's clock is 110 seconds ahead of").count()

        wait_until("the banner is there", told, seconds=120)
        database.execute("UPDATE site_budget SET clock_ahead = NULL, clock_told_at = NULL")
    expect(banner).to_have_count(0)
