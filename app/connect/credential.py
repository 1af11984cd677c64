"""Signs our calls to a site over Connect."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.auth import AuthBase

from app.connect.qsh import parse_query
from app.connect.tokens import sign

CLOCKS_DIFFER = 30.0
"""Seconds; a site that refuses a token and says another time than ours gets one in its own time."""

_ahead: dict[str, float] = {}
"""How far the clock of a site (by its base URL) is ahead of ours, in seconds, where it matters."""


@dataclass(frozen=True)
class ConnectCredential:
    """The app's key and the secret that it shares with one site."""

    app_key: str
    shared_secret: str = field(repr=False)
    base_url: str

    def auth(self) -> AuthBase:
        """A signer that makes a fresh token for each request."""
        return _ConnectAuth(self)


class _ConnectAuth(AuthBase):
    def __init__(self, credential: ConnectCredential) -> None:
        self._credential = credential
        self._context = urlsplit(credential.base_url).path.rstrip("/")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        self._sign(request)
        request.register_hook("response", self._answered)  # type: ignore[no-untyped-call]
        return request

    def _sign(self, request: PreparedRequest) -> None:
        parts = urlsplit(request.url or "")
        token = sign(
            self._credential.app_key,
            self._credential.shared_secret,
            request.method or "GET",
            parts.path.removeprefix(self._context),
            parse_query(parts.query),
            ahead=_ahead.get(self._credential.base_url, 0.0),
        )
        request.headers["Authorization"] = f"JWT {token}"

    def _answered(self, answer: Response, **how: Any) -> Response:
        """A token that was refused while the site's clock shows another time is made anew, once.

        A site can only move the times of tokens that are for itself.
        """
        if answer.status_code != 401 or answer.history or not self._learn(answer):
            return answer
        answer.close()
        again = answer.request.copy()
        self._sign(again)
        second: Response = answer.connection.send(again, **how)
        second.history.append(answer)
        second.request = again
        return second

    def _learn(self, answer: Response) -> bool:
        """Whether the site's clock shows another time than the token was made for."""
        site = self._credential.base_url
        try:
            theirs = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        except ValueError:
            return False
        ahead = theirs - time.time()
        if abs(ahead - _ahead.get(site, 0.0)) < CLOCKS_DIFFER:
            return False
        _ahead[site] = ahead
        return True
