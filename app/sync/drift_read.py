"""Asks both sites of a profile for what it names of them, with as few calls as that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from app.database import TenantId
from app.jira.site import FieldRule, JiraSite, SiteError, SiteOpener, Value
from app.mapping.profile import Kind, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.mapping.repair import What
from app.mapping.values import handler
from app.sync.drift_model import Now, references
from app.sync.planning_read import Reader, chunks

T = TypeVar("T")
Tenants: TypeAlias = Mapping[Side, TenantId]

SAMPLE = 3  # issues that are asked for their edit screen: one may be in a state without one
GONE = frozenset({400, 404, 410})
"""How sites answer for a project or a type that is not there, or that is hidden from us."""


def reader_of(open_site: SiteOpener, tenants: Tenants, patience: float) -> Reader:
    """Reads with the budget of background work, and waits so many seconds for it."""
    return Reader(open_site, tenants, patience=patience, tries=1)


def tenants_of(profile: StoredProfile) -> Tenants:
    """The tenant of each side."""
    return {Side.LEFT: profile.left_tenant, Side.RIGHT: profile.right_tenant}


def look(reader: Reader, profile: Profile) -> dict[Side, Now]:
    """What both sites tell: three calls each, up to five more where the mapping needs them, and
    one for each hundred people. Raises SiteError where one is away or lets nobody in, and Problem
    where it has no room; then nothing is known."""
    return {side: look_at(reader, profile, side) for side in Side}


def look_at(reader: Reader, profile: Profile, side: Side) -> Now:
    """What one side tells. Raises as `look`."""
    scope = profile.scope(side)
    project, kind = int(scope.project_id), int(scope.issue_type_id)
    types = _types(reader, side, project)
    if types is not None and scope.issue_type_id not in types:
        return Now(types=types)  # its screens are not there to be asked for
    every = _told(reader, side, 1, lambda site: site.all_fields(project))
    create = _told(reader, side, 1, lambda site: site.create_fields(project, kind)) or None
    edit = _edit(reader, side, scope) if _wants_edit(profile, side, create or {}) else None
    wanted = {m.kind_of(side) for m in profile.fields if m.values.rows or m.values.default(side)}
    statuses = resolutions = None
    if Kind.STATUS in wanted:
        statuses = _told(reader, side, 1, lambda site: site.statuses(project, kind))
    if Kind.RESOLUTION in wanted:
        resolutions = _told(reader, side, 1, lambda site: site.resolutions())
    active = _active(reader, profile, side)
    return Now(types, every, create, edit, _named(statuses), _named(resolutions), active)


def _types(reader: Reader, side: Side, project: int) -> dict[str, str] | None:
    try:
        found = reader.call(side, 1, lambda site: site.issue_types(project))
    except SiteError as error:
        if error.passing or error.locked_out:
            raise
        return {} if error.site_status in GONE else None
    return {str(one.id): one.name for one in found}


def _wants_edit(profile: Profile, side: Side, create: Mapping[str, FieldRule]) -> bool:
    """Whether the create screen leaves something open: a field that is written and is not on it."""
    return any(
        one.field(side) not in create
        for one in profile.fields
        if one.flow.feeds(side)
        and handler(one.kind_of(side)).writable
        and not handler(one.kind_of(side)).by_transition
    )


def _edit(reader: Reader, side: Side, scope: Scope) -> Mapping[str, FieldRule] | None:
    """The edit screen of some issue of the type; None where there is none that can be edited."""
    jql = f"{replace(scope, filter=None).jql()} ORDER BY updated DESC"
    page = _told(reader, side, 1 + SAMPLE, lambda site: site.search(jql, [], size=SAMPLE))
    ids = [one.id for one in page.issues] if page is not None else []
    if not ids:
        return None
    found = _told(reader, side, 1 + SAMPLE, lambda site: site.fetch_with_screens(ids, ["summary"]))
    return next((one.edit for one in (found or {}).values() if one.edit), None)


def _active(reader: Reader, profile: Profile, side: Side) -> dict[str, bool] | None:
    accounts = list(dict.fromkeys(_accounts(profile, side)))
    found: dict[str, bool] = {}
    for chunk in chunks(accounts):
        told = _told(reader, side, 1, partial(_are_active, accounts=chunk))
        if told is None:
            return None
        found |= told
    return found if accounts else None


def _are_active(site: JiraSite, accounts: Sequence[str]) -> dict[str, bool]:
    return site.active(accounts)


def _accounts(profile: Profile, side: Side) -> Iterator[str]:
    for ref in references(profile):
        if ref.target.side is side and ref.target.what is What.USER:
            yield ref.target.id


def _named(values: list[Value] | None) -> dict[str, str] | None:
    return None if values is None else dict(values)


def _told(reader: Reader, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T | None:
    """What a call gives; None where the site refuses it to us for good."""
    try:
        return reader.call(side, cost, work)
    except SiteError as error:
        if error.passing or error.locked_out:
            raise
        return None
