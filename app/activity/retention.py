"""For how many days the activity keeps what changed: each site says, and the shorter time counts.

The details are deleted, the rows of the entries stay.
"""

from __future__ import annotations

import time
import uuid

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.settings import Edition
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder
from app.tenants.models import Installation

ROWS_A_TIME = 500
PATIENCE = 2.0  # seconds: what is left then goes in the next round
CLOUD_DAYS = 14
SELF_HOSTED_DAYS = 36_500


def most_days(edition: Edition) -> int:
    """How many days a site may keep them at most."""
    return CLOUD_DAYS if edition is Edition.CLOUD else SELF_HOSTED_DAYS


def of_site(tenant: TenantId) -> int:
    """The days that a site has chosen."""
    with tenant_transaction(tenant) as session:
        return session.execute(select(Installation.detail_days)).scalar_one()


def of_profile(session: Session, profile_id: uuid.UUID) -> int:
    """The days of a profile's entries, in a transaction of a tenant of it."""
    asked = text("SELECT tandem_detail_days(:profile)")
    return int(session.execute(asked, {"profile": profile_id}).scalar_one())


def choose(record: Recorder, caller: Caller, days: int) -> None:
    """Set the days of the caller's site. What is older goes with the next round."""
    with tenant_transaction(caller.tenant) as session:
        session.execute(
            update(Installation).where(Installation.id == caller.tenant).values(detail_days=days)
        )
        deed = Deed(caller.actor, Action.SETTING_CHANGED, "setting:detail-days", {"value": days})
        record(session, caller.tenant, deed)


def forget(most: int) -> int:
    """Delete the details that are too old, in short transactions of few rows. `most`: the days that
    no site may exceed. For the house: it sees all tenants' rows. Returns how many went."""
    until, count = time.monotonic() + PATIENCE, 0
    forgotten = text("SELECT tandem_forget_details(:rows, :most)")
    while True:
        with unscoped_transaction() as session:
            asked = {"rows": ROWS_A_TIME, "most": most}
            gone = int(session.execute(forgotten, asked).scalar_one())
        count += gone
        if gone < ROWS_A_TIME or time.monotonic() > until:
            return count
