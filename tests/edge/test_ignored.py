"""Parked changes that somebody put out of sight: until when, for whom, and what is told of it."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.activity.log import latest
from app.database import tenant_transaction
from app.mapping import profile_lists
from app.mapping.profile import Side
from app.sync import parked, parked_groups, parked_ignored
from app.sync.parked import Ask
from app.sync.parked_groups import Wanted
from app.sync.reasons import Code
from app.sync.store_dirty import Dirty
from app.vault.store import DERIVATION_ROOT
from app.vault.vault import SERVER
from tests.edge.test_parked import cause, changes, known, owner, park, rows, stored
from tests.rows import Rows

__all__ = ["owner", "rows"]


@pytest.fixture
def tandem(app: Flask) -> Tandem:
    """The parts, with the server's own key."""
    found: Tandem = app.extensions["tandem"]
    found.vault.store.create(SERVER, DERIVATION_ROOT)
    return found


def ignore(tandem: Tandem, rows: Rows, wanted: Wanted) -> int:
    """Ignore as a person of the right site."""
    return parked_ignored.ignore(
        tandem.vault,
        tandem.record,
        stored(rows),
        wanted,
        actor="712020:ann",
        own=rows.right,
        sentence="the site does not know the value.",
    )


def listed(tandem: Tandem, rows: Rows, *, ignored: bool = False) -> list[tuple[str, int]]:
    """The groups, by field and number of issues."""
    with tenant_transaction(rows.left) as session:
        found = parked_groups.groups(session, tandem.vault, rows.profile, Wanted(ignored=ignored))
    return [(one.field, one.issues) for one in found]


def visit(tandem: Tandem, rows: Rows, issue: int, *causes: parked.Cause) -> None:
    """A visit to an issue that ends with these causes."""
    change = Dirty(Side.LEFT, issue, 0, 1, None, 0)
    with tenant_transaction(rows.left) as session:
        parked.settle(
            session,
            tandem.vault,
            stored(rows),
            found=known(rows, (Side.LEFT, issue)),
            changes=[change],
            causes=causes,
        )


def test_what_is_ignored_is_neither_counted_nor_listed_nor_asked_again(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    for issue in (1, 2, 3):
        park(tandem_app(tandem), owner, rows, issue, cause())
    assert profile_lists.overview(rows.left)[0].parked == 3
    assert ignore(tandem, rows, Wanted(row=(Side.LEFT, 2))) == 1
    assert profile_lists.overview(rows.left)[0].parked == 2
    assert (listed(tandem, rows), listed(tandem, rows, ignored=True)) == (
        [("priority", 2)],
        [("priority", 1)],
    )
    assert ignore(tandem, rows, Wanted(Side.RIGHT, Code.VALUE_UNKNOWN, "priority")) == 2
    assert ignore(tandem, rows, Wanted()) == 0
    assert profile_lists.overview(rows.left)[0].parked == 0
    owner.execute("UPDATE parked_group SET next_probe = now()")
    assert parked_groups.probe() == []
    [(rests,)] = owner.execute("SELECT next_probe > now() FROM parked_group").fetchall()
    assert rests
    with tenant_transaction(rows.left) as session:
        assert parked_groups.retry(session, rows.profile, Wanted()) == {}
    assert {row[2] for row in changes(owner)} == {True}


def tandem_app(tandem: Tandem) -> Flask:
    """The app of the parts, as `park` wants it."""
    from flask import current_app

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    assert app.extensions["tandem"] is tandem
    return app


def test_a_field_stays_ignored_while_it_holds_the_value_and_comes_back_with_another(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    park(tandem_app(tandem), owner, rows, 1, cause(mark="aa"))
    ignore(tandem, rows, Wanted())
    visit(tandem, rows, 1, cause(mark="aa"))  # another field of the issue changed
    assert (listed(tandem, rows), listed(tandem, rows, ignored=True)) == ([], [("priority", 1)])
    visit(tandem, rows, 1, cause(mark="bb"))
    assert (listed(tandem, rows), listed(tandem, rows, ignored=True)) == ([("priority", 1)], [])


def test_a_whole_issue_comes_back_with_its_next_change(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    whole = cause("", mark="", code=Code.ISSUE_REFUSED)
    park(tandem_app(tandem), owner, rows, 1, whole)
    ignore(tandem, rows, Wanted())
    assert listed(tandem, rows) == []
    visit(tandem, rows, 1, whole)
    assert listed(tandem, rows) == [("", 1)]


def test_one_of_two_causes_that_is_ignored_leaves_the_issue_in_sight(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    park(tandem_app(tandem), owner, rows, 1, cause(), cause("labels"))
    ignore(tandem, rows, Wanted(field="labels"))
    assert listed(tandem, rows) == [("priority", 1)]
    assert profile_lists.overview(rows.left)[0].parked == 1


def test_what_is_ignored_is_brought_back_by_a_retry_of_the_ignored(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    park(tandem_app(tandem), owner, rows, 1, cause())
    ignore(tandem, rows, Wanted())
    with tenant_transaction(rows.left) as session:
        assert parked_groups.retry(session, rows.profile, Wanted(ignored=True)) == {1: 1}
    assert [one.ask for one in known(rows, (Side.LEFT, 1))] == [Ask.RETRY]
    assert changes(owner) == [("left", 1, False, "retry")]
    visit(tandem, rows, 1, cause())
    owner.execute("UPDATE change SET parked = true")
    assert (listed(tandem, rows), listed(tandem, rows, ignored=True)) == ([("priority", 1)], [])


def test_the_trails_and_the_activity_say_who_ignored_what(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    for issue in (1, 2):
        park(tandem_app(tandem), owner, rows, issue, cause())
    owner.execute("DELETE FROM activity")
    ignore(tandem, rows, Wanted())
    told = owner.execute(
        "SELECT chain, actor, detail FROM audit_event WHERE action = 'parked.ignored'"
    ).fetchall()
    detail = {"side": None, "code": None, "field": None, "issues": 2}
    assert sorted(told, key=lambda one: str(one[1])) == [
        (rows.right, "712020:ann", detail),
        (rows.left, "partner", detail),
    ]
    with tenant_transaction(rows.left) as session:
        entries = latest(session, tandem.vault, 10)
    assert {(one.left_key, one.right_key, one.outcome) for one in entries} == {
        ("WEB-1", "PLAT-1", "ignored"),
        ("WEB-2", "PLAT-2", "ignored"),
    }
    assert {one.details[0].sentence for one in entries} == {
        "[~accountid:712020:ann] ignored it: the site does not know the value."
    }


def test_parked_changes_are_listed_one_by_one_with_what_is_known_of_them(
    tandem: Tandem, owner: psycopg.Connection, rows: Rows
) -> None:
    for issue in (1, 2, 3):
        park(tandem_app(tandem), owner, rows, issue, cause())
    owner.execute("DELETE FROM issue_link WHERE left_issue_id = 3")
    with tenant_transaction(rows.left) as session:
        found, total = parked_ignored.issues(session, rows.profile, Wanted(field="priority"), 2)
        last, _total = parked_ignored.issues(session, rows.profile, Wanted(row=(Side.LEFT, 3)), 2)
    assert ([(one.row, one.left_key, one.right_key) for one in found], total) == (
        [((Side.LEFT, 1), "WEB-1", "PLAT-1"), ((Side.LEFT, 2), "WEB-2", "PLAT-2")],
        3,
    )
    assert [(one.row, one.left_key) for one in last] == [((Side.LEFT, 3), None)]
