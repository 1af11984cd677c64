"""Carries a text as wiki markup, as REST v2 reads and writes it: for sites that have no ADF.

References are rewritten where they stand; code is left alone, and so is all else. Jira writes a
node that wiki markup cannot say as ADF between {adf} marks: that is carried as a document is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from app.mapping.rich.characters import clean
from app.mapping.rich.convert import carry_document
from app.mapping.rich.files import keys_in, mentions_in
from app.mapping.rich.known import Carried, Context, Node, Notes, Part, Reason, content_of, named
from app.mapping.rich.references import in_text, keys

# Reference: https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
# Each piece is bounded, so that no text of 32,767 characters takes more than seconds.
_TOKENS = re.compile(
    r"(?P<code>\{(?P<kind>code|noformat)(?::[^}\n]{0,300})?\}.*?\{(?P=kind)\})"
    r"|(?P<mono>\{\{[^\n]{0,1000}?\}\})"
    r"|\{adf(?P<how>:[^}\n]{0,300})?\}(?P<adf>.*?)\{adf\}"
    r"|(?P<escaped>\\[\[\]{}!*_|^~\\-])"
    r"|\[~(?P<site>accountid:)?(?P<person>[^\]|\s]{1,255})\]"
    r"|(?P<attached>\[(?P<title>[^\]|\n]{0,300}\|)?\^(?P<named>[^\]|\n]{1,300})\])"
    r"|(?<![\w!])!(?P<file>[^\s!|][^!|\n]{0,300}?)(?P<params>\|[^!\n]{0,2000})?!(?!\w)"
    r"|(?P<deep>^[*#]{21,}(?=\s))",
    re.DOTALL | re.MULTILINE,
)
# Jira's converter reads a list that is deeper as one twice as deep, and so on at each crossing.
_LEVELS = 20
_WEB = re.compile(r"(https?|data|file):", re.IGNORECASE)
_SPECIAL = re.compile(r"([\[\]{}!*_|^~\\])")
_HREF = re.compile(r'(?<=href=")([^"]*)(?=")')
# What a mention may name that is nobody's account.
_FILE_NAME = re.compile(r"\.[A-Za-z0-9]{1,8}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_EVERYBODY = frozenset({"here", "all"})


def carry_wiki(wiki: str | None, context: Context) -> Carried:
    """The markup as the site `context.target` is to have it. Pure, and never an exception.

    Files go by name: `context.file_names`; `Needs.files` has the names that it has not.
    """
    if not wiki:
        return Carried(None)
    notes = Notes()
    text = clean(wiki)
    if text != wiki:
        notes.add(Part.TEXT, "text", Reason.CHARACTERS)
    found = _Wiki(context, notes).carried(text)
    return Carried(found or None, tuple(notes.degraded), notes.needs())


class _Wiki:
    """One text on its way."""

    def __init__(self, context: Context, notes: Notes) -> None:
        self._context = context
        self._notes = notes

    def carried(self, text: str) -> str:
        """The text, token by token."""
        found, end = [], 0
        for token in _tokens(text, self._context.file_names):
            found += [self._plain(text[end : token.start()]), self._token(token)]
            end = token.end()
        return "".join([*found, self._plain(text[end:])])

    def _plain(self, text: str) -> str:
        return in_text(text, self._context, self._notes)

    def _token(self, token: re.Match[str]) -> str:
        if token["person"]:
            return self._mention(token)
        if token["adf"] is not None:
            return self._adf(token)
        if token["attached"]:
            return self._attached(token["title"] or "", token["named"])
        if token["file"]:
            return self._picture(token)
        if token["deep"]:
            self._notes.add(Part.ATTRIBUTE, "list level", Reason.MISPLACED)
            return token["deep"][:_LEVELS]
        return token[0]

    def _mention(self, token: re.Match[str]) -> str:
        account = token["person"]
        person = self._context.people.get(account)
        if account in _EVERYBODY:
            return token[0]
        if person is None:
            self._notes.people.add(account)
        elif person.account is not None:
            # A site that has account ids says so in the mark; one with user names does not.
            mark = "accountid:" if _is_account(person.account) else ""
            return f"[~{mark}{person.account}]"
        words = "@" + (clean(person.name).strip() if person and person.name else "someone")
        self._notes.add(Part.NODE, "mention", Reason.NO_ACCOUNT, words)
        return self._plain(_SPECIAL.sub(r"\\\1", words))

    def _attached(self, title: str, name: str) -> str:
        there = self._file(name)
        if there:
            return f"[{self._plain(title)}^{there}]"
        return self._plain(_file_words(title, name))

    def _picture(self, token: re.Match[str]) -> str:
        name = token["file"]
        params = token["params"] or ""
        there = self._file(name)
        if not there:
            return self._plain(_file_words("", name))
        params = _HREF.sub(lambda href: self._plain(href[0]), params)
        return f"!{there}{params}!"

    def _file(self, name: str) -> str | None:
        """The name over there; None, noted, where the file is not."""
        if name not in self._context.file_names:
            self._notes.files.add(name)
        there = self._context.file_names.get(name)
        if not there:
            self._notes.add(Part.NODE, "media", Reason.NO_FILE, name)
        return there

    def _adf(self, token: re.Match[str]) -> str:
        """A node between {adf} marks, carried as a document; as it is where it cannot be read."""
        try:
            node = json.loads(token["adf"])
        except (ValueError, RecursionError):
            node = None
        if not isinstance(node, dict):
            return token[0]
        inline = "inline" in (token["how"] or "")
        content = [{"type": "paragraph", "content": [node]}] if inline else [node]
        document = json.dumps({"type": "doc", "version": 1, "content": content})
        found = carry_document(document, self._context)
        self._take(found)
        if found.refused:
            self._notes.add(Part.NODE, clean(named(node)), Reason.BROKEN)
            return token[0]
        blocks = content_of(json.loads(found.document)) if found.document else []
        parts = content_of(blocks[0]) if inline and blocks else blocks
        between = "" if inline else "\n"
        return between.join(_marked(one, token["how"] or "", between) for one in parts)

    def _take(self, found: Carried) -> None:
        self._notes.degraded += found.degraded
        self._notes.people |= found.needs.people
        self._notes.files |= found.needs.files
        self._notes.issues |= found.needs.issues


def _marked(node: Node, how: str, between: str) -> str:
    """A node between {adf} marks, or its words where it is no more than words."""
    if named(node) == "text":
        return _SPECIAL.sub(r"\\\1", node["text"])
    inner = content_of(node)
    if named(node) == "paragraph" and all(named(one) == "text" for one in inner):
        return "".join(_marked(one, how, between) for one in inner)
    packed = json.dumps(node, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{{adf{how}}}{between}{packed}{between}{{adf}}"


def _is_account(account: str) -> bool:
    """Whether this is an account id of Atlassian's, and not the user name of a Data Center."""
    return ":" in account or (len(account) == 24 and account.isalnum())


