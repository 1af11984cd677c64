"""Reason codes, groups, retries and probes of parked changes, by the rows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import event

from app import Tandem
from app.cli import main
from app.database import db, tenant_transaction
from app.jira.site import SiteError
from app.mapping.profile import DEFAULT_FIELDS, Kind, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.settings import Settings
from app.sync import budget, pacing, parked, parked_groups, reasons, store_dirty, store_links
from app.sync.marks import Mark, mark
from app.sync.parked import Ask, Known
from app.sync.parked_groups import Wanted
from app.sync.plan import Base, Plan, Reason, Write
from app.sync.reasons import Cause, Code
from app.sync.store_dirty import Dirty
from app.sync.words import refused_fields
from app.vault.store import DERIVATION_ROOT
from app.vault.vault import SERVER
from tests.rows import Rows, write_rows

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCOPE = Scope("1", "1")
PROFILE = Profile(SCOPE, SCOPE, DEFAULT_FIELDS)
WORDS = "Priority name 'A secret' is not valid"


@pytest.fixture
def owner(app: Flask, database_url: str) -> Iterator[psycopg.Connection]:
    """The owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(app: Flask, owner: psycopg.Connection) -> Rows:
    """Two tenants with a profile, whose changes the test makes."""
    written = write_rows(owner)
    owner.execute("DELETE FROM change")
    owner.execute("DELETE FROM parked_group")
    owner.execute("DELETE FROM issue_link")
    app.extensions["tandem"].vault.store.create(written.left)
    return written


def stored(rows: Rows) -> StoredProfile:
    """The profile, with the usual fields."""
    return StoredProfile(
        id=rows.profile,
        left_tenant=rows.left,
        right_tenant=rows.right,
        name="p",
        state="on",
        reason=None,
        revision=1,
        profile=PROFILE,
    )


def cause(field: str = "priority", mark: str = "aa", code: Code = Code.VALUE_UNKNOWN) -> Cause:
    """A cause at the right site."""
    return Cause(Side.RIGHT, code, field, f"{field}={field}" if field else "", mark, said=WORDS)


def park(
    app: Flask,
    owner: psycopg.Connection,
    rows: Rows,
    issue: int,
    *causes: Cause,
    side: Side = Side.LEFT,
    found: Sequence[Known] = (),
) -> bool:
    """Park an issue as a visit does. Returns whether it is news."""
    owner.execute(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
        " right_issue_id, left_key, right_key, lane) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (uuid.uuid4(), rows.profile, rows.left, rows.right, issue, issue + 1000, f"WEB-{issue}",
         f"PLAT-{issue}", issue % 8),
    )  # fmt: skip
    number = issue if side is Side.LEFT else issue + 1000
    owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
        " event_updated) VALUES (%s, %s, %s, %s, %s, %s, now())",
        (rows.profile, side.value, number, rows.left, rows.right, issue % 8),
    )
    tandem: Tandem = app.extensions["tandem"]
    change = Dirty(side, number, issue % 8, 1, None, 0)
    with tenant_transaction(rows.left) as session:
        store_dirty.park(session, stored(rows), [change], causes[0].code)
        return parked.settle(
            session, tandem.vault, stored(rows), found=found, changes=[change], causes=causes
        )


def known(rows: Rows, *issues: tuple[Side, int]) -> list[Known]:
    """What is set aside of these."""
    dirty = [Dirty(side, issue, 0, 1, None, 0) for side, issue in issues]
    with tenant_transaction(rows.left) as session:
        found = parked.known(session, stored(rows), dirty, [])
    return [one for row in found.values() for one in row]


def changes(owner: psycopg.Connection) -> list[tuple[Any, ...]]:
    """The change rows."""
    return owner.execute(
        "SELECT side, issue_id, parked, reason FROM change ORDER BY 1, 2"
    ).fetchall()


