"""What a load decides for a chunk of issues: link them, mark them for the engine, or leave them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import load_issues as rows
from app.sync.lanes import lane_of
from app.sync.load_issues import Bond, Read
from app.sync.load_match import Bonds, Decision, Outcome, decide
from app.sync.load_store import CARRY, NAMED, Load
from app.sync.marks import Mark, mark

Issue = tuple[Side, int]


@dataclass
class Chunk:
    """What is decided for one chunk, before it is stored."""

    outcomes: dict[Issue, str] = field(default_factory=dict)
    pairs: list[tuple[Read, Read]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


def step(session: Session, profile: StoredProfile, load: Load) -> set[int]:
    """Decide for the next issues, in the running transaction. Gives the lanes to ring for; once
    nothing is left, the load is in its next phase."""
    issues = rows.next_open(session, load)
    if not issues:
        load.phase = CARRY
        return set()
    known = rows.alike(session, load, sorted({one.mark for one in issues if one.mark}))
    bonds = bonds_of(session, profile, [*issues, *known], load.begun_at)
    chunk = judge(profile, load, issues, known, bonds)
    if chunk.pairs:
        _link(session, profile, load, chunk)
    counts = rows.decided(session, load, chunk.outcomes)
    if chunk.marks:
        mark(session, chunk.marks)
    load.marked += len(chunk.marks)
    load.paired += counts.get(Outcome.PAIRED, 0)
    load.linked += counts.get(Outcome.LINKED, 0)
    load.ambiguous += counts.get(Outcome.AMBIGUOUS, 0)
    load.named = [*load.named, *chunk.named][:NAMED]
    return {one.lane for one in chunk.marks}


def bonds_of(
    session: Session, profile: StoredProfile, issues: Iterable[Read], since: datetime
) -> Bonds:
    """The links that these issues have now."""
    found = {}
    listed = list(issues)
    for side in Side:
        ids = sorted({one.issue_id for one in listed if one.side is side})
        for start in range(0, len(ids), 10_000):
            part = rows.bonds(session, profile, side, ids[start : start + 10_000], since)
            found.update({(side, issue): bond for issue, bond in part.items()})
    return found


def judge(
    profile: StoredProfile,
    load: Load,
    issues: Sequence[Read],
    known: Sequence[Read],
    bonds: Bonds,
) -> Chunk:
    """Decide for these. Issues that are alike are decided together, so that a large group of them
    is looked at once."""
    groups: dict[str | None, list[Read]] = {}
    for one in known:
        groups.setdefault(one.mark, []).append(one)
    chunk = Chunk()
    for issue in issues:
        if (issue.side, issue.issue_id) in chunk.outcomes:
            continue
        group = groups.get(issue.mark, []) if issue.mark else []
        decision = decide(issue, group, bonds)
        if decision.outcome is Outcome.AMBIGUOUS:
            _leave(chunk, group, bonds)
        else:
            bond = bonds.get((issue.side, issue.issue_id))
            _take_up(chunk, issue, decision, bond)
            chunk.marks.append(_mark_of(profile, load, issue, decision, bond))
    return chunk


def _leave(chunk: Chunk, group: Sequence[Read], bonds: Bonds) -> None:
    for one in group:
        where = (one.side, one.issue_id)
        if one.source and where not in bonds and where not in chunk.outcomes:
            chunk.outcomes[where] = Outcome.AMBIGUOUS
            chunk.named.append(one.key)


def _take_up(chunk: Chunk, issue: Read, decision: Decision, bond: Bond | None) -> None:
    chunk.outcomes[issue.side, issue.issue_id] = decision.outcome
    if decision.twin is not None:
        chunk.outcomes[decision.twin.side, decision.twin.issue_id] = Outcome.TWIN
        chunk.pairs.append((issue, decision.twin))
    elif decision.outcome is Outcome.LINKED and bond is not None:
        chunk.outcomes[issue.side.other, bond.other(issue.side) or 0] = Outcome.TWIN


def _mark_of(
    profile: StoredProfile, load: Load, issue: Read, decision: Decision, bond: Bond | None
) -> Mark:
    return Mark(
        profile.id,
        issue.side,
        issue.issue_id,
        profile.left_tenant,
        profile.right_tenant,
        lane_of(issue.issue_id) if bond is None else bond.lane,
        # A pair that was in step at this time already costs no call.
        issue.updated if decision.outcome is Outcome.LINKED else None,
        load.run_id,
    )


def _link(session: Session, profile: StoredProfile, load: Load, chunk: Chunk) -> None:
    """Store the pairs. Where another linked one of the two at this moment, the issue is left open,
    to be decided for again."""
    asked = []
    for issue, twin in chunk.pairs:
        left, right = (issue, twin) if issue.side is Side.LEFT else (twin, issue)
        asked.append((left, right, lane_of(issue.issue_id)))
    made = rows.pair(session, profile, asked)
    for issue, twin in chunk.pairs:
        ids = (issue, twin) if issue.side is Side.LEFT else (twin, issue)
        if (ids[0].issue_id, ids[1].issue_id) not in made:
            del chunk.outcomes[issue.side, issue.issue_id]
            del chunk.outcomes[twin.side, twin.issue_id]
            chunk.marks = [
                one
                for one in chunk.marks
                if (one.side, one.issue_id) != (issue.side, issue.issue_id)
            ]
