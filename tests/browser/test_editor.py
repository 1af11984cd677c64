"""The editor of profiles in Chromium: nothing that was typed or chosen is ever lost."""

from __future__ import annotations

import json
import re

import pytest
import requests
from playwright.sync_api import FrameLocator, Page, Route, expect

from demo.stack import APP_KEY, Stack, scope_ids, wait_until
from demo.walk import LEFT, RIGHT, create_issue
from tests.browser.conftest import OpenPage, go, held_by
from tests.browser.looks import look_at, serious

pytestmark = [pytest.mark.browser, pytest.mark.real]

SAVES = re.compile(r"/pages/drafts/[0-9a-f-]+/projects$")
EXPIRED = json.dumps(
    {"type": "urn:tandem:problem:not-authorised", "status": 401, "detail": "Not authorised."}
)


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:
    """The stack with its two sites paired."""
    running.connect()
    return running


def begin(stack: Stack) -> str:
    """A draft of Acme's admin."""
    return str(stack.page(stack.sandbox.acme, "POST", "/pages/drafts")["draft"])


def go_on(frame: FrameLocator, draft: str, step: str = "projects") -> None:
    """Continue a draft from the Profiles page."""
    frame.locator(f"#continue-{draft}").click()
    expect(frame.locator("#editor")).to_have_attribute("data-draft", draft)
    expect(frame.locator("#view-title")).to_be_focused()
    if step != "projects":
        frame.locator(f"#step-{step}").click()
    expect(frame.locator(f"#step-{step}")).to_have_attribute("aria-current", "step")


def opened(
    paired: Stack, open_page: OpenPage, step: str = "projects"
) -> tuple[str, Page, FrameLocator]:
    """A new draft of Acme's, at this step; the page and its frame."""
    draft = begin(paired)
    page, frame = open_page(paired.sandbox.acme)
    go_on(frame, draft, step)
    return draft, page, frame


def test_what_was_chosen_is_there_again_after_the_tab_was_closed(
    paired: Stack, open_page: OpenPage
) -> None:
    draft, page, frame = opened(paired, open_page)
    left, right = scope_ids(paired.sandbox.acme, *LEFT), scope_ids(paired.sandbox.globex, *RIGHT)
    chosen = {
        "#left_project": left[0],
        "#left_type": left[1],
        "#right_project": right[0],
        "#right_type": right[1],
    }
    for control, value in chosen.items():
        frame.locator(f"{control} option[value='{value}']").wait_for(state="attached")
        frame.locator(control).focus()
        frame.locator(control).select_option(value)
        expect(frame.locator(control)).to_be_focused()
    expect(frame.locator("#name")).to_have_value(re.compile(".+ ↔ .+"))
    expect(frame.locator("#left-count")).to_contain_text("now.")
    frame.locator("#left_filter").fill("nonsense ==")
    expect(frame.locator("#left-count .problem")).to_be_visible()
    expect(frame.locator("#left_filter")).to_have_attribute("aria-invalid", "true")
    frame.locator("#left_filter").fill("created >= -90d")
    expect(frame.locator("#left-count")).to_contain_text("now.")
    expect(frame.locator("#left_filter")).to_have_attribute("aria-invalid", "false")
    frame.locator("#name").press_sequentially(" שלום 😀")
    name = frame.locator("#name").input_value()
    # Without leaving the field, as a person who closes the tab.
    wait_until("the name is saved", lambda: " ".join(name.split()) in drafts_of(paired))
    expect(frame.locator("#name")).to_be_focused()
    expect(frame.locator("#step-projects")).to_contain_text("(done)")
    assert serious(page) == []
    page.close()

    _, again = open_page(paired.sandbox.acme)
    go_on(again, draft)
    for control, value in {
        **chosen,
        "#left_filter": "created >= -90d",
        "#name": name,
    }.items():
        expect(again.locator(control)).to_have_value(value)


def drafts_of(stack: Stack) -> list[str]:
    """The names of the drafts of Acme's admin."""
    return [one["name"] for one in stack.page(stack.sandbox.acme, "GET", "/pages/drafts")]


