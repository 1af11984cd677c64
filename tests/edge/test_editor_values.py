"""The editor's Values step over HTTP: what is kept of it, types of links, and what transitions ask
for."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from app.screens.editor_draft import profile_of, wrong_with
from app.sync import field_cache
from tests.edge.editor_scene import Asked, PlayedJira, Scene, scene
from tests.edge.test_editor_fields import USUAL, calls, change, tell, told

__all__ = ["scene"]

LINKS = {"kind": "links", "flow": "both", "deletions": True}
STATUS = {"left": "status", "right": "status", "kind": "status"}
TITLE = {"left": "summary", "right": "summary", "kind": "text"}
LEVELS = [{"id": "1", "name": "High"}, {"id": "2", "name": "Low"}]


def wanted(name: str, field_id: str, **more: Any) -> dict[str, Any]:
    """A field that the screen of a transition requires."""
    return {**told(field_id, name, **more), "required": True}


def workflow(jira: PlayedJira, **fields: dict[str, Any]) -> None:
    """Have a site's only move, from Open to Done, ask for these fields."""
    move = {"id": "31", "name": "Close", "to": {"id": "6", "name": "Done"}, "fields": fields}
    statuses = [{"id": "1", "name": "Open"}, {"id": "6", "name": "Done"}]
    [issue] = jira.answers["issue/bulkfetch"]({})[1]["issues"]
    issue["fields"]["status"] = statuses[0]
    answer = [{"id": "1", "statuses": statuses}]

    def found(asked: Asked) -> tuple[int, Any]:
        return 200, {"issues": [] if "status = 6" in asked["jql"] else [issue]}

    jira.answers |= {
        "search/jql": found,
        "issue/7/transitions": lambda _asked: (200, {"transitions": [move]}),
        "project/10/statuses": lambda _asked: (200, answer),
        "project/20/statuses": lambda _asked: (200, answer),
    }


@pytest.fixture
def step(scene: Scene) -> Scene:
    """The scene, with both projects chosen, and links and statuses carried."""
    for jira, project, names in (
        (scene.ours, 10, ("Blocks", "Relates", "Duplicates")),
        (scene.theirs, 20, ("blocks", "Relates to", "Clones")),
    ):
        tell(jira, project, [*USUAL[:3], told("priority", "Priority", allowedValues=LEVELS)])
        types = [
            {"id": str(100 + n), "name": name, "inward": "", "outward": ""}
            for n, name in enumerate(names)
        ]
        jira.answers["issueLinkType"] = lambda _asked, types=types: (200, {"issueLinkTypes": types})
        workflow(jira)
    change(scene, left={"project": "10", "issue_type": "1"}, name="Web")
    change(scene, right={"project": "20", "issue_type": "1"})
    priority = {"left": "priority", "right": "priority", "kind": "priority"}
    change(scene, fields=[TITLE, priority, STATUS], items=[LINKS])
    return scene


def test_values_are_asked_for_once_with_their_age_and_again_when_somebody_says_so(
    step: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_cache, "FRESH", timedelta(0))
    path = f"/drafts/{step.draft}/values/1"
    first = step.call("GET", path).text
    assert "High" in first
    assert "Read just now" in first
    asked = calls(step.ours), calls(step.theirs)
    assert step.call("GET", path).text == first
    assert "Low" in step.save("values/1/left", value="1", twin="Low").text
    assert step.call("GET", f"/drafts/{step.draft}/fields").status_code == 200
    assert (calls(step.ours), calls(step.theirs)) == asked
    more = [*LEVELS, {"id": "3", "name": "Brand new"}]
    tell(step.theirs, 20, [*USUAL[:3], told("priority", "Priority", allowedValues=more)])
    assert "Brand new" not in step.call("GET", path).text
    assert "Brand new" in step.call("GET", f"{path}?fresh=1").text
    assert calls(step.theirs) > asked[1]


def test_statuses_are_kept_as_well_and_a_site_that_is_away_spoils_nothing_that_is_known(
    step: Scene,
) -> None:
    path = f"/drafts/{step.draft}/values/2"
    assert "Every value of your site has a counterpart." in step.call("GET", path).text
    step.theirs.answers["project/20/statuses"] = lambda _asked: (503, b"<html>away</html>")
    assert step.call("GET", path).status_code == 200
    away = step.call("GET", f"{path}?fresh=1")
    assert away.status_code == 502
    assert step.call("GET", path).status_code == 200


def test_types_of_links_are_paired_by_name_suggested_and_chosen_and_the_rest_is_counted(
    step: Scene,
) -> None:
    assert 'id="values-links"' in step.call("GET", f"/drafts/{step.draft}/values").text
    shown = step.call("GET", f"/drafts/{step.draft}/values/links").text
    assert "2 values of your site have no counterpart." in shown
    assert "2 values of the partner have none." in shown
    assert "nothing; perhaps Relates to" in shown
    assert "What is done with them" not in shown  # links have no rule: they are set aside
    step.save("values/links/suggested")
    assert step.stored().document["items"][0]["types"] == [{"left": "101", "right": "101"}]
    shown = step.save("values/links/left", value="102", twin="Clones").text
    assert "Every value of your site has a counterpart." in shown
    [links] = profile_of(step.stored()).items
    assert [(one.left, one.right) for one in links.types] == [("101", "101"), ("102", "102")]
    refused = step.save("values/links/left", value="102", twin="Nope")
    assert (refused.status_code, refused.json["field"]) == (400, "twin")  # type: ignore[index]
    step.save("values/links/left", value="102", twin="")
    assert len(profile_of(step.stored()).items[0].types) == 1
    change(step, items=None)
    assert 'id="values-links"' not in step.call("GET", f"/drafts/{step.draft}/values").text
    assert step.call("GET", f"/drafts/{step.draft}/values/links").status_code == 400


