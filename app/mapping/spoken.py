"""For which side of a profile a person speaks: his own, or that of a site reached by his token."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.database import TenantId
from app.errors import Forbidden
from app.language import gettext as _
from app.mapping.models import ProfileRecord
from app.mapping.profile import Side
from app.tenants import token_sites
from app.tenants.caller import Caller

Said = tuple[Side, Mapping[str, bool]]


def speaks_for(
    session: Session, caller: Caller, found: ProfileRecord, own: Side, *, for_partner: bool
) -> Said:
    """The side that is spoken for, and what the trail says of that. `own`: the caller's side.

    For the partner's side speaks who gave the token that reaches it, and nobody else of the
    caller's site. Raises Forbidden.
    """
    if not for_partner:
        return own, {}
    partner = found.right_tenant_id if own is Side.LEFT else found.left_tenant_id
    if not token_sites.decides_for(session, caller, TenantId(partner)):
        raise Forbidden(
            _(
                "For the partner's side speak the people of the partner's site, or who gave the "
                "token that reaches it."
            )
        )
    return own.other, token_sites.BY_TOKEN
