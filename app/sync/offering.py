"""Asks both sites of a profile which fields their scopes have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.jira.site import FieldRule, SiteError, SiteOpener
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
    tenants = {Side.LEFT: profile.left_tenant, Side.RIGHT: profile.right_tenant}
    return Reader(open_site, tenants, patience=PATIENCE, tries=TRIES)


def look(reader: Reader, profile: StoredProfile) -> dict[Side, Seen]:
    """What both sites tell of the fields of a profile's scopes, in four calls each. Raises
    SiteError, and Problem where a site has no room for it."""
    return {side: _seen(reader, side, profile.profile.scope(side)) for side in Side}


def _seen(reader: Reader, side: Side, scope: Scope) -> Seen:
    project = int(scope.project_id)
    every = reader.call(side, 1, lambda site: site.all_fields(project))
    create = reader.create_fields(side, scope)
    edit, held = _sample(reader, side, scope)
    return Seen(create or None, edit or None, every, held)


def _sample(
    reader: Reader, side: Side, scope: Scope
) -> tuple[Mapping[str, FieldRule], frozenset[str] | None]:
    """The edit screen of issues of the scope, and the fields that they have. Any issue of the type
    does, in the filter or not. Nothing where the site refuses."""
    jql = f"{replace(scope, filter=None).jql()} ORDER BY updated DESC"
    try:
        page = reader.call(side, 1 + SAMPLE, lambda site: site.search(jql, [], size=SAMPLE))
        ids = [issue.id for issue in page.issues]
        found = reader.call(side, 1 + SAMPLE, lambda site: site.fetch_with_screens(ids, HELD))
    except SiteError as error:
        if error.passing or error.locked_out:
            raise
        return {}, None
    held = frozenset(name for issue in found.values() for name in issue.fields)
    return next((one.edit for one in found.values() if one.edit), {}), held if found else None
