"""`tandem storage prove`: it finds a mark wherever and however it is stored, and says where."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.settings import Settings
from app.vault.store import DERIVATION_ROOT
from app.vault.vault import SERVER
from tests.rows import Rows, write_rows

MARK = "Mega-Corp & Söhne/Jira"


@pytest.fixture
def rows(app: Flask, database_url: str) -> Rows:
    """A row in every table, and no sealed value that does not open."""
    with psycopg.connect(database_url) as owner:
        written = write_rows(owner)
        owner.execute("UPDATE installation SET shared_secret = NULL, state = 'uninstalled'")
        owner.execute("DELETE FROM profile_revision")
        owner.execute("DELETE FROM conflict_question")
        owner.execute("DELETE FROM parked_cause")
        owner.execute("DELETE FROM item_edit")
        for table in ("draft", "drift", "errand", "scope_fields"):
            owner.execute(f"DELETE FROM {table}")
    store = app.extensions["tandem"].vault.store
    for tenant in (written.left, written.right, written.stranger):
        store.create(tenant)
    store.create(SERVER, DERIVATION_ROOT)
    return written


@pytest.fixture
def prove(app: Flask, command: Callable[..., Result]) -> Callable[..., Result]:
    """Run the command over the test's database and instance folder."""
    return lambda *words, **more: command("storage", "prove", *words, **more)


def finds(result: Result) -> list[tuple[str, str, int, str]]:
    """The finds of a --json run."""
    return [tuple(one.values()) for one in json.loads(result.stdout)["finds"]]  # type: ignore[misc]


def seal_detail(app: Flask, rows: Rows, sentence: str) -> uuid.UUID:
    """Write an activity entry as the product does; returns its id."""
    vault = app.extensions["tandem"].vault
    with tenant_transaction(rows.left) as session:
        record(
            session,
            vault,
            profile_id=rows.profile,
            tenants=(rows.left, rows.right),
            keys=(None, None),
            outcome=Outcome.UPDATED,
            details=[Detail(sentence)],
        )
        session.flush()
        query = text("SELECT id FROM activity WHERE detail IS NOT NULL")
        return uuid.UUID(str(session.execute(query).scalar_one()))