# -- codes


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Field 'x' cannot be set. It is not on the appropriate screen, or unknown.",
         Code.FIELD_NOT_ON_SCREEN),
        ("Due date is required.", Code.FIELD_REQUIRED),
        ("You must specify a summary of the issue.", Code.FIELD_REQUIRED),
        ("Summary can't exceed 255 characters.", Code.VALUE_TOO_LONG),
        ("The entered text is too long. It exceeds the allowed limit of 32,767 characters.",
         Code.VALUE_TOO_LONG),
        (WORDS, Code.VALUE_UNKNOWN),
        ("The priority selected is invalid.", Code.VALUE_UNKNOWN),
        ("Option id '10500' is not valid", Code.VALUE_UNKNOWN),
        ("User 'x' does not exist.", Code.VALUE_UNKNOWN),
        ("Operation value must be a string", Code.VALUE_MALFORMED),
        ("The label 'a b' contains spaces which is invalid.", Code.VALUE_MALFORMED),
        ("Error parsing date string: x", Code.VALUE_MALFORMED),
        ("description: INVALID_INPUT", Code.TEXT_REFUSED),
        ("Das geht nicht.", Code.FIELD_REFUSED),
    ],
)  # fmt: skip
def test_what_a_site_says_of_a_field_gives_a_code(words: str, code: Code) -> None:
    assert reasons.field_code(words) is code


@pytest.mark.parametrize(
    ("status", "words", "updating", "creating"),
    [
        (403, "No.", Code.ISSUE_FORBIDDEN, Code.CREATE_FORBIDDEN),
        (404, "Gone.", Code.ISSUE_GONE, Code.SCOPE_REFUSED),
        (413, "Large.", Code.ISSUE_TOO_LARGE, Code.ISSUE_TOO_LARGE),
        (400, "You do not have permission.", Code.ISSUE_FORBIDDEN, Code.CREATE_FORBIDDEN),
        (400, "Not editable in this workflow.", Code.WORKFLOW, Code.WORKFLOW),
        (422, "A listener.", Code.ISSUE_REFUSED, Code.CREATE_REFUSED),
    ],
)
def test_what_a_site_says_of_an_issue_gives_a_code(
    status: int, words: str, updating: Code, creating: Code
) -> None:
    error = SiteError(words, site_status=status)
    for made, code in ((False, updating), (True, creating)):
        [found] = reasons.whole_causes(error, Side.LEFT, PROFILE, creating=made)
        assert (found.code, found.field, found.mark, found.said) == (code, "", "", words)


def test_a_field_that_is_no_field_of_jira_is_not_kept() -> None:
    error = SiteError(
        "x", site_status=400, field_errors={"A secret": "is required", "customfield_7": "required."}
    )
    found = reasons.whole_causes(error, Side.LEFT, PROFILE, creating=True)
    assert [one.field for one in found] == ["customfield_7"]
    alone = SiteError("x", site_status=400, field_errors={"A secret": "is required"})
    [found_alone] = reasons.whole_causes(alone, Side.LEFT, PROFILE, creating=True)
    assert (found_alone.code, found_alone.field) == (Code.CREATE_REFUSED, "")


def test_a_rich_text_that_is_refused_without_a_name_leaves_the_rest_of_the_issue() -> None:
    writes = [
        Write(name, name, kind, "x", "", Reason.CHANGED)
        for name, kind in (("summary", Kind.TEXT), ("description", Kind.RICH_TEXT))
    ]
    error = SiteError("400: INVALID_INPUT", site_status=400)
    assert set(refused_fields(error, writes)) == {"description"}


def test_each_code_has_a_sentence_and_a_cure_and_the_page_lists_them_all() -> None:
    assert set(reasons.SAYINGS) == set(Code)
    for code in Code:
        assert all(reasons.say(code, site="acme", field="Labels"))
    assert reasons.markdown() in (DOCS / "parked.md").read_text()


