"""The policy of a page, by the site that it is shown in."""

from __future__ import annotations

import pytest
import requests
from flask import Response

from app.screens.headers import ATLASSIAN_BRIDGE, bridge_url, protect
from demo.stack import Stack
from tests.stack_fixture import running  # noqa: F401  a fixture


@pytest.mark.parametrize("site", ["https://acme.atlassian.net", "https://acme.jira.com"])
def test_a_real_site_brings_the_bridge_from_atlassians_own_network(site: str) -> None:
    assert bridge_url(site) == ATLASSIAN_BRIDGE
    policy = protect(Response(), [site]).headers["Content-Security-Policy"]
    assert "script-src 'self' https://connect-cdn.atl-paas.net;" in policy
    assert policy.endswith(f"frame-ancestors {site}")


@pytest.mark.parametrize("site", ["https://notatlassian.net", "https://atlassian.net.evil.example"])
def test_a_site_that_only_looks_like_one_brings_its_own(site: str) -> None:
    assert bridge_url(site) == f"{site}/atlassian-connect/all.js"


def test_a_caller_that_is_not_known_may_frame_nothing() -> None:
    policy = protect(Response(), []).headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'none'")
    assert "script-src 'self';" in policy


def test_a_site_that_people_reach_by_another_address_may_frame_from_there_too() -> None:
    sites = ["https://acme.atlassian.net", "https://jira.acme.example"]
    policy = protect(Response(), sites).headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://acme.atlassian.net https://jira.acme.example")
    assert "script-src 'self' https://connect-cdn.atl-paas.net;" in policy


@pytest.mark.real
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/atlassian-connect.json", 200),
        ("GET", "/static/tandem.js", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/webhooks/jira", 405),
        ("POST", "/webhooks/jira", 401),
        ("POST", "/lifecycle/installed", 401),
    ],
)
def test_every_answer_protects_itself(
    running: Stack,  # noqa: F811
    method: str,
    path: str,
    status: int,
) -> None:
    answer = requests.request(method, running.url + path, timeout=90)
    assert answer.status_code == status
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    if not path.startswith("/static"):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
