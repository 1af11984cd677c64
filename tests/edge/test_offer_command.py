"""`tandem profile fields` and `offer` against sites that tell of their fields: what is offered and
taken, and that what is wrong changes nothing."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from app.mapping import profiles
from app.mapping.profile import Flow, Kind, Moment
from tests.edge.jira import Jira, KeyServer
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
GONE = {"id": "3", "name": "Gone", "statusCategory": {"key": "done"}}
UPDATED = "2027-01-05T12:00:00.000+0000"


def told(field_id: str, name: str, type_: str = "", **more: Any) -> dict[str, Any]:
    """A field as metadata has it; without a type one that every Jira has."""
    own = {"custom": CUSTOM + type_ if ":" not in type_ else type_} if type_ else {}
    schema = {"type": "any", **(own or {"system": field_id})}
    base = {"name": name, "schema": schema, "operations": ["set"], "required": False}
    return {"id": field_id, "custom": bool(type_), **base, **more}


@dataclass
class Told:
    """A site that tells of its fields, and what it was asked."""

    create: list[dict[str, Any]]
    edit: list[dict[str, Any]]
    others: list[dict[str, Any]] = field(default_factory=list)
    on_moves: list[dict[str, Any]] = field(default_factory=list)
    issues: tuple[str, ...] = ("7", "8")
    refuses: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Any:
        """The answer to a call, by the last part of its path."""
        every = {one["id"]: one for one in self.all}
        if path == "field":
            return list(every.values())
        if path == "jql":
            return {"issues": [self._issue(one, {}) for one in self.issues]}
        if path == "bulkfetch":
            screen = {"editmeta": {"fields": {one["id"]: one for one in self.edit}}}
            held = dict.fromkeys(every)
            return {"issues": [{**self._issue(one, held), **screen} for one in self.issues]}
        if path == "transitions":
            screen = {one["id"]: one for one in self.on_moves}
            return {"transitions": [{"id": "1", "name": "Go", "to": GONE, "fields": screen}]}
        rows = [{**one, "fieldId": one["id"]} for one in self.create]
        return {"startAt": 0, "maxResults": 50, "total": len(rows), "fields": rows}

    @property
    def all(self) -> list[dict[str, Any]]:
        """Every field."""
        return [*self.create, *self.edit, *self.on_moves, *self.others]

    def _issue(self, number: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"id": number, "key": f"A-{number}", "fields": {**fields, "updated": UPDATED}}


@contextmanager
def served(site: Told) -> Iterator[str]:
    """The site on a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            last = self.path.partition("?")[0].rsplit("/", 1)[1]
            site.asked.append(last)
            status = site.refuses.get(last, 200)
            said = site.answer(last) if status == 200 else {"errorMessages": ["not for you"]}
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Scene:
    """Both sites, and the one on the right to be switched off."""

    left: Told
    right: Told
    off: Callable[[], None]


@pytest.fixture
def scene() -> Iterator[tuple[Scene, tuple[str, str]]]:
    """Two sites that tell of their fields, and where they are."""
    both = [told("summary", "Summary", required=True), told("labels", "Labels")]
    area = told("customfield_1", "Area", "select")
    left = [*both, area, told("customfield_2", "Size", "float"), told("assignee", "Assignee")]
    right = [
        *both,
        told("customfield_9", "AREA", "multiselect"),
        told("customfield_8", "Impact", "select", required=True),
    ]
    late = [told("assignee", "Assignee"), told("customfield_6", "Health", "com.example:thing")]
    sites = Told(left, left), Told(right, [*right, *late])
    mapped = [told(one, one.title()) for one in ("description", "priority", "duedate")]
    sites[0].others = [told("status", "Status"), *mapped]
    sites[1].others = [told("status", "Status"), *mapped]
    sites[1].on_moves = [told("customfield_5", "Cause", "textfield")]
    with ExitStack() as first, ExitStack() as second:
        urls = first.enter_context(served(sites[0])), second.enter_context(served(sites[1]))
        yield Scene(*sites, off=second.close), urls


