"""Work and links along a ring of profiles: each once on every site."""

from __future__ import annotations

import pytest

from demo.stack import Stack, wait_until
from demo.walk import create_issue
from sandbox.process import SiteHandle
from tests.real.comments_scene import LONG
from tests.real.test_links import links, tie, words
from tests.real.test_rings import (
    places_of,
    profiles_between,
    settle,
    three,  # noqa: F401  a fixture
    whole_ring,
)
from tests.real.work_scene import carry

pytestmark = pytest.mark.real

Issues = list[tuple[SiteHandle, str]]


@pytest.fixture(scope="module")
def ring(three: Stack) -> Stack:  # noqa: F811
    """Tasks from WEB to PLAT, from PLAT to CORE, and from CORE to WEB, with work and links."""
    acme, globex, initech = three.sandbox.sites
    places = (acme, "WEB"), (globex, "PLAT"), (initech, "CORE"), (acme, "WEB")
    for profile in profiles_between(three, "Task", *places):
        carry(three, profile, "worklogs", "--prefix", "")
        carry(three, profile, "links")
    return three


def issues_of(ring: Stack, summary: str) -> Issues:
    """A new issue, and its one twin on each of the other sites."""
    places = places_of(ring)
    create_issue(places[0][0], "WEB", "Task", summary=summary)
    keys = whole_ring(ring, places, summary)
    return [(site, key) for (site, _), key in zip(places, keys, strict=True)]


def said(one: tuple[SiteHandle, str]) -> list[str]:
    site, key = one
    return sorted(words(link) for link in links(site, key))


def minutes(one: tuple[SiteHandle, str]) -> list[int]:
    site, key = one
    found = site.call("GET", f"issue/{key}/worklog").json()["worklogs"]
    return sorted(worklog["timeSpentSeconds"] // 60 for worklog in found)


def test_a_link_goes_round_a_ring_once_and_its_end_follows(ring: Stack) -> None:
    firsts, seconds = issues_of(ring, "First"), issues_of(ring, "Second")
    tie(firsts[0][0], "Blocks", firsts[0][1], seconds[0][1])
    wait_until("all block", lambda: all(said(one) == ["blocks"] for one in firsts), LONG)
    tie(firsts[1][0], "Duplicate", seconds[1][1], firsts[1][1])
    want = ["blocks", "is duplicated by"]
    wait_until("all say both", lambda: all(said(one) == want for one in firsts), LONG)
    settle(ring)
    assert [said(one) for one in firsts] == [want] * 3
    site, key = firsts[0]
    [mine] = [one["id"] for one in links(site, key) if words(one) == "blocks"]
    assert site.call("DELETE", f"issueLink/{mine}").status_code == 204
    left = ["is duplicated by"]
    wait_until("it went", lambda: all(said(one) == left for one in firsts), LONG)
    settle(ring)
    assert [said(one) for one in firsts] == [left] * 3


def test_work_goes_round_a_ring_once_and_the_time_spent_is_the_same_everywhere(
    ring: Stack,
) -> None:
    issues = issues_of(ring, "Worked")
    for number, (site, key) in enumerate(issues):
        asked = {"timeSpentSeconds": (number + 1) * 600}
        assert site.call("POST", f"issue/{key}/worklog", json=asked).status_code == 201
    want = [10, 20, 30]
    wait_until("all have all", lambda: all(minutes(one) == want for one in issues), LONG)
    settle(ring)
    assert [minutes(one) for one in issues] == [want] * 3
