"""The security level: the system field `security` (type "securitylevel"); null: everyone."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf
from app.mapping.profile import Kind
from app.mapping.values import register


@register(Kind.SECURITY)
class Security(OneOf):
    """One security level. Carried only where a mapping says so: it hides issues from people."""

    kind = Kind.SECURITY
