"""Who speaks for a partner's side that is reached by token, as the pages ask it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import Forbidden
from app.language import gettext as _
from app.tenants.caller import Caller, Permission
from app.tenants.gate import current_standing
from app.tenants.token_sites import decides_for, sites_of


def form_for_partner() -> bool:
    """Whether the form is for the partner's side. Raises Forbidden for all but admins: they alone
    give tokens."""
    asked = request.form.get("for") == "partner"
    if asked and not current_standing().may(Permission.CONNECT):
        raise Forbidden(_("Only an admin decides for a site that is reached by token."))
    return asked


def decides_for_partner(caller: Caller, partner: TenantId | None) -> bool:
    """Whether the caller decides for this partner's side too."""
    if partner is None or not current_standing().may(Permission.CONNECT):
        return False
    with tenant_transaction(caller.tenant) as session:
        return decides_for(session, caller, partner)


def givers(caller: Caller) -> Mapping[TenantId, bool]:
    """The partners that are reached by token, and whether the caller gave it."""
    with tenant_transaction(caller.tenant) as session:
        return givers_in(session, caller)


def givers_in(session: Session, caller: Caller) -> Mapping[TenantId, bool]:
    """The same, in a transaction of the caller's tenant."""
    known = sites_of(session).values()
    return {one.tenant: one.given_by == caller.account_id for one in known}
