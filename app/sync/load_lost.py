"""Which of the issues that a load would give twins have some already, without a link: our marks on
them know. The engine finds them before it makes anything; a rehearsal asks the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from app.database import tenant_transaction
from app.jira.site import Created, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import load_issues, unlinked
from app.sync.budget import Kind, claim, refuse_where_paused
from app.sync.load_issues import Read

A_CALL = 100
"""Sources that one question is about."""

Pair = tuple[int, int]
"""The ids of an issue on the left and one on the right."""


class Lost:
    """Looks for twins of issues that no link knows. `pairs`: the key of the twin of each pair."""

    def __init__(
        self,
        profile: StoredProfile,
        open_site: SiteOpener,
        since: datetime,
        wait: Callable[[float], None],
    ) -> None:
        self._profile, self._open_site = profile, open_site
        self._since, self._wait = since, wait
        self.pairs: dict[Pair, str] = {}
        self._halves: set[tuple[Side, int]] = set()

    def look(self, issues: Sequence[Read]) -> None:
        """Look for the twins of these, none of which has a link. Raises SiteError."""
        for one in issues:
            if one.twin_of is not None:
                self._note(one.side.other, one.twin_of, one.issue_id, one.key)
        for side in Side:
            wanted = [one.issue_id for one in issues if one.side is side and not self.has(one)]
            for start in range(0, len(wanted), A_CALL):
                found = self._ask(side, self._not_ended(side, wanted[start : start + A_CALL]))
                taken = self._linked(side.other, [twin.id for twin in found.values()])
                for source, twin in found.items():
                    if twin.id not in taken:
                        self._note(side, source, twin.id, twin.key)

    def has(self, issue: Read) -> bool:
        """Whether an issue is one half of what was found."""
        return (issue.side, issue.issue_id) in self._halves

    def _note(self, side: Side, source: int, twin: int, key: str) -> None:
        pair = (source, twin) if side is Side.LEFT else (twin, source)
        self.pairs[pair] = key
        self._halves |= set(zip(Side, pair, strict=True))

    def _ask(self, side: Side, sources: Sequence[int]) -> dict[int, Created]:
        if not sources:
            return {}
        tenant = self._profile.tenants[side.other]
        while (seconds := claim(tenant, Kind.BACKGROUND, 2)) > 0:
            refuse_where_paused(tenant, side.other)
            self._wait(seconds)
        return self._open_site(tenant).find_twins(str(self._profile.id), sources)

    def _not_ended(self, side: Side, ids: Sequence[int]) -> list[int]:
        with tenant_transaction(self._profile.left_tenant) as session:
            alone = unlinked.alone(session, self._profile, side, ids)
        return [one for one in ids if one not in alone]

    def _linked(self, side: Side, ids: Sequence[int]) -> set[int]:
        with tenant_transaction(self._profile.left_tenant) as session:
            return set(load_issues.bonds(session, self._profile, side, ids, self._since))
