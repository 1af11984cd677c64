"""The server's time for each page, at 200 profiles and 300 fields a side, and what it sends.

The pages are asked in this process, over the database and the keys of a running Tandem: what is
measured is the server's work, and neither the network nor a busy web server.
"""

from __future__ import annotations

import gzip
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from app import Tandem
from app.jira.cloud import CloudSite
from app.jira.site import FieldRule
from app.mapping import approvals, profiles
from app.mapping.profile import Scope
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from bench.plant import NO_LIMITS, Plant, plant
from bench.result import Result
from bench.tenants import app_of
from demo.stack import APP_KEY, scope_ids
from demo.walk import LEFT, RIGHT

PROFILES, FIELDS, LINKS = 200, 300, 500
TIMES = 25
JSON = "application/json"
GOAL_MS, GOAL_KB = 50.0, 100.0
VIEWS = {
    "profiles": "views/profiles",
    "the list, as it polls": "parts/overview",
    "activity": "views/activity",
    "conflicts": "views/conflicts",
    "settings": "views/settings",
}
"""The views of the navigation, by what they are called here."""


def pages() -> list[Result]:
    """Milliseconds of each page (the median), and kilobytes of the first one, compressed."""
    with plant() as one, _many_fields():
        for site in (one.acme, one.globex):
            site.limits(**NO_LIMITS)
        with app_of(one) as app:
            _fill(one, app)
            return _measured(one, app)


def _measured(one: Plant, app: Flask) -> list[Result]:
    asker = _Asker(one, app)
    first, sent = asker.page(one.acme.page_url(APP_KEY, "tandem", **_admin(one)))
    found = {"home, as it opens": first}
    found |= {name: asker.part(path) for name, path in VIEWS.items()}
    profile = one.stack.overview()[0]["id"]
    found["a profile"] = asker.part(f"views/profiles/{profile}")
    draft = asker.call("POST", "drafts", profile=profile).get_json()["draft"]
    for step in ("projects", "fields", "values", "review"):
        found[f"editor: {step}"] = asker.part(f"drafts/{draft}/{step}")
    results = [
        Result(f"page: {name}", median, "ms of the server", "lower", GOAL_MS)
        for name, median in found.items()
    ]
    return [*results, Result("page: home, sent", sent, "KB compressed", "lower", GOAL_KB)]


def _admin(one: Plant) -> dict[str, str]:
    return {"accountId": str(one.acme.admin["accountId"])}


class _Asker:
    """Asks for pages as the admin of Acme's site, and takes the time."""

    def __init__(self, one: Plant, app: Flask) -> None:
        self._one, self._client = one, app.test_client()

    def page(self, url: str) -> tuple[float, float]:
        """The median time of a page that a browser loads, and its kilobytes with its files."""
        path = url.split(self._one.stack.url, 1)[1]

        def ask() -> TestResponse:
            return self._client.get(path)

        median = _median(ask)
        whole = ask().text
        size = len(gzip.compress(whole.encode()))
        for name in _files(whole):
            size += len(gzip.compress(self._client.get(name).data))
        return median, size / 1024

    def part(self, path: str) -> float:
        """The median time of a view."""
        return _median(lambda: self.call("GET", path, html=True))

    def call(self, method: str, path: str, *, html: bool = False, **form: str) -> TestResponse:
        """Call one of the pages' endpoints."""
        token = self._one.acme.context_token(APP_KEY, **_admin(self._one))
        headers = {"Authorization": f"JWT {token}"} | ({} if html else {"Accept": JSON})
        answer = self._client.open(f"/pages/{path}", method=method, headers=headers, data=form)
        if answer.status_code != 200:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer


def _median(ask: Any) -> float:
    """Milliseconds; the first call is not counted, as it fills what is remembered."""
    times = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


def _files(page: str) -> list[str]:
    """The style sheets and scripts that a page of ours loads, but for the bridge."""
    found = [part.split('"', 1)[0] for part in page.replace("href=", "src=").split('src="')[1:]]
    return [urlsplit(one).path for one in found if one.startswith("/static/")]


def _fill(one: Plant, app: Flask) -> None:
    """So many profiles between the two sites, and pairs and activity of the first."""
    tandem: Tandem = app.extensions["tandem"]
    first = profiles.load(tandem.vault, uuid.UUID(one.stack.overview()[0]["id"]))
    ours = Caller(first.left_tenant, _admin(one)["accountId"], Proof.CONTEXT)
    theirs = replace(ours, tenant=first.right_tenant)
    [connection] = [
        known.connection_id
        for known in pairing.partners(first.left_tenant)
        if known.tenant == first.right_tenant
    ]
    left, right = scope_ids(one.acme, *LEFT), scope_ids(one.globex, *RIGHT)
    for number in range(PROFILES - 1):
        made = profiles.create(
            tandem.vault,
            tandem.record,
            ours,
            connection_id=connection,
            name=f"Profile {number} of many",
            left=Scope(str(50_000 + number), left[1]),
            right=Scope(str(50_000 + number), right[1]),
        )
        approvals.decide(tandem.vault, tandem.record, theirs, made, 1, approves=True)
    one.database.execute(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
        " right_issue_id, left_key, right_key, lane)"
        " SELECT gen_random_uuid(), p.id, p.left_tenant_id, p.right_tenant_id, n, n,"
        " 'WEB-' || n, 'PLAT-' || n, 0 FROM profile p, generate_series(900001, 900000 + %s) n",
        (LINKS,),
    )
    one.database.execute("ANALYZE")


@contextmanager
def _many_fields() -> Iterator[None]:
    """Sites that tell of so many fields more than they have, in this process."""
    kept = CloudSite.create_fields, CloudSite.all_fields

    def more(found: Mapping[str, FieldRule]) -> dict[str, FieldRule]:
        missing = range(FIELDS - len(found))
        text = {"type": "string", "custom": "com.atlassian.jira.plugin:textfield"}
        made = {
            f"customfield_{20_000 + n}": FieldRule(f"A field {n} of many", schema=text)
            for n in missing
        }
        return dict(found) | made

    def create(site: CloudSite, project_id: int, type_id: int) -> dict[str, FieldRule]:
        return more(kept[0](site, project_id, type_id))

    def every(site: CloudSite, project_id: int) -> dict[str, FieldRule]:
        return more(kept[1](site, project_id))

    CloudSite.create_fields, CloudSite.all_fields = create, every  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        CloudSite.create_fields, CloudSite.all_fields = kept  # type: ignore[method-assign]
