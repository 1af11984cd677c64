"""The priority, by id: the system field `priority` (type "priority")."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf
from app.mapping.profile import Kind
from app.mapping.values import register


@register(Kind.PRIORITY)
class Priority(OneOf):
    """One priority. The kind "named" carries it by name instead."""

    kind = Kind.PRIORITY
