"""Fingerprints: what the base of the merge keeps of a value instead of the value."""

import hmac
import json
from collections.abc import Callable
from typing import TypeAlias

from app.mapping.profile import Side
from app.mapping.values import Value

_DOMAIN = "tandem/fingerprint/1"
_BYTES = 16
_KEY_BYTES = 32
# One encoder for all: `dumps` makes a new one at each call.
_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


Identity: TypeAlias = Callable[[str, Side, Value], Value]
"""What of a value, by mapping key and side, is compared: two that say the same have one."""


def whole(mapping_key: str, side: Side, value: Value) -> Value:
    """All of a value."""
    return value


class Fingerprinter:
    """Makes fingerprints with the key of one tenant.

    `context` (for example the id of the pair) keeps equal values of different issues from having
    equal fingerprints, so that a copy of the table does not even show which issues are alike.
    """

    __slots__ = ("_context", "_identity", "_key")

    def __init__(self, key: bytes, context: str = "", *, identity: Identity = whole) -> None:
        """`key`: at least 32 random bytes. Raises ValueError for a shorter one."""
        if len(key) < _KEY_BYTES:
            raise ValueError(f"fingerprint key: {len(key)} bytes found, at least 32 needed")
        self._key = key
        self._context = context
        self._identity = identity

    def of(self, mapping_key: str, side: Side, value: Value) -> str:
        """HMAC-SHA-256 of the value, its mapping and its side: 32 hexadecimal digits.

        The encoding is JSON, so that no two different inputs share one. 16 of the 32 bytes are
        kept: the least that RFC 2104 (section 5) advises, and half the storage.
        """
        # Reference: https://www.rfc-editor.org/rfc/rfc2104#section-5
        said = self._identity(mapping_key, side, value)
        message = _encoded([_DOMAIN, self._context, mapping_key, side.value, said])
        return hmac.digest(self._key, message.encode("ascii"), "sha256")[:_BYTES].hex()
