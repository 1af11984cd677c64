"""Finds twins by their marks on sites where Tandem is not installed, whose search knows no marks.

Such a site is asked for what was made there since, with the marks, and these are compared here. See
docs/decisions/0031-partners-by-token.md.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Row, text

from app.database import TenantId, tenant_transaction
from app.jira.answers import issue_id
from app.jira.site import Created, Issue, JiraSite, SiteError
from app.jira.token_site import Finder
from app.mapping.said import said

MARGIN = 3600.0  # seconds; a search may lag, and a clock may be set
PROFILES = 64  # whose marks are kept in memory
A_READ = 100  # issues
TWO_DAYS = 2 * 86_400

# Spans of one clock: when the site's clock says that it made something is no concern of ours.
_SCOPE = text(
    """
    SELECT CASE WHEN p.left_tenant_id = :tenant THEN p.left_project_id
                ELSE p.right_project_id END AS project,
        extract(epoch FROM now() - p.created_at)::double precision AS age,
        (SELECT extract(epoch FROM now() - min(k.created_at))::double precision
         FROM issue_link k WHERE k.profile_id = p.id AND (
            p.left_tenant_id = :tenant AND k.right_issue_id = ANY(:sources)
            OR p.right_tenant_id = :tenant AND k.left_issue_id = ANY(:sources))) AS intended
    FROM profile p WHERE p.id = :profile
    """
)


@dataclass
class _Known:
    """The marks of one profile that were read so far; `at`: when the last reading began."""

    at: float | None = None
    twins: dict[int, set[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Marks:
    """What this process has read of marks. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[TenantId, str], _Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, tenant: TenantId) -> Finder:
        """The finder for the site of this tenant."""
        return partial(self._find, tenant)

    def _find(
        self,
        tenant: TenantId,
        site: JiraSite,
        profile: str,
        sources: Sequence[int],
        *,
        of_a_create: bool,
    ) -> dict[int, Created]:
        with tenant_transaction(tenant) as session:
            scope = session.execute(
                _SCOPE,
                {"tenant": tenant, "profile": uuid.UUID(profile), "sources": list(sources)},
            ).one_or_none()
        if scope is None:
            return {}  # a draft, or a profile that was deleted: it has made nothing
        if of_a_create:
            age = scope.age if scope.intended is None else scope.intended
            found = list(_made_since(site, scope.project, age + MARGIN))
        else:
            known = self._of_profile(tenant, profile)
            self._read_on(known, site, profile, scope)
            found = _as_they_are(site, known, sources)
        return _oldest(found, profile, sources)

    def _read_on(self, known: _Known, site: JiraSite, profile: str, scope: Row[Any]) -> None:
        """Read the marks that were not read yet. Raises SiteError."""
        with known.lock:
            began = self._clock()
            since = scope.age if known.at is None else min(scope.age, began - known.at)
            for issue in _made_since(site, scope.project, since + MARGIN):
                source = _source(issue, profile)
                if source is not None:
                    known.twins.setdefault(source, set()).add(issue.id)
            known.at = began

    def _of_profile(self, tenant: TenantId, profile: str) -> _Known:
        with self._lock:
            known = self._known.setdefault((tenant, profile), _Known())
            self._known.move_to_end((tenant, profile))
            while len(self._known) > PROFILES:
                self._known.popitem(last=False)
            return known


def _as_they_are(site: JiraSite, known: _Known, sources: Sequence[int]) -> list[Issue]:
    """The issues that bear, or bore, the marks of these sources, read anew. Raises SiteError."""
    with known.lock:
        ids = sorted({twin for one in sources for twin in known.twins.get(one, ())})
    found: list[Issue] = []
    for start in range(0, len(ids), A_READ):
        found += site.fetch(ids[start : start + A_READ], []).values()
    return found


def _made_since(site: JiraSite, project: int, seconds: float) -> Iterator[Issue]:
    """What was made in the project so lately, or by our account and moved elsewhere since."""
    span = f"{math.ceil(seconds / 60)}m" if seconds < TWO_DAYS else f"{math.ceil(seconds / 86400)}d"
    jql = (
        f'(project = {int(project)} OR creator = currentUser()) AND created >= "-{span}"'
        " ORDER BY created ASC, id ASC"
    )
    page = None
    while True:
        found = site.search(jql, [], page=page)
        yield from found.issues
        if found.next is None:
            return
        if found.next == page:
            raise SiteError(said("The site gave the same page of a search again."))
        page = found.next


def _source(issue: Issue, profile: str) -> int | None:
    """The id of the source that the profile's mark on an issue names."""
    mark = issue.property or {}
    ours = mark.get("profile") == profile and mark.get("unlinked") is not True
    return issue_id(mark.get("source")) if ours else None


def _oldest(issues: Sequence[Issue], profile: str, sources: Sequence[int]) -> dict[int, Created]:
    """The oldest twin of each source: a clone bears the mark of its original."""
    wanted, found = set(sources), dict[int, Created]()
    for issue in sorted(issues, key=lambda one: one.id):
        source = _source(issue, profile)
        if source in wanted and source is not None:
            found.setdefault(source, Created(issue.id, issue.key))
    return found
