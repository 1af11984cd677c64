"""What a page of a plan has read of both sites and of the links."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync import store_links
from app.sync.items.work import fields_of
from app.sync.planning_read import Reader
from app.sync.store_links import Link


class Known:
    """The issues of a page as they are now, by side and id."""

    def __init__(self, profile: StoredProfile, reader: Reader) -> None:
        self.profile, self.reader = profile, reader
        self.read: dict[Side, dict[int, Issue]] = {side: {} for side in Side}

    def forget(self) -> None:
        """Begin with another page."""
        self.read = {side: {} for side in Side}

    def transaction(self) -> AbstractContextManager[Session]:
        """One that only reads."""
        return tenant_transaction(TenantId(self.profile.left_tenant))

    def links(self, side: Side, ids: Sequence[int]) -> dict[int, Link]:
        """The links of these issues of a side, by id."""
        with self.transaction() as session:
            return store_links.links_by_issue(session, self.profile, side, ids)

    def fetch(self, side: Side, ids: Sequence[int]) -> None:
        """Read those of these that are not known yet, with all that the profile carries."""
        missing = sorted(set(ids) - self.read[side].keys())
        if missing:
            fields = [m.field(side) for m in self.profile.profile.fields]
            fields += ["created", *fields_of(self.profile.profile)]
            self.read[side] |= self.reader.fetch(side, missing, fields)
