"""Who is calling a site: a user by API token or sign-in cookie, or an app by its JWT."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

import jwt
from flask import Request

from sandbox.errors import JiraError
from sandbox.model import AppInstall, Issue, Project, User
from sandbox.site import Site
from sandbox.tokens import LEEWAY_S, query_string_hash

# Each Connect scope and those it brings with it.
# Reference: https://developer.atlassian.com/cloud/jira/platform/scopes-for-connect-apps/
IMPLIED = {
    "READ": {"READ"},
    "WRITE": {"READ", "WRITE"},
    "DELETE": {"READ", "WRITE", "DELETE"},
    "PROJECT_ADMIN": {"READ", "WRITE", "DELETE", "PROJECT_ADMIN"},
    "ADMIN": {"READ", "WRITE", "DELETE", "PROJECT_ADMIN", "ADMIN"},
    "ACT_AS_USER": set(),
    "ACCESS_EMAIL_ADDRESSES": set(),
    "JIRA_ADMIN": {"READ", "WRITE", "DELETE", "PROJECT_ADMIN", "ADMIN"},
}


ANYBODY = User(account_id="", display_name="Anonymous", browse=frozenset(), can_edit=False)


@dataclass(frozen=True)
class Caller:
    """A verified caller; `app` is set when an installed app called, `user` acts either way."""

    user: User
    app: AppInstall | None = None
    # Whether the credentials that came have run out, so that anybody calls.
    expired: bool = False

    @property
    def name(self) -> str:
        """The counter's name of the caller: the app's key, or "users"."""
        return self.app.key if self.app else "users"

    def sees(self, project: Project) -> bool:
        """Whether the caller may browse the project."""
        return self.user.browse is None or project.key in self.user.browse

    def sees_issue(self, site: Site, issue: Issue) -> bool:
        """Whether the caller may browse the issue."""
        return self.user.browse is None or self.sees(site.projects[issue.project_id])

    def has_scope(self, scope: str) -> bool:
        """Whether the app's descriptor asked for the scope; people need none."""
        if self.app is None:
            return True
        if scope == "INACCESSIBLE":
            return False
        return scope == "NONE" or any(scope in IMPLIED.get(s, ()) for s in self.app.scopes)


def unauthorized(reason: str) -> JiraError:
    """The 401 of Jira Cloud; the reason is the sandbox's own, to help whoever debugs."""
    body = {"message": f"Client must be authenticated to access this resource. ({reason})"}
    return JiraError(401, body={**body, "status-code": 401, "errorMessages": [reason]})


def identify(site: Site, request: Request) -> Caller | None:
    """Find who calls; None when no credentials came. Raises JiraError 401 for wrong ones."""
    header = request.headers.get("Authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        return _basic(site, value.strip())
    if scheme.upper() == "JWT":
        return _connect(site, request, value.strip())
    if header:
        raise unauthorized(f"authorization scheme {scheme!r} is not known here")
    return _cookie(site, request)


def _basic(site: Site, value: str) -> Caller:
    try:
        email, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized("basic credentials are not base64 of email:token") from None
    user = site.user_by_email(email)
    if user is None or not (user.active and user.token):
        raise unauthorized("unknown email or wrong API token")
    if not hmac.compare_digest(user.token.encode(), token.encode()):
        raise unauthorized("unknown email or wrong API token")
    if user.token_expired:
        return Caller(ANYBODY, expired=True)
    return Caller(user)


def _cookie(site: Site, request: Request) -> Caller | None:
    user = site.users.get(request.cookies.get(site.cookie_name, ""))
    origin = request.headers.get("Origin")
    if user is None or (origin and urlsplit(origin).netloc != site.host):
        return None
    return Caller(user)


def _connect(site: Site, request: Request, token: str) -> Caller:
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
    except jwt.PyJWTError as error:
        raise unauthorized(f"token cannot be read: {error}") from None
    app = site.apps.get(issuer)
    if app is None or not app.enabled:
        raise unauthorized("no enabled app with the token's issuer is installed")
    try:
        claims = jwt.decode(
            token,
            app.shared_secret,
            algorithms=["HS256"],
            leeway=LEEWAY_S,
            options={"require": ["iss", "iat", "exp", "qsh"], "verify_aud": False},
        )
    except jwt.PyJWTError as error:
        raise unauthorized(f"token refused: {error}") from None
    path, _, query = str(request.environ["REQUEST_URI"]).partition("?")
    if not hmac.compare_digest(claims["qsh"], query_string_hash(request.method, path, query)):
        raise unauthorized("the token's qsh does not match the request")
    return Caller(site.users[app.user_id], app)
