"""Two sites for the tests of rich text: what each knows of the other, the corpus, the schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

import app.mapping.kinds  # noqa: F401  registers the kinds
from app.mapping.profile import Kind
from app.mapping.rich import Context, File, Person
from app.mapping.rich.shapes import (
    ATTRS,
    COLUMNS,
    MARK_ATTRS,
    MARKS,
    MAY_BE_EMPTY,
    NODE_ATTRS,
    PLACES,
    Attr,
)
from app.mapping.values import handler
from sandbox.rich_text import SCHEMA, Converter

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/corpus/rich_text"
NO_SCHEMA = f"npm's @atlaskit/adf-schema is not installed: {SCHEMA}"
needs_schema = pytest.mark.skipif(not SCHEMA.exists(), reason=NO_SCHEMA)

ACME, GLOBEX = "https://acme.atlassian.net", "https://globex.atlassian.net"
ADA, BEN, CLEO = (
    "5b10a2844c20165700ede21g",
    "712020:0f3c2d1e-6a57-4b7e-9d1f-2b8f0c4a7e55",
    "712020:7d9a1f20-0c3e-4a4d-8a51-6d3a9ee0b1c4",
)
SEAL, DIAL, LOST = (
    "6f1f4e0a-6f0c-4a52-9d55-0a1b8d3c7f01",
    "b4a0c1de-2f70-4b7e-8a8e-3f5f6a9d2c02",
    "0d7f7d6c-51d9-4a0c-b7a7-9e6a1f2b3c03",
)
PEOPLE = {ADA: "globex-ada", BEN: "globex-ben"}
FILES = {
    SEAL: "c1c1c1c1-0000-4000-8000-000000000001",
    DIAL: "c1c1c1c1-0000-4000-8000-000000000002",
}
ISSUES = {"ACME-1": "GLOB-11", "ACME-2": "GLOB-22"}


def there() -> Context:
    """What is known when a text of Acme goes to Globex."""
    return Context(
        source=ACME,
        target=GLOBEX,
        people={
            **{one: Person(other) for one, other in PEOPLE.items()},
            CLEO: Person(None, "Cleo"),
        },
        files={
            **{one: File(other, name="known") for one, other in FILES.items()},
            LOST: File(None, name="lost.pdf", href=f"{ACME}/rest/api/3/attachment/content/9"),
        },
        issues=ISSUES,
    )


def back() -> Context:
    """What is known when a text of Globex goes to Acme."""
    return Context(
        source=GLOBEX,
        target=ACME,
        people={other: Person(one) for one, other in PEOPLE.items()},
        files={other: File(one) for one, other in FILES.items()},
        issues={other: one for one, other in ISSUES.items()},
    )


def canonical(document: object) -> str | None:
    value = handler(Kind.RICH_TEXT).read(document)
    assert value is None or isinstance(value, str)
    return value


def raw(document: str | None) -> Any:
    return handler(Kind.RICH_TEXT).write(document)


def corpus() -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(CORPUS.glob("*.json"))}


def doc(*content: Any) -> str:
    return json.dumps({"type": "doc", "version": 1, "content": list(content)})


def node(type_: str, *content: Any, marks: list[Any] | None = None, **attrs: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": type_}
    if attrs:
        found["attrs"] = attrs
    if content:
        found["content"] = [text(one) if isinstance(one, str) else one for one in content]
    if marks:
        found["marks"] = marks
    return found


def text(words: str, *marks: str, href: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "text", "text": words}
    all_: list[dict[str, Any]] = [{"type": one} for one in marks]
    if href:
        all_.append({"type": "link", "attrs": {"href": href}})
    return {**found, "marks": all_} if all_ else found


def paragraph(*content: Any) -> dict[str, Any]:
    return node("paragraph", *content)


@dataclass
class Checker:
    """Holds documents against Atlassian's schema, as Jira does."""

    converter: Converter

    def faults(self, document: str | None) -> list[str]:
        return [] if document is None else self.converter.check_adf(raw(document))


# --- documents that hypothesis makes ------------------------------------------------------

