"""Filters at the edge: what a Jira says of one, what is told to whom, and what is stored."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.connect.credential import ConnectCredential
from app.connect.events import read_event
from app.errors import NotFound, Problem
from app.jira.cloud import CloudSite
from app.jira.outbound import NetworkPolicy
from app.jira.site import JqlRefused
from app.mapping import approvals, profiles, revisions
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.filters import MOST_ISSUES, check, written
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from tests.edge.jira import Jira
from tests.edge.test_webhooks import body, changes

SECRET = "Rumpelstilzchen"
WHERE = {"structure": {"where": {"clauses": [], "operator": "and"}}}
Say = Callable[[str, dict[str, Any]], tuple[int, Any]]


@dataclass
class Played:
    """A Jira that answers as a test says, over HTTP; and what it was asked."""

    site: CloudSite
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        """The paths that were asked, by their ends."""
        return [path.rsplit("/api/3/", 1)[1] for path, _ in self.asked]


@contextmanager
def played(say: Say) -> Iterator[Played]:
    """It, on a free port of loopback."""
    asked: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            path = self.path.split("?")[0]
            asked.append((path, sent))
            status, found = say(path.rsplit("/api/3/", 1)[1], sent)
            told = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
    try:
        yield Played(CloudSite(base, credential, NetworkPolicy(insecure_http=True)), asked)
    finally:
        server.shutdown()


def parsing(first: dict[str, Any], *, count: int = 5) -> Say:
    """A Jira that says this of the filter alone, takes the rest, and counts so many."""

    def say(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if path == "search/approximate-count":
            return 200, {"count": count}
        assert path == "jql/parse"
        return 200, {
            "queries": [
                {"query": one, **(first if number == 0 else WHERE)}
                for number, one in enumerate(sent["queries"])
            ]
        }

    return say


def refusal(say: Say, *, own: bool = True, jql: str = "labels = a") -> Problem:
    """What a person is told of a filter of the left side."""
    with played(say) as jira, pytest.raises(Problem) as refused:
        check(jira.site, Scope("10000", "10001", jql), Side.LEFT, own=own)
    return refused.value


def test_a_good_filter_is_asked_alone_and_joined_and_counted_within_its_scope() -> None:
    with played(parsing(WHERE)) as jira:
        check(jira.site, Scope("10000", "10001", "a = b"), Side.LEFT, own=True)
    joined = "project = 10000 AND issuetype = 10001 AND ( a = b )"
    assert [sent for _, sent in jira.asked] == [{"queries": ["a = b", joined]}, {"jql": joined}]


def test_a_side_without_a_filter_asks_nothing() -> None:
    with played(parsing(WHERE)) as jira:
        check(jira.site, Scope("10000", "10001"), Side.LEFT, own=True)
    assert jira.asked == []


def test_a_filter_that_finds_five_million_issues_is_refused_with_the_count_and_the_cure() -> None:
    told = refusal(parsing(WHERE, count=5_000_000))
    assert told.field == "left.filter"
    assert "about 5,000,000 issues" in told.detail
    assert "at most 100,000" in told.detail
    assert "Narrow the filter" in told.detail
    with played(parsing(WHERE, count=MOST_ISSUES)) as jira:
        check(jira.site, Scope("10000", "10001", "a = b"), Side.LEFT, own=True)


def test_how_much_the_partners_filter_finds_is_not_told_exactly() -> None:
    told = refusal(parsing(WHERE, count=5_000_000), own=False)
    assert "more than 100,000" in told.detail
    assert "5,000,000" not in told.detail


ERROR = f"The value '{SECRET}' does not exist for the field 'assignee'. (line 1, character 12)"


def test_ones_own_jira_is_quoted_and_the_partners_only_by_the_place() -> None:
    own = refusal(parsing({"errors": [ERROR]}))
    assert own.detail.startswith("left.filter: your Jira does not understand it: ")
    assert SECRET in own.detail
    theirs = refusal(parsing({"errors": [ERROR]}), own=False)
    assert "the partner's Jira does not understand it at line 1, character 12" in theirs.detail
    assert SECRET not in theirs.detail
    assert "assignee" not in theirs.detail
    assert theirs.field == own.field == "left.filter"


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ({"where": {}}, "restricts nothing"),
        ({**WHERE["structure"], "orderBy": {"fields": [{"field": {"name": "a"}}]}}, "ORDER BY"),
    ],
)
def test_an_order_and_a_filter_that_restricts_nothing_are_refused(
    structure: dict[str, Any], words: str
) -> None:
    assert words in refusal(parsing({"structure": structure})).detail


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_a_jira_that_refuses_or_fails_is_told_without_its_words(status: int, own: bool) -> None:
    told = refusal(lambda path, sent: (status, {"errorMessages": [SECRET]}), own=own)
    assert SECRET not in told.detail
    assert told.field == "left.filter"
    assert (told.status, "Nothing was saved" in told.detail) == (
        (400, False) if status == 400 else (502, True)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("labels = " + "a" * 2000, "at most 2,000 characters; it has 2,009"),
        ("labels = a\x00", "cannot be seen"),
        ("labels = \u202ea", "cannot be seen"),
    ],
)
def test_what_no_jira_need_be_asked_about_names_field_rule_and_cure(text: str, words: str) -> None:
    with pytest.raises(Problem) as refused:
        written(text, Side.RIGHT)
    assert refused.value.field == "right.filter"
    assert words in refused.value.detail


def test_blanks_around_a_filter_are_taken_off_and_none_is_no_filter() -> None:
    assert written("  labels = a\r\n AND b = c ", Side.LEFT) == "labels = a  AND b = c"
    assert written(" \n", Side.LEFT) is None


def document(filter_: object) -> dict[str, Any]:
    made = json.loads(json.dumps(dump_profile(PROFILE)))
    made["left"]["filter"] = filter_
    return dict(made)


PROFILE = Profile(Scope("1", "2"), Scope("3", "4"), DEFAULT_FIELDS)


def test_a_document_keeps_a_filter_and_one_without_it_is_as_it_was() -> None:
    loaded = load_profile(document("labels = a"))
    assert loaded.left.filter == "labels = a"
    assert loaded.right.filter is None
    assert load_profile(json.loads(json.dumps(dump_profile(loaded)))) == loaded
    assert "filter" not in json.dumps(dump_profile(PROFILE))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (7, "must be JQL, as text in quotes"),
        ("", "must be JQL without blanks around it; write some, or leave the filter out"),
        (
            "a = b\nAND c = d",
            "holds a line break or another character that cannot be seen; type it anew",
        ),
        (" a = b", "must be JQL without blanks around it; write some, or leave the filter out"),
        ("a = b" * 500, "must have at most 2,000 characters; it has 2,500: shorten it"),
    ],
)
def test_a_filter_that_is_none_in_a_document_is_refused_by_its_name(
    bad: object, sentence: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        load_profile(document(bad))
    assert [(one.where, one.sentence) for one in refused.value.problems] == [
        ("left.filter", sentence)
    ]


def test_issues_are_matched_as_they_are_now_over_all_pages() -> None:
    def say(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        first = {"issues": [{"id": "1"}], "isLast": False, "nextPageToken": "more"}
        return 200, ({"issues": [{"id": "3"}]} if "nextPageToken" in sent else first)

    with played(say) as jira:
        assert jira.site.match_now("labels = a", [1, 2, 3]) == {1, 3}
    assert jira.asked[0][1] == {
        "jql": "id in (1, 2, 3) AND ( labels = a )",
        "maxResults": 3,
        "fields": ["id"],
        "reconcileIssues": [1, 2, 3],
    }
    assert len(jira.asked) == 2


def test_an_issue_that_was_deleted_a_moment_ago_does_not_make_a_filter_a_broken_one() -> None:
    def say(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if path == "search/jql":
            return 400, {"errorMessages": ["Issue does not exist"]}
        return 200, {"matches": [{"matchedIssues": [1, 9], "errors": []}]}

    with played(say) as jira:
        assert jira.site.match_now("labels = a", [1, 2]) == {1}
    assert jira.paths() == ["search/jql", "jql/match"]


def test_a_filter_that_a_jira_understands_no_more_is_an_error_without_its_words() -> None:
    def say(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if path == "search/jql":
            return 400, {"errorMessages": [SECRET]}
        return 200, {"matches": [{"matchedIssues": [], "errors": [f"Invalid JQL: {SECRET}"]}]}

    with played(say) as jira, pytest.raises(JqlRefused) as refused:
        jira.site.match_now("labels = a", [1])
    assert SECRET not in refused.value.detail
    assert "Correct the filter" in refused.value.detail
    assert not refused.value.passing


@dataclass
class Scene:
    """A profile between two sites, with a filter on its left side."""

    tandem: Tandem
    profile: uuid.UUID
    left: Caller
    right: Caller

    def filter_of(self, side: Side) -> str | None:
        """The filter of a side, as a worker reads it."""
        return profiles.load(self.tandem.vault, self.profile).profile.scope(side).filter

    def set(self, caller: Caller, jql: str | None) -> bool:
        """Change it, as a person of a site."""
        tandem = self.tandem
        return revisions.set_filter(tandem.vault, tandem.record, caller, self.profile, jql)


@pytest.fixture
def scene(app: Flask, installed: Jira, other: Jira) -> Scene:
    """It. The filter holds a word that may be nowhere in the clear."""
    tandem: Tandem = app.extensions["tandem"]
    known = [tandem.installations.find(one.client_key) for one in (installed, other)]
    left, right = (Caller(one.tenant, "admin", Proof.CONTEXT) for one in known if one is not None)
    connection = pairing.claim(tandem.record, left, pairing.make_code(tandem.record, right).text)
    made = profiles.create(
        tandem.vault,
        tandem.record,
        left,
        connection_id=connection,
        name="Tasks",
        left=Scope("10000", "10003", f"assignee = {SECRET}"),
        right=Scope("20000", "20003"),
    )
    approvals.decide(tandem.vault, tandem.record, right, made, 1, approves=True)
    return Scene(tandem, made, left, right)


def test_each_site_changes_the_filter_of_its_own_side_by_a_revision(
    scene: Scene, database_url: str
) -> None:
    assert scene.set(scene.right, "labels = theirs") is True
    assert scene.set(scene.right, "labels = theirs") is False
    assert scene.filter_of(Side.LEFT) == f"assignee = {SECRET}"
    assert scene.filter_of(Side.RIGHT) == "labels = theirs"
    assert scene.set(scene.left, None) is True
    assert scene.filter_of(Side.LEFT) is None
    with psycopg.connect(database_url) as owner:
        assert owner.execute("SELECT max(number), count(*) FROM profile_revision").fetchall() == [
            (3, 3)
        ]
        assert owner.execute("SELECT revision FROM profile").fetchall() == [(3,)]


def test_nobody_without_reach_changes_a_filter_or_reads_one(scene: Scene) -> None:
    tandem = scene.tandem
    with pytest.raises(NotFound):
        revisions.filter_of(tandem.vault, scene.left, scene.profile, covers=lambda one: False)
    with pytest.raises(NotFound):
        revisions.set_filter(
            tandem.vault,
            tandem.record,
            scene.left,
            scene.profile,
            "a = b",
            covers=lambda one: one != 10000,
        )
    with pytest.raises(NotFound):
        revisions.filter_of(tandem.vault, scene.left, uuid.uuid4())
    assert scene.filter_of(Side.LEFT) == f"assignee = {SECRET}"


def test_a_filter_is_stored_sealed_alone_and_no_trail_has_it(
    scene: Scene, database_url: str
) -> None:
    scene.set(scene.left, f"reporter = {SECRET}")
    with psycopg.connect(database_url) as owner:
        tables = owner.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        for (table,) in tables:
            rows = owner.execute(f'SELECT t::text FROM "{table}" t').fetchall()
            hexed = SECRET.encode().hex()
            assert not [row for (row,) in rows if SECRET in row or hexed in row], table
        [(detail,)] = owner.execute(
            "SELECT DISTINCT detail::text FROM audit_event WHERE action = 'profile.filter-changed'"
        ).fetchall()
    assert json.loads(detail) == {"side": "left", "filtered": True}


def test_an_event_of_any_field_counts_for_an_issue_that_may_come_inside(
    scene: Scene, installed: Jira, database_url: str
) -> None:
    told = body(changed="resolution")
    assert installed.webhook(told).status_code == 204
    issue = read_event(told).issue_id
    assert [row[:2] for row in changes(database_url)] == [("left", issue)]


def test_without_a_filter_an_event_of_a_field_that_is_not_mapped_marks_nothing(
    scene: Scene, installed: Jira, database_url: str
) -> None:
    scene.set(scene.left, None)
    assert installed.webhook(body(changed="resolution")).status_code == 204
    assert changes(database_url) == []


@pytest.mark.parametrize(("outside", "marks"), [(None, 0), ("right", 1), ("left", 1)])
def test_an_event_of_a_pair_that_stands_still_is_never_taken_for_an_echo(
    scene: Scene, installed: Jira, database_url: str, outside: str | None, marks: int
) -> None:
    issue = read_event(body()).issue_id
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, right_issue_id, lane, outside) VALUES (%s, %s, %s, %s, %s, 2, 1, %s)",
            (
                uuid.uuid4(),
                scene.profile,
                scene.left.tenant,
                scene.right.tenant,
                issue,
                outside,
            ),
        )
    assert installed.webhook(body(changed="resolution")).status_code == 204
    assert len(changes(database_url)) == marks


def test_another_revision_has_the_pairs_that_stand_still_looked_at_at_once(
    scene: Scene, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        sides = (scene.profile, scene.left.tenant, scene.right.tenant)
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, right_issue_id, lane, outside, outside_checked_at)"
            " VALUES (gen_random_uuid(), %s, %s, %s, 1, 2, 1, 'left', now())",
            sides,
        )
        owner.execute(
            "INSERT INTO change (profile_id, left_tenant_id, right_tenant_id, side, issue_id, lane,"
            " not_before, reason)"
            " VALUES (%s, %s, %s, 'left', 1, 1, now() + interval '5 minutes', 'filter-refused'),"
            " (%s, %s, %s, 'left', 2, 1, now() + interval '5 minutes', 'busy')",
            sides * 2,
        )
        owner.execute("UPDATE search_look SET due_at = now() + interval '5 minutes'")
        scene.set(scene.left, "labels = new")
        assert owner.execute("SELECT outside_checked_at FROM issue_link").fetchall() == [(None,)]
        assert owner.execute("SELECT DISTINCT due_at <= now() FROM search_look").fetchall() == [
            (True,)
        ]
        assert owner.execute(
            "SELECT issue_id FROM change WHERE not_before <= now()"
        ).fetchall() == [(1,)]
