"""Links between carried issues cross both ways; Tandem takes away its own alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.stack import APP_KEY, Stack, wait_until
from demo.walk import create_issue, keys_by_summary
from sandbox.process import SiteHandle
from tests.real.comments_scene import LONG, calls, rows
from tests.real.work_scene import LEFT, RIGHT, forget, made
from tests.stack_fixture import crosses, look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

STORY_LEFT, STORY_RIGHT = ("WEB", "Story"), ("PLAT", "Story")
READ = "POST /rest/api/3/issue/bulkfetch"
BLOCKS, RELATES, DUPLICATE = "Blocks", "Relates", "Duplicate"


@pytest.fixture(scope="module")
def carried(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """Two sites whose tasks are kept in step, with the links between them."""
    running.create_profile(
        running.connect(), left=LEFT, right=RIGHT, name="Tasks", items=[{"kind": "links"}]
    )
    yield running


@dataclass
class Ends:
    """Two pairs, and the links between their issues."""

    stack: Stack
    first: dict[str, str]
    second: dict[str, str]

    def site(self, side: str) -> SiteHandle:
        return self.stack.sandbox.acme if side == "left" else self.stack.sandbox.globex

    def link(self, side: str, kind: str = BLOCKS, *, back: bool = False) -> str:
        """A person links the first issue to the second, or back; the link's id."""
        source, target = self.first[side], self.second[side]
        tie(self.site(side), kind, *((target, source) if back else (source, target)))
        return next(one["id"] for one in reversed(links(self.site(side), source)))

    def drop(self, side: str, link: str) -> None:
        assert self.site(side).call("DELETE", f"issueLink/{link}").status_code == 204

    def links(self, side: str) -> list[dict[str, Any]]:
        return links(self.site(side), self.first[side])

    def says(self, side: str) -> list[str]:
        """What the first issue says of the second."""
        return sorted(words(one) for one in self.links(side))

    def has(self, side: str, *wanted: str) -> None:
        """Wait until a side says exactly this."""
        want = sorted(wanted)
        wait_until(f"{side} says {want}", lambda: self.says(side) == want, LONG)


def tie(site: SiteHandle, kind: str, source: str, target: str) -> None:
    """A person links two issues: the source "blocks" the target."""
    ends = {"inwardIssue": {"key": source}, "outwardIssue": {"key": target}}
    answer = site.call("POST", "issueLink", json={"type": {"name": kind}, **ends})
    assert answer.status_code == 201, answer.text


