"""A first look at an expression, in one pass: what the parser's own patterns would take unbounded
time for, such as a text without an end, is refused before it sees it."""

from __future__ import annotations

from app.mapping.transforms.limits import MAX_EXPRESSION
from app.mapping.transforms.problems import Rule, TransformProblem
from app.said import said

MAX_BRACKETS = 25
_OPEN, _CLOSE = "([{", ")]}"


def scan(text: str) -> None:
    """Raises TransformProblem for a text that is too long, brackets that nest too deep, and a
    literal text without an end."""
    if len(text) > MAX_EXPRESSION:
        raise TransformProblem(
            Rule.TOO_LONG,
            said(
                "the expression has %(count)s characters and may have %(max_expression)s; "
                "shorten it, or put what it looks up into a table",
                count=f"{len(text):,}",
                max_expression=f"{MAX_EXPRESSION:,}",
            ),
        )
    if not text.strip():
        raise TransformProblem(
            Rule.SYNTAX, said("the expression is empty; write one, such as value")
        )
    at, open_ = 0, 0
    while at < len(text):
        if text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text[at] in "\"'":
            at = _end(text, at)
        else:
            open_ += (text[at] in _OPEN) - (text[at] in _CLOSE)
            if open_ > MAX_BRACKETS:
                raise TransformProblem(
                    Rule.TOO_DEEP,
                    said(
                        "brackets nest more than %(max_brackets)s levels deep; write it flatter",
                        max_brackets=MAX_BRACKETS,
                    ),
                    *place(text, at),
                )
            at += 1


def place(text: str, at: int) -> tuple[int, int]:
    """Line and character, from 1, of a place in a text."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _end(text: str, start: int) -> int:
    """The place after a literal text."""
    quote = text[start]
    closing = quote * 3 if text.startswith(quote * 3, start) else quote
    at = start + len(closing)
    while at < len(text):
        if text.startswith(closing, at):
            return at + len(closing)
        after = 2 if text[at] == "\\" else 1
        if len(closing) == 1 and any(end in text[at : at + after] for end in "\r\n"):
            break
        at += after
    raise TransformProblem(
        Rule.SYNTAX,
        said(
            "a text begins and does not end; close it with %(closing)s on its line", closing=closing
        ),
        *place(text, start),
    )
