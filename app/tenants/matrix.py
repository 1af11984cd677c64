"""The matrix of every endpoint by role, for `tandem routes`, the docs and the tests."""

from __future__ import annotations

from collections.abc import Iterable

from app.tenants.gate import Declared
from app.tenants.roles import MATRIX, Reach, Role

WORDS = {None: "no", Reach.ALL: "yes", Reach.OWN_PROJECTS: "own projects"}


def row(declared: Declared) -> dict[str, str | None]:
    """One endpoint: what it asks for, and how far each role gets."""
    shown: dict[str, str | None] = {
        "path": declared.path,
        "methods": ",".join(declared.methods),
        "proof": declared.proof.value,
        "permission": declared.permission.value if declared.permission else None,
    }
    for role in Role:
        reach = MATRIX[declared.permission].get(role) if declared.permission else None
        shown[role.value] = WORDS[reach] if declared.permission else None
    return shown


def markdown(declarations: Iterable[Declared]) -> str:
    """The matrix as docs/access.md prints it."""
    titles = ["endpoint", "methods", "proof", "permission", *(role.value for role in Role)]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for declared in declarations:
        shown = row(declared)
        cells = [f"`{shown.pop('path')}`", *(one or "-" for one in shown.values())]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
