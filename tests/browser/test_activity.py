"""Activity, parked changes, conflicts, checks and runs in Chromium: one stack, a scene each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from demo.stack import Stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from tests.browser.conftest import OpenPage, go
from tests.real.test_inbox import FIELDS, create, pair
from tests.real.test_walk import in_step

pytestmark = [pytest.mark.browser, pytest.mark.real]

WAIT = 120_000  # milliseconds: a state is waited for, never a moment
OLD = ("Was there before one", "Was there before two")


@dataclass(frozen=True)
class Scene:
    """The stack with a profile that asks in conflicts, and two issues that are older than it."""

    stack: Stack
    profile: str
    hosts: tuple[str, str]


@pytest.fixture(scope="module")
def scene(running: Stack) -> Scene:
    for summary in OLD:
        create_issue(running.sandbox.acme, *LEFT, summary=summary)
    made = create(running, running.connect(), json.dumps(FIELDS))
    assert made.status_code == 200, made.text
    profile = made.json()["profile"]
    running.approve(running.sandbox.globex, profile)
    hosts = tuple(site.url.split("://", 1)[1] for site in running.sandbox.sites)
    return Scene(running, profile, (hosts[0], hosts[1]))


def frame_of(opened: tuple[Page, FrameLocator]) -> FrameLocator:
    """The frame alone."""
    return opened[1]


def test_the_activity_is_filtered_without_a_reload_goes_on_by_itself_and_opens(
    scene: Scene, open_page: OpenPage
) -> None:
    left, right = pair(scene.stack, "In the activity")
    frame = frame_of(open_page(scene.stack.sandbox.acme))
    latest = frame.locator("#overview").get_by_role("button", name=f"{left} ↔ {right}").first
    latest.click()
    expect(frame.get_by_role("heading", name="Activity", level=1)).to_be_focused()
    expect(frame.locator("#view-activity")).to_have_attribute("aria-current", "page")
    expect(frame.get_by_label("Issue")).to_have_value(left)
    entries = frame.locator(".entries > li:not(.older)")
    expect(entries.first).to_contain_text("Created")
    before = entries.count()
    edit_issue(scene.stack.sandbox.acme, left, duedate="2027-03-04")
    fresh = frame.get_by_role("button", name=re.compile("new entr"))
    expect(fresh).to_be_visible(timeout=WAIT)
    assert entries.count() == before  # what is read does not move
    fresh.click()
    expect(entries.first).to_contain_text("Updated")
    entries.first.locator("summary").click()
    opened = entries.first.locator(".opened")
    for words in ("Due date", "2027-03-04", scene.hosts[1], f"It was changed at {scene.hosts[0]}."):
        expect(opened.get_by_text(words).first).to_be_visible(timeout=WAIT)
    frame.get_by_label("Outcome").select_option("created")
    expect(entries.first).to_contain_text("Created")
    expect(entries.filter(has_text="Updated")).to_have_count(0)
    frame.get_by_label("Issue").fill("NONE-1")
    frame.get_by_label("Issue").press("Enter")
    expect(frame.get_by_text("Nothing matches.")).to_be_visible()
    scene.stack.settle()


def test_a_conflict_is_shown_by_the_sites_names_and_a_press_settles_it(
    scene: Scene, open_page: OpenPage
) -> None:
    left, right = pair(scene.stack, "On the page", duedate="2026-12-01")
    acme, globex = scene.stack.sandbox.sites
    for site in (acme, globex):
        site.webhooks(hold=True)
    edit_issue(acme, left, duedate="2027-01-05")
    edit_issue(globex, right, duedate="2027-02-05")
    for site in (acme, globex):
        site.webhooks(hold=False)
        site.release()
    frame = frame_of(open_page(acme))
    go(frame, "Conflicts")
    inbox = frame.locator("#inbox")
    for text in ("2027-01-05", "2027-02-05", f"Due date of {left} and {right}"):
        expect(inbox.get_by_text(text).first).to_be_visible(timeout=WAIT)
    for name in (*(f"Take {host}" for host in scene.hosts), "Leave both"):
        expect(inbox.get_by_role("button", name=name)).to_have_count(1)
    press = inbox.get_by_role("button", name=f"Take {scene.hosts[1]}")
    press.focus()
    press.press("Enter")
    expect(inbox.get_by_text("Nothing waits.")).to_be_visible(timeout=WAIT)
    wait_until("it crossed", lambda: mapped(acme, left)["duedate"] == "2027-02-05")
    scene.stack.settle()


def test_a_parked_change_is_explained_previewed_ignored_and_retried_by_a_press(
    scene: Scene, open_page: OpenPage
) -> None:
    acme, globex = scene.stack.sandbox.sites
    left, right = pair(scene.stack, "On the card")
    globex.refusals({"field": "priority", "message": "The priority selected is invalid."})
    edit_issue(acme, left, priority={"name": "Low"})
    wait_until("it is parked", lambda: [p["parked"] for p in scene.stack.overview()] == [1])
    scene.stack.settle()
    frame = frame_of(open_page(acme))
    go(frame, "Activity")
    card = frame.locator("#parked")
    expect(card.get_by_text("does not know the value of Priority").first).to_be_visible(
        timeout=WAIT
    )
    expect(card.get_by_text("adds the value, or somebody chooses one")).to_be_visible()
    card.locator("details summary").first.click()
    expect(card.get_by_text("The priority selected is invalid.")).to_be_visible()
    card.get_by_role("button", name=f"Preview {left} / {right}").click()
    preview = frame.locator("#parked-preview")
    for text in (f"{left} / {right}", "Medium", "Low", "refused"):
        expect(preview.get_by_text(text, exact=True)).to_be_visible(timeout=WAIT)
    card.get_by_role("button", name=f"Ignore {left} / {right}").click()
    expect(card.get_by_text("1 change is ignored, until what was refused changes.")).to_be_visible(
        timeout=WAIT
    )
    wait_until("it is out of sight", lambda: [p["parked"] for p in scene.stack.overview()] == [0])
    expect(frame.locator(".entries > li").first).not_to_contain_text("Ignored")
    frame.get_by_role("button", name=re.compile("new entr")).click(timeout=WAIT)
    expect(frame.locator(".entries > li").first).to_contain_text("Ignored")
    expect(frame.locator(".entries > li").first).not_to_contain_text("accountid")
    globex.refusals()
    card.locator("#ignored summary").click()
    card.get_by_role("button", name=re.compile("^Retry after all")).click()
    expect(card.get_by_text("1 change is tried again now.")).to_be_visible(timeout=WAIT)
    wait_until("it crossed", lambda: in_step(scene.stack, left, right))
    scene.stack.settle()


def test_a_load_is_begun_watched_and_undone_and_a_plan_is_made_and_applied_from_the_page(
    scene: Scene, open_page: OpenPage
) -> None:
    acme, globex = scene.stack.sandbox.sites
    frame = frame_of(open_page(acme))
    go(frame, "Runs")
    runs = frame.locator("#runs")

    # A plan, of the two issues that are there without a twin.
    frame.get_by_label("Plan", exact=True).select_option("jql")
    frame.get_by_label("Key or JQL").fill('summary ~ "Was there before"')
    frame.get_by_role("button", name="Make a plan").click()
    plan = runs.locator("[data-errand=plan][data-state=done]")
    said = f"2 issues would be created at {scene.hosts[1]}."
    expect(plan.get_by_text(said)).to_be_visible(timeout=WAIT)
    plan.get_by_role("button", name=re.compile("^Look at its issues")).click()
    expect(frame.locator("#run-issues").get_by_text(OLD[0]).first).to_be_visible(timeout=WAIT)

    # A load of the same, watched to its end.
    frame.get_by_role("button", name="First load …").click()
    form = frame.locator("#run-panel form")
    expect(form.get_by_text("issues are in the scope")).to_be_visible(timeout=WAIT)
    form.get_by_label("Whose issues get a twin").select_option("left")
    form.get_by_label(re.compile("^Only what this JQL")).fill("nonsense = = 1")
    form.get_by_role("button", name="Begin the load").click()
    expect(form.get_by_role("alert")).to_contain_text("JQL", timeout=WAIT)
    expect(form.get_by_label("Whose issues get a twin")).to_have_value("left")  # nothing is lost
    form.get_by_label(re.compile("^Only what this JQL")).fill('summary ~ "Was there before"')
    form.get_by_role("button", name="Begin the load").click()
    loaded = runs.locator("tr[data-state=done]").filter(has_text="Load")
    expect(loaded.get_by_text(re.compile("2 created"))).to_be_visible(timeout=WAIT)
    expect(loaded.get_by_text("by you")).to_be_visible()
    wait_until("the twins are found", lambda: set(OLD) <= set(keys_by_summary(globex, RIGHT[0])))

    # The plan does not fit any more, and says what moved.
    plan.get_by_role("button", name=re.compile("^Apply the plan")).click()
    failed = runs.locator("[data-errand=apply][data-state=failed]")
    expect(failed.get_by_text("The plan no longer fits what is there")).to_be_visible(timeout=WAIT)

    # Its undo is shown first, and then done.
    loaded.get_by_role("button", name=re.compile("^Undo")).click()
    undo = runs.locator("[data-errand=undo-plan][data-state=done]")
    expect(undo.get_by_text("2 issues were created, and nobody changed them since.")).to_be_visible(
        timeout=WAIT
    )
    undo.get_by_label("Delete the 2 issues that were created as well").check()
    undo.get_by_role("button", name=re.compile("^Undo it now")).click()
    done = runs.locator("[data-errand=undo][data-state=done]")
    expect(done.get_by_text("2 issues deleted.")).to_be_visible(timeout=WAIT)
    wait_until("the twins are gone", lambda: not set(OLD) & set(keys_by_summary(globex, RIGHT[0])))
    scene.stack.settle()

    # The same of a span of time: what is wrong with it is said beside it, and the plan names it.
    span = frame.get_by_role("region", name="Undo what was written in a span of time")
    span.get_by_label("From (UTC)").fill("2026-01-02T00:00")
    span.get_by_label("To (UTC)").fill("2026-01-01T00:00")
    span.get_by_role("button", name="Show what would be undone").click()
    expect(span.get_by_role("alert")).to_have_text("Choose a time after the first one.")
    expect(span.get_by_label("To (UTC)")).to_be_focused()
    span.get_by_label("To (UTC)").fill("2026-01-03T00:00")
    span.get_by_role("button", name="Show what would be undone").click()
    expect(undo.get_by_text("from 2026-01-02 00:00 to 2026-01-03 00:00")).to_be_visible(
        timeout=WAIT
    )
    expect(undo.get_by_text("There is nothing to put back.")).to_be_visible()
    expect(undo.get_by_role("button", name=re.compile("^Undo it now"))).to_have_count(0)
    expect(span.get_by_label("From (UTC)")).to_have_value("2026-01-02T00:00")


def test_a_check_says_since_when_all_is_in_step(scene: Scene, open_page: OpenPage) -> None:
    pair(scene.stack, "In the check")
    frame = frame_of(open_page(scene.stack.sandbox.acme))
    go(frame, "Conflicts")
    checks = frame.locator("#completeness")
    checks.get_by_role("button", name=re.compile("^Check now")).click()
    expect(checks.get_by_text(re.compile("n step as of"))).to_be_visible(timeout=WAIT)
    expect(checks.get_by_text(re.compile("pairs? agree"))).to_be_visible(timeout=WAIT)
