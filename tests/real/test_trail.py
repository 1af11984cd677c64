"""Every deed that matters is on the trail: who, what, to what, from where. And it verifies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.stack import APP_KEY, Stack
from demo.walk import LEFT, RIGHT
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real


def trail(stack: Stack) -> list[dict[str, Any]]:
    """The whole trail."""
    listed = tandem(stack.environment, "audit", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found


def test_every_deed_is_on_the_trail_of_whom_it_concerns(running: Stack) -> None:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    profile = running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="p")
    running.page(globex, "POST", f"/pages/profiles/{profile}/pause")
    running.page(acme, "POST", f"/pages/profiles/{profile}/resume")
    account = acme.users[1]["accountId"]
    running.page(acme, "POST", "/pages/roles", account=account, role="editor")
    running.page(acme, "POST", "/pages/roles/revoke", account=account)
    running.page(acme, "POST", "/pages/settings/project-admins", allowed="yes")
    acme.control("POST", f"apps/{APP_KEY}/disable")
    acme.control("POST", f"apps/{APP_KEY}/enable")
    running.install()  # again, with new secrets
    acme.uninstall(APP_KEY)

    chains: dict[str, list[dict[str, Any]]] = {}
    for event in trail(running):
        chains.setdefault(event["chain"], []).append(event)
    # Acme's admin made the connection and the profile; Globex's gave the code.
    [ours] = [c for c in chains.values() if any(e["action"] == "role.granted" for e in c)]
    [theirs] = [c for c in chains.values() if any(e["action"] == "pairing-code.made" for e in c)]
    admin, partner = acme.admin["accountId"], globex.admin["accountId"]
    assert [(e["actor"], e["action"]) for e in ours] == [
        ("jira", "installation.installed"),
        ("jira", "installation.enabled"),
        (admin, "connection.made"),
        (admin, "profile.created"),
        ("partner", "profile.approved"),
        ("partner", "profile.paused"),
        (admin, "profile.resumed"),
        (admin, "role.granted"),
        (admin, "role.revoked"),
        (admin, "setting.changed"),
        ("jira", "installation.disabled"),
        ("jira", "installation.enabled"),
        ("jira", "installation.reinstalled"),
        ("jira", "installation.enabled"),
        ("jira", "installation.disabled"),  # Jira says so before it uninstalls
        ("jira", "installation.uninstalled"),
    ]
    assert [(e["actor"], e["action"]) for e in theirs][2:8] == [
        (partner, "pairing-code.made"),
        ("partner", "connection.made"),
        ("partner", "profile.created"),
        (partner, "profile.approved"),
        (partner, "profile.paused"),
        ("partner", "profile.resumed"),
    ]
    granted = next(e for e in ours if e["action"] == "role.granted")
    assert (granted["subject"], granted["detail"]) == (f"account:{account}", {"role": "editor"})
    assert granted["origin"]["address"] == "127.0.0.1"
    assert [e["action"] for e in chains["server"]] == ["audit.exported"]
    assert "p" not in {str(value) for e in ours for value in e["detail"].values()}

    verified = tandem(running.environment, "audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout
