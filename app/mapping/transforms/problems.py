"""What goes wrong with an expression: before it is taken, and while it runs."""

from __future__ import annotations

from enum import StrEnum

from app.said import said, words_of


class Rule(StrEnum):
    """Which rule an expression breaks."""

    TOO_LONG = "too-long"
    TOO_DEEP = "too-deep"
    SYNTAX = "syntax"
    UNKNOWN_NAME = "unknown-name"
    UNKNOWN_FUNCTION = "unknown-function"
    ARGUMENTS = "arguments"


class TransformProblem(ValueError):
    """An expression is refused before it runs. The sentence has the place and the cure.

    `line` and `column` count from 1; 0 where it is about the whole.
    """

    def __init__(self, rule: Rule, sentence: str, line: int = 0, column: int = 0) -> None:
        self.rule, self.line, self.column = rule, line, column
        if line:
            sentence = said(
                "line %(line)s, character %(column)s: %(sentence)s",
                line=line,
                column=column,
                sentence=sentence,
            )
        super().__init__(sentence)

    @property
    def sentence(self) -> str:
        """Place, rule and cure."""
        return words_of(self)


class TransformFailed(Exception):
    """An expression came to no value that the field can take. `sentence` names the mapping and the
    cure, and never holds a value of an issue."""

    code = "transform-failed"

    def __init__(self, mapping: str, sentence: str) -> None:
        self.mapping = mapping
        self.sentence = said(
            "The transform of %(mapping)s %(sentence)s.", mapping=mapping, sentence=sentence
        )
        super().__init__(self.sentence)


class Unfit(TypeError):
    """A function was given what it does not take. A TypeError, which cel-python hands on as the
    value of the part of the expression, so that has() and || may pass it over."""
