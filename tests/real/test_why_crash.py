"""`tandem why` of a write whose worker was killed before he could say that it was done."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import pytest

from demo.stack import wait_until
from tests.processes import children
from tests.real.test_overwritten import LONG, WRITE, Scene, scene  # noqa: F401  a fixture
from tests.real.test_why import field, last, told
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = [pytest.mark.real, pytest.mark.crash]


def test_a_write_whose_worker_was_killed_is_told_once_the_next_one_found_it(
    scene: Scene,  # noqa: F811
) -> None:
    pair = scene.pair("Dying")
    scene.right.faults({**WRITE, "kind": "hold-answer"})
    pair.edit("left", labels=["of-the-dead"])
    wait_until("it was written", lambda: pair.both("labels")[1] == ["of-the-dead"], LONG)
    wait_until("its answer is held", lambda: scene.right.held() == 1, LONG)
    assert last(pair, "labels") is None
    for pid in children(scene.stack, "worker"):
        os.kill(pid, signal.SIGKILL)
    killed = datetime.now(UTC)
    scene.right.let_go()
    scene.right.faults()
    wait_until("it is told", lambda: last(pair, "labels") == ("left", "right", "change"), LONG)
    scene.stack.settle()
    found = field(told(scene, pair.left), "labels")
    assert datetime.fromisoformat(found["last"]["at"]) <= killed
    assert len(found["writes"]) == 1
