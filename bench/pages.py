"""The server's time for each page, at 200 profiles and 300 fields a side, and what it sends.

The pages are asked in this process, over the database and the keys of a running Tandem: what is
measured is the server's work, and neither the network nor a busy web server. Beside the time stand
figures that a busy machine moves less: this process's own work, the statements, and how long the
database says that they take. A fixed piece of work, done before each call, tells how busy it was.
"""

from __future__ import annotations

import gzip
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from app import Tandem
from app.database import db
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
EXPLAINED = 3
FIXED_WORK = 200_000  # additions: 5 to 10 ms
JSON = "application/json"
GOAL_MS, GOAL_KB = 50.0, 100.0
VIEWS = {
    "profiles": "views/profiles",
    "the list, as a click brings it": "parts/overview",
    "activity": "views/activity",
    "activity: parked changes": "parked",
    "conflicts": "views/conflicts",
    "conflicts: the questions": "conflicts",
    "conflicts: the checks": "checks",
    "runs": "views/runs",
    "settings": "views/settings",
}
"""The views of the navigation and what they load, by what they are called here."""


@dataclass(frozen=True)
class Cost:
    """What a page costs: milliseconds in all (the median, and the least), of this process's own
    work, and as the database says (the least of a few); how many statements; how long the fixed
    work took."""

    all: float
    least: float
    own: float
    database: float
    statements: int
    fixed: float


def pages() -> list[Result]:
    """What each page costs, and kilobytes of the first one, compressed."""
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
    found["the list, polled and unchanged"] = asker.part("parts/overview", polls=True)
    profile = one.stack.overview()[0]["id"]
    found["a profile"] = asker.part(f"views/profiles/{profile}")
    draft = asker.call("POST", "drafts", profile=profile).get_json()["draft"]
    for step in ("projects", "fields", "fields/table", "values", "review"):
        found[f"editor: {step}"] = asker.part(f"drafts/{draft}/{step}")
    results = [result for name, cost in found.items() for result in _results(name, cost)]
    results.append(Result("page: home, sent", sent, "KB compressed", "lower", GOAL_KB))
    fixed = statistics.median(cost.fixed for cost in found.values())
    results.append(Result("page: for comparison, the fixed work", fixed, "ms", "lower"))
    return results


def _results(name: str, cost: Cost) -> list[Result]:
    return [
        Result(f"page: {name}", cost.all, "ms of the server", "lower", GOAL_MS),
        Result(f"page: {name}, the quickest", cost.least, "ms of the server", "lower", GOAL_MS),
        Result(f"page: {name}, own work", cost.own, "ms of processor time", "lower"),
        Result(f"page: {name}, database", cost.database, "ms as it explains", "lower"),
        Result(f"page: {name}, statements", cost.statements, "statements", "lower"),
    ]


def _admin(one: Plant) -> dict[str, str]:
    return {"accountId": str(one.acme.admin["accountId"])}


class _Asker:
    """Asks for pages as the admin of Acme's site, and takes the time."""

    def __init__(self, one: Plant, app: Flask) -> None:
        self._one, self._client = one, app.test_client()
        with app.app_context():
            self._statements = _Statements()

    def page(self, url: str) -> tuple[Cost, float]:
        """The cost of a page that a browser loads, and its kilobytes with its files."""
        path = url.split(self._one.stack.url, 1)[1]

        def ask() -> TestResponse:
            return self._client.get(path)

        cost = self._cost(ask)
        whole = ask().text
        size = len(gzip.compress(whole.encode()))
        for name in _files(whole):
            size += len(gzip.compress(self._client.get(name).data))
        return cost, size / 1024

    def part(self, path: str, *, polls: bool = False) -> Cost:
        """The cost of a view; `polls`: with the version of the list that the page has already."""
        headers = self._headers()
        if polls:
            shown = self._client.get(f"/pages/{path}", headers=headers).text
            path += "?list_version=" + shown.split('name="list_version" value="', 1)[1][:24]
        status = 204 if polls else 200

        def ask() -> TestResponse:
            answer = self._client.get(f"/pages/{path}", headers=headers)
            if answer.status_code != status:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
            return answer

        return self._cost(ask)

    def call(self, method: str, path: str, **form: str) -> TestResponse:
        """Call one of the pages' endpoints, as a machine."""
        headers = self._headers() | {"Accept": JSON}
        answer = self._client.open(f"/pages/{path}", method=method, headers=headers, data=form)
        if answer.status_code != 200:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _headers(self) -> dict[str, str]:
        token = self._one.acme.context_token(APP_KEY, **_admin(self._one))
        return {"Authorization": f"JWT {token}"}

    def _cost(self, ask: Callable[[], object]) -> Cost:
        """The first call is not counted, as it fills what is remembered."""
        ask()
        taken, own, fixed = [], [], []
        for _ in range(TIMES):
            fixed.append(_fixed_work())
            began, worked = time.perf_counter(), time.process_time()
            ask()
            taken.append((time.perf_counter() - began) * 1000)
            own.append((time.process_time() - worked) * 1000)
        explained = [self._statements.explained(ask) for _ in range(EXPLAINED)]
        return Cost(
            statistics.median(taken),
            min(taken),
            statistics.median(own),
            min(milliseconds for milliseconds, _ in explained),
            explained[-1][1],
            statistics.median(fixed),
        )


class _Statements:
    """Has the database explain the statements of a call, each right before it is executed."""

    def __init__(self) -> None:
        self._spent: list[float] | None = None
        event.listen(db.engine, "before_cursor_execute", self._explain)

    def explained(self, ask: Callable[[], object]) -> tuple[float, int]:
        """The milliseconds that the statements of a call take to plan and execute, and how many
        they are; that a transaction is narrowed to a tenant is counted and not explained."""
        self._spent = []
        try:
            ask()
            return sum(self._spent), len(self._spent)
        finally:
            self._spent = None

    def _explain(
        self, connection: Any, _cursor: Any, statement: str, values: Any, *_: object
    ) -> None:
        if self._spent is None:
            return
        if "set_config" in statement or not statement.lstrip().startswith("SELECT"):
            self._spent.append(0.0)
            return
        with connection.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            found = cursor.fetchone()[0]
        [plan] = found if isinstance(found, list) else json.loads(found)
        self._spent.append(plan["Planning Time"] + plan["Execution Time"])


def _fixed_work() -> float:
    """Milliseconds that the same additions take now."""
    began = time.perf_counter()
    sum(number for number in range(FIXED_WORK))
    return (time.perf_counter() - began) * 1000


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
    # As the database does by itself within minutes: what was just written is dearer to count.
    one.database.execute("VACUUM ANALYZE")


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
