"""Whether the texts of two sites are one but for the issues that they name. Pure.

Where two issues are compared first, as after the loss of all links, the twins of the issues that
their texts name may be found only later: until then each side names its own.
"""

from __future__ import annotations

import json
import re
from typing import Any

from app.mapping.kinds.rich_text import as_read
from app.mapping.rich.references import KEY

_BROWSED = r"https?://[^\s/]+(?:/[^\s/]+){0,4}?/browse/[A-Z][A-Z0-9_]{1,254}-[1-9][0-9]{0,9}"
_NAMED = re.compile(rf"{_BROWSED}(?![A-Za-z0-9_-])|{KEY}")


def but_for_keys(one: object, other: object) -> bool:
    """Whether two documents say the same where each key of an issue, and each address that shows
    one, may stand for any other."""
    if not isinstance(one, str) or not isinstance(other, str):
        return one == other
    try:
        return _masked(one) == _masked(other)
    except RecursionError:
        return False


def _masked(value: str) -> str:
    document = json.loads(value)
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        for place, part in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(part, str):
                node[place] = _NAMED.sub("\N{LINK SYMBOL}", part)
            elif isinstance(part, (dict, list)):
                waiting.append(part)
    return as_read(document)
