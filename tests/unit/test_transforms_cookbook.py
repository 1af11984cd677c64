"""The examples of docs/transforms.md, each run as it is printed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.cli.transform import sample
from app.mapping.profile import Kind
from app.mapping.transforms import Held, Inputs, IssueFacts, Target, compile_expression

PAGE = Path(__file__).resolve().parents[2] / "docs" / "transforms.md"
FENCED = re.compile(r"^### ([0-9]+)\. (.+?)\n\n```cel\n(.+?)```$", re.MULTILINE | re.DOTALL)
LEAST = 20
NOTHING = Held(Kind.TEXT, None)


@dataclass
class Example:
    """One fenced block: the whole of it is the expression, its comments are the inputs."""

    title: str
    text: str
    value: Held = NOTHING
    source: dict[str, Held] = field(default_factory=dict)
    target: dict[str, Held] = field(default_factory=dict)
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    twin: str = ""
    gives: tuple[str, Any] = ("", None)

    def __post_init__(self) -> None:
        for line in re.findall(r"^// (.+)$", self.text, re.MULTILINE):
            name, _, rest = line.partition(": ")
            self._note(name, rest)
        assert self.gives[0], f"{self.title} does not say what it gives"

    def _note(self, name: str, rest: str) -> None:
        group, _, part = name.partition(".")
        if name == "twin":
            self.twin = rest
        elif name.startswith("table "):
            self.tables[name.removeprefix("table ")] = json.loads(rest)
        elif name in {"value", "gives"} or group in {"source", "target"}:
            kind, _, raw = rest.partition(" ")
            if name == "gives":
                self.gives = (kind, json.loads(raw))
            elif name == "value":
                self.value = sample(kind, json.loads(raw))
            else:
                getattr(self, group)[part] = sample(kind, json.loads(raw))
        else:
            raise AssertionError(f"{self.title}: {name} is no line of an example")

    def inputs(self) -> Inputs:
        """What the expression works on."""
        facts = IssueFacts("WEB-7", "Bug", "WEB")
        twin = IssueFacts(self.twin, "Bug", "PLAT") if self.twin else IssueFacts()
        return Inputs(self.value, self.source, self.target, facts, twin, self.tables)


def examples() -> list[Example]:
    return [Example(title, text) for _, title, text in FENCED.findall(PAGE.read_text())]


def test_the_cookbook_has_at_least_twenty_examples_numbered_in_order() -> None:
    numbers = [int(number) for number, _, _ in FENCED.findall(PAGE.read_text())]
    assert len(numbers) >= LEAST
    assert numbers == list(range(1, len(numbers) + 1))
    assert PAGE.read_text().count("```cel") == len(numbers), "a block is not in the form of others"


@pytest.mark.parametrize("example", examples(), ids=lambda one: one.title)
def test_an_example_of_the_cookbook_gives_what_it_says(example: Example) -> None:
    kind, expected = example.gives
    transform = compile_expression(example.text)
    assert transform.show(example.inputs())[0] == expected
    field_id = "labels" if kind == "labels" else "field"
    written = transform.apply(example.inputs(), Target("a=b", field_id, Kind(kind)))
    assert written == stored(kind, expected)


def stored(kind: str, result: Any) -> Any:
    """What is written for a result, in the canonical form of the kind."""
    match kind:
        case "date":
            return result[:10]
        case "datetime":
            return result.replace("Z", ".000Z")
        case "labels":
            return tuple(sorted(set(result)))
        case "option" | "priority":
            return ("", result)
        case "versions":
            return tuple(sorted(("", name) for name in result))
        case "cascade":
            return (("", result["parent"]), ("", result["child"]))
        case "user":
            return result["id"]
        case "rich_text":
            return sample(kind, result).value
        case "text" | "url" | "number":
            return result
    raise AssertionError(f"{kind}: say here what is written for it")


def test_every_function_of_the_page_is_one_that_there_is_and_the_other_way_round() -> None:
    from app.mapping.transforms.check import FUNCTIONS, MACROS, METHODS

    page = PAGE.read_text()
    listed = page[page.index("## Functions") : page.index("`size(x)` may be written")]
    named = set(re.findall(r"([A-Za-z_]+)\(", listed))
    assert named == {*FUNCTIONS, *METHODS, *MACROS}


def test_the_page_tells_the_limits_that_hold() -> None:
    from app.mapping.transforms import limits, scan

    page = PAGE.read_text()
    told = page[page.index("## Limits") : page.index("## Errors")]
    for number in (
        limits.MAX_EXPRESSION,
        scan.MAX_BRACKETS,
        limits.MAX_DEPTH,
        limits.MAX_TEXT,
        limits.MAX_ITEMS,
        limits.MAX_PARTS,
        limits.MAX_PATTERN,
        limits.BUDGET,
        limits.STEP,
        limits.TURN,
    ):
        assert re.search(rf"\b{number:,}\b", told), f"{number:,} is not told"
