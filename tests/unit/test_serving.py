"""What web processes share."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOADED = """
import json, sys
from importlib import import_module
from app.serving import SHARED
for module in SHARED:
    import_module(module)
print(json.dumps(list(sys.modules)))
"""


def test_all_that_an_application_is_put_together_of_is_loaded_before_the_fork() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tree = ast.parse((ROOT / "app/__init__.py").read_text())
    wanted = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.")
    }
    assert len(wanted) > 20
    assert sorted(wanted - set(json.loads(ran.stdout))) == []
