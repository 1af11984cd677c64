"""Serves the app descriptor from its template at the repository's root."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify

from app.settings import Settings
from app.tenants.caller import Proof, accepts

TEMPLATE = Path(__file__).resolve().parents[2] / "atlassian-connect.json"


def descriptor(settings: Settings) -> dict[str, Any]:
    """The descriptor with this server's key and base URL filled in."""
    text = TEMPLATE.read_text()
    for name, value in (("app_key", settings.app_key), ("base_url", settings.base_url)):
        text = text.replace("{{ " + name + " }}", json.dumps(value)[1:-1])
    filled: dict[str, Any] = json.loads(text)
    return filled


def descriptor_blueprint(settings: Settings) -> Blueprint:
    """GET /atlassian-connect.json."""
    blueprint = Blueprint("descriptor", __name__)
    filled = descriptor(settings)

    @blueprint.get("/atlassian-connect.json")
    @accepts(Proof.PUBLIC)
    def atlassian_connect() -> Response:
        return jsonify(filled)

    return blueprint
