"""What is read of comments, which of them may cross, and the text of their twins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.jira.site import Issue
from app.mapping.kinds.rich_text import nodes
from app.mapping.profile import ItemKind, ItemMapping, MarkerMode, Side
from app.mapping.rich import Context, carry_document
from app.sync.items.comments import CUT, LONGEST, CommentKind, twin_text
from app.sync.items.kinds import Listing, Target

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = ItemMapping(ItemKind.COMMENTS, prefix=None)
KIND = CommentKind()
BOTH = frozenset(Side)


def document(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(blocks)}


def paragraph(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}


def comment(body: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "author": {"accountId": "a", "displayName": "Ann {site}", "accountType": "atlassian"},
        "body": document(paragraph("Hi")) if body is None else body,
        "created": "2026-02-03T04:05:06.000+0100",
        "updated": "2026-02-03T04:05:06.000+0100",
        "jsdPublic": True,
        **more,
    }


def issue(*comments: dict[str, Any], total: int | None = None, project: str = "software") -> Issue:
    shown = {"comments": list(comments), "total": len(comments) if total is None else total}
    fields = {"comment": shown, "project": {"projectTypeKey": project}}
    return Issue(1, "A-1", fields, NOW)


def listing(mapping: ItemMapping, *comments: dict[str, Any], project: str = "software") -> Listing:
    found = KIND.read(issue(*comments), issue(project=project), mapping)
    assert found is not None
    return found


@dataclass
class Told:
    """A target that keeps what is told; the text of a twin asks no site for anything."""

    mapping: ItemMapping = PLAIN
    first: bool = True
    sentences: list[str] = field(default_factory=list)

    def text(self, body: dict[str, Any]) -> list[str]:
        """The paragraphs of the twin of a comment with this body."""
        source = listing(self.mapping, comment(body)).items[0]
        sites = [cast(Any, SimpleNamespace(base_url=f"https://{n}.example")) for n in "ab"]
        media = cast(Any, SimpleNamespace(files=lambda ids: {}))
        to = Target(
            sites[1], issue(), self.mapping, "https://a.example", sites[0], media,
            lambda text: carry_document(text, Context("https://a.example", "https://b.example")),
            self.first, self.sentences.append,
        )  # fmt: skip
        value = source.value
        assert isinstance(value, tuple)
        words = value[0]
        assert isinstance(words, str)
        return [
            "".join(str(node.get("text", "")) for node in nodes(block, "content"))
            for block in twin_text(to, source, words)["content"]
        ]


def test_comments_that_a_site_does_not_show_are_not_taken_for_none() -> None:
    hidden = Issue(1, "A-1", {}, NOW)
    assert KIND.read(hidden, issue(), PLAIN) is None
    assert KIND.read(issue(), issue(), PLAIN) == Listing(())


def test_a_reader_knows_when_more_comments_are_there_than_came_along() -> None:
    found = KIND.read(issue(comment(), total=2), issue(), PLAIN)
    assert found is not None
    assert not found.whole
    assert listing(PLAIN, comment()).whole


@pytest.mark.parametrize(
    ("more", "mapping", "project", "why"),
    [
        ({}, {}, "software", None),
        ({"visibility": {"type": "role", "value": "Admins"}}, {}, "software", "a role or a group"),
        ({"visibility": {"type": "group"}}, {"internal": BOTH}, "service_desk", "a role or"),
        ({"jsdPublic": False}, {}, "service_desk", "is internal"),
        ({"jsdPublic": False}, {"internal": {Side.LEFT}}, "service_desk", "not both sides allow"),
        ({"jsdPublic": False}, {"internal": {Side.RIGHT}}, "service_desk", "not both sides allow"),
        ({"jsdPublic": False}, {"internal": BOTH}, "service_desk", None),
        ({"jsdPublic": False}, {"internal": BOTH}, "software", "no service project"),
        ({}, {"marker": "Hi"}, "software", None),
        ({}, {"marker": "Ho"}, "software", "marker"),
        ({}, {"marker": "Hi", "marker_mode": MarkerMode.UNLESS}, "software", "marker"),
        ({}, {"marker": "Ho", "marker_mode": MarkerMode.UNLESS}, "software", None),
        ({"body": document()}, {}, "software", "says nothing"),
        ({"body": "wiki"}, {}, "software", "cannot be read"),
        ({"author": None}, {}, "software", None),
    ],
)
def test_what_may_not_cross_says_why(
    more: dict[str, Any], mapping: dict[str, Any], project: str, why: str | None
) -> None:
    ruled = ItemMapping(ItemKind.COMMENTS, **mapping)
    [item] = listing(ruled, comment(**more), project=project).items
    assert (item.held is None) == (why is None)
    assert why is None or (item.held and why in item.held.sentence)


def test_what_nobody_may_see_is_taken_back_and_what_is_not_chosen_is_not() -> None:
    secret = listing(PLAIN, comment(jsdPublic=False)).items[0].held
    unmarked = listing(ItemMapping(ItemKind.COMMENTS, marker="#x"), comment()).items[0].held
    assert secret is not None
    assert unmarked is not None
    assert (secret.retract, unmarked.retract) == (True, False)


@pytest.mark.parametrize(
    ("author", "by_app"),
    [
        ({"accountId": "x", "accountType": "app"}, True),
        ({"accountId": "x"}, True),  # who knows: it is looked at
        ({"accountId": "x", "accountType": "customer"}, False),
        ({"accountId": "x", "accountType": "atlassian"}, False),
        (None, False),
    ],
)
def test_only_what_an_app_may_have_made_is_looked_at(author: Any, *, by_app: bool) -> None:
    [item] = listing(PLAIN, comment(author=author)).items
    assert (item.by_app, item.looked) == (by_app, not by_app)


def test_the_prefix_is_a_paragraph_of_its_own_and_a_name_is_no_template() -> None:
    template = "{author} on {site}, {created} {{x}}"
    told = Told(ItemMapping(ItemKind.COMMENTS, prefix=template))
    said = ["Ann {site} on a.example, 2026-02-03 03:05 UTC {x}", "Hi"]
    assert told.text(document(paragraph("Hi"))) == said
    told.first = False  # it says so already
    assert told.text(document(paragraph("Hi"))) == ["Hi"]


@pytest.mark.parametrize("letter", ["x", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("over", [-40, 0, 1, 5000])
def test_a_text_is_never_longer_than_jira_takes_and_says_where_it_is_cut(
    letter: str, over: int
) -> None:
    width = len(letter.encode("utf-16-le")) // 2
    told = Told(ItemMapping(ItemKind.COMMENTS, prefix="By {author}"))
    body = document(paragraph("First"), paragraph(letter * ((LONGEST + over) // width)))
    blocks = told.text(body)
    assert sum(len(one.encode("utf-16-le")) // 2 for one in blocks) <= LONGEST
    assert (blocks[-1] == CUT) is (over >= 0)
    assert blocks[:2] == ["By Ann {site}", "First"]
    assert blocks[2].startswith(letter * 100)


def test_a_text_of_200_levels_and_one_with_broken_characters_are_carried_in_some_form() -> None:
    deep: dict[str, Any] = paragraph("At the bottom")
    for _ in range(200):
        deep = {"type": "blockquote", "content": [deep]}
    told = Told()
    assert "At the bottom" in " ".join(told.text(document(paragraph("Top"), deep)))
    broken = told.text(document(paragraph("a\x00b\ud800c")))
    assert broken[0].startswith("a")
    assert "\ud800" not in broken[0]


def test_what_has_no_counterpart_becomes_text_and_is_told() -> None:
    mention = {"type": "mention", "attrs": {"id": "712020:x", "text": "@Bo"}}
    told = Told()
    [text] = told.text(document({"type": "paragraph", "content": [mention]}))
    assert "Bo" in text
    assert len(told.sentences) == 1
