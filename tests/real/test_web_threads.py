"""The threads of the web server: each stays with a connection, and none keeps others waiting."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from app.serving import StayingThreads
from demo.stack import ROOT, free_port, is_taken, wait_until

pytestmark = pytest.mark.real

THREADS, CONNECTIONS, REQUESTS = 2, 6, 30

# Answers with the number of the thread that took the request.
ECHO = """
import threading

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(threading.get_ident()).encode()]
"""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """One web process with two of Tandem's threads, before an application of a few lines."""
    (folder / "echo.py").write_text(ECHO)
    port = free_port()
    child = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "echo:app", "--bind", f"127.0.0.1:{port}",
            "--workers", "1", "--threads", str(THREADS), "--keep-alive", "30",
            "--worker-class", f"{StayingThreads.__module__}.{StayingThreads.__name__}",
            "--no-control-socket", "--log-level", "warning",
        ],
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"},
    )  # fmt: skip
    try:
        wait_until("the server listens", lambda: is_taken(port))
        yield f"http://127.0.0.1:{port}/"
    finally:
        child.terminate()
        child.wait(60)


def test_more_kept_connections_than_threads_are_all_answered(tmp_path: Path) -> None:
    answers: list[tuple[int, str]] = []
    with serving(tmp_path) as url:

        def ask() -> None:
            with requests.Session() as session:
                for _ in range(REQUESTS):
                    answer = session.get(url, timeout=60)
                    answers.append((answer.status_code, answer.text))

        clients = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert [status for status, _ in answers] == [200] * (CONNECTIONS * REQUESTS)
    assert 1 <= len({thread for _, thread in answers}) <= THREADS


def test_a_thread_stays_only_where_more_has_come_and_nobody_waits_for_it() -> None:
    config = Config()
    config.set("threads", 1)
    worker = StayingThreads(0, os.getppid(), [], None, 30, config, Logger(config))
    worker.alive, worker.tpool = True, worker.get_thread_pool()
    theirs, ours = socket.socketpair()
    connection = TConn(config, ours, "", None)
    go = threading.Event()
    with theirs, ours:
        assert not worker.goes_on(connection)  # nothing came within a moment
        theirs.sendall(b"GET")
        assert worker.goes_on(connection)
        worker.tpool.submit(go.wait)  # the one thread is busy, and another connection waits for it
        waiting = worker.tpool.submit(go.wait)
        assert not worker.goes_on(connection)
        go.set()
        waiting.result(60)
        assert worker.goes_on(connection)
        worker.alive = False
        assert not worker.goes_on(connection)
    worker.tpool.shutdown()
