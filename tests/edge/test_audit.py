"""The audit trail on a real database: nobody changes it, and whoever does all the same is found."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app import create_owner_app
from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.errors import Problem
from app.governance.audit import NOTHING, Audit, Event, canonical_json, mac_of, trail_key
from app.governance.audit_check import Flaw, Report, check_trail
from app.governance.audit_read import Head, begin_reading, heads, rows
from app.settings import Settings
from app.tenants.deeds import OPERATOR, PARTNER, Action, Deed
from app.vault.master import VaultError
from app.vault.vault import SERVER, Vault
from tests.conftest import MASTER_KEY, make_settings
from tests.edge.jira import Jira

ONE, TWO = (TenantId(uuid.UUID(int=number)) for number in (1, 2))
EVENTS = 5
TABLES = ("audit_event", "audit_head")


@pytest.fixture
def vault(app: Flask) -> Vault:
    """The application's vault."""
    found: Vault = app.extensions["tandem"].vault
    return found


def add(vault: Vault, tenant: TenantId | None, count: int = 1, actor: str = "712020:ada") -> None:
    """Record so many deeds, each in a transaction of its own."""
    for number in range(count):
        scope = tenant_transaction(tenant) if tenant else unscoped_transaction()
        with scope as session:
            deed = Deed(
                actor, Action.ROLE_GRANTED, f"role:{number}", {"role": "admin", "n": number}
            )
            Audit(vault).record(session, tenant, deed)


@pytest.fixture
def trail(vault: Vault) -> Vault:
    """Three chains: of two tenants and of the server. Returns the vault that wrote them."""
    for tenant in (ONE, TWO, None):
        add(vault, tenant, EVENTS)
    return vault


def check(settings: Settings, key: bytes, since: Iterable[Head] = ()) -> Report:
    """What the check finds now, as the owner of the tables."""
    with create_owner_app(settings).app_context(), unscoped_transaction() as session:
        begin_reading(session)
        return check_trail(rows(session), heads(session), key, since)


def key_of(vault: Vault) -> bytes:
    return trail_key(vault, may_create=False)


def found(report: Report) -> set[tuple[Flaw, str, int]]:
    """Each fault as (what, where), without its sentence."""
    return {(fault.flaw, fault.chain, fault.seq) for fault in report.faults}


