"""How a site is reached where Tandem is not installed: its address, an email and an API token."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from app.database import TenantId
from app.vault.vault import Place


@dataclass(frozen=True)
class Access:
    """What an admin gave. It is stored as one sealed value, and shown to nobody but the address."""

    url: str
    email: str = field(repr=False)
    token: str = field(repr=False)

    def dump(self) -> bytes:
        """The three as one text, to be sealed."""
        return json.dumps({"url": self.url, "email": self.email, "token": self.token}).encode()

    @classmethod
    def load(cls, opened: bytes) -> Access:
        """What `dump` made."""
        return cls(**json.loads(opened))


@dataclass(frozen=True)
class Given:
    """An access that was checked, and whose site it leads to."""

    cloud_id: str
    access: Access


def place_of(tenant: TenantId) -> Place:
    """Where the secret of a tenant's site is sealed: a shared one, or an Access."""
    return Place(tenant, "installation", "shared_secret", str(tenant))
