"""Data Center leaves no trace: types, the guard on the engine, constraints, refusals."""

from __future__ import annotations

import contextvars
import copy
import json
import pickle
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from flask import Flask, jsonify
from psycopg.types.json import Jsonb
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.errors import Problem
from app.jira.deployment import (
    HOW_SUPPORTED,
    CloudDeployment,
    Count,
    DataCenterNotHere,
    DataCenterSite,
    count,
    look,
)
from app.jira.outbound import NetworkPolicy
from app.jobs.bell import ring
from app.jobs.engine import build_engine
from app.sync.models import IssueLink
from app.tenants.models import Connection, Installation
from app.traceless import Traceless, TracelessError, drop_marks, in_hand, is_barred
from tests.edge.servers import ok, saying, serve

MARK = "Jira-of-Mega-Corp"
HERE = NetworkPolicy(insecure_http=True)


def an_installation(**changed: Any) -> Installation:
    """An installation that may be stored, but for what is changed."""
    good: dict[str, Any] = {
        "id": uuid.uuid4(),
        "client_key": "a-site",
        "app_key": "tandem",
        "deployment": "Cloud",
        "cloud_id": str(uuid.uuid4()),
        "base_url": "https://acme.example.test",
        "state": "uninstalled",
        "lifecycle_at": datetime.now(UTC),
    }
    return Installation(**good | changed)


def stored(database_url: str, table: str) -> int:
    """How many rows a table has, past row security."""
    with psycopg.connect(database_url) as owner:
        found = owner.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    return int(found[0]) if found else 0


def counters(database_url: str) -> dict[str, int]:
    """The counters that are not at zero."""
    with psycopg.connect(database_url) as owner:
        return dict(owner.execute("SELECT name, value FROM counter WHERE value > 0").fetchall())


# -- types


@pytest.fixture
def data_center() -> DataCenterSite:
    """One, with a mark in every part."""
    return DataCenterSite(f"https://{MARK}.test", f"{MARK}@mail.test", f"token-{MARK}")


@pytest.mark.parametrize(
    "away",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        vars,
        lambda site: setattr(site, "url", "x"),
        lambda site: jsonify(site),
    ],
)
def test_a_data_center_site_cannot_be_taken_away(
    app: Flask, data_center: DataCenterSite, away: Callable[[Any], Any]
) -> None:
    with pytest.raises((TracelessError, TypeError, AttributeError)) as refused:
        away(data_center)
    assert MARK not in str(refused.value)


def test_a_data_center_site_shows_nothing_of_itself(data_center: DataCenterSite) -> None:
    shown = (
        f"{data_center} {data_center!r} {[data_center]} {json.dumps([data_center], default=str)}"
    )
    assert MARK not in shown
    assert data_center.url == f"https://{MARK}.test"


def test_a_traceless_type_that_could_be_taken_apart_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="__slots__"):
        type("Loose", (Traceless,), {})


def test_psycopg_itself_refuses_a_data_center_site(
    data_center: DataCenterSite, database_url: str
) -> None:
    with psycopg.connect(database_url) as owner:
        for statement in ("SELECT %s", "SELECT %t"):
            with pytest.raises(TracelessError, match="never stored"):
                owner.execute(statement, (data_center,))
            owner.rollback()


# -- the guard on the engine


def store_by_orm(session: Session, mark: Any) -> None:
    session.add(an_installation(base_url=f"https://{mark}"))
    session.flush()


def store_by_core(session: Session, mark: Any) -> None:
    session.execute(update(Installation).values(display_url=mark))


def store_many(session: Session, mark: Any) -> None:
    rows = [
        {"id": uuid.uuid4(), "left_tenant_id": uuid.uuid4(), "right_tenant_id": uuid.uuid4()}
        for _ in range(3)
    ]
    session.execute(insert(Connection), [*rows, rows[0] | {"id": mark}])


