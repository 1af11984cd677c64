"""What somebody else wrote into our entity property of an issue: it says nothing, and holds up
neither its own issue nor any other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.stack import Stack, wait_until
from demo.walk import LEFT, RIGHT, keys_by_summary
from sandbox.process import SiteHandle
from tests.real.test_filters import make
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

FIELDS = [{"left": "summary", "right": "summary", "kind": "text"}]
IN, OUT = {"name": "High"}, {"name": "Low"}


def marked(site: SiteHandle, scope: tuple[str, str], mark: Any, **fields: Any) -> None:
    """Make an issue whose property `tandem` holds this."""
    body = {
        "fields": {"project": {"key": scope[0]}, "issuetype": {"name": scope[1]}, **fields},
        "properties": [{"key": "tandem", "value": mark}],
    }
    answer = site.call("POST", "issue", json=body)
    assert answer.status_code == 201, answer.text


def odd(profile: str, side: str) -> dict[str, Any]:
    """Marks that Tandem never writes, by a name."""
    named = {"profile": profile, "side": side}
    return {
        "a text": "x",
        "a number": 5,
        "a list": [{"profile": profile}],
        "many digits": {**named, "source": "9" * 5000},
        "no id": {**named, "source": "9" * 30},
        "nought": {**named, "source": "0"},
        "an object": {**named, "source": {"id": 1}},
    }


def test_odd_marks_hold_up_no_issue_and_no_load(running: Stack) -> None:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    form = {"name": "Odd marks", "fields": json.dumps(FIELDS), "left_filter": "priority = High"}
    profile = make(running, **form)["profile"]

    for name, mark in odd(profile, "left").items():
        marked(acme, LEFT, mark, summary=f"Outside, {name}", priority=OUT)
        marked(acme, LEFT, mark, summary=f"At Acme, {name}", priority=IN)
    for name, mark in odd(profile, "right").items():
        marked(globex, RIGHT, mark, summary=f"At Globex, {name}")
    wanted = {f"At {site}, {name}" for site in ("Acme", "Globex") for name in odd("", "")}

    def pairs() -> bool:
        sides = (acme, LEFT), (globex, RIGHT)
        return all(wanted <= keys_by_summary(site, scope[0]).keys() for site, scope in sides)

    wait_until("each has its twin", pairs)
    running.settle()
    loaded = tandem(
        running.environment,
        *("profile", "load", "Odd marks", "--from", "both", "--match", "summary"),
        seconds=120,
    )
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    there = keys_by_summary(globex, RIGHT[0])
    assert {name: len(there[name]) for name in wanted} == dict.fromkeys(wanted, 1)
    assert not any(name.startswith("Outside") for name in there)
