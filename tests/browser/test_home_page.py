"""Tandem's page with a profile: it updates by itself, keeps its manners, and keeps others out."""

from __future__ import annotations

import re

import psycopg
import pytest
import requests
from playwright.sync_api import FrameLocator, Locator, Page, expect

from app.screens.overview import A_PAGE
from demo.stack import APP_KEY, Stack, StackError, scope_ids, wait_until
from demo.walk import LEFT, RIGHT
from sandbox.process import SiteHandle
from tests.browser.conftest import HOME, OpenPage, choose, go, held_by, new_profile, switch_on

pytestmark = [pytest.mark.browser, pytest.mark.real]

NAME = "Web and platform"
SHIFTED = """() => new Promise((tell) => new PerformanceObserver((list, observer) => {
    tell(list.getEntries().reduce((sum, one) => sum + (one.value ?? 0), 0));
    observer.disconnect();
}).observe({ type: "layout-shift", buffered: true }) ?? setTimeout(tell, 2000, 0))"""
"""How far what was shown moved while the page opened, as browsers count it: from 0.1 on people are
bothered. Where nothing moved, nothing is told of it."""
BARELY = 0.02
TOKEN_MS = 11_000
"""Longer than a page waits for a token from Jira, in milliseconds."""
OTHER_LEFT, OTHER_RIGHT = ("SUP", "Task"), ("OPS", "Task")


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:
    """The stack with one profile."""
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name=NAME)
    return running


def ids(
    left_site: SiteHandle, left: tuple[str, str], right_site: SiteHandle, right: tuple[str, str]
) -> dict[str, str]:
    """The ids of two scopes, as the editor's second step names them."""
    return {
        f"{side}_{what}": value
        for side, site, scope in (("left", left_site, left), ("right", right_site, right))
        for what, value in zip(("project", "type"), scope_ids(site, *scope), strict=True)
    }


def wait_for_polls(page: Page, times: int = 2) -> None:
    """Wait until the page has asked anew this often."""
    for _ in range(times):
        with page.expect_response(re.compile("/pages/parts/overview")):
            pass


def row_of(frame: FrameLocator) -> Locator:
    """The first profile's row."""
    return frame.get_by_role("row", name=re.compile(NAME))


def state(stack: Stack) -> str:
    """The first profile's state."""
    return next(str(one["state"]) for one in stack.overview() if one["name"] == NAME)


