"""`tandem profile mapping`: what it prints can be taken back, and what is wrong changes nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from app.mapping import profiles
from app.mapping.profile import Kind, Missing, Row
from tests.edge.test_webhooks import profile

__all__ = ["profile"]


@pytest.fixture
def tandem(command: Callable[..., Result]) -> Callable[..., Result]:
    """`tandem profile …` with this test's settings."""
    return lambda *words: command("profile", *words)


def test_a_mapping_is_printed_edited_and_taken(
    app: Flask, profile: uuid.UUID, tandem: Callable[..., Result], tmp_path: Path
) -> None:
    vault, file = app.extensions["tandem"].vault, tmp_path / "mapping.json"
    document: dict[str, Any] = json.loads(tandem("mapping", "Tasks").output)
    document["fields"].append(
        {
            "left": "customfield_1",
            "right": "customfield_2",
            "kind": "option",
            "values": {"rows": [{"left": "1", "right": "2"}], "missing": "fail"},
        }
    )
    document["users"] = {"rows": [{"left": "a", "right": "b"}], "by_email": False}
    file.write_text(json.dumps(document))
    taken = tandem("mapping", "Tasks", "--set", str(file))
    assert taken.exit_code == 0, taken.output

    stored = profiles.load(vault, profile)
    assert stored.revision == 2
    [option] = [one for one in stored.profile.fields if one.kind is Kind.OPTION]
    assert (option.values.rows, option.values.missing) == ((Row("1", "2"),), Missing.FAIL)
    assert stored.profile.users.rows == (Row("a", "b"),)
    printed = tandem("mapping", "Tasks").output
    assert json.loads(printed) == json.loads(taken.stdout)
    assert "could not be asked whether it has what is new" in taken.stderr
    file.write_text(printed)
    assert tandem("mapping", "Tasks", "--set", str(file)).exit_code == 0
    assert profiles.load(vault, profile).revision == 2  # the same is no revision


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fields": []}, "must hold 1 to 200 field mappings"),
        ({"left": {"project": "9", "issue_type": "9"}}, "left: project, issue type and filter"),
        ({"colour": 1}, "colour is not known in version 1"),
        (None, "is no JSON object"),
    ],
)
def test_a_mapping_that_is_wrong_changes_nothing(
    app: Flask,
    profile: uuid.UUID,
    tandem: Callable[..., Result],
    tmp_path: Path,
    change: dict[str, Any] | None,
    sentence: str,
) -> None:
    file = tmp_path / "mapping.json"
    document = json.loads(tandem("mapping", "Tasks").output)
    file.write_text("[" if change is None else json.dumps(document | change))
    refused = tandem("mapping", "Tasks", "--set", str(file))
    assert refused.exit_code == 2
    assert sentence in refused.output
    assert profiles.load(app.extensions["tandem"].vault, profile).revision == 1
