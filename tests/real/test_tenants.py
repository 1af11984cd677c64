"""Every endpoint with another tenant's ids: 404, and not a byte that tells them from ids that
never were."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import requests

from app.database import start_embedded
from demo.stack import APP_KEY, ROOT, Stack, scope_ids
from tests.rows import Rows, write_rows
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real


@dataclass
class Scene:
    """Acme's admin, and the rows of two tenants that Acme has nothing to do with."""

    stack: Stack
    rows: Rows
    own_project: str
    own_type: str

    def call(self, method: str, path: str, **form: str) -> requests.Response:
        """Call as Acme's admin, as the page would."""
        acme = self.stack.sandbox.acme
        token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
        return requests.request(
            method,
            self.stack.url + path,
            data=form or None,
            headers={"Authorization": f"JWT {token}", "Accept": "application/json"},
            timeout=30,
        )


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """The stack, with strangers in its database."""
    with psycopg.connect(start_embedded(running.instance)) as owner:
        rows = write_rows(owner)
    project = running.sandbox.acme.call("GET", "project/search").json()["values"][0]["key"]
    yield Scene(running, rows, *scope_ids(running.sandbox.acme, project, "Task"))


Call = Callable[[Scene, uuid.UUID], requests.Response]

# Each endpoint that takes one of our ids, with the id to try: (its kind, the call).
CALLS: dict[str, tuple[str, Call]] = {
    "pause": ("profile", lambda s, one: s.call("POST", f"/pages/profiles/{one}/pause")),
    "resume": ("profile", lambda s, one: s.call("POST", f"/pages/profiles/{one}/resume")),
    "projects": (
        "connection",
        lambda s, one: s.call("GET", f"/pages/parts/projects?connection={one}"),
    ),
    "types": (
        "connection",
        lambda s, one: s.call("GET", f"/pages/parts/types/right?connection={one}&right_project=1"),
    ),
    "create": (
        "connection",
        lambda s, one: s.call(
            "POST",
            "/pages/profiles",
            connection=str(one),
            name="mine",
            left_project=s.own_project,
            left_type=s.own_type,
            right_project="1",
            right_type="1",
        ),
    ),
}


def test_every_place_that_reads_one_of_our_ids_is_tried_here() -> None:
    places = 0
    for path in (ROOT / "app" / "screens").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                places += node.func.id in {"form_id", "argument_id"}
        # One view switches both ways.
        places += 2 * Path(path).read_text().count("<uuid:")
    assert places == len(CALLS)


def without_the_request_id(answer: requests.Response) -> tuple[bytes, dict[str, str]]:
    """Body and headers, without what differs between any two requests."""
    body = re.sub(rb"urn:tandem:request:[0-9a-f]{32}", b"", answer.content)
    headers = {k: v for k, v in answer.headers.items() if k != "Date"}
    return body, headers


@pytest.mark.parametrize("name", CALLS)
def test_an_id_of_others_answers_as_one_that_never_was(scene: Scene, name: str) -> None:
    kind, call = CALLS[name]
    theirs = call(scene, getattr(scene.rows, kind))
    never = call(scene, uuid.uuid4())
    assert (theirs.status_code, never.status_code) == (404, 404), theirs.text
    assert without_the_request_id(theirs) == without_the_request_id(never)


def test_nothing_of_others_was_changed_by_all_this(scene: Scene) -> None:
    with psycopg.connect(start_embedded(scene.stack.instance)) as owner:
        states = owner.execute("SELECT state, name FROM profile").fetchall()
        trail = owner.execute(
            "SELECT count(*) FROM audit_event WHERE chain = ANY (%s)",
            ([scene.rows.left, scene.rows.right, scene.rows.stranger],),
        ).fetchone()
    assert states == [("on", "p")]
    assert trail == (3,)


def test_lists_show_nothing_of_others(scene: Scene) -> None:
    assert scene.call("GET", "/pages/profiles").json() == []
    for path in ("/pages/parts/overview", "/pages/profiles/new", "/pages/parts/people"):
        text = scene.call("GET", path).text
        assert str(scene.rows.profile) not in text
        assert str(scene.rows.connection) not in text
