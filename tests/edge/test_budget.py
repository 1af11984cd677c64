"""The budget of a site in a real database: who may call, who waits, and who is woken."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from flask import Flask

from app.connect.credential import ConnectCredential
from app.database import TenantId, tenant_transaction
from app.jira.cloud import CloudSite
from app.jira.outbound import NetworkPolicy
from app.jira.site import SiteError
from app.screens.waits import say_sites
from app.sync import budget
from app.sync import budget_answers as answers
from app.sync.budget import Kind, Standing
from tests.edge.servers import ok, saying, serve
from tests.rows import Rows, write_rows


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection past row security."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(app: Flask, owner: psycopg.Connection) -> Rows:
    """Two connected tenants with a profile and one due change, and a stranger."""
    written = write_rows(owner)
    owner.execute("DELETE FROM site_budget")
    return written


@dataclass
class Profile:
    """What the budget looks at of a profile."""

    id: uuid.UUID
    left_tenant: TenantId
    right_tenant: TenantId


def standing(rows: Rows) -> Standing:
    """As a drain of the two tenants' profile asks."""
    with tenant_transaction(rows.left) as session:
        return budget.standing(session, Profile(rows.profile, rows.left, rows.right))  # type: ignore[arg-type]


def rest(owner: psycopg.Connection) -> None:
    """No change is due any more."""
    owner.execute("DELETE FROM change")


def pass_time(owner: psycopg.Connection) -> None:
    """The blocks are over."""
    owner.execute("UPDATE site_budget SET blocked_until = now() - interval '1 second'")


def error(status: int | None, tenant: TenantId, **more: Any) -> SiteError:
    """A refusal of this tenant's site."""
    made = SiteError("no", site_status=status, **more)
    made.tenant = tenant
    return made


def seen_by(tenant: TenantId, *headers: str, status: str = "200 OK") -> SiteError | None:
    """Let the tenant's site answer one call so, with the budget looking on."""
    with serve(saying(ok(json.dumps({"issues": []}).encode(), *headers, status=status))) as server:
        base = f"http://127.0.0.1:{server.port}"
        site = CloudSite(
            base,
            ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base),
            NetworkPolicy(insecure_http=True),
            observe=answers.Learning().of(tenant),
        )
        try:
            site.fetch([1], ["summary"])
        except SiteError as refused:
            return refused
    return None


def test_a_site_that_never_complained_may_be_called(rows: Rows) -> None:
    assert standing(rows) == Standing()
    assert budget.claim(rows.left, Kind.LIVE) == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_429_blocks_its_site_for_as_long_as_it_says_and_whoever_asks(
    rows: Rows, side: str
) -> None:
    tenant: TenantId = getattr(rows, side)
    refused = seen_by(
        tenant, "Retry-After: 100", "RateLimit-Reason: jira-burst-based", status="429 Slow"
    )
    assert refused is not None
    assert (refused.tenant, refused.limit) == (tenant, "burst")
    hold = standing(rows).hold
    assert hold is not None
    assert 90 < hold.seconds <= 100
    assert (hold.code, hold.paused) == ("burst", False)
    assert budget.claim(tenant, Kind.LIVE) > 90
    assert budget.claim(rows.stranger, Kind.LIVE) == 0
    [sentence] = say_sites({rows.left: "Left", rows.right: "Right", rows.stranger: "Other"})
    assert sentence.startswith(f"{side.title()} takes only so many calls")


def test_a_429_for_writes_on_one_issue_blocks_no_site(rows: Rows) -> None:
    refused = seen_by(rows.left, "RateLimit-Reason: jira-per-issue-on-write", status="429 Slow")
    assert refused is not None
    assert refused.limit == "issue"
    assert standing(rows) == Standing()


def test_without_a_retry_after_the_waits_grow_and_one_moment_is_one_strike(
    rows: Rows, owner: psycopg.Connection
) -> None:
    waits = []
    for _ in range(3):
        seen_by(rows.left, status="429 Slow")
        seen_by(rows.left, status="429 Slow")  # another lane, at the same moment
        hold = standing(rows).hold
        assert hold is not None
        waits.append(hold.seconds)
        pass_time(owner)
    assert waits[0] < waits[1] < waits[2]
    assert waits[2] < 20
    assert standing(rows) == Standing(None, (rows.left,))
    answers.recovered((rows.left,))
    assert standing(rows) == Standing()


def test_a_retry_after_of_years_is_not_believed(rows: Rows) -> None:
    seen_by(rows.left, "Retry-After: 1e300", status="429 Slow")
    hold = standing(rows).hold
    assert hold is not None
    assert hold.seconds <= budget.LONGEST_BLOCK


def test_background_work_gets_nothing_while_a_live_change_is_due(
    rows: Rows, owner: psycopg.Connection
) -> None:
    assert budget.claim(rows.left, Kind.BACKGROUND) > 0
    assert budget.claim(rows.right, Kind.BACKGROUND) > 0
    assert budget.claim(rows.stranger, Kind.BACKGROUND) == 0
    rest(owner)
    assert budget.claim(rows.left, Kind.BACKGROUND) == 0


