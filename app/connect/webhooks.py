"""Takes webhooks: marks the issue dirty in every profile that watches it, and answers.

At most four statements in three round trips: the tenant with the routes and links, the upsert with
the commit, the bell. Deliveries of one site that come at the same moment share them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, g, request

from app.connect.bodies import json_object
from app.connect.events import FILES_FIELD, UPDATED, Event, ItemEvent, read_event
from app.connect.gathering import Gatherer
from app.connect.new_values import NewValues
from app.connect.twin_edits import keep_edit, may_be_replaced
from app.connect.verifier import verified_again
from app.connect.webhook_routes import KnownItem, Route, routes_of
from app.database import Pipe, piped_transaction
from app.errors import Forbidden, NotAuthorised
from app.mapping import profiles
from app.mapping.profile import ItemKind, Profile, Side
from app.mapping.values import NOT_COMPARABLE, UnreadableValueError, handler
from app.sync.fingerprints import of_profile
from app.sync.marks import Mark, mark_through
from app.sync.restricted import level_fields
from app.sync.unlinked import Told, tell_through
from app.tenants.caller import Proof, accepts, current_caller
from app.tenants.models import InstallationState
from app.vault.vault import Vault

Ring = Callable[[Collection[tuple[uuid.UUID, int]]], None]

MOST_KEPT = 10_000  # mappings in memory
# A change of these moves the issue in or out of a profile's scope, though no field is mapped.
SCOPE_FIELDS = frozenset({"project", "issuetype", "Key"})


@dataclass(frozen=True)
class Delivery:
    """An event, and the version of the secret that vouched for it."""

    event: Event
    secret_version: int


class Mappings:
    """What profiles carry, kept by revision: a revision never changes. `news`: values of their
    fields that they do not know."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._kept: dict[tuple[uuid.UUID, int], Profile] = {}
        self.news = NewValues()

    def of(self, route: Route) -> Profile:
        """The mapping of a route's profile."""
        key = (route.profile_id, route.revision)
        profile = self._kept.get(key)
        if profile is None:
            profile = profiles.working(self._vault, route.profile_id).profile
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
        told = [
            (number, event)
            for number, one in enumerate(deliveries)
            for event in (one.event, *one.event.others)
        ]
        here, routes = routes_of(pipe, [event for _, event in told])
        if here is None:
            return [False] * len(deliveries), set()
        if here.state == InstallationState.DISABLED:
            raise Forbidden("Tandem is disabled on this site.")
        taken = [one.secret_version == here.secret_version for one in deliveries]
        found = [(*told[position], route) for position, route in routes]
        firsts = {(n, *_watcher(one)) for n, event, one in found if event.others and one.linked}
        marks = [
            (event, route)
            for number, event, route in found
            if taken[number]
            # Of two issues of one profile the first one's pair does it.
            and (event is deliveries[number].event or (number, *_watcher(route)) not in firsts)
            and not _droppable(event, route, vault, mappings.of(route))
        ]
        if marks:
            _mark(pipe, marks)
            for event, route in marks:
                if event.chosen:
                    mappings.news.bring_forward(pipe, event.chosen, route, mappings.of(route))
                if event.item is not None and event.item.is_edit:
                    keep_edit(pipe, vault, event, route, mappings.of(route))
            tell_through(
                pipe,
                [
                    Told(route.profile_id, route.side, event.issue_id, event.told)
                    for event, route in marks
                    if route.linked and (event.told is not None or event.is_back)
                ],
            )
    return taken, {(route.profile_id, route.lane) for _, route in marks}


def _watcher(route: Route) -> tuple[uuid.UUID, Side]:
    return route.profile_id, route.side


def _droppable(event: Event, route: Route, vault: Vault, profile: Profile) -> bool:
    """Whether this event cannot matter to this profile. Never decided by author or by time."""
    fields = profile.fields
    if event.told is not None or event.is_back:
        return not route.linked
    if route.still or (not route.linked and profile.scope(route.side).filter is not None):
        return False  # any field may be one that brings the issue inside the filter
    if event.item is not None:
        carried = any(one.kind is event.item.kind for one in profile.items)
        is_news = may_be_replaced(event.item, route) or not _is_seen(event.item, route.item)
        return not carried or not is_news
    held = set(level_fields(profile))  # it holds the issue back, or does so no longer
    if event.kind == UPDATED and event.changed is not None:
        mapped = {m.field(route.side) for m in fields} | SCOPE_FIELDS | held
        if any(one.kind is ItemKind.ATTACHMENTS for one in profile.items):
            mapped.add(FILES_FIELD)
        if not event.changed & mapped:
            return True
        if event.changed & (SCOPE_FIELDS | held) or FILES_FIELD in event.changed & mapped:
            return False
    return route.linked and _is_echo(event, route, vault, profile)


def _is_seen(told: ItemEvent, known: KnownItem | None) -> bool:
    """Whether an item's event tells what the pair knows: an item's `updated` is its version, so
    what is not later than what was seen says nothing, whether the pair is being visited or not."""
    if known is None:
        return False
    if known.idle:
        return True
    if told.updated is None:
        return known.gone
    if told.private and not known.ours:
        return False  # that may change without another version
    return known.seen is not None and told.updated <= known.seen


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
        if mapping.made_from is route.side:
            opaque = True  # the base knows what a transform made of this field and of others
            continue
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
        told = event.updated if event.told is None and event.item is None else None
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
