"""What people begin on the page of runs: who may, what is refused, what is kept and how long."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.jobs.bell import lane_lock
from app.said import unpack
from app.sync import errands
from app.sync.errand_work import Errands
from app.sync.errands import About, Errand, Kind
from app.sync.runs import By
from tests.edge.test_activity_page import Scene as PageScene
from tests.edge.test_activity_page import people, profile
from tests.edge.test_activity_page import scene as page
from tests.edge.test_plan import Plans, owner, plans, scene

__all__ = ["owner", "page", "people", "plans", "profile", "scene"]

SECRET = "Sphinx of black quartz"
PERSON = "712020:ann"


def worker(plans: Plans) -> Errands:
    """A worker that rings no bell."""
    opened: Any = plans.scene.sites.__getitem__
    tandem = plans.scene.tandem
    return Errands(tandem.vault, opened, lambda *_: None, tandem.record, hands=2, lock_of=lane_lock)


def ask(plans: Plans, about: About) -> uuid.UUID:
    """Ask for something as a person of the right site."""
    tenant = plans.profile.right_tenant
    vault = plans.scene.tandem.vault
    with tenant_transaction(tenant) as session:
        return errands.begin(session, vault, plans.profile, By(PERSON, tenant), about)


def told(plans: Plans, errand: uuid.UUID) -> tuple[Errand, dict[str, Any]]:
    """An errand as it is, and what it holds."""
    with tenant_transaction(plans.profile.left_tenant) as session:
        found = errands.get(session, errand)
    assert found is not None
    return found, errands.opened(plans.scene.tandem.vault, found)


def planned(plans: Plans) -> uuid.UUID:
    """A plan of the whole scope, in which one issue would be written."""
    plans.left.summaries[1] = SECRET
    made = ask(plans, About(Kind.PLAN, {"what": "scope"}))
    worker(plans).tick()
    return made


def test_a_plan_is_made_by_a_worker_and_keeps_no_value(plans: Plans) -> None:
    errand, held = told(plans, planned(plans))
    assert (errand.state, held["found"]["to_apply"]) == ("done", 1)
    assert held["found"]["looked_at"] == len(plans.left.ids)
    assert held["found"]["fields"] == {"left": 0, "right": 1}
    vault = plans.scene.tandem.vault
    lines = list(errands.lines(vault, plans.profile, errand.id))
    assert len(lines) == 1
    assert SECRET not in str(held) + lines[0]
    raw = plans.scene.owner.execute("SELECT held FROM errand_page").fetchall()
    assert all(b"WEB-1" not in row[0] for row in raw)
    trail = plans.scene.owner.execute(
        "SELECT actor FROM audit_event WHERE action = 'plan.made' ORDER BY actor"
    ).fetchall()
    assert trail == [(PERSON,), ("partner",)]


def test_a_plan_that_still_fits_is_handed_to_the_workers_as_a_run(plans: Plans) -> None:
    plan = planned(plans)
    apply = ask(plans, About(Kind.APPLY, {}, errand=plan))
    worker(plans).tick()
    errand, held = told(plans, apply)
    assert (errand.state, held["found"]) == ("done", {"changes": 1})
    rows = plans.scene.owner.execute(
        "SELECT r.kind, r.begun_by, r.begun_in, c.issue_id FROM change c JOIN run r"
        " ON r.id = c.run_id"
    ).fetchall()
    assert rows == [("apply", PERSON, plans.profile.right_tenant, 1)]


def test_a_plan_that_fits_no_more_is_not_applied_and_says_what_moved(plans: Plans) -> None:
    plan = planned(plans)
    plans.left.summaries[1] = "Another text"
    apply = ask(plans, About(Kind.APPLY, {}, errand=plan))
    worker(plans).tick()
    errand, held = told(plans, apply)
    assert (errand.state, held["failed"]["code"]) == ("failed", "plan-outdated")
    assert "WEB-1" in unpack(held["failed"]["detail"])
    assert plans.scene.owner.execute("SELECT count(*) FROM change").fetchall() == [(0,)]


def test_what_cannot_be_planned_fails_with_the_reason_sealed(plans: Plans) -> None:
    asked = {"what": "issue", "issue": "no key"}
    errand, held = told(plans, ask(plans, About(Kind.PLAN, asked)))
    worker(plans).tick()
    errand, held = told(plans, errand.id)
    assert errand.state == "failed"
    assert "no issue key" in unpack(held["failed"]["detail"])
    raw = plans.scene.owner.execute("SELECT held FROM errand").fetchall()
    assert b"no key" not in raw[0][0]


def test_a_profile_has_one_errand_at_a_time(plans: Plans) -> None:
    ask(plans, About(Kind.PLAN, {"what": "scope"}))
    with pytest.raises(Problem) as refused:
        ask(plans, About(Kind.PLAN, {"what": "scope"}))
    assert (refused.value.status, refused.value.code) == (409, "errand-under-way")
    worker(plans).tick()
    ask(plans, About(Kind.PLAN, {"what": "scope"}))


def test_what_a_dead_worker_held_is_begun_anew_and_the_dead_one_stores_nothing(
    plans: Plans,
) -> None:
    plans.left.summaries[1] = SECRET
    made = ask(plans, About(Kind.PLAN, {"what": "scope"}))
    dead = uuid.uuid4()
    assert errands.take(dead) == (made, plans.profile.id)
    worker(plans).tick()
    errand, _held = told(plans, made)
    assert errand.state == "running"  # its worker may still live
    late = errands.Hand(plans.scene.tandem.vault, plans.profile, errand, dead)
    plans.scene.owner.execute("UPDATE errand SET lease_until = now() - interval '1 second'")
    worker(plans).tick()
    errand, held = told(plans, made)
    assert (errand.state, held["found"]["to_apply"]) == ("done", 1)
    with pytest.raises(errands.LostError):
        late.end({"to_apply": 99})


def test_no_more_than_two_are_at_work_whoever_asked(plans: Plans) -> None:
    plans.scene.owner.execute("ALTER TABLE errand DROP CONSTRAINT errand_profile_id_fkey")
    plans.scene.owner.execute("DROP INDEX uq_errand_open")
    for _ in range(3):
        ask(plans, About(Kind.PLAN, {"what": "scope"}))
    taken = [errands.take(uuid.uuid4()) for _ in range(3)]
    assert [one is not None for one in taken] == [True, True, False]


def test_an_errand_is_forgotten_after_a_day(plans: Plans) -> None:
    planned(plans)
    plans.scene.owner.execute("UPDATE errand SET begun_at = now() - interval '25 hours'")
    worker(plans).tick()
    for table in ("errand", "errand_page"):
        assert plans.scene.owner.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]


def test_a_load_of_the_page_is_driven_by_workers_and_one_of_a_command_is_not(
    plans: Plans,
) -> None:
    due = "SELECT count(*) FROM tandem_due_loads(10)"
    run = uuid.uuid4()
    plans.scene.owner.execute(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
        " SELECT %s, id, left_tenant_id, right_tenant_id, 'load', 'command' FROM profile",
        (run,),
    )
    plans.scene.owner.execute(
        "INSERT INTO load (run_id, profile_id, left_tenant_id, right_tenant_id, sources)"
        " SELECT %s, id, left_tenant_id, right_tenant_id, 'left' FROM profile",
        (run,),
    )
    assert plans.scene.owner.execute(due).fetchall() == [(0,)]
    plans.scene.owner.execute("UPDATE run SET begun_in = left_tenant_id")
    assert plans.scene.owner.execute(due).fetchall() == [(1,)]
    plans.scene.owner.execute("UPDATE profile SET state = 'paused'")
    worker(plans).tick()  # it cannot go on, and is not asked again at once
    [(attempts, waits)] = plans.scene.owner.execute(
        "SELECT attempts, not_before > now() FROM load"
    ).fetchall()
    assert (attempts, waits) == (1, True)


# -- over the pages


def post(scene: PageScene, path: str, person: str = "ed", **form: str) -> Any:
    """Post as a person of the left site."""
    headers = {
        "Authorization": f"JWT {scene.left.context_token(person)}",
        "Accept": "application/json",
    }
    return scene.left.client.post(f"/pages/{path}", headers=headers, data=form)


def test_what_is_begun_is_refused_by_the_field_that_is_wrong(page: PageScene) -> None:
    own = str(page.profile)
    for path, form, name in (
        ("runs/plan", {"what": "scope"}, "profile"),
        ("runs/plan", {"profile": own, "what": "all"}, "what"),
        ("runs/plan", {"profile": own, "what": "jql"}, "of"),
        ("runs/undo-plan", {"since": "2026-01-01T00:00"}, "profile"),
        ("runs/undo-plan", {"profile": own}, "since"),
        ("runs/undo-plan", {"profile": own, "since": "yesterday"}, "since"),
        ("runs/undo-plan", {"profile": own, "since": "0001-01-01T00:00+14:00"}, "since"),
        ("runs/undo-plan", {"profile": own, "since": "9998-01-01T00:00"}, "since"),
        ("runs/undo-plan", {"profile": own, "since": "2026-01-01", "until": "soon"}, "until"),
        ("runs/undo-plan", {"profile": own, "since": "2026-01-02", "until": "2026-01-02"}, "until"),
        (f"profiles/{own}/load", {}, "sources"),
        (f"profiles/{own}/load", {"sources": "left"}, "match"),
        (f"profiles/{own}/load", {"sources": "left", "match": "nonsense"}, "match"),
        (f"profiles/{own}/load", {"sources": "left", "match": "", "jql": "a ORDER BY b"}, "jql"),
    ):
        refused = post(page, path, **form)
        assert (refused.status_code, refused.get_json(force=True).get("field")) == (400, name)


def test_a_load_of_a_profile_that_is_not_on_is_refused(page: PageScene) -> None:
    page.do("UPDATE profile SET state = 'paused'")
    refused = post(page, f"profiles/{page.profile}/load", sources="left", match="summary")
    assert refused.status_code == 409
    assert refused.get_json(force=True)["type"] == "urn:tandem:problem:profile-paused"


def test_a_viewer_sees_the_runs_and_begins_none(page: PageScene) -> None:
    assert page.get("runs", person="vi").json == {"begun": None, "errands": [], "runs": []}
    assert "Begin something" not in page.page("views/runs", person="vi")
    asked = {"profile": str(page.profile), "what": "scope"}
    assert post(page, "runs/plan", "vi", **asked).status_code == 403
    begun = post(page, "runs/plan", **asked)
    assert begun.status_code == 200, begun.text
    [errand] = begun.json["errands"]
    assert (errand["kind"], errand["state"], errand["by"]) == ("plan", "waiting", "you")
    [seen] = page.get("runs", person="vi").json["errands"]
    assert seen["by"] == "a person"  # whom this Jira does not know by name
    [partners] = page.get("runs", page.right).json["errands"]
    assert partners["by"].startswith("a person of ")


def test_an_undo_of_a_span_is_asked_for_by_those_who_map_and_is_told_with_its_span(
    page: PageScene,
) -> None:
    asked = {"profile": str(page.profile), "since": "2026-01-02T03:04", "until": "2026-01-02T04:00"}
    assert post(page, "runs/undo-plan", "vi", **asked).status_code == 403
    page.do("UPDATE installation SET project_admins_map = true")
    never = {**asked, "profile": str(uuid.uuid4())}
    answers = [post(page, "runs/undo-plan", "of-another", **one) for one in (asked, never)]
    assert [one.status_code for one in answers] == [404, 404]
    assert len({one.get_json(force=True)["detail"] for one in answers}) == 1
    assert "Undo what was written" in page.page("views/runs")
    assert "Undo what was written" not in page.page("views/runs", person="vi")
    begun = post(page, "runs/undo-plan", **asked)
    [errand] = begun.json["errands"]
    assert (errand["kind"], errand["state"]) == ("undo-plan", "waiting")
    said = "Of what was written from 2026-01-02 03:04 to 2026-01-02 04:00 (UTC)."
    assert errand["span"] == said
    assert said in page.page("runs")
    # Another of the same profile waits for its end.
    assert post(page, "runs/undo-plan", **asked).status_code == 409


def test_an_undo_of_a_span_finds_what_was_written_in_it_and_groups_what_is_left(
    plans: Plans,
) -> None:
    asked = {"since": "2026-01-01T00:00:00+00:00", "until": "2026-01-02T00:00:00+00:00"}
    plans.scene.owner.execute(
        "INSERT INTO written (profile_id, left_tenant_id, right_tenant_id, link_id, side,"
        " issue_id, field_key, mark_before, mark_after, created, at) SELECT id, left_tenant_id,"
        " right_tenant_id, gen_random_uuid(), 'left', n, 'a=a', repeat('1', 32), repeat('0', 32),"
        " false, at FROM profile, (VALUES (1, '2026-01-01 12:00Z'::timestamptz),"
        " (2, '2026-01-01 13:00Z'), (3, '2026-01-02 00:00Z'), (4, '2025-12-31 23:59Z')) v(n, at)"
    )
    made = ask(plans, About(Kind.UNDO_PLAN, asked))
    worker(plans).tick()
    errand, held = told(plans, made)
    assert errand.state == "done", held
    found = held["found"]
    # Their pairs are gone: one cause, and its issues are named together.
    assert (found["restores"], found["left_count"]) == (0, 2)
    [group] = found["left_groups"]
    assert (unpack(group["sentence"]), group["count"]) == ("Its pair is no longer linked.", 2)
    assert group["examples"] == ["WEB-1", "WEB-2"]


def test_runs_and_plans_out_of_reach_are_as_those_that_never_were(page: PageScene) -> None:
    asked = {"profile": str(page.profile), "what": "scope"}
    [errand] = post(page, "runs/plan", **asked).json["errands"]
    run = uuid.uuid4()
    page.do(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
        " SELECT %s, id, left_tenant_id, right_tenant_id, 'apply', 'command' FROM profile",
        (run,),
    )
    page.do("UPDATE errand SET state = 'done', ended_at = now()")
    page.do("UPDATE installation SET project_admins_map = true")
    who = "of-another"
    assert page.get("runs", person=who).json == {"begun": None, "errands": [], "runs": []}
    never = uuid.uuid4()
    for path, theirs in (
        ("runs/{}/undo-plan", run),
        ("errands/{}/apply", errand["id"]),
        ("errands/{}/undo", errand["id"]),
        ("profiles/{}/load", page.profile),
        ("profiles/{}/load/abandon", page.profile),
    ):
        answers = [post(page, path.format(one), who) for one in (theirs, never)]
        assert [one.status_code for one in answers] == [404, 404], path
        details = {one.get_json(force=True)["detail"] for one in answers}
        assert len(details) == 1, path


def test_the_runs_are_told_with_what_they_wrote_and_by_whom(page: PageScene) -> None:
    run = uuid.uuid4()
    page.do(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, state, begun_by,"
        " ended_at) SELECT %s, id, left_tenant_id, right_tenant_id, 'apply', 'done', 'command',"
        " now() FROM profile",
        (run,),
    )
    page.do(
        "INSERT INTO written (profile_id, left_tenant_id, right_tenant_id, link_id, side,"
        " issue_id, field_key, mark_before, mark_after, created, run_id) SELECT id,"
        " left_tenant_id, right_tenant_id, %s, 'left', 1, 'a=a', repeat('1', 32),"
        " repeat('0', 32), false, %s FROM profile",
        (uuid.uuid4(), run),
    )
    [told] = page.get("runs").json["runs"]
    assert told["by"] == "a command on the server"
    assert told["progress"] == "1 field written, 0 issues created, 0 items"
    assert told["mayUndo"] is True
    shown = page.page("runs")
    assert f"/pages/runs/{run}/undo-plan" in shown
    begun = post(page, f"runs/{run}/undo-plan")
    assert [one["kind"] for one in begun.json["errands"]] == ["undo-plan"]
    assert TenantId(uuid.UUID(begun.json["begun"]))
