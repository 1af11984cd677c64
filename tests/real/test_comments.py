"""Comments cross both ways; Tandem edits and deletes its own alone."""

from __future__ import annotations

import html
from collections.abc import Iterator

import pytest
import requests

from demo.stack import APP_KEY, Stack, wait_until
from demo.walk import create_issue, keys_by_summary
from tests.real.comments_scene import INTERNAL, LONG, ROLE, Sides, calls, carry, pair, rows
from tests.stack_fixture import crosses, look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LEFT, RIGHT = ("WEB", "Task"), ("PLAT", "Task")
DESK_LEFT, DESK_RIGHT = ("SUP", "Task"), ("OPS", "Task")
BY = "Acme Admin:\n"


@pytest.fixture(scope="module")
def carried(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """Two sites whose tasks are kept in step, with their comments."""
    profile = running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Tasks")
    carry(running, profile, "--prefix", "{author}:")
    yield running


@pytest.fixture(scope="module")
def desks(running: Stack, carried: Stack) -> Iterator[tuple[Stack, str]]:  # noqa: F811
    """The same of two service projects; with the profile, whose rules the tests change."""
    del carried  # paired by it
    found = running.create_profile(
        running.connect(), left=DESK_LEFT, right=DESK_RIGHT, name="Service"
    )
    carry(running, found, "--prefix", "")
    yield running, found


@pytest.fixture
def sides(carried: Stack, request: pytest.FixtureRequest) -> Sides:
    return pair(carried, request.node.name, LEFT, RIGHT)


def test_comments_cross_both_ways_with_their_authors_and_follow_edits_and_deletions(
    sides: Sides,
) -> None:
    first = sides.say("left", "Hello")
    sides.has("right", "Acme Admin:\nHello")
    back = sides.say("right", "Good day")
    sides.has("left", "Hello", "Globex Admin:\nGood day")
    sides.edit("left", first, "Hello again")
    sides.has("right", "Acme Admin:\nHello again", "Good day")
    sides.drop("right", back)
    sides.has("left", "Hello again")
    sides.drop("left", first)
    sides.has("right")


def test_a_comment_takes_three_calls_in_all_and_its_echo_none(carried: Stack, sides: Sides) -> None:
    look_no_more(carried)
    before = calls(carried)
    crosses(
        carried,
        lambda: sides.say("left", "Counted"),
        lambda: sides.has("right", "Acme Admin:\nCounted"),
    )
    after = calls(carried)
    made = {path: after[path] - before.get(path, 0) for path in after}
    assert {path: n for path, n in made.items() if n} == {
        "POST /rest/api/3/issue/bulkfetch": 2,
        "POST /rest/api/3/issue/{issueIdOrKey}/comment": 1,
    }


def test_a_comment_that_does_not_cross_takes_two_calls(desks: tuple[Stack, str]) -> None:
    stack, _ = desks
    sides = pair(stack, "Counted", DESK_LEFT, DESK_RIGHT)
    look_no_more(stack)
    before = calls(stack)
    sides.say("left", "Internal", properties=[INTERNAL])
    stack.settle()
    wait_until("it was looked at", lambda: calls(stack) != before, LONG)
    stack.settle()
    after = calls(stack)
    made = {path: n for path in after if (n := after[path] - before.get(path, 0))}
    assert made == {"POST /rest/api/3/issue/bulkfetch": 2}


@pytest.mark.parametrize(
    "kind", ["429", "500", "502-html", "drop-connection", "half-answer", "commit-then-500"]
)
def test_a_site_that_fails_for_a_while_costs_time_and_makes_no_double(
    carried: Stack, kind: str
) -> None:
    sides = pair(carried, f"Fault {kind}", LEFT, RIGHT)
    globex = carried.sandbox.globex
    path = {"method": "POST", "path": "/comment$", "app": APP_KEY}
    globex.faults({"kind": kind, "times": 1, **path} | ({"seconds": 1} if kind == "429" else {}))
    for text in ("One", "Two"):
        sides.say("left", text)
    sides.has("right", BY + "One", BY + "Two")
    globex.faults()
    carried.settle()
    assert sides.texts("right") == [BY + "One", BY + "Two"]
    assert sides.texts("left") == ["One", "Two"]


def test_a_new_twin_gets_the_comments_of_its_source_in_their_order(carried: Stack) -> None:
    acme = carried.sandbox.acme
    acme.webhooks(hold=True)
    first = create_issue(acme, *LEFT, summary="Talked about before")
    here = Sides(carried, first, "")
    for text in ("One", "Two", "Three"):
        here.say("left", text)
    acme.webhooks(hold=False)
    acme.release()
    there = twin_of(carried, "Talked about before", RIGHT)
    Sides(carried, first, there).has("right", BY + "One", BY + "Two", BY + "Three")


def test_the_prefix_names_author_site_and_time_as_the_admin_shaped_it(
    desks: tuple[Stack, str],
) -> None:
    stack, profile = desks
    carry(stack, profile, "--prefix", "{{{author}}} of {site}, {created}")
    sides = pair(stack, "Prefixed", DESK_LEFT, DESK_RIGHT)
    comment = sides.say("left", "Hello")
    wait_until("it crossed", lambda: sides.texts("right"), LONG)
    [text] = sides.texts("right")
    host = stack.sandbox.acme.url.partition("://")[2]
    created = next(o for o in sides.comments("left") if o["id"] == comment)["created"]
    assert text.startswith(f"{{Acme Admin}} of {host}, {created[:4]}-")
    assert text.endswith(" UTC\nHello")
    carry(stack, profile, "--prefix", "")


def test_internal_and_restricted_comments_never_cross_and_what_becomes_one_is_taken_back(
    desks: tuple[Stack, str],
) -> None:
    stack, _ = desks
    sides = pair(stack, "Secrets", DESK_LEFT, DESK_RIGHT)
    sides.say("left", "Internal", properties=[INTERNAL])
    sides.say("left", "For admins", visibility=ROLE)
    first, second = sides.say("left", "Open"), sides.say("left", "Open too")
    sides.has("right", "Open", "Open too")
    sides.edit("left", first, "Open", properties=[INTERNAL])
    sides.has("right", "Open too")
    sides.edit("left", second, "Open too", visibility=ROLE)
    sides.has("right")
    stack.settle()
    sides.say("left", "The last")
    sides.has("right", "The last")


def test_internal_comments_that_the_profile_allows_are_internal_on_the_other_side_too(
    desks: tuple[Stack, str],
) -> None:
    stack, profile = desks
    carry(stack, profile, "--internal", "both")
    sides = pair(stack, "Allowed", DESK_LEFT, DESK_RIGHT)
    comment = sides.say("left", "Internal", properties=[INTERNAL])
    sides.has("right", "Internal")
    assert [one["jsdPublic"] for one in sides.comments("right")] == [False]
    opened = {"key": "sd.public.comment", "value": {"internal": False}}
    sides.edit("left", comment, "Not any more", properties=[opened])
    sides.has("right", "Not any more")
    assert [one["jsdPublic"] for one in sides.comments("right")] == [True]
    sides.edit("left", comment, "Once more", properties=[INTERNAL])
    sides.has("right", "Once more")
    assert [one["jsdPublic"] for one in sides.comments("right")] == [False]
    carry(stack, profile, "--internal", "left")  # all pairs are visited, and take it back
    sides.has("right")
    carry(stack, profile, "--internal", "none")


def test_a_marker_chooses_what_crosses(desks: tuple[Stack, str]) -> None:
    stack, profile = desks
    carry(stack, profile, "--marker", "#partner")
    sides = pair(stack, "Marked", DESK_LEFT, DESK_RIGHT)
    sides.say("left", "Among us")
    sides.say("left", "For them #partner")
    sides.has("right", "For them #partner")
    carry(stack, profile, "--marker", "#private", "--marker-mode", "unless")
    sides.say("left", "Psst #private")
    sides.say("left", "Aloud")
    sides.has("right", "For them #partner", "Among us", "Aloud")
    carry(stack, profile, "--marker", "", "--marker-mode", "only")
    sides.say("left", "Last")
    sides.has("right", "For them #partner", "Among us", "Aloud", "Psst #private", "Last")


def test_one_way_and_without_deletions_what_was_made_stays(desks: tuple[Stack, str]) -> None:
    stack, profile = desks
    carry(stack, profile, "--flow", "to_right", "--no-deletions")
    sides = pair(stack, "One way", DESK_LEFT, DESK_RIGHT)
    sides.say("right", "Stays here")
    gone = sides.say("left", "Goes there")
    sides.has("right", "Stays here", "Goes there")
    sides.drop("left", gone)
    sides.say("left", "And this")
    sides.has("right", "Stays here", "Goes there", "And this")
    assert sides.texts("left") == ["And this"]
    carry(stack, profile, "--flow", "both", "--deletions")


def test_what_people_do_to_a_twin_is_left_alone_until_its_source_is_edited(sides: Sides) -> None:
    source = sides.say("left", "Mine")
    kept = sides.say("left", "Kept")
    sides.has("right", BY + "Mine", BY + "Kept")
    mine, other = sides.ours("right")
    sides.edit("right", mine, "Theirs")
    sides.drop("right", other)
    sides.stack.settle()
    assert sides.texts("right") == ["Theirs"]
    assert sides.texts("left") == ["Mine", "Kept"]
    sides.edit("left", source, "Mine again")
    sides.edit("left", kept, "Kept again")
    sides.has("right", BY + "Mine again")
    sides.stack.settle()
    assert sides.texts("left") == ["Mine again", "Kept again"]
    told = activity(sides.stack)
    globex = sides.site("right").url.split("://", 1)[1]
    assert told.count(f"was deleted on {globex}; it is not made again") == 1
    assert "took the place of that. The right one was" in told


def test_a_twin_that_somebody_made_for_few_goes_with_its_source_and_its_words_are_not_kept(
    sides: Sides,
) -> None:
    first, second, third = (sides.say("left", text) for text in ("One", "Two", "Three"))
    sides.has("right", BY + "One", BY + "Two", BY + "Three")
    sides.stack.settle()
    edited, restricted, written = sides.comments("right")
    sides.edit("right", edited["id"], "Damsons, for few eyes", visibility=ROLE)
    path = f"issue/{sides.right}/comment/{restricted['id']}"
    said = {"body": restricted["body"], "visibility": ROLE}
    assert sides.site("right").call("PUT", path, json=said).status_code == 200
    sides.edit("right", written["id"], "Quinces, for few eyes", visibility=ROLE)
    sides.stack.settle()
    sides.drop("left", first)
    sides.drop("left", second)
    sides.edit("left", third, "Three again")
    sides.has("right", BY + "Three again")
    sides.stack.settle()
    assert [one["visibility"]["value"] for one in sides.comments("right")] == [ROLE["value"]]
    assert sides.texts("left") == ["Three again"]
    told = activity(sides.stack)
    assert told.count("What it said is not kept") == 2
    assert "for few eyes" not in told


def test_with_its_rows_lost_tandem_finds_its_own_by_their_marks_and_touches_nothing_else(
    sides: Sides,
) -> None:
    stack = sides.stack
    sources = [sides.say("left", text) for text in ("One", "Two")]
    sides.has("right", BY + "One", BY + "Two")
    theirs = sides.say("right", "A person's")
    sides.has("left", "One", "Two", "Globex Admin:\nA person's")
    stack.settle()
    rows(stack, "DELETE FROM item_link")
    people = {side: untouched(sides, side) for side in ("left", "right")}
    sides.say("left", "Three")
    sides.has("right", BY + "One", BY + "Two", "A person's", BY + "Three")
    sides.has("left", "One", "Two", "Globex Admin:\nA person's", "Three")
    rows(stack, "DELETE FROM item_link")
    sides.edit("left", sources[0], "One again")
    sides.has("right", BY + "One again", BY + "Two", "A person's", BY + "Three")
    rows(stack, "DELETE FROM item_link")
    sides.drop("left", sources[1])
    sides.has("right", BY + "One again", "A person's", BY + "Three")
    stack.settle()
    now = {side: untouched(sides, side) for side in ("left", "right")}
    assert now["right"] == people["right"]
    assert theirs in now["right"]
    assert {k: v for k, v in people["left"].items() if k not in sources}.items() <= now[
        "left"
    ].items()


def test_nothing_that_people_wrote_is_ever_edited_or_deleted_whatever_becomes_of_the_other_side(
    sides: Sides,
) -> None:
    stack = sides.stack
    said = {side: [sides.say(side, f"{side} {n}") for n in range(3)] for side in ("left", "right")}
    for side in ("left", "right"):
        wait_until("all crossed", lambda side=side: len(sides.texts(side)) == 6, LONG)  # type: ignore[misc]
    before = {side: untouched(sides, side) for side in ("left", "right")}
    for side in ("left", "right"):  # people delete and edit all that Tandem made
        first, *others = sides.ours(side)
        sides.edit(side, first, "Rewritten")
        for one in others:
            sides.drop(side, one)
    stack.settle()
    rows(stack, "DELETE FROM item_link")
    for side in ("left", "right"):
        sides.say(side, "Later")
    stack.settle()
    for side in ("left", "right"):
        now = untouched(sides, side)
        assert before[side].items() <= now.items()
        assert set(said[side]) <= set(now)


def test_a_refused_comment_is_parked_alone_and_crosses_once_it_is_mended(sides: Sides) -> None:
    stack = sides.stack
    globex = stack.sandbox.globex
    rule = {"field": "comment", "values": ["Acme Admin: Refused"], "message": "No such words."}
    globex.refusals(rule)
    comment = sides.say("left", "Refused")
    sides.say("left", "Taken")
    sides.has("right", BY + "Taken")
    wait_until("it is parked", lambda: parked(stack), LONG)
    [(code, field, key)] = parked(stack)
    assert (code, field, key) == ("field-refused", "comment", f"comments.{comment}")
    assert "No such words." in activity(stack)
    before = calls(stack)
    sides.say("left", "Also taken")
    sides.has("right", BY + "Taken", BY + "Also taken")
    stack.settle()
    path = "POST /rest/api/3/issue/{issueIdOrKey}/comment"
    assert calls(stack)[path] == before[path] + 1, "what was refused was sent again"
    globex.refusals()
    done = tandem(stack.environment, "parked", "retry", "Tasks")
    assert done.returncode == 0, done.stderr
    sides.has("right", BY + "Taken", BY + "Also taken", BY + "Refused")
    wait_until("nothing is parked", lambda: not parked(stack), LONG)


def test_a_comment_as_long_as_jira_takes_is_cut_where_its_prefix_makes_it_longer(
    sides: Sides,
) -> None:
    sides.say("left", "x" * 32_767)
    sides.say("left", "Short")
    wait_until("both crossed", lambda: len(sides.texts("right")) == 2, LONG)
    cut, short = sides.texts("right")
    assert short == BY + "Short"
    assert cut.startswith(BY + "xxx")
    assert cut.endswith(
        "x\n(Cut by Tandem: with these words the comment is longer than Jira takes.)"
    )


def test_all_of_more_comments_than_one_read_gives_cross_once(sides: Sides) -> None:
    for site in sides.stack.sandbox.sites:
        site.limits(burst={"on": False}, issueWrites={"on": False})
    for number in range(104):
        sides.say("left", f"Number {number}")
    wait_until("all crossed", lambda: len(sides.texts("right")) == 104, LONG)
    sides.stack.settle()
    assert sides.texts("right") == [f"{BY}Number {number}" for number in range(104)]
    last = sides.comments("left")[103]["id"]
    sides.edit("left", last, "The last one")
    wait_until("it crossed", lambda: sides.texts("right")[-1] == BY + "The last one", LONG)
    sides.drop("left", last)
    wait_until("it went", lambda: len(sides.texts("right")) == 103, LONG)
    for site in sides.stack.sandbox.sites:
        site.limits(burst={"on": True}, issueWrites={"on": True})


def test_comments_that_no_webhook_told_of_are_found_by_the_search(sides: Sides) -> None:
    stack = sides.stack
    kept, gone = sides.say("left", "Kept"), sides.say("left", "Gone")
    sides.has("right", BY + "Kept", BY + "Gone")
    stack.settle()
    acme = stack.sandbox.acme
    acme.webhooks(drop=1.0)
    sides.say("left", "Unheard")
    sides.edit("left", kept, "Edited")
    sides.drop("left", gone)
    acme.wait_idle()
    acme.webhooks(drop=0.0)
    rows(stack, "UPDATE search_look SET due_at = now()")
    sides.has("right", BY + "Edited", BY + "Unheard")


def test_no_word_of_a_comment_and_no_name_of_its_author_is_stored(sides: Sides) -> None:
    sides.say("left", "Sphinx of black quartz")
    sides.has("right", BY + "Sphinx of black quartz")
    sides.stack.settle()
    tables = rows(
        sides.stack,
        "SELECT relname FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'public'::regnamespace",
    )
    dump = "".join(
        str(row) for (table,) in tables for row in rows(sides.stack, f'SELECT * FROM "{table}"')
    )
    assert sides.ours("right")[0] in dump  # so the look would have found it
    assert "Sphinx" not in dump
    assert "Acme Admin" not in dump


def untouched(sides: Sides, side: str) -> dict[str, object]:
    """What people wrote on a side: text, and when and by whom it was last written."""
    return {
        one["id"]: (one["body"], one["updated"], one["updateAuthor"]["accountId"])
        for one in sides.comments(side)
        if one["author"]["accountType"] != "app"
    }


def parked(stack: Stack) -> list[tuple[str, str, str]]:
    """The causes of what is parked."""
    return rows(stack, "SELECT code, field, field_key FROM parked_cause")


def activity(stack: Stack) -> str:
    """The latest activity as the page shows it."""
    acme = stack.sandbox.acme
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.get(
        f"{stack.url}/pages/parts/overview", headers={"Authorization": f"JWT {token}"}, timeout=90
    )
    assert answer.status_code == 200
    return html.unescape(answer.text)


def twin_of(stack: Stack, summary: str, where: tuple[str, str]) -> str:
    """The key of Globex's issue of this summary, once it is there."""
    globex = stack.sandbox.globex
    wait_until(
        f"'{summary}' is there", lambda: keys_by_summary(globex, where[0]).get(summary), LONG
    )
    return keys_by_summary(globex, where[0])[summary][0]
