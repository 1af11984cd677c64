"""Webhooks: who may deliver, what marks an issue dirty, what is dropped, and at what price."""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
from flask import Flask, g
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from structlog.testing import capture_logs

from app import Tandem
from app.connect.events import Event, read_event
from app.connect.webhook_routes import ROUTES
from app.connect.webhooks import Delivery, Mappings, _take
from app.database import db, tenant_transaction
from app.jobs.bell import Bells, ring_all
from app.mapping import approvals, profiles
from app.mapping.document import dump_profile
from app.mapping.profile import DEFAULT_FIELDS, FieldMapping, Kind, Scope, Side
from app.mapping.values import handler
from app.sync.fingerprint import Fingerprinter
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from app.vault.vault import Place
from demo.stack import wait_until
from tests.edge.jira import Jira

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "webhooks"

BODY: dict[str, Any] = {
    "timestamp": 1777122614106,
    "webhookEvent": "jira:issue_updated",
    "issue": {
        "id": "10033",
        "key": "KAN-3",
        "fields": {
            "project": {"id": "10000", "key": "KAN"},
            "issuetype": {"id": "10003", "name": "Task"},
            "summary": "A summary",
            "description": "h1. wiki",
            "labels": ["b", "a"],
            "priority": {"id": "3", "name": "Medium"},
            "duedate": None,
            "updated": "2026-04-25T18:40:13.605+0530",
        },
    },
    "changelog": {"id": "1", "items": [{"field": "summary", "fieldId": "summary"}]},
}


def body(*, changed: str | None = "summary", **fields: Any) -> dict[str, Any]:
    """An `issue_updated` whose changelog names one field."""
    made = copy.deepcopy(BODY)
    made["issue"]["fields"] |= fields
    if changed is None:
        del made["changelog"]
    else:
        made["changelog"]["items"] = [{"field": changed, "fieldId": changed}]
    return made


def without(name: str, **fields: Any) -> dict[str, Any]:
    """An `issue_updated` of a field that the body itself leaves out."""
    made = body(changed=name, **fields)
    del made["issue"]["fields"][name]
    return made


@pytest.fixture
def profile(app: Flask, installed: Jira, other: Jira) -> uuid.UUID:
    """A profile whose left side is `installed`: project 10000, type 10003."""
    tandem: Tandem = app.extensions["tandem"]
    left = tandem.installations.find(installed.client_key)
    right = tandem.installations.find(other.client_key)
    assert left is not None
    assert right is not None
    ours, theirs = (Caller(one.tenant, "admin", Proof.CONTEXT) for one in (left, right))
    code = pairing.make_code(tandem.record, theirs).text
    connection = pairing.claim(tandem.record, ours, code)
    made = profiles.create(
        tandem.vault,
        tandem.record,
        ours,
        connection_id=connection,
        name="Tasks",
        left=Scope("10000", "10003"),
        right=Scope("20000", "20003"),
    )
    approvals.decide(tandem.vault, tandem.record, theirs, made, 1, approves=True)
    return made


def changes(database_url: str) -> list[tuple[Any, ...]]:
    """Every dirty mark, read past row security."""
    with psycopg.connect(database_url) as owner:
        return owner.execute(
            "SELECT side, issue_id, version, event_updated FROM change ORDER BY side"
        ).fetchall()


def jobs(database_url: str) -> int:
    """How many drains wait."""
    with psycopg.connect(database_url) as owner:
        found = owner.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'drain' AND status = 'todo'"
        ).fetchone()
    return int(found[0]) if found else 0


