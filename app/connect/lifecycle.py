"""Jira's lifecycle callbacks: installed, enabled, disabled, uninstalled."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, g, request

from app.connect.bodies import LifecycleSchema, json_object, load
from app.connect.verifier import current_stamp, verified_again
from app.errors import NotAuthorised, Problem
from app.jira.deployment import HOW_SUPPORTED, Count, DataCenterNotHere, count
from app.logs import bind_tenant
from app.settings import Settings, is_loopback_host
from app.tenants.caller import Proof, accepts, current_caller
from app.tenants.installations import Installations, Site
from app.tenants.models import CLOUD, InstallationState

log = structlog.get_logger(__name__)

DONE = 204
CLOUD_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def lifecycle_blueprint(settings: Settings, installations: Installations) -> Blueprint:
    """POST /lifecycle/installed, /enabled, /disabled and /uninstalled."""
    blueprint = Blueprint("lifecycle", __name__, url_prefix="/lifecycle")

    @blueprint.post("/installed")
    @accepts(Proof.LIFECYCLE)
    def installed() -> Response:
        raw = json_object(request)
        body = _body(settings, raw)
        if not _is_cloud(raw):
            raise DataCenterNotHere()
        for name in ("sharedSecret", "baseUrl", "productType"):
            if name not in body:
                raise Problem(f"{name}: is missing.", code="invalid-field", field=name)
        tenant = installations.install(
            Site(
                client_key=body["clientKey"],
                base_url=_site_url(body["baseUrl"], settings),
                shared_secret=body["sharedSecret"],
                stamp=current_stamp(),
                cloud_id=body["cloudId"],
                display_url=body["displayUrl"],
            )
        )
        bind_tenant(tenant)
        log.info("installed")
        return Response(status=DONE)

    @blueprint.post("/uninstalled")
    @accepts(Proof.LIFECYCLE)
    def uninstalled() -> Response:
        body = _body(settings, json_object(request))
        known = installations.find(body["clientKey"])
        if known is not None and known.secret is not None:
            installations.uninstall(known.tenant, current_stamp())
            bind_tenant(known.tenant)
            log.info("uninstalled")
        return Response(status=DONE)

    @blueprint.post("/enabled")
    @accepts(Proof.SITE)
    def enabled() -> Response:
        return _note(InstallationState.ENABLED)

    @blueprint.post("/disabled")
    @accepts(Proof.SITE)
    def disabled() -> Response:
        return _note(InstallationState.DISABLED)

    @blueprint.after_request
    def refused(response: Response) -> Response:
        # Also where the gate has refused the token: the count is all that such a call leaves.
        if request.endpoint == "lifecycle.installed" and 400 <= response.status_code < 500:
            known = response.status_code == DataCenterNotHere.status
            count(Count.DATA_CENTER_REFUSED if known else Count.INSTALL_REFUSED)
            body = response.get_json() | {"dataCenter": HOW_SUPPORTED}
            response.set_data(json.dumps(body))
        return response

    def _note(state: InstallationState) -> Response:
        _body(settings, json_object(request))
        # Rare and weighty: never on the word of a secret that is only remembered.
        tenant = current_caller().tenant
        if not installations.set_state(tenant, state, verified_again(), current_stamp()):
            raise NotAuthorised("site: the secret was replaced a moment ago")
        return Response(status=DONE)

    return blueprint


def _body(settings: Settings, raw: dict[str, Any]) -> dict[str, Any]:
    body = load(LifecycleSchema(), raw)
    if body["clientKey"] != g.issuer:
        raise NotAuthorised("body: clientKey is not the token's iss")
    event = (request.endpoint or "").rpartition(".")[2]
    if body.get("eventType", event) != event:
        raise Problem(
            f"eventType: must be '{event}' at this address.",
            code="invalid-field",
            field="eventType",
        )
    if body["key"] != settings.app_key:
        raise Problem(
            f"key: this server is the app '{settings.app_key}'.", code="invalid-field", field="key"
        )
    return body


def _is_cloud(raw: dict[str, Any]) -> bool:
    """Whether a signed body is of a Cloud site: it has a cloud id, and nothing says otherwise."""
    cloud_id = raw.get("cloudId")
    if not isinstance(cloud_id, str) or not CLOUD_ID.fullmatch(cloud_id):
        return False
    # `serverVersion` tells nothing: Cloud has sent build numbers and "1001.0.0-SNAPSHOT" in it.
    return bool(raw.get("deploymentType", CLOUD) == CLOUD)


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
