"""Keys are rotated beside a running server whose worker carries changes all the while."""

from __future__ import annotations

import json
import threading

import pytest

from demo.stack import Stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue, keys_by_summary
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real


def test_nothing_that_crosses_meanwhile_is_lost_or_shut(running: Stack) -> None:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="busy")
    made: list[str] = []
    ended = threading.Event()

    def keep_busy() -> None:
        while not ended.wait(0.1):  # below the site's limits
            made.append(create_issue(acme, *LEFT, summary=f"Meanwhile {len(made)}"))

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        for words in (
            ("rotate-data", "--grace", "0"),
            ("rotate-master", "--new", "k2", "--retire"),
            ("rotate-data", "--grace", "0"),
        ):
            done = tandem(running.environment, "keys", *words)
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        ended.set()
        busy.join()
    assert len(made) > 3

    def arrived() -> bool:
        found = keys_by_summary(globex, RIGHT[0])
        return all(len(found.get(f"Meanwhile {number}", [])) == 1 for number in range(len(made)))

    wait_until("each has one twin", arrived)
    wait_until("nothing is pending", lambda: running.overview()[0]["pending"] == 0)
    assert running.overview()[0]["parked"] == 0
    status = json.loads(tandem(running.environment, "keys", "status", "--json").stdout)
    assert (status["wrong"], status["needed"]) == ([], [])
    assert [one["name"] for one in status["master_keys"]] == ["k2"]
    versions = {one["version"] for tenant in status["tenants"] for one in tenant["versions"]
                if one["state"] == "active"}  # fmt: skip
    assert versions == {3}
    # The activity, sealed by whichever key was the newest at its time, opens for the page.
    token = acme.context_token("tandem", accountId=acme.admin["accountId"])
    page = acme.session.get(
        f"{running.url}/pages/parts/overview", headers={"Authorization": f"JWT {token}"}, timeout=90
    )
    assert page.text.count("was created for") > 3
