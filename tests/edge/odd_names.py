"""Names that are hard to show, and whether a page keeps each apart from the words around it."""

from __future__ import annotations

from html.parser import HTMLParser

MARK = "שלום"
ODD = f"{MARK} עולם \U0001f600 </b><b>&amp;" + "n" * 228
"""255 characters: right to left, an emoji, what would be markup, and a word without an end."""
_UNSHOWN = {"option", "datalist", "textarea", "title", "script"}
"""Whose text has a direction of its own, or is not shown."""
_EMPTY = {"input", "br", "meta", "link", "img", "hr"}


class _Reader(HTMLParser):
    """Collects the texts with an odd name that stand among other words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool]] = []
        self.loose: list[str] = []
        self.bold = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bold += tag == "b"
        if tag not in _EMPTY:
            self._open.append((tag, tag == "bdi" or dict(attrs).get("dir") == "auto"))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, _apart in self._open}
        if MARK in data and not tags & _UNSHOWN and not any(apart for _tag, apart in self._open):
            self.loose.append(
                " > ".join(tag for tag, _apart in self._open) + f": {data.strip()[:80]}"
            )


def loose(page: str) -> list[str]:
    """Where an odd name may turn the words around it, and where one became markup."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.loose + ["markup"] * reader.bold
