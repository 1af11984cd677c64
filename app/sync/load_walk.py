"""What a load reads: the issues of a scope or of a JQL, page by page, the oldest first."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from app.errors import Problem
from app.jira.site import Issue, JiraSite, SearchPage, SiteError, SiteOpener
from app.jira.times import parse_time
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said
from app.sync.budget import Kind, claim
from app.sync.fingerprint import Fingerprinter
from app.sync.load_issues import Read
from app.sync.load_match import MatchField, mark_of, value_of
from app.sync.load_store import CHUNK, DECIDE, Load
from app.sync.planning_rules import source_of_twin
from app.sync.restricted import held_back, level_fields

LONGEST_JQL = 10_000  # characters
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


class Held(Exception):
    """A site's budget has nothing for background work now; ask again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"held for {seconds} seconds")
        self.seconds = seconds


@dataclass(frozen=True)
class Walk:
    """One walk over a side: its whole scope, or what the JQL leaves of it (`filtered`). `source`:
    what it finds is to be loaded, and not only to be found."""

    side: Side
    filtered: bool
    source: bool


def walks(
    profile: StoredProfile, sources: tuple[Side, ...], *, matching: bool, filtered: bool
) -> tuple[Walk, ...]:
    """The walks of a load. Where matching, all of the project and type opposite is read as well: a
    JQL says what to load, not what its twins look like."""
    found = []
    for side in Side:
        opposite = matching and side.other in sources
        whole = not filtered and profile.profile.scope(side).filter is None
        if opposite and not (side in sources and whole):
            found.append(Walk(side, filtered=False, source=False))
        if side in sources:
            found.append(Walk(side, filtered=filtered, source=True))
    return tuple(found)


def clean_jql(jql: str | None) -> str | None:
    """The JQL as it goes into brackets behind the scope; None without one. Raises Problem."""
    jql = (jql or "").strip()
    if not jql:
        return None
    bare = _QUOTED.sub('""', jql)
    if len(jql) > LONGEST_JQL:
        wrong = said(
            "has more than %(longest_jql)s characters. Shorten it", longest_jql=f"{LONGEST_JQL:,}"
        )
    elif _ORDER.search(bare):
        wrong = said("has an ORDER BY. Leave it out: a load has an order of its own")
    elif '"' in bare.replace('""', "") or "'" in bare:
        wrong = said("has a quotation mark that is not closed. Close it")
    elif not _balanced(bare):
        wrong = said("has brackets that do not fit together. Mend them")
    else:
        return jql
    raise Problem(said("jql: the JQL %(wrong)s.", wrong=wrong), code="invalid-field", field="jql")


def _balanced(text: str) -> bool:
    depth = 0
    for one in text:
        depth += (one == "(") - (one == ")")
        if depth < 0:
            return False
    return depth == 0


def walk_jql(profile: StoredProfile, walk: Walk, jql: str | None) -> str:
    """What a walk finds. What is there to be found only is looked for outside the filter of its
    side as well: a pair that stands still is better than a second twin."""
    scope = profile.profile.scope(walk.side)
    if not walk.source:
        return replace(scope, filter=None).jql()
    # Spaces inside: what a JQL ends in must not take the bracket for its own.
    return f"{scope.jql()} AND ( {jql} )" if walk.filtered else scope.jql()


class Reader:
    """Reads the pages of a load, one a call, and moves the load's mark along."""

    def __init__(
        self,
        profile: StoredProfile,
        open_site: SiteOpener,
        fingerprints: Fingerprinter,
        *,
        jql: str | None,
        match: MatchField | None,
    ) -> None:
        self._profile, self._open_site, self._fingerprints = profile, open_site, fingerprints
        self._jql, self._match = jql, match

    def walks(self, load: Load) -> tuple[Walk, ...]:
        """The walks of this load."""
        return walks(
            self._profile,
            load.source_sides,
            matching=self._match is not None,
            filtered=self._jql is not None,
        )

    def page(self, load: Load) -> list[Read]:
        """The next page. The load is moved on in memory only. Raises Held, SiteError."""
        every = self.walks(load)
        walk = every[load.walk]
        tenant = self._profile.tenants[walk.side]
        wait = claim(tenant, Kind.BACKGROUND, 1 + CHUNK)
        if wait:
            raise Held(wait)
        issues = self._search(load, walk, self._open_site(tenant))
        if load.page is None:
            load.walk, load.since, load.newest = load.walk + 1, None, None
            if load.walk == len(every):
                load.phase = DECIDE
        load.read += len(issues)
        return [self._read(one, walk) for one in issues if self._within(one, walk.side)]

    def _search(self, load: Load, walk: Walk, site: JiraSite) -> tuple[Issue, ...]:
        """The issues of the page; `load.page` is then the next one, None after the last."""
        asked = load.page
        try:
            found = self._ask(load, walk, site)
        except SiteError as error:
            if asked is None or error.site_status != 400:
                raise
            # The site has forgotten the page: go on from the newest issue that it told.
            load.since, load.page = load.newest, None
            found = self._ask(load, walk, site)
        if found.next is not None and found.next == asked:
            raise SiteError(said("The site gave the same page of a search again."))
        load.page = found.next
        if found.issues:
            load.newest = parse_time(found.issues[-1].fields["created"])
        return found.issues

    def _ask(self, load: Load, walk: Walk, site: JiraSite) -> SearchPage:
        jql = walk_jql(self._profile, walk, self._jql)
        if load.since is not None:
            jql += f" AND created >= {int(load.since.timestamp() * 1000)}"
        fields = ["created", *level_fields(self._profile.profile)]
        fields += [] if self._match is None else [self._match.field(walk.side)]
        return site.search(
            f"{jql} ORDER BY created ASC, id ASC", fields, page=load.page, size=CHUNK
        )

    def _within(self, issue: Issue, side: Side) -> bool:
        """Whether it is of the scope, whatever the JQL says."""
        scope = self._profile.profile.scope(side)
        found = [str(issue.fields.get(name, {}).get("id")) for name in ("project", "issuetype")]
        return found == [scope.project_id, scope.issue_type_id]

    def _read(self, issue: Issue, walk: Walk) -> Read:
        mark = None
        # One that we made is the twin of the issue that its mark names, and of no other, unless
        # that pair has ended.
        mine = issue.property or {}
        ours = str(mine.get("profile")) == str(self._profile.id) and not mine.get("unlinked")
        if self._match is not None and not ours:
            raw = issue.fields.get(self._match.field(walk.side))
            value = value_of(self._profile.profile, self._match, walk.side, raw)
            mark = mark_of(self._fingerprints, self._match, value)
        twin_of = source_of_twin(self._profile, issue, walk.side)
        source = walk.source and not held_back(self._profile.profile, issue)
        return Read(walk.side, issue.id, issue.key, mark, issue.updated, source, twin_of)
