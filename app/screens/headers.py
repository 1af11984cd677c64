"""What every answer says to the browser: the policy is data, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Flask, Response, request

# Reference: https://developer.atlassian.com/cloud/jira/platform/about-the-javascript-api/
ATLASSIAN_BRIDGE = "https://connect-cdn.atl-paas.net/all.js"
ATLASSIAN_HOSTS = (".atlassian.net", ".jira.com", ".jira-dev.com")
HSTS_SECONDS = 365 * 24 * 3600

EVERYWHERE = {
    "Strict-Transport-Security": f"max-age={HSTS_SECONDS}; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# An answer that is no page: nothing in it may run, and nobody may frame it.
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
ANSWERS = EVERYWHERE | {"Content-Security-Policy": NO_PAGE, "Cache-Control": "no-store"}


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def bridge_url(site: str) -> str:
    """Where a page in this site loads Atlassian's iframe bridge from."""
    if (urlsplit(site).hostname or "").endswith(ATLASSIAN_HOSTS):
        return ATLASSIAN_BRIDGE
    return f"{site}/atlassian-connect/all.js"


def protect_everything(app: Flask) -> None:
    """Give every answer of the app what it does not say itself: pages say more, see `protect`."""

    @app.after_request
    def headers(response: Response) -> Response:
        said = {name.lower() for name in response.headers.keys()}  # noqa: SIM118  not a mapping
        rules = EVERYWHERE if request.endpoint == "static" else ANSWERS
        response.headers.extend([pair for pair in rules.items() if pair[0].lower() not in said])
        return response


def protect(response: Response, sites: Sequence[str], *, framed_by_all: bool = False) -> Response:
    """Set a page's policy; `sites` are the addresses of the installed site that may frame it.

    `framed_by_all` is for a page that names nobody and has nothing to press.
    """
    ancestors = " ".join(dict.fromkeys(map(origin, sites))) or "'none'"
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *(origin(bridge_url(site)) for site in sites[:1])]),
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "*" if framed_by_all else ancestors,
    }
    response.headers["Content-Security-Policy"] = "; ".join(
        f"{name} {value}" for name, value in policy.items()
    )
    response.headers["Vary"] = "Accept"
    return response
