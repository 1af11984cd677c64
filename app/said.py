"""Sentences that are said where no reader is known, and told in each reader's language later.

A `Said` is its own English text, so that commands, logs and JSON need to know nothing of it; it
carries the text of the catalogue and its values besides, for `app.language.tell`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Packed: TypeAlias = "str | dict[str, Any]"
"""A sentence as JSON has it: a text that is nobody's to translate, or what a `Said` is made of."""

_MARK = "\x01"
"""Begins a text that holds a `Said`; no site's own words do, once they are written down."""


class _Given(dict[str, Any]):
    """Values, of which some may come later."""

    def __missing__(self, name: str) -> str:
        return f"%({name})s"


class Said(str):
    """A sentence in English. `text` is its key in the catalogue, with `values` by name; of one that
    counts, `many` is the form for many and `num` the number. Without a text it is `parts`, one
    after the other, with the value `between`."""

    text: str
    many: str
    num: int
    values: Mapping[str, Any]
    parts: tuple[str, ...]

    __slots__ = ("many", "num", "parts", "text", "values")

    def __new__(
        cls,
        text: str,
        many: str = "",
        num: int = 0,
        values: Mapping[str, Any] | None = None,
        parts: tuple[str, ...] = (),
    ) -> Said:
        """The sentence; its English is worked out once."""
        given = dict(values or {})
        if parts:
            english = str(given.get("between", " ")).join(parts)
        else:
            chosen = text if not many or num == 1 else many
            english = chosen % _Given(given) if given else chosen
        made = super().__new__(cls, english)
        made.text, made.many, made.num, made.values, made.parts = text, many, num, given, parts
        return made

    def format(self, *args: object, **kwargs: object) -> Said:
        """The sentence with values that come later, as those of marshmallow's rules do; what was
        put in is `given` as well, as it would be written down."""
        if "input" in kwargs:
            kwargs["given"] = repr(kwargs["input"])
        found = {name: str(one) for name, one in kwargs.items() if f"%({name})s" in self.text}
        return Said(self.text, self.many, self.num, {**self.values, **found}, self.parts)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.text, self.many, self.num, self.values, self.parts


def said(text: str, /, **values: object) -> Said:
    """A sentence of the catalogue, with its named placeholders."""
    return Said(text, values=values)


def counted(one: str, many: str, num: int, /, **values: object) -> Said:
    """A sentence of the catalogue that counts: of `one`, or of `many`, by `num`; it may name it as
    `count`."""
    return Said(one, many, num, {"count": f"{num:,}"} | values)


def together(parts: Iterable[str], between: str = " ") -> str:
    """Sentences one after the other, each to be told by itself."""
    found = tuple(parts)
    if len(found) < 2:
        return found[0] if found else ""
    return Said("", values={"between": between}, parts=found)


def words_of(error: BaseException) -> str:
    """The sentence that an exception was raised with; `str` of one would leave but its English."""
    found = error.args[0] if error.args else ""
    return found if isinstance(found, str) else str(error)


def pack(sentence: str) -> Packed:
    """A sentence for JSON that is read by `unpack`."""
    if not isinstance(sentence, Said):
        return sentence
    told: dict[str, Any] = {"text": sentence.text}
    if sentence.many:
        told |= {"many": sentence.many, "num": sentence.num}
    if sentence.values:
        told["values"] = {
            name: pack(value) if isinstance(value, str) else value
            for name, value in sentence.values.items()
        }
    if sentence.parts:
        told["parts"] = [pack(one) for one in sentence.parts]
    return told


def unpack(packed: Packed) -> str:
    """The sentence that was packed. One that was kept as a text stays as it was."""
    if isinstance(packed, str):
        return packed
    values = {
        name: unpack(value) if isinstance(value, dict) else value
        for name, value in packed.get("values", {}).items()
    }
    parts = tuple(unpack(one) for one in packed.get("parts", ()))
    return Said(packed["text"], packed.get("many", ""), packed.get("num", 0), values, parts)


def as_text(sentence: str) -> str:
    """A sentence for a place that holds a text; read by `from_text`."""
    if isinstance(sentence, Said):
        return _MARK + json.dumps(pack(sentence), ensure_ascii=False)
    return sentence.lstrip(_MARK)


def from_text(kept: str) -> str:
    """The sentence that a text holds."""
    return unpack(json.loads(kept.removeprefix(_MARK))) if kept.startswith(_MARK) else kept
