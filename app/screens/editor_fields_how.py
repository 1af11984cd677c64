"""How two fields are carried, or why not, in the reader's language.

The mapping says it in English, of phrases that are known: they are read again here, for the fields
that are shown alone. A phrase that is not known stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.errors import Problem
from app.language import gettext as _
from app.language import noop
from app.mapping.offer_pairs import Offer, Pair
from app.mapping.profile import Kind
from app.screens.editor_fields_words import KINDS

PHRASES = frozenset(
    (
        noop("as it is"),
        noop("as text"),
        noop("by a table of values"),
        noop("by a table of values, through transitions of the workflow"),
        noop("by pairs of issues"),
        noop("by pairs of people"),
        noop("people by name, as text"),
        noop("the one value, as the only one of several"),
        noop("its values need rows"),
        noop("it is only read, as text"),
        noop("Jira sets it by itself"),
        noop("not on the create screen"),
        noop("not on the edit screen"),
        noop("the create screen is not known"),
        noop("the edit screen is not known"),
        noop("the create screen only shows it"),
        noop("the edit screen only shows it"),
        noop("written by transitions of the workflow"),
        noop("the two are mapped to each other already"),
    )
)
PATTERNS = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"(?P<left>\w+) and (?P=left): (?P<how>.+)", noop("%(left)s: %(how)s")),
        (r"(?P<left>\w+) and (?P<right>\w+): (?P<how>.+)", noop("%(left)s and %(right)s: %(how)s")),
        (
            r"(?P<left>\w+) to (?P<right>\w+) only: (?P<how>.+)",
            noop("%(left)s to %(right)s only: %(how)s"),
        ),
        (
            r"(?P<left>\w+) cannot be carried to (?P<right>\w+), nor back: map fields of one kind, "
            r"or either to a text field",
            noop(
                "%(left)s cannot be carried to %(right)s, nor back: map fields of one kind, or "
                "either to a text field"
            ),
        ),
        (
            r"neither side can be written: map (?P<left>\w+) to a text field",
            noop("neither side can be written: map %(left)s to a text field"),
        ),
        (
            r"(?P<left>\w+) \((?P<one>\S+)\) and (?P<right>\w+) \((?P<two>\S+)\) cannot be mapped "
            r"together: (?P<how>.+)",
            noop("%(left)s (%(one)s) and %(right)s (%(two)s) cannot be mapped together: %(how)s"),
        ),
        (
            r"(?P<one>\S+) is only written when an issue is made",
            noop("%(one)s is only written when an issue is made"),
        ),
        (r"(?P<one>\S+) on the left side: (?P<how>.+)", noop("%(one)s on the left side: %(how)s")),
        (
            r"(?P<one>\S+) on the right side: (?P<how>.+)",
            noop("%(one)s on the right side: %(how)s"),
        ),
        (
            r"(?P<one>\S+) on the left side is written by (?P<two>\S+) already",
            noop("%(one)s on the left side is written by %(two)s already"),
        ),
        (
            r"(?P<one>\S+) on the right side is written by (?P<two>\S+) already",
            noop("%(one)s on the right side is written by %(two)s already"),
        ),
        (r"(?P<one>\S+) is only read \((?P<how>.+)\)", noop("%(one)s is only read (%(how)s)")),
        (
            r"its type, (?P<one>.+), is one that is only read, as text",
            noop("its type, %(one)s, is one that is only read, as text"),
        ),
    )
)
BETWEEN = re.compile(r"; (?![^(]*\))")
REFUSED = re.compile(r"(\S+=\S+): (.+)\.")


def say_how(said: str) -> str:
    """What the mapping says of two fields, in the reader's language."""
    return "; ".join(_phrase(one) for one in BETWEEN.split(said)) if said else ""


def pairs_of(offer: Offer, asked: Sequence[tuple[str, str]]) -> tuple[Pair, ...]:
    """The pairs of these fields. Raises Problem, in the reader's language."""
    try:
        return offer.pairs(asked)
    except Problem as problem:
        found = REFUSED.fullmatch(problem.detail)
        if found is None:
            raise
        detail = f"{found[1]}: {say_how(found[2])}."
        raise Problem(detail, code=problem.code, field=problem.field) from None


def _phrase(one: str) -> str:
    if one in PHRASES:
        return _(one)
    for pattern, text in PATTERNS:
        found = pattern.fullmatch(one)
        if found is not None:
            return _(text, **{name: _part(name, part) for name, part in found.groupdict().items()})
    return one


def _part(name: str, part: str) -> str:
    """A part of a phrase: a kind by its name, the rest of the sentence, or an id."""
    if name == "how":
        return say_how(part)
    if name in {"left", "right"} and part in set(Kind):
        return _(KINDS[Kind(part)])
    return part
