"""Signs our calls to a site over Connect."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from app.connect.qsh import parse_query
from app.connect.tokens import sign


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
        parts = urlsplit(request.url or "")
        token = sign(
            self._credential.app_key,
            self._credential.shared_secret,
            request.method or "GET",
            parts.path.removeprefix(self._context),
            parse_query(parts.query),
        )
        request.headers["Authorization"] = f"JWT {token}"
        return request