@pytest.fixture
def attacker(database_url: str) -> Iterator[psycopg.Connection]:
    """A superuser who has switched the triggers off."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield connection


def test_an_untouched_trail_is_well_and_its_heads_are_given(
    trail: Vault, settings: Settings
) -> None:
    report = check(settings, key_of(trail))
    assert report.faults == []
    assert (report.chains, report.events) == (3, 3 * EVENTS)
    assert [(head.chain, head.seq) for head in report.heads] == [
        (SERVER, EVENTS), (ONE, EVENTS), (TWO, EVENTS),
    ]  # fmt: skip


def test_every_kind_of_value_verifies_as_it_was_recorded(vault: Vault, settings: Settings) -> None:
    odd: dict[str, str | int | bool | None] = {
        "text": 'ünïcode "quoted" \\u0041 \\ 𝄞 </script>',
        "most": 2**63 - 1,
        "least": -(2**63),
        "yes": True,
        "one": 1,
        "nothing": None,
        "empty": "",
    }
    with tenant_transaction(ONE) as session:
        Audit(vault).record(session, ONE, Deed(OPERATOR, Action.SHREDDED, "tenant:x", odd))
    assert check(settings, key_of(vault)).well


def test_eight_writers_at_once_stay_in_one_chain_without_a_gap(
    app: Flask, vault: Vault, settings: Settings
) -> None:
    gate, failed = threading.Barrier(8), []

    def write() -> None:
        with app.app_context():
            gate.wait()
            try:
                add(vault, ONE, 6)
            except Exception as fault:  # a thread's failure is seen by nobody else
                failed.append(fault)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    report = check(settings, key_of(vault))
    assert report.faults == []
    assert [(head.chain, head.seq) for head in report.heads] == [(ONE, 48)]


def test_a_deed_that_is_rolled_back_leaves_nothing(vault: Vault, settings: Settings) -> None:
    add(vault, ONE)
    with pytest.raises(ZeroDivisionError), tenant_transaction(ONE) as session:
        Audit(vault).record(session, ONE, Deed(OPERATOR, Action.SHREDDED, "tenant:x"))
        raise ZeroDivisionError
    add(vault, ONE)
    report = check(settings, key_of(vault))
    assert report.well
    assert report.events == 2


# Who may do what


REMOVALS = [
    "UPDATE audit_event SET actor = 'nobody' WHERE seq = 2",
    "UPDATE audit_event SET actor = 'nobody' WHERE seq = 999",
    "DELETE FROM audit_event WHERE seq = 5",
    "TRUNCATE audit_event",
    "INSERT INTO audit_event SELECT * FROM audit_event"
    " ON CONFLICT (chain, seq) DO UPDATE SET actor = 'nobody'",
    "DELETE FROM audit_head",
    "TRUNCATE audit_head",
]
MOVES = [
    "UPDATE audit_head h SET seq = 3, mac = e.mac FROM audit_event e"
    " WHERE e.chain = h.chain AND e.seq = 3",
    "UPDATE audit_head SET seq = seq - 1",
    "UPDATE audit_head SET seq = seq + 1",
    "UPDATE audit_head SET seq = seq + 2",
    "UPDATE audit_head SET mac = decode(repeat('ff', 32), 'hex')",
    "INSERT INTO audit_head VALUES (gen_random_uuid(), 7, decode(repeat('ff', 32), 'hex'))",
]
OPEN_WIDE = """
    GRANT ALL ON audit_event, audit_head TO tandem_app;
    CREATE POLICY all_of_it ON audit_event TO tandem_app USING (true);
    CREATE POLICY all_of_it ON audit_head TO tandem_app USING (true);
