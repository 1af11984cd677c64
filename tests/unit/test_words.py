"""The catalogues: all that is marked is in each of them, and all that people read is marked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from flask import Flask
from jinja2 import Environment, nodes

from app.language import (
    CATALOGUES,
    LANGUAGES,
    SOURCE,
    gettext,
    init_language,
    ngettext,
)
from app.mapping.field_types import pairs_with
from app.mapping.profile import Kind
from app.screens.editor_fields_how import say_how

ROOT = Path(__file__).resolve().parents[2]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "noop": None,
    "said": None,
    "counted": (1, 2),
    "ngettext": (1, 2),
    # Babel's own, for templates.
    "pgettext": ((1, "c"), 2),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
TARGETS = sorted(set(LANGUAGES) - {SOURCE})

TEMPLATES = ROOT / "templates"
SPOKEN = re.compile(r"aria-label|aria-description|placeholder|title|alt|data-.*")
UNMARKED = re.compile(
    r"Tandem|Apache-2\.0|JQL|CEL|YAML|UTC|MB|[a-z]+=\"[\w -]*\"|https://.*|XXXXX(-XXXXX)*"
    r"|[A-Z]+-\d+(, [A-Z]+-\d+)*|labels = shared"
)
"""Names, addresses, issue keys and JQL: the same in every language."""

RAISING = [
    *(ROOT / "app/screens").glob("*.py"),
    *(
        ROOT / "app" / f"{one}.py"
        for one in (
            "database_faults",
            "mapping/profiles",
            "mapping/approvals",
            "mapping/revisions",
            "mapping/drafts",
            "mapping/filters",
            "mapping/consents",
            "tenants/pairing",
            "tenants/roles",
        )
    ),
]
"""The modules whose refusals people read on a page."""


def said() -> dict[str, str | tuple[str, ...]]:
    """By the text or its singular: what the sources say now."""
    methods, options = parse_mapping_cfg((CATALOGUES / "babel.cfg").open())
    found: dict[str, str | tuple[str, ...]] = {}
    for place in ("app", "templates"):
        inside = [
            (pattern.removeprefix(f"{place}/"), method)
            for pattern, method in methods
            if pattern.startswith(f"{place}/")
        ]
        for _file, _line, text, _comments, _context in extract_from_dir(
            ROOT / place, inside, options, keywords=KEYWORDS
        ):
            found.setdefault(text if isinstance(text, str) else text[0], text)
    return found


def catalogue(language: str) -> Catalog:
    """The texts of a language."""
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def forms(message: Message) -> list[tuple[str, str]]:
    """Each form of a text beside its translation."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return list(zip(message.id, message.string, strict=True))


@pytest.mark.parametrize("language", TARGETS)
def test_a_language_says_exactly_what_the_sources_say(language: str) -> None:
    wanted, there = (
        said(),
        {m.id if isinstance(m.id, str) else m.id[0]: m for m in catalogue(language)},
    )
    there.pop("", None)
    assert len(wanted) > 1000, "the sources were read"
    missing = sorted(set(wanted) - set(there))
    surplus = sorted(set(there) - set(wanted))
    assert not missing, f"run `make words` and translate: {missing}"
    assert not surplus, f"said nowhere any more, run `make words`: {surplus}"


@pytest.mark.parametrize("language", TARGETS)
def test_a_language_lacks_no_text_and_leaves_none_in_doubt(language: str) -> None:
    unsure = [m.id for m in catalogue(language) if m.id and m.fuzzy]
    empty = [m.id for m in catalogue(language) if m.id and not all(text for _, text in forms(m))]
    assert not unsure, f"fuzzy: {unsure}"
    assert not empty, f"without a translation: {empty}"


@pytest.mark.parametrize("language", TARGETS)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    wrong = [
        (source, text)
        for message in catalogue(language)
        if message.id
        for source, text in forms(message)
        if sorted(set(PLACEHOLDER.findall(source))) != sorted(set(PLACEHOLDER.findall(text)))
        or bool(re.search("%%", source)) != bool(re.search("%%", text))
    ]
    assert not wrong