def link(app: Flask, database_url: str, profile: uuid.UUID, *, seen: str) -> None:
    """A pair whose base is what BODY says; `seen` is the `updated` that it was made from."""
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    marks = Fingerprinter(tandem.vault.derive(stored.left_tenant, f"fingerprint:{profile}"))
    base = {}
    for mapping in DEFAULT_FIELDS:
        if mapping.left != "description":
            value = handler(mapping.kind).read(BODY["issue"]["fields"][mapping.left])
            base[mapping.key] = marks.of(mapping.key, Side.LEFT, value)
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, lane,"
            " left_issue_id, right_issue_id, base, left_seen)"
            " VALUES (%s, %s, %s, %s, 5, 10033, 20033, %s, %s)",
            (
                uuid.uuid4(), profile, stored.left_tenant, stored.right_tenant,
                json.dumps({"left": base, "right": {}}), seen,
            ),
        )  # fmt: skip


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that the engine sends meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.usefixtures("profile")
def test_a_mapped_change_marks_the_issue_once_and_rings_once(
    installed: Jira, database_url: str
) -> None:
    assert installed.webhook(body()).status_code == 204
    assert installed.webhook(body(summary="Another")).status_code == 204
    [(side, issue_id, version, _)] = changes(database_url)
    assert (side, issue_id, version) == ("left", 10033, 2)
    assert jobs(database_url) == 1


@pytest.mark.usefixtures("profile")
def test_a_delivery_takes_at_most_four_statements(installed: Jira) -> None:
    installed.webhook(body())  # the first one opens the secret
    with counted_statements() as sent:
        assert installed.webhook(body(summary="Another")).status_code == 204
    assert 0 < len(sent) <= 4, sent


@pytest.mark.usefixtures("profile")
def test_the_partners_side_is_marked_as_the_right_one(other: Jira, database_url: str) -> None:
    found = body(project={"id": "20000"}, issuetype={"id": "20003"})
    assert other.webhook(found).status_code == 204
    assert [row[0] for row in changes(database_url)] == ["right"]


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    "changed",
    [
        body(project={"id": "999"}),
        body(issuetype={"id": "999"}),
        body(changed="assignee"),
        body(changed="customfield_10071"),
    ],
)
def test_what_cannot_matter_leaves_no_row(
    installed: Jira, database_url: str, changed: dict[str, Any]
) -> None:
    assert installed.webhook(changed).status_code == 204
    assert changes(database_url) == []
    assert jobs(database_url) == 0


