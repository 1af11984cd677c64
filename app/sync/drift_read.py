"""Asks both sites of a profile for what it names of them, with as few calls as that takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from app.database import TenantId
from app.jira.site import FieldRule, JiraSite, SiteError, SiteOpener, Value
from app.mapping.profile import Kind, Profile, Scope, Side
from app.mapping.repair import Target, What
from app.mapping.values import handler
from app.sync.drift import kind_at, mapping_of, values_at
from app.sync.drift_model import Now
from app.sync.drift_refs import certain, references
from app.sync.learned import BY_ID, JIRAS_OWN, NOTHING, OPTION, Learned
from app.sync.planning_read import Reader, chunks

T = TypeVar("T")
Tenants: TypeAlias = Mapping[Side, TenantId]

SAMPLE = 3  # issues that are asked for their edit screen: one may be in a state without one
MOST_BY_ID = 100  # values of one side that a look asks for one by one
GONE = frozenset({400, 404, 410})
"""How sites answer for a project or a type that is not there, or that is hidden from us."""


def reader_of(open_site: SiteOpener, tenants: Tenants, patience: float) -> Reader:
    """Reads with the budget of background work, and waits so many seconds for it."""
    return Reader(open_site, tenants, patience=patience, tries=1)


def look(reader: Reader, profile: Profile, learned: Learned = NOTHING) -> dict[Side, Now]:
    """What both sites tell: three calls each, a few more where the mapping needs them, and one for
    each hundred people and each value that no list has. `learned`: pairs of ids whose values are
    asked for as well. Raises SiteError where one is away or lets nobody in, and Problem where it
    has no room; then nothing is known."""
    return {side: look_at(reader, profile, side, learned=learned) for side in Side}


def look_at(
    reader: Reader,
    profile: Profile,
    side: Side,
    *,
    only: Collection[Target] | None = None,
    learned: Learned = NOTHING,
) -> Now:
    """What one side tells. `only`: of values that no list has it is asked for these alone. Raises
    as `look`."""
    scope = profile.scope(side)
    project, kind = int(scope.project_id), int(scope.issue_type_id)
    types = _types(reader, side, project)
    if types is not None and scope.issue_type_id not in types:
        return Now(types=types)  # its screens are not there to be asked for
    every = _told(reader, side, 1, lambda site: site.all_fields(project))
    create = _told(reader, side, 1, lambda site: site.create_fields(project, kind)) or None
    edit = _edit(reader, side, scope) if _wants_edit(profile, side, create or {}) else None
    now = Now(types, every, create, edit)
    now = _with_lists(reader, profile, side, now, learned)
    wanted = [*_unlisted(profile, side, now, only), *learned.unlisted(profile, side, now)]
    return replace(now, lacking=_lacking(reader, side, now, wanted, project))


def _with_lists(reader: Reader, profile: Profile, side: Side, now: Now, learned: Learned) -> Now:
    """With the lists that the site has beside its screens, each where something of it is named."""
    scope = profile.scope(side)
    project, kind = int(scope.project_id), int(scope.issue_type_id)
    own = [ref.target for ref in references(profile) if ref.target.side is side]
    named = {kind_at(profile, one, now) for one in own if one.what in {What.VALUE, What.STATUS}}
    named |= learned.kinds(profile, side)
    statuses = resolutions = groups = links = None
    if Kind.STATUS in named:
        statuses = _told(reader, side, 1, lambda site: site.statuses(project, kind))
    if Kind.RESOLUTION in named:
        resolutions = _told(reader, side, 1, lambda site: site.resolutions())
    if named & {Kind.GROUP, Kind.GROUPS}:
        groups = _told(reader, side, 1, lambda site: site.all_groups())
    if any(one.what is What.LINK_TYPE for one in own):
        links = _told(reader, side, 1, lambda site: site.links.types())
    return replace(
        now,
        statuses=_named(statuses),
        resolutions=_named(resolutions),
        groups=_named(groups),
        links=_named(links),
        active=_active(reader, [*_accounts(profile, side), *learned.accounts(side)], side),
    )


def _unlisted(
    profile: Profile, side: Side, now: Now, only: Collection[Target] | None
) -> Iterator[tuple[Kind, str, str]]:
    """The values that are surely named and of which the site gives no list: kind, field and id."""
    for target in sorted(certain(profile), key=lambda one: (one.key, one.id)):
        if target.side is not side or target.what not in {What.VALUE, What.STATUS}:
            continue
        kind = kind_at(profile, target, now)
        if kind is None or (only is not None and target not in only):
            continue
        if values_at(profile, target, now) is None:
            mapping = mapping_of(profile, target)
            yield kind, mapping.field(side) if mapping else target.key, target.id


def _lacking(
    reader: Reader,
    side: Side,
    now: Now,
    wanted: Iterable[tuple[Kind, str, str]],
    project: int,
) -> frozenset[tuple[Kind, str]]:
    """Which of these values the site surely does not have."""
    found: set[tuple[Kind, str]] = set()
    for kind, field, id_ in list(dict.fromkeys(wanted))[:MOST_BY_ID]:
        what = BY_ID.get(kind)
        if what == OPTION and not _is_jiras_own(now, field):
            continue  # options of other apps are not told by their ids
        if what is None:
            continue
        own = id_.rpartition("/")[2]
        lacks = _told(reader, side, 1, partial(_lacks, what=what, id_=own, project=project))
        if lacks:
            found.add((kind, id_))
    return frozenset(found)


def _lacks(site: JiraSite, what: str, id_: str, project: int) -> bool:
    return site.lacks(what, id_, project)


def _is_jiras_own(now: Now, field: str) -> bool:
    rule = now.rule(field)
    return rule is not None and str(rule.schema.get("custom", "")).startswith(JIRAS_OWN)


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


def _active(reader: Reader, named: Iterable[str], side: Side) -> dict[str, bool] | None:
    accounts = list(dict.fromkeys(named))
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


def _named(values: Iterable[Value] | None) -> dict[str, str] | None:
    return None if values is None else dict(values)


def _told(reader: Reader, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T | None:
    """What a call gives; None where the site refuses it to us for good."""
    try:
        return reader.call(side, cost, work)
    except SiteError as error:
        if error.passing or error.locked_out:
            raise
        return None
