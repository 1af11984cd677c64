"""Reads what is picked from a list that the site keeps: options, versions, levels, sprints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sandbox.model import Component, FieldDef, Option, Version
from sandbox.values.faults import FieldFault, an_array, an_object

if TYPE_CHECKING:
    from sandbox.values import Intake

Choice = tuple[str, str]


def _option(field: FieldDef, known: Iterable[Option], value: Any, held: Iterable[Any]) -> Option:
    if not isinstance(value, dict) or not ({"id", "value"} & value.keys()):
        raise FieldFault("Specify a valid 'id' or 'name' for " + field.name)
    for option in known:
        meant = (
            option.id == str(value["id"])
            if value.get("id") is not None
            else option.value == value.get("value")
        )
        # One that is switched off stays where it is, but is not chosen anew.
        if meant and (not option.disabled or option.id in held):
            return option
    if value.get("id") is not None:
        raise FieldFault(f"Option id '{value['id']}' is not valid")
    raise FieldFault(f"Option value '{value.get('value')}' is not valid")


def _held(intake: Intake, field: FieldDef) -> list[Any]:
    found = intake.current.get(field.id)
    return list(found) if isinstance(found, list | tuple) else [found]


def option(intake: Intake, field: FieldDef, value: Any) -> str:
    """One option, by id or value."""
    return _option(field, field.options, value, _held(intake, field)).id


def options(intake: Intake, field: FieldDef, value: Any) -> list[str] | None:
    """Several options, in the order of the field's list."""
    held = _held(intake, field)
    found = {_option(field, field.options, part, held).id for part in an_array(value)}
    return [o.id for o in field.options if o.id in found] or None


def cascade(intake: Intake, field: FieldDef, value: Any) -> Choice:
    """An option and one of its children, "" where none is given."""
    held = _held(intake, field)
    parent = _option(field, field.options, value, held)
    child = value.get("child")
    if child is None:
        return parent.id, ""
    return parent.id, _option(field, parent.children, child, held).id


def _of_project(
    intake: Intake, label: str, known: Iterable[Component | Version], value: Any
) -> Component | Version:
    given = an_object(value)
    own = [one for one in known if one.project_id == intake.project.id]
    if given.get("id") is not None:
        wanted = str(given["id"])
        found = next((one for one in own if one.id == wanted), None)
        if found is None:
            raise FieldFault(f"{label} id '{wanted}' is not valid")
        return found
    if not isinstance(given.get("name"), str):
        raise FieldFault(f"Specify a valid 'id' or 'name' for {label.lower()}")
    found = next((one for one in own if one.name == given["name"]), None)
    if found is None:
        raise FieldFault(f"{label} name '{given['name']}' is not valid")
    return found


def components(intake: Intake, field: FieldDef, value: Any) -> list[str]:
    """Components of the project."""
    known = intake.site.components
    given = an_array(value or [])
    found = {_of_project(intake, "Component", known.values(), part).id for part in given}
    return [one for one in known if one in found]


def version(intake: Intake, field: FieldDef, value: Any) -> str:
    """A version of the project; an archived one only where it is already."""
    known = intake.site.versions
    found = _of_project(intake, "Version", known.values(), value).id
    if known[found].archived and found not in _held(intake, field):
        raise FieldFault(f"Version '{known[found].name}' is archived and cannot be selected.")
    return found


def versions(intake: Intake, field: FieldDef, value: Any) -> list[str] | None:
    """Versions of the project."""
    found = {version(intake, field, part) for part in an_array(value or [])}
    listed = [one for one in intake.site.versions if one in found]
    return listed or ([] if not field.custom else None)


def sprint(intake: Intake, field: FieldDef, value: Any) -> list[int] | None:
    """The sprint to be in, by number; those that are over stay on the issue."""
    known = intake.site.sprints
    over = [one for one in intake.current.get(field.id) or [] if known[one].state == "closed"]
    if value is None:
        return over or None
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldFault("Number value expected as the Sprint id.")
    if value not in known:
        raise FieldFault(f"Sprint with id '{value}' does not exist or you cannot view it.")
    if known[value].state == "closed":
        raise FieldFault("Issue can be assigned only active or future sprints.")
    return [*over, value]


def security(intake: Intake, field: FieldDef, value: Any) -> str:
    """A level of the project's scheme."""
    given = an_object(value)
    for level in intake.site.security_levels.values():
        meant = level.id == str(given.get("id", "")) or level.name == given.get("name")
        if level.project_id == intake.project.id and meant:
            return level.id
    raise FieldFault("The security level selected is invalid.")


def priority(intake: Intake, field: FieldDef, value: Any) -> str:
    """A priority of the project's scheme."""
    given = an_object(value)
    for one in intake.site.priorities.values():
        allowed = one.projects is None or intake.project.key in one.projects
        named = one.id == str(given.get("id", "")) or one.name == given.get("name")
        if allowed and named:
            return one.id
    if "name" in given and "id" not in given:
        raise FieldFault(f"Priority name '{given['name']}' is not valid")
    raise FieldFault("The priority selected is invalid.")


def resolution(intake: Intake, field: FieldDef, value: Any) -> str:
    """A resolution of the site."""
    for one in intake.site.resolutions.values():
        if isinstance(value, dict) and (
            one.id == str(value.get("id", "")) or one.name == value.get("name")
        ):
            return one.id
    raise FieldFault("The resolution selected is invalid.")


def parent(intake: Intake, field: FieldDef, value: Any) -> str:
    """The issue above, by id or key."""
    named = str(value.get("id") or value.get("key") or "") if isinstance(value, dict) else ""
    found = intake.site.issue(named)
    if found is None:
        raise FieldFault("Could not find issue by id or key.")
    return found.id