def store_by_text(session: Session, mark: Any) -> None:
    session.execute(text("SELECT set_config('tandem.note', :note, true)"), {"note": mark})


def store_as_bytes(session: Session, mark: Any) -> None:
    session.execute(text("SELECT CAST(:note AS bytea)"), {"note": f"\x00{mark}\x00".encode()})


def store_as_json(session: Session, mark: Any) -> None:
    session.execute(text("SELECT CAST(:note AS jsonb)"), {"note": json.dumps({"of": [mark]})})


def store_as_wrapped_json(session: Session, mark: Any) -> None:
    session.execute(update(IssueLink).values(base={"deep": [{"of": mark}]}))


def store_as_adapted_json(session: Session, mark: Any) -> None:
    session.execute(text("SELECT :note"), {"note": Jsonb({mark: 1})})


def store_in_the_statement(session: Session, mark: Any) -> None:
    session.execute(text(f"SELECT 'of {mark}'"))


def store_encoded(session: Session, mark: Any) -> None:
    session.execute(text("SELECT :note"), {"note": mark.encode().hex()})


WAYS = [
    store_by_orm,
    store_by_core,
    store_by_text,
    store_as_bytes,
    store_as_json,
    store_as_wrapped_json,
    store_as_adapted_json,
    store_in_the_statement,
    store_encoded,
]


@pytest.mark.parametrize("way", WAYS)
def test_while_a_mark_is_in_hand_no_statement_carries_it_in_any_way(
    app: Flask, database_url: str, way: Callable[[Session, Any], None]
) -> None:
    with (
        tenant_transaction(TenantId(uuid.uuid4())) as session,
        in_hand([MARK]),
        pytest.raises(TracelessError, match="refused") as refused,
    ):
        way(session, MARK.upper())
    assert MARK.lower() not in str(refused.value).lower()
    assert stored(database_url, "installation") == 0


@pytest.mark.parametrize("way", [one for one in WAYS if one is not store_by_orm])
def test_the_same_statements_pass_when_nothing_is_in_hand(
    app: Flask, way: Callable[[Session, Any], None]
) -> None:
    with tenant_transaction(TenantId(uuid.uuid4())) as session:
        way(session, MARK)


@pytest.mark.parametrize("way", [store_by_core, store_by_text, store_many])
def test_a_data_center_site_is_refused_as_a_parameter_though_nothing_is_in_hand(
    app: Flask, data_center: DataCenterSite, way: Callable[[Session, Any], None]
) -> None:
    with (
        tenant_transaction(TenantId(uuid.uuid4())) as session,
        pytest.raises(Exception) as refused,
    ):
        way(session, data_center)
    assert MARK not in str(refused.value)


def test_marks_of_under_four_characters_and_numbers_within_numbers_refuse_nothing(
    app: Flask,
) -> None:
    with in_hand(["on", "1234", ""]), unscoped_transaction() as session:
        session.execute(text("SELECT :a, 'on'"), {"a": 1234567})
        with pytest.raises(TracelessError):
            session.execute(text("SELECT :a"), {"a": 1234})


@pytest.mark.parametrize(
    "around",
    [
        lambda one: one,
        lambda one: {"sides": ["left", "right"], "rows": ["a", None, 1, one]},
        lambda one: {"rows": [uuid.uuid4(), (datetime.now(UTC), {"deep": frozenset({one})})]},
        lambda one: {one: 1},
        lambda one: Jsonb({"a": [1, {"b": one}]}),
        lambda one: [Jsonb([one])],
    ],
)
def test_what_is_never_stored_is_found_wherever_it_hides(
    data_center: DataCenterSite, around: Callable[[object], object]
) -> None:
    assert is_barred(around(data_center))
    assert not is_barred(around("a text"))


def test_the_hand_nests_and_is_empty_again_at_the_end() -> None:
    with in_hand(["outer-mark"]):
        with in_hand(["inner-mark"]):
            assert is_barred("the OUTER-mark") and is_barred(b"inner-mark")
        assert not is_barred("inner-mark")
    assert not is_barred("outer-mark")


