"""Atlassian's JWTs and query string hash, written from their description, for both directions.

Reference: https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/
"""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LIFETIME_S = 180
LEEWAY_S = 3
CONTEXT_QSH = "context-qsh"


def query_string_hash(method: str, path: str, query: str) -> str:
    """SHA-256 of the canonical request; `path` is below the base URL, `query` still encoded."""
    clean = path.removesuffix("/") or "/"
    clean = (clean if clean.startswith("/") else "/" + clean).replace("&", "%26")
    groups: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name != "jwt":
            groups.setdefault(name, []).append(value)
    # Atlassian's library sorts before it encodes, as JavaScript does: by UTF-16 units.
    pairs = [
        f"{_encode(name)}={','.join(_encode(value) for value in sorted(groups[name], key=_units))}"
        for name in sorted(groups, key=_units)
    ]
    text = f"{method.upper()}&{clean}&{'&'.join(pairs)}"
    return hashlib.sha256(text.encode()).hexdigest()


def _units(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _encode(text: str) -> str:
    return quote(text, safe="~")


def hash_of_url(method: str, url: str, base_url: str) -> str:
    """The query string hash of a full URL below the given base."""
    parts = urlsplit(url)
    base_path = urlsplit(base_url).path.rstrip("/")
    return query_string_hash(method, parts.path[len(base_path) :], parts.query)


def claims(issuer: str, qsh: str, **more: Any) -> dict[str, Any]:
    """The usual claims, good for three minutes from now."""
    now = int(time.time())
    return {"iss": issuer, "iat": now, "exp": now + LIFETIME_S, "qsh": qsh, **more}


def sign_hs256(secret: str, payload: dict[str, Any]) -> str:
    """Sign with a shared secret."""
    return jwt.encode(payload, secret, algorithm="HS256")


def sign_rs256(private_pem: bytes, kid: str, payload: dict[str, Any]) -> str:
    """Sign as the installer does, with the key that the hub publishes under `kid`."""
    return jwt.encode(payload, _read(private_pem), algorithm="RS256", headers={"kid": kid})


@lru_cache(maxsize=4)
def _read(private_pem: bytes) -> rsa.RSAPrivateKey:
    # Its check takes a hundred times as long as to sign.
    key = load_pem_private_key(private_pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
