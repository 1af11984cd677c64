"""What is read of worklogs, which of them may cross, and what their twins say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.jira.site import Issue
from app.mapping.profile import ItemKind, ItemMapping, Side
from app.mapping.rich import Context, carry_document
from app.sync.items.kinds import Target
from app.sync.items.model import Item, Mark
from app.sync.items.worklogs import RESTRICTED, UNREADABLE, WorklogKind
from tests.unit.test_comment_kind import document, paragraph

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ISSUE = Issue(1, "A-1", {}, NOW)
KIND = WorklogKind()


def worklog(**more: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "author": {"accountId": "a", "displayName": "Ann", "accountType": "atlassian"},
        "created": "2026-02-03T04:05:06.000+0100",
        "updated": "2026-02-03T04:05:06.000+0100",
        "started": "2026-02-03T00:05:06.070+0100",
        "timeSpentSeconds": 5400,
        "comment": document(paragraph("Dug")),
        **more,
    }


def read(*worklogs: dict[str, Any], total: int | None = None) -> tuple[list[Item], bool]:
    shown = {"worklogs": list(worklogs), "total": len(worklogs) if total is None else total}
    mapping = ItemMapping(ItemKind.WORKLOGS)
    listing = KIND.read(Issue(1, "A-1", {"worklog": shown}, NOW), ISSUE, mapping)
    assert listing is not None
    return list(listing.items), listing.whole


@dataclass
class Written:
    """The worklogs of a target: keeps what is sent, and stores it as a site does."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    def add(self, issue: int, said: dict[str, Any], properties: object) -> dict[str, Any]:
        self.sent.append(said)
        return worklog(**{"comment": None, **said})

    def edit(self, issue: int, item: str, said: dict[str, Any]) -> dict[str, Any]:
        return self.add(issue, said, None)

    def to(self, prefix: str | None, *, first: bool = True) -> Target:
        here, there = (cast(Any, SimpleNamespace(base_url=f"https://{n}.example")) for n in "ab")
        there.worklogs = self
        media = SimpleNamespace(files=lambda ids: {}, keeping=lambda now, to_write: to_write)
        return Target(
            site=there,
            issue=ISSUE,
            mapping=ItemMapping(ItemKind.WORKLOGS, prefix=prefix),
            source_url=here.base_url,
            source=here,
            media=cast(Any, media),
            carried=lambda text: carry_document(text, Context(here.base_url, there.base_url)),
            first=first,
        )


MARK = Mark("00000000-0000-0000-0000-000000000007", Side.RIGHT, "1", "7", "2", "f")


def test_one_moment_is_one_value_in_whatever_zone_it_is_told() -> None:
    [here], _ = read(worklog())
    [there], _ = read(worklog(started="2026-02-02T18:05:06.070-0500"))
    assert here.value == there.value
    [later], _ = read(worklog(started="2026-02-02T18:05:06.071-0500"))
    assert later.value != here.value


def test_the_first_worklogs_are_known_to_be_some_of_more() -> None:
    assert read(worklog(), total=1)[1]
    assert not read(worklog(), total=21)[1]


@pytest.mark.parametrize(
    ("more", "held"),
    [
        ({}, None),
        ({"comment": None}, None),
        ({"visibility": {"type": "role", "value": "Admins"}}, RESTRICTED),
        ({"comment": {"type": "doc?"}}, UNREADABLE),
        ({"comment": "plain", "visibility": {"type": "group"}}, RESTRICTED),
    ],
)
def test_which_worklogs_may_not_cross(more: dict[str, Any], held: object) -> None:
    [item], _ = read(worklog(**more))
    assert item.held == held


def test_only_worklogs_of_apps_may_bear_a_mark() -> None:
    [ours], _ = read(worklog(author={"accountId": "x", "accountType": "app"}))
    assert (ours.by_app, ours.looked) == (True, False)
    [anns], _ = read(worklog())
    assert (anns.by_app, anns.looked) == (False, True)


def test_a_twin_has_the_same_time_and_says_first_who_logged_it() -> None:
    written = Written()
    [source], _ = read(worklog())
    KIND.make(written.to("{author}:"), source, MARK)
    [said] = written.sent
    assert said["started"] == "2026-02-02T23:05:06.070+0000"
    assert said["timeSpentSeconds"] == 5400
    blocks = [one["content"][0]["text"] for one in said["comment"]["content"]]
    assert blocks == ["Ann:", "Dug"]


def test_a_twin_of_a_twin_says_nobody_once_more_and_one_of_no_text_has_none() -> None:
    written = Written()
    [source], _ = read(worklog(comment=None))
    made = KIND.make(written.to("{author}:", first=False), source, MARK)
    assert "comment" not in written.sent[0]
    assert made.value == source.value


def test_a_text_that_was_emptied_is_written_as_empty() -> None:
    written = Written()
    [source], _ = read(worklog(comment=None))
    [twin], _ = read(worklog())
    assert KIND.write(written.to(None), twin, source).value == source.value
    assert written.sent[0]["comment"]["content"] == []


def test_a_worklog_is_told_to_people_with_its_time() -> None:
    [item], _ = read(worklog())
    assert KIND.text(item) == "90 minutes from 2026-02-02 23:05 UTC\nDug"
