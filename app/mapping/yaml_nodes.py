"""Reads YAML that a stranger may have written: plain values and their lines, and nothing else.

No aliases, anchors, tags or second documents: a file of some lines must not become gigabytes, nor
an object. What is plain is read as YAML 1.2's core schema has it, so that `no` and `12:30` are the
texts that they seem to be. A key is always a text.
"""

# Reference: https://yaml.org/spec/1.2.2/#103-core-schema

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from app.errors import Problem
from app.language import gettext as _
from app.language import tell

MAX_CHARACTERS = 2_000_000
MAX_DEPTH = 12
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Path: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?\Z")
_PLAIN: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Fault:
    """What is wrong in a file: its line (from 1) where that is known, the place, rule and cure."""

    line: int | None
    where: str
    sentence: str

    @property
    def text(self) -> str:
        """All of it, for people."""
        place = [_("line %(number)s", number=self.line) if self.line else "", self.where]
        said = ", ".join(one for one in place if one)
        return f"{said}: {tell(self.sentence)}" if said else tell(self.sentence)


class FileProblem(Problem):
    """A file is refused; `faults` has everything that is wrong with it."""

    code = "invalid-file"

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(one.text for one in faults), field="file")
        self.faults = faults


@dataclass
class _Open:
    """A list or an object that has not ended. `key`: of an object, what the next value is of."""

    value: list[Any] | dict[str, Any]
    path: Path
    key: str | None = None


@dataclass
class _Builder:
    """Puts the events of a document together."""

    lines: dict[Path, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    root: Any = None
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Raises FileProblem."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _fault(line, _("begins a second document. Keep one in a file."))
        elif isinstance(event, yaml.AliasEvent):
            name = (event.anchor or "")[:40]
            raise _fault(
                line, _("has an alias (*%(name)s). Write out what it stands for.", name=name)
            )
        elif isinstance(event, yaml.ScalarEvent):
            _require_plain(event, line)
            self._scalar(event, line)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            _require_plain(event, line)
            self._begin([] if isinstance(event, yaml.SequenceStartEvent) else {}, line)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self.stack.pop()

    def _begin(self, value: list[Any] | dict[str, Any], line: int) -> None:
        if self._awaits_key():
            raise _fault(line, _("has a list or an object for a key. A key is a text."))
        if len(self.stack) == MAX_DEPTH:
            raise _fault(
                line, _("is nested deeper than %(most)s levels. No profile is.", most=MAX_DEPTH)
            )
        path = self._put(value, line)
        self.stack.append(_Open(value, path))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if self._awaits_key():
            self._name(event.value, line)
        else:
            self._put(_value(event, line), line)

    def _awaits_key(self) -> bool:
        return (
            bool(self.stack)
            and isinstance(self.stack[-1].value, dict)
            and (self.stack[-1].key is None)
        )

    def _name(self, key: str, line: int) -> None:
        top = self.stack[-1]
        if key in top.value:
            first = self.lines[*top.path, key]
            raise _fault(
                line,
                _(
                    "has the key %(key)s again, after line %(first)s. Keep one of them.",
                    key=key[:80],
                    first=first,
                ),
            )
        top.key = key
        self.lines[*top.path, key] = line

    def _put(self, value: Any, line: int) -> Path:
        if not self.stack:
            self.root = value
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            path: Path = (*top.path, len(top.value))
            top.value.append(value)
            self.lines[path] = line
        else:
            key, top.key = top.key, None
            assert key is not None  # noqa: S101  a value follows its key
            path = (*top.path, key)
            top.value[key] = value
        return path


def parse(text: str) -> tuple[Any, Mapping[Path, int]]:
    """The value that a YAML text holds, and the line of everything in it, by path. Raises
    FileProblem."""
    if len(text) > MAX_CHARACTERS:
        raise FileProblem(
            Fault(
                None,
                "",
                _(
                    "the file has %(count)s characters; at most %(most)s are read. No profile is "
                    "that long: is it the right file?",
                    count=f"{len(text):,}",
                    most=f"{MAX_CHARACTERS:,}",
                ),
            )
        )
    builder = _Builder()
    for event in _events(text):
        builder.take(event)
    return builder.root, builder.lines


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = (error.problem or "cannot be read").strip()[:200]
        line = mark.line + 1 if mark else None
        sentence = _(
            "is no YAML: %(said)s. Look for a missing quote, colon or blank there or before.",
            said=said,
        )
        raise FileProblem(Fault(line, "", sentence)) from None
    except (yaml.YAMLError, ValueError):
        raise FileProblem(
            Fault(None, "", _("the file holds characters that no YAML has. Save it as UTF-8 text."))
        ) from None


def _require_plain(
    event: yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent, line: int
) -> None:
    if event.anchor is not None:
        raise _fault(line, _("has an anchor (&%(name)s). Leave it out.", name=event.anchor[:40]))
    if event.tag is not None:
        raise _fault(line, _("has a tag (%(name)s). Leave it out.", name=event.tag[:40]))


def _value(event: yaml.ScalarEvent, line: int) -> Plain:
    if event.style:  # in quotes, or a block
        return event.value
    found = plain(event.value)
    if found in (float("inf"), float("-inf")):
        raise _fault(
            line,
            _(
                "has a number that is too large (%(said)s). Put it in quotes.",
                said=event.value[:40],
            ),
        )
    return found


def plain(said: str) -> Plain:
    """What a text without quotes stands for."""
    if said in _PLAIN:
        return _PLAIN[said]
    if _INTEGER.match(said):
        return int(said)
    return float(said) if _NUMBER.match(said) else said


def _fault(line: int, sentence: str) -> FileProblem:
    return FileProblem(Fault(line, "", sentence))
