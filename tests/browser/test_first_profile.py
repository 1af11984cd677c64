"""The whole first profile as a new admin makes it, by hand alone: from two sites that have nothing
but Tandem to a change that arrived. It prints what it took of clicks, keys and time:
`.venv/bin/python -m pytest -s -q tests/browser/test_first_profile.py`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from demo.stack import Stack, wait_until
from sandbox.process import SiteHandle
from tests.browser.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.real]

# The keystroke-level model of Card, Moran and Newell, in seconds: a key of an average typist, a
# move of the mouse to a target, a press of its button with its release, a hand that goes from the
# mouse to the keys or back, and the thought before each thing that is done.
KEY, POINT, PRESS, HOME, THINK = 0.28, 1.1, 0.2, 0.4, 1.35
BUG = "Checkout shows the wrong tax for orders to Norway"


@dataclass
class Hands:
    """What a person does with mouse and keys, done and counted."""

    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def click(self, target: Locator) -> None:
        """Press something."""
        target.click()
        self._clicked(THINK)

    def choose(self, target: Locator, label: str) -> None:
        """Open a list and press one of its choices, once it has it."""
        option = target.locator("option").get_by_text(label, exact=True)
        option.first.wait_for(state="attached")
        target.select_option(label=label)
        self._clicked(THINK)
        self._clicked(0)

    def type(self, target: Locator, words: str) -> None:
        """Press a field and type at its end."""
        target.click()
        self._clicked(THINK)
        target.press("End")
        target.press_sequentially(words)
        self._typed(1 + len(words))

    def paste(self, target: Locator, words: str) -> None:
        """Press a field and paste into it, by two keys."""
        target.click()
        self._clicked(THINK)
        target.fill(words)
        self._typed(2)

    def _clicked(self, thought: float) -> None:
        self.clicks += 1
        self.seconds += thought + POINT + PRESS

    def _typed(self, keys: int) -> None:
        self.keys += keys
        self.seconds += 2 * HOME + keys * KEY

    def told(self) -> str:
        """One line of figures."""
        took = time.monotonic() - self.began
        return (
            f"{self.clicks} clicks and {self.keys} keys: {self.seconds:.0f} s of a person by the "
            f"keystroke-level model; {took:.0f} s of this machine, with the waits."
        )


def step(frame: FrameLocator, name: str) -> None:
    """The editor shows a step."""
    now = frame.get_by_role("list", name="Steps").locator("[aria-current='step']")
    expect(now).to_contain_text(name)


def button(frame: FrameLocator, name: str | re.Pattern[str]) -> Locator:
    """A button by its words."""
    return frame.get_by_role("button", name=name, exact=isinstance(name, str))


def test_a_new_admin_makes_the_first_profile_and_sees_a_change_arrive(
    running: Stack, open_page: OpenPage
) -> None:
    acme, globex = running.sandbox.acme, running.sandbox.globex
    own_page, frame = open_page(acme)
    _, theirs = open_page(globex)
    for one in (frame, theirs):
        expect(one.get_by_text("Nothing is kept in step yet.")).to_be_visible()
    hands = Hands()
    make(hands, frame, theirs)
    arrives(hands, running, open_page)
    print(f"\n{hands.told()}")
    own_page.bring_to_front()
    expect(frame.get_by_text(re.compile("was created for WEB-1")).first).to_be_visible()


def make(hands: Hands, frame: FrameLocator, theirs: FrameLocator) -> None:
    """All of it in Tandem's page, until the profile is on."""
    pair(hands, frame, theirs)
    projects(hands, frame)
    fields(hands, frame)
    values(hands, frame)
    review(hands, frame)
    # The partner's admin reads in his own Jira what would leave it, and approves.
    hands.click(button(theirs, re.compile("^Review ?:")))
    card = theirs.locator("form", has=theirs.get_by_role("button", name="Approve"))
    expect(card).to_contain_text("will be readable at")
    expect(card).to_contain_text("Globex Ops")
    expect(card).to_contain_text("Impact")
    hands.click(card.get_by_role("button", name="Approve"))
    row = frame.get_by_role("row").filter(has=frame.get_by_role("rowheader"))
    expect(row.get_by_text("On", exact=True)).to_be_visible()


def pair(hands: Hands, frame: FrameLocator, theirs: FrameLocator) -> None:
    """A code made on the one site, entered on the other."""
    hands.click(button(theirs, "Make a pairing code"))
    code = theirs.get_by_text(re.compile(r"^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$"))
    expect(code).to_be_visible()
    hands.paste(frame.get_by_role("textbox", name="Pairing code"), code.inner_text())
    hands.click(button(frame, "Pair"))
    hands.click(button(frame, re.compile("^Make a profile with ")))