def test_what_a_transition_asks_for_and_nothing_fills_is_red_until_it_gets_a_constant(
    step: Scene,
) -> None:
    fixed = {"allowedValues": [{"id": "10", "name": "Fixed"}, {"id": "11", "name": "No"}]}
    workflow(
        step.theirs,
        resolution=wanted("Resolution", "resolution", **fixed),
        comment=wanted("Comment", "comment"),
        summary=wanted("Summary", "summary"),
        customfield_1=wanted("Cause", "customfield_1", type_="textfield"),
        customfield_2={**told("customfield_2", "Never mind", "textfield")},
    )
    assert 'id="values-moves"' in step.call("GET", f"/drafts/{step.draft}/values").text
    shown = step.call("GET", f"/drafts/{step.draft}/moves").text
    assert "3 fields are missing." in shown
    assert shown.count("Nothing fills it") == 3
    assert "Close (Open → Done)" in shown
    assert "The other side, as it is mapped" in shown  # the summary
    assert "Never mind" not in shown
    assert "No transition there requires a field." in shown  # at the own site

    give = {"side": "right", "field": "resolution"}
    refused = step.save("moves/give", **give, constant="Nonsense")
    assert (refused.status_code, refused.json["field"]) == (400, "constant")  # type: ignore[index]
    shown = step.save("moves/give", **give, constant="10").text
    assert "2 fields are missing." in shown
    assert re.search(r"Constant</span> <bdi[^>]*>Fixed<", shown)
    step.save("moves/give", side="right", field="comment", constant="Closed <b>by</b> its twin.")
    step.save("moves/give", side="right", field="customfield_1", constant="Tired")
    document = step.stored().document
    assert document["moves"] == {
        "right": {
            "resolution": {"id": "10"},
            "comment": "Closed <b>by</b> its twin.",
            "customfield_1": "Tired",
        }
    }
    assert wrong_with(step.stored()) == []
    assert len(profile_of(step.stored()).moves) == 3
    shown = step.call("GET", f"/drafts/{step.draft}/moves").text
    assert "missing" not in shown
    assert "&lt;b&gt;by" in shown
    for name in ("resolution", "comment", "customfield_1"):
        step.save("moves/drop", side="right", field=name)
    assert "moves" not in step.stored().document


def test_workflows_are_kept_read_again_on_demand_and_a_site_that_is_away_is_said_at_its_side(
    step: Scene,
) -> None:
    path = f"/drafts/{step.draft}/moves"
    assert "Read just now" in step.call("GET", path).text
    asked = calls(step.theirs)
    step.call("GET", path)
    assert calls(step.theirs) == asked
    step.theirs.answers["issue/7/transitions"] = lambda _asked: (503, b"<html>away</html>")
    away = step.call("GET", f"{path}?fresh=1")
    assert away.status_code == 200
    assert "failed (503)" in away.text
    assert "No transition there requires a field." in away.text  # the own side is shown


def test_only_where_statuses_are_written_is_anything_said_of_transitions(step: Scene) -> None:
    workflow(step.theirs, comment=wanted("Comment", "comment"))
    change(step, fields=[TITLE, {**STATUS, "flow": "to_left"}])
    shown = step.call("GET", f"/drafts/{step.draft}/moves").text
    assert "Comment" not in shown
    change(step, fields=[TITLE])
    assert 'id="values-moves"' not in step.call("GET", f"/drafts/{step.draft}/values").text


def test_nobody_but_its_author_reaches_a_drafts_values(step: Scene) -> None:
    for path in ("values/links", "values/1", "moves"):
        assert step.call("GET", f"/drafts/{step.draft}/{path}", "ann").status_code == 404
        assert step.call("GET", f"/drafts/{step.draft}/{path}", "vi").status_code == 403
    for path in ("values/links/left", "moves/give", "moves/drop"):
        assert step.save(path, "ann").status_code == 404


def test_a_field_that_is_wrong_is_named_where_its_values_would_be_with_the_way_to_it(
    step: Scene,
) -> None:
    broken = {**STATUS, "flow": "to_right", "transform": "value +"}
    change(step, fields=[TITLE, broken])
    [wrong] = wrong_with(step.stored())
    shown = step.call("GET", f"/drafts/{step.draft}/values").text
    assert "Still to do" in shown
    assert "line 1" in wrong.sentence
    assert "<bdi>Status</bdi>: line 1" in shown
    assert f'hx-get="/pages/drafts/{step.draft}/fields"' in shown[shown.index("Still to do") :]
    now = shown[: shown.index("Values and people")].rsplit("<li", 1)[1]
    assert "done" not in now


def test_fields_that_every_jira_has_are_called_alike_while_only_one_site_tells_their_names(
    step: Scene,
) -> None:
    tell(step.ours, 10, [told("summary", "Zusammenfassung", required=True), *USUAL[1:]])
    tell(step.theirs, 20, USUAL)
    change(step, fields=[TITLE], items=[])
    path = f"/drafts/{step.draft}/review/sentences"
    assert "Zusammenfassung (there Summary)" in step.call("GET", path).text
    step.theirs.answers["field"] = lambda _asked: (200, b"<html>Login</html>")
    shown = step.call("GET", path).text
    assert "Zusammenfassung" in shown
    assert "(there" not in shown
