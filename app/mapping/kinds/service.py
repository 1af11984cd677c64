"""Fields of service projects that can be set: the request type (`vp-origin`, type
"sd-customerrequesttype") and the organizations (array of "sd-customerorganization").

Jira gives a request type inside an object of the service desk REST API, and organizations with
`id` and `name`; it takes the request type's id as text and the organizations' ids as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.mapping.kinds.identified import OneOf, SeveralOf, need_id
from app.mapping.profile import Kind
from app.mapping.values import Part, UnreadableValueError, Value, register
from app.said import said


@register(Kind.REQUEST_TYPE)
class RequestType(OneOf):
    """One request type. The status that customers see beside it is no part of the value."""

    kind = Kind.REQUEST_TYPE

    def entry(self, raw: object) -> Part:
        inner = raw.get("requestType") if isinstance(raw, Mapping) else None
        if inner is not None:
            return super().entry(inner)
        return super().entry({"id": raw} if isinstance(raw, str) else raw)  # as it is written

    def reference(self, part: Part) -> object:
        return need_id(self.kind, part[0])

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # A changelog has the key of the portal's form, not the request type's id.
        return () if id_ or text else (None,)


@register(Kind.ORGANIZATIONS)
class Organizations(SeveralOf):
    """Several organizations of customers, in no order."""

    kind = Kind.ORGANIZATIONS

    def entry(self, raw: object) -> Part:
        part = super().entry({"id": raw} if isinstance(raw, int) else raw)  # as it is written
        if not (part[0].isascii() and part[0].isdigit() and len(part[0]) <= 18):
            raise UnreadableValueError(
                self.kind, said("an organization with a number as its id"), raw
            )
        return str(int(part[0])), part[1]

    def reference(self, part: Part) -> object:
        return int(need_id(self.kind, part[0]))
