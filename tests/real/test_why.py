"""`tandem why`: the last write of each field, after all that may become of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.stack import wait_until
from demo.walk import create_issue, keys_by_summary
from tests.real.test_overwritten import (  # noqa: F401  a fixture
    LONG,
    SUP,
    Pair,
    Scene,
    between,
    scene,
)
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real


def told(scene: Scene, issue: str, *words: str) -> dict[str, Any]:  # noqa: F811
    """The one pair that `tandem why --json` tells of an issue."""
    done = tandem(scene.stack.environment, "why", issue, "--json", *words)
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)
    return dict(found)


def field(found: dict[str, Any], name: str) -> dict[str, Any]:
    """What is told of a field that has one name on both sides."""
    [one] = [one for one in found["fields"] if one["field"] == f"{name}={name}"]
    return dict(one)


def last(pair: Pair, name: str) -> tuple[str, str, str] | None:
    """Whose value was written last, where to, and how."""
    found = field(told(pair.scene, pair.left), name)["last"]
    return found and (found["source"], found["side"], found["how"])


def edited(pair: Pair, side: str, **fields: Any) -> None:
    """A person edits one side, and it crosses."""
    pair.edit(side, **fields)
    [(name, value)] = fields.items()
    pair.agree(name, value["name"] if isinstance(value, dict) else value)
    pair.scene.stack.settle()


def test_an_edit_on_the_left_and_then_one_on_the_right_are_each_the_last_write(
    scene: Scene,  # noqa: F811
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    pair = scene.pair("Why")
    found = told(scene, pair.right)
    assert (found["left"]["key"], found["right"]["key"]) == (pair.left, pair.right)
    assert found["asked"] == "right"
    assert (found["profile"]["name"], found["profile"]["revision"]) == ("First", 1)
    made = field(found, "summary")["last"]
    assert {**made, "at": "?"} == {
        "side": "right", "source": "left", "at": "?", "revision": 1, "present": True,
        "how": "change", "made": True, "run": None,
    }  # fmt: skip
    assert datetime.fromisoformat(made["at"]) >= began - timedelta(seconds=1)
    assert datetime.fromisoformat(found["paired_at"]) <= datetime.fromisoformat(found["in_step_at"])
    for empty in ("labels", "duedate", "description"):
        assert field(found, empty)["last"] is None

    edited(pair, "left", labels=["of-left"])
    assert last(pair, "labels") == ("left", "right", "change")
    edited(pair, "right", labels=["of-right"])
    found = told(scene, pair.left)
    now = field(found, "labels")
    assert [(one["source"], one["side"], one["made"]) for one in now["writes"]] == [
        ("right", "left", False),
        ("left", "right", False),
    ]
    assert now["last"] == now["writes"][0]
    assert field(found, "summary")["last"] == made
    assert "of-right" not in scene.dump()

    said = tandem(scene.stack.environment, "why", pair.left.lower())
    assert said.returncode == 0
    assert (
        "the right side's value, written on the left side; revision 1 (the present" in said.stdout
    )
    assert "never written by Tandem" in said.stdout


def test_an_edit_of_a_person_that_was_taken_over_on_both_sides_is_no_write_of_ours(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("By hand")
    for site in (scene.left, scene.right):
        site.webhooks(hold=True)
    for side in ("left", "right"):
        pair.edit(side, duedate="2027-07-07")
    for site in (scene.left, scene.right):
        site.webhooks(hold=False)
        site.release()
    scene.rest()
    assert last(pair, "duedate") is None


def test_the_side_that_won_a_conflict_is_the_source_and_an_open_one_is_told(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("Both")
    for site in (scene.left, scene.right):
        site.webhooks(hold=True)
    for side, day in (("left", "2027-01-01"), ("right", "2027-02-02")):
        pair.edit(side, labels=[f"of-{side}"], duedate=day)
    for site in (scene.left, scene.right):
        site.webhooks(hold=False)
        site.release()
    pair.agree("labels", ["of-left"])
    scene.rest()
    found = told(scene, pair.left)
    won = field(found, "labels")["last"]
    assert (won["source"], won["side"], won["how"]) == ("left", "right", "conflict")
    asked = field(found, "duedate")
    assert asked["last"] is None
    [now] = asked["now"]
    assert (now["state"], now["sentence"]) == (
        "conflict",
        "Both sides changed it, and somebody has to choose.",
    )


def test_a_write_that_was_taken_back_is_told_as_an_edit_that_was_put_back(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("Late", labels=["old"])
    with between(pair, "left", labels=["of-right"]):
        pair.edit("left", labels=["of-left"])  # the left side always wins
    pair.agree("labels", ["of-left"])
    scene.rest()
    writes = field(told(scene, pair.left), "labels")["writes"]
    assert {(one["side"], one["source"], one["how"]) for one in writes} == {
        ("left", "left", "put-back"),
        ("right", "left", "conflict"),
    }

    pair = scene.pair("Stands", labels=["old"])
    with between(pair, "right", labels=["of-left"]):
        pair.edit("right", labels=["of-right"])
    pair.lost("right", "of-right")
    scene.rest()
    assert last(pair, "labels") == ("left", "right", "conflict")


def test_what_a_site_refused_is_not_written_but_parked_with_its_sentence(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("Refused", priority={"name": "Low"})
    before = field(told(scene, pair.left), "priority")["last"]
    scene.right.refusals(
        {"field": "priority", "values": [{"name": "High"}], "message": "It is not valid"}
    )
    pair.edit("left", priority={"name": "High"}, labels=["with-it"])
    pair.agree("labels", ["with-it"])
    scene.stack.settle()
    found = told(scene, pair.left)
    now = field(found, "priority")
    assert now["last"] == before
    [parked] = now["now"]
    assert parked["state"] == "parked"
    assert "does not know the value of Priority" in parked["sentence"]
    assert parked["cure"]
    assert "It is not valid" in parked["said"]
    assert field(found, "labels")["last"]["how"] == "change"

    scene.right.refusals()
    edited(pair, "left", priority={"name": "Lowest"})
    now = field(told(scene, pair.left), "priority")
    assert now["now"] == []
    assert (now["last"]["source"], now["last"]["made"]) == ("left", False)


def test_a_twin_that_was_made_without_a_refused_field_does_not_show_it_as_written(
    scene: Scene,  # noqa: F811
) -> None:
    scene.right.refusals({"field": "labels", "message": "It is not valid"})
    pair = scene.pair("Made without", labels=["refused"])
    scene.stack.settle()
    assert last(pair, "labels") is None
    scene.right.refusals()
    edited(pair, "left", summary="Made without, renamed")
    assert last(pair, "labels") is None


def test_a_load_and_an_undo_are_told_with_their_runs(scene: Scene) -> None:  # noqa: F811
    scene.stack.settle()
    scene.left.webhooks(drop=1.0)
    left = create_issue(scene.left, *SUP, summary="Loaded", labels=["first"])
    scene.left.wait_idle()
    scene.left.webhooks(drop=0.0)
    wait_until("search knows it", lambda: keys_by_summary(scene.left, SUP[0]).get("Loaded"), LONG)
    loaded = tandem(
        scene.stack.environment, "profile", "load", "Second", "--from", "left", "--no-match",
        "--jql", "summary ~ Loaded", seconds=LONG,
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr
    scene.stack.settle()
    found = told(scene, left)
    made = field(found, "labels")["last"]
    assert (made["how"], made["source"], made["side"], made["made"]) == (
        "load", "left", "right", True,
    )  # fmt: skip
    assert made["run"]

    pair = Pair(scene, left, found["right"]["key"])
    edited(pair, "left", labels=["second"])
    wrote = field(told(scene, left), "labels")["last"]
    assert (wrote["how"], wrote["run"], wrote["made"]) == ("change", None, False)
    undone = tandem(
        scene.stack.environment, "undo", "--profile", "Second", "--since", wrote["at"],
        "--yes", "--json", seconds=LONG,
    )  # fmt: skip
    plan = json.loads(undone.stdout)
    assert undone.returncode == 0, plan
    run = plan["run"]
    wait_until("it is back", lambda: pair.both("labels")[1] == ["first"], LONG)
    scene.stack.settle()
    back = field(told(scene, left), "labels")["last"]
    assert (back["how"], back["source"], back["side"], back["run"]) == (
        "undo", None, "right", run,
    )  # fmt: skip


def test_an_issue_that_is_not_paired_ends_with_one_and_a_sentence(
    scene: Scene,  # noqa: F811
) -> None:
    done = tandem(scene.stack.environment, "why", "NONE-1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no pair has NONE-1" in done.stderr
    pair = scene.pair("Found")
    host = scene.left.url.split("://", 1)[1]
    found = told(scene, pair.left, "--site", host, "--profile", "First")
    assert found["left"]["key"] == pair.left
    by_id = told(scene, str(found["left"]["id"]), "--site", host)
    assert by_id == found
    done = tandem(scene.stack.environment, "why", pair.left, "--profile", "Second")
    assert done.returncode == 1


def test_a_pair_whose_twin_was_deleted_is_told_as_standing_still(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("Loses its twin")
    assert told(scene, pair.left)["stands_still"] is None
    assert scene.right.call("DELETE", f"issue/{pair.right}").status_code == 204
    host = scene.right.url.split("://", 1)[1]
    sentence = f"The issue at {host} was deleted; the other one stays as it is."
    wait_until("it is told", lambda: told(scene, pair.left)["stands_still"] == sentence, LONG)
    done = tandem(scene.stack.environment, "why", pair.left)
    assert f"  STANDS STILL: {sentence}\n" in done.stdout
    assert "last in step" not in done.stdout
