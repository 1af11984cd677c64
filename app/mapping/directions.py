"""In which direction a profile carries, for lists of many: read once for each revision."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from sqlalchemy import select, tuple_

from app.database import TenantId, tenant_transaction
from app.mapping.models import ProfileRevision
from app.mapping.profile import Flow
from app.mapping.profiles import place
from app.vault.vault import Vault

MOST = 4096
"""Revisions that are remembered; nothing but their directions is."""


class Directions:
    """Knows the direction of revisions, by the profile's id and the number."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: OrderedDict[tuple[uuid.UUID, int], Flow] = OrderedDict()
        self._lock = Lock()

    def of(
        self, tenant: TenantId, wanted: Iterable[tuple[uuid.UUID, int]]
    ) -> dict[uuid.UUID, Flow]:
        """The direction of each profile at a revision. One query for those not known yet."""
        asked = list(wanted)
        with self._lock:
            missing = [one for one in asked if one not in self._known]
        if missing:
            self._learn(self._read(tenant, missing))
        with self._lock:
            return {id_: self._known[id_, n] for id_, n in asked if (id_, n) in self._known}

    def _read(
        self, tenant: TenantId, missing: list[tuple[uuid.UUID, int]]
    ) -> dict[tuple[uuid.UUID, int], Flow]:
        row = ProfileRevision
        with tenant_transaction(tenant) as session:
            found = session.scalars(
                select(row).where(tuple_(row.profile_id, row.number).in_(missing))
            ).all()
            session.expunge_all()
        return {(one.profile_id, one.number): self._direction(one) for one in found}

    def _direction(self, revision: ProfileRevision) -> Flow:
        where = place(TenantId(revision.left_tenant_id), revision.profile_id, revision.number)
        document = json.loads(self._vault.unseal(where, revision.document))
        items = [one for one in document.get("items", []) if one["kind"] != "remote_link"]
        parts = [*document["fields"], *items]
        flows = {Flow(one.get("flow", Flow.BOTH.value)) for one in parts}
        return flows.pop() if len(flows) == 1 else Flow.BOTH

    def _learn(self, found: dict[tuple[uuid.UUID, int], Flow]) -> None:
        with self._lock:
            self._known |= found
            while len(self._known) > MOST:
                self._known.popitem(last=False)