@pytest.fixture
def installed(client: FlaskClient, keys: KeyServer, scene: Any) -> Jira:
    """The left site with the app."""
    return site_of(client, keys, scene[1][0])


@pytest.fixture
def other(client: FlaskClient, keys: KeyServer, scene: Any) -> Jira:
    """The right site with the app."""
    return site_of(client, keys, scene[1][1])


def site_of(client: FlaskClient, keys: KeyServer, url: str) -> Jira:
    site = Jira(client, keys, secret=f"the-shared-secret-of-the-site-at-{url}")
    assert site.install(baseUrl=url).status_code == 204
    assert site.enable().status_code == 204
    return site


@pytest.fixture
def sites(scene: tuple[Scene, Any], profile: uuid.UUID) -> Scene:
    """Both sites, with the profile `Tasks` between them: it maps labels, summary and others."""
    return scene[0]


@pytest.fixture
def tandem(
    command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """`tandem profile …` with this test's settings."""
    monkeypatch.setenv("TANDEM_INSECURE_HTTP", "1")
    return lambda *words: command("profile", *words)


def offered(tandem: Callable[..., Result], *more: str) -> dict[str, Any]:
    answer = tandem("offer", "Tasks", "--json", *more)
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def pairs(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["row"]["left"], one["row"]["right"]) for one in found["pairs"]]


