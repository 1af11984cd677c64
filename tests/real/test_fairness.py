"""A tenant that floods the engine holds up itself alone: 50 tenants, one of which sends 10,000."""

from __future__ import annotations

import pytest
from flask import Flask

from bench.plant import Plant, go_on, plant, stop
from bench.tenants import TenantPair, app_of, ids_of, link_all, mark_all, tenant_pairs
from demo.stack import calls_of, wait_until

pytestmark = pytest.mark.real

TENANTS = 50
FLOOD = 10_000
UNDER_WAY = 100  # of the flood, before the others change anything


def prepare(one: Plant, app: Flask) -> list[tuple[TenantPair, list[tuple[int, int]]]]:
    """The tenants with their linked issues: the first has many, each other has one. The labels of
    twins differ, so that each has one write to come."""
    for site in one.stack.sandbox.sites:
        site.webhooks(hold=True)  # the marks are made here; what echoes is no part of this
    one.acme.make_issues(FLOOD + TENANTS, "SUP")
    one.globex.make_issues(FLOOD + TENANTS + 1, "OPS")
    wait_until("the index is there", lambda: len(ids_of(one.acme, "SUP")) == FLOOD + TENANTS)
    wait_until("the index is there", lambda: len(ids_of(one.globex, "OPS")) > FLOOD + TENANTS)
    # One further along: the sandbox numbers the labels, and twins of one number would be alike.
    twins = list(zip(ids_of(one.acme, "SUP"), ids_of(one.globex, "OPS")[1:], strict=True))
    pairs = tenant_pairs(one, app, TENANTS, left=("SUP", "Task"), right=("OPS", "Task"))
    shares = [twins[:FLOOD], *([twin] for twin in twins[FLOOD + 1 :])]
    for pair, share in zip(pairs, shares, strict=True):
        link_all(one, pair, share)
    # All tenants here share two sites: each would find the others' issues by its own search.
    one.stack.look_no_more()
    return list(zip(pairs, shares, strict=True))


def test_a_flooded_tenant_holds_up_only_itself() -> None:
    with plant() as one, app_of(one) as app:
        [(flooded, flood), *others] = prepare(one, app)
        mark_all(flooded, [left for left, _ in flood])
        with one.workers(1) as workers:

            def left_of(pairs: list[TenantPair]) -> int:
                return one.number(
                    "SELECT count(*) FROM change WHERE profile_id = ANY(%s)",
                    [pair.profile for pair in pairs],
                )

            wait_until(
                "the flood is under way",
                lambda: left_of([flooded]) < FLOOD - UNDER_WAY,
                seconds=300,
            )
            stop(workers)  # so that all the others ask at one moment
            before = FLOOD - left_of([flooded])
            for pair, [(left, _)] in others:
                mark_all(pair, [left])
            go_on(workers)
            rest = [pair for pair, _ in others]
            wait_until("the others' changes are done", lambda: not left_of(rest), seconds=300)
            done = FLOOD - left_of([flooded])
        written = calls_of(one.globex)
        assert one.number(
            "SELECT count(*) FROM activity WHERE outcome <> 'parked' AND profile_id = ANY(%s)",
            [pair.profile for pair in rest],
        ) == len(others)
        assert written["PUT /rest/api/3/issue/{issueIdOrKey}"] >= done + len(others)
        assert before < done < 0.2 * FLOOD, f"{before} were done before, {done} after the others"
        print(f"of the flood, {before} were done before, {done} when the last other arrived")
