"""The editor's Fields step over HTTP, against two sites that tell of their fields."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from app.mapping import drafts
from app.mapping.document import dump_profile
from app.mapping.drafts import Draft
from app.screens.editor_draft import profile_of
from app.sync import field_cache
from app.tenants.caller import Caller, Proof
from tests.edge.editor_scene import Asked, PlayedJira, Scene, scene

__all__ = ["scene"]

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
UPDATED = "2027-01-05T12:00:00.000+0000"
ODD = "שלום 😀 <b>&" + "n" * 243
EMPTY_DOC = {"type": "doc", "version": 1, "content": []}


def told(field_id: str, name: str, type_: str = "", **more: Any) -> dict[str, Any]:
    """A field as metadata has it; without a type one that every Jira has."""
    schema = {"type": "any", **({"custom": CUSTOM + type_} if type_ else {"system": field_id})}
    base = {"name": name, "schema": schema, "operations": ["set"], "required": False}
    return {"id": field_id, "custom": bool(type_), **base, **more}


USUAL = [
    told("summary", "Summary", required=True),
    *(told(one, one.title()) for one in ("description", "labels", "priority", "duedate")),
]


def tell(jira: PlayedJira, project: int, fields: list[dict[str, Any]], **values: Any) -> None:
    """Have a site tell of these fields, on all screens, and of an issue with these values."""
    key = next(key for number, key, _name in jira.projects if number == project)
    every = {one["id"]: one for one in fields}
    held = {
        **dict.fromkeys(every),
        "summary": f"A summary of {key}",
        "project": {"id": str(project), "key": key},
        "issuetype": {"id": "1", "name": "Task"},
        "updated": UPDATED,
        **values,
    }
    issue = {"id": "7", "key": f"{key}-7", "fields": held, "editmeta": {"fields": every}}
    rows = [{**one, "fieldId": one["id"]} for one in fields]
    screen = {"startAt": 0, "maxResults": 500, "total": len(rows), "fields": rows}
    statuses = [{"id": "1", "statuses": [{"id": "9", "name": "Closed"}]}]
    jira.answers |= {
        "field": lambda _asked: (200, fields),
        "search/jql": lambda _asked: (200, {"issues": [issue]}),
        "issue/bulkfetch": lambda _asked: (200, {"issues": [issue]}),
        f"issue/createmeta/{project}/issuetypes/1": lambda _asked: (200, screen),
        "issue/7/transitions": lambda _asked: (200, {"transitions": []}),
        f"project/{project}/statuses": lambda _asked: (200, statuses),
    }


@pytest.fixture
def step(scene: Scene) -> Scene:
    """The scene, with both projects chosen and fields to map."""
    ours = [
        *USUAL,
        told("customfield_1", "Severity", "select"),
        told("customfield_2", "Effort", "float"),
        told("customfield_3", "Root cause", "textfield"),
        told("customfield_4", ODD, "textfield"),
    ]
    levels = [{"id": str(number), "value": f"Level {number}"} for number in range(1000)]
    theirs = [
        *USUAL,
        told("customfield_7", "Severitys", "select"),
        told("customfield_8", "Impact", "select", required=True, allowedValues=levels),
        told("customfield_9", "Points", "float"),
    ]
    ours.append(told("reporter", "Reporter"))
    values = {"customfield_3": "Tired", "customfield_4": "<i>x</i>"}
    tell(scene.ours, 10, ours, **values, reporter={"accountId": "712020:ann"})
    shown = {"accountId": "712020:ann", "displayName": "Ann of Acme"}
    scene.ours.answers["user/bulk"] = lambda _asked: (200, {"values": [shown]})
    tell(scene.theirs, 20, theirs)
    change(scene, left={"project": "10", "issue_type": "1"})
    change(scene, right={"project": "20", "issue_type": "1"})
    return scene


def calls(jira: PlayedJira) -> int:
    """How often a site was asked, but for what its people may do."""
    return sum(path != "permissions/check" for path, *_rest in jira.asked)


def change(scene: Scene, **parts: Any) -> Draft:
    """Put parts into the draft, as other steps do."""
    stored = scene.stored()
    caller = Caller(stored.tenant, "ed", Proof.CONTEXT)
    saved = drafts.save(scene.tandem.vault, caller, stored.id, parts, stored.version)
    scene.version = saved.version
    return saved


def fields(scene: Scene) -> dict[str, dict[str, Any]]:
    """The draft's mappings, by their keys."""
    rows = scene.stored().document.get("fields", [])
    return {f"{one['left']}={one['right']}": one for one in rows}


