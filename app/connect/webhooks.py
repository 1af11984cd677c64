"""Takes webhooks: marks the issue dirty in every profile that watches it, and answers.

At most four statements in three round trips: the tenant with the routes and links, the upsert with
the commit, the bell. Deliveries of one site that come at the same moment share them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, request
from sqlalchemy import text

from app.connect.bodies import json_object
from app.connect.events import DELETED, UPDATED, Event, read_event
from app.connect.gathering import Gatherer
from app.connect.verifier import verified_again
from app.database import Pipe, TenantId, piped_transaction
from app.errors import Forbidden, NotAuthorised
from app.mapping import profiles
from app.mapping.profile import Profile, Side
from app.mapping.values import NOT_COMPARABLE, UnreadableValueError, handler
from app.sync.fingerprints import of_profile
from app.sync.lanes import lane_of
from app.sync.marks import Mark, mark_through
from app.tenants.caller import Proof, accepts, current_caller
from app.tenants.models import InstallationState
from app.vault.vault import Vault

Ring = Callable[[Collection[tuple[uuid.UUID, int]]], None]

MOST_KEPT = 10_000  # mappings in memory
# A change of these moves the issue in or out of a profile's scope, though no field is mapped.
SCOPE_FIELDS = frozenset({"project", "issuetype", "Key"})

# For each event: the profiles that watch its project and type, paused ones too (what comes
# meanwhile waits in its row), and those that have its issue linked though it has left them; with
# the pair's base. Each half names its own column of the link, so that the unique index finds it: a
# CASE over the side read every link of the profile. `visited`: a change of the pair is due, or an
# undo has its lane in hand. Every row tells how the installation stands.
_ROUTES = text(
    """
    WITH here AS (SELECT secret_version, state FROM installation WHERE id = tandem_tenant()),
    asked AS (
        SELECT * FROM unnest(
            CAST(:issues AS bigint[]), CAST(:projects AS bigint[]), CAST(:types AS bigint[])
        ) WITH ORDINALITY AS a (issue, project, type, number)
    ),
    watching AS (
        SELECT a.number, p.id AS profile_id, p.revision, p.left_tenant_id, p.right_tenant_id,
               'left' AS side,
               l.id AS link_id, l.lane, l.base -> 'left' AS base, l.planned, l.left_seen AS seen,
               l.outside IS NOT NULL AS still, l.left_issue_id, l.right_issue_id
        FROM asked a
        JOIN profile p ON p.left_tenant_id = tandem_tenant()
        LEFT JOIN issue_link l ON l.profile_id = p.id AND l.left_issue_id = a.issue
        WHERE l.id IS NOT NULL OR (p.left_project_id = a.project AND p.left_type_id = a.type)
        UNION ALL
        SELECT a.number, p.id, p.revision, p.left_tenant_id, p.right_tenant_id, 'right',
               l.id, l.lane, l.base -> 'right', l.planned, l.right_seen, l.outside IS NOT NULL,
               l.left_issue_id, l.right_issue_id
        FROM asked a
        JOIN profile p ON p.right_tenant_id = tandem_tenant()
        LEFT JOIN issue_link l ON l.profile_id = p.id AND l.right_issue_id = a.issue
        WHERE l.id IS NOT NULL OR (p.right_project_id = a.project AND p.right_type_id = a.type)
    )
    SELECT h.secret_version, h.state, w.*,
           EXISTS (SELECT FROM change c WHERE c.profile_id = w.profile_id AND c.side = 'left'
                   AND c.issue_id = w.left_issue_id AND NOT c.parked)
           OR EXISTS (SELECT FROM change c WHERE c.profile_id = w.profile_id AND c.side = 'right'
                      AND c.issue_id = w.right_issue_id AND NOT c.parked)
           OR EXISTS (SELECT FROM undo_hold u WHERE u.profile_id = w.profile_id
                      AND u.lane = w.lane AND u.until > now()) AS visited
    FROM here h LEFT JOIN watching w ON true
    """
)


@dataclass(frozen=True)
class Route:
    """A profile that the event matters to, and the pair where there is one."""

    profile_id: uuid.UUID
    revision: int
    left_tenant: TenantId
    right_tenant: TenantId
    side: Side
    linked: bool
    lane: int
    base: Mapping[str, str]
    planned: Mapping[str, str]  # what this side holds once the writes under way are done
    visited: bool  # the pair may be read or written at this moment
    seen: datetime | None
    still: bool  # an issue of the pair was outside its filter when it was last looked at


@dataclass(frozen=True)
class Delivery:
    """An event, and the version of the secret that vouched for it."""

    event: Event
    secret_version: int


class Mappings:
    """What profiles carry, kept by revision: a revision never changes."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._kept: dict[tuple[uuid.UUID, int], Profile] = {}

    def of(self, route: Route) -> Profile:
        """The mapping of a route's profile."""
        key = (route.profile_id, route.revision)
        profile = self._kept.get(key)
        if profile is None:
            profile = profiles.load(self._vault, route.profile_id).profile
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = profile
        return profile


