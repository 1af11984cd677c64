"""Which deliveries about files mark an issue: its own changes tell, for files' events do not."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask

from app import Tandem
from app.mapping import profiles, revisions
from app.mapping.profile import ItemKind
from tests.edge.jira import Jira
from tests.edge.test_webhooks import BODY, changes, link, profile  # noqa: F401  a fixture
from tests.edge.test_work_webhooks import SEEN, known

NEVER = "1970-01-01T00:00:00.000+0000"


def change(*items: dict[str, Any]) -> dict[str, Any]:
    """A change of the issue."""
    return {**BODY, "changelog": {"id": "1", "items": list(items)}}


def came(file: object = "5") -> dict[str, Any]:
    return {"field": "Attachment", "fieldId": "attachment", "from": None, "to": file}


def went(file: object = "5") -> dict[str, Any]:
    return {"field": "Attachment", "fieldId": "attachment", "from": file, "to": None}


@pytest.fixture
def carried(app: Flask, database_url: str, profile: uuid.UUID) -> uuid.UUID:  # noqa: F811
    """The profile carries files, and has a pair."""
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    asked = {"kind": ItemKind.ATTACHMENTS.value}
    revisions.set_items(tandem.vault, tandem.record, stored, ItemKind.ATTACHMENTS, asked)
    link(app, database_url, profile, seen=SEEN)
    return profile


def marked(installed: Jira, database_url: str, delivery: dict[str, Any]) -> bool:
    """Whether a delivery leaves a mark."""
    assert installed.webhook(delivery).status_code == 204
    return bool(changes(database_url))


def test_files_matter_only_to_profiles_that_carry_them(
    app: Flask,
    installed: Jira,
    database_url: str,
    profile: uuid.UUID,  # noqa: F811
) -> None:
    link(app, database_url, profile, seen=SEEN)
    assert not marked(installed, database_url, change(came()))
    assert not marked(installed, database_url, change(came(), came("6")))


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    "items",
    [
        [came()],
        [went()],
        [came(), came("6")],
        [came("x")],
        [came(5)],
        [came(), {"field": "Rank", "fieldId": "customfield_1", "from": "", "to": ""}],
    ],
)
def test_a_file_that_is_not_known_marks_its_issue(
    installed: Jira, database_url: str, items: list[dict[str, Any]]
) -> None:
    assert marked(installed, database_url, change(*items))


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    ("row", "items", "mark"),
    [
        ({}, [came()], False),
        ({}, [went()], True),
        ({"twin_gone": "ours"}, [went()], False),
        ({}, [came(), came("6")], True),
        ({"kind": "comments"}, [came()], True),
    ],
)
def test_what_the_pair_knows_already_marks_nothing(
    installed: Jira,
    database_url: str,
    row: dict[str, Any],
    items: list[dict[str, Any]],
    mark: bool,
) -> None:
    known(database_url, **{"kind": "attachments", "left_seen": NEVER} | row)
    assert marked(installed, database_url, change(*items)) is mark
