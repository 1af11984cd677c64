"""The status, by id: the system field `status` (type "status"), which no edit can set."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf
from app.mapping.profile import Kind
from app.mapping.values import register


@register(Kind.STATUS)
class Status(OneOf):
    """One status. `write` only names it: transitions of the workflow are the way there."""

    kind = Kind.STATUS
    by_transition = True
