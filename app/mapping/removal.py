"""A profile is deleted: all that Tandem knows of it goes. The issues of both sites stay."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.language import gettext as _
from app.mapping.profile import Side
from app.mapping.profiles import owned
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both

_TRIES = 5
_UNDO = text(
    "SELECT count(*) FROM run WHERE profile_id = :profile AND kind = 'undo' AND state = 'running'"
)
_LINKED = text(
    "SELECT count(*) FROM issue_link WHERE profile_id = :profile"
    " AND left_issue_id IS NOT NULL AND right_issue_id IS NOT NULL"
)


def remove(
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    name: str,
    *,
    covers: Callable[[int], bool] = lambda project: True,
) -> int:
    """Delete a profile and its rows in every table, and note it on both trails; `name` must be the
    profile's. Gives how many pairs were kept in step. Raises Problem, and NotFound as
    `profiles.set_state`."""
    for attempt in range(_TRIES):
        try:
            return _remove(record, caller, profile_id, name, covers)
        except OperationalError as fault:
            # A worker had some of the rows in hand; it stops when it finds no profile.
            if not isinstance(fault.orig, DeadlockDetected) or attempt == _TRIES - 1:
                raise
    raise AssertionError("the last try returned or raised")


def _remove(
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    name: str,
    covers: Callable[[int], bool],
) -> int:
    tenant, of = caller.tenant, {"profile": profile_id}
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile_id, covers)
        if " ".join(name.split()) != found.name:
            raise Problem(
                _(
                    "name: that is not the profile's name. Type it as it is shown, so that no "
                    "other profile is deleted by mistake."
                ),
                code="invalid-field",
                field="name",
            )
        if session.execute(_UNDO, of).scalar():
            raise Problem(
                _(
                    "An undo of this profile is under way. Wait for its end or stop it, and try "
                    "again."
                ),
                status=409,
                code="undo-runs",
            )
        pairs = int(session.execute(_LINKED, of).scalar() or 0)
        partner = found.right_tenant_id if side is Side.LEFT else found.left_tenant_id
        # Every table that names a profile goes with it: they all say ON DELETE CASCADE.
        session.execute(text("DELETE FROM profile WHERE id = :profile"), of)
        told = {"pairs": pairs}
        deed = Deed(caller.actor, Action.PROFILE_DELETED, f"profile:{profile_id}", told)
        record_for_both(record, session, tenant, TenantId(partner), deed)
    return pairs
