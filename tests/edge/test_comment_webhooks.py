"""Which deliveries about comments mark an issue, and which say what is known already."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.mapping import profiles, revisions
from app.mapping.profile import ItemKind
from tests.edge.jira import Jira
from tests.edge.test_webhooks import BODY, body, changes, link, profile  # noqa: F401  a fixture

SEEN = "2026-04-25T13:10:14.000+0000"
LATER = "2026-04-25T13:10:15.000+0000"


def told(name: str = "comment_created", item: str = "5", **comment: Any) -> dict[str, Any]:
    """A comment's own event, with as little of its issue as Jira gives."""
    made = copy.deepcopy(BODY)
    fields = {one: made["issue"]["fields"][one] for one in ("project", "issuetype")}
    made = {"webhookEvent": name, "issue": {**made["issue"], "fields": fields}}
    made["comment"] = {"id": item, "updated": SEEN, "jsdPublic": True, "body": "Hi"} | comment
    return made


@pytest.fixture
def carried(app: Flask, database_url: str, profile: uuid.UUID) -> uuid.UUID:  # noqa: F811
    """The profile carries comments, and has a pair."""
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    revisions.set_items(
        tandem.vault, tandem.record, stored, ItemKind.COMMENTS, {"kind": "comments"}
    )
    link(app, database_url, profile, seen=SEEN)
    return profile


def known(database_url: str, **columns: Any) -> None:
    """The pair knows comment 5 of its left issue, by default as the twin that Tandem made."""
    values = {
        "left_item": "5",
        "right_item": "7",
        "source": "right",
        "left_seen": SEEN,
        "source_gone": False,
        "twin_gone": None,
    } | columns
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO item_link (id, profile_id, left_tenant_id, right_tenant_id, link_id,"
            " kind, root, target_tenant_id, target_issue_id, left_item, right_item, source,"
            " left_seen, source_gone, twin_gone)"
            " SELECT gen_random_uuid(), profile_id, left_tenant_id, right_tenant_id, id,"
            " 'comments', 'f00d', left_tenant_id, left_issue_id, %(left_item)s, %(right_item)s,"
            " %(source)s, %(left_seen)s, %(source_gone)s, %(twin_gone)s FROM issue_link",
            values,
        )


def marked(installed: Jira, database_url: str, delivery: dict[str, Any]) -> bool:
    """Whether a delivery leaves a mark, which forces a read."""
    assert installed.webhook(delivery).status_code == 204
    found = changes(database_url)
    assert all(updated is None for _, _, _, updated in found)
    return bool(found)


@pytest.mark.usefixtures("profile")
def test_comments_matter_only_to_profiles_that_carry_them(
    app: Flask,
    installed: Jira,
    database_url: str,
    profile: uuid.UUID,  # noqa: F811
) -> None:
    link(app, database_url, profile, seen=SEEN)
    assert not marked(installed, database_url, told())


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize("name", ["comment_created", "comment_updated", "comment_deleted"])
def test_a_comment_that_is_not_known_marks_its_issue(
    installed: Jira, database_url: str, name: str
) -> None:
    assert marked(installed, database_url, told(name))


def test_a_comment_of_an_issue_that_has_no_twin_yet_marks_it_as_any_other_change_does(
    installed: Jira, database_url: str, carried: uuid.UUID
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM issue_link")
    assert marked(installed, database_url, told())


@pytest.mark.usefixtures("carried")
def test_the_issues_own_event_of_a_comment_says_nothing_more(
    installed: Jira, database_url: str
) -> None:
    shadow = body(changed=None, updated=LATER)
    shadow |= {"issue_event_type_name": "issue_commented", "comment": told()["comment"]}
    assert not marked(installed, database_url, shadow)
    shadow["changelog"] = {"items": [{"field": "summary", "fieldId": "summary"}]}
    shadow["issue"]["fields"]["summary"] = "Edited in the same screen"
    assert installed.webhook(shadow).status_code == 204
    assert len(changes(database_url)) == 1


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    ("row", "delivery", "mark"),
    [
        ({}, told(), False),
        ({}, told("comment_updated"), False),
        ({}, told("comment_updated", updated=LATER), True),
        ({}, told(item="6"), True),
        ({}, told(jsdPublic=False), False),  # ours, made internal by us
        ({"source": "left"}, told(), False),
        ({"source": "left"}, told("comment_updated", updated=LATER), True),
        ({"source": "left"}, told("comment_updated", jsdPublic=False), True),
        ({"source": "left"}, told("comment_updated", visibility={"type": "role"}), True),
        ({"left_seen": None}, told(), True),
        ({}, told("comment_deleted"), True),
        ({"twin_gone": "ours"}, told("comment_deleted"), False),
        ({"twin_gone": "theirs"}, told("comment_deleted"), False),
        ({"source": "left"}, told("comment_deleted"), True),
        ({"source": "left", "source_gone": True}, told("comment_deleted"), False),
        ({"source": None}, told("comment_updated", updated=LATER), False),  # others keep it
    ],
)
def test_what_the_pair_knows_of_a_comment_is_an_echo_and_nothing_else_is(
    installed: Jira, database_url: str, row: dict[str, Any], delivery: dict[str, Any], mark: bool
) -> None:
    known(database_url, **row)
    assert marked(installed, database_url, delivery) is mark


@pytest.mark.usefixtures("carried")
def test_the_echo_of_a_comment_is_one_while_its_pair_is_being_visited_too(
    installed: Jira, database_url: str
) -> None:
    known(database_url)
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
            " SELECT profile_id, 'right', right_issue_id, left_tenant_id, right_tenant_id, lane"
            " FROM issue_link"
        )
    before = changes(database_url)
    assert installed.webhook(told()).status_code == 204
    assert changes(database_url) == before


@pytest.mark.usefixtures("carried")
@pytest.mark.parametrize(
    ("comment", "field"),
    [
        ({"id": "x"}, "comment.id"),
        ({"updated": "yesterday"}, "comment.updated"),
        (None, "comment"),
    ],
)
def test_a_malformed_comment_is_refused_with_the_field_at_fault(
    installed: Jira, comment: dict[str, Any] | None, field: str
) -> None:
    delivery = told(**comment) if comment else {**told(), "comment": "none"}
    answer = installed.webhook(delivery)
    assert (answer.status_code, answer.json["field"]) == (400, field)