def table(scene: Scene) -> str:
    """The step, once both sites were asked."""
    answer = scene.call("GET", f"/drafts/{scene.draft}/fields/table")
    assert answer.status_code == 200, answer.text
    return answer.text


def do(scene: Scene, deed: str, **form: Any) -> str:
    """A save of the step that must be taken."""
    answer = scene.save(f"fields/{deed}", **form)
    assert answer.status_code == 200, answer.text
    return answer.text


def refused(scene: Scene, deed: str, **form: Any) -> str:
    """What is said of a save that must be refused; the draft stays as it is."""
    before = scene.stored()
    answer = scene.save(f"fields/{deed}", **form)
    assert 400 <= answer.status_code < 500, answer.text
    assert scene.stored() == before
    return str(answer.json["detail"])


def test_the_step_shows_at_once_asks_each_site_once_and_tells_the_age(step: Scene) -> None:
    first = step.call("GET", f"/drafts/{step.draft}/fields").text
    assert (calls(step.ours), calls(step.theirs)) == (0, 0)
    assert f"/drafts/{step.draft}/fields/table" in first
    assert "Reading the fields" in first
    shown = table(step)
    assert "Reading the fields" not in shown
    assert shown.count("Read just now") == 2
    assert 'hx-swap-oob="true"' in shown
    count = calls(step.ours), calls(step.theirs)
    assert 0 < count[0] <= 7
    again = step.call("GET", f"/drafts/{step.draft}/fields").text
    assert "Read just now" in again
    do(step, "row", key="summary=summary", flow="to_right")
    assert (calls(step.ours), calls(step.theirs)) == count
    # What is kept is the tenant's own, and sealed.
    with psycopg.connect(step.tandem.settings.database_url) as owner:
        rows = owner.execute("SELECT tenant_id, held, scope_fields::text FROM scope_fields")
        kept = rows.fetchall()
    assert len({row[0] for row in kept}) == 2
    assert not any(b"Root cause" in bytes(row[1]) or "Severity" in row[2] for row in kept)


def test_a_refresh_asks_its_side_alone_and_shows_what_is_new(
    step: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_cache, "FRESH", timedelta(0))
    assert "Brand new" not in table(step)
    ours, theirs = calls(step.ours), calls(step.theirs)
    tell(step.theirs, 20, [*USUAL, told("customfield_6", "Brand new", "textfield")])
    shown = do(step, "refresh", side="right")
    assert "Brand new" in shown
    assert calls(step.ours) == ours
    assert calls(step.theirs) > theirs
    assert "choose left or right" in refused(step, "refresh", side="up")


def test_what_is_suggested_is_taken_singly_or_all_but_the_doubtful_with_its_reason(
    step: Scene,
) -> None:
    change(step, fields=[])
    shown = table(step)
    for reason in ("Same system field", "Similar name 94 %", "Only one of this type"):
        assert reason in shown, reason
    assert "Accept all 6" in shown
    do(step, "accept", pair="customfield_2=customfield_9")
    assert list(fields(step)) == ["customfield_2=customfield_9"]
    do(step, "accept", pair="all")
    every = fields(step)
    assert {*every} == {
        "customfield_2=customfield_9",
        "customfield_1=customfield_7",
        *(f"{one['id']}={one['id']}" for one in USUAL),
    }
    assert every["priority=priority"]["kind"] == "priority"
    profile_of(step.stored())
    assert "Accept all" not in table(step)