def test_what_a_refused_token_did_not_save_is_marked_and_sent_again(
    paired: Stack, open_page: OpenPage
) -> None:
    draft, page, frame = opened(paired, open_page)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.method != "POST" or refused:
            return route.continue_()
        refused.append(route.request.post_data or "")
        return route.fulfill(status=401, content_type="application/problem+json", body=EXPIRED)

    page.route(SAVES, refuse)
    frame.locator("#left_project option").nth(1).wait_for(state="attached")
    frame.locator("#left_project").select_option(index=1)
    chosen = frame.locator("#left_project").input_value()
    expect(frame.locator("#left_project-unsaved")).to_have_text("Not saved yet")
    expect(frame.locator("#editor-unsaved")).to_contain_text("keep this tab open")
    expect(frame.locator("#left_project")).to_have_value(chosen)
    # The next save that gets through takes the first one along.
    frame.locator("#name").fill("Saved after all")
    frame.locator("#name").press("Tab")
    expect(frame.locator("#editor-unsaved")).to_be_hidden()
    expect(frame.locator("#left_project-unsaved")).to_have_count(0)
    expect(frame.locator("#left_project")).to_have_value(chosen)
    expect(frame.locator("#left_type option").nth(1)).to_be_attached()
    expect(frame.locator("#name")).to_have_value("Saved after all")
    assert len(refused) == 1
    _, other = open_page(paired.sandbox.acme)
    go_on(other, draft)
    expect(other.locator("#left_project")).to_have_value(chosen)
    expect(other.locator("#name")).to_have_value("Saved after all")


def test_what_a_server_that_was_away_did_not_get_survives_another_step_and_is_sent_by_retry(
    paired: Stack, open_page: OpenPage
) -> None:
    _draft, page, frame = opened(paired, open_page)
    page.route(
        SAVES,
        lambda route: route.abort() if route.request.method == "POST" else route.continue_(),
    )
    frame.locator("#name").fill("Typed while it was away")
    frame.locator("#name").press("Tab")
    expect(frame.locator("#name-unsaved")).to_have_text("Not saved yet")
    frame.locator("#step-partner").click()
    expect(frame.locator("#editor-unsaved")).to_be_visible()
    expect(frame.get_by_role("radio").first).to_be_checked()
    page.unroute(SAVES)
    # It may be gone by now: what failed is sent again by itself as well.
    frame.locator("#editor-retry").evaluate("button => button.click()")
    expect(frame.locator("#editor-unsaved")).to_be_hidden()
    wait_until("it is saved", lambda: "Typed while it was away" in drafts_of(paired))
    assert serious(page) == []


def test_another_tab_that_was_faster_is_told_and_nothing_is_overwritten_unasked(
    paired: Stack, open_page: OpenPage
) -> None:
    draft = begin(paired)
    _, first = open_page(paired.sandbox.acme)
    go_on(first, draft)
    _, second = open_page(paired.sandbox.acme)
    go_on(second, draft)
    first.locator("#name").fill("Of the first tab")
    first.locator("#name").press("Tab")
    wait_until("it is saved", lambda: "Of the first tab" in drafts_of(paired))
    second.locator("#name").fill("Of the second tab")
    second.locator("#name").press("Tab")
    expect(second.locator("#editor-changed")).to_contain_text("the name")
    expect(second.locator("#name")).to_have_value("Of the second tab")
    assert "Of the first tab" in drafts_of(paired)
    second.get_by_role("button", name="Save mine over it").click()
    expect(second.locator("#editor-changed")).to_be_hidden()
    wait_until("it is saved", lambda: "Of the second tab" in drafts_of(paired))
    first.locator("#name").fill("Of the first again")
    first.locator("#name").press("Tab")
    first.get_by_role("button", name="Show what is saved").click()
    expect(first.locator("#name")).to_have_value("Of the second tab")