def projects(hands: Hands, frame: FrameLocator) -> None:
    """The partner is chosen already; projects and types of both sides."""
    step(frame, "Projects and types")
    hands.click(button(frame, "Back: Partner"))
    step(frame, "Partner")
    expect(frame.get_by_role("radio")).to_be_checked()
    hands.click(button(frame, "Next: Projects and types"))
    hands.choose(frame.get_by_label("Your project"), "ACME Web (WEB)")
    hands.choose(frame.get_by_label("Your issue type"), "Bug")
    hands.choose(frame.get_by_label("Its project"), "Globex Ops (OPS)")
    hands.choose(frame.get_by_label("Its issue type"), "Bug")
    expect(frame.get_by_text(re.compile("matche?s? now"))).to_be_visible()
    expect(frame.get_by_label("Name of the profile")).to_have_value("ACME Web ↔ Globex Ops")
    hands.click(button(frame, "Next: Fields"))


def fields(hands: Hands, frame: FrameLocator) -> None:
    """What Globex requires gets a constant; what is suggested is accepted by one press."""
    step(frame, "Fields")
    red = frame.get_by_role("region", name="A required field that nothing fills")
    expect(red).to_contain_text("Impact")
    hands.click(red.get_by_role("button", name="Give a constant"))
    hands.choose(red.get_by_label("Each twin is made with this value"), "Significant")
    hands.click(red.get_by_role("button", name="Give it"))
    expect(red).to_have_count(0)
    expect(frame.get_by_text("Constant", exact=True)).to_be_visible()
    accept = button(frame, re.compile("^Accept all"))
    hands.click(accept)
    expect(accept).to_have_count(0)
    hands.click(button(frame, "Next: Values and people"))


def values(hands: Hands, frame: FrameLocator) -> None:
    """Values pair by their names; a person is paired by hand."""
    step(frame, "Values")
    status = frame.get_by_role("region", name="Status")
    expect(status).to_contain_text("Every value of your site has a counterpart")
    people = frame.get_by_role("region", name="People")
    pairing = people.locator("form", has=frame.get_by_role("button", name="They are the same"))
    for number, site in enumerate(("Acme", "Globex")):
        find = pairing.get_by_label(re.compile("^Find a person of")).nth(number)
        hands.type(find, "Admin")
        hands.choose(pairing.get_by_label("Person", exact=True).nth(number), f"{site} Admin")
    hands.click(button(frame, "They are the same person"))
    expect(people.get_by_role("row", name=re.compile("Acme Admin.*Globex Admin"))).to_be_visible()
    hands.click(button(frame, "Next: Review"))


def review(hands: Hands, frame: FrameLocator) -> None:
    """Sentences, what would become of one issue, and on."""
    step(frame, "Review")
    expect(frame.get_by_text(re.compile("^When a Bug in ACME Web changes its "))).to_be_visible()
    expect(frame.get_by_text("What becomes readable at").first).to_be_visible()
    hands.type(frame.get_by_label(re.compile("^Issues of your site")), "WEB-1")
    hands.click(button(frame, "Show what would happen"))
    expect(frame.get_by_text("WEB-1 would get a twin on the other side.")).to_be_visible()
    cells = frame.get_by_role("row", name=re.compile("^Summary")).get_by_role("cell")
    expect(cells.last).to_have_text(BUG)
    expect(frame.get_by_role("row", name=re.compile("^Impact"))).to_contain_text("Significant")
    hands.click(button(frame, "Switch on"))
    expect(frame.get_by_text("Proposed", exact=True)).to_be_visible()


def arrives(hands: Hands, running: Stack, open_page: OpenPage) -> None:
    """The issue is edited in Acme's Jira, and seen in Globex's."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    page, _ = open_page(acme)
    page.goto(f"{acme.url}/browse/WEB-1")
    title = page.get_by_role("textbox", name="Summary")
    expect(title).to_have_value(BUG)
    hands.type(title, " and Sweden")
    page.keyboard.press("Enter")
    hands.keys += 1
    found: list[str] = []
    wait_until("the twin is there", lambda: found or found.extend(twins(globex)))
    other, _ = open_page(globex)
    other.goto(f"{globex.url}/?project=OPS")
    expect(other.get_by_label(f"summary of {found[0]}")).to_have_value(f"{BUG} and Sweden")
    expect(other.get_by_label(f"priority of {found[0]}").locator(":checked")).to_have_text("High")
    expect(other.locator(f"[data-key='{found[0]}']")).to_contain_text("In Progress")
    given = globex.call("GET", f"issue/{found[0]}", params={"fields": "customfield_10125"}).json()
    assert given["fields"]["customfield_10125"]["value"] == "Significant"


def twins(globex: SiteHandle) -> list[str]:
    """The keys of the issues that were made of the one that was edited."""
    asked = {"jql": 'project = OPS AND summary ~ "Sweden"', "fields": ["summary"]}
    found = globex.call("POST", "search/jql", json=asked).json()["issues"]
    return [str(one["key"]) for one in found]
