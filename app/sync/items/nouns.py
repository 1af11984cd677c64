"""Items within sentences: what each kind is called, alone and counted. Pure."""

from __future__ import annotations

from app.mapping.profile import ItemKind
from app.said import Said, counted, said


def the_item(kind: str, item: str | None) -> Said:
    """An item at the beginning of a sentence: “The comment 10”."""
    texts = {
        ItemKind.COMMENTS: said("The comment %(id)s", id=item),
        ItemKind.ATTACHMENTS: said("The attachment %(id)s", id=item),
        ItemKind.WORKLOGS: said("The worklog %(id)s", id=item),
        ItemKind.LINKS: said("The link %(id)s", id=item),
        ItemKind.REMOTE_LINK: said("The link to the twin"),
    }
    return texts[ItemKind(kind)]


def an_item(kind: str, item: str | None) -> Said:
    """The same within one: “comment 10”."""
    if not item:
        return noun(kind)
    texts = {
        ItemKind.COMMENTS: said("comment %(id)s", id=item),
        ItemKind.ATTACHMENTS: said("attachment %(id)s", id=item),
        ItemKind.WORKLOGS: said("worklog %(id)s", id=item),
        ItemKind.LINKS: said("link %(id)s", id=item),
        ItemKind.REMOTE_LINK: said("link to the twin"),
    }
    return texts[ItemKind(kind)]


def noun(kind: str) -> Said:
    """What one item of a kind is called."""
    texts = {
        ItemKind.COMMENTS: said("comment"),
        ItemKind.ATTACHMENTS: said("attachment"),
        ItemKind.WORKLOGS: said("worklog"),
        ItemKind.LINKS: said("link"),
        ItemKind.REMOTE_LINK: said("link to the twin"),
    }
    return texts[ItemKind(kind)]


def count(kind: str, number: int) -> Said:
    """So many of a kind."""
    texts = {
        ItemKind.COMMENTS: counted("%(count)s comment", "%(count)s comments", number),
        ItemKind.ATTACHMENTS: counted("%(count)s attachment", "%(count)s attachments", number),
        ItemKind.WORKLOGS: counted("%(count)s worklog", "%(count)s worklogs", number),
        ItemKind.LINKS: counted("%(count)s link", "%(count)s links", number),
        ItemKind.REMOTE_LINK: counted(
            "%(count)s link to the twin", "%(count)s links to the twin", number
        ),
    }
    return texts[ItemKind(kind)]


def some(kind: str, number: int) -> Said:
    """The same, of which one is “a comment”."""
    texts = {
        ItemKind.COMMENTS: counted("a comment", "%(count)s comments", number),
        ItemKind.ATTACHMENTS: counted("an attachment", "%(count)s attachments", number),
        ItemKind.WORKLOGS: counted("a worklog", "%(count)s worklogs", number),
        ItemKind.LINKS: counted("a link", "%(count)s links", number),
        ItemKind.REMOTE_LINK: counted("a link to the twin", "%(count)s links to twins", number),
    }
    return texts[ItemKind(kind)]


def kinds_called(kind: str) -> Said:
    """What the items of a kind are called."""
    texts = {
        ItemKind.COMMENTS: said("comments"),
        ItemKind.ATTACHMENTS: said("attachments"),
        ItemKind.WORKLOGS: said("worklogs"),
        ItemKind.LINKS: said("links"),
        ItemKind.REMOTE_LINK: said("links to the twin"),
    }
    return texts[ItemKind(kind)]
