"""The table of faults in docs/limits.md: every sentence is the page's, and every test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAID_IN = (
    "app/screens/waits.py",
    "app/database_faults.py",
    "app/sync/apply.py",
    "app/sync/reasons.py",
    "templates/parts/lines.html",
)
ROW = re.compile(r"^\| (.+?) \| (.+?) \| `(\w+/test_\w+\.py)::(\w+)` \|$", flags=re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "limits.md").read_text())


def sentences(path: Path) -> str:
    """The text of a source, with sentences that are written over several lines put together."""
    source = path.read_text()
    if path.suffix != ".py":
        return source
    found = [one.value for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Constant)]
    return "\n".join(one for one in found if isinstance(one, str))


def test_the_table_has_every_fault() -> None:
    faults = " ".join(what for what, *_ in ROWS)
    for word in (
        "429", "Retry-After", "points", "burst", "writes on one issue", "401", "403", "404", "409",
        "500", "time-out", "half an answer", "HTML", "database restarts", "worker killed",
        "web killed", "disk is full", "clock is stepped",
    ):  # fmt: skip
        assert word in faults


@pytest.mark.parametrize(("words", "file", "test"), [row[1:] for row in ROWS])
def test_a_row_names_words_of_the_page_and_a_test(words: str, file: str, test: str) -> None:
    assert any(words in sentences(ROOT / one) for one in SAID_IN), words
    assert f"def {test}(" in (ROOT / "tests" / file).read_text()
