"""Every page and every step, looked at in light and dark, narrow and wide; what is wrong in a step;
and two admins at once: all in one stack."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from demo.life import NAME, Life, draft_of_bugs, live
from demo.stack import Stack
from demo.tour import step, tour
from tests.browser.conftest import OpenPage
from tests.browser.looks import look_at, serious

pytestmark = [pytest.mark.browser, pytest.mark.real]


@pytest.fixture(scope="module")
def life(running: Stack) -> Life:
    """What makes of the stack a site in use."""
    return live(running)


def test_the_pages_of_a_site_that_has_nothing_yet(running: Stack, open_page: OpenPage) -> None:
    page, frame = open_page(running.sandbox.acme)
    expect(frame.get_by_text("Nothing is kept in step yet.")).to_be_visible()
    look_at(page)
    for view in ("Activity", "Conflicts", "Runs", "Settings"):
        frame.get_by_role("navigation").get_by_role("button", name=view, exact=True).click()
        expect(frame.get_by_role("heading", name=view, exact=True, level=1)).to_be_focused()
        look_at(page, widths=(800, 1280))
    # What looks finds what is there to find.
    pale = "one => { one.style.color = '#ccc'; one.style.background = '#fff' }"
    frame.locator("h1").evaluate(pale)
    assert [rule for rule, _ in serious(page)] == ["color-contrast"]


def test_every_page_and_step_of_a_site_in_use(
    running: Stack, life: Life, open_page: OpenPage
) -> None:
    page, _ = open_page(running.sandbox.acme)
    seen = []
    for name, path in tour(page, running, life):
        look_at(page, path)
        seen.append(name)
    assert len(seen) == 16


def wrong(frame: FrameLocator, typed: Locator, words: str, *, says: str, by: str = "Tab") -> None:
    """Type what is wrong: a sentence beside it says so, and what was typed stays."""
    typed.fill(words)
    typed.press(by)
    told = typed.locator("xpath=ancestor::*[.//*[@role='alert' or contains(@class, 'problem')]][1]")
    expect(told.locator(".problem", has_text=says).first).to_be_visible()
    expect(typed).to_have_value(words)


def test_each_step_says_what_is_wrong_beside_it_and_keeps_what_was_typed(
    running: Stack, life: Life, open_page: OpenPage
) -> None:
    draft = draft_of_bugs(running)
    _, frame = open_page(running.sandbox.acme)
    frame.locator(f"#continue-{draft}").click()

    name = frame.get_by_label("Name of the profile")
    own = frame.get_by_label("Only what this JQL finds (optional)")
    wrong(frame, own, "labels = ", says="does not understand it")
    wrong(frame, name, "N" * 201, says="200")
    own.fill("")
    step(frame, "Partner")
    code = frame.get_by_label("Pairing code", exact=True)
    wrong(frame, code, "ABCDE-FGHIJ", says="20 letters and digits", by="Enter")

    step(frame, "Fields")
    known = frame.get_by_role("button", name=re.compile("^Refresh the fields of "))
    expect(known).to_have_count(2)
    row = frame.get_by_role("listitem").filter(
        has=frame.get_by_role("button", name="Remove Labels and Labels")
    )
    row.locator("summary").click()
    box = row.get_by_label("Transform")
    wrong(frame, box, "value +", says="line 1")
    # It is kept, and said, when the step is left and opened again.
    step(frame, "Projects")
    expect(name).to_have_value("N" * 201)
    step(frame, "Fields")
    expect(known).to_have_count(2)
    expect(row.get_by_text("line 1").first).to_be_visible()
    expect(box).to_have_value("value +")
    if not box.is_visible():
        row.locator("summary").click()
    box.fill("")
    box.press("Tab")
    expect(row.get_by_text("line 1")).to_have_count(0)
    frame.get_by_role("button", name="Map Status and Status").click()

    step(frame, "Values")
    status = frame.get_by_role("region", name="Status")
    twin = status.get_by_label("What In Review is on the other side").first
    wrong(frame, twin, "In Revue", says="no value")
    rule = status.get_by_label("What is done with them")
    rule.select_option("default")
    default = status.get_by_label("Default of the partner")
    wrong(frame, default, "Nowhere", says="no value", by="Enter")
    expect(rule).to_have_value("default")

    step(frame, "Review")
    todo = frame.get_by_text("200 characters")
    expect(todo).to_be_visible()
    frame.get_by_role("button", name=re.compile("^Go there")).first.click()
    expect(name).to_have_value("N" * 201)
    name.fill("Bugs of both")
    name.press("Tab")
    step(frame, "Review")
    issues = frame.get_by_label(re.compile("^Issues of your site"))
    wrong(frame, issues, "WEB-1, WEB", says="WEB is no issue key", by="Enter")
    wrong(frame, issues, "WEB-9999", says="WEB-9999", by="Enter")


def edit(frame: FrameLocator, label: str, way: str) -> None:
    """Open the profile's editor, carry a field another way, and go to the review."""
    frame.get_by_role("button", name=NAME, exact=True).click()
    frame.get_by_role("button", name="Edit", exact=True).click()
    expect(frame.get_by_text("The profile goes on as it is until you save it")).to_be_visible()
    step(frame, "Fields")
    frame.get_by_label(label).select_option(way)
    expect(frame.get_by_label(label)).to_have_value(way)
    step(frame, "Review")
    expect(frame.get_by_text("What becomes readable at").first).to_be_visible()


def test_the_second_of_two_admins_is_told_what_the_first_changed_and_chooses(
    running: Stack, life: Life, open_page: OpenPage
) -> None:
    _, first = open_page(running.sandbox.acme)
    _, second = open_page(running.sandbox.globex)
    edit(first, "Direction of Labels and Labels", "to_right")
    edit(second, "Direction of Priority and Priority", "to_right")
    for frame in (first, second):
        frame.get_by_role("button", name="Save", exact=True).click()
        if frame is first:
            expect(frame.get_by_text("The profile is saved")).to_be_visible()
    told = second.get_by_role("region", name="Somebody else saved this profile meanwhile")
    expect(told).to_contain_text("What the other changed")
    expect(told).to_contain_text("Labels")
    expect(told).to_contain_text("Priority")
    told.get_by_role("button", name="Save mine over it").click()
    expect(second.get_by_text("The profile is saved")).to_be_visible()


def test_the_list_in_german_has_all_that_can_be_done_within_the_window(
    running: Stack, life: Life, open_page: OpenPage
) -> None:
    page, frame = open_page(running.sandbox.acme)
    expect(frame.get_by_role("row", name=re.compile(NAME))).to_be_visible()
    running.approve(running.sandbox.acme, life.proposed)  # on, and nothing is linked: most buttons
    page.context.set_extra_http_headers({"Accept-Language": "de"})
    page.reload()
    load = frame.get_by_role("button", name=re.compile("^Vorhandene Vorgänge übernehmen"))
    expect(load).to_be_visible()
    look_at(page)
    frame.get_by_role("button", name=re.compile(f"^Filter.*{NAME}")).click()
    expect(frame.get_by_role("heading", name=f"Filter Ihrer Seite: {NAME}")).to_be_visible()