def _tokens(text: str, known: Container[str] = ()) -> Iterator[re.Match[str]]:
    """What is not plain text. What only looks like a picture is an exclamation, and text."""
    place = 0
    while token := _TOKENS.search(text, place):
        name = token["file"]
        if name and name not in known and not _is_file(name, token["params"] or ""):
            place = token.start() + 1
            continue
        yield token
        place = token.end()


def _is_file(name: str, params: str) -> bool:
    """Whether a picture's mark names a file, and is no exclamation and no picture of the web."""
    return not _WEB.match(name) and bool(_FILE_NAME.search(name) or params)


def _file_words(title: str, name: str) -> str:
    return _SPECIAL.sub(r"\\\1", f"{title.rstrip('|')} File: {name}".strip())


# --- what a text names --------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """What a text of wiki markup names of its site."""

    people: frozenset[str]
    files: tuple[str, ...]
    issues: frozenset[str]


def named_in(wiki: str | None, source: str) -> Named:
    """The people, files (each once, in order) and issues that the markup names."""
    people, issues, files, end = set[str](), set[str](), dict[str, None](), 0
    for token in _tokens(wiki or ""):
        issues.update(keys((wiki or "")[end : token.start()], source))
        end = token.end()
        if token["person"] and token["person"] not in _EVERYBODY:
            people.add(token["person"])
        if token["named"] or token["file"]:
            files[token["named"] or token["file"]] = None
        if token["adf"]:
            people |= mentions_in(token["adf"])
            issues |= keys_in(token["adf"], source)
    issues.update(keys((wiki or "")[end:], source))
    return Named(frozenset(people), tuple(files), frozenset(issues))


def would_drop_files(target_now: str | None, to_write: str | None) -> tuple[str, ...]:
    """The names of files that the target shows now and would show no more."""
    stay = named_in(to_write, "").files
    return tuple(name for name in named_in(target_now, "").files if name not in stay)


def keeping_files(target_now: str | None, to_write: str | None) -> str | None:
    """What to write so that no file is lost: those that would go stand at the end, one a line."""
    dropped = would_drop_files(target_now, to_write)
    if not dropped:
        return to_write
    lines = "\n".join(f"!{name}|thumbnail!" for name in dropped)
    return f"{to_write}\n\n{lines}" if to_write else lines