def test_a_thread_has_the_hand_only_when_it_is_handed_over() -> None:
    seen: list[bool] = []
    with in_hand([MARK]):
        handed = contextvars.copy_context()
        for work in (
            lambda: seen.append(is_barred(MARK)),
            lambda: handed.run(lambda: seen.append(is_barred(MARK))),
        ):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    assert seen == [False, True]


def test_an_exception_that_tells_a_mark_leaves_the_hand_without_it() -> None:
    def fail() -> None:
        try:
            raise OSError(f"no way to {MARK}")
        except OSError as fault:
            raise RuntimeError("it failed") from fault

    with pytest.raises(TracelessError) as refused, in_hand([MARK]):
        fail()
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
    assert MARK not in str(refused.value)
    with pytest.raises(RuntimeError, match="harmless"), in_hand([MARK]):
        raise RuntimeError("harmless")


def test_a_log_line_keeps_its_fields_but_not_those_that_carry_a_mark(
    data_center: DataCenterSite,
) -> None:
    values = {"status": 422, "reason": f"of {MARK}", "site": data_center, "code": "data-center"}
    with in_hand([MARK]):
        assert drop_marks(values) == values | {"reason": "[withheld]", "site": "[withheld]"}
    assert drop_marks(values) == values | {"site": "[withheld]"}


# -- the database itself


@pytest.mark.parametrize(
    "changed",
    [
        {"deployment": "Server"},
        {"deployment": MARK},
        {"deployment": None},
        {"cloud_id": None},
        {"cloud_id": MARK},
        {"cloud_id": ""},
    ],
)
@pytest.mark.parametrize("layer", ["trigger", "check"])
def test_the_database_stores_cloud_sites_only_and_quotes_no_other(
    app: Flask, database_url: str, changed: dict[str, Any], layer: str
) -> None:
    if layer == "check":
        with psycopg.connect(database_url) as owner:
            owner.execute("ALTER TABLE installation DISABLE TRIGGER tandem_only_cloud")
    one = an_installation(**changed)
    with pytest.raises(IntegrityError) as refused, tenant_transaction(TenantId(one.id)) as session:
        session.add(one)
    if layer == "trigger":
        assert "Only a Jira Cloud site" in str(refused.value)
        assert MARK not in str(refused.value)
    assert stored(database_url, "installation") == 0


def test_a_stored_cloud_site_cannot_become_another(app: Flask, database_url: str) -> None:
    one = an_installation()
    tenant = TenantId(one.id)
    with tenant_transaction(tenant) as session:
        session.add(one)
    for change in ({"deployment": "Server"}, {"cloud_id": MARK}):
        with pytest.raises(IntegrityError), tenant_transaction(tenant) as session:
            session.execute(update(Installation).values(**change))


PROFILE = str(uuid.uuid4())
LOCK = f"drain:{PROFILE}:7"
GOOD: dict[str, Any] = {
    "queue_name": "sync",
    "task_name": "drain",
    "lock": LOCK,
    "queueing_lock": LOCK,
    "args": {"profile_id": PROFILE, "lane": 7},
}
HOUSE: dict[str, Any] = {
    "queue_name": "house",
    "task_name": "sweep",
    "lock": None,
    "queueing_lock": "sweep",
    "args": {"timestamp": 1_800_000_000},
}


def defer(connection: psycopg.Connection, job: dict[str, Any]) -> None:
    """Insert a job as the product's role."""
    connection.execute("SET ROLE tandem_app")
    connection.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)"
        " VALUES (%(queue_name)s, %(task_name)s, %(lock)s, %(queueing_lock)s, %(args)s)",
        job | {"args": Jsonb(job["args"])},
    )


