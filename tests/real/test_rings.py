"""Profiles in a ring make one issue of a kind on each site, keep all in step, and come to rest."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.stack import APP_KEY, Stack, StackError, calls_of, stack, wait_until, writes_of
from demo.walk import create_issue, edit_issue, keys_by_summary, mapped, paragraph
from sandbox.process import SiteHandle

pytestmark = pytest.mark.real

SECONDS = 120
Scope = tuple[str, str]


@pytest.fixture(scope="module")
def three() -> Iterator[Stack]:
    """Sandbox with three sites, each paired with the two others, and Tandem with two workers."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, workers=2, sites=3, delivery_delay=20) as whole:
            yield whole
            assert whole.sandbox.broken_answers() == []


def profiles_between(whole: Stack, kind: str, *hops: tuple[SiteHandle, str]) -> list[str]:
    """A profile from each of these projects to the next one."""
    made = []
    for (site, project), (onward, target) in pairwise(hops):
        connection = whole.connect(site, onward)
        made.append(
            whole.create_profile(
                connection,
                left=(project, kind),
                right=(target, kind),
                name=f"{project} to {target}, {kind}",
                sites=(site, onward),
            )
        )
    return made


@pytest.fixture(scope="module")
def ring(three: Stack) -> Stack:
    """Tasks from WEB to PLAT, from PLAT to CORE, and from CORE to WEB."""
    acme, globex, initech = three.sandbox.sites
    places = (acme, "WEB"), (globex, "PLAT"), (initech, "CORE"), (acme, "WEB")
    profiles_between(three, "Task", *places)
    return three


def places_of(whole: Stack) -> list[tuple[SiteHandle, str]]:
    return list(zip(whole.sandbox.sites, ("WEB", "PLAT", "CORE"), strict=True))


def rows(whole: Stack, query: str, *values: object) -> list[Any]:
    """What the database says, as its owner."""
    address = whole.database
    with psycopg.connect(address) as owner:
        found = owner.execute(query, values)
        return found.fetchall() if found.description else []


def settle(whole: Stack) -> None:
    """Wait until no webhook is under way, no change is left, and no call was made meanwhile."""

    def quiet() -> bool:
        before = calls(whole)
        waits = rows(whole, "SELECT count(*) FROM change WHERE NOT parked") != [(0,)]
        busy = any(site.control("GET", "webhooks/idle")["pending"] for site in whole.sandbox.sites)
        return not waits and not busy and before == calls(whole)

    # Twice: a delivery that ends between two looks leaves a change behind.
    wait_until("all is quiet", lambda: quiet() and quiet(), SECONDS)


def calls(whole: Stack) -> Counter[str]:
    """Tandem's calls to any of the sites."""
    return calls_of(*whole.sandbox.sites)


def writes(whole: Stack) -> int:
    """How often Tandem has written to any of the sites."""
    return writes_of(*whole.sandbox.sites)


def rests(whole: Stack) -> bool:
    """Whether looking at every issue of every link once more leads to no write."""
    settle(whole)
    before = writes(whole)
    for side in ("left", "right"):
        rows(
            whole,
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
            f" SELECT profile_id, '{side}', {side}_issue_id, left_tenant_id, right_tenant_id, lane"
            f" FROM issue_link WHERE {side}_issue_id IS NOT NULL ON CONFLICT DO NOTHING",
        )
    settle(whole)  # the sweep rings the bells
    return writes(whole) == before


def the_one(site: SiteHandle, project: str, summary: str) -> str:
    """The key of the issue of this summary, once it is there; there is no second."""
    wait_until(
        f"'{summary}' is in {project}",
        lambda: keys_by_summary(site, project).get(summary),
        SECONDS,
    )
    found = keys_by_summary(site, project)[summary]
    assert len(found) == 1, f"{summary} is {found} in {project}"
    return found[0]


def create_marked(site: SiteHandle, project: str, summary: str, mark: dict[str, str]) -> None:
    """Make a task that bears a mark of Tandem, as a clone with its properties does."""
    fields = {"project": {"key": project}, "issuetype": {"name": "Task"}, "summary": summary}
    body = {"fields": fields, "properties": [{"key": "tandem", "value": mark}]}
    assert site.call("POST", "issue", json=body).status_code == 201


def links_of(whole: Stack, keys: list[str]) -> list[tuple[str, str]]:
    """The pairs that any of these keys is in."""
    return rows(
        whole,
        "SELECT left_key, right_key FROM issue_link"
        " WHERE left_key = ANY(%s) OR right_key = ANY(%s) ORDER BY 1, 2",
        keys,
        keys,
    )