"""


@pytest.mark.parametrize("change", REMOVALS + MOVES)
@pytest.mark.parametrize(
    "beforehand", ["", f"{OPEN_WIDE} SET ROLE tandem_app"], ids=["owner", "tandem_app open wide"]
)
def test_the_triggers_refuse_every_change_to_the_owner_and_to_a_role_with_every_grant(
    trail: Vault, database_url: str, beforehand: str, change: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(beforehand)
        with pytest.raises(psycopg.errors.RaiseException, match=r"append-only|moves on by one"):
            connection.execute(change)


def test_a_head_moves_to_no_other_event_than_the_one_that_was_added(
    trail: Vault, database_url: str
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER advance")
        owner.execute(
            "INSERT INTO audit_event SELECT chain, 6, at, actor, action, subject, origin, detail,"
            f" mac, previous FROM audit_event {WHERE} AND seq = 5"
        )
        move = f"UPDATE audit_head SET seq = 6, mac = %s {WHERE}"
        with pytest.raises(psycopg.errors.RaiseException), owner.transaction():
            owner.execute(move, (b"x" * 32,))
        added = owner.execute(f"SELECT mac FROM audit_event {WHERE} AND seq = 6").fetchone()
        assert owner.execute(move, added).rowcount == 1


@pytest.mark.parametrize("change", REMOVALS)
def test_the_setting_for_replicas_does_not_switch_the_refusal_off(
    trail: Vault, database_url: str, change: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute(change)


@pytest.mark.parametrize("change", REMOVALS + MOVES)
def test_the_role_of_the_product_has_no_grant_to_change_the_trail(
    trail: Vault, change: str
) -> None:
    with pytest.raises(ProgrammingError, match="denied"), tenant_transaction(ONE) as session:
        session.execute(text(change))


@pytest.mark.parametrize(
    ("seq", "previous", "refusal"),
    [
        pytest.param(EVENTS + 2, None, "not the next event", id="leaves a gap"),
        pytest.param(EVENTS + 1, b"x" * 32, "not the next event", id="follows another event"),
        pytest.param(EVENTS, None, "duplicate key", id="takes a number twice"),
    ],
)
def test_the_product_cannot_add_an_event_that_is_not_the_next(
    trail: Vault, seq: int, previous: bytes | None, refusal: str
) -> None:
    with pytest.raises(DBAPIError, match=refusal), tenant_transaction(ONE) as session:
        session.execute(
            text(
                "INSERT INTO audit_event SELECT chain, :seq, at, actor, action, subject, origin,"
                " detail, coalesce(:previous, mac), mac FROM audit_event WHERE seq = :last"
            ),
            {"seq": seq, "previous": previous, "last": EVENTS},
        )


def test_a_tenant_sees_its_own_chain_and_nothing_of_another_or_of_the_server(trail: Vault) -> None:
    for scope, seen in (
        (tenant_transaction(ONE), {ONE}),
        (tenant_transaction(TWO), {TWO}),
        (tenant_transaction(TenantId(uuid.uuid4())), set()),
        (tenant_transaction(SERVER), set()),
        (unscoped_transaction(), set()),
    ):
        with scope as session:
            for table in TABLES:
                chains = session.execute(text(f"SELECT DISTINCT chain FROM {table}")).scalars()
                assert set(chains) == seen


@pytest.mark.parametrize("scope", [ONE, TWO, SERVER])
@pytest.mark.parametrize("chain", [ONE, TWO, SERVER])
def test_a_tenant_writes_to_its_own_chain_only(
    trail: Vault, scope: TenantId, chain: TenantId
) -> None:
    values = ", ".join(
        [
            f"'{chain}', {EVENTS + 1}, now(), 'a', 'a', 'a', '{{}}', '{{}}'",
            "decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')",
        ]
    )
    own = scope == chain != SERVER
    # Its own is refused too, but only since this event does not follow the one before.
    refusal = "not the next event" if own else "row-level security"
    with pytest.raises(DBAPIError, match=refusal), tenant_transaction(scope) as session:
        session.execute(text(f"INSERT INTO audit_event VALUES ({values})"))


def test_a_deed_of_another_tenant_than_the_transaction_is_refused(vault: Vault) -> None:
    deed = Deed(OPERATOR, Action.SHREDDED, "tenant:x")
    for tenant in (TWO, None):
        with (
            pytest.raises(RuntimeError, match="another tenant"),
            tenant_transaction(ONE) as session,
        ):
            Audit(vault).record(session, tenant, deed)
    with pytest.raises(RuntimeError, match="another tenant"), unscoped_transaction() as session:
        Audit(vault).record(session, ONE, deed)


def test_the_check_refuses_a_user_from_whom_rows_are_hidden(trail: Vault, app: Flask) -> None:
    with unscoped_transaction() as session, pytest.raises(Problem, match="every chain"):
        begin_reading(session)


def test_a_check_changes_nothing(trail: Vault, settings: Settings) -> None:
    with create_owner_app(settings).app_context(), unscoped_transaction() as session:
        begin_reading(session)
        with pytest.raises(DBAPIError, match="read-only"):
            session.execute(text("CREATE TABLE more ()"))


# Attacks by someone who has the whole database, and has switched the triggers off


@dataclass(frozen=True)
class Attack:
    """What is done to the tables, and what the check must say."""

    name: str
    sql: str
    faults: set[tuple[Flaw, str, int]]


A, B = str(ONE), str(TWO)
WHERE = f"WHERE chain = '{A}'"
CHANGES = {
    "at": "at + interval '1 microsecond'",
    "actor": "'712020:eve'",
    "action": "'role.revoked'",
    "subject": "subject || '0'",
    "origin": 'origin || \'{"host": "elsewhere"}\'',
    "detail": 'detail || \'{"role": "viewer"}\'',
    "previous": "decode(repeat('ab', 32), 'hex')",
    "mac": "decode(repeat('ab', 32), 'hex')",
}
SUBTLE = {
    "a number becomes text": """detail = '{"role": "admin", "n": "1"}'""",
    "a number becomes yes": """detail = '{"role": "admin", "n": true}'""",
    "a number gets a point": """detail = '{"role": "admin", "n": 1.0}'""",
    "an entry more": """detail = detail || '{"more": null}'""",
    "an entry less": "detail = detail - 'n'",
    "text slides to the next column": "actor = 'role', action = '712020:ada.granted'",
    "no object": """detail = '[]'""",
    "a number beyond reading": "detail = ('{\"n\": ' || repeat('9', 5000) || '}')::jsonb",
    "an object beyond reading": "detail = (repeat('[', 3000) || repeat(']', 3000))::jsonb",
    "the end of time": "at = 'infinity'",
    "before all time": "at = '4713-01-01 00:00:00+00 BC'",
    "nothing at all": "detail = NULL, actor = NULL, mac = NULL",
}
LOOSEN = """
    ALTER TABLE audit_event ALTER actor DROP NOT NULL, ALTER detail DROP NOT NULL,
        ALTER mac DROP NOT NULL, DROP CONSTRAINT audit_event_at_check,
        DROP CONSTRAINT audit_event_detail_check;
