"""The card of people, what each role finds on the page, and names made to break out of it."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from demo.stack import APP_KEY, Stack
from demo.walk import LEFT, RIGHT, create_issue, edit_issue
from tests.browser.conftest import OpenPage, go

pytestmark = [pytest.mark.browser, pytest.mark.real]

HOSTILE = """</option></script><img src=x onerror="parent.hacked=hacked=1">'"`{{7*7}}<b>"""


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:
    """The stack with one profile."""
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web and platform")
    return running


def person(stack: Stack, name: str) -> dict[str, str]:
    """One of Acme's people."""
    return next(one for one in stack.sandbox.acme.users if one["email"].startswith(f"{name}@"))


def page_of(browser: Browser, stack: Stack, name: str) -> Page:
    """Tandem's page as one of Acme's people, without the host page around it."""
    acme = stack.sandbox.acme
    page = browser.new_context().new_page()
    page.goto(acme.page_url(APP_KEY, "tandem", accountId=person(stack, name)["accountId"]))
    return page


def test_a_role_is_granted_and_taken_away_on_the_page(paired: Stack, open_page: OpenPage) -> None:
    _, frame = open_page(paired.sandbox.acme)
    go(frame, "Settings")
    frame.get_by_label("Find a person by name").fill("View")
    account = frame.get_by_label("Person", exact=True)
    expect(account.locator("option").nth(1)).to_have_text("Acme Viewer")
    account.select_option(index=1)
    frame.get_by_label("Role").select_option("viewer")
    frame.get_by_role("button", name="Grant").click()
    row = frame.get_by_role("row", name=re.compile("Acme Viewer"))
    expect(row).to_contain_text("Viewer")
    expect(frame.get_by_role("button", name="Grant")).to_be_focused()
    row.get_by_role("button", name="Take away").click()
    expect(row).to_have_count(0)


def test_project_admins_are_let_in_and_out(paired: Stack, open_page: OpenPage) -> None:
    _, frame = open_page(paired.sandbox.acme)
    go(frame, "Settings")
    frame.get_by_role("button", name="Let them map their own projects").click()
    back = frame.get_by_role("button", name="Ask them for a role again")
    expect(back).to_be_focused()
    back.click()
    expect(frame.get_by_role("button", name="Let them map their own projects")).to_be_visible()


@pytest.mark.parametrize(("role", "maps"), [("viewer", False), ("editor", True)])
def test_a_role_finds_what_it_may_do_and_nothing_else(
    paired: Stack, browser: Browser, role: str, maps: bool
) -> None:
    account = person(paired, "agent")["accountId"]
    paired.page(paired.sandbox.acme, "POST", "/pages/roles", account=account, role=role)
    page = page_of(browser, paired, "agent")
    expect(page.get_by_role("rowheader", name="Web and platform")).to_be_visible()
    for name in ("New profile", "Pause Web and platform"):
        expect(page.get_by_role("button", name=name)).to_have_count(1 if maps else 0)
    token = paired.sandbox.acme.context_token(APP_KEY, accountId=account)
    headers = {"Authorization": f"JWT {token}"}
    settings = requests.get(f"{paired.url}/pages/views/settings", headers=headers, timeout=90)
    assert settings.ok
    assert "Make a pairing code" not in settings.text
    assert "Who may use Tandem here" not in settings.text
    paired.page(paired.sandbox.acme, "POST", "/pages/roles/revoke", account=account)
    page.context.close()


def test_a_site_is_checked_by_its_address(paired: Stack, open_page: OpenPage) -> None:
    _, frame = open_page(paired.sandbox.acme)
    go(frame, "Settings")
    field = frame.get_by_label("Address of the other Jira")
    field.fill(paired.sandbox.globex.url)
    frame.get_by_role("button", name="Check", exact=True).click()
    expect(frame.locator("#checked")).to_contain_text("is Jira Cloud, so it can be paired")
    field.fill("https://169.254.169.254/")
    frame.get_by_role("button", name="Check", exact=True).click()
    expect(frame.locator("#check-problem")).to_be_visible()
    expect(field).to_be_focused()


def test_hostile_names_are_shown_as_they_are_and_never_run(
    paired: Stack, open_page: OpenPage
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    left = acme.call("GET", f"project/{LEFT[0]}").json()
    viewer = person(paired, "viewer")["accountId"]
    issue = create_issue(acme, *LEFT, summary="Soon hostile")
    acme.rename(
        projects={LEFT[0]: HOSTILE},
        issueTypes={left["issueTypes"][0]["id"]: HOSTILE + "type"},
        users={viewer: HOSTILE + "person"},
    )
    globex.rename(projects={RIGHT[0]: HOSTILE + "theirs"})
    paired.page(acme, "POST", "/pages/roles", account=viewer, role="viewer")
    page, frame = open_page(acme)
    overview = frame.locator("#overview")
    expect(overview.get_by_text(re.compile(rf"was created for {issue}"))).to_be_visible()
    edit_issue(acme, issue, summary=HOSTILE + "summary")
    expect(overview.get_by_text(HOSTILE + "summary").first).to_be_visible()
    go(frame, "Settings")
    expect(
        frame.locator("#people").get_by_role("rowheader").get_by_text(HOSTILE + "person")
    ).to_be_visible()
    go(frame, "Profiles")
    frame.get_by_role("button", name="New profile", exact=True).click()
    option = frame.locator("#left_project option", has_text=HOSTILE)
    expect(option).to_have_text(f"{HOSTILE} ({LEFT[0]})")
    frame.locator("#left_project").select_option(str(left["id"]))
    expect(frame.locator("#left_type option", has_text=HOSTILE + "type")).to_be_attached()
    expect(frame.locator("#right_project option", has_text=HOSTILE + "theirs")).to_be_attached()
    right = globex.call("GET", f"project/{RIGHT[0]}").json()
    frame.locator("#right_project").select_option(str(right["id"]))
    expect(frame.get_by_label("Name of the profile")).to_have_value(f"{HOSTILE} ↔ {HOSTILE}theirs")
    assert frame.locator("img[src=x]").count() == 0
    assert page.evaluate("() => window.hacked") is None
    assert frame.locator("body").evaluate("() => window.hacked") is None
