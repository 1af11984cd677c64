"""The policy of a page, by the site that it is shown in."""

from __future__ import annotations

import pytest
from flask import Response

from app.screens.headers import ATLASSIAN_BRIDGE, bridge_url, protect


@pytest.mark.parametrize("site", ["https://acme.atlassian.net", "https://acme.jira.com"])
def test_a_real_site_brings_the_bridge_from_atlassians_own_network(site: str) -> None:
    assert bridge_url(site) == ATLASSIAN_BRIDGE
    policy = protect(Response(), site).headers["Content-Security-Policy"]
    assert "script-src 'self' https://connect-cdn.atl-paas.net;" in policy
    assert policy.endswith(f"frame-ancestors {site}")


@pytest.mark.parametrize("site", ["https://notatlassian.net", "https://atlassian.net.evil.example"])
def test_a_site_that_only_looks_like_one_brings_its_own(site: str) -> None:
    assert bridge_url(site) == f"{site}/atlassian-connect/all.js"


def test_a_caller_that_is_not_known_may_frame_nothing() -> None:
    policy = protect(Response(), None).headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'none'")
    assert "script-src 'self';" in policy
