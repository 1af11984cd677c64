"""The resolution, by id: the system field `resolution` (type "resolution"); null: unresolved."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf
from app.mapping.profile import Kind
from app.mapping.values import register


@register(Kind.RESOLUTION)
class Resolution(OneOf):
    """One resolution. Most sites have it on the screen of a transition alone."""

    kind = Kind.RESOLUTION
