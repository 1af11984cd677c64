"""The query string hash: binds a token to one method, path and query.

As Atlassian's library atlassian-jwt 2.0.3 computes it; the tests hold it to that. It sorts names
and values before it encodes them. The documented rule, which Jira's Java library follows, sorts
names after: the two differ only where a name needs encoding, and no name of ours does.

# Reference: https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote

CONTEXT = "context-qsh"
"""The fixed text in place of a hash in tokens that a page got for calls of its own server."""


def query_string_hash(method: str, path: str, query: Iterable[tuple[str, str]]) -> str:
    """SHA-256 (hex) of the canonical request: METHOD & path & sorted query.

    `path` is decoded no further than it came, and relative to the app's base path; `query` holds
    decoded names and values in any order. The parameter `jwt` never counts.
    """
    canonical = f"{method.upper()}&{canonical_path(path)}&{canonical_query(query)}"
    return hashlib.sha256(canonical.encode()).hexdigest()


def canonical_path(path: str) -> str:
    """A leading slash, one trailing slash taken off, a literal & as %26; "/" for nothing."""
    trimmed = path.removesuffix("/")
    if not trimmed:
        return "/"
    return ("" if trimmed.startswith("/") else "/") + trimmed.replace("&", "%26")


def canonical_query(query: Iterable[tuple[str, str]]) -> str:
    """Sorted by name; the values of a repeated name sorted and joined by a bare comma."""
    values: dict[str, list[str]] = {}
    for name, value in query:
        if name != "jwt":
            values.setdefault(name, []).append(value)
    return "&".join(
        f"{_encode(name)}={','.join(map(_encode, sorted(values[name], key=_units)))}"
        for name in sorted(values, key=_units)
    )


def parse_query(raw: str) -> list[tuple[str, str]]:
    """The decoded pairs of a raw query string, empty values kept."""
    return parse_qsl(raw, keep_blank_values=True)


def _encode(text: str) -> str:
    # RFC 3986: only unreserved characters stay as they are.
    return quote(text, safe="~")


def _units(text: str) -> bytes:
    # Node and Java compare UTF-16 units: an emoji comes before U+FFFD, in Python after it.
    return text.encode("utf-16-be", errors="surrogatepass")