def test_the_database_takes_the_codes_and_nothing_else(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    [(told,)] = owner.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'parked_cause'::regclass AND contype = 'c' AND conname ~ 'code'"
    ).fetchall()
    assert set(re.findall(r"'([a-z-]+)'", told)) == set(Code)
    park(app, owner, rows, 1, cause())
    for statement in (
        "UPDATE parked_cause SET code = 'secret'",
        "UPDATE parked_cause SET field = 'a secret'",
        "UPDATE parked_cause SET mark = 'a secret'",
        f"UPDATE change SET reason = $${WORDS}$$",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            owner.execute(statement)


def test_a_sites_words_are_only_sealed(app: Flask, owner: psycopg.Connection, rows: Rows) -> None:
    park(app, owner, rows, 1, cause())
    kept = owner.execute("SELECT p.*, c.* FROM parked_cause p JOIN change c USING (profile_id)")
    assert "A secret" not in str(kept.fetchall())
    tandem: Tandem = app.extensions["tandem"]
    with tenant_transaction(rows.right) as session:
        [group] = parked_groups.groups(session, tandem.vault, rows.profile)
    assert group.said == WORDS


# -- what a visit makes of it


def test_a_refused_value_stays_aside_until_it_changes_or_is_asked_again() -> None:
    writes = tuple(
        Write(m.key, m.right, m.kind, "x", "", Reason.CHANGED) for m in DEFAULT_FIELDS[:2]
    )
    first, second = (one.key for one in writes)
    marks = {first: "aa", second: "bb"}
    plan = Plan((), writes, (), (), Base(marks, marks), frozenset())
    old = Base({first: "0", second: "0"}, {first: "1", second: "1"})

    def kept(mark: str, ask: Ask) -> list[str]:
        held = Cause(Side.RIGHT, Code.FIELD_REFUSED, "summary", first, mark)
        aside = Known(uuid.uuid4(), held, ask, (Side.LEFT, 1))
        found = parked.keep_aside([aside], plan, old)
        assert found.plan.base.left[first] == ("aa" if found.plan.right == writes else "0")
        assert found.plan.base.right[second] == "bb"
        return [one.key for one in found.plan.right]

    assert kept("aa", Ask.NO) == [second]
    assert kept("cc", Ask.NO) == [first, second]
    assert kept("aa", Ask.RETRY) == [first, second]


def test_the_same_cause_again_is_no_news_and_a_pair_has_one_parked_row(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    assert park(app, owner, rows, 1, cause())
    [first] = known(rows, (Side.LEFT, 1))
    assert not park(app, owner, rows, 1, cause(), side=Side.RIGHT, found=[first])
    assert changes(owner) == [("right", 1001, True, "value-unknown")]
    [moved] = known(rows, (Side.RIGHT, 1001))
    assert (moved.id, moved.cause, moved.row) == (first.id, first.cause, (Side.RIGHT, 1001))


def test_a_change_of_a_person_goes_before_those_that_are_retried(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 8, cause())
    with tenant_transaction(rows.left) as session:
        assert parked_groups.retry(session, rows.profile, Wanted()) == {0: 1}
    owner.execute("UPDATE change SET not_before = now() - interval '1 hour'")
    park(app, owner, rows, 16, cause("summary"))
    owner.execute("UPDATE change SET parked = false, not_before = now() WHERE issue_id = 16")
    with tenant_transaction(rows.left) as session:
        assert [one.issue_id for one in store_dirty.due(session, stored(rows), 0)] == [16, 8]


def take(rows: Rows) -> list[Dirty]:
    """What drains of all lanes take, until each has to wait."""
    took: list[Dirty] = []
    profile = stored(rows)
    for lane in range(8):
        while True:
            with tenant_transaction(rows.left) as session:
                dirty = store_dirty.due(session, profile, lane)
                sides = [[one.issue_id for one in dirty if one.side is side] for side in Side]
                links = store_links.links_of(session, profile, *sides)
            taken, _ = pacing.pace(profile, lane, dirty, links)
            if not taken:
                break
            took += taken
            with tenant_transaction(rows.left) as session:
                store_dirty.done(session, profile, taken)
    return took


def retry_many(owner: psycopg.Connection, rows: Rows, count: int) -> None:
    """Park so many pairs, and retry all of them."""
    owner.execute(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
        " right_issue_id, lane) SELECT gen_random_uuid(), %s, %s, %s, n, n + 100000, n %% 8"
        " FROM generate_series(1, %s) AS n",
        (rows.profile, rows.left, rows.right, count),
    )
    owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
        " parked, reason) SELECT profile_id, 'left', left_issue_id, left_tenant_id,"
        " right_tenant_id, lane, true, 'value-unknown' FROM issue_link",
    )
    with tenant_transaction(rows.left) as session:
        assert sum(parked_groups.retry(session, rows.profile, Wanted()).values()) == count


def live(rows: Rows, issue: int) -> None:
    """A person's change."""
    with tenant_transaction(rows.left) as session:
        one = Mark(rows.profile, Side.LEFT, issue, rows.left, rows.right, issue % 8, None)
        mark(session, [one])


def due_now(owner: psycopg.Connection) -> None:
    """What was put off is due, whatever the pause."""
    owner.execute("UPDATE change SET not_before = now()")


def test_ten_thousand_retries_take_the_share_of_background_work_and_no_more(
    owner: psycopg.Connection, rows: Rows
) -> None:
    retry_many(owner, rows, 10_000)
    owner.execute(
        "INSERT INTO site_budget (tenant_id, points_an_hour) VALUES (%s, 1000), (%s, 1000)"
        " ON CONFLICT (tenant_id) DO UPDATE SET points_an_hour = 1000, spent = 0",
        (rows.left, rows.right),
    )
    # A fifth of 1,000 points are eight times eight pairs, each read and written on both sides.
    assert len(take(rows)) == 64
    due_now(owner)
    assert take(rows) == []
    assert budget.claim(rows.left, budget.Kind.LIVE) == 0
    owner.execute("UPDATE site_budget SET spent_at = now() - interval '1 hour'")
    due_now(owner)
    assert len(take(rows)) == 64
    assert owner.execute("SELECT count(*) FROM change WHERE NOT parked").fetchone() == (9_872,)


def test_retries_get_nothing_while_a_live_change_is_due_and_hold_up_no_other_background_work(
    owner: psycopg.Connection, rows: Rows
) -> None:
    retry_many(owner, rows, 100)
    assert budget.claim(rows.left, budget.Kind.BACKGROUND) == 0
    live(rows, 7)
    with tenant_transaction(rows.left) as session:
        elsewhere = store_dirty.due(session, stored(rows), 1)
    assert pacing.pace(stored(rows), 1, elsewhere, []) == ([], 1.0)
    due_now(owner)
    with tenant_transaction(rows.left) as session:
        dirty = store_dirty.due(session, stored(rows), 7)
    assert [one.issue_id for one in pacing.pace(stored(rows), 7, dirty, [])[0]] == [7]


def test_a_live_change_takes_over_a_retry_that_waits_for_points(
    owner: psycopg.Connection, rows: Rows
) -> None:
    retry_many(owner, rows, 10)
    owner.execute("UPDATE change SET reason = 'site-held', not_before = now() + interval '1 hour'")
    live(rows, 3)
    with tenant_transaction(rows.left) as session:
        [found] = store_dirty.due(session, stored(rows), 3)
    assert (found.issue_id, found.is_live) == (3, True)


def test_a_retry_stays_one_when_it_was_put_off(owner: psycopg.Connection, rows: Rows) -> None:
    retry_many(owner, rows, 1)
    with tenant_transaction(rows.left) as session:
        [found] = store_dirty.due(session, stored(rows), 1)
        store_dirty.postpone(session, stored(rows), [found], 0.0, "no-answer")
    due_now(owner)
    with tenant_transaction(rows.left) as session:
        [found] = store_dirty.due(session, stored(rows), 1)
    assert (found.is_live, found.attempts) == (False, 1)


# -- groups and retries


def groups_of(app: Flask, rows: Rows, wanted: Wanted | None = None) -> list[parked_groups.Group]:
    """The groups, as the left tenant sees them."""
    tandem: Tandem = app.extensions["tandem"]
    with tenant_transaction(rows.left) as session:
        return parked_groups.groups(session, tandem.vault, rows.profile, wanted)


def test_groups_are_by_root_cause_with_five_examples_in_one_query(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    for issue in range(1, 8):
        park(app, owner, rows, issue, cause(mark=f"{issue:02x}"))
    park(app, owner, rows, 20, cause("labels"), cause("summary", code=Code.VALUE_TOO_LONG))
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        found = groups_of(app, rows)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len([one for one in told if "parked_cause" in one]) == 1
    assert [(one.code, one.field, one.issues) for one in found] == [
        (Code.VALUE_UNKNOWN, "priority", 7),
        (Code.VALUE_TOO_LONG, "summary", 1),
        (Code.VALUE_UNKNOWN, "labels", 1),
    ]
    assert found[0].examples == tuple(f"WEB-{issue} / PLAT-{issue}" for issue in range(1, 6))
    assert found[0].next_probe is not None
    assert found[1].next_probe is None  # only an edit helps


@pytest.mark.parametrize(
    ("wanted", "issues"),
    [
        (Wanted(key="WEB-2"), [2]),
        (Wanted(key="PLAT-3"), [3]),
        (Wanted(field="labels"), [3]),
        (Wanted(Side.RIGHT, Code.VALUE_UNKNOWN, "priority"), [1, 2]),
        (Wanted(side=Side.LEFT), []),
        (Wanted(), [1, 2, 3]),
    ],
)
def test_a_retry_is_of_one_issue_of_a_group_or_of_all(
    app: Flask, owner: psycopg.Connection, rows: Rows, wanted: Wanted, issues: list[int]
) -> None:
    for issue, field in ((1, "priority"), (2, "priority"), (3, "labels")):
        park(app, owner, rows, issue, cause(field))
    with tenant_transaction(rows.left) as session:
        assert sum(parked_groups.retry(session, rows.profile, wanted).values()) == len(issues)
    due = owner.execute(
        "SELECT issue_id, reason, version, event_updated FROM change WHERE NOT parked ORDER BY 1"
    ).fetchall()
    assert due == [(issue, "retry", 2, None) for issue in issues]
    asked = owner.execute("SELECT issue_id FROM parked_cause WHERE ask = 'retry' ORDER BY 1")
    assert asked.fetchall() == [(issue,) for issue in issues]


def test_a_retry_of_one_group_leaves_the_other_cause_of_an_issue_aside(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 1, cause("priority"), cause("labels"))
    with tenant_transaction(rows.left) as session:
        parked_groups.retry(session, rows.profile, Wanted(field="labels"))
    asked = {one.cause.field: one.ask for one in known(rows, (Side.LEFT, 1))}
    assert asked == {"priority": Ask.NO, "labels": Ask.RETRY}


# -- by themselves


def test_a_probe_is_of_one_issue_of_each_group_and_the_waits_double_up_to_a_day(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    for issue in (1, 2, 3):
        park(app, owner, rows, issue, cause())
    park(app, owner, rows, 9, cause("labels"))
    assert parked_groups.probe() == []
    owner.execute("UPDATE parked_cause SET asked_at = now() - issue_id * interval '1 minute'")
    hours = []
    for turn in range(6):
        owner.execute("UPDATE parked_group SET next_probe = now() WHERE field = 'priority'")
        assert parked_groups.probe() == [(rows.profile, 3)], turn
        [(waits,)] = owner.execute(
            "SELECT round(extract(epoch FROM next_probe - now()) / 3600) FROM parked_group"
            " WHERE field = 'priority'"
        ).fetchall()
        hours.append(int(waits))
        [(issue, ask)] = owner.execute(
            "SELECT issue_id, ask FROM parked_cause WHERE ask <> ''"
        ).fetchall()
        assert (issue, ask) == (3, "probe")  # the one that was not asked for the longest time
        owner.execute("UPDATE change SET parked = true, reason = 'value-unknown'")
        owner.execute("UPDATE parked_cause SET ask = '', asked_at = now() - interval '1 hour'"
                      " WHERE issue_id = 3")  # fmt: skip
    assert hours == [2, 4, 8, 16, 24, 24]


def test_what_is_not_due_costs_one_statement_and_the_index_and_paused_profiles_rest(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 1, cause())
    owner.execute(
        "INSERT INTO parked_group (profile_id, at_side, code, field, left_tenant_id,"
        " right_tenant_id) SELECT %s, 'left', 'field-refused', 'f' || n, %s, %s"
        " FROM generate_series(1, 2000) AS n",
        (rows.profile, rows.left, rows.right),
    )
    owner.execute("ANALYZE parked_group")
    plan = owner.execute(
        "EXPLAIN SELECT field FROM parked_group WHERE next_probe <= now() ORDER BY next_probe"
        " LIMIT 20 FOR UPDATE SKIP LOCKED"
    ).fetchall()
    assert "ix_parked_group_due" in str(plan)
    owner.execute("UPDATE profile SET state = 'paused'")
    owner.execute("UPDATE parked_group SET next_probe = now()")
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert parked_groups.probe() == []
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(told) == 1
    assert changes(owner) == [("left", 1, True, "value-unknown")]


def test_a_group_that_is_empty_is_forgotten_when_its_time_comes(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 1, cause())
    owner.execute("DELETE FROM change")
    owner.execute("UPDATE parked_group SET next_probe = now()")
    assert parked_groups.probe() == []
    assert owner.execute("SELECT count(*) FROM parked_group").fetchall() == [(0,)]


@pytest.mark.parametrize("edit", ["revision = 2", "state = 'on'"])
def test_a_profile_that_is_edited_or_resumed_is_asked_again_in_everything(
    app: Flask, owner: psycopg.Connection, rows: Rows, edit: str
) -> None:
    if "state" in edit:
        owner.execute("UPDATE profile SET state = 'paused'")
    park(app, owner, rows, 1, cause())
    park(app, owner, rows, 2, cause("summary", code=Code.VALUE_TOO_LONG))
    owner.execute("UPDATE profile SET name = 'another'")
    assert {row[2] for row in changes(owner)} == {True}
    owner.execute(f"UPDATE profile SET {edit}")
    assert {row[2:] for row in changes(owner)} == {(False, "retry")}
    assert {one.ask for one in known(rows, (Side.LEFT, 1), (Side.LEFT, 2))} == {Ask.RETRY}


def test_an_edit_of_a_paused_profile_waits_until_it_is_resumed(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 1, cause())
    owner.execute("UPDATE profile SET state = 'paused'")
    owner.execute("UPDATE profile SET revision = 2")
    assert changes(owner) == [("left", 1, True, "value-unknown")]


def test_a_code_that_does_not_exist_is_refused_with_those_that_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BASE_URL", settings.base_url)
    ended = CliRunner().invoke(main, ["parked", "list", "p", "--code", "nonsense"])
    assert ended.exit_code == 2
    assert "Choose one of field-required" in ended.stderr


def test_a_retry_that_comes_while_the_change_is_in_hand_is_not_lost(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 1, cause())
    found = known(rows, (Side.LEFT, 1))  # a worker has read this
    with tenant_transaction(rows.left) as session:
        parked_groups.retry(session, rows.profile, Wanted())
    tandem: Tandem = app.extensions["tandem"]
    change = Dirty(Side.LEFT, 1, 1, 1, None, 0)
    with tenant_transaction(rows.left) as session:
        store_dirty.park(session, stored(rows), [change], "value-unknown")
        parked.settle(
            session, tandem.vault, stored(rows), found=found, changes=[change], causes=[cause()]
        )
    assert changes(owner) == [("left", 1, False, "retry")]
    assert [one.ask for one in known(rows, (Side.LEFT, 1))] == [Ask.RETRY]


def test_a_retry_is_on_both_trails_and_names_its_person_on_his_own_alone(
    app: Flask, owner: psycopg.Connection, rows: Rows
) -> None:
    park(app, owner, rows, 1, cause())
    tandem: Tandem = app.extensions["tandem"]
    tandem.vault.store.create(SERVER, DERIVATION_ROOT)
    rung: list[int] = []
    for wanted in (Wanted(field="labels"), Wanted(field="priority")):
        parked_groups.ask_again(
            tandem.record,
            lambda _profile, lane: rung.append(lane),
            stored(rows),
            wanted,
            actor="a-person",
            own=rows.right,
        )
    assert rung == [1]
    told = owner.execute(
        "SELECT chain, actor, detail FROM audit_event WHERE action = 'parked.retried'"
    ).fetchall()
    assert len(told) == 2
    detail = {"side": None, "code": None, "field": "priority", "issues": 1}
    assert {chain: (actor, kept) for chain, actor, kept in told} == {
        rows.left: ("partner", detail),
        rows.right: ("a-person", detail),
    }
