"""A webhook that tells nothing new, of a pair of which something is set aside."""

from __future__ import annotations

from typing import Any

from app.database import tenant_transaction
from app.jira.site import SiteError
from app.mapping.profile import Side
from app.sync.marks import Mark, mark
from app.sync.reconcile import Reconciler
from tests.edge.test_completeness import (
    owner,  # noqa: F401  a fixture
    scene,  # noqa: F401  a fixture
)
from tests.edge.test_refused_writes import Pair, pair  # noqa: F401  a fixture


def test_what_is_set_aside_stays_when_a_webhook_tells_what_was_seen_already(
    pair: Pair,  # noqa: F811
) -> None:
    pair.left.edits[1] = {"summary": "One"}
    words = "The summary exceeds the maximum length."
    refusal = SiteError(words, site_status=400, field_errors={"summary": words})
    refusal.tenant = pair.made.profile.right_tenant
    pair.right.answers = [(refusal, False)]
    pair.drain()
    causes = pair.owner.execute("SELECT code, field, mark FROM parked_cause").fetchall()
    assert [code for code, _, _ in causes] == ["value-too-long"]
    [(seen,)] = pair.owner.execute("SELECT left_seen FROM issue_link").fetchall()
    assert seen is not None

    # The same edit once more: it came in while the visit was about to end.
    profile = pair.made.profile
    tenants = profile.left_tenant, profile.right_tenant
    with tenant_transaction(profile.left_tenant) as session:
        mark(session, [Mark(profile.id, Side.LEFT, 1, *tenants, 1, seen)])
    # What forces a read is overruled by nothing: this one is of a state that was seen.
    pair.owner.execute("UPDATE change SET event_updated = %s, not_before = now()", (seen,))
    opened: Any = pair.made.sites.__getitem__
    worker = Reconciler(pair.made.tandem.vault, opened, lambda profile, lane, after=0.0: None)
    worker.drain(profile.id, 1)

    assert pair.owner.execute("SELECT code, field, mark FROM parked_cause").fetchall() == causes
    assert pair.parked() == ["value-too-long"]
    assert len(pair.right.writes) == 1  # it was not sent again either
