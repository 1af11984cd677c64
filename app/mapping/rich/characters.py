"""Characters that a text of Jira cannot have."""

from __future__ import annotations

import re

# What XML 1.0 has no place for, which is what Jira refuses or drops. Line breaks and tabs stay.
# Reference: https://www.w3.org/TR/xml/#charsets
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without control characters, and with U+FFFD for each half of a character."""
    if _SURROGATES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _CONTROLS.sub("", text)
