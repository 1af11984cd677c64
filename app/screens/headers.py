"""What every page answer says to the browser: the policy is data, in one place."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response

# Reference: https://developer.atlassian.com/cloud/jira/platform/about-the-javascript-api/
ATLASSIAN_BRIDGE = "https://connect-cdn.atl-paas.net/all.js"
ATLASSIAN_HOSTS = (".atlassian.net", ".jira.com", ".jira-dev.com")
HSTS_SECONDS = 365 * 24 * 3600


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def bridge_url(site: str) -> str:
    """Where a page in this site loads Atlassian's iframe bridge from."""
    if (urlsplit(site).hostname or "").endswith(ATLASSIAN_HOSTS):
        return ATLASSIAN_BRIDGE
    return f"{site}/atlassian-connect/all.js"


def protect(response: Response, site: str | None) -> Response:
    """Set the headers; `site` is the base URL of the installed site that may frame the page."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'" + (f" {origin(bridge_url(site))}" if site else ""),
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": origin(site) if site else "'none'",
    }
    response.headers["Content-Security-Policy"] = "; ".join(
        f"{name} {value}" for name, value in policy.items()
    )
    response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}; includeSubDomains"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return response
