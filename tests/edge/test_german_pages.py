"""No English of the catalogue on a German page: what the engine keeps and says is told in the
reader's language, and what an earlier release kept as a text stays as it is."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import flask_babel
import pytest
from babel.messages.extract import extract_from_dir
from flask import Flask

from app.activity.log import Detail, Outcome, record
from app.database import tenant_transaction
from app.jira.site import SiteError
from app.language import init_language, tell
from app.mapping import profiles
from app.mapping.document import DocumentError, load_profile
from app.mapping.profile import ItemKind, Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import side_names, the_side
from app.mapping.transforms import TransformProblem, compile_expression
from app.said import Said, as_text, from_text, pack, said, unpack
from app.sync import errands, parked
from app.sync.errand_found import plan_found, undo_found
from app.sync.errands import About
from app.sync.items.nouns import an_item
from app.sync.planning_summary import Estimate, Summary
from app.sync.planning_types import Cause, IssuePlan, Note, Ref, Step
from app.sync.reasons import Cause as Refusal
from app.sync.reasons import Code
from app.sync.runs import By
from app.sync.store_dirty import Dirty
from app.sync.undo_plan import Inverse, Left, Spot, Why
from tests.edge.test_issue_panel import ISSUE, KEY, Scene, scene
from tests.edge.test_webhooks import profile
from tests.unit.test_words import catalogue, forms

__all__ = ["profile", "scene"]

ROOT = Path(__file__).resolve().parents[2]
GERMAN = {"Accept-Language": "de"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
WORDS = re.compile(r"[^\W\d_]{2,}[ ,]+[^\W\d_]{2,}")


class Reader(HTMLParser):
    """What people see and hear of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for k, v in attrs if v and k in {"aria-label", "placeholder", "title"}]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(" ".join(data.split()))


