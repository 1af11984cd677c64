"""What a person's API token may do in a Jira Cloud site, and which site that is. Asked once."""

from __future__ import annotations

import re
from dataclasses import dataclass

import requests

from app.errors import Problem
from app.jira.basic import BasicCredential
from app.jira.deployment import ANSWER_LIMIT, CALL_SECONDS, CONNECT_SECONDS, READ_SECONDS
from app.jira.outbound import NetworkPolicy, Stopped, guarded_session
from app.language import gettext as _
from app.said import said, together, words_of
from app.traceless import in_hand

CLOUD_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NEEDED = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES")
"""Jira's permissions without which nothing is kept in step."""
WANTED = (
    "TRANSITION_ISSUES",
    "ASSIGN_ISSUES",
    "MODIFY_REPORTER",
    "ADD_COMMENTS",
    "WORK_ON_ISSUES",
    "DELETE_ISSUES",
)
"""Those that only a part of what a profile may carry takes."""


@dataclass(frozen=True)
class Permitted:
    """Which of NEEDED and WANTED a token has somewhere in its site."""

    has: frozenset[str]

    def missing(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Which of these it has not."""
        return tuple(one for one in asked if one not in self.has)


def permitted(url: str, email: str, token: str, policy: NetworkPolicy) -> Permitted:
    """Ask a site that is known to be Jira Cloud what this token may do there.

    Email and token go to that site alone, and no statement and no log line carries them. Raises
    Problem about the field `token`.
    """
    found: Permitted | Problem
    with in_hand([email, email.partition("@")[0], token]):
        try:
            found = _ask(url, email, token, policy)
        except Problem as problem:
            found = problem
    if isinstance(found, Problem):
        raise found from None
    return found


def cloud_id(url: str, policy: NetworkPolicy) -> str:
    """The cloud id of a site that is known to be Jira Cloud, which it tells anybody. Raises Problem
    about the field `url`."""
    with guarded_session(policy, answer_limit=ANSWER_LIMIT, seconds=CALL_SECONDS) as session:
        try:
            answer = session.get(
                f"{url}/_edge/tenant_info",
                headers={"Accept": "application/json"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
            found = answer.json()["cloudId"] if answer.status_code == 200 else None
        except (Stopped, requests.RequestException, ValueError, KeyError, TypeError):
            found = None
    if not isinstance(found, str) or not CLOUD_ID.fullmatch(found):
        raise Problem(
            "url: " + _("the site did not say which Jira Cloud site it is. Try again in a minute."),
            status=422,
            code="no-jira",
            field="url",
        )
    return found


def _ask(url: str, email: str, token: str, policy: NetworkPolicy) -> Permitted:
    # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/
    asked = NEEDED + WANTED
    with guarded_session(policy, answer_limit=ANSWER_LIMIT, seconds=CALL_SECONDS) as session:
        try:
            answer = session.get(
                f"{url}/rest/api/3/mypermissions",
                params={"permissions": ",".join(asked)},
                auth=BasicCredential(email, token).auth(),
                headers={"Accept": "application/json"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except Stopped as stop:
            raise _refused(
                said("the site %(stop)s. Try again in a minute.", stop=words_of(stop))
            ) from None
        except requests.RequestException:
            raise _refused(said("the site did not answer. Try again in a minute.")) from None
    if answer.status_code in {401, 403}:
        raise _refused(
            said(
                "the site does not know this email with this token. Copy both again; a token "
                "is made at id.atlassian.com under Security."
            )
        )
    return Permitted(_read(answer, asked))


def _read(answer: requests.Response, asked: tuple[str, ...]) -> frozenset[str]:
    try:
        told = answer.json()["permissions"] if answer.status_code == 200 else {}
        return frozenset(one for one in asked if told[one]["havePermission"] is True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _refused(
            said(
                "the site did not say what it may do. Try again in a minute; if it stays so, "
                "that site may be under maintenance."
            )
        ) from None


def _refused(rule: str) -> Problem:
    return Problem(together(["token:", rule]), status=422, code="token-not-checked", field="token")