def whole_ring(
    whole: Stack, places: list[tuple[SiteHandle, str]], summary: str, links: int | None = None
) -> list[str]:
    """The keys of the issues of this summary, one in each place, once their links are there."""
    keys = [the_one(*place, summary) for place in places]
    wanted = len(places) if links is None else links
    wait_until(
        f"'{summary}' has {wanted} links", lambda: len(links_of(whole, keys)) == wanted, SECONDS
    )
    settle(whole)
    assert [the_one(*place, summary) for place in places] == keys
    assert len(links_of(whole, keys)) == wanted
    return keys


def agree(places: list[tuple[SiteHandle, str]], keys: list[str]) -> bool:
    """Whether all of these issues hold the same."""
    first, *others = [mapped(site, key) for (site, _), key in zip(places, keys, strict=True)]
    return all(one == first for one in others)


def edit_at_once(places: list[tuple[SiteHandle, str]], keys: list[str], words: str) -> None:
    """Give each of these issues a summary and a label of its own, all at the same moment."""

    def edit(one: tuple[tuple[SiteHandle, str], str]) -> None:
        (site, _), key = one
        edit_issue(site, key, summary=f"{words} of {key}", labels=[key])

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(edit, zip(places, keys, strict=True)))


def all_hold(places: list[tuple[SiteHandle, str]], keys: list[str], **wanted: Any) -> None:
    """Wait until each of these issues holds these values."""
    for (site, _), key in zip(places, keys, strict=True):
        wait_until(
            f"{key} holds {wanted}",
            lambda site=site, key=key: mapped(site, key) | wanted == mapped(site, key),  # type: ignore[misc]
            SECONDS,
        )


def test_a_fresh_issue_of_a_ring_becomes_one_on_each_site_and_three_links(ring: Stack) -> None:
    places = places_of(ring)
    for site, project in places:
        create_issue(
            site,
            project,
            "Task",
            summary=f"Fresh in {project}",
            description=paragraph("As it began."),
        )
    for _, project in places:
        keys = whole_ring(ring, places, f"Fresh in {project}")
        web, plat, core = keys
        assert links_of(ring, keys) == sorted([(web, plat), (plat, core), (core, web)])
        for number, (where, _) in enumerate(places):
            wanted = {"labels": [f"from-{number}"], "duedate": f"2027-01-0{number + 1}"}
            edit_issue(where, keys[number], **wanted)
            all_hold(places, keys, **wanted)
            settle(ring)  # what is written twice must not meet the next edit
    assert rests(ring)
    for _, project in places:
        keys = whole_ring(ring, places, f"Fresh in {project}")
        assert agree(places, keys)


def test_many_fresh_issues_on_all_sites_at_once_are_none_too_many(ring: Stack) -> None:
    places = places_of(ring)
    wanted = [(site, project, f"Many {project} {n}") for site, project in places for n in range(5)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: create_issue(one[0], one[1], "Task", summary=one[2]), wanted))
    for _, _, summary in wanted:
        for place in places:
            the_one(*place, summary)
    settle(ring)
    found = [keys_by_summary(*place) for place in places]
    for _, _, summary in wanted:
        keys = [key for one in found for key in one[summary]]
        assert len(keys) == 3, f"{summary} is {keys}"
        assert len(links_of(ring, keys)) == 3, summary
        assert agree(places, keys)


def test_edits_at_the_same_moment_on_all_three_come_to_rest_and_agree(ring: Stack) -> None:
    places = places_of(ring)
    create_issue(places[0][0], "WEB", "Task", summary="All at once")
    keys = whole_ring(ring, places, "All at once")
    for turn in range(3):
        edit_at_once(places, keys, f"Turn {turn}")
        settle(ring)
        assert agree(places, keys)
        assert mapped(places[0][0], keys[0])["summary"] in {f"Turn {turn} of {k}" for k in keys}
    assert rests(ring)
    assert agree(places, keys)


def test_a_create_whose_answer_was_lost_is_not_made_again_by_another_profile(ring: Stack) -> None:
    places = places_of(ring)
    # The twins are made, and whoever made them does not hear of it: their webhooks come first.
    lost = {"kind": "commit-then-500", "method": "POST", "path": "/issue$", "app": APP_KEY}
    for site, _ in places:
        site.faults(lost | {"times": 1})
    create_issue(places[0][0], "WEB", "Task", summary="Nobody heard")
    whole_ring(ring, places, "Nobody heard")
    for site, _ in places:
        site.faults()