@pytest.mark.parametrize("layer", ["trigger", "check"])
@pytest.mark.parametrize(
    "job",
    [
        GOOD | {"task_name": MARK},
        GOOD | {"queue_name": MARK},
        GOOD | {"lock": MARK},
        GOOD | {"lock": None},
        GOOD | {"queueing_lock": MARK},
        GOOD | {"queueing_lock": f"{LOCK}:{MARK}"},
        GOOD | {"args": {"profile_id": PROFILE, "lane": 7, "url": MARK}},
        GOOD | {"args": {"profile_id": MARK, "lane": 7}, "lock": f"drain:{MARK}:7"},
        GOOD | {"args": {"profile_id": PROFILE, "lane": MARK}},
        GOOD | {"args": {"profile_id": PROFILE, "lane": "7"}},
        GOOD | {"args": {"profile_id": PROFILE, "lane": 1.5}},
        GOOD | {"args": {"profile_id": PROFILE, "lane": [7]}},
        GOOD | {"args": {"profile_id": f"{PROFILE}\n{MARK}", "lane": 7}},
        GOOD | {"args": {"profile_id": PROFILE}},
        GOOD | {"args": [MARK]},
        GOOD | {"args": MARK},
        GOOD | {"args": None},
        HOUSE | {"args": {"timestamp": MARK}},
        HOUSE | {"args": {"timestamp": 1, "of": MARK}},
        HOUSE | {"args": {}},
        HOUSE | {"queueing_lock": MARK},
        HOUSE | {"lock": MARK},
    ],
)
def test_a_job_carries_what_its_task_is_known_to_need_and_nothing_else(
    app: Flask, database_url: str, job: dict[str, Any], layer: str
) -> None:
    with psycopg.connect(database_url) as owner:
        if layer == "check":
            owner.execute("ALTER TABLE procrastinate_jobs DISABLE TRIGGER tandem_only_known")
            owner.commit()
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            defer(owner, job)
    assert layer == "check" or MARK not in f"{refused.value} {refused.value.diag.message_detail}"


def test_the_jobs_of_the_product_are_taken(app: Flask, database_url: str) -> None:
    ring(uuid.uuid4(), 31)
    ring(uuid.uuid4(), 0, after=2.5)
    with psycopg.connect(database_url) as owner:
        defer(owner, GOOD)
        defer(owner, HOUSE)
        for house in ("revive", "search", "complete", "thaw"):
            defer(owner, HOUSE | {"task_name": house, "queueing_lock": house})
    assert stored(database_url, "procrastinate_jobs") == 8


