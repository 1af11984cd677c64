"""A Jira that tells of a project, its fields and its people, over HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

PRIORITIES = [{"id": "1", "name": "High"}, {"id": "2", "name": "Low"}]


@dataclass
class Site:
    """It, and what it was asked. `refuses`: the status that it answers metadata with, 0 for none.
    `jql`: what it says of a filter that does not parse, empty where all do."""

    project: tuple[str, str, str]
    type: tuple[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    refuses: int = 0
    jql: str = ""
    asked: list[str] = field(default_factory=list)
    base_url: str = ""

    @property
    def host(self) -> str:
        """What its people call it."""
        return self.base_url.split("://")[1]

    def answer(self, path: str, query: dict[str, list[str]], sent: Any) -> Any:
        """The answer to a call, by its path below the API."""
        if path == "permissions/check":
            return {"globalPermissions": [], "projectPermissions": []}
        if self.refuses:
            return None
        last = path.rsplit("/", 1)[-1]
        if path == "project/search":
            id_, key, name = self.project
            return {"isLast": True, "total": 1, "values": [{"id": id_, "key": key, "name": name}]}
        if last == "issuetypes":
            rows = [{"id": id_, "name": name} for id_, name in [self.type]]
            return {"startAt": 0, "maxResults": 50, "total": 1, "issueTypes": rows}
        if path == "field":
            return [{"id": id_, "name": name, "custom": True} for id_, name in self.fields.items()]
        if last == "bulk":
            known = [one for one in query["accountId"] if one in self.people]
            told = [
                {"accountId": one, "displayName": self.people[one], "active": True} for one in known
            ]
            return {"values": told, "isLast": True}
        if path == "jql/parse":
            where = {"where": {"clauses": [], "operator": "and"}}
            bad = {"errors": [self.jql]} if self.jql else {"structure": where}
            return {"queries": [{"query": one, **bad} for one in sent["queries"]]}
        if path == "search/approximate-count":
            return {"count": 3}
        rows = [{"fieldId": "priority", "name": "Priority", "allowedValues": PRIORITIES}]
        return {"startAt": 0, "maxResults": 50, "total": 1, "fields": rows}


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """The site on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            path = path.rsplit("/api/3/", 1)[1]
            site.asked.append(path)
            said = site.answer(path, parse_qs(query), json.loads(raw or b"null"))
            body = json.dumps(said if said is not None else {"errorMessages": ["no"]}).encode()
            self.send_response(200 if said is not None else site.refuses)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    site.base_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
