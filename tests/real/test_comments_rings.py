"""Comments along a chain of profiles, and around a ring of them: each once on every site."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.stack import Stack, StackError, wait_until
from demo.walk import create_issue
from sandbox.process import SiteHandle
from tests.real.comments_scene import LONG, Sides, carry, said
from tests.real.test_rings import (
    places_of,
    profiles_between,
    rests,
    rows,
    settle,
    three,  # noqa: F401  a fixture
    whole_ring,
)

pytestmark = pytest.mark.real

Issues = list[tuple[SiteHandle, str]]


@pytest.fixture(scope="module")
def ring(three: Stack) -> Stack:  # noqa: F811
    """Tasks from WEB to PLAT, from PLAT to CORE, and from CORE to WEB, with their comments."""
    acme, globex, initech = three.sandbox.sites
    places = (acme, "WEB"), (globex, "PLAT"), (initech, "CORE"), (acme, "WEB")
    for profile in profiles_between(three, "Task", *places):
        carry(three, profile, "--prefix", "{author}:")
    return three


def issues_of(ring: Stack, summary: str) -> Issues:
    """A new issue, and its one twin on each of the other sites."""
    places = places_of(ring)
    create_issue(places[0][0], "WEB", "Task", summary=summary)
    keys = whole_ring(ring, places, summary)
    return [(site, key) for (site, _), key in zip(places, keys, strict=True)]


def texts(site: SiteHandle, key: str) -> list[str]:
    found = site.call("GET", f"issue/{key}/comment", params={"maxResults": 5000}).json()
    return [said(one) for one in found["comments"]]


def say(stack: Stack, site: SiteHandle, key: str, text: str) -> str:
    return Sides(stack, key, key).say_at(site, text)


def all_say(issues: Issues, *wanted: str) -> None:
    """Wait until each issue has exactly these comments, whoever made them, in any order."""

    def agree() -> bool:
        return all(
            sorted(text.rpartition("\n")[2] for text in texts(*one)) == sorted(wanted)
            for one in issues
        )

    try:
        wait_until("all say the same", agree, LONG)
    except StackError:
        have = {key: sorted(texts(site, key)) for site, key in issues}
        raise AssertionError(f"{sorted(wanted)} is wanted of all, and there is {have}") from None


def test_a_comment_goes_round_a_ring_once_and_its_edits_and_its_end_follow(ring: Stack) -> None:
    issues = issues_of(ring, "Round")
    first = say(ring, *issues[0], "From the first")
    all_say(issues, "From the first")
    say(ring, *issues[1], "From the second")
    all_say(issues, "From the first", "From the second")
    settle(ring)
    all_say(issues, "From the first", "From the second")
    site, key = issues[0]
    Sides(ring, key, key).edit_at(site, first, "Edited")
    all_say(issues, "Edited", "From the second")
    settle(ring)
    # Who said it is said once, however far it came.
    assert "Acme Admin:\nEdited" in texts(*issues[2])
    assert site.call("DELETE", f"issue/{key}/comment/{first}").status_code == 204
    all_say(issues, "From the second")
    assert rests(ring)
    all_say(issues, "From the second")


def test_comments_on_all_sites_at_one_moment_are_none_too_many(ring: Stack) -> None:
    issues = issues_of(ring, "At once")
    # No key of an issue: those of twins are rewritten from site to site.
    wanted = [(one, f"Site {i} says {n}") for i, one in enumerate(issues) for n in range(4)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda what: say(ring, *what[0], what[1]), wanted))
    all_say(issues, *[text for _, text in wanted])
    settle(ring)
    all_say(issues, *[text for _, text in wanted])


def test_with_all_rows_lost_a_ring_finds_what_is_there_and_makes_nothing_twice(
    ring: Stack,
) -> None:
    issues = issues_of(ring, "Lost")
    say(ring, *issues[2], "Before")
    all_say(issues, "Before")
    settle(ring)
    rows(ring, "DELETE FROM item_link")
    say(ring, *issues[0], "After")
    all_say(issues, "Before", "After")
    assert rests(ring)
    all_say(issues, "Before", "After")


def test_a_chain_hands_a_comment_on_from_profile_to_profile(three: Stack) -> None:  # noqa: F811
    acme, globex, initech = three.sandbox.sites
    places = [(acme, "SUP"), (globex, "OPS"), (initech, "DESK")]
    for profile in profiles_between(three, "Story", *places):
        carry(three, profile, "--prefix", "{author}:")
    create_issue(globex, "OPS", "Story", summary="Chained")
    keys = whole_ring(three, places, "Chained", links=2)
    issues = [(site, key) for (site, _), key in zip(places, keys, strict=True)]
    for number, one in enumerate(issues):
        say(three, *one, f"Number {number}")
    all_say(issues, "Number 0", "Number 1", "Number 2")
    settle(three)
    all_say(issues, "Number 0", "Number 1", "Number 2")
    assert "Acme Admin:\nNumber 0" in texts(*issues[2])
