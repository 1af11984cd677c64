"""The pairs are lost: the marks on the twins bring them back, whoever is edited or loaded first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.stack import Stack, wait_until
from demo.walk import create_issue, edit_issue, keys_by_summary, mapped
from tests.stack_fixture import owner, running, tandem  # noqa: F401  fixtures

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's
NAMES = [f"Lost {number}" for number in range(4)]


@pytest.fixture(scope="module")
def paired(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """Four pairs of a profile from WEB to PLAT, two from each side."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    running.create_profile(
        running.connect(), left=("WEB", "Task"), right=("PLAT", "Task"), name="Lost"
    )
    for number, name in enumerate(NAMES):
        site, project, other, there = (
            (acme, "WEB", globex, "PLAT") if number % 2 else (globex, "PLAT", acme, "WEB")
        )
        create_issue(site, project, "Task", summary=name)
        wait_until(
            f"{name} has a twin",
            lambda other=other, there=there, name=name: keys_by_summary(other, there).get(name),  # type: ignore[misc]
            LONG,
        )
    running.settle()
    yield running


def lose(stack: Stack) -> None:
    """All that Tandem knows of pairs."""
    with owner(stack) as database:
        for table in ("change", "item_link", "written", "issue_link"):
            database.execute(f"DELETE FROM {table}")


def keys(stack: Stack, name: str) -> tuple[list[str], list[str]]:
    left, right = stack.sandbox.acme, stack.sandbox.globex
    return keys_by_summary(left, "WEB").get(name, []), keys_by_summary(right, "PLAT").get(name, [])


@pytest.mark.parametrize(
    "match", [("--no-match",), ("--match", "summary")], ids=["unmatched", "matched"]
)
def test_a_load_after_the_loss_of_the_pairs_pairs_again_and_doubles_nothing(
    paired: Stack, match: tuple[str, ...]
) -> None:
    before = {name: keys(paired, name) for name in NAMES}
    lose(paired)
    words = ("profile", "load", "Lost", "--from", "both", *match)
    done = tandem(paired.environment, *words, seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    paired.settle()
    assert {name: keys(paired, name) for name in NAMES} == before
    for name in NAMES:
        [left], [right] = before[name]
        edit_issue(paired.sandbox.acme, left, labels=["after"])
        wait_until(
            f"{right} follows {left}",
            lambda right=right: mapped(paired.sandbox.globex, right)["labels"] == ["after"],  # type: ignore[misc]
            LONG,
        )
        edit_issue(paired.sandbox.acme, left, labels=[])
    paired.settle()
    assert {name: keys(paired, name) for name in NAMES} == before


def test_a_twin_that_another_issue_has_meanwhile_is_not_taken_from_it(paired: Stack) -> None:
    [first], [twin] = keys(paired, NAMES[1])
    [other], _ = keys(paired, NAMES[3])
    with owner(paired) as database:
        taken = database.execute(
            "SELECT right_issue_id, right_key FROM issue_link WHERE left_key = %s", (first,)
        ).fetchone()
        for table in ("change", "item_link", "written"):
            database.execute(f"DELETE FROM {table}")
        database.execute("DELETE FROM issue_link WHERE left_key <> %s", (other,))
        database.execute("UPDATE issue_link SET (right_issue_id, right_key) = (%s, %s)", taken)
    words = ("profile", "load", "Lost", "--from", "left", "--no-match")
    done = tandem(paired.environment, *words, seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    paired.settle()
    with owner(paired) as database:
        links = dict(database.execute("SELECT left_key, right_key FROM issue_link").fetchall())
    assert links[other] == twin
    assert links[first] not in {None, twin}  # a new one
    assert "reconcile failed" not in (paired.instance / "tandem.log").read_text()
