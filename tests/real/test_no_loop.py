"""Nothing loops, and nothing is dropped for its author: a shared account, a chain of profiles."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import requests

from demo.stack import APP_KEY, Stack, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from sandbox import tokens
from sandbox.process import SiteHandle
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def chained(running: Stack) -> Stack:  # noqa: F811
    """Two profiles that share one side: WEB and PLAT, SUP and PLAT."""
    connection = running.connect()
    running.create_profile(connection, left=LEFT, right=RIGHT, name="Web")
    running.create_profile(connection, left=("SUP", "Task"), right=RIGHT, name="Support")
    return running


def edit_as_the_app(site: SiteHandle, key: str, **fields: Any) -> str:
    """Edit with the account that Tandem acts with; returns that account's id."""
    app = next(one for one in site.apps(secrets=True) if one["key"] == APP_KEY)
    url = f"{site.url}/rest/api/3/issue/{key}"
    qsh = tokens.hash_of_url("PUT", url, site.url)
    token = tokens.sign_hs256(app["sharedSecret"], tokens.claims(APP_KEY, qsh))
    answer = requests.put(
        url, json={"fields": fields}, headers={"Authorization": f"JWT {token}"}, timeout=90
    )
    assert answer.status_code == 204, answer.text
    return str(app["accountId"])


def one(site: SiteHandle, project: str, summary: str) -> str:
    """The key of the one issue of this summary, once it is there."""
    wait_until(f"'{summary}' is in {project}", lambda: keys_by_summary(site, project).get(summary))
    [key] = keys_by_summary(site, project)[summary]
    return key


def writes(stack: Stack) -> int:
    """How often Tandem's key has written to either site."""
    return writes_of(*stack.sandbox.sites)


def rests(stack: Stack) -> bool:
    """Whether looking at every pair once more, as if all had changed, leads to no write."""
    stack.settle()
    before = writes(stack)
    with psycopg.connect(stack.database) as owner:
        owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
            " SELECT profile_id, 'left', left_issue_id, left_tenant_id, right_tenant_id, lane"
            " FROM issue_link ON CONFLICT DO NOTHING"
        )
    stack.settle()  # the sweep rings the bells
    return writes(stack) == before


def test_nothing_that_calls_begins_by_itself_while_calls_are_counted(chained: Stack) -> None:
    with psycopg.connect(chained.database) as owner:
        put_off = {
            table: owner.execute(
                f"SELECT count(*) FROM {table} WHERE due_at > now() + interval '23 hours'"
            ).fetchone()
            for table in ("search_look", "completeness", "drift")
        }
    assert put_off == {"search_look": (4,), "completeness": (2,), "drift": (2,)}


def test_an_edit_by_the_very_account_of_tandem_crosses(chained: Stack) -> None:
    acme, globex = chained.sandbox.acme, chained.sandbox.globex
    left = create_issue(acme, *LEFT, summary="Shared account")
    right = one(globex, RIGHT[0], "Shared account")
    chained.settle()
    account = edit_as_the_app(acme, left, summary="Typed by a person")
    assert account
    wait_until("it crossed", lambda: mapped(globex, right)["summary"] == "Typed by a person")
    # And at once over Tandem's own write on the other side.
    edit_as_the_app(globex, right, labels=["also"], summary="Typed at Globex")
    wait_until("it came back", lambda: mapped(acme, left)["summary"] == "Typed at Globex")
    assert mapped(acme, left)["labels"] == ["also"]
    assert rests(chained)
    assert mapped(acme, left) == mapped(globex, right)


def test_a_second_profile_carries_on_what_the_first_wrote_and_all_comes_to_rest(
    chained: Stack,
) -> None:
    acme, globex = chained.sandbox.acme, chained.sandbox.globex
    web = create_issue(acme, *LEFT, summary="Chain")
    plat = one(globex, RIGHT[0], "Chain")
    sup = one(acme, "SUP", "Chain")
    chained.settle()
    edit_issue(acme, web, summary="Chain from WEB", priority={"name": "High"})
    wait_until("it went through", lambda: mapped(acme, sup)["summary"] == "Chain from WEB")
    edit_issue(acme, sup, labels=["back"], duedate="2027-05-05")
    wait_until("it went back", lambda: mapped(acme, web)["labels"] == ["back"])
    edit_issue(globex, plat, summary="Chain from the middle")
    for key in (web, sup):
        wait_until(
            "both ends have it",
            lambda key=key: mapped(acme, key)["summary"] == "Chain from the middle",  # type: ignore[misc]
        )
    assert rests(chained)
    assert mapped(acme, web) == mapped(globex, plat) == mapped(acme, sup)
    for site, project in ((acme, "WEB"), (acme, "SUP"), (globex, "PLAT")):
        assert len(keys_by_summary(site, project)["Chain from the middle"]) == 1
