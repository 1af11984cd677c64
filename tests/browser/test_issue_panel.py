"""The panel in an issue and the page in a project's settings, where Jira shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from demo.stack import Stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary
from tests.browser.conftest import EXPECTED_LINES, PATIENCE, go
from tests.browser.looks import serious, sideways

pytestmark = [pytest.mark.browser, pytest.mark.real]

SUMMARY = "Show delivery dates in the basket"
FIELDS = [
    {"left": "summary", "right": "summary", "kind": "text"},
    {"left": "duedate", "right": "duedate", "kind": "date", "policy": "ask"},
    {"left": "labels", "right": "labels", "kind": "labels", "flow": "to_right"},
    {"left": "customfield_10033", "right": "customfield_10123", "kind": "number"},
]

Visit = Callable[..., tuple[Page, FrameLocator]]


@pytest.fixture
def visit(browser: Browser, running: Stack) -> Iterator[Visit]:
    """Opens a page of Acme as one of its people, with the panel unfolded; the test fails if a page
    complains."""
    complaints: list[str] = []
    opened: list[Page] = []

    def visit(path: str, person: str = "Admin", width: int = 1280) -> tuple[Page, FrameLocator]:
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: (
                complaints.append(line.text)
                if line.type == "error" and not line.text.startswith(EXPECTED_LINES)
                else None
            ),
        )
        opened.append(page)
        acme = running.sandbox.acme
        page.goto(acme.url)
        page.get_by_label("Signed in as").select_option(label=f"Acme {person}")
        expect(page.locator("#user option[selected]")).to_have_text(f"Acme {person}")
        page.goto(f"{acme.url}{path}")
        panel = page.locator("details.panel")
        if path.startswith("/browse/"):
            panel.locator("summary").click()
        return page, page.frame_locator("[data-app-frame] iframe")

    yield visit
    for page in opened:
        page.context.close()
    assert complaints == []


@pytest.fixture
def pair(running: Stack) -> tuple[str, str]:
    """An issue of Acme and its twin, and labels of the twin that the mapping leaves alone."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    running.create_profile(
        running.connect(), left=LEFT, right=RIGHT, name="Web tasks", fields=FIELDS
    )
    key = create_issue(acme, *LEFT, summary=SUMMARY, labels=["basket"])
    wait_until("the twin is there", lambda: keys_by_summary(globex, "PLAT").get(SUMMARY))
    [twin] = keys_by_summary(globex, "PLAT")[SUMMARY]
    running.settle()
    edit_issue(globex, twin, labels=["basket", "seen"])
    running.settle()
    return key, twin


