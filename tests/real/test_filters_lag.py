"""Filters where Jira's index is a minute late: an edit is judged as it is, not as search has it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.stack import Stack, stack, wait_until
from demo.walk import LEFT, create_issue, edit_issue
from tests.real.test_filters import FILTER, IN, LONG, OUT, make, shown, stands

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def late() -> Iterator[Stack]:
    """The stack, with a filtered profile, on sites whose search is a minute late."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, delivery_delay=50, index_delay=60_000) as whole:
            make(whole, left_filter=FILTER)
            yield whole
            assert whole.sandbox.broken_answers() == []


def test_leaving_and_returning_are_seen_long_before_the_index_has_them(late: Stack) -> None:
    acme, globex = late.sandbox.acme, late.sandbox.globex
    address = late.database
    with psycopg.connect(address, autocommit=True) as owner:

        def twin() -> str | None:
            row = owner.execute(
                "SELECT right_key FROM issue_link WHERE left_key = %s AND synced_at IS NOT NULL",
                (left,),
            ).fetchone()
            return None if row is None else row[0]

        left = create_issue(acme, *LEFT, summary="New to the index", priority=IN)
        wait_until("it has a twin", twin, seconds=LONG)
        late.settle()
        right = twin()
        assert right is not None
        edit_issue(acme, left, priority=OUT, summary="Left before the index knew")
        wait_until("it stands still", lambda: stands(owner, left) == "left", seconds=LONG)
        late.settle()
        assert shown(globex, right)[0] == "New to the index"
        edit_issue(acme, left, priority=IN)
        wait_until(
            "it crossed",
            lambda: shown(globex, right)[0] == "Left before the index knew",
            seconds=LONG,
        )
        assert stands(owner, left) is None
