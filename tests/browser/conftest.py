"""Tandem's page in Chromium, inside the sandbox's host page, by Atlassian's real bridge."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error, FrameLocator, Page, Route, expect, sync_playwright

from demo.stack import APP_KEY, Stack, wait_until
from sandbox.process import SiteHandle
from tests.stack_fixture import running  # noqa: F401  a fixture

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Chromium's and htmx's own lines for a refusal, or a server that is away, which the page has a
# sentence for; and what the bridge's host side says of the parts of Jira that the sandbox does not
# have.
EXPECTED_LINES = (
    "Failed to load resource",
    "Response Status Error Code 4",
    "Response Status Error Code 503",
    "htmx:afterRequest",
    "htmx:sendError",
    "htmx:sendAbort",  # a page that is closed while one of its polls is under way
    "[ACJS] Feature flag service",
)

# Where a host page embeds the page that the descriptor names "tandem".
HOME = f"/plugins/servlet/ac/{APP_KEY}/tandem"

PATIENCE = 60_000  # milliseconds: a busy machine's, never an assertion about speed
expect.set_options(timeout=PATIENCE)


def go(frame: FrameLocator, view: str) -> None:
    """Open a view of the navigation, by its words."""
    frame.get_by_role("navigation").get_by_role("button", name=view, exact=True).click()
    expect(frame.get_by_role("heading", name=view, exact=True, level=1)).to_be_focused()


def new_profile(frame: FrameLocator, **chosen: str) -> None:
    """Begin a draft and choose in its second step: `left_project`, `left_type`, `right_project`,
    `right_type`, `left_filter`, `right_filter` and `name`, in this order."""
    frame.get_by_role("button", name="New profile", exact=True).click()
    choose(frame, **chosen)


def choose(frame: FrameLocator, **chosen: str) -> None:
    """Choose in the editor's second step, each once the page has what it hangs on."""
    expect(frame.locator("#step-projects")).to_have_attribute("aria-current", "step")
    for name, value in chosen.items():
        control = frame.locator(f"#{name}")
        if name.endswith(("_project", "_type")):
            control.locator(f"option[value='{value}']").wait_for(state="attached")
            control.select_option(value)
            side, _, what = name.partition("_")
            if what == "project":
                expect(frame.locator(f"#{side}_type option").nth(1)).to_be_attached()
        else:
            control.fill(value)
            control.press("Tab")


def switch_on(frame: FrameLocator) -> None:
    """Go to the editor's last step, and press what ends it."""
    frame.locator("#step-review").click()
    frame.locator("#review-switch").click()


def held_by(page: Page, pattern: str) -> Callable[[], Route]:
    """Hold the first of what a page asks for; the result waits for it and gives it."""
    held: list[Route] = []
    page.route(pattern, lambda route: route.continue_() if held else held.append(route))

    def first() -> Route:
        wait_until(f"{pattern} is asked for", lambda: held or page.wait_for_timeout(50), seconds=60)
        return held[0]

    return first


OpenPage = Callable[[SiteHandle], tuple[Page, FrameLocator]]


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One Chromium for a test module."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield started
        started.close()


_failed: set[str] = set()  # the ids of the tests that did


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which test failed, for what its fixtures can tell of it."""
    report = yield
    if report.failed:
        _failed.add(item.nodeid)
    return report


def shown_in(page: Page) -> str:
    """What a page and its frames show, in words; their addresses have tokens and are cut short."""
    told = []
    for frame in page.frames:
        words = ""
        with suppress(Error):  # it may be gone
            words = frame.evaluate("document.body?.innerText ?? ''")
        told.append(f"--- {frame.url.partition('?')[0]}\n{words}")
    return "\n".join(told)


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest,
    browser: Browser,
    running: Stack,  # noqa: F811
) -> Iterator[OpenPage]:
    """Opens Tandem's page in a site as its admin; the test fails if a page complains."""
    complaints: list[str] = []
    opened: list[Page] = []

    def open_in(site: SiteHandle) -> tuple[Page, FrameLocator]:
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: (
                complaints.append(f"{line.text} ({line.location})")
                if line.type == "error" and not line.text.startswith(EXPECTED_LINES)
                else None
            ),
        )
        page.goto(f"{site.url}{HOME}")
        opened.append(page)
        return page, page.frame_locator("[data-app-frame] iframe")

    yield open_in
    for page in opened:
        if request.node.nodeid in _failed:
            print(shown_in(page))
        page.context.close()
    assert complaints == []
