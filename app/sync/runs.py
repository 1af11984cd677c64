"""Runs: a load, an apply or an undo that somebody began, and what belongs to it."""

from __future__ import annotations

import uuid
from enum import StrEnum

from sqlalchemy import func, text, update
from sqlalchemy.orm import Session

from app.mapping.profiles import StoredProfile
from app.sync.models import Run

RUNS_A_SWEEP = 1000


class RunKind(StrEnum):
    """What a run does."""

    LOAD = "load"
    APPLY = "apply"
    UNDO = "undo"


def begin(session: Session, profile: StoredProfile, kind: RunKind, *, begun_by: str) -> uuid.UUID:
    """Begin a run. `begun_by`: an account id, or "command"."""
    run_id = uuid.uuid4()
    session.add(
        Run(
            id=run_id,
            profile_id=profile.id,
            left_tenant_id=profile.left_tenant,
            right_tenant_id=profile.right_tenant,
            kind=kind.value,
            begun_by=begun_by,
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
