"""Connect tokens: what a valid one says, and how ours are signed."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Iterable
from typing import Any, cast

import jwt

from app.connect.qsh import CONTEXT, query_string_hash
from app.errors import NotAuthorised

LEEWAY = 5  # seconds of difference between Jira's clock and ours
OUR_TOKEN_SECONDS = 180
FAR = 253402300800  # the year 10000, in seconds: no calendar goes further
TOKEN_LIMIT = 8192  # characters
# PyJWT takes padded parts as well: a second text for the same token, which Jira never sends.
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class OutOfTime(NotAuthorised):
    """A token that is rightly signed, and whose time is over or has yet to come."""


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before any check: only to learn which key to check with."""
    if len(token) > TOKEN_LIMIT:
        raise NotAuthorised("token: longer than 8192 characters")
    if not COMPACT.fullmatch(token):
        raise NotAuthorised("token: not three parts in base64url")
    header, claims = map(_unverified_part, token.split(".")[:2])
    return header, claims


def _unverified_part(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as fault:
        raise NotAuthorised(f"token: not a JWT ({type(fault).__name__})") from None
    if not isinstance(found, dict):
        raise NotAuthorised("token: not a JWT (a part is no object)")
    return found


def verify(
    token: str, key: str | bytes, algorithm: str, *, audience: str | None = None
) -> dict[str, Any]:
    """The claims of a token that this key signed with this algorithm, and that is in time.

    The algorithm is the endpoint's, whatever the token says. Raises NotAuthorised.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            leeway=LEEWAY,
            options={"require": ["iss", "iat", "exp", "qsh"], "verify_aud": False},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as fault:
        raise OutOfTime(f"token: {type(fault).__name__}") from None  # the signature came first
    except jwt.PyJWTError as fault:
        raise NotAuthorised(f"token: {type(fault).__name__}") from None
    for name in ("iat", "exp", "nbf"):
        # PyJWT reads "7" and true as numbers.
        if name in claims and not _is_time(claims[name]):
            raise NotAuthorised(f"token: {name} is not a number of seconds")
    if audience is not None and not _is_for(audience, claims.get("aud")):
        raise NotAuthorised("token: aud is not this app's base URL")
    return claims


def _is_time(found: object) -> bool:
    return type(found) in (int, float) and 0 <= cast(float, found) < FAR


def _is_for(base_url: str, audience: object) -> bool:
    named = audience if isinstance(audience, list) else [audience]
    return any(isinstance(one, str) and one.rstrip("/") == base_url for one in named)


def check_qsh(claims: dict[str, Any], expected: str) -> None:
    """Compare the token's hash with the request's, in constant time. Raises NotAuthorised."""
    found = claims.get("qsh")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), expected.encode()):
        raise NotAuthorised("token: qsh is of another request")


def check_context(claims: dict[str, Any]) -> None:
    """A token that a page got for calls of its own server. Raises NotAuthorised."""
    if claims.get("qsh") != CONTEXT:
        raise NotAuthorised("token: not a context token")


def sign(
    issuer: str,
    secret: str,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    *,
    seconds: int = OUR_TOKEN_SECONDS,
    ahead: float = 0.0,
) -> str:
    """An HS256 token for one request. `path` is below the receiver's base URL, whose clock is so
    many seconds `ahead` of ours."""
    now = int(time.time() + ahead)
    claims = {
        "iss": issuer,
        "iat": now,
        "exp": now + seconds,
        "qsh": query_string_hash(method, path, query),
    }
    return jwt.encode(claims, secret, algorithm="HS256")
