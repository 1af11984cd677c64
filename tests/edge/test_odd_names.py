"""Names of 255 characters, right to left, with emoji and markup, on every page: shown as they are,
and kept apart from the words around them; and a select of 1,000 options."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import sync_playwright

from app.mapping import approvals
from app.mapping.profile import FieldMapping, Kind, Row, Side
from app.sync.drift_watch import Watch
from app.tenants.caller import Caller, Proof
from tests.edge.editor_scene import Scene as Draft
from tests.edge.editor_scene import scene as draft
from tests.edge.odd_names import MARK, ODD, loose
from tests.edge.test_editor_fields import USUAL, change, tell, told
from tests.edge.test_profile_view import Scene, profile, scene

__all__ = ["draft", "profile", "scene"]

STATIC = Path(__file__).resolve().parents[2] / "static"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PARTS = ("/head", "/carried", "/revisions", "/revisions/2", "/drift")
PANELS = ("/panels/file", "/panels/copy", "/panels/end")
PAGES = (
    "/pages/views/profiles",
    "/pages/approvals",
    "/pages/checks",
    "/pages/views/activity",
    "/pages/activity",
    "/pages/parked",
    "/pages/views/runs",
    "/pages/parts/people",
)


@pytest.fixture
def odd(scene: Scene) -> Scene:
    """A profile all of whose names are odd; something of it waits, and something is gone."""
    for site in scene.sites.values():
        site.project, site.type = (*site.project[:2], ODD), (site.type[0], ODD)
        site.fields = {"customfield_1": ODD, "customfield_2": ODD}
        site.people = dict.fromkeys(("ann", "ed", "bob"), ODD)
    with psycopg.connect(scene.database) as owner:
        owner.execute("UPDATE profile SET name = %s", (ODD[:200],))
        owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
            " parked) SELECT id, 'left', 1, left_tenant_id, right_tenant_id, 1, true FROM profile"
        )
        owner.execute(
            "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
            " right_tenant_id, at_side, code, field, said) SELECT gen_random_uuid(), id, 'left', 1,"
            " left_tenant_id, right_tenant_id, 'right', 'value-unknown', 'customfield_2', 'x'"
            " FROM profile"
        )
    now = scene.stored().profile
    field = FieldMapping("customfield_1", "customfield_2", Kind.TEXT)
    users = replace(now.users, rows=(Row("ann", "bob"),))
    new = replace(now, fields=(*now.fields, field), users=users)
    partner = scene.tandem.installations.find(scene.right.client_key)
    assert partner is not None
    number = scene.save(new).number
    tandem, caller = scene.tandem, Caller(partner.tenant, "ann", Proof.CONTEXT)
    approvals.decide(tandem.vault, tandem.record, caller, scene.id, number, approves=True)
    more = FieldMapping("environment", "environment", Kind.RICH_TEXT)
    assert not scene.save(replace(new, fields=(*new.fields, more))).in_force
    watch = Watch(scene.tandem.vault, scene.tandem.open_site)
    assert watch.look(scene.stored()).findings == ()
    del scene.sites[Side.RIGHT].fields["customfield_2"]
    [gone] = watch.look(scene.stored()).findings
    assert gone.name == ODD
    return scene


def test_every_page_of_a_profile_keeps_odd_names_apart(odd: Scene) -> None:
    whole = f"/pages/views/profiles/{odd.id}"
    seen = 0
    for path in (whole, *PARTS, *PANELS, *PAGES, f"/pages/runs/load?profile={odd.id}"):
        for site in (odd.left, odd.right):
            answer = odd.call(path, accept="text/html", site=site, who="ann")
            assert answer.status_code == 200, (path, answer.text)
            assert loose(answer.text) == [], path
            seen += answer.text.count(MARK)
    assert seen > 60
    drift = odd.call("/drift", accept="text/html").text
    assert f"“<bdi>{html.escape(ODD)}</bdi>”" in drift


def editor_pages(draft: Draft) -> Iterator[tuple[str, str]]:
    """Every step of the editor, of a draft that maps a select of 1,000 options."""
    options = [{"id": str(5000 + n), "value": f"Option {n:04}"} for n in range(1000)]
    options[0]["value"] = ODD
    fields = [*USUAL, told("customfield_1", ODD, "select", allowedValues=options)]
    for jira, project in ((draft.ours, 10), (draft.theirs, 20)):
        jira.projects = [(project, "ODD", ODD)]
        jira.types = [(1, ODD)]
        tell(jira, project, fields)
    select = {"left": "customfield_1", "right": "customfield_1", "kind": "option"}
    title = {"left": "summary", "right": "summary", "kind": "text"}
    change(draft, left={"project": "10", "issue_type": "1"}, name=ODD[:200])
    change(draft, right={"project": "20", "issue_type": "1"}, fields=[title, select])
    steps = ("partner", "projects", "projects/left", "projects/right", "fields", "fields/table")
    for step in (*steps, "values", "values/1", "review", "review/sentences"):
        answer = draft.call("GET", f"/drafts/{draft.draft}/{step}")
        assert answer.status_code == 200, (step, answer.text)
        yield step, answer.text
    yield "profiles", draft.call("GET", "/views/profiles").text


def test_every_step_of_the_editor_keeps_odd_names_apart_and_pages_a_thousand_options(
    draft: Draft,
) -> None:
    seen = 0
    for step, text in editor_pages(draft):
        assert loose(text) == [], step
        seen += text.count(MARK)
    assert seen > 20

    table = f"/drafts/{draft.draft}/values/1"
    rows = re.findall(r'<th scope="row"', draft.call("GET", table).text)
    assert 0 < len(rows) <= 200  # a page of each side, not all 2,000
    found = draft.call("GET", f"{table}?query=0777").text
    assert found.count('<th scope="row"') == 2
    saved: Any = draft.save("values/1/left", value="5777", twin="Option 0778")
    assert saved.status_code == 200
    refused: Any = draft.save("values/1/left", value="5777", twin="Option 9999")
    assert (refused.status_code, refused.json["field"]) == (400, "twin")
    [row] = draft.stored().document["fields"][1]["values"]["rows"]
    assert row == {"left": "5777", "right": "5778"}


@pytest.mark.browser
def test_odd_names_make_no_page_wider_than_the_window(
    odd: Scene, draft: Draft, chromium_path: str
) -> None:
    whole = f"/pages/views/profiles/{odd.id}"
    paths = (whole, *PARTS, *PANELS, *PAGES, f"/pages/runs/load?profile={odd.id}")
    pages = {one: odd.call(one, accept="text/html", who="ann").text for one in paths}
    pages |= dict(editor_pages(draft))
    styles = "".join(one.read_text() for one in sorted(STATIC.rglob("*.css")))
    wide = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        shown = chromium.new_page()
        for width in (800, 1280):
            shown.set_viewport_size({"width": width, "height": 900})
            for path, text in pages.items():
                body = f'<body class="ac-content"><main id="page"><div id="view">{text}'
                shown.set_content(f"<!doctype html><style>{styles}</style>{body}")
                if (by := shown.evaluate(WIDER)) > 0:
                    wide.append((path, width, by))
        chromium.close()
    assert wide == [], wide


def test_the_reader_of_pages_finds_a_loose_name_and_lets_one_pass_that_is_apart() -> None:
    [told] = loose(f"<p>About {html.escape(ODD)}</p>")
    assert told.startswith(f"p: About {MARK}")
    assert loose(f"<p>About <bdi>{html.escape(ODD)}</bdi></p>") == []
    assert loose("<p><b>x</b></p>") == ["markup"]
