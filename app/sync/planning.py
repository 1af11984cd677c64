"""Plans what the engine would do, and writes it nowhere: neither to Jira nor to the database.

The one row that moves is a site's budget, from which it has the share of background work.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import text

from app.database import tenant_transaction
from app.errors import NotFound, Problem
from app.jira.site import FieldRule, SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side, the_site
from app.sync import completeness_store as rows
from app.sync.fingerprints import of_profile
from app.sync.lookups import Lookups
from app.sync.planning_page import Survey
from app.sync.planning_read import PATIENCE, Reader, chunks
from app.sync.planning_rules import in_scope
from app.sync.planning_types import IssuePlan, Step
from app.vault.vault import Vault

MOST = 100_000
"""So many issues a plan may take: more is hours of reading, and nobody reads it."""

_POINTS = text("SELECT points_an_hour FROM site_budget WHERE tenant_id = :tenant")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[1-9][0-9]*\Z")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'" r'|"(?:[^"\\]|\\.)*"')
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


class Planner:
    """Plans issues of profiles. One object a piece of work: it counts its calls and their time."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        *,
        pause: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE,
    ) -> None:
        """`patience`: seconds to wait for a site's budget before it is given up."""
        self._vault, self._open_site = vault, open_site
        self._pause, self._patience = pause, patience
        self._readers: list[Reader] = []
        self._lookups = Lookups()
        self._rules: dict[tuple[uuid.UUID, Side], dict[str, FieldRule]] = {}

    @property
    def calls(self) -> int:
        """The REST calls that it made so far."""
        return sum(reader.calls for reader in self._readers)

    @property
    def seconds_a_call(self) -> float | None:
        """How long one of them took; None before the first."""
        return sum(r.seconds for r in self._readers) / self.calls if self.calls else None

    def points_an_hour(self, profile: StoredProfile) -> dict[Side, int]:
        """The points of an hour that each site said it gives; a site that said nothing is left
        out."""
        found: dict[Side, int] = {}
        for side in Side:
            tenant = profile.tenants[side]
            with tenant_transaction(tenant) as session:
                told = session.execute(_POINTS, {"tenant": tenant}).scalar()
            if told:
                found[side] = int(told)
        return found

    def issues(self, profile: StoredProfile, side: Side, ids: Sequence[int]) -> list[IssuePlan]:
        """The plans of these issues of a side, in their order. Raises Problem (SiteError)."""
        survey = self._survey(profile, self._reader(profile))
        wanted = list(dict.fromkeys(ids))
        return [one for chunk in chunks(wanted) for one in survey.page(side, chunk)]

    def key(self, profile: StoredProfile, key: str, side: Side | None = None) -> IssuePlan:
        """The plan of the issue of this key, on `side` or where it is. Raises Problem."""
        if not _KEY.match(key):
            raise Problem(
                said("--issue: %(key)s is no issue key. Give one as WEB-12.", key=repr(key)),
                field="issue",
            )
        reader = self._reader(profile)
        found: list[tuple[Side, int]] = []
        for one in [side] if side else Side:
            issues = reader.fetch(one, [key.upper()], [])
            found += [(one, issue.id) for issue in issues.values() if in_scope(profile, issue, one)]
            if side and issues and not found:
                found += [(one, issue_id) for issue_id in issues]
        if not found:
            raise NotFound(
                said(
                    "--issue: no issue %(key)s of the profile's project and type is on %(where)s, "
                    "or Tandem may not see it. Correct the key, or say of which side it is.",
                    key=key.upper(),
                    where=said("either side") if side is None else the_side(side),
                )
            )
        if len(found) > 1:
            raise Problem(
                said(
                    "--issue: both sides have an issue %(upper)s. Say of which side it is.",
                    upper=key.upper(),
                ),
                field="side",
            )
        [(where, issue_id)] = found
        return self._survey(profile, reader).page(where, [issue_id])[0]

    def jql(self, profile: StoredProfile, side: Side, jql: str) -> Iterator[IssuePlan]:
        """The plans of what a JQL finds on a side within the profile's scope, page by page.

        The JQL is tried before the first is given. Raises Problem.
        """
        reader = self._reader(profile)
        query = self._checked(reader, profile, side, jql)
        return self._found(reader, profile, side, query, unlinked=False)

    def scope(self, profile: StoredProfile) -> Iterator[IssuePlan]:
        """The plans of all pairs, and of all issues of both scopes that have no twin."""
        reader = self._reader(profile)
        for side in Side:
            _refuse_too_many(reader.count(side, _scope(profile, side)), asked=False)
        return self._whole(reader, profile)

    def pairs(self, profile: StoredProfile) -> Iterator[IssuePlan]:
        """The plans of all issues that have a link, page by page."""
        return self._linked(self._survey(profile, self._reader(profile)), profile)

    @staticmethod
    def _linked(survey: Survey, profile: StoredProfile) -> Iterator[IssuePlan]:
        after = None
        while True:
            with tenant_transaction(profile.left_tenant) as session:
                links = rows.next_links(session, profile, after)
            if not links:
                return
            after = links[-1].id
            left = [link.left_id for link in links if link.left_id is not None]
            lone = [link.right_id for link in links if link.left_id is None and link.right_id]
            for side, ids in ((Side.LEFT, left), (Side.RIGHT, lone)):
                if ids:
                    yield from survey.page(side, ids)

    def _whole(self, reader: Reader, profile: StoredProfile) -> Iterator[IssuePlan]:
        yield from self._linked(self._survey(profile, reader), profile)
        told: set[int] = set()  # twins without a link, which the walk over their own side finds too
        for side in Side:
            for one in self._found(reader, profile, side, _scope(profile, side), unlinked=True):
                own, twin = one.ref(side), one.ref(side.other)
                if one.step is Step.LINK and side is Side.RIGHT and own and own.id in told:
                    continue
                if one.step is Step.LINK and side is Side.LEFT and twin:
                    told.add(twin.id)
                yield one

    def _found(
        self, reader: Reader, profile: StoredProfile, side: Side, query: str, *, unlinked: bool
    ) -> Iterator[IssuePlan]:
        """What a query finds; `unlinked`: only issues that no link has."""
        survey, page = self._survey(profile, reader), None
        while True:
            found = reader.search(side, f"{query} ORDER BY id", page)
            ids = [issue.id for issue in found.issues]
            if unlinked and ids:
                with tenant_transaction(profile.left_tenant) as session:
                    linked = rows.linked(session, profile, side, ids)
                ids = [one for one in ids if one not in linked]
            if ids:
                yield from survey.page(side, ids)
            if found.next is None:
                return
            if found.next == page:
                raise SiteError(said("The site gave the same page of a search again."))
            page = found.next

    def _checked(self, reader: Reader, profile: StoredProfile, side: Side, jql: str) -> str:
        """The JQL within the scope, or a Problem that says what is wrong with it."""
        if not jql.strip():
            raise Problem(said("--jql: it is empty. Give a JQL, or leave it out."), field="jql")
        if _ORDER.search(_QUOTED.sub("", jql)):
            raise Problem(
                said("--jql: leave ORDER BY out, a plan has an order of its own."), field="jql"
            )
        query = f"( {jql} ) AND {_scope(profile, side)}"
        try:
            # Alone first: its faults are then told at their own place, and it cannot end our
            # brackets to reach beyond the scope.
            reader.count(side, jql)
            count = reader.count(side, query)
        except SiteError as error:
            if error.site_status != 400:
                raise
            raise Problem(
                said(
                    "--jql: %(site)s does not take it. %(detail)s Correct the JQL; fields "
                    "and values must be those of that site.",
                    site=the_site(side),
                    detail=error.detail,
                ),
                field="jql",
            ) from None
        _refuse_too_many(count, asked=True)
        return query

    def _reader(self, profile: StoredProfile) -> Reader:
        tenants = profile.tenants
        self._readers.append(Reader(self._open_site, tenants, self._pause, self._patience))
        return self._readers[-1]

    def _survey(self, stored: StoredProfile, reader: Reader) -> Survey:
        profile = replace(stored, profile=stored.profile.allowed)
        marks = of_profile(self._vault, profile.left_tenant, profile.id, profile.profile)
        with tenant_transaction(profile.left_tenant) as session:
            born = rows.born(session, profile.id)

        def rules(side: Side) -> dict[str, FieldRule]:
            """What a side asks of fields; asked once."""
            known = self._rules.get((profile.id, side))
            if known is None:
                known = reader.create_fields(side, profile.profile.scope(side))
                self._rules[profile.id, side] = known
            return known

        carrying = self._lookups.carrying(profile, reader.call, reader.address, creates=False)
        return Survey(profile, reader, marks, born, rules, carrying=carrying)


def _scope(profile: StoredProfile, side: Side) -> str:
    return profile.profile.scope(side).jql()


def _refuse_too_many(count: int, *, asked: bool) -> None:
    if count <= MOST:
        return
    told = {"count": f"{count:,}", "most": f"{MOST:,}"}
    if asked:
        sentence = said(
            "--jql: it finds about %(count)s issues; a plan takes at most %(most)s. Narrow it "
            "with a JQL, for example by a span of time.",
            **told,
        )
    else:
        sentence = said(
            "The profile's scope has about %(count)s issues; a plan takes at most %(most)s. Narrow "
            "it with a JQL, for example by a span of time.",
            **told,
        )
    raise Problem(sentence, field="jql")
