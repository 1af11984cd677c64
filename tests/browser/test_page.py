"""Tandem's page in Chromium, in the host page's real iframe: pair, map, watch it arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from demo.stack import Stack
from demo.walk import create_issue, edit_issue
from sandbox.process import SiteHandle
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = [pytest.mark.browser, pytest.mark.real]

ARRIVES = 60_000  # milliseconds until a test gives up; never an assertion about speed


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium_path,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield started
        started.close()


def open_tandem(browser: Browser, site: SiteHandle) -> tuple[Page, FrameLocator]:
    """Tandem's page inside a site, as its admin sees it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{site.url}/plugins/servlet/ac/tandem/tandem")
    frame = page.frame_locator("iframe[src*='/pages/home']")
    expect(frame.get_by_role("heading", name="Profiles", exact=True, level=1)).to_be_visible(
        timeout=ARRIVES
    )
    return page, frame


@pytest.fixture(scope="module")
def mapped(running: Stack, browser: Browser) -> Stack:  # noqa: F811
    """The first profile, made by hand: a code from Globex's page, the form on Acme's."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    there, their_frame = open_tandem(browser, globex)
    their_frame.get_by_role("button", name="Make a pairing code").click()
    code = their_frame.locator("#the-code")
    expect(code).to_have_text(re.compile(r"^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$"), timeout=ARRIVES)
    page, frame = open_tandem(browser, acme)
    expect(frame.get_by_text("Nothing is kept in step yet.")).to_be_visible()
    frame.get_by_label("Pairing code").fill(code.inner_text())
    frame.get_by_role("button", name="Pair", exact=True).click()
    frame.get_by_role("button", name="Make a profile with").click(timeout=ARRIVES)
    frame.get_by_label("Your project").select_option(label="ACME Web (WEB)", timeout=ARRIVES)
    frame.locator("#left_type").select_option(label="Task", timeout=ARRIVES)
    frame.get_by_label("Its project").select_option(label="Globex Platform (PLAT)", timeout=ARRIVES)
    frame.locator("#right_type").select_option(label="Task", timeout=ARRIVES)
    frame.get_by_label("Name of the profile").fill("Made by hand")
    frame.get_by_label("Name of the profile").press("Tab")
    frame.locator("#step-review").click()
    frame.get_by_role("button", name="Switch on").click(timeout=ARRIVES)
    row = frame.get_by_role("row", name=re.compile("Made by hand"))
    expect(row).to_be_visible(timeout=ARRIVES)
    expect(row.get_by_text("Proposed", exact=True)).to_be_visible()
    their_frame.get_by_role("button", name=re.compile("Review.*Made by hand")).click(
        timeout=ARRIVES
    )
    card = their_frame.locator("[data-approval]")
    expect(card.locator("[data-readable]")).to_contain_text(
        "These 5 fields of the issues of type Task in Globex Platform at", timeout=ARRIVES
    )
    card.get_by_role("button", name="Approve").click()
    expect(row.get_by_text("On", exact=True)).to_be_visible(timeout=ARRIVES)
    for opened in (page, there):
        opened.close()
    return running


def test_a_change_is_seen_arriving_on_the_page_by_itself(mapped: Stack, browser: Browser) -> None:
    page, frame = open_tandem(browser, mapped.sandbox.acme)
    key = create_issue(mapped.sandbox.acme, "WEB", "Task", summary="Seen from the page")
    expect(frame.locator("[data-count=linked]")).to_have_text("1", timeout=ARRIVES)
    expect(frame.get_by_text(re.compile(rf"was created for {key}"))).to_be_visible(timeout=ARRIVES)
    page.close()


def test_side_by_side_an_edit_by_hand_arrives_and_comes_back(
    mapped: Stack, browser: Browser
) -> None:
    acme = mapped.sandbox.acme
    page = browser.new_page(viewport={"width": 1360, "height": 1000})
    page.goto(f"{acme.url}/side-by-side")
    key = create_issue(acme, "WEB", "Task", summary="Before")
    mine = page.locator(f"[data-key='{key}']")
    expect(mine).to_be_visible(timeout=ARRIVES)
    theirs = page.frame_locator("iframe[src*='compact']")
    expect(theirs.locator("[data-field=summary]").first).to_have_value("Before", timeout=ARRIVES)
    mine.locator("[data-field=summary]").fill("Edited by hand at Acme")
    mine.locator("[data-field=summary]").press("Enter")
    other = theirs.locator("[data-field=summary]").first
    expect(other).to_have_value("Edited by hand at Acme", timeout=ARRIVES)
    other.fill("And back from Globex")
    other.press("Enter")
    expect(mine.locator("[data-field=summary]")).to_have_value(
        "And back from Globex", timeout=ARRIVES
    )
    page.close()


def test_pause_and_resume_by_keyboard(mapped: Stack, browser: Browser) -> None:
    page, frame = open_tandem(browser, mapped.sandbox.acme)
    frame.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(frame.get_by_text("Paused", exact=True)).to_be_visible(timeout=ARRIVES)
    key = create_issue(mapped.sandbox.acme, "WEB", "Task", summary="While paused")
    expect(frame.locator("[data-count=pending]")).not_to_have_text("0", timeout=ARRIVES)
    frame.get_by_role("button", name="Resume").focus()
    page.keyboard.press("Enter")
    expect(frame.get_by_text(re.compile(rf"was created for {key}"))).to_be_visible(
        timeout=3 * ARRIVES
    )
    page.close()


def test_a_wrong_code_is_answered_with_a_sentence_at_the_field(
    mapped: Stack, browser: Browser
) -> None:
    page, frame = open_tandem(browser, mapped.sandbox.globex)
    frame.get_by_role("button", name="Settings").click()
    frame.get_by_label("Pairing code").fill("AAAAA-AAAAA-AAAAA-AAAAA")
    frame.get_by_role("button", name="Pair", exact=True).click()
    alert = frame.get_by_role("alert")
    expect(alert).to_contain_text("Ask the other site's admin for a new one", timeout=ARRIVES)
    expect(frame.get_by_label("Pairing code")).to_be_focused()
    page.close()


def test_light_and_dark_follow_jira(mapped: Stack, browser: Browser) -> None:
    page, frame = open_tandem(browser, mapped.sandbox.acme)
    body = frame.locator("body")
    light = body.evaluate("e => getComputedStyle(e).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    expect(frame.locator("html")).to_have_attribute("data-color-mode", "dark", timeout=ARRIVES)
    assert body.evaluate("e => getComputedStyle(e).backgroundColor") != light
    page.close()


def test_the_page_speaks_the_language_that_jira_names_whatever_the_browser_asks_for(
    mapped: Stack, browser: Browser
) -> None:
    acme = mapped.sandbox.acme
    chosen = acme.call("PUT", "mypreferences/locale", json={"locale": "de_DE"})
    assert chosen.status_code == 204, chosen.text
    try:
        page = browser.new_page(locale="en-US")
        page.goto(f"{acme.url}/plugins/servlet/ac/tandem/tandem")
        frame = page.frame_locator("iframe[src*='/pages/home']")
        title = frame.get_by_role("heading", name="Profile", exact=True, level=1)
        expect(title).to_be_visible(timeout=ARRIVES)
        expect(frame.locator("html")).to_have_attribute("lang", "de")
        frame.get_by_role("button", name="Einstellungen", exact=True).click()
        expect(
            frame.get_by_role("heading", name="Einstellungen", exact=True, level=1)
        ).to_be_visible(timeout=ARRIVES)
        page.close()
    finally:
        acme.call("PUT", "mypreferences/locale", json={"locale": "en_US"})


def test_a_hostile_name_is_shown_and_never_run(mapped: Stack, browser: Browser) -> None:
    acme = mapped.sandbox.acme
    hostile = (
        "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    )
    key = create_issue(acme, "WEB", "Task", summary="Soon hostile")
    page, frame = open_tandem(browser, acme)
    expect(frame.get_by_text(re.compile(rf"was created for {key}"))).to_be_visible(timeout=ARRIVES)
    edit_issue(acme, key, summary=hostile)
    expect(frame.get_by_text(re.compile("onerror"))).to_be_visible(timeout=ARRIVES)
    inner = next(one for one in page.frames if "/pages/home" in one.url)
    assert inner.title() == "Tandem"
    assert frame.locator("img[src=x]").count() == 0
    page.close()
