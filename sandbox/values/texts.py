"""Reads texts: one line, an address, labels, rich text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.errors import JiraError
from sandbox.model import FieldDef, JsonDict
from sandbox.richtext import converter
from sandbox.values.faults import FieldFault, a_string

if TYPE_CHECKING:
    from sandbox.values import Intake

TEXT_LIMIT = 32_767
LINE_LIMIT = 255
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of {:,} characters."
SCHEMES = ("http", "https", "ftp", "ftps", "file", "mailto")


def line(intake: Intake, field: FieldDef, value: Any) -> str | None:
    """A text of one line; an empty one is none."""
    text = a_string(value)
    if field.id == "summary":
        return _summary(text)
    if len(text) > LINE_LIMIT:
        raise FieldFault(TOO_LONG.format(LINE_LIMIT))
    if "\n" in text or "\r" in text:
        raise FieldFault("The entered text is invalid because it contains newline characters.")
    return text or None


def _summary(text: str) -> str:
    if not text.strip():
        raise FieldFault("You must specify a summary of the issue.")
    if len(text) > LINE_LIMIT:
        raise FieldFault("Summary can't exceed 255 characters.")
    if "\n" in text or "\r" in text:
        raise FieldFault("The summary is invalid because it contains newline characters.")
    return text.strip()


def url(intake: Intake, field: FieldDef, value: Any) -> str | None:
    """An absolute address."""
    text = a_string(value)
    if not text:
        return None
    if len(text) > LINE_LIMIT:
        raise FieldFault(TOO_LONG.format(LINE_LIMIT))
    try:
        parts = urlsplit(text)
        known = parts.scheme in SCHEMES and bool(parts.netloc or parts.path.strip("/"))
    except ValueError:
        known = False
    hosted = known and (parts.scheme not in ("http", "https") or parts.hostname)
    if not hosted or re.search(r"\s", text):
        raise FieldFault("Not a valid URL")
    return text


def labels(intake: Intake, field: FieldDef, value: Any) -> list[str]:
    """Labels: texts without blanks."""
    if not isinstance(value, list) or any(not isinstance(v, str) for v in value):
        raise FieldFault("data was not an array")
    for label in value:
        if re.search(r"\s", label):
            raise FieldFault(f"The label '{label}' contains spaces which is invalid.")
        if len(label) > LINE_LIMIT:
            raise FieldFault(f"The label '{label}' exceeds the maximum length of 255.")
    return sorted(set(filter(None, value)))


def rich(intake: Intake, field: FieldDef, value: Any) -> JsonDict | None:
    """Rich text in the representation of the API version."""
    return rich_in(intake.version, value)


def rich_in(version: int, value: Any) -> JsonDict | None:
    """Read rich text: a checked ADF document in v3, wiki markup in v2. Raises FieldFault."""
    if version == 2:
        text = a_string(value)
        if len(text) > TEXT_LIMIT:
            raise FieldFault(TOO_LONG.format(TEXT_LIMIT))
        found: JsonDict | None = converter().wiki_to_adf(text) if text.strip() else {}
        return found or None
    if not isinstance(value, dict) or value.get("type") != "doc":
        raise FieldFault(
            "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
        )
    if converter().check_adf(value):
        # Jira says no more than this about a document that breaks the schema.
        raise JiraError(400, "INVALID_INPUT")
    if _letters(value) > TEXT_LIMIT:
        raise FieldFault(TOO_LONG.format(TEXT_LIMIT))
    # Jira keeps no document without content: it reads back as null.
    return value if value.get("content") else None


def _letters(node: JsonDict) -> int:
    """How many characters of text a document has."""
    below = sum(_letters(child) for child in node.get("content", []))
    return len(node.get("text", "")) + below
