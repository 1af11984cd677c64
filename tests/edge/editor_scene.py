"""A scene for the editor: two paired sites that a test plays, and a draft that was begun."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import Tandem
from app.mapping import drafts
from app.mapping.drafts import Draft
from app.screens.editor import VERSION_HEADER
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from tests.edge.jira import Jira
from tests.edge.people import PEOPLE, grant_roles

Asked = dict[str, Any]


@dataclass
class PlayedJira:
    """A Jira over HTTP with projects and types. `answers`: by path below the API, what it says in
    place of that: (status, body), where a body of bytes is sent as it is."""

    url: str = ""
    projects: list[tuple[int, str, str]] = field(default_factory=list)
    types: list[tuple[int, str]] = field(default_factory=lambda: [(1, "Task"), (2, "Bug")])
    answers: dict[str, Callable[[Asked], tuple[int, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, Asked, str | None]] = field(default_factory=list)

    def say(self, path: str, asked: Asked) -> tuple[int, Any]:
        """The answer to a call."""
        if path in self.answers:
            return self.answers[path](asked)
        if path == "permissions/check":
            return 200, {"globalPermissions": [], "projectPermissions": []}
        if path == "project/search":
            start, size = int(asked.get("startAt", 0)), int(asked.get("maxResults", 50))
            shown = self.projects[start : start + size]
            values = [{"id": str(i), "key": key, "name": name} for i, key, name in shown]
            last = start + size >= len(self.projects)
            return 200, {"values": values, "isLast": last, "total": len(self.projects)}
        if path.endswith("/issuetypes"):
            types = [{"id": str(i), "name": name, "subtask": False} for i, name in self.types]
            return 200, {"issueTypes": types, "total": len(types), "startAt": 0}
        if path == "search/approximate-count":
            return 200, {"count": 7}
        if path == "jql/parse":
            where = {"structure": {"where": {"clauses": [], "operator": "and"}}}
            return 200, {"queries": [{"query": one, **where} for one in asked["queries"]]}
        if path == "serverInfo":
            return 200, {"deploymentType": "Cloud", "baseUrl": self.url}
        return 404, {"errorMessages": [path]}


@contextmanager
def played_jira() -> Iterator[PlayedJira]:
    """It, on a free port of loopback."""
    jira = PlayedJira()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked: Asked = dict(parse_qsl(parts.query))
            if length := int(self.headers.get("Content-Length") or 0):
                asked |= json.loads(self.rfile.read(length))
            path = re.sub(r".*/rest/api/[23]/", "", parts.path)
            jira.asked.append((path, asked, self.headers.get("Authorization")))
            status, found = jira.say(path, asked)
            told = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    jira.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield jira
    finally:
        server.shutdown()


@dataclass
class Scene:
    """Two paired sites, people of every role in the first, and a draft of the editor's."""

    tandem: Tandem
    site: Jira
    other: Jira
    connection: str
    ours: PlayedJira
    theirs: PlayedJira
    draft: str = ""
    version: int = 1

    def call(
        self, method: str, path: str, who: str = "ed", site: Jira | None = None, **form: Any
    ) -> TestResponse:
        """Call as a person of a site, as the page would."""
        at = site or self.site
        headers = {"Authorization": f"JWT {at.context_token(who)}", "HX-Request": "true"}
        answer = at.client.open(f"/pages{path}", method=method, headers=headers, data=form)
        if VERSION_HEADER in answer.headers:
            self.version = int(answer.headers[VERSION_HEADER])
        return answer

    def begin(self, who: str = "ed", **form: str) -> TestResponse:
        """Begin a draft, which is the one that is saved to from then on."""
        answer = self.call("POST", "/drafts", who, **form)
        assert answer.status_code == 200, answer.text
        [self.draft] = re.findall(r'data-draft="([0-9a-f-]{36})"', answer.text)
        return answer

    def save(self, step: str, who: str = "ed", **form: Any) -> TestResponse:
        """Save to the draft by the version that was seen last."""
        form.setdefault("version", str(self.version))
        return self.call("POST", f"/drafts/{self.draft}/{step}", who, **form)

    def stored(self, who: str = "ed") -> Draft:
        """The draft as it is stored."""
        known = self.tandem.installations.find(self.site.client_key)
        assert known is not None
        caller = Caller(known.tenant, who, Proof.CONTEXT)
        return drafts.load(self.tandem.vault, caller, uuid.UUID(self.draft))


def caller_of(tandem: Tandem, site: Jira, account: str) -> Caller:
    """A person of a site."""
    known = tandem.installations.find(site.client_key)
    assert known is not None
    return Caller(known.tenant, account, Proof.CONTEXT)


def pair(tandem: Tandem, site: Jira, other: Jira) -> str:
    """Pair two sites by a code, and give the connection."""
    code = pairing.make_code(tandem.record, caller_of(tandem, other, "admin")).text
    return str(pairing.claim(tandem.record, caller_of(tandem, site, "admin"), code))


def grant(database_url: str, **roles: str) -> None:
    """Give these people, or else the usual ones, their roles in all sites."""
    grant_roles(database_url, roles or PEOPLE)


@pytest.fixture
def scene(app: Flask, installed: Jira, other: Jira, database_url: str) -> Iterator[Scene]:
    """The scene, with a draft begun."""
    tandem: Tandem = app.extensions["tandem"]
    grant(database_url)
    with played_jira() as ours, played_jira() as theirs:
        for site, jira in ((installed, ours), (other, theirs)):
            assert site.install(baseUrl=jira.url).status_code == 204
            assert site.enable().status_code == 204
        ours.projects = [(10, "ACME", "Acme web"), (11, "SHOP", "Shop")]
        theirs.projects = [(20, "GLX", "Globex platform")]
        made = Scene(tandem, installed, other, pair(tandem, installed, other), ours, theirs)
        made.begin()
        yield made
