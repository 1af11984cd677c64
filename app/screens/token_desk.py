"""What the pages do with sites by URL, email and API token: check, connect, renew, end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import request

from app.database import TenantId
from app.errors import Problem
from app.jira.addresses import NetworkPolicy
from app.jira.deployment import look
from app.jira.token_check import NEEDED, Permitted, cloud_id, permitted
from app.language import gettext as _
from app.language import noop
from app.screens.forms import refuse
from app.screens.words import ago
from app.sync.budget_answers import resume
from app.tenants import pairing
from app.tenants.access import Access, Given
from app.tenants.caller import Caller
from app.tenants.deeds import Recorder
from app.tenants.installations import Installations
from app.tenants.token_sites import TokenSite, TokenSites, token_sites
from app.vault.vault import Vault

HOW = noop(
    "Tandem is not installed there, so it looks for changes there about once a minute, and what is "
    "deleted there keeps its twin here. When it is installed there later, pair the sites: changes "
    "then arrive within seconds. This connection stays as it is."
)
"""What is said of each connection by token."""
LONGEST = 2000  # characters of an email or a token


@dataclass(frozen=True)
class Checked:
    """A site that was looked at. `may`: what the token may do there, where one was given."""

    url: str
    may: Permitted | None

    @property
    def host(self) -> str:
        """What its people call it."""
        return self.url.split("://", 1)[1]


class TokenDesk:
    """The work behind the buttons. The gate has asked for the permission to connect."""

    def __init__(
        self,
        vault: Vault,
        record: Recorder,
        installations: Installations,
        policy: NetworkPolicy,
        ring: Callable[[uuid.UUID, int], None],
    ) -> None:
        self._sites = TokenSites(vault, record)
        self._installations = installations
        self._policy, self._ring = policy, ring

    def check(self) -> Checked:
        """What the site is whose address the form gives, and what the token may do there. Raises
        Problem; nothing of it is stored."""
        url, email, token = (_text(name) for name in ("url", "email", "token"))
        return self._checked(url, email, token)

    def connect(self, caller: Caller) -> uuid.UUID:
        """Check what the form gives once more, and connect with it. Raises Problem."""
        return self._sites.connect(caller, self._given(_text("url")))

    def renew(self, caller: Caller, connection: uuid.UUID) -> None:
        """Take the form's token for a site that is connected, once it was checked. What waited for
        it goes on at once. Raises Problem, NotFound."""
        tenant = pairing.partner_of(caller.tenant, connection)
        access = self._installations.of(tenant).access
        # Where it is known it is not asked for: a token never goes anywhere else by a slip.
        url = _text("url") if access is None else access.url
        renewed = self._sites.renew(caller, connection, self._given(url))
        self._installations.forget_tenant(renewed)
        resume(renewed, self._ring)

    def end(self, caller: Caller, connection: uuid.UUID) -> None:
        """End a connection by token. Raises Problem, NotFound."""
        self._installations.forget_tenant(self._sites.end(caller, connection))

    def of(self, caller: Caller) -> Mapping[TenantId, dict[str, object]]:
        """What is told of each site that the caller's reaches by token."""
        known = token_sites(caller.tenant)
        return {tenant: self._told(one, caller) for tenant, one in known.items()}

    def _told(self, one: TokenSite, caller: Caller) -> dict[str, object]:
        gone = self._installations.of(one.tenant).access is None
        at = ago(one.given_at)
        if one.given_by == caller.account_id:
            given = _("You gave this token %(ago)s: you decide for both sides.", ago=at)
        else:
            given = _(
                "Another admin of your site gave this token %(ago)s, and decides for that side. "
                "Whoever gives a new one takes that over.",
                ago=at,
            )
        return {"given": given, "gone": gone, "how": _(HOW)}

    def _given(self, url: str) -> Given:
        email, token = _text("email"), _text("token")
        for name, text in (("email", email), ("token", token)):
            if not text:
                raise refuse(name, _("choose or fill it in."))
        checked = self._checked(url, email, token)
        if checked.may is None or checked.may.missing(NEEDED):
            raise Problem(
                "token: "
                + _(
                    "its account lacks permissions in that site without which nothing is kept in "
                    "step. Press Check to see which."
                ),
                status=422,
                code="token-lacks",
                field="token",
            )
        return Given(cloud_id(checked.url, self._policy), Access(checked.url, email, token))

    def _checked(self, url: str, email: str, token: str) -> Checked:
        found = look(url, email, token, self._policy)
        if not (email or token):
            return Checked(found.base_url, None)
        for name, text in (("email", email), ("token", token)):
            if not text or not text.isprintable() or len(text) > LONGEST:
                raise refuse(name, _("give both, or neither."))
        return Checked(found.base_url, permitted(found.base_url, email, token, self._policy))


def _text(name: str) -> str:
    return request.form.get(name, "").strip()
