"""Turns the values that callers send for fields into what is stored, refusing as Jira does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sandbox.errors import JiraError
from sandbox.model import FieldDef, JsonDict, Project
from sandbox.richtext import converter
from sandbox.site import Site

TEXT_LIMIT = 32_767
SUMMARY_LIMIT = 255


class FieldFault(Exception):
    """A value that the field refuses, in Jira's words."""


@dataclass(frozen=True)
class Intake:
    """Reads values for one project, in the representation of an API version."""

    site: Site
    version: int
    project: Project

    def read(self, field: FieldDef, value: Any) -> Any:
        """The value as stored. Raises FieldFault."""
        readers: dict[str, Callable[[FieldDef, Any], Any]] = {
            "string": self._string,
            "richtext": self._rich,
            "number": self._number,
            "date": self._date,
            "labels": self._labels,
            "option": self._option,
            "options": self._options,
            "user": self._user,
            "priority": self._priority,
            "parent": self._parent,
            "resolution": self._resolution,
        }
        reader = readers.get(field.kind)
        if reader is None:
            raise FieldFault(
                f"Field '{field.id}' cannot be set. It is not on the appropriate screen, or "
                "unknown."
            )
        if field.id == "summary" and (value is None or not str(value).strip()):
            raise FieldFault("You must specify a summary of the issue.")
        if value is None:
            return [] if field.id == "labels" else None
        return reader(field, value)

    def _string(self, field: FieldDef, value: Any) -> str:
        if not isinstance(value, str):
            raise FieldFault("Operation value must be a string")
        if field.id == "summary":
            if len(value) > SUMMARY_LIMIT:
                raise FieldFault("Summary can't exceed 255 characters.")
            if "\n" in value or "\r" in value:
                raise FieldFault("The summary is invalid because it contains newline characters.")
            return value.strip()
        if len(value) > SUMMARY_LIMIT:
            raise FieldFault(
                "The entered text is too long. It exceeds the allowed limit of 255 characters."
            )
        return value

    def _rich(self, field: FieldDef, value: Any) -> JsonDict | None:
        return rich_in(self.version, value)

    def _number(self, field: FieldDef, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FieldFault("Operation value must be a number")
        return float(value)

    def _date(self, field: FieldDef, value: Any) -> str | None:
        if value == "":
            return None
        if not isinstance(value, str):
            raise FieldFault("Operation value must be a string")
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise FieldFault(f"Error parsing date string: {value}") from None

    def _labels(self, field: FieldDef, value: Any) -> list[str]:
        if not isinstance(value, list) or any(not isinstance(v, str) for v in value):
            raise FieldFault("data was not an array")
        for label in value:
            if re.search(r"\s", label):
                raise FieldFault(f"The label '{label}' contains spaces which is invalid.")
            if len(label) > SUMMARY_LIMIT:
                raise FieldFault(f"The label '{label}' exceeds the maximum length of 255.")
        return sorted(set(filter(None, value)))

    def _option(self, field: FieldDef, value: Any) -> str:
        if not isinstance(value, dict) or not ({"id", "value"} & value.keys()):
            raise FieldFault("Specify a valid 'id' or 'name' for " + field.name)
        for option in field.options:
            if option.id == str(value.get("id", "")) or option.value == value.get("value"):
                return option.id
        wrong = value.get("id") or value.get("value")
        raise FieldFault(f"Option id '{wrong}' is not valid" if "id" in value
                         else f"Option value '{wrong}' is not valid")  # fmt: skip

    def _options(self, field: FieldDef, value: Any) -> list[str] | None:
        if not isinstance(value, list):
            raise FieldFault("data was not an array")
        found = {self._option(field, part) for part in value}
        return [o.id for o in field.options if o.id in found] or None

    def _user(self, field: FieldDef, value: Any) -> str | None:
        if not isinstance(value, dict):
            raise FieldFault("data was not an object")
        account_id = value.get("accountId", value.get("id"))
        if account_id is None and ("accountId" in value or "id" in value):
            return None
        user = self.site.users.get(str(account_id))
        if user is None or not user.active:
            if field.id == "reporter":
                raise FieldFault("The reporter specified is not a user.")
            raise FieldFault(f"User '{account_id}' does not exist.")
        if field.id == "assignee" and not user.can_edit:
            raise FieldFault(f"User '{user.display_name}' cannot be assigned issues.")
        return user.account_id

    def _priority(self, field: FieldDef, value: Any) -> str:
        if not isinstance(value, dict):
            raise FieldFault("data was not an object")
        for priority in self.site.priorities.values():
            allowed = priority.projects is None or self.project.key in priority.projects
            named = priority.id == str(value.get("id", "")) or priority.name == value.get("name")
            if allowed and named:
                return priority.id
        if "name" in value and "id" not in value:
            raise FieldFault(f"Priority name '{value['name']}' is not valid")
        raise FieldFault("The priority selected is invalid.")

    def _parent(self, field: FieldDef, value: Any) -> str:
        named = str(value.get("id") or value.get("key") or "") if isinstance(value, dict) else ""
        parent = self.site.issue(named)
        if parent is None:
            raise FieldFault("Could not find issue by id or key.")
        return parent.id

    def _resolution(self, field: FieldDef, value: Any) -> str:
        for resolution in self.site.resolutions.values():
            if isinstance(value, dict) and (
                resolution.id == str(value.get("id", "")) or resolution.name == value.get("name")
            ):
                return resolution.id
        raise FieldFault("The resolution selected is invalid.")


def rich_in(version: int, value: Any) -> JsonDict | None:
    """Read rich text: a checked ADF document in v3, wiki markup in v2. Raises FieldFault."""
    if version == 2:
        if not isinstance(value, str):
            raise FieldFault("Operation value must be a string")
        if len(value) > TEXT_LIMIT:
            raise FieldFault(
                "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
            )
        found: JsonDict | None = converter().wiki_to_adf(value) if value.strip() else {}
        return found or None
    if not isinstance(value, dict) or value.get("type") != "doc":
        raise FieldFault(
            "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
        )
    if converter().check_adf(value):
        # Jira says no more than this about a document that breaks the schema.
        raise JiraError(400, "INVALID_INPUT")
    # Jira keeps no document without content: it reads back as null.
    return value if value.get("content") else None
