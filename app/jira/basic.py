"""Signs our calls to a site with a person's email and API token."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase

LOGIN = "X-Seraph-LoginReason"
REFUSED = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")


@dataclass(frozen=True)
class BasicCredential:
    """An email and an API token of its account."""

    email: str = field(repr=False)
    token: str = field(repr=False)

    def auth(self) -> AuthBase:
        """See Credential."""
        return _Basic(self.email, self.token)


class _Basic(AuthBase):
    """Basic authentication whose texts may hold any character."""

    def __init__(self, email: str, token: str) -> None:
        self._value = base64.b64encode(f"{email}:{token}".encode()).decode()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Basic {self._value}"
        request.register_hook("response", _as_refused)  # type: ignore[no-untyped-call]
        return request


def _as_refused(answer: Response, **_how: Any) -> Response:
    """A token that has expired or was revoked is a 401, whatever the answer's status is.

    Jira answers some calls as it answers anybody: with a 200, and lists without the issues that the
    account may see. Taken at its word, it would say that these are gone.
    """
    # Reference: https://github.com/MrRefactoring/jira.js/issues/418
    reason = answer.headers.get(LOGIN, "")
    if answer.status_code != 401 and any(one in reason for one in REFUSED):
        answer.status_code = 401
    return answer