@pytest.mark.parametrize("language", TARGETS)
def test_a_text_that_counts_is_translated_for_one_and_for_many(language: str) -> None:
    several = {first: text for first, text in said().items() if not isinstance(text, str)}
    found = {m.id[0]: m for m in catalogue(language) if not isinstance(m.id, str)}
    assert len(several) > 20
    for first, pair in several.items():
        message = found[first]
        assert tuple(message.id) == tuple(pair)
        assert len(message.string) == catalogue(language).num_plurals
        assert all(message.string), message.id


class Reader(HTMLParser):
    """What a page without its Jinja says: texts, and the attributes that people hear or see."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"script", "style", "code"}
        for name, value in attrs:
            sentence = " " in (value or "").strip() or not name.startswith("data-")
            if SPOKEN.fullmatch(name) and sentence:
                self.found.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style", "code"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def bare(source: str) -> list[str]:
    """The texts of a template that no mark wraps."""
    source = re.sub(r"\{#.*?#\}", "", source, flags=re.S)
    source = re.sub(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", "", source, flags=re.S)
    source = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.S)
    reader = Reader()
    reader.feed(source)
    found = [re.sub(r"&\w+;", "", text).strip() for text in reader.found]
    return [
        text for text in found if re.search(r"[^\W\d_]{2}", text) and not UNMARKED.fullmatch(text)
    ]


def printed(source: str) -> Iterator[str]:
    """The sentences that a template prints from an expression without a mark."""
    for output in (
        Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
        .parse(source)
        .find_all(nodes.Output)
    ):
        yield from _sentences(output)


def _sentences(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Call | nodes.Filter | nodes.Test | nodes.Compare | nodes.Getitem):
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        spoken = re.search(r"[^\W\d_]{2,} [^\W\d_]{2}|[A-Z][a-z]{2}", node.value)
        if spoken and not UNMARKED.fullmatch(node.value.strip()):
            yield node.value
    for child in node.iter_child_nodes():
        yield from _sentences(child)


PAGES = sorted(TEMPLATES.rglob("*.html"))


def test_every_text_of_every_page_is_marked() -> None:
    assert len(PAGES) > 50
    found = {
        str(page.relative_to(TEMPLATES)): texts
        for page in PAGES
        if (texts := [*bare(page.read_text()), *printed(page.read_text())])
    }
    assert not found


def test_an_unmarked_text_is_found() -> None:
    assert bare('<p title="{{ _("x") }}">Not marked</p>') == ["Not marked"]
    assert bare('<p data-says="Not marked">{% trans %}Marked{% endtrans %}</p>') == ["Not marked"]
    assert bare('<p class="some thing" data-id="thing">{{ _("Marked") }} 12:00 …</p>') == []
    assert list(printed('{{ "Not marked" if one else _("Marked") }}')) == ["Not marked"]


def unmarked_refusals(source: str) -> Iterator[tuple[int, str]]:
    """The refusals whose sentence is given as it is, with the line."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        place = {"Problem": 0, "NotFound": 0, "Forbidden": 0, "refuse": 1, "_refused": 1}
        at = place.get(call.func.id)
        if at is None or len(call.args) <= at:
            continue
        for part in _unwrapped(call.args[at]):
            if re.search(r"[^\W\d_]{2,} [^\W\d_]{2}", part):
                yield call.lineno, part