def test_where_no_mark_is_it_says_where_it_looked_and_ends_with_0(
    prove: Callable[..., Result], rows: Rows, database_url: str
) -> None:
    ended = prove("--mark", MARK, "--json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert (told["proven"], told["finds"], told["unread"]) == (True, [], [])
    with psycopg.connect(database_url) as owner:
        tables = owner.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    looked_at = {place["name"]: place for place in told["places"]}
    assert {name for (name,) in tables} <= looked_at.keys()
    assert "public.procrastinate_jobs" in looked_at
    assert looked_at["public.installation"]["rows"] == 3
    assert looked_at["public.installation"]["columns"] > 10


FORMS: dict[str, Callable[[str], str]] = {
    "text": str,
    "upper": str.upper,
    "inside": lambda mark: f"before{mark}after",
    "URL": lambda mark: quote(mark, safe=""),
    "JSON": lambda mark: json.dumps({"of": mark}),
    "base64": lambda mark: base64.b64encode(mark.encode()).decode(),
    "base64, second alignment": lambda mark: base64.b64encode(b"x" + mark.encode() + b"y").decode(),
    "base64, third alignment": lambda mark: base64.b64encode(b"xx" + mark.encode()).decode(),
    "base64 for URLs": lambda mark: base64.urlsafe_b64encode(b"?>" + mark.encode()).decode(),
    "hex": lambda mark: mark.encode().hex().upper(),
    "SHA-256": lambda mark: hashlib.sha256(mark.encode()).hexdigest(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_mark_is_found_in_every_form_and_named_by_its_number_only(
    prove: Callable[..., Result], rows: Rows, database_url: str, form: str
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE profile SET reason = %s", (FORMS[form](MARK),))
    ended = prove("--mark", "never-there", "--mark", MARK, "--json")
    assert ended.exit_code == 1
    [(place, row, number, _)] = finds(ended)
    assert (place, row, number) == ("public.profile.reason", str(rows.profile), 2)
    assert MARK.lower() not in ended.output.lower()


@pytest.mark.parametrize("where", ["bytes", "jsonb", "key", "job", "statistics", "other schema"])
def test_a_mark_is_found_wherever_a_database_keeps_values(
    prove: Callable[..., Result], rows: Rows, database_url: str, where: str
) -> None:
    change, place = {
        "bytes": ("UPDATE pairing_code SET code_hash = %b || id::text::bytea",
                  "public.pairing_code.code_hash"),
        "jsonb": ("UPDATE issue_link SET base = jsonb_build_object(%s::text, 1)",
                  "public.issue_link.base"),
        "key": ("CREATE TABLE kept AS SELECT %s::text AS name", "public.kept.name"),
        "job": ("ALTER TABLE procrastinate_jobs DISABLE TRIGGER ALL;"
                " ALTER TABLE procrastinate_jobs DROP CONSTRAINT ck_procrastinate_jobs_known;"
                " INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                " VALUES ('q', 't', jsonb_build_object('url', %s::text))",
                "public.procrastinate_jobs.args"),
        "statistics": ("CREATE TABLE gone AS SELECT %s::text AS name FROM generate_series(1, 50);"
                       " ANALYZE gone; DELETE FROM gone", "pg_catalog.pg_stats"),
        "other schema": ('CREATE SCHEMA "O:d%%"; CREATE TABLE "O:d%%"."T""1" AS'
                         ' SELECT 1 AS id, %s::text AS "a""b"', 'O:d%.T"1.a"b'),
    }[where]  # fmt: skip
    with psycopg.connect(database_url) as owner:
        psycopg.ClientCursor(owner).execute(
            change.replace("%b", "%s").encode(), (MARK.encode() if where == "bytes" else MARK,)
        )
        if where == "key":
            owner.execute("ALTER TABLE kept ADD PRIMARY KEY (name)")
    ended = prove("--mark", MARK, "--json")
    assert ended.exit_code == 1
    assert {found[0] for found in finds(ended)} == {place}
    assert MARK not in ended.output


def test_a_digest_of_a_mark_is_found_among_raw_bytes(
    prove: Callable[..., Result], rows: Rows, database_url: str
) -> None:
    digest = hashlib.sha256(MARK.encode()).digest()
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE pairing_code SET code_hash = %s || id::text::bytea", (digest,))
    assert {found[3] for found in finds(prove("--mark", MARK, "--json"))} == {"SHA-256"}


def test_sealed_values_are_opened_and_a_mark_in_one_is_found(
    prove: Callable[..., Result], app: Flask, rows: Rows
) -> None:
    entry = seal_detail(app, rows, f"Sent to {MARK}.")
    ended = prove("--mark", MARK, "--json")
    assert ended.exit_code == 1
    [(place, row, _, _)] = finds(ended)
    assert (place, row) == ("public.activity.detail", str(entry))
    clean = json.loads(prove("--mark", "never-there", "--json").stdout)
    assert [p["sealed"] for p in clean["places"] if p["name"] == "public.activity"] == [1]
    assert clean["proven"]


def test_a_sealed_value_that_does_not_open_is_no_proof(
    prove: Callable[..., Result], app: Flask, rows: Rows, database_url: str
) -> None:
    entry = seal_detail(app, rows, "Nothing of note.")
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "UPDATE activity SET detail = set_byte(detail, 20, get_byte(detail, 20) # 1)"
            " WHERE id = %s",
            (entry,),
        )
    ended = prove("--mark", MARK)
    assert ended.exit_code == 1
    assert "NOT READ  public.activity.detail: 1 sealed values do not open" in ended.output


def test_a_value_of_a_shredded_tenant_is_counted_as_one_that_nobody_can_open(
    prove: Callable[..., Result], app: Flask, rows: Rows
) -> None:
    seal_detail(app, rows, f"Sent to {MARK}.")
    app.extensions["tandem"].vault.shred(TenantId(rows.left))
    told = json.loads(prove("--mark", MARK, "--json").stdout)
    assert [p["shredded"] for p in told["places"] if p["name"] == "public.activity"] == [1]
    assert told["proven"]


@pytest.mark.parametrize("kind", ["bytea", "bytea[]", "sealed_text"])
def test_a_new_table_with_bytes_cannot_escape_the_list_of_sealed_columns(
    prove: Callable[..., Result], rows: Rows, database_url: str, kind: str
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("CREATE DOMAIN sealed_text AS bytea")
        owner.execute(f"CREATE TABLE newcomer (id int PRIMARY KEY, token {kind})")
    ended = prove("--mark", MARK, "--json")
    assert ended.exit_code == 1
    [unread] = json.loads(ended.stdout)["unread"]
    assert unread["place"] == "public.newcomer.token"


def test_a_table_that_row_security_hides_is_no_proof(
    prove: Callable[..., Result], app: Flask, rows: Rows, settings: Settings, database_url: str
) -> None:
    from app.governance.prove import prove as look

    vault = app.extensions["tandem"].vault
    with unscoped_transaction() as session:
        proof = look(session, vault, [MARK], [])
    assert {one.place for one in proof.unread} >= {"public.installation", "public.counter"}
    assert not proof.proven


def test_logs_are_searched_packed_ones_too_and_the_line_is_named(
    prove: Callable[..., Result], rows: Rows, settings: Settings, tmp_path_factory: Any
) -> None:
    line = json.dumps({"event": "request", "url": f"https://x/{MARK}"}) + "\n"
    clean = json.dumps({"event": "request"}) + "\n"
    (settings.instance / "tandem.log").write_text(clean * 40_000 + line)
    elsewhere = tmp_path_factory.mktemp("logs") / "old.log.gz"
    elsewhere.write_bytes(gzip.compress((clean + line).encode()))
    ended = prove("--mark", MARK, "--log", str(elsewhere), "--json")
    assert ended.exit_code == 1
    found = {(place, row) for place, row, _, _ in finds(ended)}
    assert found == {
        (str(settings.instance / "tandem.log"), "line 40001"),
        (str(elsewhere), "line 2"),
    }


def test_a_mark_that_two_pieces_of_a_file_share_is_found(
    prove: Callable[..., Result], rows: Rows, settings: Settings
) -> None:
    from app.governance.proof import CHUNK

    (settings.instance / "tandem.log").write_bytes(b"x" * (CHUNK - 5) + MARK.encode())
    assert len(finds(prove("--mark", MARK, "--json"))) == 1


@pytest.mark.parametrize("name", ["never-was.log", "packed.zst"])
def test_a_log_that_cannot_be_read_is_no_proof(
    prove: Callable[..., Result], rows: Rows, tmp_path: Path, name: str
) -> None:
    (tmp_path / "packed.zst").write_bytes(b"packed")
    ended = prove("--mark", MARK, "--log", str(tmp_path / name))
    assert ended.exit_code == 1
    assert "NOT READ" in ended.output


def test_marks_come_from_standard_input_too_and_short_ones_are_refused(
    prove: Callable[..., Result], rows: Rows
) -> None:
    ended = prove("--marks", "-", "--json", input=f"{MARK}\nanother one\n")
    assert (ended.exit_code, json.loads(ended.stdout)["marks"]) == (0, 2)
    assert prove("--mark", "abc").exit_code == 2
    assert prove().exit_code == 2


def test_the_search_is_on_the_audit_trail_without_its_marks(
    prove: Callable[..., Result], rows: Rows, database_url: str
) -> None:
    assert prove("--mark", MARK).exit_code == 0
    assert prove("--mark", MARK).exit_code == 0  # and left nothing behind
    with psycopg.connect(database_url) as owner:
        [(detail,), _] = owner.execute(
            "SELECT detail FROM audit_event WHERE action = 'storage.proved'"
        ).fetchall()
    assert detail["proven"] is True
