"""What a retry of parked changes would do: both sides are read, and nothing is written."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.database import tenant_transaction
from app.jira.site import SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side
from app.sync import parked, parked_groups
from app.sync.fingerprint import Fingerprinter
from app.sync.fingerprints import of_profile
from app.sync.parked_groups import Wanted
from app.sync.planning import Planner
from app.sync.planning_item_words import phrases
from app.sync.planning_types import FieldWrite, IssuePlan
from app.sync.store_dirty import Dirty
from app.vault.vault import Vault

MOST = 50
PATIENCE = 15.0  # seconds: somebody waits for it


class Status(StrEnum):
    """How a write stands to what the site refused before."""

    NEW = "new"  # never refused in this value
    AGAIN = "again"  # refused in this value, and asked again
    ASIDE = "aside"  # refused in this value for another cause, which is not retried now


@dataclass(frozen=True)
class Previewed:
    """One parked issue: what is to be written, and how each write stands. `again`: the site
    refused the whole issue before."""

    plan: IssuePlan
    writes: tuple[tuple[FieldWrite, Status], ...]
    again: bool

    @property
    def items(self) -> list[str]:
        """What becomes of its items, in words."""
        return [
            said("%(what)s on %(side)s", what=told, side=the_side(side))
            for side, told in phrases(self.plan.items)
        ]


@dataclass(frozen=True)
class Preview:
    """The first issues of a retry, and how many it has."""

    issues: tuple[Previewed, ...]
    total: int


def preview(
    vault: Vault, open_site: SiteOpener, profile: StoredProfile, wanted: Wanted, most: int = MOST
) -> Preview:
    """What a retry would do to the first `most` issues. Raises Problem, where a site is busy."""
    with tenant_transaction(profile.left_tenant) as session:
        rows, total = parked_groups.listed(session, profile.id, wanted, most)
        changes = [_as_dirty(row) for row in rows]
        aside = parked.known(session, profile, changes, [])
    planner = Planner(vault, open_site, patience=PATIENCE)
    marks = of_profile(vault, profile.left_tenant, profile.id, profile.profile)
    shown = []
    for side in Side:
        ids = [issue for where, issue in rows if where is side]
        for issue, plan in zip(ids, planner.issues(profile, side, ids), strict=True):
            row = (side, issue)
            shown.append(_previewed(plan, aside.get(row, []), rows[row], marks))
    return Preview(tuple(shown), total)


def _previewed(
    plan: IssuePlan,
    causes: Sequence[parked.Known],
    asked: set[uuid.UUID],
    marks: Fingerprinter,
) -> Previewed:
    refused = {(one.cause.side, one.cause.key, one.cause.mark): one.id in asked for one in causes}
    writes = []
    for write in plan.writes:
        known = refused.get((write.side, write.key, marks.of(write.key, write.side, write.new)))
        status = Status.NEW if known is None else Status.AGAIN if known else Status.ASIDE
        writes.append((write, status))
    whole = any(not one.cause.mark for one in causes)
    return Previewed(plan, tuple(writes), whole)


def _as_dirty(row: parked.Row) -> Dirty:
    return Dirty(row[0], row[1], 0, 0, None, 0)
