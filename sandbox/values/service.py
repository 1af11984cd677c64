"""Reads what service projects have: a request type, organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.desks import request_type
from sandbox.model import FieldDef
from sandbox.values.faults import FieldFault, a_string, an_array

if TYPE_CHECKING:
    from sandbox.values import Intake


def request(intake: Intake, field: FieldDef, value: Any) -> str | None:
    """A request type of the project and the issue's type, by id or by "portal/form"."""
    named = a_string(value)
    if not named:
        return None
    found = request_type(intake.site, named)
    if found is None or found.project_id != intake.project.id:
        raise FieldFault(f"Request type '{named}' is not valid.")
    if intake.type_id not in ("", found.type_id):
        raise FieldFault(f"Request type '{named}' is not valid for the issue type.")
    return found.id


def organizations(intake: Intake, field: FieldDef, value: Any) -> list[str] | None:
    """Organizations, by their numbers."""
    known = intake.site.organizations
    found = set()
    for place, one in enumerate(an_array(value)):
        if isinstance(one, bool) or not isinstance(one, int):
            raise FieldFault(f"Operation value must be a number at array index {place}")
        if str(one) not in known:
            raise FieldFault(f"Organization with id '{one}' does not exist.")
        found.add(str(one))
    return [one for one in known if one in found] or None
