"""Whether a write of ours replaced what we had read, or an edit that came after; by the changelog
in its answer. Pure. See docs/decisions/0019-edits-that-a-write-replaced.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.jira.site import Changelog, Edit
from app.mapping.kinds.rich_text import nodes
from app.mapping.profile import FieldMapping, Flow, Kind, Policy, Side
from app.mapping.values import NOT_COMPARABLE, NotComparable, Value, handler
from app.sync.plan import Snapshot, Write

SURELY = timedelta(seconds=2)
"""An issue's `updated` and its changelog are not to the millisecond: what is this much later than
the state that we read is surely an edit that we did not read."""

# Wiki markup that is plain text for sure: nothing in it could be the sign of a form.
_PLAIN = re.compile(r"(?:[^\W_]|[ \n.,;'\"]|(?<=[^\W_])[-:?](?=[^\W_]|[ \n]|$))*")
_PLAIN_NOT = re.compile(r"(?:^|\n)(?:h[1-6]|bq)\.|^\s|\s$|\n{3}|[^\n]\n[^\n]")
# Nodes of which wiki markup surely has all words.
_WORDED = frozenset({
    "doc", "paragraph", "text", "hardBreak", "heading", "bulletList", "orderedList", "listItem",
    "blockquote", "codeBlock",
})  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A field that we wrote. `ours` and `was` know what was written and what had been read.

    `read_at`: the `updated` of the issue as it was read. `held`: the site's answer holds what was
    written, so nobody edited it since. `read`: the value that was read, where it is at hand.
    """

    key: str
    field: str
    kind: Kind
    ours: Callable[[Value], bool]
    was: Callable[[Value], bool]
    read_at: datetime | None
    held: bool = True
    read: Value | NotComparable = NOT_COMPARABLE

    @classmethod
    def of(cls, write: Write, read_at: datetime, returned: Snapshot | None) -> Sent:
        """A write of which the site answered what it holds now, or (None) did not."""
        kind = handler(write.kind)

        def ours(value: Value) -> bool:
            return kind.same(value, write.value) or kind.is_stored_form(write.value, value)

        held = returned is None or write.key not in returned.values
        return cls(
            write.key,
            write.field,
            write.kind,
            ours,
            lambda value: kind.same(value, write.was),
            read_at,
            held or ours(returned.values[write.key] if returned else None),
            write.was,
        )


@dataclass(frozen=True)
class Lost:
    """An edit that a write of ours replaced. `exact`: `value` is the value for sure, so that it
    can be put back; `text` is all of it for people. `held`: nobody edited the field since."""

    key: str
    field: str
    kind: Kind
    value: Value
    exact: bool
    text: str
    held: bool


def source_wins(mapping: FieldMapping, to: Side) -> bool:
    """Whether what we write to `to` wins over an edit there that is later than the source's."""
    if mapping.flow is not Flow.BOTH:
        return True
    return mapping.policy is (Policy.LEFT if to is Side.RIGHT else Policy.RIGHT)


def replaced(sent: Sent, log: Changelog, is_ours: Callable[[Edit], bool]) -> Lost | None:
    """The edit that this write replaced, if it was not the state that we had read.

    Our own change is the one that made the field what we wrote, after we had read it; `is_ours`
    tells whether an account is ours, and is asked only where something was replaced. Where nobody's
    change made it so, the field held it already, and nothing was replaced.
    """
    kind = handler(sent.kind)
    edits = [edit for edit in log.edits if edit.field == sent.field]
    if sent.read_at is None:
        since = list(range(len(edits[:1])))
    else:
        since = [n for n, edit in enumerate(edits) if edit.at >= sent.read_at]
    told = [n for n in since if any(map(sent.ours, kind.of_changelog(*edits[n].after)))]
    for n in told or since:
        earlier = next((edit for edit in edits[n + 1 :] if not _are_one(edit, edits[n])), None)
        if _was_another(sent, edits[n], earlier, spelled=bool(told)) and is_ours(edits[n]):
            whole = [edit for edit in edits if _are_one(edit, edits[n])]
            return _lost(sent, edits[n], whole, spelled=bool(told))
    return None


def _are_one(edit: Edit, other: Edit) -> bool:
    """Whether two edits of a field are of one change: of several values, such as components, a
    change has one for each that comes or goes."""
    return (edit.at, edit.author) == (other.at, other.author)


def _was_another(sent: Sent, ours: Edit, earlier: Edit | None, *, spelled: bool) -> bool:
    """Whether our change replaced something else than what we had read.

    `spelled`: the changelog tells what we wrote as we know it, so it tells the former value so
    too. Else the field's change before ours decides, by its time.
    """
    values = handler(sent.kind).of_changelog(*ours.before)
    if any(map(sent.was, values)):
        return False
    if spelled and values and sent.kind is not Kind.RICH_TEXT:
        return True
    if earlier is None or sent.read_at is None or earlier.at <= sent.read_at:
        return False
    if earlier.at > sent.read_at + SURELY:
        return True
    return sent.kind is Kind.RICH_TEXT and _has_other_words(sent.read, ours.before[1] or "")


def _lost(sent: Sent, ours: Edit, whole: Sequence[Edit], *, spelled: bool) -> Lost:
    kind = handler(sent.kind)
    went = (edit.before[1] for edit in whole)
    text = ", ".join(filter(None, went)).replace("\r\n", "\n")
    values = kind.of_changelog(*ours.before)
    if sent.kind is Kind.RICH_TEXT:
        exact = is_plain(text)
    else:
        exact = spelled and len(values) == 1
        text = kind.text(values[0]) if exact else text
    value = values[0] if exact else None
    return Lost(sent.key, sent.field, sent.kind, value, exact, text, sent.held)


def is_plain(wiki: str) -> bool:
    """Whether wiki markup is surely the whole of a rich text: plain paragraphs, or nothing."""
    return bool(_PLAIN.fullmatch(wiki)) and not _PLAIN_NOT.search(wiki)


def _has_other_words(document: Value | NotComparable, wiki: str) -> bool:
    """Whether wiki markup surely has not the words of a document. Markup only adds to them."""
    if document is None:
        return bool(_letters(wiki))
    if not isinstance(document, str):
        return False
    if any(str(node.get("type")) not in _WORDED for node in nodes(json.loads(document), "content")):
        return False
    # Each letter is looked for behind the one before: whether they are there, in this order.
    behind = iter(_letters(wiki))
    return not all(letter in behind for letter in _letters(handler(Kind.RICH_TEXT).text(document)))


def _letters(text: str) -> list[str]:
    return [letter for letter in text if letter.isalnum()]


def all_replaced(
    sent: Sequence[Sent], log: Changelog, is_ours: Callable[[Edit], bool]
) -> list[Lost]:
    """The edits that these writes replaced."""
    found = [replaced(one, log, is_ours) for one in sent]
    return [one for one in found if one is not None]
