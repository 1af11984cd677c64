"""Takes a site's own events about its projects, types, versions and people: what a mapping names of
them is looked for soon. Of fields and options Jira sends no events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from app.connect.bodies import json_object
from app.database import tenant_transaction
from app.mapping.repair import What
from app.sync import drift_store
from app.tenants.caller import Proof, accepts, current_caller

REST = 10.0  # seconds between two looks at a profile for events: they come in bursts

# Reference: https://developer.atlassian.com/cloud/jira/platform/webhooks/
# Which thing of which body each is about. A merged version is told as deleted.
_ABOUT: Mapping[str, tuple[What, str, str]] = {
    "project_archived": (What.PROJECT, "project", "id"),
    "project_deleted": (What.PROJECT, "project", "id"),
    "project_soft_deleted": (What.PROJECT, "project", "id"),
    "project_restored_archived": (What.PROJECT, "project", "id"),
    "project_restored_deleted": (What.PROJECT, "project", "id"),
    "project_updated": (What.PROJECT, "project", "id"),
    "issuetype_updated": (What.TYPE, "issuetype", "id"),
    "issuetype_deleted": (What.TYPE, "issuetype", "id"),
    "sprint_deleted": (What.VALUE, "sprint", "id"),
    "jira:version_updated": (What.VALUE, "version", "id"),
    "jira:version_deleted": (What.VALUE, "version", "id"),
    "user_updated": (What.USER, "user", "accountId"),
    "user_deleted": (What.USER, "user", "accountId"),
}
EVENTS = tuple(_ABOUT)
LONGEST_ID = 255


def site_news_blueprint() -> Blueprint:
    """POST /webhooks/site."""
    blueprint = Blueprint("site_news", __name__, url_prefix="/webhooks")

    @blueprint.post("/site")
    @accepts(Proof.SITE)
    def site() -> Response:
        told = about(json_object(request))
        if told is not None:
            what, id_ = told
            with tenant_transaction(current_caller().tenant) as session:
                drift_store.bring_forward(session, what, [id_], REST)
        return Response(status=204)

    return blueprint


def about(body: Mapping[str, Any]) -> tuple[What, str] | None:
    """The thing that an event is about; None for one that says nothing of it, which is no fault of
    the site: the daily look finds what was missed."""
    known = _ABOUT.get(str(body.get("webhookEvent")))
    if known is None:
        return None
    what, name, key = known
    thing = body.get(name)
    id_ = thing.get(key) if isinstance(thing, Mapping) else None
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        return None
    text = str(id_)
    return (what, text) if 0 < len(text) <= LONGEST_ID and text.isprintable() else None
