"""Which deliveries about worklogs and links mark an issue: they name their issues by id alone."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.connect import events
from app.mapping import profiles, revisions
from app.mapping.profile import ItemKind
from tests.edge.jira import Jira
from tests.edge.test_webhooks import BODY, changes, link, profile  # noqa: F401  a fixture

SEEN = "2026-04-25T13:10:14.000+0000"
LATER = "2026-04-25T13:10:15.000+0000"
ISSUE = str(BODY["issue"]["id"])
ELSEWHERE = "999999"


def work(name: str = "worklog_created", **more: Any) -> dict[str, Any]:
    """A worklog's event."""
    told = {"id": "5", "issueId": ISSUE, "updated": SEEN, "timeSpentSeconds": 3600} | more
    return {"webhookEvent": name, "worklog": told}


def tie(name: str = "issuelink_created", source: str = ISSUE, target: str = ELSEWHERE) -> Any:
    """A link's event."""
    told = {"id": 5, "sourceIssueId": int(source), "destinationIssueId": int(target)}
    return {"webhookEvent": name, "issueLink": told}


@pytest.fixture
def carried(app: Flask, database_url: str, profile: uuid.UUID) -> uuid.UUID:  # noqa: F811
    """The profile carries worklogs and links, and has a pair."""
    tandem: Tandem = app.extensions["tandem"]
    for kind in (ItemKind.WORKLOGS, ItemKind.LINKS):
        stored = profiles.load(tandem.vault, profile)
        revisions.set_items(tandem.vault, tandem.record, stored, kind, {"kind": kind.value})
    link(app, database_url, profile, seen=SEEN)
    return profile


def known(database_url: str, kind: str, **columns: Any) -> None:
    """The pair knows item 5 of its left issue, by default as the twin that Tandem made."""
    values = {"left_seen": SEEN, "twin_gone": None, "kind": kind} | columns
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO item_link (id, profile_id, left_tenant_id, right_tenant_id, link_id,"
            " kind, root, target_tenant_id, target_issue_id, left_item, right_item, source,"
            " left_seen, twin_gone)"
            " SELECT gen_random_uuid(), profile_id, left_tenant_id, right_tenant_id, id,"
            " %(kind)s, 'f00d', left_tenant_id, left_issue_id, '5', '7', 'right',"
            " %(left_seen)s, %(twin_gone)s FROM issue_link",
            values,
        )


def marked(installed: Jira, database_url: str, delivery: dict[str, Any]) -> bool:
    """Whether a delivery leaves a mark, which forces a read."""
    assert installed.webhook(delivery).status_code == 204
    found = changes(database_url)
    assert all(updated is None for _, _, _, updated in found)
    assert len(found) <= 1
    return bool(found)


def test_the_descriptor_subscribes_to_them(app: Flask) -> None:
    told = app.test_client().get("/atlassian-connect.json").get_json()["modules"]["webhooks"]
    assert events.WORKLOGS | events.LINKS | events.ITEMS.keys() <= {one["event"] for one in told}


def test_they_matter_only_to_profiles_that_carry_them(
    app: Flask,
    installed: Jira,
    database_url: str,
    profile: uuid.UUID,  # noqa: F811
) -> None:
    link(app, database_url, profile, seen=SEEN)
    assert not marked(installed, database_url, work())
    assert not marked(installed, database_url, tie())


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    "delivery",
    [
        work(),
        work("worklog_updated"),
        work("worklog_deleted"),
        tie(),
        tie(source=ELSEWHERE, target=ISSUE),
        tie("issuelink_deleted"),
    ],
)
def test_what_is_not_known_marks_its_issue(
    installed: Jira, database_url: str, delivery: dict[str, Any]
) -> None:
    assert marked(installed, database_url, delivery)


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    "delivery",
    [
        work(issueId=ELSEWHERE),
        tie(source=ELSEWHERE, target="999998"),
    ],
)
def test_what_is_of_issues_that_nothing_carries_marks_none(
    installed: Jira, database_url: str, delivery: dict[str, Any]
) -> None:
    assert not marked(installed, database_url, delivery)


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    ("row", "delivery", "mark"),
    [
        ({"kind": "worklogs"}, work(), False),
        ({"kind": "worklogs"}, work("worklog_updated"), False),
        ({"kind": "worklogs"}, work("worklog_updated", updated=LATER), True),
        ({"kind": "worklogs"}, work("worklog_deleted"), True),
        ({"kind": "worklogs", "twin_gone": "ours"}, work("worklog_deleted"), False),
        ({"kind": "links"}, tie(), False),
        ({"kind": "links"}, tie(source=ELSEWHERE, target=ISSUE), False),
        ({"kind": "links"}, tie("issuelink_deleted"), True),
        ({"kind": "links", "twin_gone": "ours"}, tie("issuelink_deleted"), False),
        ({"kind": "comments"}, tie(), True),
    ],
)
def test_what_the_pair_knows_already_marks_nothing(
    installed: Jira, database_url: str, row: dict[str, Any], delivery: dict[str, Any], mark: bool
) -> None:
    known(database_url, **row)
    assert marked(installed, database_url, delivery) is mark


@pytest.mark.parametrize(
    ("delivery", "field"),
    [
        ({"webhookEvent": "worklog_created"}, "worklog"),
        (work(issueId=None), "worklog.issueId"),
        (work(id="x"), "worklog.id"),
        (work(updated="yesterday"), "worklog.updated"),
        ({"webhookEvent": "issuelink_created", "issueLink": []}, "issueLink"),
        (tie(target="0") | {"issueLink": {"id": 5, "sourceIssueId": 1}}, "destinationIssueId"),
        ({"webhookEvent": "issuelink_created", "issueLink": {"id": True}}, "issueLink.id"),
    ],
)
def test_what_is_wrong_in_a_delivery_is_named(
    installed: Jira, delivery: dict[str, Any], field: str
) -> None:
    answer = installed.webhook(delivery)
    assert answer.status_code == 400
    assert field in answer.get_data(as_text=True)
