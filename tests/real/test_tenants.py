"""Every endpoint with another tenant's ids: 404, and not a byte that tells them from ids that
never were."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
    ids: dict[str, uuid.UUID]
    own_project: str
    own_type: str
    draft: str = ""

    def call(self, method: str, path: str, **form: str) -> requests.Response:
        """Call as Acme's admin, as the page would."""
        acme = self.stack.sandbox.acme
        token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
        return requests.request(
            method,
            self.stack.url + path,
            data=form or None,
            headers={"Authorization": f"JWT {token}", "Accept": "application/json"},
            timeout=90,
        )


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """The stack, with strangers in its database."""
    with psycopg.connect(start_embedded(running.instance)) as owner:
        rows = write_rows(owner)
        [(question,)] = owner.execute("SELECT id FROM conflict_question").fetchall()
        others = {
            kind: owner.execute(f"SELECT id FROM {table} LIMIT 1").fetchall()[0][0]  # type: ignore[arg-type]
            for kind, table in TABLES.items()
        }
    ids = {"connection": rows.connection, "profile": rows.profile, "question": question} | others
    project = running.sandbox.acme.call("GET", "project/search").json()["values"][0]["key"]
    made = Scene(running, rows, ids, *scope_ids(running.sandbox.acme, project, "Task"))
    made.draft = made.call("POST", "/pages/drafts").json()["draft"]
    yield made


Call = Callable[[Scene, uuid.UUID], requests.Response]
TABLES = {"draft": "draft", "errand": "errand", "entry": "activity", "run": "run"}
"""By the kind of an id: the table that the strangers have a row of."""
FILE = "tandem: 1\n"


def to(method: str, path: str, **form: str) -> Call:
    """A call of a path that holds the id."""
    return lambda scene, one: scene.call(method, f"/pages{path.format(one)}", **form)