"""


def swap(first: int, second: int) -> str:
    return f"""
        UPDATE audit_event SET seq = 1000 {WHERE} AND seq = {first};
        UPDATE audit_event SET seq = {first} {WHERE} AND seq = {second};
        UPDATE audit_event SET seq = {second} {WHERE} AND seq = 1000;
    """


ATTACKS = [
    *(
        Attack(
            f"change {column}",
            f"UPDATE audit_event SET {column} = {new} {WHERE} AND seq = 2",
            {(Flaw.CHANGED, A, 2)},
        )
        for column, new in CHANGES.items()
    ),
    *(
        Attack(
            name,
            f"{LOOSEN} UPDATE audit_event SET {change} {WHERE} AND seq = 2",
            {(Flaw.CHANGED, A, 2)},
        )
        for name, change in SUBTLE.items()
    ),
    Attack(
        "change the first",
        f"UPDATE audit_event SET actor = 'eve' {WHERE} AND seq = 1",
        {(Flaw.CHANGED, A, 1)},
    ),
    Attack(
        "change the last",
        f"UPDATE audit_event SET actor = 'eve' {WHERE} AND seq = 5",
        {(Flaw.CHANGED, A, 5)},
    ),
    Attack(
        "change seq", f"UPDATE audit_event SET seq = 9 {WHERE} AND seq = 5",
        {(Flaw.MOVED, A, 9), (Flaw.REMOVED, A, 5), (Flaw.HEAD_DIFFERS, A, 9)},
    ),
    Attack(
        "change chain", f"UPDATE audit_event SET chain = '{uuid.UUID(int=9)}' {WHERE} AND seq = 1",
        {
            (Flaw.MOVED, str(uuid.UUID(int=9)), 1),
            (Flaw.HEAD_MISSING, str(uuid.UUID(int=9)), 1),
            (Flaw.REMOVED, A, 1),
        },
    ),
    Attack(
        "remove one in the middle", f"DELETE FROM audit_event {WHERE} AND seq = 3",
        {(Flaw.REMOVED, A, 3)},
    ),
    Attack(
        "remove the first two", f"DELETE FROM audit_event {WHERE} AND seq <= 2",
        {(Flaw.REMOVED, A, 1)},
    ),
    Attack(
        "remove one and close the gap",
        f"DELETE FROM audit_event {WHERE} AND seq = 3;"
        f"UPDATE audit_event SET seq = 3 {WHERE} AND seq = 4;"
        f"UPDATE audit_event SET seq = 4 {WHERE} AND seq = 5;"
        f"UPDATE audit_head SET seq = 4 {WHERE}",
        {(Flaw.MOVED, A, 3), (Flaw.CHANGED, A, 4)},
    ),
    Attack("cut the tail", f"DELETE FROM audit_event {WHERE} AND seq >= 4", {(Flaw.CUT, A, 4)}),
    Attack("remove the whole chain", f"DELETE FROM audit_event {WHERE}", {(Flaw.CUT, A, 1)}),
    Attack("remove the head", f"DELETE FROM audit_head {WHERE}", {(Flaw.HEAD_MISSING, A, 5)}),
    Attack(
        "wind the head back", f"UPDATE audit_head SET seq = 4 {WHERE}", {(Flaw.HEAD_DIFFERS, A, 5)}
    ),
    Attack(
        "change the head's mac",
        f"UPDATE audit_head SET mac = decode(repeat('ab', 32), 'hex') {WHERE}",
        {(Flaw.HEAD_DIFFERS, A, 5)},
    ),
    Attack("swap two rows", swap(2, 4), {(Flaw.MOVED, A, 2), (Flaw.MOVED, A, 4)}),
    Attack(
        "swap two chains",
        f"UPDATE audit_event SET chain = '{uuid.UUID(int=9)}' {WHERE};"
        f"UPDATE audit_event SET chain = '{A}' WHERE chain = '{B}';"
        f"UPDATE audit_event SET chain = '{B}' WHERE chain = '{uuid.UUID(int=9)}'",
        {(Flaw.MOVED, chain, seq) for chain in (A, B) for seq in range(1, 6)}
        | {(Flaw.HEAD_DIFFERS, chain, 5) for chain in (A, B)},
    ),
    Attack(
        "move a row to the end of another tenant's chain",
        f"UPDATE audit_event SET chain = '{B}', seq = 6 {WHERE} AND seq = 3",
        {(Flaw.MOVED, B, 6), (Flaw.HEAD_DIFFERS, B, 6), (Flaw.REMOVED, A, 3)},
    ),
    Attack(
        "put a row of one tenant in the place of another's",
        f"DELETE FROM audit_event WHERE chain = '{B}' AND seq = 3;"
        f"UPDATE audit_event SET chain = '{B}' {WHERE} AND seq = 3",
        {(Flaw.MOVED, B, 3), (Flaw.REMOVED, A, 3)},
    ),
    Attack(
        "add a copy of the last row",
        "INSERT INTO audit_event SELECT chain, 6, at, actor, action, subject, origin, detail,"
        f" mac, mac FROM audit_event {WHERE} AND seq = 5;"
        f"UPDATE audit_head SET seq = 6 {WHERE}",
        {(Flaw.CHANGED, A, 6)},
    ),
    Attack(
        "add a copy under the same number",
        "ALTER TABLE audit_event DROP CONSTRAINT audit_event_pkey;"
        f"INSERT INTO audit_event SELECT * FROM audit_event {WHERE} AND seq = 3",
        {(Flaw.UNLINKED, A, 3)},
    ),
    Attack(
        "begin another tenant's chain with a copy",
        f"INSERT INTO audit_event SELECT '{uuid.UUID(int=9)}', 1, at, actor, action, subject,"
        f" origin, detail, previous, mac FROM audit_event {WHERE} AND seq = 1",
        {
            (Flaw.CHANGED, str(uuid.UUID(int=9)), 1),
            (Flaw.HEAD_MISSING, str(uuid.UUID(int=9)), 1),
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_whoever_owns_the_database_is_found_by_the_chain(
    trail: Vault, settings: Settings, attacker: psycopg.Connection, attack: Attack
) -> None:
    attacker.execute(attack.sql)
    assert found(check(settings, key_of(trail))) == attack.faults


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("another key", lambda event: mac_of(b"k" * 32, event)),
        ("no key", lambda event: hashlib.sha256(repr(event).encode()).digest()),
    ],
)
def test_a_chain_that_is_forged_whole_with_its_head_needs_the_key(
    trail: Vault,
    settings: Settings,
    attacker: psycopg.Connection,
    name: str,
    key: Callable[[Event], bytes],
) -> None:
    forge(attacker, key, last=4)
    report = check(settings, key_of(trail))
    assert found(report) == {(Flaw.CHANGED, A, seq) for seq in range(1, 5)}


def test_the_same_forgery_with_the_key_of_the_trail_would_pass(
    trail: Vault, settings: Settings, attacker: psycopg.Connection
) -> None:
    """So the test above fails for want of the key, not for a slip of the forger."""
    known = check(settings, key_of(trail)).heads
    forge(attacker, lambda event: mac_of(key_of(trail), event), last=4)
    assert check(settings, key_of(trail)).well
    assert found(check(settings, key_of(trail), known)) == {(Flaw.ROLLED_BACK, A, 5)}


def forge(attacker: psycopg.Connection, sign: Callable[[Event], bytes], last: int) -> None:
    """Write the chain ONE anew: another actor, the last rows left out, every mac made to fit."""
    previous = NOTHING
    for row in attacker.execute(
        "SELECT seq, (extract(epoch FROM at) * 1000000)::bigint, action, subject, origin, detail"
        f" FROM audit_event {WHERE} AND seq <= {last} ORDER BY seq"
    ).fetchall():
        seq, at, action, subject, origin, detail = row
        event = Event(
            ONE, seq, at, "eve", action, subject,
            canonical_json(origin), canonical_json(detail), previous,
        )  # fmt: skip
        mac = sign(event)
        attacker.execute(
            f"UPDATE audit_event SET actor = 'eve', previous = %s, mac = %s {WHERE} AND seq = %s",
            (previous, mac, seq),
        )
        previous = mac
    attacker.execute(f"DELETE FROM audit_event {WHERE} AND seq > {last}")
    attacker.execute(f"UPDATE audit_head SET seq = {last}, mac = %s {WHERE}", (previous,))


ROLL_BACK = f"""
    DELETE FROM audit_event {WHERE} AND seq >= 4;
    UPDATE audit_head SET seq = 3, mac = (SELECT mac FROM audit_event {WHERE} AND seq = 3) {WHERE};
