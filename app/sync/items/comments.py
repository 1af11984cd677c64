"""Comments: rich text by an author, at times for few eyes."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from app.jira.answers import PROPERTY, text
from app.jira.site import Issue, JiraSite
from app.jira.times import parse_time
from app.mapping.kinds.rich_text import nodes
from app.mapping.profile import ItemKind, ItemMapping, Kind, MarkerMode
from app.mapping.rich import told
from app.mapping.said import said
from app.mapping.values import UnreadableValueError, handler
from app.sync.items.kinds import KindOfItem, Listing, Refusal, Target
from app.sync.items.model import Held, Item, Mark, read_mark

LONGEST = 32_767
"""Characters that Jira takes in a comment."""
CUT = "(Cut by Tandem: with these words the comment is longer than Jira takes.)"
PUBLIC = "sd.public.comment"
RICH = handler(Kind.RICH_TEXT)

RESTRICTED = Held(said("The comment is for a role or a group alone."), retract=True)
INTERNAL = Held(
    said("The comment is internal, and not both sides allow that it crosses."), retract=True
)
NO_SERVICE = Held(
    said("The comment is internal, and the other project is no service project."), retract=True
)
UNMARKED = Held(said("The profile's marker does not choose the comment."), retract=False)
EMPTY = Held(said("The comment says nothing."), retract=False)
UNREADABLE = Held(said("The comment's text cannot be read."), retract=False)


class CommentKind(KindOfItem):
    """See KindOfItem. The author's name is shown on the other side and never stored."""

    kind = ItemKind.COMMENTS
    field = "comment"
    marks_last = True

    def read(self, issue: Issue, other: Issue, mapping: ItemMapping) -> Listing | None:
        """See KindOfItem."""
        shown = issue.fields.get(self.field)
        if not isinstance(shown, dict) or not isinstance(shown.get("comments"), list):
            return None
        raws = shown["comments"]
        items = _items(raws, other, mapping)
        return Listing(items, whole=int(shown.get("total", len(raws))) <= len(raws))

    def read_all(
        self, site: JiraSite, issue: Issue, other: Issue, mapping: ItemMapping
    ) -> tuple[Item, ...]:
        """See KindOfItem."""
        return _items(site.comments.all(issue.id), other, mapping)

    def marks(self, site: JiraSite, ids: Sequence[str]) -> Mapping[str, Mark | None]:
        """See KindOfItem."""
        return {one: read_mark(found) for one, found in site.comments.marks(ids).items()}

    def make(self, to: Target, source: Item, mark: Mark) -> Item:
        """See KindOfItem."""
        internal = _is_internal(source)
        properties: dict[str, Any] = {PROPERTY: mark.as_property()}
        if internal:
            properties[PUBLIC] = {"internal": True}
        made = to.site.comments.add(to.issue.id, _body(to, source), properties)
        if internal and made.get("jsdPublic") is not False:
            to.site.comments.delete(to.issue.id, text(made["id"]))
            raise Refusal(
                said("The site does not keep the comment internal, so it was taken back.")
            )
        return _item(made, to.issue, to.mapping)

    def write(self, to: Target, twin: Item, source: Item) -> Item:
        """See KindOfItem."""
        internal = _is_internal(source)
        changed = {PUBLIC: {"internal": internal}} if internal != _is_internal(twin) else {}
        found = to.site.comments.edit(to.issue.id, twin.id, _kept(to, twin, source), changed)
        return _item(found, to.issue, to.mapping)

    def delete(self, to: Target, twin: Item) -> bool:
        """See KindOfItem."""
        to.site.comments.delete(to.issue.id, twin.id)
        return True

    def text(self, item: Item) -> str:
        """See KindOfItem."""
        value = item.value
        return RICH.text(value[0]) if isinstance(value, tuple) else ""


def carry_body(document: str, to: Target) -> str:
    """A comment's text as the other site is to have it. Raises Refusal where it must not be
    written."""
    carried = to.carried(document)
    if carried.refused is not None or carried.document is None:
        raise Refusal(carried.refused or said("Nothing of the comment's text can be carried."))
    for sentence in told(carried.degraded):
        to.tell(sentence)
    return carried.document


def _items(raws: Sequence[Any], other: Issue, mapping: ItemMapping) -> tuple[Item, ...]:
    return tuple(_item(raw, other, mapping) for raw in raws)


