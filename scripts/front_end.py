"""Brings in the front-end packages by npm and writes the git-ignored folder static/vendor/.

Run by `make setup`; it needs only the standard library, does nothing when nothing has changed,
and may be run at any time:

    .venv/bin/python scripts/front_end.py
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = Path("node_modules/.tandem-stamp")
VENDOR = Path("static/vendor")
THEMES = Path("node_modules/@atlaskit/tokens/dist/esm/artifacts/themes")

# Where our own style is, and where its variables may be named. Vendor files are output.
STYLED = ("static/**/*.css", "static/**/*.js", "sandbox/static/**/*.css", "sandbox/static/**/*.js")
STYLED_PAGES = ("templates/**/*.html", "sandbox/templates/**/*.html")

# (file, selector): later ones win where the same page matches both, so the default comes first.
# Reference: https://atlassian.design/components/tokens/code (attributes Jira sets on <html>)
SHEETS = (
    ("atlassian-spacing", ":root"),
    ("atlassian-shape", ":root"),
    ("atlassian-typography", ":root"),
    ("atlassian-light", ':root,\nhtml[data-color-mode="light"][data-theme~="light:light"]'),
    ("atlassian-dark", 'html[data-color-mode="dark"][data-theme~="dark:dark"]'),
)
VARIABLE = re.compile(r"--ds-[a-zA-Z0-9-]+")
DECLARATION = re.compile(r"(--ds-[a-zA-Z0-9-]+):\s*([^;]+);")


class FrontEndError(Exception):
    """A step failed; the message says which, and what to do."""


def main() -> int:
    """Run every step whose input has changed; give the exit code."""
    try:
        installed = install_packages(ROOT)
        written = write_vendor(ROOT)
    except (FrontEndError, OSError) as error:
        print(f"front end: {error}", file=sys.stderr)
        return 1
    done = (["packages installed"] if installed else []) + [f"{name} written" for name in written]
    print(f"front end: {', '.join(done) or 'up to date'}")
    return 0


def install_packages(root: Path) -> bool:
    """Run `npm ci` when package.json or its lock changed since the last time; tell whether it ran.

    No package's own scripts are run: none of ours needs them, and they are the usual way in for
    a hijacked package.

    Raises:
        FrontEndError: npm failed, or no node is there.
    """
    wanted = _digest(root / "package.json", root / "package-lock.json", root / ".npmrc")
    stamp = root / STAMP
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    # The finder of node is the sandbox's, which runs node too; it needs only the standard library.
    sys.path.insert(0, str(root))
    finder = importlib.import_module("sandbox.node")
    try:
        node = finder.find_node()
    except finder.NodeMissing as error:
        raise FrontEndError(str(error)) from error
    command = [*node.npm, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]
    answer = subprocess.run(command, cwd=root, env=node.environment(), check=False)
    if answer.returncode != 0:
        raise FrontEndError(
            f"`npm ci --ignore-scripts` ended with {answer.returncode}; its words are above. "
            "If package.json was edited, run `npm install --ignore-scripts` once for a new lock."
        )
    stamp.write_text(wanted)
    return True


def write_vendor(root: Path) -> list[str]:
    """Write what pages load from packages; give the names of the files that changed.

    Raises:
        FrontEndError: our style names a variable that Atlassian's themes do not have.
    """
    tokens = tokens_css(read_themes(root), used_variables(root))
    htmx = (root / "node_modules/htmx.org/dist/htmx.min.js").read_text()
    files = {"htmx.min.js": htmx, "tokens.css": tokens}
    return [name for name, text in files.items() if _write(root / VENDOR / name, text)]


def read_themes(root: Path) -> dict[str, dict[str, str]]:
    """Read Atlassian's themes: sheet name → variable → value."""
    themes: dict[str, dict[str, str]] = {}
    for name, _ in SHEETS:
        source = (root / THEMES / f"{name}.js").read_text()
        literal = source.partition("export default ")[2].strip().rstrip(";")
        try:
            css = json.loads(literal)
        except json.JSONDecodeError as error:
            raise FrontEndError(
                f"{THEMES / name}.js is not what it was: expected one string ({error}); "
                "pin @atlaskit/tokens to the version of the lock file"
            ) from error
        themes[name] = dict(DECLARATION.findall(css))
    return themes


def used_variables(root: Path) -> dict[str, str]:
    """Find the `--ds-…` variables our own style uses: variable → first file that names it."""
    used: dict[str, str] = {}
    for path in _styled_files(root):
        for variable in VARIABLE.findall(path.read_text(encoding="utf-8")):
            used.setdefault(variable, str(path.relative_to(root)))
    return used


def tokens_css(themes: dict[str, dict[str, str]], used: dict[str, str]) -> str:
    """Compose the style sheet of exactly the used variables.

    Raises:
        FrontEndError: names each variable that no theme has, with the file that uses it.
    """
    known = set[str]().union(*themes.values())
    unknown = sorted(f"{name} in {where}" for name, where in used.items() if name not in known)
    if unknown:
        raise FrontEndError(
            "unknown Atlassian design token: "
            + "; ".join(unknown)
            + ". See https://atlassian.design/components/tokens/all-tokens for the names."
        )
    parts = ["/* Written by scripts/front_end.py from @atlaskit/tokens (Apache-2.0). */\n"]
    for name, selector in SHEETS:
        lines = [f"  {key}: {value};\n" for key, value in themes[name].items() if key in used]
        scheme = {"atlassian-light": "light", "atlassian-dark": "dark"}.get(name)
        if scheme:
            lines.insert(0, f"  color-scheme: {scheme};\n")
        if lines:
            parts.append(f"{selector} {{\n{''.join(lines)}}}\n")
    return "".join(parts)


def _styled_files(root: Path) -> Iterator[Path]:
    for pattern in (*STYLED, *STYLED_PAGES):
        for path in sorted(root.glob(pattern)):
            if VENDOR not in path.relative_to(root).parents:
                yield path


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(_contents(paths))).hexdigest()


def _contents(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        yield path.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
