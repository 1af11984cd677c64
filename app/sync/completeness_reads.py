"""What a step of the check reads with: each call is claimed first and counted, and none writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.jira.site import Issue, JiraSite, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import filters
from app.sync.budget import Kind, claim
from app.sync.fingerprints import of_profile
from app.sync.items.work import fields_of
from app.vault.vault import Vault

T = TypeVar("T")

PAGE = 100  # items that one call lists
_PARTS = {"comments": "comment", "worklogs": "worklog", "files": "attachment", "links": ""}
_READS = frozenset({"all", "marks", "read", "media_id", "account", "author", "stored"})


class Held(Exception):
    """A site's budget has nothing for background work now; ask again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"held for {seconds} seconds")
        self.seconds = seconds


class Reading:
    """The two sites of a profile for one step. Counts its calls. All that reads raises Held where a
    site's budget has nothing for it, and SiteError."""

    def __init__(self, vault: Vault, profile: StoredProfile, open_site: SiteOpener) -> None:
        self.profile = profile
        self.tenants = profile.tenants
        self.fingerprints = of_profile(vault, profile.left_tenant, profile.id, profile.profile)
        self._open_site = open_site
        self._read: dict[Side, dict[int, Issue]] = {side: {} for side in Side}
        self.sites: Mapping[Side, JiraSite] = {
            side: cast(JiraSite, _ReadOnly(partial(self.site, side), self, side)) for side in Side
        }
        self.calls = 0

    def transaction(self) -> AbstractContextManager[Session]:
        """A transaction of the profile."""
        return tenant_transaction(TenantId(self.profile.left_tenant))

    def site(self, side: Side) -> JiraSite:
        """The site of a side, for what needs no call, or was claimed."""
        return self._open_site(self.tenants[side])

    def spend(self, side: Side, points: float, calls: int = 1) -> None:
        """Have so many points of a side for so many calls."""
        wait = claim(self.tenants[side], Kind.BACKGROUND, points)
        if wait:
            raise Held(wait)
        self.calls += calls

    def claimed(self, objects: Mapping[Side, int]) -> dict[Side, JiraSite]:
        """The sites, each for one call that reads so many issues."""
        for side, count in objects.items():
            self.spend(side, 1 + count)
        return {side: self.site(side) for side in objects}

    def ask(self, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T:
        """One call."""
        self.spend(side, cost)
        return work(self.site(side))

    def fetch(self, ids: Mapping[Side, Sequence[int]]) -> dict[Side, dict[int, Issue]]:
        """These issues with all that the profile carries of them, in a call for each side."""
        sites = self.claimed({side: len(found) for side, found in ids.items() if found})
        profile = self.profile.profile
        for side, site in sites.items():
            fields = [*(m.field(side) for m in profile.fields), *fields_of(profile)]
            self._read[side] = site.fetch(ids[side], fields)
        return self._read

    def outside(self, side: Side, ids: Sequence[int]) -> frozenset[int]:
        """Which of these issues are outside their side's filter. No call where there is none."""
        if self.profile.profile.scope(side).filter is None or not ids:
            return frozenset()
        site = self.claimed({side: len(ids)})[side]
        return filters.outside_of(site, self.profile, side, list(ids))

    def pages(self, side: Side, field: str, issue_id: int) -> int:
        """How many calls list all items of an issue that are under a field."""
        issue = self._read[side].get(issue_id)
        shown = issue.fields.get(field) if issue is not None else None
        total = int(shown.get("total", 0)) if isinstance(shown, dict) else 0
        return max(1, -(-total // PAGE))


class _ReadOnly:
    """A site, or a part of one, of which nothing but what items are read with is to be had."""

    def __init__(
        self, found: Callable[[], Any], reading: Reading, side: Side, field: str = ""
    ) -> None:
        self._found, self._reading, self._side, self._field = found, reading, side, field
        self._account: str | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "base_url":
            return self._found().base_url
        if name in _PARTS:
            found, field = self._found, _PARTS[name]
            return _ReadOnly(lambda: getattr(found(), name), self._reading, self._side, field)
        if name not in _READS:
            raise AttributeError(f"A check has no use for {name}.")
        return self._asked_once if name == "account" else partial(self._call, name)

    def _call(self, name: str, *args: Any) -> Any:
        if name == "all":
            calls = self._reading.pages(self._side, self._field, int(args[0]))
            self._reading.spend(self._side, 2 * calls, calls)
        else:
            self._reading.spend(self._side, 1 + len(args[0]) if name == "marks" else 2)
        return getattr(self._found(), name)(*args)

    def _asked_once(self) -> str:
        """Whose account it is: one call a step."""
        if self._account is None:
            self._account = str(self._call("account"))
        return self._account