def test_a_security_level_that_is_set_or_taken_away_is_looked_at(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    assert installed.webhook(body(changed="security")).status_code == 204
    assert len(changes(database_url)) == 1
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM change")
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    assert installed.webhook(body(changed="security")).status_code == 204
    assert len(changes(database_url)) == 1


def test_the_echo_of_our_own_write_leaves_no_row(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    assert installed.webhook(body()).status_code == 204
    assert installed.webhook(body(changed="description")).status_code == 204
    assert changes(database_url) == []


def test_the_echo_of_a_write_under_way_leaves_no_row_and_any_other_value_does(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    marks = Fingerprinter(tandem.vault.derive(stored.left_tenant, f"fingerprint:{profile}"))
    written = ["left", marks.of("summary=summary", Side.LEFT, "Written"), "theirs"]
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "UPDATE issue_link SET planned = %s", (json.dumps({"summary=summary": written}),)
        )
    assert installed.webhook(body(summary="Written")).status_code == 204
    assert changes(database_url) == []
    assert installed.webhook(body(summary="Typed meanwhile")).status_code == 204
    assert len(changes(database_url)) == 1


def test_a_return_to_the_base_during_a_visit_is_no_echo(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    assert installed.webhook(body(summary="Read by the visit")).status_code == 204
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    marks = Fingerprinter(tandem.vault.derive(stored.left_tenant, f"fingerprint:{profile}"))
    agreed = [None, marks.of("summary=summary", Side.LEFT, "Read by the visit"), "theirs"]
    for number, planned in enumerate((None, {"summary=summary": agreed})):
        with psycopg.connect(database_url) as owner:
            owner.execute("UPDATE issue_link SET planned = %s", (planned and json.dumps(planned),))
        # As the base has it: but that is about to be replaced by what the visit read.
        assert installed.webhook(body()).status_code == 204
        assert [version for _, _, version, _ in changes(database_url)] == [number + 2]
    assert installed.webhook(body(summary="Read by the visit")).status_code == 204
    assert [version for _, _, version, _ in changes(database_url)] == [3]


@pytest.mark.parametrize("parked", [True, False])
def test_a_change_of_the_twin_keeps_an_echo_unless_it_is_set_aside(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID, parked: bool
) -> None:
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
            " parked) SELECT profile_id, 'right', right_issue_id, left_tenant_id, right_tenant_id,"
            " lane, %s FROM issue_link",
            (parked,),
        )
    assert installed.webhook(body()).status_code == 204
    kept = [] if parked else ["left"]
    assert [side for side, *_ in changes(database_url)] == [*kept, "right"]


@pytest.mark.parametrize(
    "changed",
    [
        body(summary="Changed by somebody"),
        body(labels=["a"]),
        body(changed="description", updated="2026-04-25T18:40:13.606+0530"),
        body(changed="description", updated=None),
        body(changed="project", project={"id": "999"}),
        without("summary", updated="2026-04-25T18:40:13.606+0530"),
        {**body(updated="2026-04-25T18:40:13.606+0530"), "changelog": {"items": []}},
        {**body(updated="2026-04-25T18:40:13.606+0530"), "changelog": {"items": "?"}},
        {**body(), "webhookEvent": "jira:issue_deleted"},
    ],
)
def test_what_the_base_does_not_hold_is_no_echo(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID, changed: dict[str, Any]
) -> None:
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    assert installed.webhook(changed).status_code == 204
    assert len(changes(database_url)) == 1


def test_an_event_is_not_dropped_for_its_author(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    link(app, database_url, profile, seen="2026-04-25T18:40:13.605+0530")
    ours = {"accountId": "the-account-of-the-app", "accountType": "app"}
    assert (
        installed.webhook({**body(summary="By the app's account"), "user": ours}).status_code == 204
    )
    assert len(changes(database_url)) == 1


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    "changed",
    [
        {"qsh": "context-qsh"},
        {"qsh": "0" * 64},
        {"exp": int(time.time()) - 60},
        {"iss": "nobody"},
        {"iss": None},
        {"exp": None},
    ],
)
def test_a_delivery_with_a_bad_token_is_refused_and_marks_nothing(
    installed: Jira, database_url: str, changed: dict[str, Any]
) -> None:
    assert installed.webhook(body(), **changed).status_code == 401
    assert changes(database_url) == []


@pytest.mark.usefixtures("profile")
def test_a_token_of_another_site_marks_nothing_here(
    installed: Jira, other: Jira, database_url: str
) -> None:
    assert other.webhook(body()).status_code == 204  # its own site has no such project
    assert changes(database_url) == []
    taken = other.token("POST", "/webhooks/jira", iss=installed.client_key)
    assert installed.post("/webhooks/jira", taken, body()).status_code == 401


@pytest.mark.usefixtures("profile")
def test_two_tokens_in_one_request_are_refused(installed: Jira, database_url: str) -> None:
    token = installed.token("POST", "/webhooks/jira")
    answer = installed.post(f"/webhooks/jira?jwt={token}", token, body())
    assert answer.status_code == 401
    assert changes(database_url) == []


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({**BODY, "webhookEvent": "user_created"}, "webhookEvent"),
        ({**BODY, "issue": None}, "issue"),
        ({**BODY, "issue": {"id": "x", "fields": BODY["issue"]["fields"]}}, "issue.id"),
        (body(project=None), "project"),
        (body(updated="yesterday"), "issue.fields.updated"),
        (body(updated="9999-12-31T23:59:59-1200"), "issue.fields.updated"),
    ],
)
def test_a_malformed_body_is_refused_with_the_field_at_fault(
    installed: Jira, database_url: str, broken: dict[str, Any], field: str
) -> None:
    answer = installed.webhook(broken)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert changes(database_url) == []