def test_a_deferred_job_cannot_be_given_other_arguments(app: Flask, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        defer(owner, GOOD)
        with pytest.raises(psycopg.errors.CheckViolation):
            owner.execute("UPDATE procrastinate_jobs SET args = args || %s", (Jsonb({"u": MARK}),))


def test_the_database_knows_every_task_of_the_engine(app: Flask, database_url: str) -> None:
    reconciler = app.extensions["tandem"].reconciler
    engine = build_engine(app, reconciler, database_url, concurrency=1)
    theirs = ("builtin:", "procrastinate.")  # never deferred, and refused
    ours = {name for name in engine.tasks if not name.startswith(theirs)}
    with psycopg.connect(database_url) as owner:
        [(source,)] = owner.execute(
            "SELECT pg_get_functiondef('tandem_is_known_job'::regproc)"
        ).fetchall()
    assert ours == {"drain", "sweep", "revive", "search", "complete", "thaw", "errands"}
    assert all(f"'{name}'" in source for name in ours)


@pytest.mark.parametrize("arguments", [(MARK, 1), (uuid.uuid4(), MARK), (uuid.uuid4(), True)])
def test_the_bell_is_rung_with_an_id_and_a_number_only(
    app: Flask, database_url: str, arguments: tuple[Any, Any]
) -> None:
    with pytest.raises(TypeError) as refused:
        ring(*arguments)
    assert MARK not in str(refused.value)
    assert stored(database_url, "procrastinate_jobs") == 0


def test_a_periodic_defer_names_a_known_task_only(app: Flask, database_url: str) -> None:
    add = "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id) VALUES (%s, %s)"
    with psycopg.connect(database_url) as owner:
        for house in ("sweep", "revive", "search", "complete", "thaw"):
            owner.execute(add, (house, house))
        owner.commit()
        for names in ((MARK, "sweep"), ("sweep", MARK), (MARK, MARK)):
            with pytest.raises(psycopg.errors.CheckViolation, match="A job carries only"):
                owner.execute(add, names)
            owner.rollback()


def test_the_counter_counts_known_names_and_the_product_can_do_no_more_with_it(
    app: Flask, database_url: str
) -> None:
    count(Count.DATA_CENTER_REFUSED)
    count(Count.DATA_CENTER_REFUSED)
    with unscoped_transaction() as session:
        session.execute(text("SELECT tandem_count(:name)"), {"name": MARK})
    assert counters(database_url) == {"data_center_refused": 2}
    assert stored(database_url, "counter") == len(Count)
    for statement in (
        "SELECT * FROM counter",
        "UPDATE counter SET value = 0",
        "INSERT INTO counter (name) VALUES ('x')",
        "DELETE FROM counter",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            unscoped_transaction() as session,
        ):
            session.execute(text(statement))


# -- a site that somebody names


@pytest.fixture
def site_saying(app: Flask) -> Iterator[Callable[[Any], str]]:
    """Starts a site that gives this answer to everything; returns its address."""
    from contextlib import ExitStack

    with ExitStack() as servers:

        def start(info: Any, status: str = "200 OK", *headers: str) -> str:
            body = info if isinstance(info, bytes) else json.dumps(info).encode()
            server = servers.enter_context(serve(saying(ok(body, *headers, status=status))))
            start.server = server  # type: ignore[attr-defined]
            return f"http://127.0.0.1:{server.port}/{MARK}"

        yield start


def test_a_cloud_site_is_told_and_never_given_the_credentials(
    site_saying: Any, database_url: str
) -> None:
    url = site_saying({"deploymentType": "Cloud", "baseUrl": "https://acme.example.test"})
    assert look(f"{url}/", "me@acme.test", "the-token-of-acme", HERE) == CloudDeployment(url)
    [head] = site_saying.server.asked
    assert head.startswith(f"GET /{MARK}/rest/api/2/serverInfo HTTP/1.1".encode())
    assert b"authorization" not in head.lower()
    assert counters(database_url) == {}


@pytest.mark.parametrize(
    "answer",
    [
        ({"deploymentType": "Server", "version": "9.12.2", "serverTitle": MARK},),
        ({"deploymentType": "DataCenter", "baseUrl": f"https://{MARK}"},),
        ({"deploymentType": {"is": "Cloud"}},),
        ({"version": "7.0.0", "versionNumbers": [7, 0, 0]},),
        ({"deploymentType": "Cloud", "much": [str(n) for n in range(300)]},),
        ({}, "401 Unauthorized", f"WWW-Authenticate: {MARK}"),
        ({}, "403 Forbidden"),
    ],
)
def test_any_other_jira_gets_the_one_sentence_and_is_counted(
    site_saying: Any, database_url: str, answer: tuple[Any, ...]
) -> None:
    with pytest.raises(DataCenterNotHere) as refused:
        look(site_saying(*answer), f"{MARK}@mail.test", MARK, HERE)
    problem = refused.value
    assert (problem.status, problem.code) == (422, "data-center")
    assert problem.detail == HOW_SUPPORTED
    assert counters(database_url) == {"data_center_refused": 1}


@pytest.mark.parametrize(
    "answer",
    [
        (b"<html>", "200 OK"),
        ({"hello": "there is no Jira that says what it is"}, "200 OK"),
        ([1], "200 OK"),
        (b'{"a":' * 10_000, "200 OK"),
        (b" " * 70_000, "200 OK"),
        ({"deploymentType": "Cloud"}, "302 Found", "Location: http://127.0.0.1:1/"),
        ({"deploymentType": "Cloud"}, "500 Oops"),
    ],
)
def test_what_is_no_jira_gets_a_problem_that_repeats_nothing(
    site_saying: Any, database_url: str, answer: tuple[Any, ...]
) -> None:
    with pytest.raises(Problem) as refused:
        look(site_saying(*answer), f"{MARK}@mail.test", MARK, HERE)
    assert (refused.value.status, refused.value.field) == (422, "url")
    assert MARK.lower() not in refused.value.detail.lower()
    assert counters(database_url) == {}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "name",
        MARK,
        f"ftp://{MARK}",
        f"http://{MARK}.example.test",
        f"https://{MARK}:secret@x.example.test",
        f"https://x.example.test/?{MARK}",
        f"https://10.1.2.3/{MARK}",
        f"https://{MARK}.invalid",
        f"https://[{MARK}",
        f"https://x.example.test/{MARK}\n",
    ],
)
def test_a_bad_address_is_refused_without_being_repeated(app: Flask, url: str) -> None:
    with pytest.raises(Problem) as refused:
        look(url, "url", "must", NetworkPolicy())
    assert refused.value.field == "url"
    assert MARK.lower() not in refused.value.detail.lower()