# Each endpoint that takes one of our ids in its path, with the id to try: (its kind, the call).
IN_PATHS: dict[str, tuple[str, Call]] = {
    "POST /profiles/<uuid:profile>/<any(pause, resume):action>": (
        "profile",
        to("POST", "/profiles/{}/pause"),
    ),
    "GET /profiles/<uuid:profile>/filters": ("profile", to("GET", "/profiles/{}/filters")),
    "POST /profiles/<uuid:profile>/filters": ("profile", to("POST", "/profiles/{}/filters")),
    "GET /profiles/<uuid:profile>/internal-comments": (
        "profile",
        to("GET", "/profiles/{}/internal-comments"),
    ),
    "POST /profiles/<uuid:profile>/internal-comments/<any(allow, withdraw):action>": (
        "profile",
        to("POST", "/profiles/{}/internal-comments/allow"),
    ),
    "GET /profiles/<uuid:profile>/restricted-issues": (
        "profile",
        to("GET", "/profiles/{}/restricted-issues"),
    ),
    "POST /profiles/<uuid:profile>/restricted-issues/<any(allow, withdraw):action>": (
        "profile",
        to("POST", "/profiles/{}/restricted-issues/allow"),
    ),
    "POST /profiles/<uuid:profile>/check": ("profile", to("POST", "/profiles/{}/check")),
    "POST /profiles/<uuid:profile>/approval": (
        "profile",
        to("POST", "/profiles/{}/approval", approve="yes", revision="1"),
    ),
    "POST /conflicts/<uuid:question>/<any(left, right, leave):choice>": (
        "question",
        to("POST", "/conflicts/{}/left"),
    ),
    "GET /parked/<uuid:profile>/preview": ("profile", to("GET", "/parked/{}/preview")),
    "POST /parked/<uuid:profile>/retry": ("profile", to("POST", "/parked/{}/retry")),
}
# What has nothing of its own to say: the id is in the path, and the rest is harmless.
PLAIN = (
    "GET /activity/<uuid:entry>",
    "GET /drafts/<uuid:draft>/<step>",
    "GET /drafts/<uuid:draft>/fields/<part>",
    "GET /drafts/<uuid:draft>/moves",
    "GET /drafts/<uuid:draft>/people",
    "GET /drafts/<uuid:draft>/people/<any(left, right):side>/search",
    "GET /drafts/<uuid:draft>/projects/<any(left, right):side>",
    "GET /drafts/<uuid:draft>/projects/<any(left, right):side>/count",
    "GET /drafts/<uuid:draft>/projects/<any(left, right):side>/found",
    "GET /drafts/<uuid:draft>/review/effects",
    "GET /drafts/<uuid:draft>/review/load",
    "GET /drafts/<uuid:draft>/review/sentences",
    "GET /drafts/<uuid:draft>/values/<int:number>",
    "GET /drafts/<uuid:draft>/values/links",
    "GET /errands/<uuid:errand>/issues",
    "GET /parked/<uuid:profile>/issues",
    "GET /profiles/<uuid:profile>/carried",
    "GET /profiles/<uuid:profile>/drift",
    "GET /profiles/<uuid:profile>/first-load",
    "GET /profiles/<uuid:profile>/head",
    "GET /profiles/<uuid:profile>/panels/<any(file, import, copy, end):name>",
    "GET /profiles/<uuid:profile>/revisions",
    "GET /profiles/<uuid:profile>/revisions/<int:number>",
    "GET /views/profiles/<uuid:profile>",
    "POST /connections/<uuid:connection>/end",
    "POST /connections/<uuid:connection>/token",
    "POST /connections/<uuid:connection>/samples/<any(allow, withdraw):action>",
    "POST /drafts/<uuid:draft>/again",
    "POST /drafts/<uuid:draft>/drop",
    "POST /drafts/<uuid:draft>/fields/<deed>",
    "POST /drafts/<uuid:draft>/finish",
    "POST /drafts/<uuid:draft>/partner",
    "POST /drafts/<uuid:draft>/partner/check",
    "POST /drafts/<uuid:draft>/partner/connect",
    "POST /drafts/<uuid:draft>/partner/pair",
    "POST /drafts/<uuid:draft>/moves/<any(give, drop):deed>",
    "POST /drafts/<uuid:draft>/people/<any(usual, pair, part):deed>",
    "POST /drafts/<uuid:draft>/projects",
    "POST /drafts/<uuid:draft>/review/try",
    "POST /drafts/<uuid:draft>/values/<int:number>/<any(left, right):side>",
    "POST /drafts/<uuid:draft>/values/<int:number>/rule",
    "POST /drafts/<uuid:draft>/values/<int:number>/suggested",
    "POST /drafts/<uuid:draft>/values/links/<any(left, right, suggested):deed>",
    "POST /errands/<uuid:errand>/apply",
    "POST /errands/<uuid:errand>/undo",
    "POST /parked/<uuid:profile>/ignore",
    "POST /profiles/<uuid:profile>/copies",
    "POST /profiles/<uuid:profile>/drift/look",
    "POST /profiles/<uuid:profile>/end",
    "POST /profiles/<uuid:profile>/file",
    "POST /profiles/<uuid:profile>/head/<any(pause, resume):action>",
    "POST /profiles/<uuid:profile>/load",
    "POST /profiles/<uuid:profile>/load/abandon",
    "POST /profiles/<uuid:profile>/repairs",
    "POST /profiles/<uuid:profile>/revisions/<int:number>/restore",
    "POST /project/<uuid:profile>/<any(pause, resume):action>",
    "POST /runs/<uuid:run>/undo-plan",
)


def plain(rule: str) -> tuple[str, Call]:
    """The kind of the id of a rule, and the call with it."""
    method, path = rule.split(" ", 1)
    [kind] = re.findall(r"<uuid:(\w+)>", path)
    filled = path.replace(f"<uuid:{kind}>", "{}")
    filled = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", filled)
    filled = re.sub(r"<int:\w+>", "1", filled)
    for name, value in {"step": "review", "part": "table", "deed": "accept"}.items():
        filled = filled.replace(f"<{name}>", value)
    return kind, to(method, filled, **({"name": "p"} if path.endswith("/end") else {}))


