"""A worker that is killed between any two calls or commits while it carries work and links: each is
there once, is known as ours afterwards, and goes with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.real.crash_points import places
from tests.real.test_crash import Scene, scene  # noqa: F401  a fixture
from tests.real.test_links import links, tie
from tests.real.work_scene import Work, carry

pytestmark = [pytest.mark.real, pytest.mark.crash]

CALLS = ("answer", "commit")
LEAST_KILLS = 15


@pytest.fixture(scope="module")
def working(scene: Scene) -> Scene:  # noqa: F811
    """The scene, with a profile that carries work and links too."""
    carry(scene.stack, scene.profile, "worklogs", "--prefix", "")
    carry(scene.stack, scene.profile, "links")
    carry(scene.stack, scene.profile, "remote_link")
    return scene


@dataclass
class Case:
    """A pair whose issue a person logged work on, on each side, and linked to another issue."""

    word: str
    issue: int
    work: Work
    worklog: str = ""
    link: str = ""

    def wrong(self, *, gone: bool) -> list[str]:
        """What is wrong with it; `gone`: its sources on the left were taken away."""
        found = []
        for side in ("left", "right"):
            work = self.work
            site, key = work.site(side), work.key(side)
            minutes = sorted(one for one, _ in work.said(side))
            remote = site.call("GET", f"issue/{key}/remotelink").json()
            have = minutes, len(links(site, key)), len(remote), len(work.ours(side))
            twins = 1 if side == "left" or not gone else 0
            want = ([2] if gone else [1, 2], 0 if gone else 1, 1, twins)
            if have != want:
                found.append(f"{self.word} {side}: {have} for {want}")
        return found


def recover(scene: Scene) -> None:  # noqa: F811
    """Let undisturbed workers finish; what was sent is looked for at once."""
    scene.idle()
    scene.owner.execute("UPDATE item_link SET create_sent_at = now() - interval '1 minute'")
    scene.recover()


def cases(scene: Scene, words: list[str], other: str) -> list[Case]:  # noqa: F811
    """Pairs in step, where people then logged work and made a link."""
    made = [(word, *scene.create("left", f"{word} made")) for word in words]
    recover(scene)
    rows: Any = scene.owner.execute("SELECT left_issue_id, right_key FROM issue_link").fetchall()
    keys = {int(issue): str(key) for issue, key in rows}
    found = [Case(word, issue, Work(scene.stack, key, keys[issue])) for word, issue, key in made]
    for one in found:
        one.worklog = one.work.log("left", 1)
        one.work.log("right", 2)
        tie(scene.site("left"), "Blocks", one.work.left, other)
        [link] = links(scene.site("left"), one.work.left)
        one.link = link["id"]
    scene.idle()
    return found


def test_workers_killed_while_they_carry_work_and_links_double_nothing_and_know_their_own(
    working: Scene,
) -> None:
    _, other = working.create("left", f"{working.name()} other")
    recover(working)
    [trial] = cases(working, [working.name()], other)
    labels = working.visit("left", trial.issue)
    assert labels is not None
    recover(working)
    assert not trial.wrong(gone=False)

    chosen = [n for n in places(labels) if labels[n].startswith(CALLS)]
    found = cases(working, [working.name() for _ in chosen], other)
    before = working.kills
    for place, one in zip(chosen, found, strict=True):
        working.visit("left", one.issue, place)
    kills = working.kills - before
    print(f"{kills} kills at {len(chosen)} points")
    recover(working)
    wrong = [line for one in found for line in one.wrong(gone=False)]
    assert not wrong, "\n".join(wrong[:20])
    assert kills >= LEAST_KILLS

    for one in found:
        one.work.drop("left", one.worklog)
        assert one.work.site("left").call("DELETE", f"issueLink/{one.link}").status_code == 204
    recover(working)
    wrong = [line for one in found for line in one.wrong(gone=True)]
    assert not wrong, "\n".join(wrong[:20])
