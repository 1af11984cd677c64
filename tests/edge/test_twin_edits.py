"""Which edits of twins are kept from their webhooks, because a write of ours may replace them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.connect.events import read_event
from app.database import tenant_transaction
from app.mapping import profiles, revisions
from app.mapping.profile import ItemKind, Side
from app.sync.items.edits import drop, edits_of
from tests.edge.jira import Jira
from tests.edge.test_comment_webhooks import LATER, SEEN, carried, known, told
from tests.edge.test_webhooks import changes, profile
from tests.edge.test_work_webhooks import work

__all__ = ["carried", "profile"]

EARLIER, BETWEEN = "2026-04-25T13:10:12.000+0000", "2026-04-25T13:10:13.000+0000"
SAID = "Sphinx of black quartz"
WRITTEN = [EARLIER, SEEN]


def edited(updated: str = BETWEEN, **more: Any) -> dict[str, Any]:
    """A person's edit of comment 5."""
    return told("comment_updated", updated=updated, body=SAID, **more)


def pair(database_url: str, *, over: list[str] | None = None, visited: bool = False) -> None:
    """What the row knows of our writes, and whether the pair is being visited."""
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE item_link SET over = %s::timestamptz[]", (over or [],))
        if visited:
            owner.execute(
                "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id,"
                " lane) SELECT profile_id, 'right', right_issue_id, left_tenant_id,"
                " right_tenant_id, lane FROM issue_link"
            )


def kept(app: Flask, carried: uuid.UUID) -> list[tuple[str, Side, str, datetime, str | None]]:
    """What is kept, opened."""
    vault = app.extensions["tandem"].vault
    stored = profiles.load(vault, carried)
    with tenant_transaction(stored.left_tenant) as session:
        [link] = session.connection().exec_driver_sql("SELECT id FROM issue_link").all()
        found = edits_of(session, vault, link.id)
    edits = [one for several in found.values() for one in several]
    return [(one.kind, one.side, one.item, one.updated, one.said) for one in edits]


WHEN = datetime(2026, 4, 25, 13, 10, 13, tzinfo=UTC)


def test_an_edit_that_our_write_replaced_marks_its_pair_and_is_kept_sealed(
    app: Flask,
    installed: Jira,
    database_url: str,
    carried: uuid.UUID,
) -> None:
    known(database_url)
    pair(database_url, over=WRITTEN)
    for _ in range(2):  # webhooks come twice at times
        assert installed.webhook(edited()).status_code == 204
    assert len(changes(database_url)) == 1
    assert kept(app, carried) == [("comments", Side.LEFT, "5", WHEN, SAID)]
    with psycopg.connect(database_url) as owner:
        dump = str(owner.execute("SELECT * FROM item_edit").fetchall())
        assert owner.execute("SELECT count(*) FROM data_key").fetchone() != (0,)
    assert "Sphinx" not in dump


@pytest.mark.parametrize(
    ("row", "over", "visited", "delivery", "is_kept"),
    [
        ({}, WRITTEN, False, edited(EARLIER), False),  # what we read
        ({}, WRITTEN, False, edited(SEEN), False),  # what we wrote
        ({}, WRITTEN, False, edited(LATER), False),  # the next visit reads it
        ({}, WRITTEN, True, edited(LATER), True),  # this visit may write over it
        ({}, [], True, edited(), False),  # it was seen
        ({"twin_gone": "ours"}, [], False, edited(LATER), True),  # it went with the twin
        ({"source": "left"}, WRITTEN, True, edited(LATER), False),  # no twin: never written
        ({"source": None}, WRITTEN, True, edited(LATER), False),
        ({}, WRITTEN, True, told("comment_created", updated=LATER), False),
        ({}, WRITTEN, True, told("comment_deleted"), False),
    ],
)
def test_what_no_write_can_have_replaced_is_not_kept(
    app: Flask,
    installed: Jira,
    database_url: str,
    carried: uuid.UUID,
    row: dict[str, Any],
    over: list[str],
    visited: bool,
    delivery: dict[str, Any],
    is_kept: bool,
) -> None:
    known(database_url, **row)
    pair(database_url, over=over, visited=visited)
    assert installed.webhook(delivery).status_code == 204
    assert bool(kept(app, carried)) is is_kept


@pytest.mark.parametrize(
    ("more", "internal", "said"),
    [
        ({"jsdPublic": False}, [], None),
        ({"jsdPublic": False}, ["left"], None),
        ({"jsdPublic": False}, ["left", "right"], SAID),
        ({"visibility": {"type": "role"}}, ["left", "right"], None),
        ({"jsdPublic": False, "visibility": {"type": "role"}}, ["left", "right"], None),
    ],
)
def test_what_not_everybody_may_see_is_kept_without_its_words(
    app: Flask,
    installed: Jira,
    database_url: str,
    carried: uuid.UUID,
    more: dict[str, Any],
    internal: list[str],
    said: str | None,
) -> None:
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, carried)
    asked: dict[str, object] = {"kind": "comments", "internal": internal}
    revisions.set_items(tandem.vault, tandem.record, stored, ItemKind.COMMENTS, asked)
    known(database_url)
    pair(database_url, over=WRITTEN)
    assert installed.webhook(edited(**more)).status_code == 204
    assert [one[4] for one in kept(app, carried)] == [said]


def test_what_was_kept_goes_once_it_is_told_and_after_a_week_without_a_visit(
    app: Flask,
    installed: Jira,
    database_url: str,
    carried: uuid.UUID,
) -> None:
    known(database_url)
    pair(database_url, over=WRITTEN, visited=True)
    installed.webhook(edited())
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE item_edit SET at = now() - interval '8 days'")
    installed.webhook(edited(LATER))
    [(_, _, _, updated, _)] = kept(app, carried)
    assert updated > WHEN
    vault = app.extensions["tandem"].vault
    with tenant_transaction(profiles.load(vault, carried).left_tenant) as session:
        ids = session.connection().exec_driver_sql("SELECT id FROM item_edit").scalars().all()
        drop(session, list(ids))
    assert kept(app, carried) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (told("comment_updated", body="Words"), "Words"),
        (told("comment_updated", body=None), None),
        (told("comment_updated", body={"type": "doc"}), None),
        (told("comment_updated", body="Words", visibility={"type": "role"}), None),
        (told("comment_created", body="Words"), None),
        (
            work("worklog_updated", comment="Dug", timeSpentSeconds=5400, started=SEEN),
            f"90 minutes from {SEEN}\nDug",
        ),
        (work("worklog_updated", timeSpentSeconds=60, started=SEEN), f"1 minutes from {SEEN}"),
        (work("worklog_updated", comment="Thin"), "Thin"),
    ],
)
def test_what_an_edit_says_is_read_where_it_is_told(body: dict[str, Any], said: str | None) -> None:
    item = read_event(body).item
    assert item is not None
    assert item.said == said
    assert "Words" not in repr(item)
