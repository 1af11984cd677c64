"""What the items of a pair are looked at with: by a visit, or by those who only look."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from app.database import TenantId
from app.jira.site import JiraSite
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.fingerprint import Fingerprinter
from app.sync.items.model import Place
from app.sync.store_links import Link


class Amiss(StrEnum):
    """How a twin is not as its source and the profile have it."""

    MISSING = "missing"
    DIFFERENT = "different"
    SURPLUS = "surplus"  # it should be gone


class Reads(Protocol):
    """The profile, its two sites, and what makes its fingerprints. A Turn is one."""

    @property
    def profile(self) -> StoredProfile:
        """The profile."""

    @property
    def tenants(self) -> Mapping[Side, TenantId]:
        """Whose sites they are."""

    @property
    def sites(self) -> Mapping[Side, JiraSite]:
        """The sites."""

    @property
    def fingerprints(self) -> Fingerprinter:
        """What makes its fingerprints."""


def place_of(reads: Reads, link: Link) -> Place:
    """Where a pair is."""
    issues = {side: str(link.issue_id(side)) for side in Side}
    return Place(str(reads.profile.id), reads.tenants, issues)
