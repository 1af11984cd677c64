"""Another name for a profile. It lets nothing cross, so it holds at once, for both sites."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.database import TenantId
from app.errors import Problem
from app.mapping.models import ProfileRecord
from app.mapping.profile import Side
from app.mapping.profile_name import name_problem, tidy
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both


@dataclass(frozen=True)
class Naming:
    """The name that a save gives. `seen`: the one that its author knew, where that is known."""

    name: str
    seen: str | None = None


def rename(
    record: Recorder,
    session: Session,
    found: ProfileRecord,
    caller: Caller,
    naming: Naming,
) -> bool:
    """Give a profile a name; False, and nothing is done, where it got another one meanwhile that
    the author has not seen. Raises Problem for a name that cannot be one."""
    name = tidy(naming.name)
    if (wrong := name_problem(name)) is not None:
        raise Problem(f"name: {wrong}", code="invalid-field", field="name")
    if name == found.name:
        return True
    if naming.seen is not None and naming.seen != found.name:
        return False
    found.name, found.updated_at = name, func.now()
    session.flush()
    # Who gave it another, not which: a name is anybody's words, and the trail is kept for good.
    side = Side.LEFT if found.left_tenant_id == caller.tenant else Side.RIGHT
    deed = Deed(caller.actor, Action.PROFILE_RENAMED, f"profile:{found.id}", {"side": side.value})
    partner = found.right_tenant_id if side is Side.LEFT else found.left_tenant_id
    record_for_both(record, session, caller.tenant, TenantId(partner), deed)
    return True
