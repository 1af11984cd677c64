"""Reads people and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.model import FieldDef, User
from sandbox.values.faults import FieldFault, an_array, an_object

if TYPE_CHECKING:
    from sandbox.values import Intake


def user(intake: Intake, field: FieldDef, value: Any) -> str | None:
    """One account, by id; null in the place of the id empties the field."""
    given = an_object(value)
    account_id = given.get("accountId", given.get("id"))
    if account_id is None and ("accountId" in given or "id" in given):
        return None
    return _account(intake, field, account_id, intake.current.get(field.id))


def users(intake: Intake, field: FieldDef, value: Any) -> list[str] | None:
    """Several accounts."""
    held = intake.current.get(field.id) or []
    ids = [an_object(part).get("accountId", part.get("id")) for part in an_array(value)]
    found = [_account(intake, field, one, one if one in held else None) for one in ids]
    return sorted(set(found)) or None


def _account(intake: Intake, field: FieldDef, account_id: Any, held: Any) -> str:
    found = intake.site.users.get(str(account_id))
    if found is not None and found.account_id == held:
        return found.account_id
    if field.id == "reporter" and (found is None or not found.active):
        raise FieldFault("The reporter specified is not a user.")
    if found is None:
        raise FieldFault(f"User '{account_id}' does not exist.")
    if field.id == "assignee" and not assignable(intake, found):
        raise FieldFault(f"User '{found.display_name}' cannot be assigned issues.")
    if not found.active:
        raise FieldFault(f"User '{account_id}' is not active.")
    return found.account_id


def assignable(intake: Intake, found: User) -> bool:
    """Whether issues of the project may be assigned to the account."""
    sees = found.browse is None or intake.project.key in found.browse
    return found.active and found.can_edit and sees


def group(intake: Intake, field: FieldDef, value: Any) -> str | None:
    """One group, by id or name."""
    given = an_object(value)
    known = intake.site.groups
    wanted = given.get("groupId")
    if wanted is not None:
        if str(wanted) in known:
            return str(wanted)
        raise FieldFault(f"Group with id '{wanted}' does not exist.")
    name = given.get("name")
    if name is None and given.keys() & {"groupId", "name"}:
        return None
    found = next((one.id for one in known.values() if one.name == name), None)
    if found is None:
        raise FieldFault(f"Group '{name}' does not exist.")
    return found


def groups(intake: Intake, field: FieldDef, value: Any) -> list[str] | None:
    """Several groups."""
    found = {group(intake, field, part) for part in an_array(value)}
    return [one for one in intake.site.groups if one in found] or None
