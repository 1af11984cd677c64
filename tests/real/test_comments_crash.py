"""A worker that is killed between any two calls, statements or commits while it carries comments:
none is lost, none is doubled, and no comment of a person is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.real.comments_scene import Sides, carry, said
from tests.real.crash_points import boundaries
from tests.real.test_crash import Scene, scene  # noqa: F401  a fixture

pytestmark = [pytest.mark.real, pytest.mark.crash]

LEAST_KILLS = 60


@pytest.fixture(scope="module")
def commented(scene: Scene) -> Scene:  # noqa: F811
    """The scene, with a profile that carries comments too."""
    carry(scene.stack, scene.profile, "--prefix", "")
    return scene


def recover(scene: Scene) -> None:  # noqa: F811
    """Let undisturbed workers finish; what was sent is looked for at once."""
    scene.idle()
    scene.owner.execute("UPDATE item_link SET create_sent_at = now() - interval '1 minute'")
    scene.recover()


def pairs(scene: Scene, words: Sequence[str]) -> list[tuple[int, Sides]]:  # noqa: F811
    """Pairs in step, each with two comments from the left; the left issue's id with each."""
    made = []
    for word in words:
        issue, key = scene.create("left", f"{word} made")
        here = Sides(scene.stack, key, "")
        for text in ("old", "gone"):
            here.say("left", f"{word} {text}")
        made.append((issue, key))
    recover(scene)
    rows = scene.owner.execute("SELECT left_issue_id, right_key FROM issue_link").fetchall()
    keys: dict[int, str] = {int(issue): str(key) for issue, key in rows}
    return [(issue, Sides(scene.stack, key, keys[issue])) for issue, key in made]


def talked(scene: Scene, words: Sequence[str]) -> list[tuple[int, Sides]]:  # noqa: F811
    """The same, where people then edited one, deleted one, and said something new on both sides."""
    found = pairs(scene, words)
    for word, (_, sides) in zip(words, found, strict=True):
        old, gone = sides.comments("left")
        sides.edit("left", old["id"], f"{word} edited")
        sides.drop("left", gone["id"])
        sides.say("left", f"{word} new left")
        sides.say("right", f"{word} new right")
    scene.idle()
    return found


def is_whole(word: str, sides: Sides) -> list[str]:
    """What is wrong with a pair; nothing where each side has each comment once."""
    wanted = sorted([f"{word} edited", f"{word} new left", f"{word} new right"])
    wrong = []
    for side in ("left", "right"):
        have = sorted(sides.texts(side))
        if have != wanted:
            wrong.append(f"{word} {side}: {have}")
    by_people = [o for s in ("left", "right") for o in sides.comments(s) if is_persons(o)]
    if sorted(said(one) for one in by_people) != wanted:
        wrong.append(f"{word}: people's are {[said(one) for one in by_people]}")
    if any(one["updateAuthor"]["accountType"] == "app" for one in by_people):
        wrong.append(f"{word}: a person's comment was written over")
    return wrong


def is_persons(comment: dict[str, Any]) -> bool:
    return bool(comment["author"]["accountType"] != "app")


def test_workers_killed_while_they_carry_comments_lose_and_double_nothing(
    commented: Scene,
) -> None:
    [(issue, sides)] = talked(commented, [trial := commented.name()])
    labels = commented.visit("left", issue)
    assert labels is not None
    recover(commented)
    assert not is_whole(trial, sides)

    chosen = boundaries(labels)
    words = [commented.name() for _ in chosen]
    cases = talked(commented, words)
    before = commented.kills
    for place, (issue, _) in zip(chosen, cases, strict=True):
        commented.visit("left", issue, place)
    kills = commented.kills - before
    print(f"{kills} kills at {len(chosen)} points")
    recover(commented)
    wrong = [
        line
        for word, (_, sides) in zip(words, cases, strict=True)
        for line in is_whole(word, sides)
    ]
    assert not wrong, "\n".join(wrong[:20])
    assert kills >= LEAST_KILLS
    commented.check_rest()


def test_a_worker_killed_right_after_it_made_a_twin_finds_it_and_its_comments_once(
    commented: Scene,
) -> None:
    words = [commented.name() for _ in range(9)]
    made = []
    for word in words:
        issue, key = commented.create("left", f"{word} made")
        Sides(commented.stack, key, "").say("left", f"{word} said")
        made.append((issue, key))
    commented.idle()
    labels = commented.visit("left", made[0][0])
    assert labels is not None
    calls = [n for n, label in enumerate(labels) if label.endswith(("call", "return"))]
    step = max(1, len(calls) // (len(made) - 1))
    for place, (issue, _) in zip(calls[::step], made[1:], strict=False):
        commented.visit("left", issue, place)
    recover(commented)
    keys = dict(commented.owner.execute("SELECT left_key, right_key FROM issue_link").fetchall())
    for word, (_, key) in zip(words, made, strict=True):
        assert Sides(commented.stack, key, str(keys[key])).texts("right") == [f"{word} said"]