IN_PATHS |= {rule: plain(rule) for rule in PLAIN}
# The same for those that take one as a field or an argument.
IN_FIELDS: dict[str, tuple[str, Call]] = {
    "projects": ("connection", to("GET", "/parts/projects?connection={}")),
    "types": ("connection", to("GET", "/parts/types/right?connection={}&right_project=1")),
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
    "a copy of a file": (
        "connection",
        lambda s, one: s.call("POST", "/pages/profiles/file", connection=str(one), text=FILE),
    ),
    "a draft": ("profile", lambda s, one: s.call("POST", "/pages/drafts", profile=str(one))),
    "a draft with a partner": (
        "connection",
        lambda s, one: s.call("POST", "/pages/drafts", connection=str(one)),
    ),
    "a draft's partner": (
        "connection",
        lambda s, one: s.call(
            "POST", f"/pages/drafts/{s.draft}/partner", connection=str(one), version="1"
        ),
    ),
    "a plan": ("profile", lambda s, one: s.call("POST", "/pages/runs/plan", profile=str(one))),
    "a load": ("profile", to("GET", "/runs/load?profile={}")),
    "an undo": (
        "profile",
        lambda s, one: s.call(
            "POST", "/pages/runs/undo-plan", profile=str(one), since="2026-01-01T00:00"
        ),
    ),
    "a conflict": ("question", to("GET", "/conflicts?of={}")),
    "the view of a conflict": ("question", to("GET", "/views/conflicts?of={}")),
}
CALLS = IN_PATHS | IN_FIELDS | {"resume": ("profile", to("POST", "/profiles/{}/resume"))}
# What is refused before anybody looks for the id, or does without the thing that it names.
OTHERWISE = {
    "POST /project/<uuid:profile>/<any(pause, resume):action>": 400,
    "a copy of a file": 400,
    "a draft with a partner": 200,
    "a conflict": 200,
    "the view of a conflict": 200,
}
VIEW = re.compile(r'blueprint\.(get|post)\(\s*"([^"]*<uuid:[^"]*)"')


def test_every_place_that_reads_one_of_our_ids_is_tried_here() -> None:
    paths, fields = set(), 0
    for source in (ROOT / "app" / "screens").glob("*.py"):
        text = source.read_text()
        found = VIEW.findall(text)
        assert len(found) == text.count("<uuid:")
        paths |= {f"{method.upper()} {path}" for method, path in found}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                fields += node.func.id in {"form_id", "argument_id"}
    assert paths == set(IN_PATHS)
    assert fields == len(IN_FIELDS)


def without_the_request_id(answer: requests.Response) -> tuple[bytes, dict[str, str]]:
    """Body and headers, without what differs between any two requests: a new draft has an id."""
    body = re.sub(rb"urn:tandem:request:[0-9a-f]{32}", b"", answer.content)
    body = re.sub(rb'"draft":"[0-9a-f-]{36}"|\?of=[0-9a-f-]{36}', b"", body)
    headers = {k: v for k, v in answer.headers.items() if k != "Date"}
    return body, headers


@pytest.mark.parametrize("name", CALLS)
def test_an_id_of_others_answers_as_one_that_never_was(scene: Scene, name: str) -> None:
    kind, call = CALLS[name]
    theirs = call(scene, scene.ids[kind])
    never = call(scene, uuid.uuid4())
    wanted = OTHERWISE.get(name, 404)
    assert (theirs.status_code, never.status_code) == (wanted, wanted), theirs.text
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
    for path in ("/pages/parts/overview", "/pages/drafts", "/pages/parts/people"):
        text = scene.call("GET", path).text
        assert str(scene.rows.profile) not in text
        assert str(scene.rows.connection) not in text
