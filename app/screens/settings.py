"""The settings of a site: its connections and their health, the pause of all, and about Tandem."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, jsonify, render_template
from sqlalchemy import func, select, text

from app.activity import retention
from app.database import TenantId, tenant_transaction
from app.language import gettext as _
from app.language import ngettext
from app.mapping import pausing
from app.mapping.models import ProfileRecord
from app.screens.desk import Desk
from app.screens.forms import form_text, refuse
from app.screens.pages import wants_json
from app.screens.token_desk import TokenDesk
from app.screens.waits import say_sites
from app.settings import Edition
from app.tenants import pairing
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing

SOURCE = "https://www.apache.org/licenses/LICENSE-2.0"


@dataclass(frozen=True)
class Connection:
    """A connected site, with what is known of its health. `sentences`: why its work waits. `id`: of
    the connection; `token`: what is told of one by API token."""

    name: str
    profiles: int
    sentences: tuple[str, ...]
    id: str = ""
    token: Mapping[str, object] | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing is known to stand in the way."""
        return not self.sentences


class Settings:
    """What the view does for people who may connect or grant."""

    def __init__(self, desk: Desk, record: Recorder, edition: Edition, tokens: TokenDesk) -> None:
        self._desk, self._record, self._edition = desk, record, edition
        self.most_days = retention.most_days(edition)
        self.tokens = tokens

    def connections(self, caller: Caller) -> list[Connection]:
        """The own site first, then its partners."""
        tenant = caller.tenant
        known = pairing.partners(tenant)
        ids = {one.tenant: str(one.connection_id) for one in known}
        tokens = self.tokens.of(caller)
        counts = _profiles_by_partner(tenant)
        names = {tenant: self._desk.site_name(tenant)}
        names |= {one.tenant: self._desk.site_name(one.tenant) for one in known}
        return [
            Connection(
                name,
                sum(counts.values()) if one == tenant else counts.get(one, 0),
                self._health(one, name, tokens.get(one)),
                ids.get(one, ""),
                tokens.get(one),
            )
            for one, name in names.items()
        ]

    def _health(
        self, tenant: TenantId, name: str, token: Mapping[str, object] | None
    ) -> tuple[str, ...]:
        """What is known to stand in the way of work in a site, in sentences. No call."""
        if token is not None and token["gone"]:
            return (
                _(
                    "The API token of %(site)s is gone. Give a new one; work waits, and none is "
                    "lost.",
                    site=name,
                ),
            )
        if self._desk.is_enabled(tenant):
            return tuple(say_sites({tenant: name}))
        return (
            _(
                "Tandem is not enabled in %(site)s. Its admin should enable or install it there; "
                "work waits, and none is lost.",
                site=name,
            ),
        )

    def about(self) -> Mapping[str, str]:
        """Which Tandem this is."""
        return {"version": version("tandem"), "edition": self._edition.value, "licence": SOURCE}

    def pause(self, caller: Caller) -> str:
        """Pause every profile of the site that is on, and say it."""
        count = pausing.pause_all(self._record, caller)
        return ngettext("%(num)s profile was paused.", "%(num)s profiles were paused.", count)

    def resume(self, caller: Caller) -> str:
        """Resume what the site's pause stopped, and say it."""
        count = pausing.resume_all(self._record, caller)
        return ngettext("%(num)s profile was resumed.", "%(num)s profiles were resumed.", count)

    def days(self, tenant: TenantId) -> int:
        """For how many days the site keeps what changed."""
        return min(retention.of_site(tenant), self.most_days)

    def choose_days(self, caller: Caller) -> int:
        """Keep it for as long as the form says, from now on. Raises Problem."""
        written = form_text("days")
        if not (written.isascii() and written.isdigit() and len(written) < 7):
            raise refuse("days", _("enter a whole number of days."))
        days = int(written)
        if days > self.most_days:
            raise refuse("days", _("enter a number from 0 to %(most)s.", most=self.most_days))
        retention.choose(self._record, caller, days)
        return days


def settings_blueprint(settings: Settings) -> Blueprint:
    """The views of the settings, part of the pages."""
    blueprint = Blueprint("settings", __name__)

    @blueprint.get("/views/settings")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def view() -> str:
        return _view(settings)

    @blueprint.post("/settings/pause/<any(pause, resume):action>")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def pause(action: str) -> Response | str:
        do = settings.pause if action == "pause" else settings.resume
        said = do(current_caller())
        return jsonify(said=said) if wants_json() else _pause_card(said)

    @blueprint.post("/settings/details")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def details() -> Response | str:
        days = settings.choose_days(current_caller())
        if wants_json():
            return jsonify(days=days)
        shown = _details(settings) | {"said": _("Saved.")}
        return render_template("parts/details.html", **shown)

    @blueprint.post("/connections/<uuid:connection>/token")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def renew(connection: uuid.UUID) -> Response | str:
        settings.tokens.renew(current_caller(), connection)
        return jsonify(connection=str(connection)) if wants_json() else _view(settings)

    @blueprint.post("/connections/<uuid:connection>/end")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def end(connection: uuid.UUID) -> Response | str:
        settings.tokens.end(current_caller(), connection)
        return jsonify(ended=str(connection)) if wants_json() else _view(settings)

    @blueprint.post("/connections/token")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def connect() -> Response | str:
        made = settings.tokens.connect(current_caller())
        return jsonify(connection=str(made)) if wants_json() else _view(settings)

    return blueprint


def _details(settings: Settings) -> dict[str, Any]:
    return {
        "may": {one.value: current_standing().may(one) for one in Permission},
        "days": settings.days(current_caller().tenant),
        "most_days": settings.most_days,
    }


def _pause_card(said: str = "") -> str:
    paused = pausing.paused_by_site(current_caller().tenant)
    return render_template("parts/pause.html", paused=paused, said=said)


def _view(settings: Settings) -> str:
    caller = current_caller()
    shown: dict[str, Any] = {
        "connections": settings.connections(caller),
        "paused": pausing.paused_by_site(caller.tenant),
        "about": settings.about(),
        "said": "",
        **_details(settings),
    }
    return render_template("views/settings.html", **shown)


def _profiles_by_partner(tenant: TenantId) -> dict[uuid.UUID, int]:
    """How many profiles there are with each partner."""
    partner = text("CASE WHEN left_tenant_id = :own THEN right_tenant_id ELSE left_tenant_id END")
    with tenant_transaction(tenant) as session:
        rows = session.execute(
            select(partner, func.count()).select_from(ProfileRecord).group_by(partner),
            {"own": tenant},
        ).all()
    return {uuid.UUID(str(row[0])): int(row[1]) for row in rows}