def _item(raw: Mapping[str, Any], other: Issue, mapping: ItemMapping) -> Item:
    author = raw.get("author") or {}
    internal = raw.get("jsdPublic") is False
    try:
        words = RICH.read(raw.get("body"))
        held = _held(raw, words if isinstance(words, str) else None, other, mapping)
    except UnreadableValueError:
        words, held = None, UNREADABLE
    by_app = bool(author) and author.get("accountType") not in {"atlassian", "customer"}
    return Item(
        id=text(raw["id"]),
        author=str(author.get("accountId", "")),
        created=parse_time(raw["created"]),
        updated=parse_time(raw["updated"]),
        value=(words, internal),
        held=held,
        by_app=by_app,
        looked=not by_app,
        raw=raw,
    )


def _held(
    raw: Mapping[str, Any], words: str | None, other: Issue, mapping: ItemMapping
) -> Held | None:
    """Why a comment may not cross. What it is for comes before what it says."""
    if raw.get("visibility"):
        return RESTRICTED
    if raw.get("jsdPublic") is False:
        if not mapping.carries_internal:
            return INTERNAL
        project = other.fields.get("project") or {}
        if project.get("projectTypeKey") != "service_desk":
            return NO_SERVICE
    if words is None:
        return EMPTY
    if mapping.marker is not None:
        has_it = mapping.marker in RICH.text(words)
        if has_it is (mapping.marker_mode is MarkerMode.UNLESS):
            return UNMARKED
    return None


def _is_internal(item: Item) -> bool:
    return isinstance(item.value, tuple) and item.value[1] is True


def _body(to: Target, source: Item) -> dict[str, Any]:
    """The text of a twin, as long as Jira takes."""
    words = source.value[0] if isinstance(source.value, tuple) else None
    if not isinstance(words, str):
        raise Refusal(said("The comment says nothing that can be carried."))
    return twin_text(to, source, words)


def _kept(to: Target, twin: Item, source: Item) -> object:
    """The text of a twin that is written anew: no file of the issue goes with that."""
    now = twin.value[0] if isinstance(twin.value, tuple) else None
    body = RICH.read(_body(to, source))
    if not isinstance(now, str) or not isinstance(body, str):
        return RICH.write(body)
    return RICH.write(to.media.keeping(now, body))


def twin_text(to: Target, source: Item, words: str | None) -> dict[str, Any]:
    """The rich text of a twin: whose the source is, and what it says, as long as Jira takes. Raises
    Refusal."""
    blank: dict[str, Any] = {"type": "doc", "version": 1}
    document = blank if words is None else json.loads(carry_body(words, to))
    blocks = list(document.get("content") or ())
    if to.mapping.prefix is not None and to.first:
        blocks.insert(0, _paragraph(_prefix(to.mapping.prefix, source, to.source_url)))
    document["content"] = _shortened(blocks)
    written = RICH.write(RICH.read(document))
    return written if isinstance(written, dict) else document


def _prefix(template: str, source: Item, url: str) -> str:
    names = {
        "author": str((source.raw.get("author") or {}).get("displayName") or "Somebody"),
        "site": url.partition("://")[2].partition("/")[0] or url,
        "created": f"{source.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    }
    return string.Formatter().vformat(template, (), names)


def _paragraph(words: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": words}]}


def _length(node: object) -> int:
    found = 0
    for one in nodes(node, "content"):
        words = one.get("text")
        if isinstance(words, str):
            found += len(words.encode("utf-16-le", "surrogatepass")) // 2
        found += one.get("type") == "hardBreak"
    return found


def _shortened(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks that Jira takes, and a sentence where these are not all."""
    # Jira counts a line break or two between blocks.
    if _length(blocks) + 2 * (len(blocks) - 1) <= LONGEST:
        return blocks
    left, kept = LONGEST - len(CUT) - 2, []
    for block in blocks:
        length = _length(block)
        if length > left:
            words = RICH.text(RICH.read({"type": "doc", "version": 1, "content": [block]}))
            if start := _fitting(words, left):
                kept.append(_paragraph(start))
            break
        kept.append(block)
        left -= length + 2
    return [*kept, _paragraph(CUT)]


def _fitting(words: str, most: int) -> str:
    """The beginning of a text, of at most so many characters as Jira counts them."""
    cut = words.encode("utf-16-le", "surrogatepass")[: 2 * most]
    return cut.decode("utf-16-le", "ignore").rstrip()