def links(site: SiteHandle, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.call("GET", f"issue/{key}?fields=issuelinks").json()[
        "fields"
    ]["issuelinks"]
    return found


def words(link: dict[str, Any]) -> str:
    return str(link["type"]["outward" if "outwardIssue" in link else "inward"])


@pytest.fixture
def ends(carried: Stack, request: pytest.FixtureRequest) -> Ends:
    return two(carried, request.node.name)


def two(stack: Stack, name: str) -> Ends:
    """Two new pairs."""
    found = [made(stack, f"{name} {number}") for number in (1, 2)]
    first, second = ({"left": one.left, "right": one.right} for one in found)
    return Ends(stack, first, second)


def test_links_cross_both_ways_with_their_direction_and_go_with_their_source(ends: Ends) -> None:
    first = ends.link("left")
    ends.has("right", "blocks")
    ends.link("left", DUPLICATE, back=True)
    ends.has("right", "blocks", "is duplicated by")
    back = ends.link("right", RELATES)
    ends.has("left", "blocks", "is duplicated by", "relates to")
    ends.drop("left", first)
    ends.has("right", "is duplicated by", "relates to")
    ends.drop("right", back)
    ends.has("left", "is duplicated by")
    ends.stack.settle()
    ends.has("right", "is duplicated by")


def test_a_link_takes_five_calls_in_all_and_its_echo_none(carried: Stack, ends: Ends) -> None:
    ends.link("left", DUPLICATE)  # our own account is asked for once
    ends.has("right", "duplicates")
    carried.settle()
    look_no_more(carried)
    before = calls(carried)
    crosses(
        carried,
        lambda: ends.link("left"),
        lambda: ends.has("right", "blocks", "duplicates"),
    )
    after = calls(carried)
    counted = {path: after[path] - before.get(path, 0) for path in after}
    assert {path: n for path, n in counted.items() if n} == {
        "POST /rest/api/3/issue/bulkfetch": 2,
        "POST /rest/api/3/issueLink": 1,
        "GET /rest/api/3/issue/{issueIdOrKey}": 1,
        "PUT /rest/api/3/issue/{issueIdOrKey}/properties/{propertyKey}": 1,
    }


@pytest.mark.parametrize("late", ["source", "target"])
def test_a_link_to_an_issue_without_a_twin_waits_and_is_made_once_there_is_one(
    carried: Stack, late: str
) -> None:
    acme, globex = carried.sandbox.acme, carried.sandbox.globex
    there = made(carried, f"There before its {late}")
    acme.webhooks(hold=True)  # nobody hears of the other one yet
    key = create_issue(acme, *LEFT, summary=f"Late {late}")
    tie(acme, BLOCKS, *((key, there.left) if late == "source" else (there.left, key)))
    # What people do on the right brings a visit of the pair, which finds the link.
    edit = {"fields": {"labels": ["seen"]}}
    assert globex.call("PUT", f"issue/{there.right}", json=edit).ok
    wait_until("the label crossed", lambda: labels(acme, there.left) == ["seen"], LONG)
    assert links(globex, there.right) == []
    acme.webhooks(hold=False)
    acme.release()
    said = "is blocked by" if late == "source" else "blocks"
    wait_until(
        "it is made", lambda: [words(one) for one in links(globex, there.right)] == [said], LONG
    )
    carried.settle()
    assert [words(one) for one in links(globex, there.right)] == [said]


@dataclass
class Chain:
    """Four issues A, B, C, D on the left, each linked to the next; B and D come late."""

    keys: list[str]
    late: tuple[int, ...]
    wanted: list[list[str]]
    """What each of them says of its neighbours."""

    @staticmethod
    def begun(stack: Stack, number: int, late: str, forward: str) -> Chain:
        """`forward`: of each link, whether it goes from left to right in the chain."""
        acme = stack.sandbox.acme
        names = [f"Chain {number} {letter}" for letter in "ABCD"]
        keys = [create_issue(acme, *LEFT, summary=name) for name in names]
        wanted: list[list[str]] = [[] for _ in keys]
        for at, way in enumerate(forward):
            ends = (at, at + 1) if way == ">" else (at + 1, at)
            tie(acme, BLOCKS, keys[ends[0]], keys[ends[1]])
            wanted[ends[0]].append("blocks")
            wanted[ends[1]].append("is blocked by")
        order = tuple("ABCD".index(letter) for letter in late)
        return Chain(keys, order, [sorted(one) for one in wanted])


def test_each_link_of_a_chain_is_made_once_in_whatever_order_its_ends_get_their_twins(
    carried: Stack,
) -> None:
    acme, globex = carried.sandbox.acme, carried.sandbox.globex
    carried.settle()
    acme.webhooks(drop=1.0)
    orders = ("ACBD", "ACDB", "DBCA", "BDAC", "CBAD", "ABCD")
    ways = (">>>", "<<<", "><>", "<><", ">><", "<>>")
    chains = [
        Chain.begun(carried, number, *one)
        for number, one in enumerate(zip(orders, ways, strict=True))
    ]
    acme.wait_idle()
    acme.webhooks(drop=0.0)
    for step in range(4):  # one issue of each chain after the other gets its twin
        for number, chain in enumerate(chains):
            at = chain.late[step]
            key, name = chain.keys[at], f"Chain {number} {'ABCD'[at]}"
            assert acme.call("PUT", f"issue/{key}", json={"fields": {"summary": name + "!"}}).ok
        carried.settle()
    twins = keys_by_summary(globex, "PLAT")
    for number, chain in enumerate(chains):
        for letter, wanted in zip("ABCD", chain.wanted, strict=True):
            [twin] = twins[f"Chain {number} {letter}!"]
            said = lambda twin=twin: sorted(words(one) for one in links(globex, twin))  # noqa: E731
            wait_until(f"{number}{letter} says {wanted}", lambda: said() == wanted, LONG)  # noqa: B023
    carried.settle()
    for number, chain in enumerate(chains):
        for key, letter, wanted in zip(chain.keys, "ABCD", chain.wanted, strict=True):
            [twin] = twins[f"Chain {number} {letter}!"]
            assert sorted(words(one) for one in links(globex, twin)) == wanted
            assert sorted(words(one) for one in links(acme, key)) == wanted


def test_a_link_to_an_issue_that_nothing_carries_stays_where_it_is(ends: Ends) -> None:
    acme = ends.stack.sandbox.acme
    outside = create_issue(acme, "WEB", "Bug", summary="Not carried")
    tie(acme, BLOCKS, ends.first["left"], outside)
    ends.link("left")
    ends.has("right", "blocks")
    ends.stack.settle()
    assert ends.says("right") == ["blocks"]
    assert not rows(ends.stack, "SELECT FROM parked_cause")


def test_the_same_link_of_people_on_both_sides_is_in_step_and_nobodys_to_take_away(
    ends: Ends,
) -> None:
    for site in ends.stack.sandbox.sites:
        site.webhooks(hold=True)
    mine = ends.link("left")
    theirs = ends.link("right")
    even = ends.link("left", RELATES)
    other = ends.link("right", RELATES, back=True)  # says the same of both issues
    for site in ends.stack.sandbox.sites:
        site.webhooks(hold=False)
        site.release()
    ends.stack.settle()
    assert [one["id"] for one in ends.links("left")] == [mine, even]
    assert [one["id"] for one in ends.links("right")] == [theirs, other]
    ends.drop("left", mine)
    ends.drop("right", other)
    ends.stack.settle()
    assert [one["id"] for one in ends.links("left")] == [even]
    assert [one["id"] for one in ends.links("right")] == [theirs]


def test_with_the_database_lost_the_notes_tell_which_links_are_ours(ends: Ends) -> None:
    stack = ends.stack
    kept, gone = ends.link("left"), ends.link("left", DUPLICATE)
    ends.has("right", "blocks", "duplicates")
    theirs = ends.link("right", RELATES)
    ends.has("left", "blocks", "duplicates", "relates to")
    forget(stack)
    ends.link("left", "Cloners")
    ends.has("right", "blocks", "clones", "duplicates", "relates to")
    stack.settle()
    ends.has("left", "blocks", "clones", "duplicates", "relates to")
    forget(stack)
    ends.drop("left", gone)
    ends.has("right", "blocks", "clones", "relates to")
    forget(stack)
    ends.drop("left", kept)
    ends.has("right", "clones", "relates to")
    stack.settle()
    assert theirs in [one["id"] for one in ends.links("right")]
    ends.has("left", "clones", "relates to")


def test_no_link_of_a_person_is_ever_taken_away_whatever_becomes_of_the_other_side(
    ends: Ends,
) -> None:
    stack = ends.stack
    ours = {"left": ends.link("left"), "right": ends.link("right", DUPLICATE)}
    for side in ("left", "right"):
        ends.has(side, "blocks", "duplicates")
    stack.settle()
    for side in ("left", "right"):  # people take away what Tandem made
        for one in ends.links(side):
            if one["id"] != ours[side]:
                ends.drop(side, one["id"])
    stack.settle()
    for side in ("left", "right"):
        assert [one["id"] for one in ends.links(side)] == [ours[side]]
    theirs = {"left": ends.link("left", DUPLICATE), "right": ends.link("right", BLOCKS)}
    stack.settle()  # people made them themselves now
    forget(stack)
    for side in ("left", "right"):
        ends.drop(side, ours[side])
    stack.settle()
    ends.link("left", RELATES)
    wait_until("it crossed", lambda: "relates to" in ends.says("right"), LONG)
    stack.settle()
    for side in ("left", "right"):
        assert theirs[side] in [one["id"] for one in ends.links(side)]


def test_a_link_that_people_made_anew_takes_the_place_of_the_one_that_went(ends: Ends) -> None:
    for site in ends.stack.sandbox.sites:
        site.webhooks(delayMs=50, jitterMs=0)
    first = ends.link("left")
    ends.has("right", "blocks")
    ends.stack.settle()
    ends.stack.sandbox.acme.webhooks(hold=True)
    ends.drop("left", first)
    second = ends.link("left")
    ends.stack.sandbox.acme.webhooks(hold=False)
    ends.stack.sandbox.acme.release()
    ends.stack.settle()
    ends.has("right", "blocks")
    ends.drop("left", second)
    ends.has("right")


def test_a_link_that_somebody_made_at_the_same_moment_is_his(ends: Ends) -> None:
    globex = ends.stack.sandbox.globex
    globex.faults({"method": "POST", "path": "/issueLink$", "app": APP_KEY, "kind": "hold"})
    mine = ends.link("left")
    wait_until("Tandem's call is held", lambda: globex.held() == 1, LONG)
    theirs = ends.link("right")
    globex.faults()
    globex.let_go()
    ends.stack.settle()
    assert [one["id"] for one in ends.links("right")] == [theirs]
    forget(ends.stack)
    ends.drop("left", mine)
    ends.stack.settle()
    assert [one["id"] for one in ends.links("right")] == [theirs]


def test_a_type_is_carried_as_the_table_says_and_one_that_is_missing_is_parked_alone(
    carried: Stack,
) -> None:
    ends = two(carried, "Types")
    types = {
        side: {
            one["name"]: one["id"]
            for one in ends.site(side).call("GET", "issueLinkType").json()["issueLinkTypes"]
        }
        for side in ("left", "right")
    }
    table = f"{types['left'][BLOCKS]}={types['right'][DUPLICATE]}"
    done = tandem(carried.environment, "profile", "carry", "Tasks", "links", "--type", table)
    assert done.returncode == 0, done.stderr
    ends.link("left")
    ends.has("right", "duplicates")
    carried.settle()  # all pairs are visited after that command, those of other tests too
    told = {"name": "Is near", "inward": "is near to", "outward": "is near to"}
    gone = ends.site("right").call("POST", "issueLinkType", json=told).json()["id"]
    broken = (f"{types['left'][kind]}={gone}" for kind in (RELATES, DUPLICATE))
    options = ("--type", table, *(word for row in broken for word in ("--type", row)))
    done = tandem(carried.environment, "profile", "carry", "Tasks", "links", *options)
    assert done.returncode == 0, done.stderr
    assert ends.site("right").call("DELETE", f"issueLinkType/{gone}").status_code == 204
    refused = {ends.link("left", RELATES), ends.link("left", DUPLICATE, back=True)}
    ends.link("left", "Cloners")
    ends.has("right", "clones", "duplicates")
    query = "SELECT field, field_key FROM parked_cause"
    wait_until("both are parked", lambda: len(rows(carried, query)) == 2, LONG)
    assert set(rows(carried, query)) == {("issuelinks", f"links.{one}") for one in refused}
    carried.settle()
    before = calls(carried)
    ends.link("left", "Blocks", back=True)
    ends.has("right", "clones", "duplicates", "is duplicated by")
    carried.settle()  # the two pairs do not wake each other for what is refused
    assert calls(carried)[READ] <= before[READ] + 8
    done = tandem(carried.environment, "profile", "carry", "Tasks", "links", "--type", "")
    assert done.returncode == 0, done.stderr
    carried.settle()  # what a worker had in hand was refused by the table of before
    done = tandem(carried.environment, "parked", "retry", "Tasks")
    assert done.returncode == 0, done.stderr
    ends.has("right", "clones", "duplicates", "is duplicated by", "relates to")
    wait_until("nothing is parked", lambda: not rows(carried, query), LONG)
    assert "duplicates" in ends.says("right")


def test_a_link_between_issues_of_two_profiles_is_carried_once(carried: Stack) -> None:
    acme, globex = carried.sandbox.acme, carried.sandbox.globex
    # The second one has the sides the other way round.
    connection = rows(carried, "SELECT id FROM connection")[0][0]
    carried.create_profile(
        str(connection),
        left=STORY_RIGHT,
        right=STORY_LEFT,
        name="Stories",
        sites=(globex, acme),
        items=[{"kind": "links"}],
    )
    task = made(carried, "The task of a story")
    story = create_issue(acme, *STORY_LEFT, summary="The story of a task")
    twin: list[str] = []

    def is_there() -> bool:
        query = "SELECT left_key FROM issue_link WHERE right_key = %s AND left_key IS NOT NULL"
        twin[:] = [one for (one,) in rows(carried, query, story)]
        return bool(twin)

    wait_until("the story has its twin", is_there, LONG)
    tie(acme, BLOCKS, story, task.left)
    wait_until(
        "it crossed",
        lambda: [words(o) for o in links(globex, task.right)] == ["is blocked by"],
        LONG,
    )
    tie(globex, RELATES, task.right, twin[0])
    wait_until("it crossed", lambda: len(links(acme, story)) == 2, LONG)
    carried.settle()
    assert len(links(acme, story)) == len(links(globex, twin[0])) == 2
    for one in links(acme, story):
        if words(one) == "blocks":
            acme.call("DELETE", f"issueLink/{one['id']}")
    wait_until("it went", lambda: len(links(globex, task.right)) == 1, LONG)


def labels(site: SiteHandle, key: str) -> list[str]:
    found: list[str] = site.call("GET", f"issue/{key}?fields=labels").json()["fields"]["labels"]
    return found


def test_a_note_that_somebody_forged_takes_away_no_link_of_a_person(ends: Ends) -> None:
    right = ends.site("right")
    ours = ends.link("left")
    ends.has("right", "blocks")
    ends.stack.settle()  # the link is noted on its issue after it was made
    for site in ends.stack.sandbox.sites:
        site.webhooks(hold=True)
    mine, theirs = ends.link("left", RELATES), ends.link("right", RELATES)
    path = f"issue/{ends.first['right']}/properties/tandem-links"
    notes = right.call("GET", path).json()["value"]
    [held] = [one for one in notes["profiles"].values() if one["links"]]
    [(source, root)] = held["links"].values()
    assert source == ours
    held["links"][theirs] = [mine, root[::-1]]
    assert right.call("PUT", path, json=notes).status_code in {200, 201}
    rows(ends.stack, "DELETE FROM item_link RETURNING id")
    for site in ends.stack.sandbox.sites:
        site.webhooks(hold=False)
        site.release()
    ends.stack.settle()
    written = "SELECT coalesce(sum(written), 0) FROM activity"
    before = rows(ends.stack, written)
    ends.drop("left", mine)
    ends.stack.settle()
    assert theirs in [one["id"] for one in ends.links("right")]
    # And nothing says that it was taken away.
    assert rows(ends.stack, written) == before
    gone = "SELECT source_gone, twin_gone FROM item_link WHERE left_item = %s"
    assert rows(ends.stack, gone, mine) == [(True, None)]
    deleted = (
        "SELECT count(*) FROM item_written w JOIN item_link i ON i.id = w.item_id"
        " WHERE w.did = 'deleted' AND i.left_item = %s"
    )
    assert rows(ends.stack, deleted, mine) == [(0,)]
    ends.drop("left", ours)
    wait_until("ours went", lambda: ends.says("right") == ["relates to"], LONG)
