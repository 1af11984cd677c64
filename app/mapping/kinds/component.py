"""Components of a project: the system field `components` (array of "component")."""

from __future__ import annotations

from app.mapping.kinds.identified import SeveralOf
from app.mapping.profile import Kind
from app.mapping.values import register


@register(Kind.COMPONENTS)
class Components(SeveralOf):
    """Several components, in no order. A changelog has an item for each added or removed."""

    kind = Kind.COMPONENTS
    can_create = True