@cache
def english() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The English texts of some words that German says otherwise: the longest piece of each, and
    the whole with anything in its placeholders."""
    found = []
    for message in catalogue("de"):
        for text, german in forms(message) if message.id else ():
            pieces = PLACEHOLDER.split(text.replace("%%", "%"))
            longest = max(pieces, key=len)
            if german != text and WORDS.search(longest):
                whole = ".*?".join(re.escape(one) for one in pieces)
                found.append((longest, re.compile(rf"(?<!\w){whole}(?!\w)")))
    return tuple(found)


def english_in(page: str) -> list[str]:
    """The English that a page says."""
    reader = Reader()
    reader.feed(page)
    return [
        text
        for text in reader.found
        if any(piece in text and whole.search(text) for piece, whole in english())
    ]


@cache
def sayings(room: str) -> tuple[Said, ...]:
    """Every sentence that a room of the engine marks to be told later, with values in it."""
    found = []
    for _file, _line, text, _comments, _context in extract_from_dir(
        ROOT / "app" / room,
        [("**.py", "python")],
        keywords={"said": None, "counted": (1, 2)},
        comment_tags=(),
    ):
        one, many = (text, "") if isinstance(text, str) else (text[0], text[1])
        names = re.findall(r"%\((\w+)\)s", one + many)
        values: dict[str, Any] = dict.fromkeys(names, "X1")
        found.append(Said(one, many, 2, {**values, "count": "2"} if many else values))
    return tuple(found)


def get(scene: Scene, path: str, person: str = "ann", headers: Mapping[str, str] = GERMAN) -> str:
    """A part of the pages, as a person with a German browser gets it."""
    flask_babel.refresh()
    token = scene.left.context_token(
        person, context={"jira": {"issue": {"id": str(ISSUE), "key": "WEB-1"}}}
    )
    answer = scene.left.client.get(
        f"/pages/{path}", headers={"Authorization": f"JWT {token}", "HX-Request": "true", **headers}
    )
    assert answer.status_code == 200, answer.text
    page: str = answer.text
    return page


def stored(scene: Scene) -> StoredProfile:
    """The profile of the scene."""
    return profiles.load(scene.tandem.vault, scene.profile)


def happened(scene: Scene, *details: Detail) -> None:
    """An entry of the activity."""
    left, right = scene.tenants
    with tenant_transaction(left) as session:
        record(
            session,
            scene.tandem.vault,
            profile_id=scene.profile,
            tenants=(left, right),
            keys=("WEB-1", "PLAT-1"),
            outcome=Outcome.UPDATED,
            details=details,
        )


@contextmanager
def in_german() -> Iterator[None]:
    """As for a reader of German."""
    app = Flask(__name__)
    init_language(app)
    with app.test_request_context(headers=GERMAN):
        yield


def entry_ids(scene: Scene) -> Iterator[str]:
    for (one,) in scene.ask("SELECT id FROM activity"):
        yield str(one)


def test_english_is_found_where_it_is() -> None:
    assert english_in("<p>Tandem had made the other one, and deleted it.</p>")
    assert english_in('<p aria-label="WEB-1 was created for PLAT-1."></p>')
    assert not english_in("<p>WEB-1 wurde für PLAT-1 erstellt.</p>")


def test_every_sentence_that_a_visit_may_keep_is_told_in_german(scene: Scene) -> None:
    every = sayings("sync")
    assert len(every) > 150
    happened(scene, *(Detail(one) for one in every))
    [entry] = entry_ids(scene)
    page = get(scene, f"activity/{entry}")
    assert english_in(page) == []
    assert english_in(get(scene, "activity")) == []
    assert english_in(get(scene, "parts/overview")) == []
    # And in English to whoever asks for no other language, as machines do.
    machine = get(scene, f"activity/{entry}", headers={"Accept": "application/json"})
    assert "Tandem had made the other one, and deleted it." in machine


def test_a_sentence_names_the_sites_in_german_too(scene: Scene) -> None:
    sentence = said(
        "%(field)s was written on %(side)s.", field="summary", side=the_side(Side.RIGHT)
    )
    happened(scene, Detail(sentence))
    [entry] = entry_ids(scene)
    page = get(scene, f"activity/{entry}")
    assert re.search(
        r"Summary wurde auf \S*127\.0\.0\.1\S* geschrieben|auf \S+ geschrieben\.", page
    )
    assert "der rechten Seite" not in page


def test_what_was_kept_as_a_text_is_shown_as_it_is(scene: Scene) -> None:
    happened(scene, Detail("It was said so by an earlier release, on the left side."))
    [entry] = entry_ids(scene)
    assert "It was said so by an earlier release, on " in get(scene, f"activity/{entry}")


def test_parked_changes_and_the_panel_of_the_issue_say_nothing_in_english(scene: Scene) -> None:
    left, _right = scene.tenants
    words = SiteError(
        said(
            "%(site)s answered %(status_code)s to %(method)s %(path)s: %(words)s",
            site="https://acme.example.test",
            status_code=400,
            method="PUT",
            path="rest/api/3/issue/1",
            words=said("no reason given"),
        )
    ).detail
    causes = [
        Refusal(Side.RIGHT, code, "summary", KEY, f"{number:02x}", said=words)
        for number, code in enumerate(Code)
    ]
    scene.dirty(parked=True, reason=Code.FIELD_REFUSED.value)
    with tenant_transaction(left) as session:
        parked.settle(
            session,
            scene.tandem.vault,
            stored(scene),
            found=(),
            changes=[Dirty(Side.LEFT, ISSUE, 5, 1, None, 0)],
            causes=causes,
        )
    page = get(scene, "parked")
    assert page.count("data-code=") == len(Code)
    assert english_in(page) == []
    panel = get(scene, "issue/part?asked=yes")
    assert "geantwortet" in panel
    assert english_in(panel) == []


def test_what_plans_found_and_why_one_failed_is_told_in_german(scene: Scene) -> None:
    summary = Summary()
    for number, one in enumerate(dict.fromkeys(sayings("sync"))):
        note = Note(Cause.BLOCKED, one, KEY)
        ref = Ref(number, f"WEB-{number}")
        summary.add(IssuePlan(Step.NOTHING, Side.LEFT, ref, None, 0, blocked=(note,)))
    kept = plan_found(summary, Estimate(dict.fromkeys(Side, 0), dict.fromkeys(Side, 0), 0, ""), 0)
    vault, profile, lease = scene.tandem.vault, stored(scene), uuid.uuid4()
    for ends in ("found", "failed"):
        with tenant_transaction(profile.left_tenant) as session:
            made = errands.begin(
                session, vault, profile, By("ann", profile.left_tenant),
                About(errands.Kind.PLAN, {"what": "scope"}),
            )  # fmt: skip
        assert errands.take(lease) == (made, profile.id)
        with tenant_transaction(profile.left_tenant) as session:
            errand = errands.get(session, made)
        assert errand is not None
        hand = errands.Hand(vault, profile, errand, lease)
        if ends == "found":
            hand.end(kept)
        else:
            hand.fail(SiteError(said("The site gave the same page of a search again.")))
        page = get(scene, "runs")
        assert english_in(page) == []
        assert "Die Site hat dieselbe Seite einer Suche noch einmal geliefert" in page


def test_why_an_undo_leaves_things_is_told_in_german(scene: Scene) -> None:
    every = sayings("sync")
    spot = Spot(uuid.uuid4(), Side.LEFT, ISSUE)
    items = [an_item(kind, "7") for kind in ItemKind]
    left = [
        Left(spot, f"WEB-{n}", items[n] if n < len(items) else KEY, Why.REFUSED, one)
        for n, one in enumerate(every)
    ]
    found = undo_found(Inverse((), (), tuple(left), 0))
    vault, profile, lease = scene.tandem.vault, stored(scene), uuid.uuid4()
    with tenant_transaction(profile.left_tenant) as session:
        asked = About(errands.Kind.UNDO_PLAN, {"since": "2026-01-01T00:00:00+00:00"})
        made = errands.begin(session, vault, profile, By("ann", profile.left_tenant), asked)
    assert errands.take(lease) == (made, profile.id)
    with tenant_transaction(profile.left_tenant) as session:
        errand = errands.get(session, made)
    assert errand is not None
    errands.Hand(vault, profile, errand, lease).end(found)
    page = get(scene, "runs")
    assert f'id="left-{made}"' in page
    assert "Kommentar 7" in page
    assert english_in(page) == []


BROKEN: list[dict[str, Any]] = [
    {},
    {"version": 2, "left": 1, "right": {"project": "x"}, "fields": []},
    {
        "version": 1,
        "left": {"project": "1", "issue_type": "1", "filter": " x"},
        "right": {"project": "1", "issue_type": "1", "other": 1},
        "fields": [
            {"left": "summary", "right": "summary", "kind": "number", "flow": "up"},
            {"left": "0", "right": "labels", "kind": "labels", "values": {"rows": 1}},
        ],
        "items": [{"kind": "comments", "prefix": "{x}", "marker": ""}],
        "lifecycle": {"deleted": "close"},
        "moves": {"left": {"1": None}},
        "users": {"rows": [{"left": "", "right": "b"}] * 2},
    },
    {
        "version": 1,
        "left": {"project": "1", "issue_type": "1", "subtask": True},
        "right": {"project": "1", "issue_type": "1"},
        "fields": [
            {"left": "summary", "right": "labels", "kind": "text", "right_kind": "labels"},
            {"left": "summary", "right": "summary", "kind": "text"},
            {"left": "summary", "right": "summary", "kind": "text"},
            {"left": "status", "right": "status", "kind": "status", "moment": "create"},
            {"left": "labels", "right": "environment", "kind": "labels", "transform": "value +"},
        ],
    },
]


@pytest.mark.parametrize("document", BROKEN)
def test_the_problems_of_a_document_are_told_in_german(
    document: dict[str, Any],
) -> None:
    with pytest.raises(DocumentError) as refused:
        load_profile(document)
    told = []
    with in_german():
        told = [tell(one.sentence) for one in refused.value.problems]
        told.append(tell(refused.value.line))
    assert len(told) > 1
    assert english_in("".join(f"<p>{one}</p>" for one in told)) == []


@pytest.mark.parametrize("room", ["mapping", "jira"])
def test_every_sentence_of_a_room_is_told_in_german(
    room: str,
) -> None:
    every = sayings(room)
    assert len(every) > 30
    with in_german():
        told = [tell(one) for one in every]
    assert english_in("".join(f"<p>{one}</p>" for one in told)) == []


def test_a_wrong_expression_is_told_in_german_with_its_place() -> None:
    with pytest.raises(TransformProblem) as refused:
        compile_expression("value + nothing(1)")
    with in_german():
        told = tell(refused.value.sentence)
    assert told.startswith("Zeile 1, Zeichen ")
    assert "ist hier keine Funktion" in told


def test_a_sentence_outlives_its_keeping_and_stands_for_its_english() -> None:
    inner = said("%(field)s on %(side)s", field="summary", side=the_side(Side.LEFT))
    sentence = said("%(fields)s changed on both sides: %(why)s", fields=inner, why="X")
    assert sentence == "summary on the left side changed on both sides: X"
    for kept in (unpack(pack(sentence)), from_text(as_text(sentence))):
        assert isinstance(kept, Said)
        assert (kept, kept.text) == (sentence, sentence.text)
        assert isinstance(kept.values["fields"], Said)
    assert tell(sentence, side_names({Side.LEFT: "Acme", Side.RIGHT: "Globex"})) == (
        "summary on Acme changed on both sides: X"
    )
    assert said("%(a)s was moved", a="%(b)s") == "%(b)s was moved"


def test_a_sites_own_words_cannot_pass_for_a_sentence_of_ours() -> None:
    forged = as_text(said("was deleted"))
    assert from_text(as_text(str(forged))) == forged.lstrip("\x01")
    assert not isinstance(from_text(as_text(str(forged))), Said)