"""


def test_a_tail_cut_with_its_head_is_found_only_by_a_head_noted_earlier(
    trail: Vault, settings: Settings, attacker: psycopg.Connection
) -> None:
    noted = check(settings, key_of(trail)).heads
    attacker.execute(ROLL_BACK)
    assert check(settings, key_of(trail)).well
    assert found(check(settings, key_of(trail), noted)) == {(Flaw.ROLLED_BACK, A, 5)}


def test_a_chain_removed_with_its_head_is_found_only_by_a_head_noted_earlier(
    trail: Vault, settings: Settings, attacker: psycopg.Connection
) -> None:
    noted = check(settings, key_of(trail)).heads
    attacker.execute(f"DELETE FROM audit_event {WHERE}; DELETE FROM audit_head {WHERE}")
    assert check(settings, key_of(trail)).well
    assert found(check(settings, key_of(trail), noted)) == {(Flaw.ROLLED_BACK, A, 5)}


def test_a_trail_put_back_and_written_on_is_found_by_a_head_noted_earlier(
    trail: Vault, settings: Settings, attacker: psycopg.Connection
) -> None:
    noted = check(settings, key_of(trail)).heads
    attacker.execute(ROLL_BACK)
    for table in TABLES:
        attacker.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    add(trail, ONE, 4, actor="712020:eve")
    assert check(settings, key_of(trail)).well
    assert found(check(settings, key_of(trail), noted)) == {(Flaw.ROLLED_BACK, A, 5)}


def test_heads_noted_earlier_stay_true_while_the_trail_grows(
    trail: Vault, settings: Settings
) -> None:
    noted = check(settings, key_of(trail)).heads
    add(trail, ONE, 3)
    assert check(settings, key_of(trail), noted).well


# The key


def test_the_trail_outlives_the_rotation_of_the_master_key(
    trail: Vault, settings: Settings, tmp_path: Path
) -> None:
    key = key_of(trail)
    ring = f"k2:{'B' * 43}=,{MASTER_KEY}"
    changed = make_settings(tmp_path, settings.database_url or "", TANDEM_MASTER_KEYS=ring)
    from app import create_app

    vault: Vault = create_app(changed, pool_size=1).extensions["tandem"].vault
    assert vault.store.rewrap(SERVER) == 1
    assert key_of(vault) == key
    assert check(settings, key_of(vault)).well


def test_a_lost_key_stops_the_recording_and_is_never_made_anew(
    trail: Vault, settings: Settings
) -> None:
    folder = settings.instance / "keys" / "tenants" / str(SERVER)
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    for path in kept:
        path.unlink()
    trail.forget(SERVER)
    for tenant in (ONE, TenantId(uuid.uuid4())):
        with pytest.raises(VaultError, match="key of the audit trail"):
            add(trail, tenant)
    with pytest.raises(VaultError, match="key of the audit trail"):
        key_of(trail)
    assert list(folder.iterdir()) == []
    for path, content in kept.items():
        path.write_bytes(content)
    trail.forget(SERVER)
    add(trail, ONE)
    assert check(settings, key_of(trail)).well


# From where


def test_a_deed_of_a_request_says_who_was_proven_how_and_from_where(installed: Jira) -> None:
    with psycopg.connect(str(owner_url(installed))) as owner:
        origins = owner.execute(
            "SELECT action, origin FROM audit_event ORDER BY chain, seq"
        ).fetchall()
    assert [action for action, _ in origins] == ["installation.installed", "installation.enabled"]
    assert [origin["via"] for _, origin in origins] == ["lifecycle", "site"]
    for _, origin in origins:
        assert origin["address"] == "127.0.0.1"
        assert len(origin["request"]) == 32


def owner_url(site: Jira) -> str | None:
    settings: Settings = site.client.application.extensions["tandem"].settings
    return settings.database_url


def test_what_a_partner_did_does_not_say_from_which_address(
    app: Flask, vault: Vault, database_url: str
) -> None:
    deed = Deed(PARTNER, Action.PROFILE_PAUSED, "profile:x")
    with app.test_request_context("/"), tenant_transaction(ONE) as session:
        Audit(vault).record(session, ONE, deed)
    with psycopg.connect(database_url) as owner:
        (origin,) = owner.execute("SELECT origin FROM audit_event").fetchone() or ({},)
    assert "address" not in origin


# The command


@pytest.fixture
def tandem(command: Callable[..., Result]) -> Callable[..., Result]:
    """`tandem audit …` with this test's settings."""
    return lambda *words: command("audit", *words)


