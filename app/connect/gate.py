"""Verifies each request by the proof that its endpoint declares, before any of its code runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, g, request

from app.connect import tokens
from app.connect.install_keys import InstallKeys
from app.connect.qsh import parse_query, query_string_hash
from app.errors import NotAuthorised
from app.settings import Settings
from app.tenants.caller import Caller, Proof
from app.tenants.installations import Installations, KnownInstallation
from app.tenants.models import InstallationState


class UndeclaredEndpointError(RuntimeError):
    """An endpoint says nothing of the proof that it asks for: the app must not start."""


class Gate:
    """Turns tokens into Callers. Nothing behind it sees a token."""

    def __init__(self, settings: Settings, installations: Installations, keys: InstallKeys) -> None:
        self._base_url = settings.base_url
        self._base_path = urlsplit(settings.base_url).path.rstrip("/")
        self._installations = installations
        self._keys = keys

    def guard(self, app: Flask) -> None:
        """Stand before every endpoint of the app. Raises UndeclaredEndpointError."""
        for endpoint, view in app.view_functions.items():
            if endpoint != "static" and not isinstance(getattr(view, "accepts", None), Proof):
                raise UndeclaredEndpointError(
                    f"The endpoint '{endpoint}' declares no proof. Put @accepts(Proof.…) on it."
                )
        checks: dict[Proof, Callable[[Request], Caller | None]] = {
            Proof.PUBLIC: lambda _: None,
            Proof.LIFECYCLE: self._lifecycle,
            Proof.SITE: self._site,
            Proof.PAGE: self._page,
            Proof.CONTEXT: self._context,
        }

        @app.before_request
        def check() -> None:
            endpoint = request.endpoint
            if endpoint is None or endpoint == "static":
                return  # a 404 or 405, or a public file
            g.pop("caller", None)
            proof = getattr(app.view_functions[endpoint], "accepts", None)
            if not isinstance(proof, Proof):  # registered after the start
                raise UndeclaredEndpointError(f"The endpoint '{endpoint}' declares no proof.")
            caller = checks[proof](request)
            if caller is not None:
                g.caller = caller

    def _lifecycle(self, request: Request) -> None:
        """`installed` and `uninstalled`: Atlassian's RS256 signature, for our base URL.

        The view compares `iss` with the body's clientKey (`g.issuer`).
        """
        token = _token(request)
        header, _ = tokens.unverified(token)
        if header.get("alg") != "RS256":
            raise NotAuthorised("token: a lifecycle token must be RS256")
        pem = self._keys.get(header.get("kid"))
        claims = tokens.verify(token, pem, "RS256", audience=self._base_url)
        tokens.check_qsh(claims, self._hash(request))
        g.issuer = claims["iss"]
        g.lifecycle_issued_at = datetime.fromtimestamp(int(claims["iat"]), UTC)

    def _site(self, request: Request) -> Caller:
        """Jira itself, of a known site; an answer from memory may be a minute old.

        A view that acts on it compares `g.secret_version` with the row as it reads it, and asks
        `verified_again` where that has moved.
        """
        token = _token(request)
        try:
            known, claims = self._signed(token, fresh=False)
        except NotAuthorised:
            # Another process may just have taken a new secret, or brought the site back.
            known, claims = self._signed(token, fresh=True)
        tokens.check_qsh(claims, self._hash(request))
        g.issuer = known.client_key
        g.secret_version = known.secret_version
        g.verify_again = lambda: self._signed(token, fresh=True)[0].secret_version
        return Caller(known.tenant, None, Proof.SITE)

    def _signed(self, token: str, *, fresh: bool) -> tuple[KnownInstallation, dict[str, Any]]:
        known = self._known(token, fresh=fresh)
        return known, self._claims(token, known)

    def _page(self, request: Request) -> Caller:
        known, claims = self._person(request)
        tokens.check_qsh(claims, self._hash(request))
        return Caller(known.tenant, _account(claims), Proof.PAGE)

    def _context(self, request: Request) -> Caller:
        known, claims = self._person(request)
        tokens.check_context(claims)
        return Caller(known.tenant, _account(claims), Proof.CONTEXT)

    def _person(self, request: Request) -> tuple[KnownInstallation, dict[str, Any]]:
        token = _token(request)
        known = self._known(token, fresh=True)
        if known.state != InstallationState.ENABLED:
            raise NotAuthorised(f"site: the app is {known.state} there")
        return known, self._claims(token, known)

    def _known(self, token: str, *, fresh: bool) -> KnownInstallation:
        header, claims = tokens.unverified(token)
        if header.get("alg") != "HS256":
            raise NotAuthorised("token: must be HS256 here")
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or not issuer or not issuer.isprintable():
            raise NotAuthorised("token: no iss, or an odd one")
        known = self._installations.find(issuer, fresh=fresh)
        if known is None or known.secret is None:
            raise NotAuthorised("token: iss is no installed site")
        return known

    @staticmethod
    def _claims(token: str, known: KnownInstallation) -> dict[str, Any]:
        claims = tokens.verify(token, known.secret or "", "HS256")
        if claims["iss"] != known.client_key:
            raise NotAuthorised("token: iss is another site")
        return claims

    def _hash(self, request: Request) -> str:
        # The path as it came: a decoded one would hash differently.
        raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
        path = urlsplit(raw).path if raw else request.path
        if f"{path}/".startswith(f"{self._base_path}/"):
            path = path[len(self._base_path) :]
        query = parse_query(request.query_string.decode(errors="replace"))
        return query_string_hash(request.method, path, query)


def verified_again() -> int:
    """Verify the running request of a site anew, past the memory; gives the secret's version.

    For a view that finds the version moved: the token may be signed by the new secret as well as
    by the dead one. Only on endpoints that accept Proof.SITE. Raises NotAuthorised.
    """
    again: Callable[[], int] = g.verify_again
    return again()


def _token(request: Request) -> str:
    """The one token of a request, of the header or of `jwt`. Raises NotAuthorised."""
    headers = request.headers.getlist("Authorization")
    parameters = request.args.getlist("jwt")
    if len(headers) + len(parameters) > 1:
        raise NotAuthorised("token: more than one")
    if parameters:
        return parameters[0]
    if not headers or not headers[0].startswith("JWT ") or "," in headers[0]:
        raise NotAuthorised("token: none")
    return headers[0].removeprefix("JWT ").strip()


def _account(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or not subject.isprintable():
        raise NotAuthorised("token: no person (sub) in it")
    return subject
