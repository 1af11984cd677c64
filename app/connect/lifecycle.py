"""Jira's lifecycle callbacks: installed, enabled, disabled, uninstalled."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, g, request

from app.connect.bodies import LifecycleSchema, json_object, load
from app.connect.verifier import verified_again
from app.errors import NotAuthorised, Problem
from app.settings import Settings, is_loopback_host
from app.tenants.caller import Proof, accepts, current_caller
from app.tenants.installations import Installations, Site
from app.tenants.models import InstallationState

log = structlog.get_logger(__name__)

DONE = 204


def lifecycle_blueprint(settings: Settings, installations: Installations) -> Blueprint:
    """POST /lifecycle/installed, /enabled, /disabled and /uninstalled."""
    blueprint = Blueprint("lifecycle", __name__, url_prefix="/lifecycle")

    @blueprint.post("/installed")
    @accepts(Proof.LIFECYCLE)
    def installed() -> Response:
        body = _body(settings)
        for name in ("sharedSecret", "baseUrl", "productType"):
            if name not in body:
                raise Problem(f"{name}: is missing.", code="invalid-field", field=name)
        tenant = installations.install(
            Site(
                client_key=body["clientKey"],
                base_url=_site_url(body["baseUrl"], settings),
                shared_secret=body["sharedSecret"],
                issued_at=g.lifecycle_issued_at,
                cloud_id=body["cloudId"],
                display_url=body["displayUrl"],
            )
        )
        log.info("installed", tenant=str(tenant))
        return Response(status=DONE)

    @blueprint.post("/uninstalled")
    @accepts(Proof.LIFECYCLE)
    def uninstalled() -> Response:
        body = _body(settings)
        known = installations.find(body["clientKey"])
        if known is not None and known.secret is not None:
            installations.uninstall(known.tenant, g.lifecycle_issued_at)
            log.info("uninstalled", tenant=str(known.tenant))
        return Response(status=DONE)

    @blueprint.post("/enabled")
    @accepts(Proof.SITE)
    def enabled() -> Response:
        return _note(InstallationState.ENABLED)

    @blueprint.post("/disabled")
    @accepts(Proof.SITE)
    def disabled() -> Response:
        return _note(InstallationState.DISABLED)

    def _note(state: InstallationState) -> Response:
        _body(settings)
        # Rare and weighty: never on the word of a secret that is only remembered.
        if not installations.set_state(current_caller().tenant, state, verified_again()):
            raise NotAuthorised("site: the secret was replaced a moment ago")
        return Response(status=DONE)

    return blueprint


def _body(settings: Settings) -> dict[str, Any]:
    body = load(LifecycleSchema(), json_object(request))
    if body["clientKey"] != g.issuer:
        raise NotAuthorised("body: clientKey is not the token's iss")
    if body["key"] != settings.app_key:
        raise Problem(
            f"key: this server is the app '{settings.app_key}'.", code="invalid-field", field="key"
        )
    return body


def _site_url(url: str, settings: Settings) -> str:
    parts = urlsplit(url)
    plain = settings.insecure_http and is_loopback_host(parts.hostname or "")
    more = parts.username is not None or parts.query or parts.fragment
    if more or not (parts.scheme == "https" or plain):
        raise Problem(
            "baseUrl: must be an https address without a user, query or #.",
            code="invalid-field",
            field="baseUrl",
        )
    return url.rstrip("/")
