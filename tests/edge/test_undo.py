"""What an undo decides from the notes alone, and how it keeps others out of a lane."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click import UsageError
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from app.cli.undo import time_of, undo
from app.database import tenant_transaction, unscoped_transaction
from app.errors import Problem
from app.mapping.profile import Kind, Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler
from app.sync import store_dirty, written
from app.sync.items.model import Gone, ItemLink
from app.sync.items.trace import Deed
from app.sync.undo_hold import LEASE, Hold, UnderWay, alone, let_go_of_the_dead
from app.sync.undo_items import ItemNote, judge_item
from app.sync.undo_plan import Note, Verdict, Why, judge, untouched
from app.sync.written import Amended, Wrote

A, B, C, X = (letter * 32 for letter in "abcd")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def notes(*moves: tuple[str | None, str]) -> list[Note]:
    """Notes of writes from one mark to another."""
    return [Note(before, after, before is None, None) for before, after in moves]


@pytest.mark.parametrize(
    ("moves", "now", "verdict", "back"),
    [
        pytest.param([(A, B)], B, Verdict.RESTORE, A, id="one write"),
        pytest.param([(A, B)], A, Verdict.ALREADY, None, id="it is back"),
        pytest.param([(A, B)], C, Verdict.CHANGED, None, id="somebody changed it since"),
        pytest.param([(A, B), (B, C)], C, Verdict.RESTORE, A, id="a row of writes goes as one"),
        pytest.param([(A, B), (B, C)], A, Verdict.ALREADY, None, id="a whole row is back"),
        pytest.param([(A, B), (X, C)], C, Verdict.RESTORE, X, id="a person wrote in between"),
        pytest.param([(A, B), (X, C)], X, Verdict.ALREADY, None, id="back at what he wrote"),
        pytest.param([(A, B), (B, A)], A, Verdict.ALREADY, None, id="we went there and back"),
        pytest.param([(A, B), (B, C)], B, Verdict.CHANGED, None, id="somebody went half way back"),
        pytest.param([(A, B), (A, B)], B, Verdict.RESTORE, A, id="noted twice, done once"),
    ],
)
def test_a_field_goes_back_as_far_as_our_writes_hang_together(
    moves: list[tuple[str | None, str]], now: str, verdict: Verdict, back: str | None
) -> None:
    assert judge(notes(*moves), now) == (verdict, back)


def test_a_created_issue_is_untouched_only_while_it_is_as_we_read_it_back() -> None:
    made = {"s=s": [Note(None, A, True, NOON)], "d=d": [Note(None, B, True, NOON)]}
    later = NOON + timedelta(milliseconds=1)
    assert untouched(made, {"s=s": A, "d=d": B}, NOON, None)
    assert not untouched(made, {"s=s": A, "d=d": B}, later, None)
    assert not untouched(made, {"s=s": A, "d=d": C}, NOON, None)
    assert not untouched(made, {"s=s": A}, NOON, None)
    unread = {"s=s": [Note(None, A, True, None)]}
    assert not untouched(unread, {"s=s": A}, NOON, None)
    assert untouched(unread, {"s=s": A}, NOON, NOON)
    assert not untouched(unread, {"s=s": A}, later, NOON)


ROW = ItemLink(uuid.uuid4(), "comments", "1", "2", Side.LEFT, "f", "s" * 32, A)
MADE, ANEW, DELETED = Deed.MADE, Deed.WRITTEN, Deed.DELETED


@pytest.mark.parametrize(
    ("deeds", "row", "now", "verdict", "why"),
    [
        pytest.param([MADE], {}, A, "delete", None, id="as we made it"),
        pytest.param([MADE, ANEW], {}, A, "delete", None, id="as we wrote it in the same run"),
        pytest.param([MADE], {}, B, "leave", Why.CHANGED, id="edited a moment ago"),
        pytest.param([MADE], {"touched": True}, A, "leave", Why.CHANGED, id="known as edited"),
        pytest.param([MADE], {"twin_gone": Gone.THEIRS}, None, "already", None, id="it went"),
        pytest.param([MADE], {"twin_gone": Gone.UNDONE}, None, "already", None, id="undone"),
        pytest.param([MADE], {"twin_gone": Gone.UNDONE}, A, "delete", None, id="half undone"),
        pytest.param([MADE], {"right": None}, None, "already", None, id="never made"),
        pytest.param(
            [MADE], {"right": None, "sent_ago": 1.0}, None, "leave", Why.BUSY, id="being made"
        ),
        pytest.param([MADE], {"source": None}, A, "leave", Why.UNKNOWN, id="nobody's by now"),
        pytest.param([MADE], {"source": Side.RIGHT}, A, "leave", Why.UNKNOWN, id="turned round"),
        pytest.param([ANEW], {}, A, "leave", Why.NO_HISTORY, id="written anew"),
        pytest.param([ANEW, DELETED], {}, None, "leave", Why.NO_HISTORY, id="anew, then deleted"),
        pytest.param([DELETED], {"twin_gone": Gone.OURS}, None, "leave", Why.NO_HISTORY, id="del"),
        pytest.param([DELETED, MADE], {}, A, "leave", Why.NO_HISTORY, id="deleted, made again"),
        pytest.param([DELETED], {"twin_gone": Gone.UNDONE}, None, "again", None, id="an undo's"),
    ],
)
def test_of_twins_of_items_only_what_we_made_and_nobody_edited_since_is_deleted(
    deeds: list[Deed], row: dict[str, Any], now: str | None, verdict: str, why: Why | None
) -> None:
    note = ItemNote(ROW.id, uuid.uuid4(), Side.RIGHT, 7, "comments", tuple(deeds), last=True)
    judged = judge_item(note, replace(ROW, **row), now)
    assert (judged.verdict, judged.why) == (verdict, why)
    assert judge_item(note, None, now).why is Why.UNKNOWN


def test_a_twin_that_was_written_by_a_later_change_stays() -> None:
    note = ItemNote(ROW.id, uuid.uuid4(), Side.RIGHT, 7, "comments", (MADE,), last=False)
    assert judge_item(note, ROW, A).why is Why.CHANGED
    assert judge_item(note, ROW, None).verdict == "already"


@pytest.mark.parametrize(
    ("kind", "id_", "words", "value"),
    [
        (Kind.TEXT, None, "A text ", "A text"),
        (Kind.TEXT, None, None, None),
        (Kind.LABELS, "", "b a b", ("a", "b")),
        (Kind.LABELS, None, "", ()),
        (Kind.NAMED, "2", "High", "High"),
        (Kind.NAMED, None, None, None),
        (Kind.DATE, "2027-01-31", "31/Jan/27", "2027-01-31"),
        (Kind.DATE, None, None, None),
        (Kind.RICH_TEXT, None, "", None),
    ],
)
def test_a_changelog_tells_a_value_kind_by_kind(
    kind: Kind, id_: str | None, words: str | None, value: object
) -> None:
    assert handler(kind).of_changelog(id_, words) == (value,)


def test_a_day_that_a_changelog_does_not_tell_as_a_day_is_not_guessed() -> None:
    assert handler(Kind.DATE).of_changelog("31/Jan/27", "31/Jan/27") == ()


@pytest.mark.parametrize(
    "words", ["One.", "One.\n\nTwo.", "One.\nand more.\n\nTwo.", "First\n\n\n\nlast"]
)
def test_every_reading_of_rich_text_has_the_words_of_the_changelog_and_can_be_written(
    words: str,
) -> None:
    kind = handler(Kind.RICH_TEXT)
    found = kind.of_changelog(None, words)
    assert found
    for value in found:
        assert kind.text(value).split() == words.split()
        assert kind.read(kind.write(value)) == value


# -- rows


@pytest.fixture
def stored(app: Flask, database_url: str) -> Iterator[StoredProfile]:
    """A profile with a dirty change in lane 1."""
    from tests.rows import write_rows

    with psycopg.connect(database_url) as owner:
        rows = write_rows(owner)
        owner.execute("DELETE FROM undo_hold")
        owner.execute("DELETE FROM written")
    yield StoredProfile(**_fields(rows))


def _fields(rows: Any) -> dict[str, Any]:
    from dataclasses import fields

    from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope

    known: dict[str, Any] = {
        "id": rows.profile,
        "left_tenant": rows.left,
        "right_tenant": rows.right,
        "profile": Profile(Scope("1", "1"), Scope("1", "1"), DEFAULT_FIELDS),
    }
    return {one.name: known.get(one.name) for one in fields(StoredProfile)}


def due(stored: StoredProfile) -> int:
    """How many changes a drain of lane 1 would take up."""
    with tenant_transaction(stored.left_tenant) as session:
        return len(store_dirty.due(session, stored, 1))


def hold_of(stored: StoredProfile, lane: int = 1) -> Hold:
    """A hold of a run of its own."""
    return Hold(stored, uuid.uuid4(), lane, f"drain:{stored.id}:{lane}")


def test_nothing_is_drained_from_a_lane_while_an_undo_has_it(stored: StoredProfile) -> None:
    assert due(stored) == 1
    hold_of(stored, lane=2).take()
    assert due(stored) == 1
    hold = hold_of(stored)
    hold.take()
    assert due(stored) == 0
    hold.release()
    assert due(stored) == 1


def test_a_lane_waits_for_the_drain_that_is_at_work_there(
    stored: StoredProfile, app: Flask, database_url: str
) -> None:
    lock = f"drain:{stored.id}:1"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args,"
            " status) VALUES ('sync', 'drain', %s, %s,"
            " jsonb_build_object('profile_id', %s::text, 'lane', 1), 'doing')",
            (lock, lock, str(stored.id)),
        )
        taken = threading.Event()

        def take() -> None:
            with app.app_context():
                hold_of(stored).take()
                taken.set()

        thread = threading.Thread(target=take)
        thread.start()
        try:
            while owner.execute("SELECT count(*) FROM undo_hold").fetchone() != (1,):
                assert thread.is_alive()
            assert due(stored) == 0
            assert not taken.wait(0.5)
        finally:
            owner.execute("DELETE FROM procrastinate_jobs")
            thread.join(60)
    assert taken.is_set()


def test_a_dead_undo_lets_go_in_time_and_the_next_one_lets_go_for_it(
    stored: StoredProfile, database_url: str
) -> None:
    hold = hold_of(stored)
    hold.take()
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("UPDATE undo_hold SET until = now() - interval '1 second'")
        assert due(stored) == 1
        with pytest.raises(Problem, match="silent for too long"):
            hold.renew()
        owner.execute(f"UPDATE undo_hold SET until = now() + interval '{LEASE - 60} seconds'")
    assert due(stored) == 0
    with alone(stored.id):
        assert let_go_of_the_dead(stored) == []  # it is not dead
    assert due(stored) == 0
    assert let_go_of_the_dead(stored) == [1]
    assert due(stored) == 1


def test_a_profile_has_one_undo_at_a_time(stored: StoredProfile) -> None:
    with alone(stored.id):
        with pytest.raises(UnderWay, match="under way"), alone(stored.id):
            pass
        with alone(uuid.uuid4()):
            pass
    with alone(stored.id):
        pass


def rows_of(database_url: str) -> list[tuple[Any, ...]]:
    """What is noted: field, before, after."""
    with psycopg.connect(database_url) as owner:
        return owner.execute(
            "SELECT field_key, mark_before, mark_after FROM written ORDER BY id"
        ).fetchall()


def test_what_came_of_a_write_corrects_its_newest_note_alone(
    stored: StoredProfile, database_url: str
) -> None:
    link = uuid.uuid4()

    def wrote(key: str, before: str, after: str) -> Wrote:
        return Wrote(link, Side.LEFT, 7, key, before, after, None)

    with tenant_transaction(stored.left_tenant) as session:
        written.note(session, stored, [wrote("a=a", A, B), wrote("b=b", A, B)])
        written.note(session, stored, [wrote("a=a", B, C), wrote("b=b", B, C)])
        written.amend(
            session, [Amended(link, Side.LEFT, "a=a", X), Amended(link, Side.LEFT, "b=b", None)]
        )
        written.amend(session, [Amended(link, Side.RIGHT, "a=a", None)])
    assert rows_of(database_url) == [("a=a", A, B), ("b=b", A, B), ("a=a", B, X)]
    with tenant_transaction(stored.left_tenant) as session:
        # What it replaced was another value; and what was stored is spelled otherwise.
        replaced = Amended(link, Side.LEFT, "a=a", None, before=C)
        written.amend(session, [Amended(link, Side.LEFT, "a=a", A), replaced])
        [newest] = written.newest(session, link, Side.LEFT, ["a=a", "c=c"])
    assert (newest.before, newest.after) == (C, A)
    assert rows_of(database_url) == [("a=a", A, B), ("b=b", A, B), ("a=a", C, A)]


def test_what_is_older_than_90_days_is_forgotten(stored: StoredProfile, database_url: str) -> None:
    with tenant_transaction(stored.left_tenant) as session:
        for number, key in enumerate(("old=old", "new=new")):
            written.note(session, stored, [Wrote(uuid.uuid4(), Side.LEFT, number, key, A, B, None)])
        session.execute(
            text("UPDATE written SET at = now() - interval '91 days' WHERE field_key = 'old=old'")
        )
    with psycopg.connect(database_url) as owner:
        for age in (91, 89):
            owner.execute(
                "INSERT INTO item_written (profile_id, left_tenant_id, right_tenant_id, link_id,"
                " item_id, kind, side, issue_id, did, at) VALUES (%s, %s, %s, %s, %s, 'links',"
                " 'left', %s, 'made', now() - make_interval(days => %s))",
                (stored.id, stored.left_tenant, stored.right_tenant, *[uuid.uuid4()] * 2, age, age),
            )
    with unscoped_transaction() as session:
        written.forget(session)
    assert [row[0] for row in rows_of(database_url)] == ["new=new"]
    with psycopg.connect(database_url) as owner:
        kept = owner.execute("SELECT issue_id FROM item_written WHERE kind = 'links'").fetchall()
    assert kept == [(89,)]


def test_a_run_owns_what_it_wrote_only_where_no_live_change_was_among_it() -> None:
    run = uuid.uuid4()

    def dirty(of: uuid.UUID | None) -> store_dirty.Dirty:
        return store_dirty.Dirty(Side.LEFT, 1, 1, 1, None, 0, of)

    assert written.run_of([dirty(run), dirty(run)]) == run
    assert written.run_of([dirty(run), dirty(None)]) is None
    assert written.run_of([dirty(run), dirty(uuid.uuid4())]) is None


def test_a_run_has_in_hand_what_it_marked_until_that_is_done_or_set_aside(
    stored: StoredProfile, database_url: str
) -> None:
    run = uuid.uuid4()
    places = stored.id, stored.left_tenant, stored.right_tenant
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
            " VALUES (%s, %s, %s, %s, 'load', 'command')",
            (run, *places),
        )
        for issue, parked, of in ((101, False, run), (102, True, run), (103, False, None)):
            owner.execute(
                "INSERT INTO change (profile_id, left_tenant_id, right_tenant_id, lane, side,"
                " issue_id, parked, run_id) VALUES (%s, %s, %s, 1, 'left', %s, %s, %s)",
                (*places, issue, parked, of),
            )

    def found(*left: int, right: tuple[int, ...] = ()) -> uuid.UUID | None:
        with tenant_transaction(stored.left_tenant) as session:
            issues = {Side.LEFT: left, Side.RIGHT: right}
            return store_dirty.run_in_hand(session, stored, issues)

    assert found(103, 101) == run
    assert found(102, 103) is None  # set aside; live
    assert found(right=(101,)) is None  # the same number on the other site
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM change WHERE issue_id = 101")
    assert found(101) is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Give a RUN, or --profile and --since."),
        (("--profile", "Web"), "--profile and --since belong together."),
        (("x", "--until", "2026-11-25"), "--until belongs to --since."),
        (("x", "--unlink"), "--unlink needs --delete-created"),
        (("x", "--json"), "--json needs --yes or --dry-run."),
    ],
)
def test_a_wrong_command_says_what_is_wrong(words: tuple[str, ...], sentence: str) -> None:
    done = CliRunner().invoke(undo, words)
    assert done.exit_code == 2
    assert sentence in done.output


@pytest.mark.parametrize("words", ["noon", "25.11.2026", ""])
def test_a_time_that_is_none_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError, match=r"--since: this is no time\. Write it"):
        time_of("--since", words)
    assert time_of("--since", "2026-11-25T14:00") == datetime(2026, 11, 25, 14, tzinfo=UTC)
