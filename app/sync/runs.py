"""Runs: a load, an apply or an undo that somebody began, and what belongs to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import func, text, update
from sqlalchemy.orm import Session

from app.database import TenantId
from app.mapping.profiles import StoredProfile
from app.sync.models import Run
from app.tenants.deeds import OPERATOR, Deed, Recorder, record_for_both

RUNS_A_SWEEP = 1000


class RunKind(StrEnum):
    """What a run does."""

    LOAD = "load"
    APPLY = "apply"
    UNDO = "undo"


@dataclass(frozen=True)
class By:
    """Who begins: a person of a tenant, or (without one) a command on the server."""

    account: str
    tenant: TenantId | None


COMMAND = By("command", None)


def tell(record: Recorder, session: Session, profile: StoredProfile, by: By, deed: Deed) -> None:
    """Put what somebody did on both trails, as his. The other site's does not name a person."""
    own, partner = profile.left_tenant, profile.right_tenant
    if by.tenant == partner:
        own, partner = partner, own
    actor = by.account if by.tenant is not None else OPERATOR
    record_for_both(record, session, own, partner, replace(deed, actor=actor))


def by_of(run: Run) -> By:
    """Who began a run."""
    return By(run.begun_by, TenantId(run.begun_in) if run.begun_in else None)


def begin(session: Session, profile: StoredProfile, kind: RunKind, by: By = COMMAND) -> uuid.UUID:
    """Begin a run."""
    run_id = uuid.uuid4()
    session.add(
        Run(
            id=run_id,
            profile_id=profile.id,
            left_tenant_id=profile.left_tenant,
            right_tenant_id=profile.right_tenant,
            kind=kind.value,
            begun_by=by.account,
            begun_in=by.tenant,
        )
    )
    session.flush()
    return run_id


def stop_undos(session: Session, profile: StoredProfile) -> None:
    """End the undos of a profile that died: for the one undo that is under way."""
    session.execute(
        update(Run)
        .where(Run.profile_id == profile.id, Run.kind == RunKind.UNDO.value, Run.state == "running")
        .values(state="stopped", ended_at=func.now())
    )


def end(session: Session, run_id: uuid.UUID, *, stopped: bool = False) -> None:
    """End a run, as done or as stopped before its end. One that has ended stays as it is."""
    session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state == "running")
        .values(state="stopped" if stopped else "done", ended_at=func.now())
    )


def end_left_behind(session: Session) -> int:
    """End the applies and undos whose command was stopped and that nothing is left of. Returns how
    many. For the house: it sees all tenants' rows, in one statement."""
    ended = session.execute(text("SELECT tandem_end_runs(:most)"), {"most": RUNS_A_SWEEP})
    return int(ended.scalar_one())
