"""What a conversion of rich text is told, and what it answers. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from app.mapping.rich.characters import clean
from app.said import said

Node: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody of the source site: the account on the other site, or None, and the name to show."""

    account: str | None
    name: str = ""


@dataclass(frozen=True)
class File:
    """A file of the source's issue: its media node on the other site, or None while it has none.

    `name` and `href` (where people of the source open it) stand in for a file that is not there.
    """

    id: str | None
    collection: str = ""
    name: str = ""
    href: str = ""


@dataclass(frozen=True)
class Context:
    """What is known of the two sites when a text of `source` is to be written on `target`.

    `people` goes by account id, `files` by the media id, `issues` from key to key, and
    `file_names` (for wiki markup) from file name to file name or None; all of the source site. A
    name that is missing was never looked up, which is not the same as None: `Needs` names it.
    The bases are the sites' addresses without a slash at the end.
    """

    source: str
    target: str
    people: Mapping[str, Person] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    issues: Mapping[str, str] = field(default_factory=dict)
    file_names: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Needs:
    """What a text names and the context does not know: look it up, and convert again."""

    people: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    issues: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is to be looked up."""
        return bool(self.people or self.files or self.issues)

    def with_(self, other: Needs) -> Needs:
        """What either names."""
        return Needs(
            self.people | other.people, self.files | other.files, self.issues | other.issues
        )


class Reason(StrEnum):
    """Why a part does not cross as it is."""

    NO_ACCOUNT = "no_account"
    NO_FILE = "no_file"
    OF_ITS_SITE = "of_its_site"
    UNKNOWN = "unknown"
    MISPLACED = "misplaced"
    BROKEN = "broken"
    CHARACTERS = "characters"


SENTENCES: Mapping[Reason, str] = {
    Reason.NO_ACCOUNT: said(
        "this person has no account on the other site; the name is there as text"
    ),
    Reason.NO_FILE: said("this file is not on the other site; its name is there as text"),
    Reason.OF_ITS_SITE: said("this works on its own site alone; what can be read of it is there"),
    Reason.UNKNOWN: said("Tandem does not know this part yet; its text is there"),
    Reason.MISPLACED: said("Jira does not take this part at this place; its text is there"),
    Reason.BROKEN: said("Jira would refuse this part as it is; what can be read of it is there"),
    Reason.CHARACTERS: said("Jira takes no such characters; they are left out or replaced"),
}


class Part(StrEnum):
    """What kind of thing degraded."""

    NODE = "node"
    MARK = "mark"
    ATTRIBUTE = "attribute"
    TEXT = "text"


# What people call the parts whose names in the schema they never see.
_CALLED = {
    "annotation": said("comment in the text"),
    "blockCard": said("card"),
    "bodiedExtension": said("app content"),
    "bodiedSyncBlock": said("synced block"),
    "embedCard": said("card"),
    "extension": said("app content"),
    "inlineCard": said("card"),
    "inlineExtension": said("app content"),
    "media": said("file"),
    "mediaInline": said("file"),
    "syncBlock": said("synced block"),
}


@dataclass(frozen=True)
class Degraded:
    """One thing that does not cross as it is. `words` may be content: show it, never log it.

    `within`: it goes with another part that is listed too, and needs no sentence of its own.
    """

    part: Part
    name: str
    reason: Reason
    words: str = ""
    within: bool = False

    @property
    def sentence(self) -> str:
        """For people: what it is, and what became of it."""
        part, what = _CALLED.get(self.name, self.name), SENTENCES[self.reason]
        if not self.words:
            return said("%(part)s: %(what)s", part=part, what=what)
        return said("%(part)s “%(words)s”: %(what)s", part=part, words=self.words, what=what)


@dataclass(frozen=True)
class Carried:
    """A text as it is to be on the other site. `refused`: a sentence, and it must not be written.

    `document` is canonical, as `app.mapping.kinds.rich_text` has it; None is an empty text.
    """

    document: str | None
    degraded: tuple[Degraded, ...] = ()
    needs: Needs = Needs()
    refused: str | None = None


@dataclass
class Notes:
    """Gathers, during one conversion, what degrades and what is to be looked up."""

    degraded: list[Degraded] = field(default_factory=list)
    people: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    issues: set[str] = field(default_factory=set)

    def add(self, part: Part, name: str, reason: Reason, words: str = "") -> None:
        """Note one thing that degrades."""
        self.degraded.append(Degraded(part, name, reason, words))

    def node(self, node: Node, reason: Reason, words: str = "", *, within: bool = False) -> None:
        """Note a node that degrades, with the marks that go with it."""
        self.degraded.append(Degraded(Part.NODE, shown(node), reason, words, within))
        for mark in marks_of(node):
            self.degraded.append(Degraded(Part.MARK, shown(mark), reason, within=True))

    def needs(self) -> Needs:
        """What is to be looked up."""
        return Needs(frozenset(self.people), frozenset(self.files), frozenset(self.issues))


def named(part: object) -> str:
    """The type of a node or mark; "?" where it has none that can be read."""
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) and kind else "?"


def shown(part: object) -> str:
    """The type of a node or mark as it is told; "?" where it has none that can be."""
    return clean(named(part)) or "?"


def attrs_of(node: Any) -> dict[str, Any]:
    """The attributes, whatever stands there."""
    attrs = node.get("attrs") if isinstance(node, dict) else None
    return attrs if isinstance(attrs, dict) else {}


def marks_of(node: Node) -> list[Any]:
    """The marks, whatever stands there."""
    marks = node.get("marks")
    return marks if isinstance(marks, list) else []


def content_of(node: Node) -> list[Any]:
    """The children, whatever stands there; lists in the list are opened."""
    content = node.get("content")
    if isinstance(content, dict | str):
        return [content]
    if not isinstance(content, list):
        return []
    if not any(isinstance(one, list) for one in content):
        return content
    found, waiting = [], list(reversed(content))
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        else:
            found.append(one)
    return found