def _unwrapped(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _unwrapped(child)


def test_every_refusal_that_a_page_shows_is_marked() -> None:
    assert len(RAISING) > 30
    found = {
        str(file.relative_to(ROOT)): lines
        for file in RAISING
        if (lines := list(unmarked_refusals(file.read_text())))
    }
    assert not found


SAYING = {
    "Detail": 0,
    "DocumentProblem": 1,
    "Exhausted": 0,
    "Failed": 0,
    "Fit": 1,
    "Forbidden": 0,
    "Held": 0,
    "LeftAlone": 2,
    "Misfit": 0,
    "NotFound": 0,
    "Note": 1,
    "Problem": 0,
    "Refusal": 0,
    "Refused": 0,
    "SiteError": 0,
    "TransformFailed": 1,
    "TransformProblem": 1,
    "Unfit": 0,
    "UnreadableValueError": 1,
    "ValidationError": 0,
    "_refuse": 0,
    "_refused": 0,
    "unfit": 0,
}
"""What the engine tells by, and which argument is the sentence."""
NAMED = re.compile(r"sentence|why|wrong|what|told|head|group|refused|rule|cure|group")
"""The variables that sentences are put together in."""
INSIDE = frozenset({"held for "})
"""Of exceptions that never leave the engine."""
ENGINE = [
    file
    for room in ("activity", "jira", "mapping", "sync")
    for file in (ROOT / "app" / room).rglob("*.py")
    # The sentences of a command, and an offer that `say_how` tells by its phrases.
    if file.name not in {"load_words.py", "offer.py", "offer_pairs.py"}
]


def unmarked_sayings(source: str) -> Iterator[tuple[int, str]]:
    """The sentences of the engine that are given as they are, with the line."""
    for node in ast.walk(ast.parse(source)):
        found: list[ast.AST] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            at = SAYING.get(node.func.id)
            found = [] if at is None else list(node.args[at : at + 1])
            found += [one.value for one in node.keywords if one.arg in {"sentence", "error"}]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            found = list(node.args[:1])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found = [node.value] if NAMED.fullmatch(node.targets[0].id) else []
        for one in found:
            for part in _unwrapped(one):
                if part not in INSIDE and re.search(r"[^\W\d_]{2,} [^\W\d_]{2}", part):
                    yield node.lineno, part


def test_every_sentence_that_the_engine_tells_is_marked() -> None:
    assert len(ENGINE) > 200
    found = {
        str(file.relative_to(ROOT)): lines
        for file in ENGINE
        if (lines := list(unmarked_sayings(file.read_text())))
    }
    assert not found


def test_an_unmarked_sentence_of_the_engine_is_found() -> None:
    assert list(unmarked_sayings('Detail(f"{key} was made.", field="a b c")')) == [
        (1, " was made.")
    ]
    assert list(unmarked_sayings('sentence = "It was made."')) == [(1, "It was made.")]
    assert list(unmarked_sayings('Detail(said("%(key)s was made.", key=key))')) == []


def test_an_unmarked_refusal_is_found() -> None:
    assert list(unmarked_refusals('raise Problem(f"a: {b} is not there.")')) == [
        (1, " is not there.")
    ]
    assert list(unmarked_refusals('refuse("a", _("is not there."))')) == []


def test_how_two_kinds_of_fields_are_carried_is_told_in_german_for_every_two() -> None:
    app = Flask(__name__)
    init_language(app)
    sentences = {pairs_with(one, other).sentence for one in Kind for other in Kind}
    assert len(sentences) > 100
    for sentence in sentences:
        with app.test_request_context(headers={"Accept-Language": "de"}):
            assert say_how(sentence) != sentence
        with app.test_request_context():
            assert "_" not in say_how(sentence)  # a kind by its name, not by its id


def test_a_text_is_english_where_nobody_asks_for_another_language() -> None:
    app = Flask(__name__)
    init_language(app)
    for headers in ({}, {"Accept-Language": "xx"}, {"Accept-Language": "en-GB,de;q=0.5"}):
        with app.test_request_context(headers=headers):
            assert gettext("Never written by Tandem") == "Never written by Tandem"
            assert ngettext("%(num)s day ago", "%(num)s days ago", 1) == "1 day ago"
    assert gettext("Never written by Tandem") == "Never written by Tandem"
