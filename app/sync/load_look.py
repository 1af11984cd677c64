"""What a load would do, before it is begun: how many issues, and (dry) what becomes of each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.database import tenant_transaction
from app.errors import Problem
from app.jira.site import JiraSite, SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side
from app.sync.budget import Kind, claim, refuse_where_paused
from app.sync.load import Ask, Loads
from app.sync.load_decide import bonds_of, judge
from app.sync.load_issues import Read
from app.sync.load_match import MatchField, Outcome
from app.sync.load_store import NAMED, READ, Load
from app.sync.load_walk import Held, Reader, Walk, walk_jql, walks

MOST_ISSUES = 200_000


@dataclass(frozen=True)
class Look:
    """About how many issues a load has to read, and how many of them it loads."""

    reads: int
    sources: int


def look(profile: StoredProfile, open_site: SiteOpener, ask: Ask, *, all_: bool = False) -> Look:
    """Ask both sites, before anything is stored. Raises Problem where the load could not be done:
    a JQL or a field that a site does not know, or more than MOST_ISSUES (unless `all_`)."""
    if profile.state != "on":
        raise Problem(
            said(
                "PROFILE: it is paused, so nothing would be carried. Resume it on Tandem's "
                "page first."
            )
        )
    # Also where only one is read: it is the other one that is written to.
    for side, tenant in profile.tenants.items():
        refuse_where_paused(tenant, side)
    reads = sources = 0
    sides = tuple(Side) if ask.sources == "both" else (Side(ask.sources),)
    matching, filtered = ask.match is not None, ask.jql is not None
    for walk in walks(profile, sides, matching=matching, filtered=filtered):
        count = _count(profile, open_site, ask, walk)
        if count > MOST_ISSUES and not all_:
            raise Problem(_too_many(walk, count), code="too-many", field="jql")
        reads += count
        sources += count if walk.source else 0
    return Look(reads, sources)


def _count(profile: StoredProfile, open_site: SiteOpener, ask: Ask, walk: Walk) -> int:
    tenant = profile.tenants[walk.side]
    wait = claim(tenant, Kind.LIVE)
    if wait:
        raise Problem(
            said(
                "The site on %(side)s may not be called for %(wait)s seconds: it asked "
                "for patience. Try again then.",
                side=the_side(walk.side),
                wait=f"{wait:.0f}",
            )
        )
    site = open_site(tenant)
    try:
        count = site.count(walk_jql(profile, walk, ask.jql))
    except SiteError as error:
        if error.site_status != 400:
            raise
        raise Problem(
            said(
                "jql: the site on %(side)s does not take it: %(detail)s Correct the JQL; "
                "nothing was begun.",
                side=the_side(walk.side),
                detail=error.detail,
            ),
            code="invalid-field",
            field="jql",
        ) from None
    if ask.match is not None and count:
        _check_field(profile, site, ask.match, walk)
    return count


def _check_field(profile: StoredProfile, site: JiraSite, match: MatchField, walk: Walk) -> None:
    """Jira names no field that it does not know: it only leaves it out. So one issue is asked."""
    name = match.field(walk.side)
    found = site.search(walk_jql(profile, replace(walk, source=False), None), [name], size=1)
    if found.issues and name not in found.issues[0].fields:
        raise Problem(
            said(
                "match: the issues on %(side)s have no field '%(name)s', or it is hidden "
                "from Tandem. Give the id of a field that both sides have, or LEFT=RIGHT.",
                side=the_side(walk.side),
                name=name,
            ),
            code="invalid-field",
            field="match",
        )


def _too_many(walk: Walk, count: int) -> str:
    if walk.filtered:
        return said(
            "jql: it leaves about %(count)s issues on %(side)s, and a load takes at most "
            "%(most)s. Narrow it with a JQL or the profile's scope.",
            count=f"{count:,}",
            side=the_side(walk.side),
            most=f"{MOST_ISSUES:,}",
        )
    return said(
        "jql: there are about %(count)s issues to read on %(side)s, and a load takes at most "
        "%(most)s. Narrow it with a JQL or the profile's scope.",
        count=f"{count:,}",
        side=the_side(walk.side),
        most=f"{MOST_ISSUES:,}",
    )


@dataclass(frozen=True)
class Rehearsal:
    """What a load would do. `found`: keys of twins that no link knows, and their marks do."""

    load: Load
    found: tuple[str, ...] = ()


def rehearse(
    loads: Loads,
    profile: StoredProfile,
    ask: Ask,
    on_page: Callable[[int], None],
    wait: Callable[[float], None] = time.sleep,
) -> Rehearsal:
    """Read all and decide for all, in memory: a load that was never stored, with its counts.

    `created`: how many would be; `linked`: without those that are found. Raises SiteError.
    """
    load = Load(
        run_id=uuid.uuid4(),
        profile_id=profile.id,
        sources=ask.sources,
        match_key=ask.match.key if ask.match else None,
        phase=READ,
        walk=0,
        begun_at=datetime.now(UTC),
        **dict.fromkeys(("read", "marked", "paired", "created", "linked", "ambiguous"), 0),
        parked=0,
        unsettled=0,
        named=[],
    )
    found = _read_all(loads.reader(profile, load.run_id, ask), load, on_page, wait)
    issues = list(found.values())
    with tenant_transaction(profile.left_tenant) as session:
        bonds = bonds_of(session, profile, issues, load.begun_at)
    sources = [one for one in issues if one.source]
    chunk = judge(profile, load, sources, [one for one in issues if one.mark], bonds)
    outcomes = [chunk.outcomes[one.side, one.issue_id] for one in sources]
    load.paired, load.linked = outcomes.count(Outcome.PAIRED), outcomes.count(Outcome.LINKED)
    load.ambiguous, load.named = outcomes.count(Outcome.AMBIGUOUS), chunk.named[:NAMED]
    creates = [o for o in sources if chunk.outcomes[o.side, o.issue_id] is Outcome.CREATE]
    lost = loads.lost(profile, load.begun_at, wait)
    lost.look([one for one in creates if (one.side, one.issue_id) not in bonds])
    load.created = sum(not lost.has(one) for one in creates)
    return Rehearsal(load, tuple(lost.pairs.values()))


def _read_all(
    reader: Reader, load: Load, on_page: Callable[[int], None], wait: Callable[[float], None]
) -> dict[tuple[Side, int], Read]:
    found: dict[tuple[Side, int], Read] = {}
    while load.phase == READ:
        try:
            page = reader.page(load)
        except Held as held:
            wait(held.seconds)
            continue
        for one in page:
            before = found.get((one.side, one.issue_id))
            if before is None or one.source:
                found[one.side, one.issue_id] = one
        on_page(load.read)
    return found
