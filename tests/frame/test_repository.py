"""The repository's own promises: settings listed, locks closed, chores explained."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


class AskedFor(dict[str, str]):
    """An environment that remembers which names were looked up in it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(key)
        return super().get(key, default)


def example_lines() -> dict[str, str]:
    """NAME → value as .env.example shows it, commented out or not."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))


def test_the_example_lists_exactly_the_settings_that_are_read() -> None:
    environment = AskedFor({"TANDEM_BASE_URL": "https://tandem.example.com"})
    load_settings(environment)
    assert set(example_lines()) == environment.names


def test_the_example_taken_whole_gives_the_defaults() -> None:
    needed = {"TANDEM_BASE_URL": "https://tandem.example.com"}
    assert load_settings(example_lines()) == load_settings(needed)


def test_there_are_locks_for_python_packages_the_installer_and_node() -> None:
    assert [lock.name for lock in LOCKS] == [
        "requirements-installer.lock",
        "requirements-node.lock",
        "requirements.lock",
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_by_version_and_hash_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    packages = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
    for package in packages:
        assert re.match(r"[a-zA-Z0-9._-]+==[^ ]+ ", package), package
        assert "--hash=sha256:" in package, package
    assert "://" not in text
    assert "--index" not in text


def test_make_alone_explains_every_chore() -> None:
    answer = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for chore in (
        "setup",
        "demo",
        "demo-check",
        "test",
        "nightly",
        "lint",
        "bench",
        "lock",
        "clean",
    ):
        assert re.search(rf"^  make {chore} +\S", answer.stdout, flags=re.MULTILINE), chore


def test_a_machine_without_a_fitting_python_is_told_what_to_type(tmp_path: Path) -> None:
    answer = set_up_without_python(tmp_path)
    assert answer.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 with its venv module is needed" in answer.stderr
    assert "sudo apt-get install -y python3-venv" in answer.stderr
    assert not (tmp_path / "clone" / ".venv").exists()


def test_a_python_that_the_person_names_but_does_not_fit_is_reported(tmp_path: Path) -> None:
    answer = set_up_without_python(tmp_path, PYTHON="/nowhere/python3.9")
    assert "PYTHON=/nowhere/python3.9 is passed over" in answer.stderr


def set_up_without_python(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run setup.sh in an empty clone, as a person without root, where python3 is too old."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "mktemp", "cat", "rm", "tail"):
        (tools / name).symlink_to(which(name))
    # Answers as an old Python does to the only question it is asked: does it fit?
    program(tools / "python3", "exit 1")
    program(tools / "id", "echo 1000")
    program(tools / "apt-get", "exit 100")
    clone = tmp_path / "clone"
    (clone / "scripts").mkdir(parents=True)
    for script in ("setup.sh", "system_packages.sh"):
        target = clone / "scripts" / script
        target.write_text((ROOT / "scripts" / script).read_text())
        target.chmod(0o755)
    return subprocess.run(
        [tools / "bash", "scripts/setup.sh"],
        cwd=clone,
        env={"PATH": str(tools), "TMPDIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def which(name: str) -> str:
    found = [Path(folder, name) for folder in os.environ["PATH"].split(os.pathsep)]
    return str(next(path for path in found if path.exists()))


def test_what_a_page_loads_by_itself_it_asks_for_again_by_itself() -> None:
    by_itself = re.compile(r"<[^<>]*hx-trigger=\"[^\"]*\bload\b[^\"]*\"[^<>]*>")
    found = [
        (page.name, tag)
        for page in sorted((ROOT / "templates").rglob("*.html"))
        for tag in by_itself.findall(re.sub(r"{{.*?}}|{%.*?%}", "", page.read_text()))
    ]
    assert found
    assert [one for one in found if not re.search(r"tandem:again|every \d+s", one[1])] == []
