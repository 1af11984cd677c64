"""Every page of Tandem in a browser, one after another, each once all of it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from playwright.sync_api import FrameLocator, Page, expect

from demo.life import NAME, PROPOSED, Life
from demo.stack import APP_KEY, Stack

HOME = f"/plugins/servlet/ac/{APP_KEY}/tandem"
Stop = tuple[str, str]  # what is shown, and the path of Tandem's frame in it


def frame_of(page: Page, path: str = "/pages/home") -> FrameLocator:
    """Tandem's frame in a page of Jira."""
    return page.frame_locator(f"iframe[src*='{path}']")


def visit(page: Page, stack: Stack) -> FrameLocator:
    """Open Tandem's page in Acme."""
    page.goto(f"{stack.sandbox.acme.url}{HOME}")
    frame = frame_of(page)
    expect(frame.get_by_role("heading", name="Profiles", exact=True, level=1)).to_be_visible()
    return frame


def go(frame: FrameLocator, view: str) -> None:
    """Open a view of the navigation, by its words."""
    frame.get_by_role("navigation").get_by_role("button", name=view, exact=True).click()
    expect(frame.get_by_role("heading", name=view, exact=True, level=1)).to_be_focused()


def step(frame: FrameLocator, name: str) -> None:
    """Open a step of the editor, by its words."""
    steps = frame.get_by_role("list", name="Steps")
    steps.get_by_role("button", name=re.compile(name)).click()
    now = frame.locator("[aria-label='Steps'] [aria-current='step']")
    expect(now).to_contain_text(name)


def tour(page: Page, stack: Stack, life: Life) -> Iterator[Stop]:
    """All pages of a stack that has life in it, as Acme's admin sees them."""
    home = "/pages/home"
    for name in lists(page, stack):
        yield name, home
    for name in profile(page, stack):
        yield name, home
    for name in editor(page, stack, life):
        yield name, home
    yield from places(page, stack, life)


def lists(page: Page, stack: Stack) -> Iterator[str]:
    """The list of profiles with what opens in it, and the other views of the navigation."""
    frame = visit(page, stack)
    expect(frame.get_by_role("row", name=re.compile(NAME))).to_be_visible()
    expect(frame.get_by_role("region", name="Drafts").get_by_role("listitem")).not_to_have_count(0)
    expect(frame.get_by_text(re.compile("^Story Points of .* is now “5”"))).to_be_visible()
    yield "profiles"
    frame.get_by_role("button", name=re.compile(f"Review.*{PROPOSED}")).click()
    expect(frame.get_by_role("button", name="Approve")).to_be_visible()
    yield "approval"
    go(frame, "Activity")
    expect(frame.get_by_text("does not know the value of Priority").first).to_be_visible()
    entry = frame.locator(".entries > li", has_text="Updated").first
    entry.locator("summary").click()
    expect(entry.get_by_text(re.compile("It was changed at|It was")).first).to_be_visible()
    expect(entry.get_by_role("rowheader", name="Story Points", exact=True)).to_be_visible()
    yield "activity"
    go(frame, "Conflicts")
    expect(frame.get_by_role("button", name=re.compile("^Take ")).first).to_be_visible()
    expect(frame.get_by_role("button", name=re.compile("^Check now")).first).to_be_visible()
    yield "conflicts"
    go(frame, "Runs")
    expect(frame.get_by_text(re.compile("issues? would be created")).first).to_be_visible()
    yield "runs"
    frame.get_by_role("button", name="First load …").click()
    expect(frame.get_by_text("are in the scope")).to_be_visible()
    yield "first-load"
    go(frame, "Settings")
    expect(frame.get_by_role("button", name="Grant")).to_be_visible()
    yield "settings"


def profile(page: Page, stack: Stack) -> Iterator[str]:
    """The page of the profile that is on."""
    frame = visit(page, stack)
    frame.get_by_role("button", name=NAME, exact=True).click()
    expect(frame.get_by_role("heading", name=NAME, level=1)).to_be_focused()
    expect(frame.get_by_text("In force")).to_be_visible()
    expect(frame.locator("[data-carried]")).to_contain_text("ACME Web")
    yield "profile"


def editor(page: Page, stack: Stack, life: Life) -> Iterator[str]:
    """The steps of the editor, with a draft that still lacks a required field at first."""
    frame = visit(page, stack)
    frame.locator(f"#continue-{life.draft}").click()
    expect(frame.get_by_label("Your project")).to_be_visible()
    expect(frame.get_by_label("Its project")).to_be_visible()
    expect(frame.get_by_text(re.compile("issues? match(es)? now"))).to_be_visible()
    yield "editor-projects"
    step(frame, "Partner")
    expect(frame.get_by_role("radio").first).to_be_checked()
    frame.get_by_text("Connect by an API token").click()
    yield "editor-partner"
    step(frame, "Fields")
    frame.get_by_role("button", name="Give a constant").click()
    expect(frame.get_by_label("Each twin is made with this value")).to_be_visible()
    expect(frame.locator("[data-sample='left:summary']").first).not_to_be_empty()
    yield "editor-fields"
    frame.get_by_label("Each twin is made with this value").select_option(label="Significant")
    frame.get_by_role("button", name="Give it").click()
    expect(frame.get_by_role("button", name="Give it")).to_have_count(0)
    frame.get_by_role("button", name=re.compile("^Accept all")).click()
    expect(frame.get_by_role("button", name=re.compile("^Accept all"))).to_have_count(0)
    frame.get_by_text("More about Priority and Priority").click()
    yield "editor-fields-accepted"
    step(frame, "Values")
    expect(frame.get_by_text("are read …")).to_have_count(0)
    yield "editor-values"
    step(frame, "Review")
    expect(frame.get_by_text("What becomes readable at").first).to_be_visible()
    frame.get_by_role("button", name="Show what would happen").click()
    expect(frame.get_by_role("columnheader", name="Then").first).to_be_visible()
    expect(frame.get_by_text(re.compile("on your side already"))).to_be_visible()
    expect(frame.get_by_text(re.compile("^Reporter names a person"))).to_be_visible()
    yield "editor-review"


def places(page: Page, stack: Stack, life: Life) -> Iterator[Stop]:
    """The panel in an issue, unfolded, and the page in its project's settings."""
    acme = stack.sandbox.acme
    page.goto(f"{acme.url}/browse/{life.issue}")
    panel = page.locator("details.panel")
    if panel.get_attribute("open") is None:
        panel.locator("summary").click()
    frame = frame_of(page, "/pages/issue")
    frame.get_by_text("Who wrote each field last").click()
    expect(frame.get_by_role("link", name=life.twin)).to_be_visible()
    yield "issue-panel", "/pages/issue"
    page.get_by_role("link", name="Project settings").click()
    frame = frame_of(page, "/pages/project")
    expect(frame.get_by_role("row", name=re.compile(NAME))).to_be_visible()
    yield "project-page", "/pages/project"
