"""Parked changes on the page: by root cause, with what to do; preview, retry and ignore, singly
and all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, render_template, request

from app.database import tenant_transaction
from app.errors import Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.language import ngettext, tell
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, side_names
from app.screens.desk import Desk
from app.screens.forms import refuse
from app.screens.pages import wants_json
from app.screens.parked_json import group_json, issue_json, preview_json
from app.screens.words import ago, called_field, field_said, headed, is_bare
from app.sync import parked_groups, parked_ignored, parked_preview, reasons
from app.sync.parked import Row
from app.sync.parked_groups import Group, Wanted
from app.sync.parked_ignored import One
from app.sync.parked_preview import Preview
from app.sync.reasons import Code
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault

T = TypeVar("T", Side, Code)
LISTED = 50


class Parked:
    """What the card does for people who may see or map."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        record: Recorder,
        ring: Callable[[uuid.UUID, int], None],
        desk: Desk,
    ) -> None:
        self._vault, self._open_site = vault, open_site
        self._record, self._ring = record, ring
        self._desk = desk

    def groups(
        self, caller: Caller, standing: Standing, *, ignored: bool = False
    ) -> list[dict[str, Any]]:
        """The groups of the profiles that the caller may see, in words; `ignored`: of what
        somebody put out of sight."""
        with tenant_transaction(caller.tenant) as session:
            hidden = parked_ignored.hidden(session) if ignored else set()
        shown = []
        for one in self._desk.health(caller.tenant, standing):
            if (one.id in hidden) if ignored else one.parked:
                with tenant_transaction(caller.tenant) as session:
                    wanted = Wanted(ignored=ignored)
                    found = parked_groups.groups(session, self._vault, one.id, wanted)
                stored = profiles.load(self._vault, one.id) if found else None
                shown += [self._shown(group, stored) for group in found if stored is not None]
        return shown

    def issues(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, wanted: Wanted
    ) -> tuple[list[One], int]:
        """The issues of a group, and how many it has. Raises NotFound."""
        self._desk.reached(caller, standing, profile, Permission.SEE)
        with tenant_transaction(caller.tenant) as session:
            return parked_ignored.issues(session, profile, wanted, LISTED)

    def _shown(self, group: Group, profile: StoredProfile) -> dict[str, Any]:
        tenant = profile.tenants[group.side]
        called = self._desk.field_names.of_profile(profile) if is_bare(group.field) else {}
        site, field = self._desk.site_name(tenant), called_field(group.field, called, group.side)
        sentence, cure = reasons.say(group.code, site=site, field=field)
        words = tell(
            group.said,
            side_names(self._desk.sites(profile)),
            lambda one: called_field(one, called, group.side),
        )
        return {
            "group": replace(group, said=headed(words)),
            "profile": profile.name,
            "sentence": sentence,
            "cure": cure,
            "chosen": {
                "side": group.side.value,
                "code": group.code.value,
                "field": group.field,
            },
        }

    def preview(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, wanted: Wanted
    ) -> Preview:
        """What a retry would do. Raises NotFound for a profile out of reach."""
        stored = self._desk.reached(caller, standing, profile)
        return parked_preview.preview(self._vault, self._open_site, stored, wanted)

    def sites(self, profile: uuid.UUID) -> dict[Side, str]:
        """The names of a profile's sites. The reach was asked before."""
        stored = profiles.load(self._vault, profile)
        tenants = stored.tenants
        return {side: self._desk.site_name(one) for side, one in tenants.items()}

    def retry(self, caller: Caller, standing: Standing, profile: uuid.UUID, wanted: Wanted) -> int:
        """Retry what is wanted. Raises NotFound for a profile out of reach."""
        stored = self._desk.reached(caller, standing, profile)
        return parked_groups.ask_again(
            self._record, self._ring, stored, wanted, actor=caller.actor, own=caller.tenant
        )

    def ignore(self, caller: Caller, standing: Standing, profile: uuid.UUID, wanted: Wanted) -> int:
        """Put what is wanted out of sight. Raises NotFound for a profile out of reach."""
        stored = self._desk.reached(caller, standing, profile)
        sentence = self._sentence(stored, wanted)
        return parked_ignored.ignore(
            self._vault, self._record, stored, wanted,
            actor=caller.actor, own=caller.tenant, sentence=sentence,
        )  # fmt: skip

    def _sentence(self, profile: StoredProfile, wanted: Wanted) -> str:
        """What the wanted ones are parked for, as it is kept."""
        if wanted.code is None or wanted.side is None:
            return said("a site refused it.")
        tenant = profile.tenants[wanted.side]
        field = field_said(wanted.field or "")
        return reasons.saying(wanted.code, site=self._desk.site_name(tenant), field=field)


