"""Plays Jira at Tandem's edge: real keys on a real server, real signatures, real bodies."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.connect.qsh import CONTEXT, parse_query, query_string_hash
from app.tenants.installations import Installations, Stamp

BASE_URL = "https://tandem.example.test"
KEY_ID = "0a1b-test-key"


@dataclass
class KeyServer:
    """Serves one public key by its id, as Atlassian does, and counts what it is asked for."""

    url: str
    private: rsa.RSAPrivateKey
    public: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """A key server on a free port of loopback."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    served = KeyServer("", key, public)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            known = self.path == f"/{KEY_ID}"
            self.send_response(200 if known else 404)
            self.end_headers()
            if known:
                self.wfile.write(public.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()


@dataclass
class Jira:
    """One Jira Cloud site, as far as it calls an app."""

    client: FlaskClient
    keys: KeyServer
    client_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = "the-first-shared-secret-of-the-site"

    @property
    def installations(self) -> Installations:
        """What the app under test knows of its sites."""
        known: Installations = self.client.application.extensions["tandem"].installations
        return known

    def claims(self, method: str, path: str, **changed: Any) -> dict[str, Any]:
        """The claims of a good token for a request; `changed` replaces, None removes."""
        route, _, query = path.partition("?")
        now = int(time.time())
        good = {
            "iss": self.client_key,
            "iat": now,
            "exp": now + 180,
            "qsh": query_string_hash(method, route, parse_query(query)),
            # Tests make several in a second, where Jira's would be the same token.
            "jti": uuid.uuid4().hex,
        }
        return {k: v for k, v in (good | changed).items() if v is not None}

    def lifecycle_token(self, path: str, *, kid: str = KEY_ID, **changed: Any) -> str:
        """RS256, for our base URL, as `installed` and `uninstalled` carry it."""
        claims = self.claims("POST", path, **({"aud": BASE_URL} | changed))
        return jwt.encode(claims, self.keys.private, algorithm="RS256", headers={"kid": kid})

    def token(self, method: str, path: str, **changed: Any) -> str:
        """HS256 by the shared secret."""
        return jwt.encode(self.claims(method, path, **changed), self.secret, algorithm="HS256")

    def context_token(self, account: str = "admin", **changed: Any) -> str:
        """What a page got for calls of its own server."""
        return self.token("GET", "/", **({"qsh": CONTEXT, "sub": account} | changed))

    def body(self, event: str = "installed", **changed: Any) -> dict[str, Any]:
        """The body of a lifecycle callback."""
        good = {
            "key": "tandem",
            "clientKey": self.client_key,
            "sharedSecret": self.secret,
            "baseUrl": "https://acme.example.test",
            "displayUrl": "https://acme.example.test",
            "productType": "jira",
            "description": "A site",
            "cloudId": str(uuid.uuid5(uuid.NAMESPACE_DNS, self.client_key)),
            "eventType": event,
        }
        return {k: v for k, v in (good | changed).items() if v is not None}

    def post(self, path: str, token: str | None, body: Any, **more: Any) -> TestResponse:
        """POST a JSON body with a token in the header."""
        headers = {"Authorization": f"JWT {token}"} if token else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        more.setdefault("content_type", "application/json")
        return self.client.post(path, data=data, headers=headers, **more)

    def install(self, **changed: Any) -> TestResponse:
        """A good `installed`."""
        path = "/lifecycle/installed"
        return self.post(path, self.lifecycle_token(path), self.body(**changed))

    def enable(self) -> TestResponse:
        """A good `enabled`."""
        path = "/lifecycle/enabled"
        return self.post(path, self.token("POST", path), self.body("enabled"))

    def disable(self) -> TestResponse:
        """A good `disabled`."""
        path = "/lifecycle/disabled"
        return self.post(path, self.token("POST", path), self.body("disabled"))

    def uninstall(self, **claims: Any) -> TestResponse:
        """A good `uninstalled`."""
        path = "/lifecycle/uninstalled"
        body = self.body("uninstalled", sharedSecret=None)
        return self.post(path, self.lifecycle_token(path, **claims), body)

    def webhook(self, body: Any, **changed: Any) -> TestResponse:
        """A webhook signed as Jira signs it."""
        path = "/webhooks/jira"
        return self.post(path, self.token("POST", path, **changed), body)


def stamp() -> Stamp:
    """The stamp of a lifecycle token that was signed just now, and is like no other."""
    now = datetime.now(UTC)
    return Stamp(now, now + timedelta(minutes=3), os.urandom(32))