def webhook_blueprint(vault: Vault, ring: Ring) -> Blueprint:
    """POST /webhooks/jira. `ring` is called after the commit, with every lane that was marked."""
    blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

    mappings = Mappings(vault)

    def take(deliveries: Sequence[Delivery]) -> Sequence[bool]:
        taken, lanes = _take(deliveries, vault, mappings)
        if lanes:
            ring(lanes)
        return taken

    gatherer: Gatherer[Delivery, bool] = Gatherer(take)

    @blueprint.post("/jira")
    @accepts(Proof.SITE)
    def jira() -> Response:
        tenant, event = current_caller().tenant, read_event(json_object(request))
        if not (
            gatherer.do(tenant, Delivery(event, g.secret_version))
            or gatherer.do(tenant, Delivery(event, verified_again()))
        ):
            raise NotAuthorised("site: the secret was replaced a moment ago")
        return Response(status=204)

    return blueprint


def _take(
    deliveries: Sequence[Delivery], vault: Vault, mappings: Mappings
) -> tuple[list[bool], set[tuple[uuid.UUID, int]]]:
    """Mark the issues where their events matter, in one transaction of the caller's tenant.

    Gives for each whether it was taken (not where the site's secret is of another version; then it
    marks nothing), and the lanes to ring for.
    """
    with piped_transaction(current_caller().tenant) as pipe:
        here, routes = _routes(pipe, [one.event for one in deliveries])
        if here is None:
            return [False] * len(deliveries), set()
        if here.state == InstallationState.DISABLED:
            raise Forbidden("Tandem is disabled on this site.")
        taken = [one.secret_version == here.secret_version for one in deliveries]
        marks = [
            (deliveries[number].event, route)
            for number, route in routes
            if taken[number]
            and not _droppable(deliveries[number].event, route, vault, mappings.of(route))
        ]
        if marks:
            _mark(pipe, marks)
    return taken, {(route.profile_id, route.lane) for _, route in marks}


def _routes(pipe: Pipe, events: Sequence[Event]) -> tuple[Any, list[tuple[int, Route]]]:
    """How the installation stands (None: it is gone), and the routes by the event's position."""
    rows = pipe.execute(
        _ROUTES,
        {
            "issues": [event.issue_id for event in events],
            "projects": [event.project_id for event in events],
            "types": [event.type_id for event in events],
        },
    ).fetchall()
    found = []
    for row in rows:
        if row.profile_id is None:
            continue
        position = row.number - 1
        route = Route(
            profile_id=row.profile_id,
            revision=row.revision,
            left_tenant=TenantId(row.left_tenant_id),
            right_tenant=TenantId(row.right_tenant_id),
            side=Side(row.side),
            linked=row.link_id is not None,
            lane=lane_of(events[position].issue_id) if row.lane is None else row.lane,
            base=row.base or {},
            planned={
                key: left if row.side == Side.LEFT.value else right
                for key, (_, left, right) in (row.planned or {}).items()
            },
            visited=bool(row.visited),
            seen=row.seen,
            still=bool(row.still),
        )
        found.append((position, route))
    return (rows[0] if rows else None), found


def _droppable(event: Event, route: Route, vault: Vault, profile: Profile) -> bool:
    """Whether this event cannot matter to this profile. Never decided by author or by time."""
    fields = profile.fields
    if event.kind == DELETED:
        return not route.linked
    if route.still or (not route.linked and profile.scope(route.side).filter is not None):
        return False  # any field may be one that brings the issue inside the filter
    if event.kind == UPDATED and event.changed is not None:
        mapped = {m.field(route.side) for m in fields} | SCOPE_FIELDS
        if not event.changed & mapped:
            return True
        if event.changed & SCOPE_FIELDS:
            return False
    return route.linked and _is_echo(event, route, vault, profile)


def _is_echo(event: Event, route: Route, vault: Vault, profile: Profile) -> bool:
    """Whether the body says nothing that the base does not hold already.

    Every mapped field that a body can be compared by has the base's fingerprint, or where writes
    are under way the one that they move the base to; and where the event may be about one that it
    cannot (a body carries rich text as wiki markup, the base knows it as a document; a thin body
    leaves fields out), the issue's `updated` is one that the base was made from.

    While a visit to the pair may have read another state already, the base of before it says
    nothing: it is about to be replaced. See docs/decisions/0020-echoes-during-a-visit.md.
    """
    if route.visited and not route.planned:
        return False
    fingerprints = of_profile(vault, route.left_tenant, route.profile_id, profile)
    opaque = False
    for mapping in profile.fields:
        name = mapping.field(route.side)
        try:
            value = (
                handler(mapping.kind_of(route.side)).read_webhook(event.fields[name])
                if name in event.fields
                else NOT_COMPARABLE
            )
        except UnreadableValueError:
            return False
        if value is NOT_COMPARABLE:
            opaque = opaque or event.changed is None or name in event.changed
        else:
            mark = fingerprints.of(mapping.key, route.side, value)
            if mark != route.planned.get(mapping.key, route.base.get(mapping.key)):
                return False
    if not opaque:
        return True
    return event.updated is not None and route.seen is not None and event.updated <= route.seen


def _mark(pipe: Pipe, marks: Sequence[tuple[Event, Route]]) -> None:
    rows: dict[tuple[uuid.UUID, str, int], tuple[Route, datetime | None]] = {}
    for event, route in marks:
        key = (route.profile_id, route.side.value, event.issue_id)
        told = event.updated if event.kind != DELETED else None
        if key in rows:  # two deliveries about one issue; unknown wins over known
            earlier = rows[key][1]
            told = None if told is None or earlier is None else max(told, earlier)
        rows[key] = (route, told)
    mark_through(
        pipe,
        [
            Mark(
                profile, Side(side), issue, route.left_tenant, route.right_tenant, route.lane, told
            )
            for (profile, side, issue), (route, told) in rows.items()
        ],
    )
