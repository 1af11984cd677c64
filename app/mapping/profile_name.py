"""What a profile may be called."""

from __future__ import annotations

from app.language import gettext as _

NAME_LIMIT = 200
# Not printable by themselves, and parts of words and emoji in many scripts: joiners and marks of
# direction. Overrides of direction are none of them: they make a name look like another.
_JOINS = frozenset("\u200c\u200d\u200e\u200f")


def tidy(name: str) -> str:
    """A name without blanks around it, and with single ones inside."""
    return " ".join(name.split())


def name_problem(name: str) -> str | None:
    """What is wrong with a tidy name, with rule and cure; None: nothing."""
    if not name:
        return _("Give the profile a name.")
    if len(name) > NAME_LIMIT:
        return _(
            "A name has at most %(limit)s characters; this one has %(count)s. Shorten it.",
            limit=NAME_LIMIT,
            count=len(name),
        )
    if not all(one.isprintable() or one in _JOINS for one in name):
        return _("The name holds a character that cannot be seen. Type it anew.")
    return None


def suggested(left: str, right: str) -> str:
    """A name for a profile of these two projects."""
    most = (NAME_LIMIT - 3) // 2
    shown = (
        tidy("".join(c for c in one if c.isprintable() or c in _JOINS))[:most].strip()
        for one in (left, right)
    )
    return " ↔ ".join(shown)
