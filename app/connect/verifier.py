"""Verifies Connect tokens by the proof that an endpoint declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Request, g

from app.connect import tokens
from app.connect.install_keys import InstallKeys
from app.connect.qsh import parse_query, query_string_hash
from app.errors import NotAuthorised
from app.settings import Settings
from app.tenants.caller import ACCOUNT_ID, OUT_OF_TIME, Caller, Proof
from app.tenants.installations import Installations, KnownInstallation, Stamp
from app.tenants.models import InstallationState

JIRA_ID = re.compile(r"[0-9]{1,18}")


class ConnectVerifier:
    """Turns Connect tokens into Callers. Nothing behind it sees a token."""

    def __init__(self, settings: Settings, installations: Installations, keys: InstallKeys) -> None:
        self._base_url = settings.base_url
        self._base_path = urlsplit(settings.base_url).path.rstrip("/")
        self._installations = installations
        self._keys = keys
        self._checks: dict[Proof, Callable[[str, Request], Caller | None]] = {
            Proof.LIFECYCLE: self._lifecycle,
            Proof.SITE: self._site,
            Proof.PAGE: self._page,
            Proof.CONTEXT: self._context,
        }

    def verify(self, proof: Proof, token: str, request: Request) -> Caller | None:
        """See Verifier.verify."""
        return self._checks[proof](token, request)

    def _lifecycle(self, token: str, request: Request) -> None:
        """`installed` and `uninstalled`: Atlassian's RS256 signature, for our base URL.

        The view compares `iss` with the body's clientKey (`g.issuer`).
        """
        header, _ = tokens.unverified(token)
        if header.get("alg") != "RS256":
            raise NotAuthorised("token: a lifecycle token must be RS256")
        pem = self._keys.get(header.get("kid"))
        claims = tokens.verify(token, pem, "RS256", audience=self._base_url)
        tokens.check_qsh(claims, self._hash(request))
        g.issuer = claims["iss"]
        g.token = token, claims

    def _site(self, token: str, request: Request) -> Caller:
        """Jira itself, of a known site; an answer from memory may be a minute old.

        A view that acts on it compares `g.secret_version` with the row as it reads it, and asks
        `verified_again` where that has moved.
        """
        try:
            known, claims = self._signed(token, fresh=False)
        except NotAuthorised:
            # Another process may just have taken a new secret, or brought the site back.
            known, claims = self._signed(token, fresh=True)
        tokens.check_qsh(claims, self._hash(request))
        own = g._get_current_object()
        own.issuer = known.client_key
        own.token = token, claims
        own.secret_version = known.secret_version
        own.verify_again = lambda: self._signed(token, fresh=True)[0].secret_version
        return Caller(known.tenant, None, Proof.SITE)

    def _signed(self, token: str, *, fresh: bool) -> tuple[KnownInstallation, dict[str, Any]]:
        known = self._known(token, fresh=fresh)
        return known, self._claims(token, known)

    def _page(self, token: str, request: Request) -> Caller:
        known, claims = self._person(token, request)
        tokens.check_qsh(claims, self._hash(request))
        # The address is signed as well, with what Jira filled in there.
        place = _place(claims, request.args)
        return Caller(known.tenant, _account(claims), Proof.PAGE, *place)

    def _context(self, token: str, request: Request) -> Caller:
        known, claims = self._person(token, request)
        tokens.check_context(claims)
        return Caller(known.tenant, _account(claims), Proof.CONTEXT, *_place(claims, {}))

    def _person(self, token: str, request: Request) -> tuple[KnownInstallation, dict[str, Any]]:
        known = self._known(token, fresh=True)
        if known.state != InstallationState.ENABLED:
            raise NotAuthorised(f"site: the app is {known.state} there")
        try:
            return known, self._claims(token, known)
        except tokens.OutOfTime:
            request.environ[OUT_OF_TIME] = known.tenant  # the page may tell it of our clock
            raise

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


def current_stamp() -> Stamp:
    """The stamp of the running request's token. Only on endpoints that accept Proof.LIFECYCLE or
    Proof.SITE."""
    return Stamp.of(*g.token)


def _place(claims: Mapping[str, Any], address: Mapping[str, str]) -> tuple[int | None, int | None]:
    """The ids of the issue and the project that a page is shown at, by the token or by the address
    that it signs. Raises NotAuthorised where they tell two."""
    # Reference: https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/
    context = claims.get("context")
    jira = context.get("jira") if isinstance(context, dict) else None
    found: list[int | None] = []
    for name in ("issue", "project"):
        told = jira.get(name) if isinstance(jira, dict) else None
        by_token = _jira_id(told.get("id") if isinstance(told, dict) else None)
        by_address = _jira_id(address.get(name))
        if by_token is not None and by_address not in {None, by_token}:
            raise NotAuthorised(f"token: of another {name} than its address")
        found.append(by_address if by_token is None else by_token)
    return found[0], found[1]


def _jira_id(told: object) -> int | None:
    text = str(told) if isinstance(told, str | int) else ""
    return int(text) if JIRA_ID.fullmatch(text) else None


def _account(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not ACCOUNT_ID.fullmatch(subject):
        raise NotAuthorised("token: no person (sub) in it")
    return subject
