"""What the pages do for an admin: the views only read requests and render what this gives."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from flask import Response, request

from app.database import TenantId, tenant_transaction
from app.database_faults import Disk, answer_to
from app.errors import Forbidden, NotFound
from app.jira.addresses import NetworkPolicy
from app.jira.deployment import CloudDeployment, look
from app.jira.site import JiraSite, SiteOpener
from app.language import gettext as _
from app.mapping import filters, profile_lists, profiles, revisions
from app.mapping.models import ProfileState
from app.mapping.profile import Side
from app.mapping.profile_lists import KnownProfile, ProfileHealth, ProfileOverview
from app.mapping.profiles import StoredProfile
from app.screens.field_names import FieldNames
from app.screens.forms import form_id, form_number, form_scope, form_text, refuse
from app.screens.overview import MOST, Asked, Overview, checks_in
from app.screens.token_sides import form_for_partner
from app.screens.waits import say_clock
from app.sync import clocks, completeness_store
from app.sync.drift_save import check_new
from app.tenants import pairing, samples
from app.tenants.caller import Caller, Permission
from app.tenants.deeds import Recorder
from app.tenants.installations import Installations
from app.tenants.models import InstallationState
from app.tenants.roles import Standing
from app.vault.vault import Vault

P = TypeVar("P", bound=KnownProfile)


class Desk:
    """The pages' work. The gate has asked for the permission; how far it reaches is asked here."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        installations: Installations,
        record: Recorder,
        policy: NetworkPolicy,
        *,
        disk: Disk,
    ) -> None:
        self._vault = vault
        self._open_site = open_site
        self._installations = installations
        self._record = record
        self._policy = policy
        self._disk = disk
        self.field_names = FieldNames(open_site)
        """What the sites call their fields, for all pages."""
        self._overview = Overview(vault, disk, self.site_name, self.field_names)

    def failed(self, fault: Exception) -> Response:
        """The answer to a request that the database failed."""
        return answer_to(fault, self._disk)

    def site_url(self, tenant: TenantId) -> str:
        """The address of a tenant's site."""
        return self._installations.of(tenant).base_url

    def addresses(self, tenant: TenantId, *, fresh: bool = True) -> list[str]:
        """Where a tenant's site is reached: its base URL, and the one that people see. Not `fresh`:
        they may be a minute old."""
        known = self._installations.of(tenant, fresh=fresh)
        shown = known.display_url or ""
        return [known.base_url, *([shown] if shown.startswith("https://") else [])]

    def site_name(self, tenant: TenantId) -> str:
        """A site's host, which is what its people call it. It may be a minute old, as
        lists say it often."""
        return self._installations.of(tenant, fresh=False).base_url.split("://", 1)[1]

    def sites(self, stored: StoredProfile) -> dict[Side, str]:
        """What the people of both sites of a profile call them."""
        tenants = stored.tenants
        return {side: self.site_name(one) for side, one in tenants.items()}

    def is_enabled(self, tenant: TenantId) -> bool:
        """Whether Tandem is installed and enabled in a tenant's site."""
        return self._installations.of(tenant).state == InstallationState.ENABLED

    def clock(self, tenant: TenantId) -> str | None:
        """What a site is told whose token is out of time by our clock, where that is known to be
        wrong: else a refusal tells nothing."""
        with tenant_transaction(tenant) as session:
            ahead = clocks.told(session, tenant)
        return None if ahead is None else say_clock(self.site_name(tenant), ahead)

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

    @staticmethod
    def require_project(standing: Standing, project: int) -> None:
        """Whether the caller may map this project of his own site. Raises Forbidden."""
        if not standing.covers(Permission.MAP, project):
            raise Forbidden(
                "left_project: "
                + _(
                    "you may map the projects that you administer in Jira. Choose one of them, or "
                    "ask an admin for the role editor."
                )
            )

    def make_code(self, caller: Caller) -> pairing.Code:
        """A new pairing code of the caller's site."""
        return pairing.make_code(self._record, caller)

    def claim(self, caller: Caller, code: str) -> uuid.UUID:
        """Pair the caller's site by another's code, and allow what the form says of sample values.
        Raises Problem."""
        connection = pairing.claim(self._record, caller, code)
        if request.form.get("samples") == "yes":
            samples.allow(self._record, caller, connection, allows=True)
        return connection

    def look(self) -> CloudDeployment:
        """What the site is whose address the form gives. Raises Problem: of a Data Center, how it
        is supported. Nothing is stored."""
        url, email, token = (request.form.get(name, "") for name in ("url", "email", "token"))
        return look(url.strip(), email.strip(), token.strip(), self._policy)

    def create_profile(self, caller: Caller, standing: Standing) -> uuid.UUID:
        """Check every choice of the form again and switch the profile on. Raises Problem."""
        connection = form_id("connection")
        name = form_text("name")
        partner = self.partner_site(caller.tenant, connection)
        self.require_project(standing, form_number("left_project"))
        left = form_scope(self.own_site(caller.tenant), "left")
        right = form_scope(partner, "right")
        filters.check(self.own_site(caller.tenant), left, Side.LEFT, own=True)
        filters.check(partner, right, Side.RIGHT, own=False)
        parts = {name: request.form[name] for name in profiles.PARTS & request.form.keys()}
        tenants = {
            Side.LEFT: caller.tenant,
            Side.RIGHT: pairing.partner_of(caller.tenant, connection),
        }
        check_new(self._open_site, tenants, profiles.described(left, right, parts))
        return profiles.create(
            self._vault,
            self._record,
            caller,
            connection_id=connection,
            name=name,
            left=left,
            right=right,
            parts=parts,
        )

    def filter_of(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, *, for_partner: bool = False
    ) -> tuple[Side, str | None]:
        """The caller's side of a profile and its filter. `for_partner`: of the side of a partner
        by the caller's token. Raises NotFound, Forbidden."""
        side, scope = revisions.filter_of(
            self._vault,
            caller,
            profile,
            covers=lambda one: standing.covers(Permission.MAP, one),
            for_partner=for_partner,
        )
        return side, scope.filter

    def set_filter(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> str | None:
        """Give the caller's side the filter of the form, once its Jira understands it; or that of
        a partner by the caller's token. Raises Problem; then nothing was changed."""

        def covers(project: int) -> bool:
            return standing.covers(Permission.MAP, project)

        both = form_for_partner()
        side, scope = revisions.filter_of(
            self._vault, caller, profile, covers=covers, for_partner=both
        )
        if f"{side.other.value}_filter" in request.form:
            raise Forbidden(
                f"{side.other.value}_filter: "
                + _(
                    "the filter of the partner's issues is changed by the people of the partner's "
                    "site. Leave it out, and ask them."
                )
            )
        name = f"{side.value}_filter"
        if name not in request.form:
            raise refuse(name, _("is missing. Give a JQL, or an empty text for no filter."))
        jql = filters.written(request.form[name], side)
        stored = profiles.load(self._vault, profile)
        tenant = stored.tenants[side]
        filters.check(self._open_site(tenant), replace(scope, filter=jql), side, own=True)
        if revisions.set_filter(
            self._vault, self._record, caller, profile, jql, covers=covers, for_partner=both
        ):
            # Issues that came inside by this have no twin yet: the check of the scope finds them.
            with tenant_transaction(caller.tenant) as session:
                completeness_store.begin(session, profile)
        return jql

    def switch(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, state: ProfileState
    ) -> None:
        """Pause or resume a profile. Raises NotFound for one out of the caller's reach."""
        profiles.set_state(
            self._record,
            caller,
            profile,
            state,
            lambda project: standing.covers(Permission.MAP, project),
        )

    @staticmethod
    def profiles(tenant: TenantId, standing: Standing) -> list[ProfileOverview]:
        """The profiles that the caller may see, with all counts: for machines, as it is dear."""
        return _seen(profile_lists.overview(tenant), standing)

    @staticmethod
    def known(tenant: TenantId, standing: Standing) -> list[KnownProfile]:
        """The profiles that the caller may see."""
        return _seen(profile_lists.known(tenant), standing)

    @staticmethod
    def health(tenant: TenantId, standing: Standing) -> list[ProfileHealth]:
        """The profiles that the caller may see, with what waits or is wrong."""
        with tenant_transaction(tenant) as session:
            return _seen(profile_lists.health(session, tenant), standing)

    def reached(
        self,
        caller: Caller,
        standing: Standing,
        profile: uuid.UUID,
        permission: Permission = Permission.MAP,
    ) -> StoredProfile:
        """The profile, where the caller has the permission for it. Raises NotFound, the same for
        others' as for one that never was."""
        with tenant_transaction(caller.tenant) as session:
            project = profiles.own_project(session, caller.tenant, profile)
        if project is None or not standing.covers(permission, project):
            raise NotFound(_("There is no such profile."))
        return profiles.load(self._vault, profile)

    def profile_name(self, profile: uuid.UUID) -> str:
        """A profile's name. The reach was asked before."""
        return profiles.load(self._vault, profile).name

    def home(self, caller: Caller, standing: Standing, *, whole: bool = False) -> dict[str, Any]:
        """What the home page shows. `whole`: all profiles at once, whatever the request says."""
        asked = Asked(shown=MOST) if whole else Asked.of_request()
        return self._overview.shown(caller, standing, asked)


def _seen(known: list[P], standing: Standing) -> list[P]:
    return [one for one in known if standing.covers(Permission.SEE, one.own_project)]


def checks(tenant: TenantId, profile_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The sentence of each profile's check, by the profile's id."""
    with tenant_transaction(tenant) as session:
        return checks_in(session, tenant, profile_ids)