def test_an_impossible_pair_is_refused_with_the_reason_and_a_possible_one_flows_as_it_can(
    step: Scene,
) -> None:
    table(step)
    said = refused(step, "pair", left="customfield_2", right="customfield_8")
    assert "Number (customfield_2) and Select (customfield_8) cannot be mapped" in said
    assert "choose a field of" in refused(step, "pair", left="customfield_2")
    assert "no field of the right site" in refused(
        step, "pair", left="customfield_2", right="customfield_77"
    )
    assert "already" in refused(step, "pair", left="summary", right="summary")
    shown = do(step, "pair", left="customfield_2", right="customfield_9")
    assert 'id="flow-customfield_2--customfield_9"' in shown
    assert fields(step)["customfield_2=customfield_9"]["flow"] == "both"


def test_each_rule_of_the_document_is_shown_at_its_row_and_nothing_typed_is_lost(
    step: Scene,
) -> None:
    table(step)
    row = {"left": "customfield_1", "right": "summary", "kind": "option", "right_kind": "text"}
    usual: Any = dump_profile(profile_of(step.stored()))["fields"]
    change(step, fields=[*usual, {**row, "flow": "to_right"}])
    shown = step.call("GET", f"/drafts/{step.draft}/fields").text
    at = shown[shown.index('id="wrong-customfield_1--summary"') :][:400]
    assert "summary on the right side is already written by fields.0" in html.unescape(at)
    shown = do(step, "row", key="labels=labels", transform="value +")
    assert fields(step)["labels=labels"]["transform"] == "value +"
    at = shown[shown.index('id="wrong-labels--labels"') :][:400]
    assert "line 1, character" in at
    assert ">value +</textarea>" in shown
    do(step, "row", key="labels=labels", transform=" ")
    assert "transform" not in fields(step)["labels=labels"]
    shown = do(step, "drop", key="customfield_1=summary")
    assert 'id="wrong-' not in shown
    for form in (
        {"key": "labels=labels", "flow": "sideways"},
        {"key": "labels=labels", "moment": "never"},
        {"key": "labels=labels", "policy": "loudest"},
        {"key": "nothing=here", "flow": "both"},
    ):
        assert refused(step, "row", **form)


def test_moment_policy_and_direction_are_saved_as_they_are_chosen(step: Scene) -> None:
    table(step)
    do(step, "row", key="duedate=duedate", moment="create")
    do(step, "row", key="labels=labels", policy="ask")
    shown = do(step, "row", key="summary=summary", flow="to_left")
    saved = fields(step)
    assert saved["duedate=duedate"]["moment"] == "create"
    assert saved["labels=labels"]["policy"] == "ask"
    assert saved["summary=summary"]["flow"] == "to_left"
    chosen = shown[shown.index('id="policy-labels--labels"') :][:900]
    assert re.search(r'value="ask" selected', chosen)


def test_a_required_field_that_nothing_fills_comes_first_and_takes_a_constant(
    step: Scene,
) -> None:
    shown = table(step)
    assert shown.index("required field that nothing fills") < shown.index("fields-mapped-title")
    asked = f"/drafts/{step.draft}/fields/constant?side=right&field=customfield_8"
    form = step.call("GET", asked).text
    assert form.count("<option") == 1000
    assert "choose one from the list" in refused(
        step, "constant", side="right", field="customfield_8", constant="1001"
    )
    shown = do(step, "constant", side="right", field="customfield_8", constant="999")
    assert "required field that nothing fills" not in shown
    assert "Level 999" in shown
    row = fields(step)["summary=customfield_8"]
    assert (row["flow"], row["moment"]) == ("to_right", "create")
    assert json.loads(row["transform"]) == {"id": "999", "name": "Level 999"}
    profile_of(step.stored())
    do(step, "constant", side="right", field="customfield_8", constant="1")
    assert "Level 1" in fields(step)["summary=customfield_8"]["transform"]
    do(step, "drop", key="summary=customfield_8")
    assert "summary=customfield_8" not in fields(step)


