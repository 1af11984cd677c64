"""A worker killed by SIGKILL at each call, statement and commit of a move through three statuses:
the next one goes on from where the issue is, and nobody's status is carried back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.settings import load_settings
from demo.stack import stack
from tests.real.crash_points import Victim
from tests.real.test_crash import Scene
from tests.real.test_status import EVERYWHERE, FIELDS, ROW, Pair, create_profile, walk
from tests.real.test_status import Scene as Statuses

pytestmark = [pytest.mark.real, pytest.mark.crash]

CALL = ("call", "return")  # each call to a site: before it, before its answer is read, and after
MOST = 20  # kills between these, at statements and commits, evenly taken
STEPS = ["In Progress", "In Review", "Done"]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Sandbox and Tandem's web as processes; the worker's part is the victim's."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, workers=0, delivery_delay=1) as whole:
            acme, globex = whole.sandbox.acme, whole.sandbox.globex
            acme.limits(points={"on": False}, burst={"on": False}, issueWrites={"on": False})
            acme.workflow("WEB", "Task", **EVERYWHERE)
            globex.workflow("PLAT", "Task", initial="To Do", moves=ROW)
            profile = create_profile(whole, FIELDS)
            settings = load_settings(whole.environment | {"DATABASE_URL": whole.database})
            victim = Victim.of(settings, instance / "victim.log")
            with psycopg.connect(whole.database, autocommit=True) as owner:
                made = Scene(whole, profile, owner, victim)
                made.warm()
                for count in range(4):
                    _, key = made.create("right", f"lies there {count}")
                    walk(globex, key, *STEPS[:count])
                made.recover()
                yield made
            assert whole.sandbox.broken_answers() == []


def moved(scene: Scene, count: int) -> list[tuple[int, Pair]]:
    """Pairs in step, of which a person has closed the left issue: its id, and the pair."""
    made = [scene.create("left", f"{scene.name()} moves") for _ in range(count)]
    scene.recover()
    keys = dict(scene.owner.execute("SELECT left_issue_id, right_key FROM issue_link").fetchall())
    statuses = Statuses(scene.stack, scene.profile)
    for _, key in made:
        walk(scene.site("left"), key, "Done", resolution={"name": "Duplicate"})
    scene.idle()
    return [(issue, Pair(statuses, key, str(keys[issue]))) for issue, key in made]


def trial(scene: Scene) -> list[str]:
    """The points of a move that nobody disturbs, once the pairs of values are known."""
    labels: list[str] | None = None
    for _ in range(2):
        [(issue, _pair)] = moved(scene, 1)
        labels = scene.visit("left", issue)
        scene.recover()
    assert labels is not None
    return labels


def test_whoever_dies_on_the_way_is_followed_by_one_who_goes_on(scene: Scene) -> None:
    labels = trial(scene)
    points = [number for number, label in enumerate(labels) if label.split()[-1] in CALL]
    rest = [n for n, label in enumerate(labels) if ":" not in label and n not in points]
    points += rest[:: len(rest) // MOST + 1]
    cases = moved(scene, len(points))
    before = scene.kills
    for place, (issue, _) in zip(points, cases, strict=True):
        scene.visit("left", issue, place)
    kills = scene.kills - before
    print(f"\n{kills} kills at {len(points)} of {len(labels)} points:", json.dumps(
        sorted({labels[place] for place in points})
    ))  # fmt: skip
    assert kills >= len(points) * 0.9  # the others were over before their point came
    # Some are found half way, else this would show little.
    on_the_way = [pair.of("right")[0] for _, pair in cases]
    assert {"To Do", "In Progress", "In Review", "Done"} == set(on_the_way)
    scene.recover()
    for _, pair in cases:
        assert pair.of("right") == ("Done", "Duplicate")
        assert pair.of("left") == ("Done", "Duplicate")
        assert [target for _, target, _ in pair.moves("right")] == STEPS
        assert not any(ours for _, _, ours in pair.moves("left"))
    scene.check_rest()
    # The steps of a move are not taken for somebody's edits.
    assert scene.owner.execute("SELECT sum(conflicts) FROM activity").fetchone() == (0,)


def test_who_moves_an_issue_that_was_left_half_way_is_heard(scene: Scene) -> None:
    labels = trial(scene)
    sent = [number for number, label in enumerate(labels) if label == "answer call"]
    # Die after the first of the three steps: behind it are two more and the look.
    [(issue, pair)] = moved(scene, 1)
    assert scene.visit("left", issue, sent[-4]) is None
    pair.becomes("right", "In Progress")
    scene.idle()
    # A status that is on Tandem's way; but this time it is a person who puts the issue there.
    walk(scene.site("right"), pair.right, "In Review")
    scene.recover()
    assert pair.of("right") == pair.of("left") == ("In Review", None)  # the newer one wins
