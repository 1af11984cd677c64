"""What the pages do for an admin: the views only read requests and render what this gives."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import asdict
from typing import Any

from app.activity.log import latest
from app.database import TenantId, tenant_transaction
from app.errors import Forbidden
from app.jira.site import JiraSite, SiteOpener
from app.mapping import profiles
from app.mapping.profile import DEFAULT_FIELDS
from app.screens.forms import form_id, form_scope, form_text
from app.screens.words import FIELDS, OUTCOMES, STATES, ago, say
from app.tenants import pairing
from app.tenants.caller import Caller
from app.tenants.installations import Installations
from app.vault.vault import Vault

ADMIN_SECONDS = 60.0
ENTRIES = 15


class Admins:
    """Asks a site whether a person administers it; a yes is kept for a minute."""

    def __init__(self, open_site: SiteOpener) -> None:
        self._open_site = open_site
        self._until: dict[tuple[TenantId, str], float] = {}
        self._lock = threading.Lock()

    def require(self, caller: Caller) -> None:
        """Raises Forbidden for anybody but an admin of the caller's site."""
        who = (caller.tenant, caller.account_id or "")
        with self._lock:
            if self._until.get(who, 0.0) > time.monotonic():
                return
        if not caller.account_id or not self._open_site(caller.tenant).is_admin(caller.account_id):
            raise Forbidden("Tandem's pages are for admins of this Jira site. Ask one of them.")
        now = time.monotonic()
        with self._lock:
            self._until = {one: until for one, until in self._until.items() if until > now}
            self._until[who] = now + ADMIN_SECONDS


class Desk:
    """The pages' work, behind the check that the caller is an admin."""

    def __init__(self, vault: Vault, open_site: SiteOpener, installations: Installations) -> None:
        self._vault = vault
        self._open_site = open_site
        self._installations = installations
        self.admins = Admins(open_site)

    def site_url(self, tenant: TenantId) -> str:
        """The address of a tenant's site."""
        return self._installations.of(tenant).base_url

    def site_name(self, tenant: TenantId) -> str:
        """A site's host, which is what its people call it."""
        return self.site_url(tenant).split("://", 1)[1]

    def partners(self, tenant: TenantId) -> list[dict[str, str]]:
        """The connected sites, to choose from."""
        return [
            {"id": str(one.connection_id), "name": self.site_name(one.tenant)}
            for one in pairing.partners(tenant)
        ]

    def own_site(self, tenant: TenantId) -> JiraSite:
        """The caller's own site."""
        return self._open_site(tenant)

    def partner_site(self, tenant: TenantId, connection: uuid.UUID) -> JiraSite:
        """The connected site. Raises NotFound for a connection of others."""
        return self._open_site(pairing.partner_of(tenant, connection))

    def create_profile(self, caller: Caller) -> uuid.UUID:
        """Check every choice of the form again and switch the profile on. Raises Problem."""
        connection = form_id("connection")
        name = form_text("name")
        return profiles.create(
            self._vault,
            caller.tenant,
            caller.account_id or "",
            connection_id=connection,
            name=name,
            left=form_scope(self.own_site(caller.tenant), "left"),
            right=form_scope(self.partner_site(caller.tenant, connection), "right"),
        )

    def home(self, tenant: TenantId) -> dict[str, Any]:
        """What the home page shows."""
        names: dict[TenantId, str] = {tenant: self.site_name(tenant)}
        shown = []
        for one in profiles.overview(tenant):
            if one.partner not in names:
                names[one.partner] = self.site_name(one.partner)
            shown.append(asdict(one) | {"partner_name": names[one.partner]})
        with tenant_transaction(tenant) as session:
            entries = latest(session, self._vault, ENTRIES)
        return {
            "profiles": shown,
            "partners": self.partners(tenant),
            "entries": entries,
            "site_name": names[tenant],
            "ago": ago,
            "say": say,
            "outcomes": OUTCOMES,
            "states": STATES,
        }

    def new_profile(self, tenant: TenantId, connection: uuid.UUID | None) -> dict[str, Any]:
        """What the form of a new profile shows; `connection` is chosen where it is given."""
        partner_projects = self.partner_site(tenant, connection).projects() if connection else []
        return {
            "site_name": self.site_name(tenant),
            "projects": self.own_site(tenant).projects(),
            "partners": self.partners(tenant),
            "chosen": str(connection) if connection else None,
            "partner_projects": partner_projects,
            "fields": [FIELDS[one.left] for one in DEFAULT_FIELDS],
        }