def choose_and_hold(page: Page, frame: FrameLocator) -> Route:
    """Choose an own project, and keep the save of it from being answered."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST" and "left_project" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route(SAVES, hold)
    frame.locator("#left_project option").nth(1).wait_for(state="attached")
    frame.locator("#left_project").select_option(index=1)
    wait_until("it is sent", lambda: held or page.wait_for_timeout(50), seconds=60)
    return held[0]


def test_a_save_that_ends_after_its_page_was_left_holds_up_nothing(
    paired: Stack, open_page: OpenPage
) -> None:
    draft, page, frame = opened(paired, open_page)
    sent = choose_and_hold(page, frame)
    go(frame, "Activity")
    go(frame, "Profiles")
    frame.locator(f"#continue-{draft}").click()
    expect(frame.locator("#step-projects")).to_have_attribute("aria-current", "step")
    frame.locator("#step-fields").click()  # waits for the save
    sent.continue_()
    expect(frame.locator("#step-fields")).to_have_attribute("aria-current", "step")


def test_a_button_that_an_answer_brings_anew_while_it_is_held_down_is_pressed(
    paired: Stack, open_page: OpenPage
) -> None:
    _draft, page, frame = opened(paired, open_page)
    sent = choose_and_hold(page, frame)
    fields = frame.locator("#step-fields")
    button = fields.element_handle()
    fields.hover()
    page.mouse.down()
    sent.continue_()
    wait_until(
        "the bar is another", lambda: not button.evaluate("elt => elt.isConnected"), seconds=60
    )
    page.mouse.up()
    expect(fields).to_have_attribute("aria-current", "step")
    # Released elsewhere, it is not.
    projects = frame.locator("#step-projects")
    projects.hover()
    page.mouse.down()
    projects.evaluate("elt => elt.replaceWith(elt.cloneNode(true))")
    frame.locator("#view-title").hover()
    page.mouse.up()
    page.unroute_all(behavior="ignoreErrors")
    expect(fields).to_have_attribute("aria-current", "step")


def test_what_is_pressed_while_a_field_is_mapped_outlives_the_answer_that_swaps_it(
    paired: Stack, open_page: OpenPage
) -> None:
    draft = begin(paired)
    choose_scopes(paired, draft, LEFT, RIGHT)
    page, frame = open_page(paired.sandbox.acme)
    go_on(frame, draft, "fields")
    more = frame.locator("#more-priority--priority")
    expect(frame.locator("#refresh-left")).to_have_text("Refresh")
    accepted = held_by(page, "**/fields/accept")
    frame.locator("#accept-status--status").click()
    accepted()
    # It is opened as the answer comes, before the browser tells anybody of it.
    frame.locator("body").evaluate(
        """() => document.addEventListener("htmx:beforeSwap", () => {
          document.querySelector("#more-priority--priority > summary").click();
        }, { capture: true, once: true })"""
    )
    # These wait behind the other.
    with page.expect_response("**/context-token*"):
        frame.locator("#accept-environment--environment").click()
    for side in ("left", "right"):
        frame.locator(f"#{side}-resolution").check()
    with page.expect_response("**/context-token*"):
        frame.locator("#fields-pair-now").click()
    accepted().continue_()
    expect(frame.locator("#more-status--status")).to_be_attached()
    expect(more).to_have_attribute("open", "")
    expect(frame.locator("#more-environment--environment")).to_be_attached()
    expect(frame.locator("#more-resolution--resolution")).to_be_attached()


def test_what_is_typed_while_an_answer_is_under_way_stays_under_the_hands(
    paired: Stack, open_page: OpenPage
) -> None:
    _draft, page, frame = opened(paired, open_page)
    sent = choose_and_hold(page, frame)
    frame.locator("#left_filter").press_sequentially("labels = half")
    sent.continue_()
    expect(frame.locator("#left_type option").nth(1)).to_be_attached()
    expect(frame.locator("#left_filter")).to_be_focused()
    frame.locator("#left_filter").press_sequentially("way")
    expect(frame.locator("#left_filter")).to_have_value("labels = halfway")
    frame.locator("#left_filter").press("Tab")
    expect(frame.locator("#left-count")).to_contain_text("once a project and an issue type")
    expect(frame.locator("#left_filter")).to_have_value("labels = halfway")
    page.unroute_all(behavior="ignoreErrors")


def test_a_site_is_checked_by_url_and_token_and_paired_by_code_within_the_step(
    paired: Stack, open_page: OpenPage
) -> None:
    globex = paired.sandbox.globex
    draft, page, frame = opened(paired, open_page, "partner")
    frame.get_by_text("Connect by an API token").click()
    frame.get_by_label("Address of the other Jira").fill(globex.url)
    frame.get_by_label("Email of the account").fill(globex.admin["email"])
    frame.get_by_label("API token").fill("not-the-token-of-anybody")
    frame.get_by_role("button", name="Check", exact=True).click()
    expect(frame.locator("#check-says")).to_contain_text("does not know this email with this token")
    expect(frame.locator("#check-token")).to_be_focused()
    frame.get_by_label("API token").fill(globex.admin["token"])
    frame.get_by_role("button", name="Check", exact=True).click()
    expect(frame.locator("#partner-checked")).to_contain_text("has all permissions")
    expect(frame.locator("#connect-site")).to_be_visible()
    code = paired.page(globex, "POST", "/pages/pairing-codes")["code"]
    frame.get_by_label("Pairing code").fill(code[:-1])
    frame.get_by_label("Pairing code").press("Enter")
    expect(frame.locator("#draft-code-says")).to_contain_text("20 letters and digits")
    frame.get_by_label("Pairing code").fill(code)
    frame.get_by_label("Pairing code").press("Enter")
    expect(frame.get_by_role("radio").first).to_be_checked()
    assert serious(page) == []
    frame.get_by_role("button", name="Next: Projects and types").click()
    expect(frame.locator("#step-projects")).to_have_attribute("aria-current", "step")
    frame.get_by_text("Delete this draft").click()
    frame.get_by_role("button", name="Delete it for good").click()
    expect(frame.get_by_role("heading", name="Profiles", exact=True, level=1)).to_be_focused()
    expect(frame.locator(f"#continue-{draft}")).to_have_count(0)


def choose_scopes(
    stack: Stack,
    draft: str,
    left: tuple[str, str] = LEFT,
    right: tuple[str, str] = RIGHT,
) -> None:
    """Choose the projects and types of a draft of Acme's admin, as the page itself would."""
    acme, version = stack.sandbox.acme, "1"
    left, right = scope_ids(acme, *left), scope_ids(stack.sandbox.globex, *right)
    names = ("left_project", "left_type", "right_project", "right_type")
    for name, value in zip(names, (*left, *right), strict=True):
        token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
        answer = requests.post(
            f"{stack.url}/pages/drafts/{draft}/projects",
            data={name: value, "version": version},
            headers={"Authorization": f"JWT {token}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        version = answer.headers["Tandem-Draft-Version"]


def test_fields_are_found_paired_tried_and_shown_with_a_real_issues_values(
    paired: Stack, open_page: OpenPage
) -> None:
    draft = begin(paired)
    choose_scopes(paired, draft)
    page, frame = open_page(paired.sandbox.acme)
    go_on(frame, draft)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    frame.locator("#step-fields").click()
    expect(frame.locator("#refresh-left")).to_have_text("Refresh")
    expect(frame.locator("#refresh-right")).to_have_text("Refresh")
    summary = frame.locator("#fields-mapped [data-sample='left:summary']")
    expect(summary).not_to_be_empty()
    # A search asks nobody, and keeps the rows that have the words.
    before = len(asked)
    search = frame.locator("#fields-search")
    search.press_sequentially("SUMM")
    expect(frame.locator("#flow-labels--labels")).to_be_hidden()
    expect(frame.locator("#flow-summary--summary")).to_be_visible()
    search.press("Escape")
    expect(frame.locator("#flow-labels--labels")).to_be_visible()
    assert len(asked) == before
    # By keyboard: the direction is saved, and the focus stays; so do the sample values.
    flow = frame.locator("#flow-summary--summary")
    flow.focus()
    flow.select_option("to_right")
    expect(frame.locator("#step-fields")).to_contain_text("(done)")
    expect(flow).to_be_focused()
    expect(summary).not_to_be_empty()
    # A transform is tried while it is typed, and shown where it is wrong.
    frame.locator("#more-summary--summary > summary").press("Enter")
    box = frame.locator("#transform-summary--summary")
    box.press_sequentially('"From Acme: " + value')
    expect(frame.locator("#result-summary--summary output")).to_contain_text("From Acme: ")
    box.fill("value +")
    expect(frame.locator("#result-summary--summary .problem")).to_contain_text("line 1")
    # It is left by a key for the link below it, and the row is swapped: the focus stays there.
    box.press("Tab")
    expect(frame.locator("#wrong-summary--summary .problem")).to_contain_text("line 1")
    expect(frame.locator("#language-summary--summary")).to_be_focused()
    box.fill("")
    box.press("Tab")
    moment = frame.locator("#moment-summary--summary")
    moment.focus()
    moment.select_option("create")
    expect(moment.locator("option[selected]")).to_have_attribute("value", "create")
    expect(moment).to_be_focused()
    # All that is suggested by one button; what was removed can be paired by hand again.
    if frame.locator("#accept-all").count():
        frame.locator("#accept-all").press("Enter")
        expect(frame.locator("#accept-all")).to_have_count(0)
    # What takes its row away hands the focus on to the next row's button of its kind.
    rows = frame.locator("#fields-mapped .pair > button")
    ids = rows.evaluate_all("all => all.map((one) => one.id)")
    after = ids[ids.index("drop-labels--labels") + 1]
    frame.locator("#drop-labels--labels").press("Enter")
    expect(frame.locator(f"#{after}")).to_be_focused()
    frame.locator("#left-labels").press("Space")
    frame.locator("#fields-pair-now").press("Enter")
    expect(frame.locator("#fields-pair [role=alert]:visible")).to_contain_text("hoose a field of")
    frame.locator("#right-labels").press("Space")
    frame.locator("#fields-pair-now").press("Enter")
    expect(frame.locator("#flow-labels--labels")).to_be_attached()
    assert serious(page) == []


def say(stack: Stack, draft: str, path: str, version: str, **form: str) -> str:
    """Save to a draft of Acme's admin, as the page itself would; gives its version."""
    acme = stack.sandbox.acme
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.post(
        f"{stack.url}/pages/drafts/{draft}/{path}",
        data={**form, "version": version},
        headers={"Authorization": f"JWT {token}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["Tandem-Draft-Version"]


def test_values_links_and_transitions_are_paired_and_samples_of_both_sides_show_where_allowed(
    paired: Stack, open_page: OpenPage
) -> None:
    screen = {"screen": ["resolution", "comment"], "required": ["resolution", "comment"]}
    close = {"id": "31", "name": "Close", "to": "Done", **screen}
    paired.sandbox.globex.workflow(*RIGHT, initial="To Do", moves=[close])
    create_issue(paired.sandbox.globex, *RIGHT, summary="Stands at the begin of its workflow")
    draft = begin(paired)
    choose_scopes(paired, draft)
    version = say(paired, draft, "fields/items", "5", kind="links", flow="both")
    page, frame = open_page(paired.sandbox.acme)
    go_on(frame, draft, "fields")
    expect(frame.locator("#refresh-right")).to_have_text("Refresh")
    theirs = frame.locator("#fields-mapped [data-sample='right:summary']")
    expect(frame.locator("#fields-samples")).to_contain_text("under Sample values")
    expect(theirs).to_be_empty()
    version = say(paired, draft, "fields/pair", version, left="status", right="status")
    # Globex' admin allows it in the settings there.
    other, settings = open_page(paired.sandbox.globex)
    settings.locator("#view-settings").click()
    allow = settings.locator("#samples button")
    expect(allow).to_contain_text("Allow it for")
    allow.press("Enter")
    expect(allow).to_contain_text("Take it back for")
    expect(allow).to_be_focused()
    look_at(other)
    other.close()
    frame.locator("#fields-key-show").press("Enter")
    expect(theirs).not_to_be_empty()
    # The fourth step: each card says its age, and a refresh keeps the focus.
    frame.locator("#step-values").click()
    links = frame.locator("#values-links")
    expect(links).to_contain_text("Read ")
    fresh = frame.locator("#fresh-links")
    fresh.press("Enter")
    expect(fresh).to_be_focused()
    moves = frame.locator("#values-moves")
    expect(moves).to_contain_text("Required by")
    give = moves.locator("form.constant").first
    before = moves.locator("li.wanting").count()
    chosen = give.locator("[name=constant]")
    if chosen.evaluate("one => one.tagName") != "SELECT":
        chosen.fill("Closed by its twin.")
    give.locator("button").press("Enter")
    expect(moves.locator("li.wanting")).to_have_count(before - 1)
    look_at(page)


def without_table(
    paired: Stack, open_page: OpenPage, left: tuple[str, str], right: tuple[str, str]
) -> tuple[Page, FrameLocator, Route]:
    """A new draft at its fields, whose table is asked for and not answered yet. Of these two, no
    other test of this module may have asked for the fields: those that are known come at once."""
    draft = begin(paired)
    choose_scopes(paired, draft, left, right)
    page, frame = open_page(paired.sandbox.acme)
    go_on(frame, draft)
    table = held_by(page, "**/fields/table")
    frame.locator("#step-fields").click()
    return page, frame, table()


def test_what_is_typed_while_the_table_of_fields_loads_is_saved_and_holds_up_nothing(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame, table = without_table(paired, open_page, ("SUP", "Task"), ("OPS", "Task"))
    # Jira takes its time with the next token: the table comes before what was typed is sent.
    frame.locator("body").evaluate(
        """() => {
          const fast = window.AP.context.getToken;
          window.AP.context.getToken = (done) => {
            window.AP.context.getToken = fast;
            setTimeout(() => fast(done), 3000);
          };
        }"""
    )
    box = frame.locator("#transform-labels--labels")
    frame.locator("#more-labels--labels > summary").click()
    box.fill("value +")
    box.press("Tab")
    table.continue_()
    expect(frame.locator("#refresh-left")).to_have_text("Refresh")
    expect(box).to_have_value("value +")
    expect(frame.locator("#wrong-labels--labels")).to_contain_text("line 1")
    frame.locator("#step-projects").click()
    expect(frame.locator("#step-projects")).to_have_attribute("aria-current", "step")
    frame.locator("#step-fields").click()
    expect(box).to_have_value("value +")
    page.unroute_all(behavior="ignoreErrors")


def test_the_bar_names_the_step_that_is_shown_whatever_one_that_was_left_still_answers(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame, table = without_table(paired, open_page, ("WEB", "Epic"), ("PLAT", "Epic"))
    review = frame.locator("#step-review")
    review.click()
    expect(review).to_have_attribute("aria-current", "step")
    with page.expect_response("**/fields/table"):
        table.continue_()
    expect(frame.locator("#review-sentences")).not_to_be_empty()
    page.wait_for_timeout(500)  # nothing tells of an answer that is left alone
    expect(review).to_have_attribute("aria-current", "step")
    expect(frame.locator("[aria-current=step]")).to_have_count(1)


def test_a_site_without_tandem_is_connected_by_its_token_and_ended_in_the_settings(
    paired: Stack, open_page: OpenPage
) -> None:
    globex = paired.sandbox.globex
    globex.uninstall(APP_KEY)
    _draft, page, frame = opened(paired, open_page, "partner")
    frame.get_by_text("Connect by an API token").click()
    frame.get_by_label("Address of the other Jira").fill(globex.url)
    frame.get_by_label("Email of the account").fill(globex.admin["email"])
    frame.get_by_label("API token").fill(globex.admin["token"])
    frame.get_by_role("button", name="Check", exact=True).click()
    expect(frame.locator("#partner-checked")).to_contain_text("you decide for both sides")
    frame.locator("#connect-site").click()
    made = frame.locator(".choice", has_text="By API token")
    expect(made.get_by_role("radio")).to_be_checked()
    expect(made).to_contain_text("You gave this token")
    assert globex.admin["token"] not in page.content() + frame.locator("body").inner_html()
    assert serious(page) == []
    frame.locator("#editor-close").click()
    go(frame, "Settings")
    row = frame.get_by_role("row").filter(has_text="By API token")
    row.get_by_text("Give a new token").click()
    row.get_by_label("Email of the account").fill(globex.admin["email"])
    row.get_by_label("API token", exact=True).fill("of-nobody")
    row.get_by_role("button", name="Renew the token").click()
    expect(row.get_by_role("alert").first).to_contain_text("does not know this email")
    assert serious(page) == []
    row.get_by_text("End this connection").click()
    row.get_by_role("button", name="End it").click()
    expect(row).to_have_count(0)