def test_verify_ends_with_0_and_gives_heads_that_a_later_one_takes(
    trail: Vault, tandem: Callable[..., Result], tmp_path: Path
) -> None:
    first = tandem("verify")
    assert first.exit_code == 0
    assert first.output.endswith(f"3 chains, {3 * EVENTS} events: all is well.\n")
    printed = [line.split()[1] for line in first.output.splitlines() if line.startswith("head")]
    assert [head.split(":")[0] for head in printed] == ["server", A, B]
    assert (
        tandem("verify", *(word for head in printed for word in ("--since", head))).exit_code == 0
    )

    as_json = tandem("verify", "--json")
    assert as_json.exit_code == 0
    body = json.loads(as_json.output)
    assert (body["chains"], body["events"], body["faults"]) == (3, 3 * EVENTS, [])
    assert [f"{h['chain']}:{h['seq']}:{h['mac']}" for h in body["heads"]] == printed
    (tmp_path / "heads.json").write_text(as_json.output)
    assert tandem("verify", "--since", f"@{tmp_path / 'heads.json'}").exit_code == 0


def test_verify_ends_with_1_and_names_the_fault(
    trail: Vault, tandem: Callable[..., Result], attacker: psycopg.Connection, tmp_path: Path
) -> None:
    (tmp_path / "heads.json").write_text(tandem("verify", "--json").output)
    attacker.execute(ROLL_BACK)
    assert tandem("verify").exit_code == 0
    late = tandem("verify", "--since", f"@{tmp_path / 'heads.json'}")
    assert late.exit_code == 1
    assert f"FAULT rolled-back   {A} event 5" in late.output
    attacker.execute(f"UPDATE audit_event SET actor = 'eve' {WHERE} AND seq = 2")
    changed = tandem("verify", "--json")
    assert changed.exit_code == 1
    (fault,) = json.loads(changed.output)["faults"]
    assert (fault["flaw"], fault["chain"], fault["seq"]) == ("changed", A, 2)


