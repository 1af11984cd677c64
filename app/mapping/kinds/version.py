"""Versions of a project: the system fields `fixVersions` and `versions` and custom version pickers
(array of "version"; the single picker is of type "version")."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf, SeveralOf
from app.mapping.profile import Kind
from app.mapping.values import register


@register(Kind.VERSIONS)
class Versions(SeveralOf):
    """Several versions, in no order. A changelog has an item for each added or removed."""

    kind = Kind.VERSIONS
    can_create = True


@register(Kind.VERSION)
class Version(OneOf):
    """One version, of a single version picker."""

    kind = Kind.VERSION
    can_create = True
