"""`tandem profile export`, `import`, `diff` and `delete`, over sites that tell names or do not."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from app import Tandem
from app.mapping import profiles
from app.mapping.profile import Flow, ItemKind, Side
from tests.edge.jira import Jira
from tests.edge.profile_site import Site, served
from tests.edge.test_webhooks import profile
from tests.rows import write_rows

__all__ = ["profile"]

FILTER = "summary ~ Rumpelstilzchen"


@dataclass
class Scene:
    """A profile between two sites that tell names; and the command."""

    tandem: Tandem
    id: uuid.UUID
    command: Callable[..., Result]
    left: Site
    right: Site
    folder: Path
    database: str

    def run(self, *words: str) -> Result:
        """`tandem profile …`."""
        return self.command("profile", *words)

    def stored(self) -> profiles.StoredProfile:
        """The profile as it is now."""
        return profiles.load(self.tandem.vault, self.id)

    def file(self, text: str) -> str:
        """A file with this text."""
        path = self.folder / "profile.yaml"
        path.write_text(text, "utf-8")
        return str(path)

    def export(self) -> str:
        """The profile as a file."""
        done = self.run("export", "Tasks")
        assert done.exit_code == 0, done.output
        return done.output

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """What the database says, as its owner."""
        with psycopg.connect(self.database) as owner:
            return owner.execute(query).fetchall()


@pytest.fixture
def scene(
    app: Flask,
    profile: uuid.UUID,
    installed: Jira,
    other: Jira,
    command: Callable[..., Result],
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    monkeypatch.setenv("TANDEM_INSECURE_HTTP", "1")
    left = Site(("10000", "ACME", "Acme: Shop"), ("10003", "Bug"), {"customfield_1": "Area"})
    right = Site(("20000", "GLO", "Globex 🛠"), ("20003", "no"), {"customfield_2": "Bereich"})
    with served(left), served(right):
        for jira, site in ((installed, left), (other, right)):
            assert jira.install(baseUrl=site.base_url).status_code == 204
            assert jira.enable().status_code == 204
        tandem: Tandem = app.extensions["tandem"]
        yield Scene(tandem, profile, command, left, right, tmp_path, database_url)


def test_a_file_goes_out_and_comes_back_and_is_the_same_bytes(scene: Scene) -> None:
    text = scene.export()
    for line in (f"  site: {scene.left.host}", "  project_name: 'Acme: Shop'", "profile: Tasks"):
        assert line in text.splitlines()
    unchanged = scene.run("import", "Tasks", scene.file(text))
    assert (unchanged.exit_code, scene.stored().revision) == (0, 1), unchanged.output
    assert "Nothing changes" in unchanged.output

    entry = (
        "  - left: customfield_1\n    right: customfield_2\n    kind: option\n    flow: to_right\n"
        "    values:\n      rows:\n        - {left: '1', right: '9'}\n"
    )
    items = "items:\n  - kind: comments\n"
    edited = text.replace("fields:\n", f"fields:\n{entry}")
    edited = edited.replace("search_seconds: 300", "search_seconds: 600") + items
    path = scene.file(edited)
    told = [
        f"Area ↔ Bereich is carried only to {scene.right.host}.",
        "Comments are carried in both directions.",
    ]
    dry = scene.run("import", str(scene.id), path, "--dry-run")
    assert dry.output.splitlines() == [*told, "Each side is searched every 600 seconds."]
    assert scene.stored().revision == 1
    differs = scene.run("diff", "Tasks", path)
    assert (differs.exit_code, differs.output.splitlines()) == (1, told)

    taken = scene.run("import", "Tasks", path)
    assert (taken.exit_code, taken.output) == (0, dry.output)
    stored = scene.stored()
    assert (stored.revision, stored.profile.fields[0].flow) == (2, Flow.TO_RIGHT)
    again = scene.export()
    assert "search_seconds: 600" in again
    assert "    right_name: Bereich\n" in again
    assert scene.run("import", "Tasks", scene.file(again)).exit_code == 0
    assert scene.stored().revision == 2
    assert scene.export() == again
    assert scene.run("diff", "Tasks", scene.file(again)).exit_code == 0
    back = scene.run("diff", "Tasks", "1", "--json")
    assert back.exit_code == 1
    assert [one["sentence"] for one in json.loads(back.output)] == [
        "Area ↔ Bereich is not carried any more.",
        "Comments are not carried any more.",
    ]
    assert json.loads(back.output)[0]["where"] == "fields.customfield_1=customfield_2"
    deeds = scene.ask(
        "SELECT DISTINCT actor, action, detail ->> 'from' FROM audit_event"
        " WHERE actor = 'operator' AND detail ? 'from'"
    )
    assert deeds == [("operator", "profile.rules-changed", "file")]


def test_no_secret_is_in_a_file_and_sites_that_do_not_answer_leave_ids(
    scene: Scene, installed: Jira, other: Jira
) -> None:
    text = scene.export()
    secrets = {installed.secret, other.secret, installed.client_key, other.client_key}
    for jira in (installed, other):
        known = scene.tandem.installations.find(jira.client_key)
        assert known is not None
        assert known.secret
        secrets |= {known.secret, str(known.tenant)}
    secrets |= {str(scene.id), scene.tandem.settings.database_url or "?", "A" * 43}
    assert [one for one in secrets if one in text] == []

    scene.left.refuses = scene.right.refuses = 403
    text = scene.export()
    assert "_key:" not in text
    assert "project_name" not in text
    assert "project: '10000'" in text
    path = scene.file(text.replace("flow: both", "flow: to_left", 1))
    assert scene.run("import", "Tasks", path).exit_code == 0
    assert scene.stored().profile.fields[0].flow is Flow.TO_LEFT


def test_a_filter_is_taken_when_its_own_jira_understands_it_and_the_scope_is_checked_anew(
    scene: Scene,
) -> None:
    text = scene.export()
    path = scene.file(text.replace("right:\n", f"right:\n  filter: {FILTER}\n"))
    scene.right.jql = "(line 1, character 3) no such field Rumpel"
    refused = scene.run("import", "Tasks", path)
    assert (refused.exit_code, scene.stored().revision) == (2, 1)
    assert "does not understand it at line 1, character 3" in refused.output
    assert "Rumpel" not in refused.output
    scene.right.jql = ""
    taken = scene.run("import", "Tasks", path)
    assert (taken.exit_code, taken.output) == (0, f"{scene.right.host} has a filter.\n")
    assert scene.stored().profile.scope(Side.RIGHT).filter == FILTER
    assert scene.ask("SELECT count(*) FROM completeness WHERE started_at IS NOT NULL") == [(1,)]


WRONG = [
    ("project: '10000'", "project: '10001'", "left: the file is for another project"),
    ("issue_type: '20003'", "issue_type: '1'", "right: the file is for another project"),
    ("  site: 127", "  site: x127", "left.site: the file is for another site"),
    ("kind: text", "kind: txet", ": is not a choice; choose one of: text, rich_text"),
    ("search_seconds: 300", "search_seconds: 3", "line 5, search_seconds: must be 60 to"),
    ("tandem: 1", "tandem: &a 1", "line 3: has an anchor (&a)"),
]


def test_a_file_that_is_wrong_changes_nothing_and_says_where(scene: Scene) -> None:
    text = scene.export()
    for old, new, sentence in WRONG:
        assert old in text
        for command in ("import", "diff"):
            refused = scene.run(command, "Tasks", scene.file(text.replace(old, new, 1)))
            assert refused.exit_code == 2, refused.output
            assert sentence in refused.output
    path = scene.folder / "profile.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    for words in (("import", "Tasks", str(path)), ("diff", "Tasks", str(path))):
        refused = scene.run(*words)
        assert (refused.exit_code, "UTF-8" in refused.output) == (2, True)
    never = scene.run("diff", "Tasks", "99")
    assert (never.exit_code, "no revision of this number" in never.output) == (2, True)
    assert scene.run("export", "Nothing").exit_code == 2
    assert scene.stored().revision == 1


def test_a_file_without_a_profile_makes_one_that_waits_for_its_right_site(scene: Scene) -> None:
    text = scene.export().replace("profile: Tasks", "profile: Second")
    text = text.replace("10003", "10009").replace("search_seconds: 300\n", "")
    text += "items:\n  - kind: worklogs\n"
    unpaired = scene.run("import", scene.file(text.replace("site: 127", "site: x127", 1)))
    assert (unpaired.exit_code, "are not connected here" in unpaired.output) == (2, True)
    nameless = scene.run("import", scene.file(text.replace("profile: Second\n", "")))
    assert (nameless.exit_code, "needs a name" in nameless.output) == (2, True)
    assert scene.run("import", scene.file(text), "--dry-run").exit_code == 0
    assert scene.ask("SELECT count(*) FROM profile") == [(1,)]
    made = scene.run("import", scene.file(text))
    assert made.exit_code == 0, made.output
    [(found, state)] = scene.ask("SELECT id, state FROM profile WHERE name = 'Second'")
    assert (state, str(found) in made.output) == ("proposed", True)
    stored = profiles.load(scene.tandem.vault, uuid.UUID(str(found)))
    assert [one.kind for one in stored.profile.items] == [ItemKind.WORKLOGS]
    twice = scene.run("import", scene.file(text))
    assert (twice.exit_code, "pairs these projects and types already" in twice.output) == (2, True)


def test_a_file_from_the_other_sites_view_is_turned_round(scene: Scene) -> None:
    text = (
        scene.export()
        .replace("profile: Tasks", "profile: Back")
        .replace("flow: both", "flow: to_left", 1)
    )
    turned = text.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
    path = scene.file(turned)
    assert scene.run("import", "Tasks", path).exit_code == 0
    assert scene.stored().profile.fields[0].flow is Flow.TO_LEFT


def test_a_profile_is_deleted_with_all_its_rows_and_nothing_else(scene: Scene) -> None:
    wrong = scene.run("delete", "Tasks", "--yes-delete", "tasks")
    assert (wrong.exit_code, "not the profile's name" in wrong.output) == (2, True)
    assert scene.run("delete", "Tasks").exit_code == 2
    tables = [
        str(name)
        for (name,) in scene.ask(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'profile_id'"
            " AND table_schema = 'public' AND table_name NOT LIKE 'procrastinate%'"
        )
    ]
    with psycopg.connect(scene.database) as owner:
        strangers = write_rows(owner)
        owner.execute("UPDATE profile SET name = 'p' WHERE id = %s", (strangers.profile,))
        mine = uuid.uuid4()
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, right_issue_id, lane) SELECT %s, id, left_tenant_id,"
            " right_tenant_id, 1, 2, 0 FROM profile WHERE id = %s",
            (mine, scene.id),
        )
    assert len(tables) > 15
    filled = {one for one in tables if scene.ask(f"SELECT 1 FROM {one} LIMIT 1")}
    done = scene.run("delete", str(scene.id), "--yes-delete", "Tasks")
    assert (done.exit_code, "1 pairs" in done.output) == (0, True), done.output
    left = {
        one
        for one in tables
        if scene.ask(f"SELECT 1 FROM {one} WHERE profile_id = '{scene.id}' LIMIT 1")
    }
    assert left == set()
    assert scene.ask("SELECT id FROM profile") == [(strangers.profile,)]
    assert {one for one in tables if scene.ask(f"SELECT 1 FROM {one} LIMIT 1")} == filled
    told = scene.ask(
        "SELECT actor, detail ->> 'pairs' FROM audit_event WHERE action = 'profile.deleted'"
    )
    assert told == [("operator", "1"), ("operator", "1")]
    with psycopg.connect(scene.database) as owner:  # rows of every kind, as the product's role
        owner.execute("SET ROLE tandem_app")
        owner.execute("SELECT set_config('tandem.tenant', %s, true)", (str(strangers.right),))
        gone = owner.execute("DELETE FROM profile WHERE id = %s", (strangers.profile,))
        assert gone.rowcount == 1
    rest = "SELECT 1 FROM {} WHERE profile_id IS NOT NULL LIMIT 1"  # a draft may be of none
    assert {one for one in tables if scene.ask(rest.format(one))} == set()


def test_an_undo_that_is_under_way_is_not_cut_off(scene: Scene) -> None:
    with psycopg.connect(scene.database) as owner:
        owner.execute(
            "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
            " SELECT %s, id, left_tenant_id, right_tenant_id, 'undo', 'command' FROM profile",
            (uuid.uuid4(),),
        )
    refused = scene.run("delete", "Tasks", "--yes-delete", "Tasks")
    assert (refused.exit_code, "undo of this profile is under way" in refused.output) == (2, True)
    assert scene.ask("SELECT count(*) FROM profile") == [(1,)]
