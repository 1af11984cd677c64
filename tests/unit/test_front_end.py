"""The set-up step that writes static/vendor: only the tokens we use, and none that do not exist."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("front_end", ROOT / "scripts/front_end.py")
assert spec is not None
assert spec.loader is not None
front_end = importlib.util.module_from_spec(spec)
spec.loader.exec_module(front_end)

THEMES = {
    "atlassian-light": {"--ds-text": "#111", "--ds-link": "#00f"},
    "atlassian-dark": {"--ds-text": "#eee", "--ds-link": "#88f"},
    "atlassian-spacing": {"--ds-space-100": "0.5rem"},
    "atlassian-shape": {},
    "atlassian-typography": {},
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one style sheet, one page, and stand-ins for the packages' files."""
    (tmp_path / "static/vendor").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    (tmp_path / "static/page.css").write_text("p { color: var(--ds-text); }")
    (tmp_path / "templates/page.html").write_text("<p data-gap='--ds-space-100'></p>")
    (tmp_path / "static/vendor/tokens.css").write_text(":root { --ds-never-heard-of: 0; }")
    themes = tmp_path / front_end.THEMES
    themes.mkdir(parents=True)
    for name, values in THEMES.items():
        lines = "".join(f"  {key}: {value};\\n" for key, value in values.items())
        (themes / f"{name}.js").write_text(f'export default "\\nhtml {{\\n{lines}}}\\n";')
    htmx = tmp_path / "node_modules/htmx.org/dist"
    htmx.mkdir(parents=True)
    (htmx / "htmx.min.js").write_text("var htmx;")
    return tmp_path


def test_only_the_variables_in_use_are_written(tree: Path) -> None:
    assert front_end.write_vendor(tree) == ["htmx.min.js", "tokens.css"]
    css = (tree / "static/vendor/tokens.css").read_text()
    assert css.count("--ds-text: #111;") == 1
    assert css.count("--ds-text: #eee;") == 1
    assert "--ds-space-100: 0.5rem;" in css
    assert "--ds-link" not in css
    assert css.index("#111") < css.index('html[data-color-mode="dark"]') < css.index("#eee")


def test_a_second_run_writes_nothing(tree: Path) -> None:
    front_end.write_vendor(tree)
    assert front_end.write_vendor(tree) == []


def test_an_unknown_variable_is_named_with_its_file_and_changes_nothing(tree: Path) -> None:
    front_end.write_vendor(tree)
    before = (tree / "static/vendor/tokens.css").read_text()
    (tree / "static/page.css").write_text("p { color: var(--ds-txet); }")
    with pytest.raises(front_end.FrontEndError, match=r"--ds-txet in static/page\.css"):
        front_end.write_vendor(tree)
    assert (tree / "static/vendor/tokens.css").read_text() == before