def test_a_clone_that_carries_the_mark_of_another_issue_gets_a_set_of_its_own(ring: Stack) -> None:
    places = places_of(ring)
    create_issue(places[0][0], "WEB", "Task", summary="To be cloned")
    keys = whole_ring(ring, places, "To be cloned")
    globex = places[1][0]
    mark = globex.call("GET", f"issue/{keys[1]}/properties/tandem").json()["value"]
    create_marked(globex, "PLAT", "CLONE - To be cloned", mark)
    clones = whole_ring(ring, places, "CLONE - To be cloned")
    assert not set(clones) & set(keys)
    assert whole_ring(ring, places, "To be cloned") == keys


def test_a_mark_of_a_profile_that_is_gone_holds_nothing_up(ring: Stack) -> None:
    places = places_of(ring)
    gone = {"profile": "00000000-0000-4000-8000-000000000000", "source": "1", "side": "right"}
    create_marked(places[2][0], "CORE", "Of a deleted profile", gone)
    whole_ring(ring, places, "Of a deleted profile")


def test_a_profile_that_closes_a_chain_links_what_the_chain_had_made(three: Stack) -> None:
    acme, globex, initech = three.sandbox.sites
    places = [(acme, "SUP"), (globex, "OPS"), (initech, "DESK")]
    profiles_between(three, "Epic", *places)
    create_issue(acme, "SUP", "Epic", summary="Before the ring")
    keys = whole_ring(three, places, "Before the ring", links=2)
    profiles_between(three, "Epic", places[2], places[0])
    edit_issue(initech, keys[2], labels=["closes"])
    all_hold(places, keys, labels=["closes"])
    assert whole_ring(three, places, "Before the ring") == keys


def test_a_second_profile_between_the_same_scopes_is_refused_from_either_side(ring: Stack) -> None:
    acme, globex, _ = ring.sandbox.sites
    with pytest.raises(StackError, match="profile-exists"):
        profiles_between(ring, "Task", (acme, "WEB"), (globex, "PLAT"))
    with pytest.raises(StackError, match="profile-exists"):
        profiles_between(ring, "Task", (globex, "PLAT"), (acme, "WEB"))


@pytest.mark.parametrize("kind", ["Bug", "Epic"])
def test_two_profiles_between_the_same_scopes_make_one_twin(three: Stack, kind: str) -> None:
    """They can't be saved; those that are there all the same share what they make."""
    acme, globex, _ = three.sandbox.sites
    ends = [(acme, "WEB"), (globex, "PLAT")]
    [first] = profiles_between(three, kind, *ends)
    hidden = "UPDATE profile SET left_type_id = left_type_id + %s WHERE id = %s"
    rows(three, hidden, 1_000_000, first)
    # A second one from the same side, and one from the other side.
    profiles_between(three, kind, *(reversed(ends) if kind == "Epic" else ends))
    rows(three, hidden, -1_000_000, first)
    for site, project in ends:
        create_issue(site, project, kind, summary=f"{kind} from {project}")
    for _, project in ends:
        keys = whole_ring(three, ends, f"{kind} from {project}")
        edit_issue(acme, keys[0], labels=["acme"])
        all_hold(ends, keys, labels=["acme"])
        settle(three)
        edit_issue(globex, keys[1], labels=["globex"])
        all_hold(ends, keys, labels=["globex"])
        settle(three)
        edit_at_once(ends, keys, "Both")
        settle(three)
        assert agree(ends, keys)


def test_a_ring_over_four_projects_of_two_sites_closes(three: Stack) -> None:
    acme, globex, _ = three.sandbox.sites
    places = [(acme, "WEB"), (globex, "PLAT"), (acme, "SUP"), (globex, "OPS")]
    profiles_between(three, "Story", *places, places[0])
    create_issue(globex, "OPS", "Story", summary="Round about")
    keys = whole_ring(three, places, "Round about")
    edit_issue(acme, keys[2], summary="Round about, renamed")
    all_hold(places, keys, summary="Round about, renamed")


def test_a_chain_into_another_project_makes_a_twin_there_and_one_in_each_of_its_ring(
    ring: Stack,
) -> None:
    acme, globex, initech = ring.sandbox.sites
    chain = [(acme, "SUP"), (globex, "OPS"), (initech, "DESK")]
    profiles_between(ring, "Task", *chain, (acme, "WEB"))
    create_issue(acme, "SUP", "Task", summary="Down the chain")
    places = [*chain, *places_of(ring)]
    keys = whole_ring(ring, places, "Down the chain")
    edit_issue(acme, keys[0], priority={"name": "High"})
    all_hold(places, keys, priority="High")
    settle(ring)
    edit_issue(initech, keys[5], priority={"name": "Low"})
    all_hold(places, keys, priority="Low")


def test_all_that_these_tests_made_is_at_rest(three: Stack) -> None:
    assert rests(three)