@pytest.mark.parametrize(
    "value", ["", "server", "server:0:" + "0" * 64, "server:1:00", "x:1:" + "0" * 64, "@/nowhere"]
)
def test_verify_refuses_a_head_that_is_none(tandem: Callable[..., Result], value: str) -> None:
    refused = tandem("verify", "--since", value)
    assert refused.exit_code == 2
    assert "CHAIN:SEQ:MAC" in refused.output


def test_verify_of_a_trail_that_has_not_begun_is_well_and_makes_no_key(
    app: Flask, tandem: Callable[..., Result], settings: Settings
) -> None:
    answer = tandem("verify")
    assert (answer.exit_code, answer.output) == (0, "0 chains, 0 events: all is well.\n")
    assert not (settings.instance / "keys" / "tenants" / str(SERVER)).exists()


def test_verify_without_the_key_ends_with_2_and_the_cure(
    trail: Vault, tandem: Callable[..., Result], settings: Settings
) -> None:
    for path in (settings.instance / "keys" / "tenants" / str(SERVER)).iterdir():
        path.unlink()
    answer = tandem("verify")
    assert answer.exit_code == 2
    assert "key store" in answer.output
    assert "Put the right" in answer.output


@pytest.mark.parametrize("table", TABLES)
def test_verify_of_a_database_without_the_tables_ends_with_2(
    trail: Vault, tandem: Callable[..., Result], attacker: psycopg.Connection, table: str
) -> None:
    attacker.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    answer = tandem("verify")
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
    assert "missing" in answer.output