def parked_blueprint(card: Parked) -> Blueprint:
    """The views of the card, part of the pages."""
    blueprint = Blueprint("parked", __name__)

    @blueprint.get("/parked")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def groups() -> Response | str:
        return _card(card)

    @blueprint.get("/parked/<uuid:profile>/issues")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def issues(profile: uuid.UUID) -> Response | str:
        wanted = _wanted(request.args)
        standing = current_standing()
        found, total = card.issues(current_caller(), standing, profile, wanted)
        if wants_json():
            return jsonify(issues=[issue_json(one) for one in found], total=total)
        return render_template(
            "parts/parked_issues.html",
            issues=found,
            total=total,
            profile=profile,
            wanted=wanted,
            chosen=_chosen(wanted),
            may_retry=standing.may(Permission.MAP),
            ago=ago,
        )

    @blueprint.get("/parked/<uuid:profile>/preview")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def preview(profile: uuid.UUID) -> Response | str:
        found = card.preview(current_caller(), current_standing(), profile, _wanted(request.args))
        if wants_json():
            return jsonify(preview_json(found))
        return render_template(
            "parts/parked_preview.html",
            found=found,
            field_name=called_field,
            sites=(sites := card.sites(profile)),
            names=side_names(sites),
        )

    @blueprint.post("/parked/<uuid:profile>/retry")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def retry(profile: uuid.UUID) -> Response | str:
        count = card.retry(current_caller(), current_standing(), profile, _wanted(request.form))
        said = ngettext(
            "%(num)s change is tried again now.", "%(num)s changes are tried again now.", count
        )
        return jsonify(retried=count) if wants_json() else _card(card, said)

    @blueprint.post("/parked/<uuid:profile>/ignore")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def ignore(profile: uuid.UUID) -> Response | str:
        count = card.ignore(current_caller(), current_standing(), profile, _wanted(request.form))
        said = ngettext(
            "%(num)s change is ignored, until what was refused changes.",
            "%(num)s changes are ignored, until what was refused changes.",
            count,
        )
        return jsonify(ignored=count) if wants_json() else _card(card, said)

    return blueprint


def _card(card: Parked, said: str = "") -> Response | str:
    standing = current_standing()
    caller = current_caller()
    shown = card.groups(caller, standing)
    ignored = card.groups(caller, standing, ignored=True)
    if wants_json():
        told = [group_json(**one) | {"ignored": False} for one in shown]
        return jsonify(told + [group_json(**one) | {"ignored": True} for one in ignored])
    return render_template(
        "parts/parked.html",
        groups=shown,
        ignored=ignored,
        may_retry=standing.may(Permission.MAP),
        said=said,
        ago=ago,
    )


def _chosen(wanted: Wanted) -> dict[str, str]:
    """What a form sends for these."""
    found = {
        "side": wanted.side.value if wanted.side else "",
        "code": wanted.code.value if wanted.code else "",
        "field": wanted.field,
        "ignored": "yes" if wanted.ignored else "",
    }
    return {name: value for name, value in found.items() if value is not None}


def _wanted(given: Mapping[str, str]) -> Wanted:
    return Wanted(
        side=_member(Side, given, "side"),
        code=_member(Code, given, "code"),
        field=given.get("field"),
        key=given.get("issue") or None,
        row=_row(given),
        ignored=given.get("ignored") == "yes",
    )


def _row(given: Mapping[str, str]) -> Row | None:
    """One change, as LEFT-10023: the side and the issue's id. Raises Problem."""
    written = given.get("row")
    if not written:
        return None
    side, _dash, number = written.partition("-")
    if side not in set(Side) or not (number.isascii() and number.isdigit() and len(number) < 19):
        raise refuse("row", _("there is no such parked change. Open the view again."))
    return Side(side), int(number)


def _member(kind: type[T], given: Mapping[str, str], name: str) -> T | None:
    try:
        return kind(given[name]) if given.get(name) else None
    except ValueError:
        known = ", ".join(kind)
        raise Problem(
            f"{name}: "
            + _("there is no such %(name)s; choose one of %(known)s.", name=name, known=known),
            code="invalid-field",
            field=name,
        ) from None