def test_a_replaced_secret_is_dead_in_every_process_at_once(
    installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    assert installed.webhook(body()).status_code == 204  # this process keeps the secret now
    remembered = dict(installed.installations._cache._found)
    old, installed.secret = installed.secret, "the-second-shared-secret-of-the-site"
    assert installed.install().status_code == 204
    installed.installations._cache._found.update(remembered)  # as a process that heard of nothing
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM change")
    claims = installed.claims("POST", "/webhooks/jira")
    dead = jwt.encode(claims, old, algorithm="HS256")
    late = body(summary="With the old secret")
    assert installed.post("/webhooks/jira", dead, late).status_code == 401
    assert changes(database_url) == []
    installed.installations._cache._found.update(remembered)
    assert installed.webhook(body(summary="With the new secret")).status_code == 204
    assert len(changes(database_url)) == 1


@pytest.mark.usefixtures("profile")
def test_a_site_that_only_moved_to_another_address_loses_no_delivery(
    installed: Jira, database_url: str
) -> None:
    assert installed.webhook(body()).status_code == 204
    remembered = dict(installed.installations._cache._found)
    assert installed.install(baseUrl="https://renamed.example.test").status_code == 204
    installed.installations._cache._found.update(remembered)  # as a process that heard of nothing
    assert installed.webhook(body(summary="After the move")).status_code == 204
    assert [row[2] for row in changes(database_url)] == [2]


@pytest.mark.usefixtures("profile")
def test_a_disabled_site_marks_nothing_until_it_is_enabled_again(
    installed: Jira, database_url: str
) -> None:
    path = "/lifecycle/disabled"
    token = installed.token("POST", path)
    assert installed.post(path, token, installed.body("disabled")).status_code == 204
    assert installed.webhook(body()).status_code == 403
    assert changes(database_url) == []
    assert installed.enable().status_code == 204
    assert installed.webhook(body()).status_code == 204
    assert len(changes(database_url)) == 1


def test_a_delivery_reads_one_link_of_a_profile_that_has_many(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, lane,"
            " left_issue_id, right_issue_id)"
            " SELECT gen_random_uuid(), id, left_tenant_id, right_tenant_id, 1, n, n"
            " FROM profile, generate_series(1, 20000) n"
        )
        owner.execute("ANALYZE")
    known = installed.installations.find(installed.client_key)
    assert known is not None
    with tenant_transaction(known.tenant) as session:
        [[plan]] = session.execute(
            text(f"EXPLAIN (ANALYZE, FORMAT JSON) {ROUTES.text}"),
            {
                "projects": [10000],
                "types": [10003],
                "issues": [77],
                "kinds": ["comments"],
                "items": ["5"],
            },
        ).all()
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "issue_link"]
    assert scans
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] for node in scans) == 1
    assert not any(node.get("Rows Removed by Filter") for node in scans)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a query plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.parametrize("broken", [b"not json", b"\xff\xfe", b"", b'{"a": '])
def test_a_body_that_is_no_json_is_called_so(installed: Jira, broken: bytes) -> None:
    answer = installed.webhook(broken)
    assert (answer.status_code, answer.json["detail"]) == (400, "The body is not JSON in UTF-8.")


def test_a_paused_profile_keeps_the_mark_for_later(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE profile SET state = 'paused'")
    assert installed.webhook(body()).status_code == 204
    assert len(changes(database_url)) == 1


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("issue_created", 204),
        ("issue_updated_status", 204),
        ("attachment_created", 400),
        ("comment_created", 204),
    ],
)
def test_the_bodies_of_real_sites_are_taken_or_named(
    installed: Jira, database_url: str, name: str, status: int
) -> None:
    path = CAPTURES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no captures of real webhooks at {CAPTURES}")
    assert installed.webhook(path.read_bytes()).status_code == status
    # Only the creation matters: the other one changes the status alone, which is not mapped.
    assert len(changes(database_url)) == (1 if name == "issue_created" else 0)