def test_list_prints_the_trail_and_records_that_it_did(
    trail: Vault, tandem: Callable[..., Result]
) -> None:
    events = json.loads(tandem("list", "--json").output)
    assert len(events) == 3 * EVENTS + 1
    export = events[EVENTS]
    assert (export["chain"], export["seq"]) == ("server", EVENTS + 1)
    assert (export["actor"], export["action"], export["subject"]) == (
        "operator", "audit.exported", "audit",
    )  # fmt: skip
    assert export["origin"]["via"] == "command"

    own = json.loads(tandem("list", "--json", "--tenant", A).output)
    assert [(event["chain"], event["seq"]) for event in own] == [(A, n + 1) for n in range(EVENTS)]
    assert json.loads(tandem("list", "--json", "--tenant", str(uuid.uuid4())).output) == []
    server = tandem("list", "--tenant", "server").output.splitlines()
    assert len(server) == EVENTS + 4
    assert "audit.exported  audit:" + A in server[EVENTS + 1]
    assert tandem("verify").exit_code == 0


def test_list_lets_no_control_character_of_a_changed_row_through(
    trail: Vault, tandem: Callable[..., Result], attacker: psycopg.Connection
) -> None:
    attacker.execute(
        rf"{LOOSEN} UPDATE audit_event SET actor = E'\x1b[2J', at = 'infinity' {WHERE} AND seq = 2"
    )
    answer = tandem("list", "--tenant", A)
    assert answer.exit_code == 0
    assert "\x1b" not in answer.output
    assert len(answer.output.splitlines()) == EVENTS


def test_list_refuses_a_tenant_that_is_no_id(tandem: Callable[..., Result]) -> None:
    assert tandem("list", "--tenant", "acme").exit_code == 2
