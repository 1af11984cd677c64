"""An undo in one hand, and a lane in its hand: nothing is drained there meanwhile."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import db, tenant_transaction, unscoped_transaction
from app.errors import Problem
from app.mapping.profiles import StoredProfile
from app.mapping.said import said

LEASE = 180  # seconds: how long a lane rests after an undo that died
LONGEST_WAIT = 600.0  # seconds for a drain that is at work
IN_FLIGHT = 5.0  # seconds


class UnderWay(Problem):
    """Another undo of the profile has not ended."""

    code = "undo-under-way"
    status = 409


_TAKE = text(
    """
    INSERT INTO undo_hold (profile_id, left_tenant_id, right_tenant_id, run_id, lane, until)
    VALUES (:profile, :left, :right, :run, :lane, now() + make_interval(secs => :lease))
    ON CONFLICT (profile_id) DO UPDATE
    SET run_id = excluded.run_id, lane = excluded.lane, until = excluded.until
    """
)
_RENEW = text(
    """
    UPDATE undo_hold SET until = now() + make_interval(secs => :lease)
    WHERE profile_id = :profile AND run_id = :run AND lane = :lane AND until > now()
    """
)
_RELEASE = text("DELETE FROM undo_hold WHERE profile_id = :profile AND run_id = :run")
_DEAD = text(
    "SELECT lane, :lease - CAST(extract(epoch FROM until - now()) AS double precision) AS silent"
    " FROM undo_hold WHERE profile_id = :profile"
)
_FREE = text("DELETE FROM undo_hold WHERE profile_id = :profile")
_AT_WORK = text(
    "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE lock = :lock AND status = 'doing')"
)


@contextmanager
def alone(profile_id: uuid.UUID) -> Iterator[None]:
    """The one undo of this profile until the block ends, or this process does. Raises Problem."""
    lock = {"what": "tandem/undo", "profile": str(profile_id)}
    connection = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        take = "SELECT pg_try_advisory_lock(hashtext(:what), hashtext(:profile))"
        if not connection.execute(text(take), lock).scalar():
            raise UnderWay(said("An undo of this profile is under way. Wait for its end."))
        try:
            yield
        finally:
            give = "SELECT pg_advisory_unlock(hashtext(:what), hashtext(:profile))"
            connection.execute(text(give), lock)
    finally:
        connection.close()


def let_go_of_the_dead(profile: StoredProfile) -> list[int]:
    """Let go of what an undo of this profile held that died. Gives the lanes that may go on.

    What it had sent a moment before may still be on its way to the site: that is waited for.
    """
    with suppress(UnderWay), alone(profile.id):
        while True:
            with tenant_transaction(profile.left_tenant) as session:
                row = session.execute(_DEAD, {"profile": profile.id, "lease": LEASE}).first()
                if row is None:
                    return []
                if row.silent >= IN_FLIGHT:
                    session.execute(_FREE, {"profile": profile.id})
                    return [] if row.lane is None else [row.lane]
            time.sleep(IN_FLIGHT - row.silent)
    return []


class Hold:
    """A lane that a run has in hand. Whoever drained it when it was taken has ended.

    `lock`: the lock of the lane's jobs.
    """

    def __init__(self, profile: StoredProfile, run_id: uuid.UUID, lane: int, lock: str) -> None:
        self._profile, self._run_id, self._lane, self._lock = profile, run_id, lane, lock

    def take(self) -> None:
        """Take it, and wait for the drain that is at work there. Raises Problem."""
        arguments = self._ours() | {
            "left": self._profile.left_tenant,
            "right": self._profile.right_tenant,
            "lease": LEASE,
        }
        with tenant_transaction(self._profile.left_tenant) as session:
            session.execute(_TAKE, arguments)
        deadline = time.monotonic() + LONGEST_WAIT
        while self._is_drained():
            if time.monotonic() > deadline:
                raise Problem(said("A worker does not come to an end. Start the undo again later."))
            self.renew()
            time.sleep(0.1)

    def _is_drained(self) -> bool:
        with unscoped_transaction() as session:
            return bool(session.execute(_AT_WORK, {"lock": self._lock}).scalar())

    def renew(self) -> None:
        """Say that we are still here. Raises Problem where we were silent for too long."""
        with tenant_transaction(self._profile.left_tenant) as session:
            self.check(session)

    def check(self, session: Session) -> None:
        """Renew in a transaction, which nobody can take the lane from until it ends."""
        if not session.execute(_RENEW, self._ours() | {"lease": LEASE}).rowcount:  # type: ignore[attr-defined]
            raise Problem(said("The undo was silent for too long, and let go. Start it again."))

    def release(self) -> None:
        """Let go."""
        with tenant_transaction(self._profile.left_tenant) as session:
            session.execute(_RELEASE, self._ours())

    def _ours(self) -> dict[str, object]:
        return {"profile": self._profile.id, "run": self._run_id, "lane": self._lane}
