"""Who began a run, by name: names come from the own site, and stay in memory for a few minutes."""

from __future__ import annotations

import time
import uuid

from app.database import TenantId
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping.profile_lists import KnownProfile
from app.screens.activity_words import names_of
from app.screens.desk import Desk
from app.tenants.caller import Caller

NAMES_SECONDS = 300.0
"""So long are the names of people kept in memory: the list asks every few seconds."""


class Who:
    """Tells people apart for those who look at the list."""

    def __init__(self, open_site: SiteOpener, desk: Desk) -> None:
        self._open_site, self._desk = open_site, desk
        self._names: dict[tuple[TenantId, str], tuple[float, str]] = {}

    def name(
        self, caller: Caller, profile: KnownProfile, account: str, tenant: uuid.UUID | None
    ) -> str:
        """Who began something: by name, if a person of the own site."""
        if tenant is None:
            return _("a command on the server")
        if tenant != caller.tenant:
            return _("a person of %(site)s", site=self._desk.site_name(profile.partner))
        if account == caller.account_id:
            return _("you")
        key, now = (caller.tenant, account), time.monotonic()
        at, name = self._names.get(key, (-NAMES_SECONDS, ""))
        if now - at >= NAMES_SECONDS:
            found = names_of(self._open_site, caller.tenant, [account])
            name = found.get(account, "")
            self._names[key] = (now, name)
        return name or _("a person")
