"""The fingerprints of a profile: with its tenant's key, by what its values are."""

from __future__ import annotations

import uuid

from app.database import TenantId
from app.mapping.profile import Profile, Side
from app.mapping.values import Value, handler
from app.sync.fingerprint import Fingerprinter
from app.vault.vault import Vault


def of_profile(
    vault: Vault, left_tenant: TenantId, profile_id: uuid.UUID, profile: Profile
) -> Fingerprinter:
    """What makes and compares the base of a profile's pairs."""
    kinds = {(m.key, side): handler(m.kind_of(side)) for m in profile.fields for side in Side}

    def identity(key: str, side: Side, value: Value) -> Value:
        kind = kinds.get((key, side))
        return value if kind is None else kind.identity(value)

    return Fingerprinter(vault.derive(left_tenant, f"fingerprint:{profile_id}"), identity=identity)
