"""Webhook deliveries a second: the whole path with the row committed, on the embedded database."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests

from app.connect.tokens import sign
from bench.result import Result
from demo.stack import APP_KEY, Stack, stack
from demo.walk import LEFT, RIGHT, create_issue

SECONDS = 8.0
CLIENTS = 16
WEB_PROCESSES = 2


def _body(stack: Stack, project: str) -> dict[str, Any]:
    """An `issue_updated` of a real issue, as the sandbox delivered it, to be sent again."""
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


def deliveries() -> list[Result]:
    """Distinct issues, each delivery signed anew as Jira does; 16 clients, 2 gunicorn workers."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)
        # No worker drains: the figure is the web's and the database's alone.
        with stack(instance, workers=0) as running:
            running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="bench")
            secret = next(
                app["sharedSecret"] for app in running.sandbox.acme.apps(secrets=True)
                if app["key"] == APP_KEY
            )  # fmt: skip
            client_key = running.sandbox.acme.apps()[0]["clientKey"]
            body = _body(running, LEFT[0])
            done = _flood(running.url, client_key, secret, body)
    return [Result("webhook deliveries, committed", done / SECONDS, "per second", "higher")]


def _flood(url: str, client_key: str, secret: str, body: dict[str, Any]) -> int:
    counts = [0] * CLIENTS
    faults: list[str] = []
    end = time.monotonic() + SECONDS

    def client(number: int) -> None:
        session = requests.Session()
        serial = 0
        while time.monotonic() < end and not faults:
            serial += 1
            issue = {**body["issue"], "id": str(1_000_000 + number * 100_000 + serial)}
            path = "/webhooks/jira"
            token = sign(client_key, secret, "POST", path, {}, seconds=180)
            answer = session.post(
                url + path,
                data=json.dumps({**body, "issue": issue}),
                headers={"Authorization": f"JWT {token}", "Content-Type": "application/json"},
                timeout=30,
            )
            if answer.status_code != 204:
                faults.append(f"{answer.status_code} {answer.text}")
                return
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"a delivery was refused: {faults[0]}")
    return sum(counts)