# -- the lifecycle

INSTALLED = "/lifecycle/installed"


@pytest.mark.parametrize(
    "changed",
    [
        {"cloudId": None},
        {"cloudId": MARK},
        {"cloudId": "{" + str(uuid.uuid4()) + "}"},
        {"deploymentType": "Server"},
        {"deploymentType": MARK},
    ],
)
def test_a_signed_install_that_is_not_of_cloud_leaves_a_count_and_gets_the_sentence(
    site: Any, database_url: str, changed: dict[str, Any]
) -> None:
    answer = site.post(INSTALLED, site.lifecycle_token(INSTALLED), site.body(**changed))
    assert (answer.status_code, answer.json["type"]) == (422, "urn:tandem:problem:data-center")
    assert answer.json["detail"] == answer.json["dataCenter"] == HOW_SUPPORTED
    assert stored(database_url, "installation") == stored(database_url, "audit_event") == 0
    assert counters(database_url) == {"data_center_refused": 1}


@pytest.mark.parametrize("version", ["100285", "1001.0.0-SNAPSHOT"])
def test_what_cloud_calls_its_version_is_no_version_of_data_center(site: Any, version: str) -> None:
    assert site.install(serverVersion=version, deploymentType="Cloud").status_code == 204


def test_an_unsigned_install_is_told_nothing_but_how_data_center_is_supported(
    site: Any, database_url: str
) -> None:
    for token in (None, "x" * 40, site.lifecycle_token("/lifecycle/uninstalled")):
        answer = site.post(INSTALLED, token, site.body())
        assert answer.status_code == 401
        assert answer.json["detail"] == "Not authorised."
        assert answer.json["dataCenter"] == HOW_SUPPORTED
    assert counters(database_url) == {"install_refused": 3}


def test_every_refusal_of_an_install_says_it_also_one_before_the_body_is_read(site: Any) -> None:
    token = site.lifecycle_token(INSTALLED)
    for body in (b"[]", b" " * (5 * 1024 * 1024 + 1), site.body(productType="server")):
        answer = site.post(INSTALLED, token, body)
        assert 400 <= answer.status_code < 500
        assert answer.json["dataCenter"] == HOW_SUPPORTED


def test_other_lifecycle_endpoints_and_good_installs_count_nothing(
    installed: Any, database_url: str
) -> None:
    path = "/lifecycle/uninstalled"
    answer = installed.post(path, None, installed.body("uninstalled"))
    assert answer.status_code == 401
    assert "dataCenter" not in answer.json
    assert counters(database_url) == {}