def test_names_of_255_characters_of_other_scripts_and_of_markup_are_shown_whole(
    step: Scene,
) -> None:
    shown = table(step)
    assert html.escape(ODD, quote=False) in shown
    assert "<b>&" not in shown


BAD: dict[str, Callable[[Asked], tuple[int, Any]]] = {
    "did not answer in time, or not in Jira's form": lambda _asked: (200, b"<html>Login</html>"),
    "failed (500)": lambda _asked: (500, {}),
    "does not let Tandem in (401)": lambda _asked: (401, {}),
}


@pytest.mark.parametrize("words", BAD)
def test_a_site_that_does_not_tell_has_a_sentence_in_its_column_and_the_other_is_shown(
    step: Scene, words: str
) -> None:
    good = step.theirs.answers["field"]
    step.theirs.answers["field"] = BAD[words]
    shown = html.unescape(table(step))
    assert words in shown
    assert "Read just now" in shown
    assert 'id="left-customfield_2"' in shown
    assert "Try again" in shown
    assert "must be read first" in refused(step, "pair", left="customfield_2", right="labels")
    do(step, "row", key="summary=summary", flow="to_right")
    step.theirs.answers["field"] = good
    assert 'id="right-customfield_9"' in do(step, "refresh", side="right")


def test_a_site_that_is_slow_keeps_nobody_waiting_and_is_read_on(
    step: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, go = step.theirs.answers["field"], threading.Event()

    def late(asked: Asked) -> tuple[int, Any]:
        assert go.wait(120)
        return answer(asked)

    monkeypatch.setattr(field_cache, "WAIT", 0.2)
    step.theirs.answers["field"] = late
    try:
        assert "answers slowly" in table(step)
        assert "answers slowly" in table(step)
    finally:
        go.set()
    monkeypatch.setattr(field_cache, "WAIT", 120)
    assert 'id="right-customfield_9"' in table(step)
    assert [path for path, *_rest in step.theirs.asked].count("field") == 1


def samples(scene: Scene, key: str = "") -> str:
    """The sample values that the page is given."""
    answer = scene.call("GET", f"/drafts/{scene.draft}/fields/samples?key={key}")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_values_of_a_real_issue_of_the_own_site_are_shown_and_the_partners_need_its_approval(
    step: Scene,
) -> None:
    table(step)
    shown = samples(step)
    assert "ACME-7" in shown
    assert re.search(r'data-field="customfield_3" data-raw="[^"]*Tired[^"]*">Tired<', shown)
    assert "&lt;i&gt;x&lt;/i&gt;" in shown
    assert ">Ann of Acme<" in shown
    assert "once its admin has approved" in shown
    assert "A summary of GLX" not in shown
    before = calls(step.ours)
    assert step.call("GET", f"/drafts/{step.draft}/fields/samples?key=no%20key").status_code == 400
    assert calls(step.ours) == before
    issue = step.ours.answers["issue/bulkfetch"]({})[1]["issues"][0]
    issue["fields"]["security"] = {"id": "1", "name": "Secret"}
    shown = samples(step, "ACME-7")
    assert "Tired" not in shown
    assert "or it has a security level" in shown
    issue["fields"] |= {"security": None, "project": {"id": "11", "key": "SHOP"}}
    assert "Tired" not in samples(step, "ACME-7")


def attempt(scene: Scene, text: str, key: str = "customfield_3=summary", **sample: Any) -> str:
    """What is said of an expression while it is typed."""
    sent = {"left": {"about": {"key": "ACME-7"}, "fields": sample}} if sample else {}
    return html.unescape(do(scene, "try", key=key, transform=text, samples=json.dumps(sent)))


def test_a_transform_is_tried_with_the_sample_as_it_is_typed_and_never_stored(
    step: Scene,
) -> None:
    table(step)
    do(step, "row", key="summary=summary", flow="to_left")
    do(step, "pair", left="customfield_3", right="summary")
    before = step.stored()
    assert ">Tired! ACME-7<" in attempt(
        step, 'value + "! " + source_issue.key', customfield_3="Tired"
    ) or ">Tired!<" in attempt(step, 'value + "!"', customfield_3="Tired")
    assert "line 1, character" in attempt(step, "value +", customfield_3="Tired")
    assert "is no field that the profile maps here" in attempt(
        step, "source.customfield_99", customfield_3="Tired"
    )
    assert "no sample value" in attempt(step, 'value + "!"')
    assert "cannot fill summary" in attempt(step, "[1, 2]", customfield_3="Tired")
    assert attempt(step, "  ", customfield_3="Tired").strip() == ""
    assert step.stored() == before
    form = {"key": "customfield_3=summary", "transform": "value"}
    assert "not readable" in refused(step, "try", **form, samples="[1]")
    assert "too large" in refused(step, "try", **form, samples="x" * 400_001)


def test_items_are_chosen_with_sensible_defaults_and_what_is_wrong_is_refused(
    step: Scene,
) -> None:
    do(step, "items", kind="comments", flow="both")
    do(step, "items", kind="attachments", flow="to_right")
    do(step, "items", kind="attachments", limit_mb="20")
    do(step, "items", kind="comments", box="internal", internal="yes")
    do(step, "items", kind="comments", box="deletions")
    shown = do(step, "items", kind="comments", marker="#share")
    assert 'id="item-comments-marker_mode"' in shown
    profile = profile_of(step.stored())
    comments, files = profile.items
    assert (comments.deletions, comments.marker, files.limit_mb) == (False, "#share", 20)
    assert [side.value for side in comments.internal] == ["left"]
    assert "{nobody}" in refused(step, "items", kind="comments", prefix="{nobody}")
    assert "whole number" in refused(step, "items", kind="attachments", limit_mb="many")
    assert refused(step, "items", kind="comments", flow="up")
    assert refused(step, "items", kind="noise", flow="both")
    do(step, "items", kind="comments", flow="none")
    do(step, "items", kind="attachments", flow="none")
    assert "items" not in step.stored().document


def test_what_becomes_of_twins_is_chosen_and_closing_asks_for_a_status(step: Scene) -> None:
    do(step, "lifecycle", archived="comment")
    shown = do(step, "lifecycle", deleted="close")
    assert "give the id of the status" in shown
    asked = step.call("GET", f"/drafts/{step.draft}/fields/closed").text
    assert asked.count(">Closed</option>") == 2
    do(step, "lifecycle", left_closed="9")
    do(step, "lifecycle", right_closed="9")
    chosen = profile_of(step.stored()).lifecycle
    assert (chosen.deleted.value, chosen.left_closed, chosen.archived.value) == (
        "close",
        "9",
        "comment",
    )
    do(step, "lifecycle", deleted="leave")
    assert profile_of(step.stored()).lifecycle.left_closed is None
    assert refused(step, "lifecycle", moved="away")


def test_nobody_but_its_author_reaches_a_drafts_fields(step: Scene) -> None:
    for method, path in (("GET", "table"), ("GET", "samples"), ("POST", "accept")):
        assert step.call(method, f"/drafts/{step.draft}/fields/{path}", "ann").status_code == 404
        assert step.call(method, f"/drafts/{step.draft}/fields/{path}", "vi").status_code == 403
    assert step.call("GET", f"/drafts/{step.draft}/fields/nothing").status_code == 404
    assert step.call("POST", f"/drafts/{step.draft}/fields/nothing").status_code == 404
