"""The page of one profile in Chromium: a file out and back, revisions, two admins, its end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from demo.stack import Stack
from demo.walk import LEFT, RIGHT
from tests.browser.conftest import OpenPage
from tests.browser.looks import look_at

pytestmark = [pytest.mark.browser, pytest.mark.real]

NAME = "Web and platform"


@pytest.fixture(scope="module")
def paired(running: Stack) -> Stack:
    """The stack with one profile."""
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name=NAME)
    return running


def opened(open_page: OpenPage, stack: Stack) -> tuple[Page, FrameLocator]:
    """The profile's page in Acme, by a click on its name."""
    page, frame = open_page(stack.sandbox.acme)
    frame.get_by_role("button", name=NAME, exact=True).click()
    expect(frame.get_by_role("heading", name=NAME, level=1)).to_be_focused()
    return page, frame


def test_a_file_goes_out_and_comes_back_and_a_revision_is_restored(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = opened(open_page, paired)
    _, late = opened(open_page, paired)
    carried = frame.locator("[data-carried]")
    expect(carried).to_contain_text("Web")  # the project's name, once its site has told it
    expect(carried).to_contain_text("the newer change wins")

    frame.get_by_role("button", name="Export").click()
    field = frame.get_by_label("The profile as YAML")
    expect(field).to_have_value(re.compile("project_key: WEB"))
    text = field.input_value()
    with page.expect_download() as downloaded:
        frame.get_by_role("button", name="Download").click()
    assert downloaded.value.suggested_filename == "web-and-platform.yaml"
    assert Path(downloaded.value.path()).read_text() == text
    expect(frame.locator("#news")).to_have_text("The download has begun.")
    frame.get_by_role("button", name="Import").click()
    frame.get_by_label("Or its text").fill(text.replace("kind: text", "kind: txet", 1))
    frame.get_by_role("button", name="Compare").click()
    alert = frame.locator("#import-form [role=alert]")
    expect(alert).to_contain_text(re.compile(r"Line \d+, fields\.0\.kind: is not a choice"))
    edited = text.replace("policy: newer", "policy: ask", 1)
    frame.get_by_label("Or its text").fill(edited)
    frame.get_by_role("button", name="Compare").click()
    told = frame.locator("#import-differences")
    expect(told).to_contain_text("Where both sides changed Summary, a person is asked.")
    expect(alert).to_be_hidden()
    look_at(page)
    frame.get_by_role("button", name="Take it").click()
    expect(frame.locator(".said")).to_have_text("Revision 2 is in force.")
    expect(frame.get_by_role("heading", name=NAME, level=1)).to_be_focused()
    expect(carried.locator("tr", has_text="Summary")).to_contain_text("a person is asked")

    # The file again, as a file: nothing would change.
    frame.get_by_role("button", name="Import").click()
    file = {"name": "profile.yaml", "mimeType": "text/yaml", "buffer": edited.encode()}
    frame.get_by_label("A file").set_input_files(file)  # type: ignore[arg-type]
    frame.get_by_role("button", name="Compare").click()
    expect(told).to_contain_text("Nothing: the profile is as the file says.")

    # The same projects again are refused beside the file.
    frame.get_by_role("button", name="Make a new profile of it").click()
    expect(alert).to_contain_text("pairs these projects and types already")

    # The other admin looked before: he is told, and shown what it is now.
    late.locator("#open-1").click()
    late.get_by_role("button", name="Import").click()
    late.get_by_label("Or its text").fill(text.replace("policy: newer", "policy: left", 1))
    late.get_by_role("button", name="Compare").click()
    expect(late.locator("#import-differences")).to_contain_text("Where both sides changed Summary")

    frame.locator("#open-1").click()
    back = frame.locator("#revision-1")
    expect(back).to_contain_text("the newer change wins")
    expect(frame.locator("[data-revision='2']")).to_contain_text("In force")
    admin = paired.sandbox.acme.admin["displayName"]
    expect(frame.locator("[data-revision='2']")).to_contain_text(admin)
    look_at(page)
    back.get_by_role("button", name="Restore revision 1").click()
    expect(frame.locator(".said")).to_have_text("Revision 3 is in force.")
    late.get_by_role("button", name="Take it").click()
    expect(late.locator("#import-form [role=alert]")).to_contain_text(
        "Somebody changed the profile"
    )
    expect(late.get_by_label("Or its text")).to_have_value(re.compile("policy: left"))

    # What waits for the partner is not replaced before somebody saw what differs.
    frame.get_by_role("button", name="Import").click()
    frame.get_by_label("Or its text").fill(text.replace("flow: both", "flow: to_right", 1))
    frame.get_by_role("button", name="Compare").click()
    frame.get_by_role("button", name="Take it").click()
    expect(frame.locator(".said")).to_have_text("Revision 4 is in force.")
    frame.locator("#open-3").click()
    frame.get_by_role("button", name="Restore revision 3").click()
    expect(frame.locator(".said")).to_contain_text("Revision 5 waits for the approval")
    frame.locator("#open-2").click()
    frame.get_by_role("button", name="Restore revision 2").click()
    asks = frame.locator("#revision-2 [data-proposal-waits]")
    expect(asks.get_by_role("heading", level=3)).to_be_focused()
    expect(asks).to_contain_text("Where both sides changed Summary, a person is asked.")
    look_at(page)
    asks.get_by_role("button", name="Keep what waits").click()
    expect(asks).to_have_count(0)
    expect(frame.locator("#open-2")).to_be_focused()
    frame.locator("#open-2").click()
    frame.get_by_role("button", name="Restore revision 2").click()
    asks.get_by_role("button", name="Replace what waits").click()
    expect(frame.locator(".said")).to_contain_text("Revision 6 waits for the approval")


def test_a_profile_is_paused_copied_and_deleted_from_its_page(
    paired: Stack, open_page: OpenPage
) -> None:
    page, frame = opened(open_page, paired)
    head = frame.locator("#profile-head")
    frame.get_by_role("button", name="Pause", exact=True).press("Enter")
    expect(head).to_contain_text("Paused")
    expect(frame.get_by_role("button", name="Resume", exact=True)).to_be_focused()
    frame.get_by_role("button", name="Resume", exact=True).press("Enter")
    expect(head).to_contain_text("On")

    frame.locator("#profile-copy").click()
    expect(frame.get_by_label("Your project")).to_be_focused()
    for field in ("copy-left", "copy-right"):
        frame.locator(f"#{field} option").nth(1).wait_for(state="attached")
        frame.locator(f"#{field}").select_option(index=1)
        frame.locator(f"#{field}-type option").nth(1).wait_for(state="attached")
        frame.locator(f"#{field}-type").select_option(index=2)
    frame.get_by_label("Name of the new profile").fill("A copy")
    look_at(page)
    frame.locator("#copy-form").get_by_role("button", name="Duplicate").click()
    expect(frame.get_by_role("heading", name="A copy", level=1)).to_be_focused()
    expect(head).to_contain_text("Waits for the approval of")

    frame.get_by_role("button", name="Edit", exact=True).click()
    expect(frame.get_by_text("The profile goes on as it is until you save it")).to_be_visible()
    frame.get_by_role("button", name="Profiles", exact=True).click()
    frame.locator("#overview").get_by_role("button", name="A copy", exact=True).click()

    frame.get_by_role("button", name="Delete", exact=True).click()
    frame.get_by_label("Type the profile's name: A copy").fill("A cop")
    look_at(page)
    frame.get_by_role("button", name="Delete for good").click()
    expect(frame.locator("#end-form [role=alert]")).to_contain_text("not the profile's name")
    frame.get_by_label("Type the profile's name: A copy").fill("A copy")
    frame.get_by_role("button", name="Delete for good").click()
    expect(frame.get_by_role("heading", name="Profiles", exact=True, level=1)).to_be_focused()
    expect(frame.locator(".said")).to_contain_text("A copy")
    assert [str(one["name"]) for one in paired.overview()] == [NAME]
