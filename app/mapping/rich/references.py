"""What a text names of its site, rewritten to what the other site calls it: keys and addresses."""

from __future__ import annotations

import re
from typing import Any

from app.mapping.rich.characters import clean
from app.mapping.rich.known import Context, Notes, attrs_of, named

# An issue key that stands by itself: no part of a longer word, of a path, an address or the name
# of a file. The same rule sees the key that takes its place, so that the way back finds it.
KEY = r"(?<![A-Za-z0-9_./@\\-])[A-Z][A-Z0-9_]{1,254}-[1-9][0-9]{0,9}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
_URL = r"https?://[^\s<>|\]\[\"'{}]+"
_FOUND = re.compile(rf"(?P<url>{_URL})|(?P<key>{KEY})")
_BROWSED = re.compile(r"/browse/([A-Z][A-Z0-9_]{1,254}-[1-9][0-9]{0,9})(?![A-Za-z0-9_-])")


def in_text(text: str, context: Context, notes: Notes | None = None) -> str:
    """The text with the keys of linked issues, and the addresses that show them, as over there."""

    def there(found: re.Match[str]) -> str:
        if found["url"]:
            return in_url(found["url"], context, notes)
        return _key(found["key"], context, notes)

    return _FOUND.sub(there, text)


def in_url(url: str, context: Context, notes: Notes | None = None) -> str:
    """The address, at the other site where it shows a linked issue; what follows stays."""
    if not url.startswith(context.source):
        return url
    found = _BROWSED.match(url, len(context.source))
    if not found:
        return url
    there = _key(found[1], context, notes)
    if there == found[1] and found[1] not in context.issues:
        return url
    return f"{context.target}/browse/{there}{url[found.end() :]}"


def _key(key: str, context: Context, notes: Notes | None) -> str:
    if key not in context.issues and notes is not None:
        notes.issues.add(key)
    return context.issues.get(key, key)


def keys(text: str, source: str) -> list[str]:
    """The issue keys in a text, those in addresses of the source site among them."""
    found = []
    for one in _FOUND.finditer(text):
        if one["key"]:
            found.append(one["key"])
        elif one["url"].startswith(source) and (shown := _BROWSED.match(one["url"], len(source))):
            found.append(shown[1])
    return found


def masked(text: str) -> str:
    """The cleaned text with the same letter for every key and address, to compare two sites'."""
    return _FOUND.sub("\N{LINK SYMBOL}", clean(text))


def in_mark(mark: Any, context: Context, notes: Notes) -> Any:
    """A mark with its address rewritten, where it is a link; whatever else it is as it is."""
    href = attrs_of(mark).get("href") if named(mark) == "link" else None
    if not isinstance(href, str):
        return mark
    return {**mark, "attrs": {**mark["attrs"], "href": in_url(clean(href), context, notes)}}


def in_card(attrs: dict[str, Any], context: Context, notes: Notes) -> dict[str, Any]:
    """A card's attributes with the address rewritten, in its data too."""
    found = dict(attrs)
    if isinstance(found.get("url"), str):
        found["url"] = in_url(found["url"], context, notes)
    data = found.get("data")
    if isinstance(data, dict) and isinstance(data.get("url"), str):
        found["data"] = {**data, "url": in_url(data["url"], context, notes)}
    return found
