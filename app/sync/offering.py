"""Asks both sites of a profile which fields their scopes have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from app.jira.site import Issue, JiraSite, SiteError, SiteOpener, Transition
from app.mapping.offer import Seen
from app.mapping.profile import Scope, Side
from app.mapping.profiles import StoredProfile
from app.sync.planning_read import Reader

SAMPLE = 3  # issues that are asked for: one may be in a state in which nothing is edited
PATIENCE = 60.0  # seconds that somebody waits for a busy site
TRIES = 2
# Which fields an issue has is what matters; what is long in them is not read.
HELD = ("*all", "-comment", "-worklog", "-attachment", "-description", "-environment")


def reader_of(open_site: SiteOpener, profile: StoredProfile) -> Reader:
    """Reads for somebody who waits for the answer."""
    tenants = profile.tenants
    return Reader(open_site, tenants, patience=PATIENCE, tries=TRIES)


def look(reader: Reader, profile: StoredProfile) -> dict[Side, Seen]:
    """What both sites tell of the fields of a profile's scopes, in at most seven calls each. Raises
    SiteError, and Problem where a site has no room for it."""
    return {side: seen_of(reader, side, profile.profile.scope(side)) for side in Side}


def seen_of(reader: Reader, side: Side, scope: Scope) -> Seen:
    """What a site tells of the fields of a scope of its side. Raises SiteError, Problem."""
    project = int(scope.project_id)
    every = reader.call(side, 1, lambda site: site.all_fields(project))
    create = reader.create_fields(side, scope)
    found = _sample(reader, side, scope)
    held = frozenset(name for one in found for name in one.fields)
    edit = next((one.edit for one in found if one.edit), None)
    moves = _moves(reader, side, found)
    return Seen(create or None, edit, every, held if found else None, moves)


def _sample(reader: Reader, side: Side, scope: Scope) -> list[Issue]:
    """Some issues of the scope, each with its edit screen. Any of the type does, in the filter or
    not. None where the site refuses."""
    jql = f"{replace(scope, filter=None).jql()} ORDER BY updated DESC"
    try:
        page = reader.call(side, 1 + SAMPLE, lambda site: site.search(jql, [], size=SAMPLE))
        ids = [issue.id for issue in page.issues]
        found = reader.call(side, 1 + SAMPLE, lambda site: site.fetch_with_screens(ids, HELD))
    except SiteError as error:
        if error.passing or error.locked_out:
            raise
        return []
    return list(found.values())


def _moves(reader: Reader, side: Side, issues: Sequence[Issue]) -> frozenset[str]:
    """The fields that the screens of transitions have, from the statuses of these issues."""
    by_status = {json.dumps(one.fields.get("status"), sort_keys=True): one.id for one in issues}
    found: set[str] = set()
    for issue_id in by_status.values():
        try:
            moves = reader.call(side, 1, partial(_transitions, issue_id=issue_id))
        except SiteError as error:
            if error.passing or error.locked_out:
                raise
            continue
        found.update(name for move in moves for name in move.fields)
    return frozenset(found)


def _transitions(site: JiraSite, issue_id: int) -> list[Transition]:
    return site.transitions(issue_id)
