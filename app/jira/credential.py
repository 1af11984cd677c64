"""What Tandem calls a site with, whichever way the site was connected."""

from __future__ import annotations

from typing import Protocol

from requests.auth import AuthBase


class Credential(Protocol):
    """Signs our calls to one site; connect/ (and later forge/) implement it."""

    def auth(self) -> AuthBase:
        """The signer for a requests session."""