def test_polling_takes_neither_the_focus_nor_what_was_typed(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = open_page(paired.sandbox.acme)
    frame.get_by_role("button", name=re.compile(f"^Filter.*{NAME}")).click()
    typed = frame.locator("#own_filter")
    typed.fill("labels = ha")
    wait_for_polls(page)
    expect(typed).to_be_focused()
    typed.press_sequentially("lf")
    expect(typed).to_have_value("labels = half")


def test_either_partner_pauses_and_the_focus_stays_on_the_button(
    paired: Stack, open_page: OpenPage
) -> None:
    _, ours = open_page(paired.sandbox.acme)
    _, theirs = open_page(paired.sandbox.globex)
    theirs.get_by_role("button", name=f"Pause {NAME}").click()
    expect(theirs.get_by_role("button", name=f"Resume {NAME}")).to_be_focused()
    expect(row_of(ours)).to_contain_text("Paused")
    assert state(paired) == "paused"
    ours.get_by_role("button", name=f"Resume {NAME}").press("Enter")
    expect(ours.get_by_role("button", name=f"Pause {NAME}")).to_be_focused()
    expect(row_of(theirs)).to_contain_text("On")
    assert state(paired) == "on"


def test_what_a_click_brings_is_shown_without_waiting_for_a_poll(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = open_page(paired.sandbox.acme)
    expect(frame.get_by_role("button", name=f"Pause {NAME}")).to_be_visible()
    page.route("**/pages/parts/overview*", lambda route: None)  # never answered
    for name, then in (("Pause", "Resume"), ("Resume", "Pause")):
        frame.get_by_role("button", name=f"{name} {NAME}").click()
        expect(frame.get_by_role("button", name=f"{then} {NAME}")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")


def test_the_page_goes_on_updating_after_a_form_was_accepted(
    paired: Stack, open_page: OpenPage
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    _, frame = open_page(globex)
    new_profile(frame, **ids(globex, OTHER_RIGHT, acme, OTHER_LEFT), name="Second")
    switch_on(frame)
    row = frame.get_by_role("row", name=re.compile("Second"))
    expect(row.get_by_text("Proposed", exact=True)).to_be_visible()
    expect(frame.locator("#view-title")).to_be_focused()
    [second] = [one for one in paired.overview() if one["name"] == "Second"]
    paired.approve(paired.sandbox.acme, second["id"])
    expect(row.get_by_text("On", exact=True)).to_be_visible()
    paired.page(paired.sandbox.acme, "POST", f"/pages/profiles/{second['id']}/pause")
    expect(row.get_by_text("Paused", exact=True)).to_be_visible()


def test_the_same_pair_of_projects_is_refused_from_either_side_by_a_sentence(
    paired: Stack, open_page: OpenPage
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    _, frame = open_page(globex)
    connection = paired.connect()
    with pytest.raises(StackError, match="409"):
        paired.create_profile(connection, left=LEFT, right=RIGHT, name="Again")

    new_profile(frame, **ids(globex, RIGHT, acme, LEFT), name="Again")
    switch_on(frame)
    said = frame.locator("#review-finish [role=alert]")
    expect(said).to_contain_text("pairs these projects and types already")
    assert [one["name"] for one in paired.overview()].count("Again") == 0


def test_a_draft_takes_the_focus_and_suggests_a_name_until_one_is_given(
    paired: Stack, open_page: OpenPage
) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    _, frame = open_page(acme)
    frame.get_by_role("button", name="New profile", exact=True).click()
    expect(frame.get_by_role("heading", name="New profile", level=1)).to_be_focused()
    chosen = ids(acme, LEFT, globex, RIGHT)
    choose(frame, left_project=chosen["left_project"], right_project=chosen["right_project"])
    name = frame.locator("#name")
    expect(name).to_have_value(re.compile(".+ ↔ .+"))
    choose(frame, name="My own", left_project=ids(acme, OTHER_LEFT, globex, RIGHT)["left_project"])
    expect(name).to_have_value("My own")
    frame.get_by_role("button", name="Close, keep the draft").click()
    expect(frame.get_by_role("heading", name="Profiles", exact=True, level=1)).to_be_focused()
    expect(frame.locator("#drafts")).to_contain_text("My own")


def test_what_hangs_on_a_choice_empties_with_it(paired: Stack, open_page: OpenPage) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    _, frame = open_page(acme)
    new_profile(frame, **ids(acme, LEFT, globex, RIGHT))
    frame.locator("#right_project").select_option("")
    expect(frame.locator("#right_type option")).to_have_text(["Choose a project first"])
    expect(frame.locator("#side-right [role=alert]")).to_be_hidden()


def test_a_code_copied_in_part_is_refused_at_its_field_by_the_rule(
    paired: Stack, open_page: OpenPage
) -> None:
    _, frame = open_page(paired.sandbox.acme)
    go(frame, "Settings")
    field = frame.get_by_role("textbox", name="Pairing code")
    field.fill("ABCDE-FGH")
    field.press("Enter")
    expect(frame.locator("#pairing-problem")).to_contain_text("20 letters and digits")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.press_sequentially("J")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_a_code_is_good_once_and_not_on_the_site_that_made_it(paired: Stack) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    code = paired.page(globex, "POST", "/pages/pairing-codes")["code"]
    with pytest.raises(StackError, match="invalid-pairing-code"):
        paired.page(globex, "POST", "/pages/connections", code=code)
    first = paired.page(acme, "POST", "/pages/connections", code=code)
    with pytest.raises(StackError, match="invalid-pairing-code"):
        paired.page(acme, "POST", "/pages/connections", code=code)
    back = paired.page(acme, "POST", "/pages/pairing-codes")["code"]
    assert paired.page(globex, "POST", "/pages/connections", code=back) == first


def test_a_newer_code_replaces_the_unused_one(paired: Stack) -> None:
    acme, globex = paired.sandbox.acme, paired.sandbox.globex
    older = paired.page(globex, "POST", "/pages/pairing-codes")["code"]
    paired.page(globex, "POST", "/pages/pairing-codes")
    with pytest.raises(StackError, match="invalid-pairing-code"):
        paired.page(acme, "POST", "/pages/connections", code=older)


def test_a_person_without_a_role_gets_a_page_that_says_whom_to_ask(
    paired: Stack, open_page: OpenPage
) -> None:
    acme = paired.sandbox.acme
    page, frame = open_page(acme)
    expect(row_of(frame)).to_be_visible()
    person = next(user for user in acme.users if not user["admin"])
    url = acme.page_url(APP_KEY, "tandem", accountId=person["accountId"])
    answer = requests.get(url, timeout=90)
    assert answer.status_code == 403
    page.goto(url)
    expect(page.get_by_role("alert")).to_contain_text("Ask an admin of this Jira site for one.")
    assert NAME not in page.content()


def test_only_the_installed_site_may_frame_the_page_and_nothing_inline_runs(
    paired: Stack,
) -> None:
    acme = paired.sandbox.acme
    url = acme.page_url(APP_KEY, "tandem", accountId=acme.admin["accountId"])
    answer = requests.get(url, timeout=90)
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == acme.url
    assert policy["script-src"] == f"'self' {acme.url}"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/pages/home", "/pages/profiles", "/pages/parts/overview"])
def test_without_a_token_there_is_nothing_to_see(paired: Stack, path: str) -> None:
    answer = requests.get(paired.url + path, timeout=90)
    assert answer.status_code == 401
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_the_host_page_grows_with_the_page(paired: Stack, open_page: OpenPage) -> None:
    page, frame = open_page(paired.sandbox.acme)
    expect(row_of(frame)).to_be_visible()
    assert HOME in page.url
    height = "() => document.querySelector('[data-app-frame] iframe').offsetHeight"
    whole = frame.locator("#page")

    def fits() -> bool:
        """Whether the frame is as tall as the page now: what loads, and a poll, change both."""
        page.wait_for_timeout(50)
        return bool(page.evaluate(height) == whole.evaluate("page => page.offsetHeight"))

    wait_until("the frame fits", fits)
    before = page.evaluate(height)
    go(frame, "Settings")
    wait_until("the frame fits the other view", lambda: fits() and page.evaluate(height) != before)


def test_a_long_list_is_searched_and_shown_further_with_the_keyboard_alone(
    paired: Stack, open_page: OpenPage
) -> None:
    with psycopg.connect(paired.database, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
            " revision, left_project_id, left_type_id, right_project_id, right_type_id)"
            " SELECT gen_random_uuid(), connection_id, left_tenant_id, right_tenant_id,"
            " 'Listed ' || n, 'paused', 1, 900 + n, 1, 900 + n, 1"
            " FROM profile, generate_series(10, 39) n WHERE name = %s",
            (NAME,),
        )
    there = len(paired.overview())
    paired.page(paired.sandbox.acme, "POST", "/pages/drafts")
    page, frame = open_page(paired.sandbox.acme)
    rows = frame.locator("#overview tr[data-profile]")
    expect(rows).to_have_count(A_PAGE)
    expect(frame.locator("#drafts li").first).to_be_visible()
    wait_for_polls(page)
    assert frame.locator("body").evaluate(SHIFTED) < BARELY
    more = frame.get_by_role("button", name=f"Show {there - A_PAGE} more")
    more.press("Enter")
    expect(rows).to_have_count(there)
    expect(rows.nth(A_PAGE).get_by_role("button").first).to_be_focused()
    expect(more).to_have_count(0)

    find = frame.get_by_role("searchbox", name="Find a profile or a partner")
    find.press_sequentially("listed 3")
    expect(rows).to_have_count(10)
    wait_for_polls(page)
    expect(rows).to_have_count(10)
    expect(find).to_be_focused()
    find.fill("web AND")
    expect(rows).to_have_count(1)
    frame.get_by_role("button", name=f"Pause {NAME}").press("Enter")
    expect(frame.get_by_role("button", name=f"Resume {NAME}")).to_be_focused()
    frame.get_by_role("button", name=f"Resume {NAME}").press("Enter")
    expect(frame.get_by_role("button", name=f"Pause {NAME}")).to_be_focused()
    expect(rows).to_have_count(1)
    find.fill("")
    expect(rows).to_have_count(there)


def test_what_is_pressed_before_the_scripts_of_the_page_are_there_is_done_then(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = open_page(paired.sandbox.acme)
    wait_for_polls(page, 1)  # it has its scripts: what is held is the next page's
    script = held_by(page, "**/static/tandem.js*")
    page.goto(f"{paired.sandbox.acme.url}{HOME}", wait_until="commit")
    frame.get_by_role("button", name=NAME, exact=True).click()
    script().continue_()
    expect(frame.get_by_role("heading", name=NAME, level=1)).to_be_focused()


@pytest.mark.parametrize("pressed", [NAME, f"Pause {NAME}"])
def test_a_button_that_a_poll_brings_anew_before_its_request_began_is_pressed_if_it_does_the_same(
    paired: Stack, open_page: OpenPage, pressed: str
) -> None:
    page, frame = open_page(paired.sandbox.acme)
    poll = held_by(page, "**/pages/parts/overview*")
    poll()
    token = held_by(page, "**/context-token*")
    button = frame.get_by_role("button", name=pressed, exact=True)
    was = button.element_handle()
    button.click()
    token()
    [profile] = [one for one in paired.overview() if one["name"] == NAME]
    way = f"/pages/profiles/{profile['id']}"
    paired.page(paired.sandbox.globex, "POST", f"{way}/pause")
    poll().continue_()
    wait_until("it is another", lambda: not was.evaluate("one => one.isConnected"), seconds=60)
    if pressed == NAME:
        expect(frame.get_by_role("heading", name=NAME, level=1)).to_be_focused()
        page.wait_for_timeout(TOKEN_MS)  # of the one that never came nothing is said
        expect(frame.locator("#problem")).to_be_hidden()
    else:  # what came in its place is Resume
        token().continue_()
        wait_for_polls(page)
        assert state(paired) == "paused"
    paired.page(paired.sandbox.globex, "POST", f"{way}/resume")


def test_what_opens_in_a_view_that_another_answer_replaces_meanwhile_opens_in_the_new_one(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = open_page(paired.sandbox.acme)
    view = held_by(page, "**/pages/views/profiles")
    frame.locator("#view-profiles").click()
    view()
    form = held_by(page, "**/filters*")
    frame.get_by_role("button", name=re.compile(f"^Filter.*{NAME}")).click()
    form()
    view().continue_()
    expect(frame.locator("#own_filter")).to_be_focused()