_BITS = [*"ab1-./ é漢\U0001f600", "b ", "ACME-1", " ACME-2 ", "ACME-7"]
_ADDRESSES = [f"{ACME}/browse/ACME-1", f" {ACME}/browse/ACME-7?a=b ", "https://example.com/ACME-1"]
WORDS = st.lists(st.sampled_from([*_BITS, *_ADDRESSES]), min_size=1, max_size=5).map("".join)
_ATTRS = {
    "id": st.sampled_from([ADA, BEN, CLEO, SEAL, DIAL, LOST, "1f44d", "strange"]),
    "url": st.sampled_from([f"{ACME}/browse/ACME-1", "https://example.com", "x"]),
    "href": st.sampled_from([f"{ACME}/browse/ACME-2#c", "https://example.com", "mailto:a@b.c"]),
    "collection": st.just(""),
    "timestamp": st.sampled_from(["0", "1767225600000", "soon"]),
}
_COLOURS = st.sampled_from(["#bf2600", "#00FF00"])


def _value(one: Attr) -> st.SearchStrategy[Any]:
    if one.name in _ATTRS:
        return _ATTRS[one.name]
    if one.kind.startswith("/"):
        return _COLOURS
    if one.kind == "datasource":
        views = [{"type": "table"}]
        return st.just({"id": "d", "parameters": {"jql": "project = ACME"}, "views": views})
    if one.kind.startswith("n"):
        return st.integers(1, 3)
    simple = {"s": WORDS, "s1": WORDS, "b": st.booleans(), "any": st.just({"url": "x", "n": 1})}
    lists = {"[n]": st.lists(st.integers(1, 9)), "[s1]": st.lists(WORDS, min_size=1)}
    known = {**simple, **lists}
    return known[one.kind] if one.kind in known else st.sampled_from(one.kind.split("|"))


@st.composite
def _with_attrs(draw: st.DrawFn, name: str, table: Any) -> dict[str, Any]:
    sets = table[name]
    if not sets:
        return {"type": name}
    listed = draw(st.sampled_from(sets))
    attrs = {
        one.name: draw(_value(one))
        for one in listed
        if one.name != "localId" and (one.must or draw(st.booleans()))
    }
    return {"type": name, "attrs": attrs} if attrs else {"type": name}


@st.composite
def _of(draw: st.DrawFn, name: str, parent: str, depth: int) -> dict[str, Any]:
    if name == "text":
        made: dict[str, Any] = {"type": "text", "text": draw(WORDS)}
    else:
        made = draw(_with_attrs(name, NODE_ATTRS))
    allowed = PLACES.get(parent, {}).get(name, ())
    marked = bool(allowed) and draw(st.booleans())
    if marked:
        names = draw(st.sets(st.sampled_from(sorted(draw(st.sampled_from(allowed)))), max_size=3))
        marks = [draw(_with_attrs(one, MARK_ATTRS)) for one in sorted(names)]
        if marks:
            made["marks"] = marks
    if name in PLACES:
        made["content"] = draw(_content(name, depth))
    elif name == "bodiedSyncBlock":
        made["content"] = [{"type": "paragraph", "content": [text(draw(WORDS))]}]
    return made


@st.composite
def _content(draw: st.DrawFn, name: str, depth: int) -> list[dict[str, Any]]:
    if name == "mediaSingle":
        made = [draw(_of("media", name, depth - 1))]
        return made + ([draw(_of("caption", name, depth - 1))] if draw(st.booleans()) else [])
    names = sorted(PLACES[name])
    if depth <= 0:
        flat = [one for one in names if one not in PLACES]
        names = flat or [one for one in names if one in ("paragraph", "listItem")] or names
    low, high = COLUMNS if name == "layoutSection" else (int(name not in MAY_BE_EMPTY), 3)
    count = draw(st.integers(low, high))
    return [draw(_of(draw(st.sampled_from(names)), name, depth - 1)) for _ in range(count)]


def documents(depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """Documents that are valid by the schema, of every node and mark."""
    return _content("doc", depth).map(
        lambda content: {"type": "doc", "version": 1, "content": content}
    )


# Anything at all, with a liking for what a document is made of.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 10**20)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\x00", "ACME-1", *ATTRS, *MARKS]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "attrs", "content", "marks", "text", "id", "url", "x", "\udfff"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)
