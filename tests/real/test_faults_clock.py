"""The machine's clock is stepped by an hour under a running Tandem: nothing is lost or doubled."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import requests

from demo.stack import APP_KEY, Stack, free_port, tandem_environment, tandem_serving, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from sandbox.process import running as sites_running
from tests.real.test_walk import in_step, pair, writes
from tests.stack_fixture import opened, says, tandem

pytestmark = pytest.mark.real

HOUR = 3600
LONG = 150.0  # seconds: a slow machine's, for states that are seconds away
INDEX_MS = 4000  # search knows a new issue only then

# Read by each Python process of Tandem as it starts: its wall clock is then off by what the file
# says at the moment. Time that has passed goes on as ever, and so does the database's clock.
SITECUSTOMIZE = """
import datetime as module
import os
import time

real_time, real = time.time, module.datetime
path = os.environ["TEST_CLOCK"]


def stepped():
    with open(path) as told:
        return real_time() + float(told.read())


class Kind(type):
    def __instancecheck__(cls, one):
        return isinstance(one, real)

    def __subclasscheck__(cls, one):
        return issubclass(one, real)


class datetime(real, metaclass=Kind):
    def __new__(cls, *args, **more):
        return real(*args, **more)

    @classmethod
    def now(cls, tz=None):
        return real.fromtimestamp(stepped(), tz)

    @classmethod
    def utcnow(cls):
        return real.fromtimestamp(stepped(), module.timezone.utc).replace(tzinfo=None)


time.time = stepped
module.datetime = datetime
"""


@dataclass
class Stepped:
    """The stack with its clock in our hand."""

    stack: Stack
    step: Callable[[float], None]
    owner: psycopg.Connection


@pytest.fixture(scope="module")
def scene() -> Iterator[Stepped]:
    """Sandbox and Tandem, paired by one profile; the sandbox and the database keep the time."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance, shim = Path(folder) / "instance", Path(folder) / "shim"
        for one in (instance, shim):
            one.mkdir()
        for one in (Path(folder), instance):
            one.chmod(0o755)  # the embedded database runs as its own user
        (shim / "sitecustomize.py").write_text(SITECUSTOMIZE)
        clock = shim / "clock"

        def step(seconds: float) -> None:
            fresh = clock.with_suffix(".new")
            fresh.write_text(str(seconds))
            fresh.replace(clock)

        step(0)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with (
            sites_running(index_delay=INDEX_MS, delivery_delay=50) as jira,
            (instance / "tandem.log").open("ab") as log,
        ):
            environment = tandem_environment(
                instance, url, port, jira, PYTHONPATH=str(shim), TEST_CLOCK=str(clock)
            )
            with tandem_serving(environment, log) as child:
                whole = Stack(jira, child, url, instance, environment)
                whole.install()
                whole.create_profile(whole.connect(), left=LEFT, right=RIGHT, name="Web tasks")
                address = whole.database
                with psycopg.connect(address, autocommit=True) as owner:
                    yield Stepped(whole, step, owner)
            assert jira.broken_answers() == []


def shown_time(scene: Stepped) -> float:
    """What the web process takes for the time, as seconds ahead of ours."""
    answer = requests.get(f"{scene.stack.url}/healthz", timeout=90)
    told = float(answer.json()["time"])
    ours: float = scene.owner.execute("SELECT extract(epoch FROM now())::float8").fetchone()[0]  # type: ignore[index]
    return told - ours


def search(scene: Stepped) -> None:
    """Make both searches due, as they are every five minutes, until both have ended."""
    began = scene.owner.execute("SELECT now()").fetchone()

    def ended() -> bool:
        # Again and again: one that was under way ends as one of before, due in five minutes.
        left = (
            "WITH due AS (UPDATE search_look SET due_at = least(due_at, now())"
            " WHERE looked_at < %s RETURNING 1) SELECT count(*) FROM due"
        )
        return scene.owner.execute(left, began).fetchone() == (0,)

    wait_until("both sides were searched", ended, seconds=LONG)


