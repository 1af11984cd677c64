"""What the checks of whole scopes found: which pairs are in step and since when, and the rest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from sqlalchemy import select

from app.database import TenantId, tenant_transaction
from app.errors import NotFound
from app.language import gettext as _
from app.language import ngettext
from app.mapping.models import ProfileRecord
from app.mapping.profile import Side
from app.mapping.profile_lists import KnownProfile
from app.mapping.profiles import require_begun
from app.screens.desk import Desk, checks
from app.screens.pages import wants_json
from app.screens.words import called_field
from app.sync import completeness_archived, completeness_store
from app.sync.completeness import Completeness
from app.sync.completeness_store import Check
from app.sync.items.reads import Amiss
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing
from app.tenants.roles import Standing


@dataclass(frozen=True)
class Differs:
    """A pair that is not in step, or an issue without its twin; and in what."""

    name: str
    what: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What the check of a profile found or is at. `tone`: which lozenge says it."""

    profile: KnownProfile
    tone: str
    state: str
    head: str
    differing: tuple[Differs, ...]
    unnamed: int
    aside: tuple[str, ...]
    runs: bool


class Checks:
    """What the card does for people who may see."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def found(self, caller: Caller, standing: Standing) -> list[Found]:
        """The checks of the profiles that the caller may see, in words."""
        seen = [
            one
            for one in self._desk.known(caller.tenant, standing)
            if one.state != "proposed"
        ]  # fmt: skip
        with tenant_transaction(caller.tenant) as session:
            known = completeness_store.read(session, [one.id for one in seen])
        return [self._told(one, known.get(one.id), caller.tenant) for one in seen]

    def _told(self, profile: KnownProfile, check: Check | None, tenant: TenantId) -> Found:
        if check is None or check.started_at is None:
            head = _("It is checked once a day, and whenever you say so.")
            return Found(profile, "waiting", _("Not checked yet"), head, (), 0, (), False)
        own = Side.LEFT if check.left_tenant_id == tenant else Side.RIGHT
        sites = {
            own: self._desk.site_name(tenant),
            own.other: self._desk.site_name(profile.partner),
        }
        differing = tuple(_differs(one, sites) for one in check.named)
        wrong = check.differing + check.gone + check.only_left + check.only_right
        tone, state = _state(check, wrong)
        return Found(
            profile,
            tone,
            state,
            _head(check),
            differing,
            max(0, wrong - len(differing)),
            tuple(_aside(check)),
            check.runs,
        )


def _state(check: Check, wrong: int) -> tuple[str, str]:
    if check.runs:
        return "waiting", _("Checking")
    at = _clock(check.finished_at or check.started_at)
    if wrong:
        return "parked", _("Not all in step as of %(time)s", time=at)
    return "on", _("In step as of %(time)s", time=at)


def _head(check: Check) -> str:
    if check.runs:
        about = max(check.about, check.pairs)
        return _("%(done)s of about %(about)s pairs", done=check.pairs, about=about)
    if not check.pairs:
        return _("There were no pairs.")
    return _("%(agreed)s of %(pairs)s pairs agree", agreed=check.agreed, pairs=check.pairs)


def _clock(when: datetime | None) -> str:
    """The time of day, with the date where it is not today."""
    if when is None:
        return ""
    when, now = when.astimezone(UTC), datetime.now(UTC)
    today = when.date() == now.date()
    return when.strftime("%H:%M UTC" if today else "%Y-%m-%d %H:%M UTC")


def _differs(one: Mapping[str, Any], sites: Mapping[Side, str]) -> Differs:
    """What a check noted of a pair."""
    keys = [str(one[side.value]) for side in Side if one.get(side.value)]
    name = " / ".join(keys) or _("an issue")
    if one.get("only"):
        return Differs(name, _("It is only at %(site)s.", site=sites[Side(one["only"])]))
    if one.get("gone"):
        return Differs(
            name, _("Its issue at %(site)s is gone or hidden.", site=sites[Side(one["gone"])])
        )
    if completeness_archived.FIELD in one["fields"]:
        return Differs(name, _("One of its issues is archived."))
    names = [called_field(field) for field in one["fields"]]
    items = [_lack(lack, sites) for lack in one.get("items", ())]
    kinds = dict.fromkeys(_nouns(lack["kind"], 2) for lack in one.get("items", ()))
    return Differs(
        name,
        ", ".join([*names, *kinds]),
        (*(_("%(field)s differs.", field=field) for field in names), *items),
    )


def _lack(lack: Mapping[str, Any], sites: Mapping[Side, str]) -> str:
    count, site = lack["count"], sites[Side(lack["side"])]
    things = f"{count} {_nouns(lack['kind'], count)}"
    if lack["how"] == Amiss.MISSING:
        return _("Missing at %(site)s: %(things)s.", site=site, things=things)
    if lack["how"] == Amiss.SURPLUS:
        return _("Should be gone at %(site)s: %(things)s.", site=site, things=things)
    return _("Different: %(things)s.", things=things)


def _nouns(kind: str, count: int) -> str:
    said = {
        "comments": ngettext("comment", "comments", count),
        "attachments": ngettext("file", "files", count),
        "worklogs": ngettext("worklog", "worklogs", count),
        "links": ngettext("link", "links", count),
        "remote_link": ngettext("link to the twin", "links to the twin", count),
    }
    return said.get(kind, kind)


def _aside(check: Check) -> Iterator[str]:
    """What is not in step, and is not to be either; and what holds the check up."""
    if check.runs and check.attempts:
        yield _("It waits for a site that does not answer or refuses.")
    if check.waiting:
        yield ngettext("%(num)s waits to be carried", "%(num)s wait to be carried", check.waiting)
    if check.parked:
        yield ngettext("%(num)s is parked", "%(num)s are parked", check.parked)
    if check.still:
        yield ngettext(
            "%(num)s stands still outside the filter",
            "%(num)s stand still outside the filter",
            check.still,
        )
    older = check.unlinked_left + check.unlinked_right
    if older:
        yield ngettext(
            "%(num)s older than the profile is not linked: a load does it",
            "%(num)s older than the profile are not linked: a load does it",
            older,
        )
    if check.unseen:
        names = ", ".join(called_field(one) for one in check.unseen)
        yield _("hidden from Tandem in some pairs and not compared: %(names)s", names=names)


def completeness_blueprint(desk: Desk, completeness: Completeness) -> Blueprint:
    """The views of the card and of its button, part of the pages."""
    blueprint = Blueprint("completeness", __name__)
    card = Checks(desk)

    @blueprint.get("/checks")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def show() -> Response | str:
        found = card.found(current_caller(), current_standing())
        return jsonify([as_json(one) for one in found]) if wants_json() else _card(found)

    @blueprint.post("/profiles/<uuid:profile>/check")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def check(profile: uuid.UUID) -> Response | str:
        caller, standing = current_caller(), current_standing()
        _require(caller, standing, profile)
        completeness.begin(profile)
        if wants_json():
            return jsonify(checked=checks(caller.tenant, [profile])[profile])
        if request.headers.get("HX-Target") == "completeness":
            return _card(card.found(caller, standing))
        return render_template("parts/overview.html", **desk.home(caller, standing))

    def _card(found: list[Found]) -> str:
        may = current_standing().may(Permission.MAP)
        return render_template("parts/completeness.html", found=found, may_check=may)

    return blueprint


def as_json(one: Found) -> dict[str, Any]:
    """A check for machines."""
    return {
        "profile": str(one.profile.id),
        "state": one.state,
        "found": one.head,
        "runs": one.runs,
        "differing": [
            {"name": each.name, "what": each.what, "parts": list(each.parts)}
            for each in one.differing
        ],
        "unnamed": one.unnamed,
        "aside": list(one.aside),
    }


def _require(caller: Caller, standing: Standing, profile: uuid.UUID) -> None:
    """The caller may decide for this profile, or NotFound: the same as for one that never was."""
    with tenant_transaction(caller.tenant) as session:
        found = session.scalars(
            select(ProfileRecord).where(ProfileRecord.id == profile)
        ).one_or_none()
    if found is not None:
        left = found.left_tenant_id == caller.tenant
        project = found.left_project_id if left else found.right_project_id
        if standing.covers(Permission.MAP, project):
            require_begun(found)
            return
    raise NotFound(_("There is no such profile."))