def test_fields_of_both_sides_are_listed_with_what_can_be_done_with_them(
    sites: Scene, tandem: Callable[..., Result]
) -> None:
    answer = tandem("fields", "Tasks", "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert [one["id"] for one in found["wanting"]] == ["customfield_8"]
    right = {one["id"]: one for one in found["right"]}
    assert right["assignee"]["written"] == "update"
    assert right["customfield_6"] == {
        "side": "right",
        "id": "customfield_6",
        "name": "Health",
        "kind": "read_only_text",
        "create": False,
        "edit": True,
        "written": None,
        "why": "its type, thing, is one that is only read, as text",
        "required": False,
        "mapped_to": [],
        "fed_by": [],
        "filled": False,
    }
    assert right["customfield_5"]["why"] == "only where an issue is moved: no other screen has it"
    # All fields, the create screen, some issues, these, and the moves from their one status.
    assert sites.left.asked == ["field", "10003", "jql", "bulkfetch", "transitions"]
    table = tandem("fields", "Tasks", "--side", "right").output.splitlines()
    assert table[0].startswith("The right side makes no issue without Impact (customfield_8)")
    assert table[1] == "right:"
    assert [line.split()[0] for line in table[2:]] == [one["id"] for one in found["right"]]
    [summary] = [line for line in table if line.startswith("  summary ")]
    assert summary.endswith("written                         mapped to summary; required")


def test_what_is_suggested_is_taken_as_one_revision_and_not_suggested_again(
    app: Flask,
    sites: Scene,
    profile: uuid.UUID,
    tandem: Callable[..., Result],
) -> None:
    vault = app.extensions["tandem"].vault
    shown = offered(tandem)
    wanted = [
        ("assignee", "assignee"),
        ("status", "status"),
        ("customfield_1", "customfield_9"),
    ]
    assert (pairs(shown), shown["taken"], shown["revision"]) == (wanted, False, 1)
    taken = offered(tandem, "--take")
    assert (pairs(taken), taken["taken"], taken["revision"]) == (wanted, True, 2)
    assert [one["row"] for one in taken["pairs"]] == [one["row"] for one in shown["pairs"]]

    stored = profiles.load(vault, profile)
    by_key = {one.key: one for one in stored.profile.fields}
    area = by_key["customfield_1=customfield_9"]
    assert (area.kind, area.right_kind, area.flow) == (Kind.OPTION, Kind.OPTIONS, Flow.TO_RIGHT)
    assert by_key["assignee=assignee"].moment is Moment.UPDATE
    assert [one["id"] for one in taken["wanting"]] == ["customfield_8"]

    again = tandem("offer", "Tasks", "--take")
    assert "Nothing more suggests itself." in again.output
    assert profiles.load(vault, profile).revision == 2


def test_any_possible_pairs_can_be_taken_and_their_kinds_are_found(
    app: Flask,
    sites: Scene,
    profile: uuid.UUID,
    tandem: Callable[..., Result],
) -> None:
    two = ("--take", "customfield_1=customfield_8", "--take", "status=status")
    answer = tandem("offer", "Tasks", *two)
    assert answer.exit_code == 0, answer.output
    assert "2 more fields are mapped, as revision 2." in answer.output
    assert "makes no issue without" not in answer.output  # Impact is fed now
    stored = profiles.load(app.extensions["tandem"].vault, profile).profile
    assert [one.key for one in stored.fields][-2:] == [
        "customfield_1=customfield_8",
        "status=status",
    ]


IMPOSSIBLE = [
    ("customfield_77=labels", "customfield_77 is no field of the left site"),
    ("customfield_9=labels", "customfield_9 is a field of the right site, not of the left"),
    ("customfield_2=customfield_8", "number (customfield_2) and option (customfield_8)"),
    ("customfield_2=customfield_6", "number (customfield_2) and read_only_text"),
    ("labels=labels", "the two are mapped to each other already"),
    ("customfield_2", "give two fields as LEFT=RIGHT"),
    ("=labels", "give two fields as LEFT=RIGHT"),
]


def test_one_impossible_pair_takes_none(
    app: Flask, sites: Scene, profile: uuid.UUID, tandem: Callable[..., Result]
) -> None:
    for pair, sentence in IMPOSSIBLE:
        answer = tandem("offer", "Tasks", "--take", "--take", pair, "--take", "status=status")
        assert answer.exit_code == 2
        assert sentence in " ".join(answer.output.split())
    assert profiles.load(app.extensions["tandem"].vault, profile).revision == 1


def test_a_profile_that_is_not_there_is_named(tandem: Callable[..., Result], app: Flask) -> None:
    for word in ("fields", "offer"):
        answer = tandem(word, "Nobody's")
        assert answer.exit_code == 2
        assert "PROFILE: there is none of this id or name." in answer.output


def test_a_site_that_refuses_us_or_does_not_answer_ends_the_command_with_a_sentence(
    app: Flask, sites: Scene, profile: uuid.UUID, tandem: Callable[..., Result]
) -> None:
    sites.right.refuses["field"] = 400
    refused = tandem("fields", "Tasks")
    sites.off()
    silent = tandem("offer", "Tasks", "--take")
    assert (refused.exit_code, silent.exit_code) == (1, 1)
    assert "answered 400" in refused.output
    assert "did not answer" in silent.output
    assert profiles.load(app.extensions["tandem"].vault, profile).revision == 1


def test_without_an_issue_or_a_create_screen_what_is_known_is_offered_and_the_rest_said(
    sites: Scene, tandem: Callable[..., Result]
) -> None:
    sites.left.issues = ()
    sites.right.refuses["20003"] = 400
    found = offered(tandem)
    assert found["unknown"] == [
        "the left scope has no issue yet, so its edit screen and fields that are on no screen are "
        "not known",
        "the right site tells no create screen: Tandem may not make issues there",
    ]
    assert ("assignee", "assignee") in pairs(found)
    assert "bulkfetch" not in sites.left.asked


def test_a_name_cannot_move_the_cursor_of_a_terminal(
    sites: Scene, tandem: Callable[..., Result]
) -> None:
    for site in (sites.left, sites.right):
        site.create.append(told("environment", "Up\x1b[1A\r\nand away"))
    for words in (("fields", "Tasks"), ("offer", "Tasks")):
        answer = tandem(*words)
        assert answer.exit_code == 0, answer.output
        assert "Up [1A and away" in answer.output
        assert "\x1b" not in answer.output
