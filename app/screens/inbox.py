"""The inbox on the page: conflicts that wait for a person, and the three answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.screens.desk import Desk
from app.screens.forms import argument_id
from app.screens.pages import wants_json
from app.screens.words import ago, called_field, is_bare
from app.sync import inbox
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault


class Inbox:
    """What the card does for people who may see or map."""

    def __init__(
        self, vault: Vault, record: Recorder, ring: Callable[[uuid.UUID, int], None], desk: Desk
    ) -> None:
        self._vault = vault
        self._record = record
        self._ring = ring
        self._desk = desk

    def sites(self, question: inbox.Question) -> dict[str, str]:
        """The names of the two sites, by side."""
        left, right = question.tenants
        return {"left": self._desk.site_name(left), "right": self._desk.site_name(right)}

    def fields(self, caller: Caller, questions: list[inbox.Question]) -> dict[uuid.UUID, str]:
        """What the fields of the questions are called, by the question's id."""
        bare = [one.profile_id for one in questions if is_bare(one.field)]
        called = self._desk.field_names.of_profiles(caller.tenant, bare, ask=True)
        return {one.id: called_field(one.field, called.get(one.profile_id)) for one in questions}

    def questions(
        self, caller: Caller, standing: Standing, first: uuid.UUID | None = None
    ) -> list[inbox.Question]:
        """The questions of the profiles that the caller may see; `first`: one that is shown in any
        case."""
        return inbox.questions(
            self._vault,
            caller.tenant,
            lambda project: standing.covers(Permission.SEE, project),
            first,
        )

    def choose(self, caller: Caller, standing: Standing, question: uuid.UUID, choice: str) -> None:
        """Store the answer. Raises NotFound for a question out of the caller's reach."""
        inbox.choose(
            self._record,
            self._ring,
            caller,
            question=question,
            choice=choice,
            covers=lambda project: standing.covers(Permission.MAP, project),
        )


def inbox_blueprint(card: Inbox) -> Blueprint:
    """The views of the card, part of the pages."""
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/conflicts")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def conflicts() -> Response | str:
        return _card(argument_id("of") if "of" in request.args else None)

    @blueprint.post("/conflicts/<uuid:question>/<any(left, right, leave):choice>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def choose(question: uuid.UUID, choice: str) -> Response | str:
        card.choose(current_caller(), current_standing(), question, choice)
        return _card()

    def _card(first: uuid.UUID | None = None) -> Response | str:
        standing = current_standing()
        shown = card.questions(current_caller(), standing, first)
        if wants_json():
            return jsonify([_as_json(one) for one in shown])
        return render_template(
            "parts/inbox.html",
            questions=shown,
            sites_of={one.id: card.sites(one) for one in shown},
            may_decide=standing.may(Permission.MAP),
            field_names=card.fields(current_caller(), shown),
            ago=ago,
        )

    return blueprint


def _as_json(one: inbox.Question) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "profile": str(one.profile_id),
        "field": one.field,
        "leftKey": one.left_key,
        "rightKey": one.right_key,
        "left": one.left,
        "right": one.right,
        "choice": one.choice,
        "askedAt": one.asked_at.isoformat(),
    }
