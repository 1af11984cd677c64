"""Webhook deliveries a second: the whole path with the row committed, beside a bare Flask view."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests

from app.connect.tokens import sign
from app.database import start_embedded
from bench.flood import flood
from bench.result import Result
from demo.stack import APP_KEY, ROOT, Stack, free_port, stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue

SECONDS = 6.0
ROUNDS = 2
WEB_PROCESSES, THREADS = 2, 32  # as many for both
PATH = "/webhooks/jira"
FORGOTTEN = "/webhooks/forgotten"


def deliveries() -> list[Result]:
    """Distinct issues; Tandem and the bare view in turns on one database; no worker drains."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)
        with stack(instance, workers=0) as running:
            running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="bench")
            acme = running.sandbox.acme
            [ours] = [app for app in acme.apps(secrets=True) if app["key"] == APP_KEY]
            token, empty = (
                sign(ours["clientKey"], ours["sharedSecret"], "POST", path, [])
                for path in (PATH, FORGOTTEN)
            )
            body = _body(running, LEFT[0])
            with _bare(start_embedded(instance), ours["sharedSecret"]) as bare:
                # In turns, so that what else the machine does falls on both.
                rates = [
                    (
                        flood(running.url + PATH, token, body, SECONDS),
                        flood(bare + PATH, token, body, SECONDS),
                        flood(bare + FORGOTTEN, empty, body, SECONDS),
                    )
                    for _ in range(ROUNDS)
                ]
    tandem, plain, bound = (sum(rate) / ROUNDS for rate in zip(*rates, strict=True))
    return [
        Result("webhooks: committed deliveries", tandem, "per second", "higher"),
        Result("webhooks: a bare Flask view", plain, "per second", "higher"),
        Result("webhooks: a Flask view that stores nothing", bound, "per second", "higher"),
        Result("webhooks: ratio to the bare view", tandem / plain, "times", "higher", 2.5),
        Result(
            "webhooks: the same of the view that stores nothing", bound / plain, "times", "higher"
        ),
    ]


def _body(stack: Stack, project: str) -> dict[str, Any]:
    """An `issue_updated` of a real issue, as the sandbox delivers it."""
    acme = stack.sandbox.acme
    key = create_issue(acme, *LEFT, summary="A busy issue")
    issue = acme.call("GET", f"/rest/api/2/issue/{key}").json()
    return {
        "timestamp": int(time.time() * 1000),
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_generic",
        "issue": issue,
        "changelog": {
            "id": "1",
            "items": [{"field": "summary", "fieldId": "summary", "from": None, "to": None}],
        },
    }


@contextmanager
def _bare(database: str, secret: str) -> Iterator[str]:
    """The bare view under gunicorn, as Tandem is run; gives its address."""
    with psycopg.connect(database) as owner:
        owner.execute(
            "CREATE TABLE bare_change (issue_id bigint PRIMARY KEY, version bigint DEFAULT 1)"
        )
    port = free_port()
    child = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "bench.bare:make_app()", "--worker-class", "gthread",
            "--bind", f"127.0.0.1:{port}", "--workers", str(WEB_PROCESSES), "--threads",
            str(THREADS), "--keep-alive", "30", "--log-level", "warning",
        ],
        env=os.environ | {"BARE_DATABASE": database, "BARE_SECRET": secret},
        cwd=ROOT,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(url, timeout=2).status_code == 404
        except requests.RequestException:
            return False

    try:
        wait_until("the bare view answers", answers)
        yield url
    finally:
        child.terminate()
        child.wait(20)
