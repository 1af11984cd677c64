"""A first load: issues that were there before the profile get their twins, found or made.

It reads both scopes, decides for each issue in chunks, and hands what is to be done to the engine
as changes of a run: the workers carry them behind all live changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import tenant_transaction
from app.errors import Problem
from app.jira.site import SiteError, SiteOpener
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side, together
from app.sync import load_decide, load_issues, runs
from app.sync import load_store as rows
from app.sync.fingerprint import Fingerprinter
from app.sync.load_lost import Lost
from app.sync.load_match import MatchField
from app.sync.load_store import CARRY, CHUNK, DECIDE, READ, Load
from app.sync.load_walk import Held, Reader
from app.sync.models import Change, IssueLink, Run
from app.tenants.deeds import Action, Deed, Recorder
from app.vault.vault import Vault

Ring = Callable[[uuid.UUID, int], None]

MOST_WAITING = 1000  # changes of a load that wait to be carried: the walk never runs far ahead
LOOK_EVERY = 0.5  # seconds between two looks at what workers carry
FIRST_DELAY, LONGEST_DELAY = 2.0, 300.0  # seconds, after a site failed


@dataclass(frozen=True)
class Ask:
    """What somebody wants loaded: from which sides, which issues, and paired by which field."""

    sources: str
    jql: str | None = None
    match: MatchField | None = None


class Loads:
    """Begins loads and takes their steps. Safe to share between threads and processes."""

    def __init__(self, vault: Vault, open_site: SiteOpener, ring: Ring, record: Recorder) -> None:
        self._vault, self._open_site, self._ring = vault, open_site, ring
        self._record = record

    def unfinished(self, profile: StoredProfile) -> Load | None:
        """The load of this profile that has not ended."""
        with self._transaction(profile) as session:
            return rows.running(session, profile.id)

    def read(self, profile: StoredProfile, run_id: uuid.UUID) -> Load:
        """A load as it stands. Raises Problem for one that is gone."""
        with self._transaction(profile) as session:
            found = rows.get(session, run_id)
        if found is None:
            raise Problem(said("The load is gone: its profile was deleted."))
        return found

    def progress(self, profile: StoredProfile, load: Load) -> int:
        """How much of `about` is done: issues read, and issues settled."""
        if load.ended_at is not None:
            return load.read + load.marked + load.ambiguous
        with self._transaction(profile) as session:
            waiting = rows.pending(session, load.run_id)
        return load.read + load.ambiguous + max(0, load.marked - waiting)

    def begin(
        self, profile: StoredProfile, ask: Ask, about: int, by: runs.By = runs.COMMAND
    ) -> Load:
        """Begin a load. One that a person begins is driven by the workers. Raises Problem where
        one is under way."""
        try:
            with self._transaction(profile) as session:
                run_id = runs.begin(session, profile, runs.RunKind.LOAD, by)
                load = Load(
                    run_id=run_id,
                    profile_id=profile.id,
                    left_tenant_id=profile.left_tenant,
                    right_tenant_id=profile.right_tenant,
                    sources=ask.sources,
                    match_key=ask.match.key if ask.match else None,
                    jql=self._sealed(profile, run_id, ask.jql),
                    about=about,
                )
                session.add(load)
                session.flush()
                self._tell(session, profile, Action.LOAD_BEGUN, run_id, by)
        except IntegrityError:
            raise self.refusal(profile, ask) from None
        return self.read(profile, run_id)

    def refusal(self, profile: StoredProfile, ask: Ask) -> Problem:
        """Why no load can begin beside the one that has not ended."""
        load = self.unfinished(profile)
        differs = "" if load is None else self._differs(profile, load, ask)
        head = said("A load of this profile was begun and has not ended.")
        if differs:
            head = said(
                "A load of this profile was begun and has not ended, and it %(differs)s.",
                differs=differs,
            )
        cure = said("Go on with it: --resume. Or give it up: --abandon; then begin this one.")
        return Problem(
            together([head, cure]),
            status=409,
            code="load-unfinished",
        )

    def resume(self, profile: StoredProfile, ask: Ask | None) -> Load:
        """The load to go on with. Raises Problem where there is none, or it is another one."""
        load = self.unfinished(profile)
        if load is None:
            raise Problem(said("There is no load to go on with. Begin one without --resume."))
        differs = self._differs(profile, load, ask) if ask is not None else ""
        if differs:
            raise Problem(
                said(
                    "The load that has not ended %(differs)s. Go on with it as it was begun "
                    "(--resume alone), or give it up (--abandon) and begin this one.",
                    differs=differs,
                ),
                status=409,
                code="load-differs",
            )
        return load

    def abandon(self, profile: StoredProfile, by: runs.By = runs.COMMAND) -> tuple[Load, int]:
        """Give up the load. What is done stays; what is marked and not begun is withdrawn. Gives
        the load with its counts, and how many were withdrawn."""
        with self._transaction(profile) as session:
            load = rows.running(session, profile.id)
            if load is None:
                raise Problem(said("There is no load to give up."))
            load = session.get_one(Load, load.run_id, with_for_update=True, populate_existing=True)
            begun = select(IssueLink.id).where(
                IssueLink.profile_id == profile.id,
                ((Change.side == "left") & (IssueLink.left_issue_id == Change.issue_id))
                | ((Change.side == "right") & (IssueLink.right_issue_id == Change.issue_id)),
            )
            withdrawn = session.execute(
                delete(Change)
                .where(Change.run_id == load.run_id, ~Change.parked, ~begun.exists())
                .returning(Change.issue_id)
            ).all()
            self._end(session, profile, load, Action.LOAD_ABANDONED, by, stopped=True)
        return load, len(withdrawn)

    def step(self, profile_id: uuid.UUID, run_id: uuid.UUID) -> Load:
        """Take the next step, if it is due and no other has it. Gives the load as it then is.

        Raises Problem where a person has to do something before it can go on.
        """
        profile = profiles.working(self._vault, profile_id)
        with self._transaction(profile) as session:
            load = rows.take(session, run_id, uuid.uuid4())
        if load is None:
            return self.read(profile, run_id)
        try:
            if profile.state != "on":
                raise Problem(
                    said(
                        "The profile is paused, so nothing is carried. Resume it on Tandem's page."
                    ),
                    status=409,
                )
            lanes = self._read(profile, load) if load.phase == READ else self._carry(profile, load)
        except Held as held:
            self._put_off(profile, load, held.seconds)
        except SiteError as error:
            if not error.passing:
                self._put_off(profile, load, 0.0)
                raise
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(load.attempts, 10))
            self._put_off(profile, load, max(error.retry_after or 0.0, delay), failed=True)
        except (Problem, KeyboardInterrupt):
            self._put_off(profile, load, 0.0)
            raise
        else:
            for lane in sorted(lanes):
                self._ring(profile.id, lane)
        return self.read(profile, run_id)

    def _read(self, profile: StoredProfile, load: Load) -> set[int]:
        reader = self.reader(profile, load.run_id, self.asked(profile, load))
        issues = reader.page(load)
        with self._transaction(profile) as session:
            if rows.holds(session, load):
                load_issues.keep_issues(session, load, issues)
                rows.keep(session, load)
        return set()

    def _carry(self, profile: StoredProfile, load: Load) -> set[int]:
        """Decide for the next issues, or wait until what is marked is carried across."""
        lanes: set[int] = set()
        with self._transaction(profile) as session:
            if not rows.holds(session, load):
                return lanes  # another took over, and decides the same
            waiting = rows.pending(session, load.run_id)
            if load.phase == DECIDE and waiting <= MOST_WAITING - CHUNK:
                lanes = load_decide.step(session, profile, load)
                rows.keep(session, load)
            elif load.phase == CARRY and not waiting:
                by = runs.by_of(session.get_one(Run, load.run_id))
                self._end(session, profile, load, Action.LOAD_ENDED, by, stopped=False)
            else:
                rows.keep(session, load, LOOK_EVERY)
        return lanes

    def reader(self, profile: StoredProfile, run_id: uuid.UUID, ask: Ask) -> Reader:
        """What reads the pages of a load; its fingerprints are those of this run alone."""
        key = self._vault.derive(profile.left_tenant, f"load:{run_id}")
        return Reader(profile, self._open_site, Fingerprinter(key), jql=ask.jql, match=ask.match)

    def lost(self, profile: StoredProfile, since: datetime, wait: Callable[[float], None]) -> Lost:
        """What looks for twins that no link knows."""
        return Lost(profile, self._open_site, since, wait)

    def _end(
        self,
        session: Session,
        profile: StoredProfile,
        load: Load,
        deed: Action,
        by: runs.By,
        *,
        stopped: bool,
    ) -> None:
        rows.count_result(session, load)
        rows.finish(session, load)
        runs.end(session, load.run_id, stopped=stopped)
        self._tell(session, profile, deed, load.run_id, by)

    def _tell(
        self,
        session: Session,
        profile: StoredProfile,
        action: Action,
        run_id: uuid.UUID,
        by: runs.By,
    ) -> None:
        deed = Deed(by.account, action, f"profile:{profile.id}", {"run": str(run_id)})
        runs.tell(self._record, session, profile, by, deed)

    def asked(self, profile: StoredProfile, load: Load) -> Ask:
        """What a load was begun for."""
        match = None if load.match_key is None else MatchField.of(profile.profile, load.match_key)
        jql = None
        if load.jql is not None:
            jql = self._vault.unseal(rows.place(profile, load.run_id), load.jql).decode()
        return Ask(load.sources, jql, match)

    def _sealed(self, profile: StoredProfile, run_id: uuid.UUID, jql: str | None) -> bytes | None:
        return None if jql is None else self._vault.seal(rows.place(profile, run_id), jql.encode())

    def _differs(self, profile: StoredProfile, load: Load, ask: Ask) -> str:
        """In what the load that is there is another one; empty where it is the same."""
        had = self.asked(profile, load)
        found = []
        if had.jql != ask.jql:
            found.append(said("had another JQL") if had.jql else said("had no JQL"))
        if had.sources != ask.sources:
            found.append(said("goes from %(sides)s", sides=_sides(had.sources)))
        if had.match != ask.match:
            found.append(
                said("matches by %(field)s", field=had.match.key)
                if had.match
                else said("matches by no field")
            )
        if not found:
            return ""
        told = found[0]
        for one in found[1:]:
            told = said("%(first)s and %(second)s", first=told, second=one)
        return told

    def _put_off(
        self, profile: StoredProfile, load: Load, seconds: float, *, failed: bool = False
    ) -> None:
        with self._transaction(profile) as session:
            rows.put_off(session, load, seconds, failed=failed)

    @staticmethod
    def _transaction(profile: StoredProfile) -> AbstractContextManager[Session]:
        return tenant_transaction(profile.left_tenant)


def _sides(sources: str) -> str:
    return said("both sides") if sources == "both" else the_side(Side(sources))
