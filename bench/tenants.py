"""Many tenants at a running Tandem, made through its own services: all their sites are the two of
the sandbox, by other client keys."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from app import Tandem, create_app
from app.database import TenantId, db, tenant_transaction
from app.jobs.bell import ring_all
from app.mapping import approvals, profiles
from app.mapping.profile import Scope, Side
from app.settings import load_settings
from app.sync.lanes import LANES, lane_of
from app.sync.marks import Mark, mark
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from app.tenants.installations import Site, Stamp
from app.tenants.models import InstallationState
from bench.plant import Plant
from demo.stack import APP_KEY, scope_ids
from sandbox.process import SiteHandle

LABELS_OF_THE_LEFT = json.dumps(
    [{"left": "labels", "right": "labels", "kind": "labels", "policy": "left"}]
)


@dataclass(frozen=True)
class TenantPair:
    """Two tenants with a profile between them."""

    left: TenantId
    right: TenantId
    profile: uuid.UUID


@contextmanager
def app_of(one: Plant) -> Iterator[Flask]:
    """The application over the plant's own database and keys, in this process."""
    app = create_app(
        load_settings(one.stack.environment | {"DATABASE_URL": one.database_url()}), pool_size=2
    )
    with app.app_context():
        yield app
        db.engine.dispose()


def tenant_pairs(
    one: Plant, app: Flask, number: int, *, left: tuple[str, str], right: tuple[str, str]
) -> list[TenantPair]:
    """So many pairs of tenants, each with a profile that carries labels from left to right."""
    tandem: Tandem = app.extensions["tandem"]
    sides = ((one.acme, left), (one.globex, right))
    scopes = [Scope(*scope_ids(site, *scope)) for site, scope in sides]
    secrets = [
        next(ours["sharedSecret"] for ours in site.apps(secrets=True) if ours["key"] == APP_KEY)
        for site, _ in sides
    ]
    made = []
    for _ in range(number):
        tenants = [
            _tenant(tandem, site.url, secret)
            for (site, _), secret in zip(sides, secrets, strict=True)
        ]
        callers = [Caller(tenant, "712020:bench", Proof.CONTEXT) for tenant in tenants]
        code = pairing.make_code(tandem.record, callers[1]).text
        profile = profiles.create(
            tandem.vault,
            tandem.record,
            callers[0],
            connection_id=pairing.claim(tandem.record, callers[0], code),
            name="one of many",
            left=scopes[0],
            right=scopes[1],
            parts={"fields": LABELS_OF_THE_LEFT},
        )
        approvals.decide(tandem.vault, tandem.record, callers[1], profile, 1, approves=True)
        made.append(TenantPair(tenants[0], tenants[1], profile))
    return made


def ids_of(site: SiteHandle, project: str) -> list[int]:
    """The ids of all issues of a project that the sandbox generated, in one order."""
    found: list[int] = []
    asked = {"jql": f"project = {project} AND labels = generated ORDER BY key", "fields": ["id"]}
    while True:
        page = site.call("POST", "search/jql", json={**asked, "maxResults": 5000}).json()
        found += [int(issue["id"]) for issue in page["issues"]]
        if "nextPageToken" not in page:
            return sorted(found)
        asked["nextPageToken"] = page["nextPageToken"]


def link_all(one: Plant, pair: TenantPair, twins: Sequence[tuple[int, int]]) -> None:
    """Store links of these issues, by id, as if they had never agreed on anything."""
    with one.database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, right_issue_id, lane)"
            " SELECT gen_random_uuid(), %s, %s, %s, t.l, t.r, t.l %% %s"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS t (l, r)",
            (
                pair.profile, pair.left, pair.right, LANES,
                [left for left, _ in twins], [right for _, right in twins],
            ),
        )  # fmt: skip


def mark_all(pair: TenantPair, issues: Sequence[int]) -> None:
    """Mark these issues of the left site as changed, and ring, as a webhook does."""
    marks = [
        Mark(pair.profile, Side.LEFT, issue, pair.left, pair.right, lane_of(issue), None)
        for issue in issues
    ]
    with tenant_transaction(pair.left) as session:
        mark(session, marks)
    ring_all({(pair.profile, one.lane) for one in marks})


def _tenant(tandem: Tandem, url: str, secret: str) -> TenantId:
    key = str(uuid.uuid4())
    site = Site(client_key=key, base_url=url, shared_secret=secret, stamp=_stamp(), cloud_id=key)
    tenant = tandem.installations.install(site)
    tandem.installations.set_state(tenant, InstallationState.ENABLED, 1, _stamp())
    return tenant


def _stamp() -> Stamp:
    now = datetime.now(UTC)
    return Stamp(now, now, os.urandom(32))