def test_background_work_spends_its_share_of_the_hour_and_no_more(
    rows: Rows, owner: psycopg.Connection
) -> None:
    rest(owner)
    seen_by(rows.left, "X-RateLimit-Limit: 1000", "X-RateLimit-Remaining: 900")
    took = sum(budget.claim(rows.left, Kind.BACKGROUND, 50) == 0 for _ in range(10))
    assert took == 4  # a fifth of 1,000
    assert budget.claim(rows.left, Kind.LIVE) == 0
    owner.execute("UPDATE site_budget SET spent_at = now() - interval '30 minutes'")
    took = sum(budget.claim(rows.left, Kind.BACKGROUND, 50) == 0 for _ in range(10))
    assert took == 2  # half an hour gives half of it back


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        ("0", 0),
        ("999999999", 999_999_999),
        ("1000000000", 1_000_000_000),
        ("2147483647", 2_147_483_647),
        ("2147483648", 2_147_483_647),
        ("9999999999", 2_147_483_647),
        ("1" * 50, 2_147_483_647),
        ("9" * 5_000, 2_147_483_647),
        ("0" * 30 + "65000", 65_000),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("1.5", None),
    ],
)
def test_a_limit_of_any_size_is_read_and_what_is_no_number_is_not(
    rows: Rows, owner: psycopg.Connection, told: str, stored: int | None
) -> None:
    owner.execute("DELETE FROM site_budget")
    seen_by(rows.left, f"X-RateLimit-Limit: {told}", f"X-RateLimit-Remaining: {told}")
    found = owner.execute("SELECT points_an_hour, points_left FROM site_budget").fetchone()
    assert found == (None if stored is None else (stored, stored))


def test_background_work_rests_while_the_site_is_nearly_out_of_points(
    rows: Rows, owner: psycopg.Connection
) -> None:
    rest(owner)
    told = ("X-RateLimit-Limit: 1000", "X-RateLimit-Remaining: 90")
    seen_by(rows.left, *told, "X-RateLimit-NearLimit: true")
    assert budget.claim(rows.left, Kind.BACKGROUND) > 0
    assert budget.claim(rows.left, Kind.LIVE) == 0
    seen_by(rows.left, *told)
    assert budget.claim(rows.left, Kind.BACKGROUND) == 0


@pytest.mark.parametrize(("status", "word"), [(401, "does not know"), (403, "does not allow")])
def test_a_site_that_locks_us_out_is_paused_and_resumes_by_itself(
    rows: Rows, owner: psycopg.Connection, status: int, word: str
) -> None:
    hold = answers.pause(rows.right, error(status, rows.right))
    assert standing(rows).hold == hold
    profile = Profile(rows.profile, rows.left, rows.right)
    with tenant_transaction(rows.left) as session:
        budget.postpone(session, profile, 1, hold)  # type: ignore[arg-type]
    due = "SELECT count(*) FROM change WHERE not_before <= now()"
    assert owner.execute(due).fetchone() == (0,)
    [sentence] = say_sites({rows.left: "Left", rows.right: "Right"})
    assert "Right" in sentence
    assert word in sentence
    asked: list[TenantId] = []
    rung: list[tuple[uuid.UUID, int]] = []

    def thaw() -> int:
        return answers.thaw(asked.append, lambda profile, lane: rung.append((profile, lane)))

    assert thaw() == 0  # not its turn yet
    owner.execute("UPDATE site_budget SET next_try = now()")
    assert thaw() == 1
    assert (asked, rung) == ([rows.right], [(rows.profile, 1)])
    assert owner.execute(due).fetchone() == (1,)
    assert standing(rows) == Standing()


def test_a_site_that_stays_locked_is_asked_less_and_less_and_stops_no_other(
    rows: Rows, owner: psycopg.Connection
) -> None:
    for tenant in (rows.left, rows.stranger):
        answers.pause(tenant, error(401, tenant))
    asked: list[TenantId] = []
    waits = []

    def works(tenant: TenantId) -> None:
        asked.append(tenant)
        if tenant == rows.left:
            raise error(401, tenant)

    for _ in range(7):
        owner.execute("UPDATE site_budget SET next_try = now() WHERE paused_since IS NOT NULL")
        answers.thaw(works, lambda profile, lane: None)
        [(wait,)] = owner.execute(
            "SELECT extract(epoch FROM next_try - asked_at)::int FROM site_budget"
            " WHERE tenant_id = %s",
            (rows.left,),
        ).fetchall()
        waits.append(wait)
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert asked.count(rows.stranger) == 1
    assert budget.claim(rows.stranger, Kind.LIVE) == 0
    assert budget.claim(rows.left, Kind.LIVE) > 0


def test_a_site_that_was_installed_again_is_asked_at_once(
    rows: Rows, owner: psycopg.Connection
) -> None:
    answers.pause(rows.left, error(401, rows.left))
    owner.execute(
        "UPDATE installation SET updated_at = now() + interval '1 second' WHERE id = %s",
        (rows.left,),
    )
    assert answers.thaw(lambda tenant: None, lambda profile, lane: None) == 1


def test_a_stranger_learns_nothing_of_two_sites(rows: Rows) -> None:
    answers.block(rows.left, "rate", 100)
    with tenant_transaction(rows.stranger) as session:
        profile = Profile(rows.profile, rows.left, rows.right)
        assert budget.standing(session, profile) == Standing()  # type: ignore[arg-type]
        unconnected = Profile(rows.profile, rows.left, rows.stranger)
        assert budget.standing(session, unconnected) == Standing()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (SiteError("x", site_status=429, limit="points"), "limit-points"),
        (SiteError("x", site_status=409), "busy"),
        (SiteError("x", site_status=503), "site-failing"),
        (SiteError("x"), "no-answer"),
        (ValueError("x"), "internal-error"),
    ],
)
def test_why_a_change_waits_is_kept_as_a_code(fault: Exception, code: str) -> None:
    assert budget.why(fault) == code