def collide(running: Stack, key: str, twin: str) -> None:
    """Have both issues get another due date before either site tells of it."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    for site in (acme, globex):
        site.webhooks(hold=True)
    edit_issue(acme, key, duedate="2031-01-01")
    edit_issue(globex, twin, duedate="2031-02-02")
    for site in (acme, globex):
        site.webhooks(hold=False)
        site.release()
    running.settle()


def test_the_panel_and_the_page_of_a_project(
    running: Stack, pair: tuple[str, str], visit: Visit
) -> None:
    key, twin = pair
    globex = running.sandbox.globex

    # What an admin of the site is told, and what was left alone.
    page, panel = visit(f"/browse/{key}")
    link = panel.get_by_role("link", name=twin)
    expect(link).to_have_attribute("href", f"{globex.url}/browse/{twin}")
    expect(panel.locator(".lozenge")).to_have_text("In step")
    alone = panel.locator('[data-trouble="labels=labels"]')
    expect(alone.get_by_role("heading")).to_have_text("Labels")
    expect(alone).to_contain_text(
        f"Labels changed on {twin}, but is carried only from {key} to {twin}"
    )
    fields = panel.locator("details[id^=fields-]")
    panel.get_by_text("Who wrote each field last").click()
    summary = fields.locator('[data-field="summary=summary"]')
    expect(summary).to_contain_text(f"{twin} was made with it, from here")
    expect(fields.locator('[data-field="labels=labels"]')).to_contain_text(f"Only to {twin}")

    points = fields.locator('[data-field="customfield_10033=customfield_10123"]')
    expect(points).to_contain_text("Story Points ↔ Estimate")

    # "Sync now" brings what no webhook told; what was unfolded stays so.
    globex.webhooks(drop=1.0)
    edit_issue(globex, twin, summary="Show them in the cart too")
    globex.wait_idle()
    panel.get_by_role("button", name="Sync now").click()
    expect(summary).to_contain_text(f"Written here from {twin}")
    expect(panel.locator(".lozenge")).to_have_text("In step")
    expect(panel.get_by_role("button", name="Sync now")).to_be_focused()
    expect(panel.locator("#news")).to_have_text("Done.")
    expect(page.locator("#summary")).to_have_value("Show them in the cart too")
    assert serious(page, "/pages/issue") == []
    for width in (640, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert sideways(page, "/pages/issue") <= 0
    page.get_by_role("button", name="Dark").click()
    expect(panel.locator("html")).to_have_attribute("data-color-mode", "dark")
    assert serious(page, "/pages/issue") == []
    globex.webhooks(drop=0.0)

    # Whoever sees the issue sees the twin, and without a role no more.
    page, panel = visit(f"/browse/{key}", "Viewer")
    expect(panel.get_by_role("link", name=twin)).to_be_visible()
    expect(panel.locator(".lozenge")).to_have_text("In step")
    assert "Web tasks" not in panel.locator("body").inner_text()
    expect(panel.get_by_role("button")).to_have_count(0)
    assert serious(page, "/pages/issue") == []

    # The project's page: its profiles, for its admin once the site's admins allow that.
    page, frame = visit(f"/browse/{key}", "Tester")
    page.get_by_role("link", name="Project settings").click()
    expect(frame.get_by_role("alert").first).to_contain_text("Ask an admin of this Jira site")
    acme = running.sandbox.acme
    running.page(acme, "POST", "/pages/settings/project-admins", allowed="yes")
    page.reload()
    row = frame.get_by_role("row", name=re.compile("Web tasks"))
    expect(row).to_contain_text("On")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("Paused")
    expect(row.get_by_role("button", name="Resume")).to_be_focused()
    assert serious(page, "/pages/project") == []
    row.get_by_role("button", name="Resume").click()
    expect(row.get_by_role("button", name="Pause")).to_be_visible()

    # Its links open what they name, with the focus on it: the profile, and the editor.
    settings = page.url
    row.get_by_role("link", name="Web tasks").click()
    page.wait_for_url(re.compile("/plugins/servlet/ac/tandem/tandem"))
    title = frame.locator("#view-title")
    expect(title).to_have_text("Web tasks")
    expect(title).to_be_focused()
    page.goto(settings)
    frame.get_by_role("link", name="New profile in Tandem").click()
    page.wait_for_url(re.compile("ac.open=new"))
    expect(title).to_have_text("New profile")
    expect(title).to_be_focused()
    expect(frame.locator("#left_project")).not_to_have_value("")
    # A load more makes no draft more.
    page.reload()
    expect(title).to_have_text("New profile")
    frame.get_by_role("button", name="Close, keep the draft").click()
    expect(frame.locator("#drafts [data-draft]")).to_have_count(1)
    assert serious(page, "/pages/home") == []

    # A conflict in the panel leads to its question.
    collide(running, key, twin)
    page, panel = visit(f"/browse/{key}")
    panel.get_by_role("link", name="Choose in Tandem").click()
    page.wait_for_url(re.compile("ac.open=conflict"))
    frame = page.frame_locator("[data-app-frame] iframe")
    question = frame.locator(".question h3")
    expect(question).to_be_focused()
    expect(question).to_contain_text(key)
    expect(frame.locator("#view-conflicts")).to_have_attribute("aria-current", "page")
    assert serious(page, "/pages/home") == []
    link = page.url
    # A person's own step is not undone by what still loads, and the choice is next by the keyboard.
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(frame.locator("#inbox")).to_contain_text("under way")
    running.settle()
    # It is settled: the link says so above the list of profiles.
    page.goto(link)
    expect(frame.get_by_role("alert").filter(has_text="no such question")).to_be_visible()
    expect(frame.get_by_role("heading", name="Profiles").first).to_be_visible()
    go(frame, "Activity")
    expect(frame.locator("#unopened")).to_have_count(0)

    # Who Jira vouches for no more is told so, and what to do; not that he "is not authorised".
    acme.control("POST", "apps/tandem/disable")
    frame.get_by_role("button", name="Settings").click()
    gone = frame.get_by_role("alert").filter(has_text="your session in Jira ended")
    expect(gone).to_be_visible()
    acme.control("POST", "apps/tandem/enable")
    frame.get_by_role("button", name="Settings").click()
    expect(gone).to_have_count(0)
