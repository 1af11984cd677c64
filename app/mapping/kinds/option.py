"""Options of custom fields: single select and radio buttons (type "option"), multi select and
checkboxes (array of "option"). Jira gives `{"id": "10021", "value": "Medium"}`."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf, SeveralOf, ids_in_brackets
from app.mapping.profile import Kind
from app.mapping.values import Value, register


@register(Kind.OPTION)
class Option(OneOf):
    """One option."""

    kind = Kind.OPTION


@register(Kind.OPTIONS)
class Options(SeveralOf):
    """Several options, in no order."""

    kind = Kind.OPTIONS

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # One item with all: "[10001, 10002]", and the names with commas between.
        found = ids_in_brackets(id_, text)
        return () if found is None else (found,)
