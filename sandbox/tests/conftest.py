"""One sandbox process for all tests here, and a small app that notes what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox.process import Running, SiteHandle, running
from sandbox.tests.helpers import APP_KEY, NoteTaker, Received, descriptor_of


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Running]:
    with running(delivery_delay=10, index_delay=0) as found:
        yield found
        assert found.broken_answers() == []


@pytest.fixture()
def acme(sandbox: Running) -> Iterator[SiteHandle]:
    yield sandbox.acme
    sandbox.acme.reset()


@pytest.fixture()
def note_taker() -> Iterator[NoteTaker]:
    app = NoteTaker()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/atlassian-connect.json":
                self._send(200, json.dumps(app.descriptor).encode())
                return
            headers = {k.lower(): v for k, v in self.headers.items()}
            body = json.loads(data) if data else None
            received = Received(self.command, self.path, headers, body)
            app.received.append(received)
            self._send(app.answer(received), b"")

        def _send(self, status: int, data: bytes) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    app.base_url = f"http://127.0.0.1:{server.server_port}"
    app.descriptor = descriptor_of(app.base_url)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield app
    server.shutdown()
    server.server_close()


@pytest.fixture()
def installed(acme: SiteHandle, note_taker: NoteTaker) -> Iterator[NoteTaker]:
    acme.install(note_taker.descriptor_url)
    yield note_taker
    note_taker.answer = lambda received: 204
    if any(app["key"] == APP_KEY for app in acme.apps()):
        acme.uninstall(APP_KEY)
