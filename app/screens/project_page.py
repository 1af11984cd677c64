"""The page in a project's settings: the profiles of this project alone, to see and to pause."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from app.errors import Problem
from app.language import gettext as _
from app.screens.deep_links import link
from app.screens.desk import Desk
from app.screens.headers import bridge_url
from app.screens.pages import ACTIONS, wants_json
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing
from app.tenants.roles import Standing


class ProjectPage:
    """What the page shows and does, for one project of the caller's site."""

    def __init__(self, desk: Desk, home: str) -> None:
        """`home`: the path of Tandem's page in Jira."""
        self._desk, self._home = desk, home

    def shown(self, caller: Caller, standing: Standing) -> dict[str, Any]:
        """The profiles of the caller's project that he may see. Raises Problem."""
        here = _here(caller, standing)
        return self._desk.home(caller, here, whole=True) | {
            "may_map": here.covers(Permission.MAP, here.only),
            "project": here.only,
            "deep_link": link,
            "home": self._desk.addresses(caller.tenant)[-1] + self._home,
        }

    def bridge(self, caller: Caller) -> str:
        """Where the page loads Atlassian's bridge from."""
        return bridge_url(self._desk.site_url(caller.tenant))

    def switch(self, caller: Caller, standing: Standing, profile: uuid.UUID, action: str) -> None:
        """Pause or resume a profile of this project. Raises NotFound for any other."""
        self._desk.switch(caller, _here(caller, standing), profile, ACTIONS[action])


@dataclass(frozen=True)
class _Here(Standing):
    """A person's role, as far as it reaches in one project."""

    only: int = 0

    def covers(self, permission: Permission, project: int) -> bool:
        """Whether it reaches the project: no other than this one."""
        return project == self.only and super().covers(permission, project)


def _here(caller: Caller, standing: Standing) -> _Here:
    if caller.project is None:
        raise Problem(
            _("This page is shown in a project. Open it from the project's settings in Jira."),
            code="no-project",
        )
    return _Here(standing.role, standing.projects, caller.project)


def project_blueprint(page: ProjectPage) -> Blueprint:
    """The views of the page, part of the pages."""
    blueprint = Blueprint("project", __name__)

    @blueprint.get("/project")
    @accepts(Proof.PAGE, Permission.SEE)
    def project() -> str:
        caller = current_caller()
        shown = page.shown(caller, current_standing())
        return render_template("project_page.html", bridge=page.bridge(caller), **shown)

    @blueprint.get("/project/part")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def part() -> Response | str:
        return _answer(page)

    @blueprint.post("/project/<uuid:profile>/<any(pause, resume):action>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def switch(profile: uuid.UUID, action: str) -> Response | str:
        page.switch(current_caller(), current_standing(), profile, action)
        return _answer(page)

    return blueprint


def _answer(page: ProjectPage) -> Response | str:
    shown = page.shown(current_caller(), current_standing())
    if wants_json():
        seen = [{"id": one["id"], "state": one["state"]} for one in shown["profiles"]]
        return jsonify(profiles=seen, mayMap=shown["may_map"])
    return render_template("parts/project.html", **shown)