def nothing_due(scene: Stepped) -> None:
    """Wait until no change is left; the page cannot be asked while its clock is wrong."""
    wait_until(
        "nothing is due",
        lambda: scene.owner.execute("SELECT count(*) FROM change").fetchone() == (0,),
        seconds=LONG,
    )


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "back"])
def test_a_clock_that_is_stepped_loses_and_doubles_nothing(scene: Stepped, hours: int) -> None:
    stack = scene.stack
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    name = "ahead" if hours > 0 else "back"
    left, right = pair(stack, f"Clock {name}")
    stack.settle()
    acme.webhooks(hold=True)
    globex.webhooks(hold=True)
    scene.step(hours * HOUR)
    assert abs(shown_time(scene) - hours * HOUR) < HOUR / 2  # the step is felt
    edit_issue(acme, left, summary=f"Clock {name}, edited")
    edit_issue(globex, right, labels=["there"])
    create_issue(acme, *LEFT, summary=f"New while {name}")
    acme.release()  # every delivery's token is out of time: refused, and sent again by Jira
    wait_until(
        "a delivery was refused",
        lambda: any(one["status"] == 401 for one in acme.webhook_log()),
        seconds=LONG,
    )
    wait_until(
        "search knows it",
        lambda: keys_by_summary(acme, LEFT[0]).get(f"New while {name}"),
        seconds=LONG,
    )
    search(scene)  # by the task that runs every ten seconds, whatever the clock shows
    wait_until("both edits crossed", lambda: in_step(stack, left, right), seconds=LONG)
    assert mapped(globex, right)["summary"] == f"Clock {name}, edited"
    assert mapped(acme, left)["labels"] == ["there"]
    wait_until(
        "the new issue has a twin",
        lambda: keys_by_summary(globex, RIGHT[0]).get(f"New while {name}"),
        seconds=LONG,
    )
    nothing_due(scene)
    way = "ahead of" if hours > 0 else "behind"
    told = f"Tandem's clock is 60 minutes {way} {acme.url.split('://', 1)[1]}'s."
    wait_until("the page says that it is refused for the clock", lambda: says(stack, told), LONG)
    assert opened(stack).status_code == 401
    paused = "SELECT count(*) FROM site_budget WHERE paused_since IS NOT NULL"
    assert scene.owner.execute(paused).fetchone() == (0,)  # nobody was taken for locked out

    scene.step(0)
    for site in (acme, globex):
        site.webhooks(hold=False)
        site.release()
    edit_issue(acme, left, summary=f"Clock {name}, set right")
    wait_until("webhooks work again", lambda: in_step(stack, left, right), seconds=LONG)
    wait_until("the page opens", lambda: opened(stack).ok, seconds=LONG)
    wait_until("it is told no more", lambda: not says(stack, "Tandem's clock is"), seconds=LONG)
    rests(scene, f"Clock {name}, set right", f"New while {name}")


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "back"])
def test_a_step_between_a_create_and_its_lost_answer_doubles_nothing(
    scene: Stepped, hours: int
) -> None:
    acme, globex = scene.stack.sandbox.acme, scene.stack.sandbox.globex
    summary = f"Half made, clock {hours:+}"
    post = {"method": "POST", "path": "/rest/api/3/issue$", "app": APP_KEY}
    globex.faults({**post, "kind": "commit-then-500", "times": 1})
    globex.webhooks(drop=1.0)  # the twin does not tell of itself
    create_issue(acme, *LEFT, summary=summary)
    sent = "SELECT count(*) FROM issue_link WHERE create_sent_at IS NOT NULL"
    wait_until(
        "the create was sent", lambda: scene.owner.execute(sent).fetchone() == (1,), seconds=LONG
    )
    scene.step(hours * HOUR)
    nothing_due(scene)
    scene.step(0)
    globex.faults()
    globex.webhooks(drop=0.0)
    rests(scene, summary)


def test_the_doctor_says_that_the_clock_is_wrong(scene: Stepped) -> None:
    scene.step(HOUR)
    told = tandem(scene.stack.environment, "doctor")
    scene.step(0)
    assert told.returncode != 0
    assert re.search(r"WRONG +clock +3[56]\d\d s from the remote clock", told.stdout)
    assert "Set the clock by NTP: tokens depend on it." in told.stdout


def rests(scene: Stepped, *summaries: str) -> None:
    """Each of these is there once a side, and nothing is written any more."""
    stack = scene.stack
    stack.settle()
    before = writes(stack)
    for site, project in ((stack.sandbox.acme, LEFT[0]), (stack.sandbox.globex, RIGHT[0])):
        wait_until(
            f"{project} has {summaries}",
            lambda site=site, project=project: (  # type: ignore[misc]
                set(summaries) <= set(keys_by_summary(site, project))
            ),
            seconds=LONG,
        )
        found = keys_by_summary(site, project)
        assert [len(found[summary]) for summary in summaries] == [1] * len(summaries)
    search(scene)
    stack.settle()
    assert writes(stack) == before
