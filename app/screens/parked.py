"""Parked changes on the page: by root cause, with what to do; a preview, and a retry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, render_template, request

from app.database import tenant_transaction
from app.errors import NotFound, Problem
from app.jira.site import SiteOpener
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.screens.desk import Desk
from app.screens.pages import wants_json
from app.screens.words import FIELDS, ago
from app.sync import parked_groups, parked_preview, reasons
from app.sync.parked_groups import Group, Wanted
from app.sync.parked_preview import Preview
from app.sync.reasons import Code
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault

T = TypeVar("T", Side, Code)


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

    def groups(self, caller: Caller, standing: Standing) -> list[dict[str, Any]]:
        """The groups of the profiles that the caller may see, in words."""
        shown = []
        for one in self._desk.profiles(caller.tenant, standing):
            if one.parked:
                with tenant_transaction(caller.tenant) as session:
                    found = parked_groups.groups(session, self._vault, one.id)
                stored = profiles.load(self._vault, one.id) if found else None
                shown += [self._shown(group, stored) for group in found if stored is not None]
        return shown

    def _shown(self, group: Group, profile: StoredProfile) -> dict[str, Any]:
        tenant = profile.left_tenant if group.side is Side.LEFT else profile.right_tenant
        site, field = self._desk.site_name(tenant), field_name(group.field)
        sentence, cure = reasons.say(group.code, site=site, field=field)
        return {
            "group": group,
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
        stored = self._reached(caller, standing, profile)
        return parked_preview.preview(self._vault, self._open_site, stored, wanted)

    def retry(self, caller: Caller, standing: Standing, profile: uuid.UUID, wanted: Wanted) -> int:
        """Retry what is wanted. Raises NotFound for a profile out of reach."""
        stored = self._reached(caller, standing, profile)
        return parked_groups.ask_again(
            self._record, self._ring, stored, wanted, actor=caller.actor, own=caller.tenant
        )

    def _reached(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> StoredProfile:
        """The profile, if the caller may decide for it; the same NotFound for others' as for one
        that never was."""
        for one in self._desk.profiles(caller.tenant, standing):
            if one.id == profile and standing.covers(Permission.MAP, one.own_project):
                return profiles.load(self._vault, profile)
        raise NotFound("There is no such profile.")


def parked_blueprint(card: Parked) -> Blueprint:
    """The views of the card, part of the pages."""
    blueprint = Blueprint("parked", __name__)

    @blueprint.get("/parked")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def groups() -> Response | str:
        return _card(card)

    @blueprint.get("/parked/<uuid:profile>/preview")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def preview(profile: uuid.UUID) -> Response | str:
        found = card.preview(current_caller(), current_standing(), profile, _wanted(request.args))
        if wants_json():
            return jsonify(preview_json(found))
        return render_template("parts/parked_preview.html", found=found, field_name=field_name)

    @blueprint.post("/parked/<uuid:profile>/retry")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def retry(profile: uuid.UUID) -> Response | str:
        count = card.retry(current_caller(), current_standing(), profile, _wanted(request.form))
        return jsonify(retried=count) if wants_json() else _card(card, retried=count)

    return blueprint


def _card(card: Parked, retried: int | None = None) -> Response | str:
    standing = current_standing()
    shown = card.groups(current_caller(), standing)
    if wants_json():
        return jsonify([group_json(**one) for one in shown])
    return render_template(
        "parts/parked.html",
        groups=shown,
        may_retry=standing.may(Permission.MAP),
        retried=retried,
        ago=ago,
    )


def _wanted(given: Mapping[str, str]) -> Wanted:
    return Wanted(
        side=_member(Side, given, "side"),
        code=_member(Code, given, "code"),
        field=given.get("field"),
        key=given.get("issue") or None,
    )


def _member(kind: type[T], given: Mapping[str, str], name: str) -> T | None:
    try:
        return kind(given[name]) if given.get(name) else None
    except ValueError:
        known = ", ".join(kind)
        raise Problem(
            f"{name}: there is no such {name}; choose one of {known}.",
            code="invalid-field",
            field=name,
        ) from None


def field_name(field: str) -> str:
    """A field's id as people say it."""
    return FIELDS.get(field, (field, ""))[0]


def group_json(
    group: Group, profile: str, sentence: str, cure: str, chosen: Mapping[str, str]
) -> dict[str, Any]:
    """A group for machines."""
    return {
        "profile": str(group.profile_id),
        "profileName": profile,
        **chosen,
        "issues": group.issues,
        "examples": list(group.examples),
        "sentence": sentence,
        "cure": cure,
        "said": group.said,
        "since": group.since.isoformat(),
        "askedAt": group.asked_at.isoformat(),
        "nextProbe": group.next_probe.isoformat() if group.next_probe else None,
    }


def preview_json(found: Preview) -> dict[str, Any]:
    """A preview for machines; values as one line each."""
    return {
        "total": found.total,
        "issues": [
            {
                "left": one.plan.left.key if one.plan.left else None,
                "right": one.plan.right.key if one.plan.right else None,
                "step": one.plan.step.value,
                "refusedWhole": one.again,
                "writes": [
                    {
                        "side": write.side.value,
                        "field": write.field,
                        "old": write.brief(write.old),
                        "new": write.brief(write.new),
                        "status": status.value,
                    }
                    for write, status in one.writes
                ],
                "items": one.items,
                "notes": [note.sentence for note in (*one.plan.blocked, *one.plan.left_alone)],
            }
            for one in found.issues
        ],
    }
