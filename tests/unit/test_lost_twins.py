"""Which issues without a link may have a twin already: links may have been lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.jira.site import Issue
from app.sync.lost_twins import NEW, is_old

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def issue(updated: datetime, created: str | None = "2026-03-01T12:00:00.000+0000") -> Issue:
    return Issue(7, "WEB-7", {} if created is None else {"created": created}, updated)


@pytest.mark.parametrize(
    ("updated", "now", "old"),
    [
        (MADE, MADE + MINUTE, False),
        (MADE + MINUTE, MADE + NEW, False),
        (MADE + NEW + MINUTE, MADE, True),
        # Edited soon after it was made, and found by a search an hour later.
        (MADE + MINUTE, MADE + 60 * MINUTE, True),
    ],
)
def test_an_issue_is_asked_for_a_lost_twin_once_it_is_there_for_a_while(
    updated: datetime, now: datetime, old: bool
) -> None:
    assert is_old(issue(updated), now) is old


def test_an_issue_whose_site_does_not_tell_when_it_was_made_counts_from_its_last_change() -> None:
    assert not is_old(issue(MADE, created=None), MADE + MINUTE)
    assert is_old(issue(MADE, created=None), MADE + NEW + MINUTE)