def test_deliveries_of_one_moment_share_a_commit_and_each_is_answered_for_itself(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    known = installed.installations.find(installed.client_key)
    assert known is not None

    def event(issue: int, changed: str = "summary") -> Event:
        made = body(changed=changed)
        made["issue"]["id"] = str(issue)
        return read_event(made)

    events = [event(20_000 + number % 8) for number in range(12)]
    unmapped = event(30_000, "resolution")
    deliveries = [Delivery(event, known.secret_version) for event in [*events, unmapped]]
    deliveries.append(Delivery(events[0], known.secret_version - 1))  # of a dead secret
    tandem: Tandem = app.extensions["tandem"]
    mappings = Mappings(tandem.vault)
    with app.test_request_context():
        g.caller = Caller(known.tenant, None, Proof.SITE)
        _take(deliveries[:1], tandem.vault, mappings)  # the first one reads what is mapped
    with app.test_request_context(), counted_statements() as sent:
        g.caller = Caller(known.tenant, None, Proof.SITE)
        taken, lanes = _take(deliveries, tandem.vault, mappings)
        ring_all(lanes)
    assert taken == [True] * 13 + [False]
    assert len(sent) <= 4, sent
    marked = changes(database_url)
    assert sorted(row[1] for row in marked) == list(range(20_000, 20_008))
    assert jobs(database_url) == len(lanes) > 1
    ring_all(lanes)
    assert jobs(database_url) == len(lanes)


@contextmanager
def a_bell_under_way(
    app: Flask, owner_url: str, bells: Bells, profile: uuid.UUID
) -> Iterator[None]:
    """While the block runs, the bell of lane 0 waits for the database."""
    with psycopg.connect(owner_url) as owner:
        owner.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        first = ring_in_a_thread(app, bells, profile, 0)
        wait_until("the bell waits", lambda: bells.under_way)
        yield
        assert first.is_alive()
    first.join(60)
    wait_until("nobody rings any more", lambda: not bells.under_way)


def ring_in_a_thread(app: Flask, bells: Bells, profile: uuid.UUID, lane: int) -> threading.Thread:
    """Ring for a lane as a thread of the web server does."""

    def run() -> None:
        with app.app_context():
            bells.ring([(profile, lane)])

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_bells_that_come_while_one_is_rung_keep_nobody_waiting_and_are_rung_together(
    app: Flask, database_url: str, profile: uuid.UUID
) -> None:
    bells = Bells()
    with a_bell_under_way(app, database_url, bells, profile):
        for lane in (1, 2, 2, 3):
            later = ring_in_a_thread(app, bells, profile, lane)
            later.join(60)
            assert not later.is_alive()
    assert jobs(database_url) == 4
    ring_in_a_thread(app, bells, profile, 4).join(60)
    wait_until("it is rung, at once or with those after it", lambda: jobs(database_url) == 5)


def test_bells_that_fail_are_told_and_the_next_one_rings(
    app: Flask, database_url: str, profile: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    bells = Bells()
    nonsense = text("SELECT no_such_thing")
    with monkeypatch.context() as broken, capture_logs() as lines:
        with a_bell_under_way(app, database_url, bells, profile):
            ring_in_a_thread(app, bells, profile, 1).join(60)
            broken.setattr("app.jobs.bell._RING_ALL", nonsense)
        assert "bell failed" in [line["event"] for line in lines]
        with app.app_context(), pytest.raises(psycopg.Error):
            Bells().ring([(profile, 2)])  # a lone one fails the delivery, which Jira sends again
    assert jobs(database_url) == 1
    with app.app_context():
        bells.ring([(profile, 3)])
    wait_until("it is rung, at once or with those after it", lambda: jobs(database_url) == 2)


def test_what_matters_is_what_the_profile_itself_maps(
    app: Flask, installed: Jira, database_url: str, profile: uuid.UUID
) -> None:
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    custom = FieldMapping("customfield_10071", "customfield_10071", Kind.TEXT)
    document = dump_profile(replace(stored.profile, fields=(custom,)))
    place = Place(stored.left_tenant, "profile_revision", "document", f"{profile}:2")
    sealed = tandem.vault.seal(place, json.dumps(document).encode())
    assert installed.webhook(body(changed="assignee")).status_code == 204  # revision 1 is read
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO profile_revision SELECT profile_id, 2, left_tenant_id, right_tenant_id,"
            " %s, created_by FROM profile_revision",
            (sealed,),
        )
        owner.execute("UPDATE profile SET revision = 2")
    assert installed.webhook(body(changed="summary")).status_code == 204
    assert changes(database_url) == []
    assert installed.webhook(body(changed="customfield_10071")).status_code == 204
    assert len(changes(database_url)) == 1
