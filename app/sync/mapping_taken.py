"""What follows from a mapping that came in force as a whole: issues to find, pairs to visit."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from app.database import tenant_transaction
from app.mapping import profiles
from app.mapping.profile import Profile, Side
from app.sync import completeness_store
from app.sync.items.revisit import visit_all
from app.vault.vault import Vault


def follow(
    vault: Vault,
    ring: Callable[[uuid.UUID, int], None],
    profile_id: uuid.UUID,
    old: Profile,
    new: Profile,
) -> None:
    """Issues that came inside by another filter have no twin yet: a check of the scope finds them.
    Internal comments that may not cross any more are taken away: all pairs are visited."""
    stored = profiles.load(vault, profile_id)
    if any(old.scope(side).filter != new.scope(side).filter for side in Side):
        with tenant_transaction(stored.left_tenant) as session:
            completeness_store.begin(session, profile_id)
    if _internal(old) - _internal(new):
        visit_all(ring, stored)


def _internal(profile: Profile) -> set[tuple[str, Side]]:
    return {(one.kind.value, side) for one in profile.items for side in one.internal}
