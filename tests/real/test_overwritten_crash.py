"""A worker that is killed after it wrote over an edit, and before it looked what it replaced."""

from __future__ import annotations

import os
import signal

import pytest

from demo.stack import wait_until
from tests.processes import children
from tests.real.test_overwritten import LONG, WRITE, Scene, between, scene  # noqa: F401  a fixture
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = [pytest.mark.real, pytest.mark.crash]


def test_the_next_worker_looks_and_lets_the_policy_of_each_field_decide(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("Dying")
    with between(pair, "right", summary="Dying, older", labels=["dying-left"]):
        pair.edit("right", summary="Dying, later", labels=["dying-right"])
        scene.right.faults({**WRITE, "kind": "hold-answer"})
        scene.right.let_go()
        wait_until("it was written", lambda: pair.both("labels")[1] == ["dying-left"], LONG)
        wait_until("its answer is held", lambda: scene.right.held() == 1, LONG)
        for pid in children(scene.stack, "worker"):
            os.kill(pid, signal.SIGKILL)
    pair.lost("right", "dying-right")  # the left side always wins
    pair.agree("summary", "Dying, later")  # the newer one wins
    pair.agree("labels", ["dying-left"])
    scene.rest()
    assert sorted(pair.losses()) == [("left", "Dying, older"), ("right", "dying-right")]
    dump = scene.dump()
    assert pair.left in dump  # so the look would have found it
    assert "Dying, " not in dump
    assert "dying-" not in dump
