"""What a Jira that somebody names is: Cloud, which can be stored, or Data Center, which cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database import unscoped_transaction
from app.errors import Problem
from app.jira.outbound import NetworkPolicy, Stopped, check_url, guarded_session
from app.language import gettext as _
from app.language import noop
from app.said import said, together, words_of
from app.tenants.models import CLOUD
from app.traceless import Traceless, in_hand

log = structlog.get_logger(__name__)

ANSWER_LIMIT = 64 * 1024  # bytes
TEXTS_LIMIT = 200  # in an answer: each is looked for in all that is stored meanwhile
CONNECT_SECONDS, READ_SECONDS, CALL_SECONDS = 5, 10, 20

HOW_SUPPORTED = noop(
    "Tandem is installed in Jira Cloud. Jira Data Center will be supported as the partner of a "
    "Cloud site, with its half kept, sealed, in that Cloud site: nothing of a Data Center site is "
    "stored on this server, and nothing of this call was kept but a count."
)
"""What a refused call is told. It never quotes the call."""


class Count(StrEnum):
    """What is counted of refused calls: all that they leave."""

    DATA_CENTER_REFUSED = "data_center_refused"
    INSTALL_REFUSED = "install_refused"


@dataclass(frozen=True, slots=True)
class CloudDeployment:
    """A Jira Cloud site that was looked at. This may be stored."""

    base_url: str


class DataCenterSite(Traceless):
    """A Data Center (or Server) site, as long as the call lasts. There is no table for it."""

    __slots__ = ("email", "token", "url")

    url: str
    email: str
    token: str

    def __init__(self, url: str, email: str, token: str) -> None:
        for name, value in (("url", url), ("email", email), ("token", token)):
            object.__setattr__(self, name, value)


class DataCenterNotHere(Problem):
    """The call is about a Data Center. Says how that is supported, and nothing of the call."""

    status = 422
    code = "data-center"

    def __init__(self) -> None:
        super().__init__(_(HOW_SUPPORTED))


Outcome = CloudDeployment | DataCenterSite | Problem


def look(url: str, email: str, token: str, policy: NetworkPolicy) -> CloudDeployment:
    """Ask the site at this address what it is, and give it back where it is Cloud.

    Raises DataCenterNotHere (which is counted) for any other Jira, and Problem about the field
    `url`. Until the site is known to be Cloud, no statement and no log line can carry a text of the
    call or of the answer. Email and token are only kept out of these: they are never sent, since
    Cloud tells anybody what it is, and nobody else is to get them.
    """
    # Every outcome leaves the hand as a value: our own sentences may share a word with the input.
    outcome: Outcome
    with in_hand(_texts_of_call(url, email, token)):
        try:
            outcome = _ask(check_url(url, policy), email, token, policy)
        except Problem as problem:
            outcome = problem
    if isinstance(outcome, Problem):
        raise outcome from None
    if isinstance(outcome, DataCenterSite):
        count(Count.DATA_CENTER_REFUSED)
        raise DataCenterNotHere()
    return outcome


def count(name: Count) -> None:
    """Add one to a counter, in a transaction of its own; a failure only costs the count."""
    try:
        with unscoped_transaction() as session:
            # Not worth a wait for the disk: anybody can make this happen as often as he likes.
            session.execute(
                text("SELECT set_config('synchronous_commit', 'off', true), tandem_count(:name)"),
                {"name": name.value},
            )
    except SQLAlchemyError:
        log.warning("counter not kept")


def _ask(url: str, email: str, token: str, policy: NetworkPolicy) -> Outcome:
    """Read `serverInfo` without credentials."""
    # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-server-info/
    with guarded_session(policy, answer_limit=ANSWER_LIMIT, seconds=CALL_SECONDS) as session:
        try:
            answer = session.get(
                f"{url}/rest/api/2/serverInfo",
                headers={"Accept": "application/json"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except Stopped as stop:
            return _unknown(said("the site %(stop)s.", stop=words_of(stop)))
        except requests.RequestException:
            return _unknown(_("the site does not answer over a safe connection."))
    with in_hand(answer.headers.values()):
        return _judge(answer, url, email, token)


def _judge(answer: requests.Response, url: str, email: str, token: str) -> Outcome:
    """What the answer makes of the site. Whatever is a Jira and not surely Cloud is Data Center."""
    if answer.status_code in {401, 403}:
        # Cloud tells this anybody, so this is another Jira, or no Jira at all.
        return DataCenterSite(url, email, token)
    try:
        info = answer.json() if answer.status_code == 200 else None
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        return _unknown(_("there is no Jira that says what it is."))
    texts = list(islice(_texts(info), TEXTS_LIMIT + 1))
    with in_hand(texts):
        if len(texts) <= TEXTS_LIMIT and info.get("deploymentType") == CLOUD:
            return CloudDeployment(url)
        if info.keys() & {"deploymentType", "versionNumbers", "version"}:
            return DataCenterSite(url, email, token)
    return _unknown(_("there is no Jira that says what it is."))


def _unknown(rule: str) -> Problem:
    advice = _("Give the address that people open Jira at.")
    return Problem(
        together(["url:", rule, advice]),
        status=422,
        code="no-jira",
        field="url",
    )


def _texts_of_call(url: str, email: str, token: str) -> list[str]:
    """The texts of a call, and the parts of its address that could be told by themselves."""
    try:
        parts = urlsplit(url)
        own = [parts.netloc, parts.hostname or "", parts.path.strip("/")]
    except ValueError:
        own = []
    return [url, url.rstrip("/"), email, email.partition("@")[0], token, *own]


def _texts(value: Any) -> Iterator[str]:
    """The texts and numbers in an answer, names of its fields left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield str(value)
