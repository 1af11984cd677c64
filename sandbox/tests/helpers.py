"""What the sandbox's tests share: a small Connect app that notes what it is sent, and calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests

from sandbox import tokens
from sandbox.cli import DEFAULT_OPENAPI
from sandbox.process import SiteHandle

APP_KEY = "note-taker"
# Which requests and scopes an operation takes is told by the document alone.
by_the_document = pytest.mark.skipif(
    not DEFAULT_OPENAPI.exists(), reason="Atlassian's document is not beside the repository"
)
HOOKS = (
    "jira:issue_created", "jira:issue_updated", "jira:issue_deleted",
    "comment_created", "issue_property_set",
)  # fmt: skip


@dataclass
class Received:
    """One request the app got."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class NoteTaker:
    """A Connect app on a free port. `answer` decides the status of each request."""

    base_url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int] = lambda received: 204
    descriptor: dict[str, Any] = field(default_factory=dict)

    @property
    def descriptor_url(self) -> str:
        return f"{self.base_url}/atlassian-connect.json"

    def events(self, path: str) -> list[Received]:
        return [r for r in self.received if r.path.startswith(path)]

    def wait_for(self, path: str, count: int = 1) -> list[Received]:
        """Wait until `count` requests came below the path; fails after two minutes."""
        end = time.monotonic() + 120
        while len(self.events(path)) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.events(path))} of {count} came to {path}")
            time.sleep(0.01)
        return self.events(path)


def descriptor_of(base_url: str) -> dict[str, Any]:
    return {
        "key": APP_KEY,
        "name": "Note taker",
        "baseUrl": base_url,
        "authentication": {"type": "jwt"},
        "apiVersion": 1,
        "apiMigrations": {"signed-install": True, "context-qsh": True, "gdpr": True},
        "scopes": ["READ", "WRITE"],
        "lifecycle": {
            name: f"/{name}" for name in ("installed", "enabled", "disabled", "uninstalled")
        },
        "modules": {
            "webhooks": [{"event": name, "url": f"/hooks/{name}"} for name in HOOKS]
            + [{
                "event": "jira:issue_created",
                "url": "/filtered",
                "filter": "project in (SUP)",
            }],
            "generalPages": [{"key": "main", "url": "/page?a=b%20c", "name": {"value": "Main"}}],
            "webPanels": [{
                "key": "panel",
                "url": "/panel?issue={issue.key}",
                "location": "atl.jira.view.issue.right.context",
                "name": {"value": "Panel"},
            }],
            "jiraEntityProperties": [{
                "key": "index",
                "name": {"value": "Index"},
                "entityType": "issue",
                "keyConfigurations": [{
                    "propertyKey": "tandem",
                    "extractions": [{"objectName": "link", "type": "string"}],
                }],
            }],
        },
    }  # fmt: skip


def secret_of(site: SiteHandle) -> str:
    return str(next(a["sharedSecret"] for a in site.apps(secrets=True) if a["key"] == APP_KEY))


def as_app(
    site: SiteHandle, method: str, path: str, *, secret: str = "", **more: Any
) -> requests.Response:
    """Call the site's REST API as the installed app."""
    url = requests.Request(method, f"{site.url}{path}", params=more.pop("params", None))
    full = str(url.prepare().url)
    qsh = tokens.hash_of_url(method, full, site.url)
    token = tokens.sign_hs256(secret or secret_of(site), tokens.claims(APP_KEY, qsh))
    headers = {"Authorization": f"JWT {token}", **more.pop("headers", {})}
    return requests.request(method, full, headers=headers, timeout=90, **more)


def token_of(received: Received) -> str:
    return received.headers["authorization"].removeprefix("JWT ")


def unverified(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def adf(text: str) -> dict[str, Any]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": content}


def new_issue(site: SiteHandle, summary: str = "An issue", **fields: Any) -> str:
    """Create a WEB task as the admin; returns its key."""
    fields = {
        "project": {"key": "WEB"},
        "issuetype": {"name": "Task"},
        "summary": summary,
        **fields,
    }
    answer = site.call("POST", "issue", json={"fields": fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])
