"""Sentences of the engine call fields as the sites of the reader do, in his language."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app import Tandem
from app.activity.log import Detail, Outcome, record
from app.database import tenant_transaction
from app.jira.site import SiteError
from app.mapping import profiles
from app.mapping.profile import FieldMapping, Flow, Kind, Profile, Scope
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import merge
from app.sync.plan import Base, Snapshot
from app.sync.words import refused_fields
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.profile_site import Site, served
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

AREA = FieldMapping("customfield_1", "customfield_2", Kind.TEXT)
SUMMARY = FieldMapping("summary", "summary", Kind.TEXT)
KEY = "customfield_1=customfield_2"
BARE = ("customfield_1", "customfield_2")


@dataclass
class Scene:
    """A profile between two sites that name their fields, and a viewer of the left one."""

    tandem: Tandem
    profile: uuid.UUID
    jira: Jira
    left: Site
    right: Site

    def tell(self, *sentences: str) -> None:
        """Put sentences of the engine into the activity, an entry each."""
        stored = profiles.load(self.tandem.vault, self.profile)
        with tenant_transaction(stored.left_tenant) as session:
            for one in sentences:
                record(
                    session,
                    self.tandem.vault,
                    profile_id=stored.id,
                    tenants=(stored.left_tenant, stored.right_tenant),
                    keys=("WEB-1", "PLAT-1"),
                    outcome=Outcome.LEFT_ALONE,
                    details=[Detail(one, field=KEY)],
                )

    def page(self, path: str, language: str) -> str:
        """A page as a viewer reads it."""
        headers: dict[str, Any] = {
            "Authorization": f"JWT {self.jira.context_token('vic')}",
            "Accept": "text/html",
            "Accept-Language": language,
        }
        shown = self.jira.client.get(f"/pages/{path}", headers=headers)
        assert shown.status_code == 200, shown.text
        return shown.text


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, database_url: str
) -> Iterator[Scene]:
    left = Site(("10000", "ACME", "Acme"), ("10003", "Bug"), {"customfield_1": "Area"})
    right = Site(("20000", "GLO", "Globex"), ("20003", "Bug"), {"customfield_2": "Bereich"})
    with served(left), served(right):
        for jira, site in ((installed, left), (other, right)):
            assert jira.install(baseUrl=site.base_url).status_code == 204
            assert jira.enable().status_code == 204
        grant_roles(database_url, {"vic": "viewer"})
        yield Scene(app.extensions["tandem"], profile, installed, left, right)


def engine_sentences() -> list[str]:
    """What the merge and a refusal say of fields that both sides changed."""
    marks = Fingerprinter(b"k" * 32)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    mapped = Profile(Scope("1", "1"), Scope("2", "2"), (AREA, replace(SUMMARY, flow=Flow.TO_RIGHT)))
    old = {"customfield_1=customfield_2": "a", "summary=summary": "a"}
    same = Snapshot(old, now)
    base = merge(same, same, Base(), mapped, marks).base
    here = Snapshot({**old, "customfield_1=customfield_2": "b"}, now)
    there = Snapshot({"customfield_1=customfield_2": "c", "summary=summary": "c"}, now)
    plan = merge(here, there, base, mapped, marks)
    error = SiteError("no", site_status=400, field_errors={"customfield_2": "Too long."})
    [refused] = refused_fields(error, plan.right or plan.left).values()
    told = [one.sentence for one in (*plan.conflicts, *plan.left_alone)]
    assert len(told) == 2
    return [*told, refused]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "Area/Bereich changed on both sides",
                "Summary changed on ",
                "Bereich: Too long.",
            ),
        ),
        ("de", ("Area/Bereich", "Zusammenfassung", "Bereich: Too long.")),
    ],
)
def test_the_activity_calls_fields_as_the_sites_do(
    scene: Scene, language: str, said: tuple[str, ...]
) -> None:
    scene.tell(*engine_sentences())
    shown = scene.page("views/activity", language)
    for one in said:
        assert one in shown
    for one in BARE:
        assert one not in shown


def test_a_site_that_does_not_answer_leaves_the_ids(scene: Scene) -> None:
    scene.right.refuses = 500
    scene.tell(*engine_sentences())
    assert "Area/customfield_2 changed" in scene.page("views/activity", "en")


def test_commands_have_the_ids() -> None:
    said = engine_sentences()
    assert said[0].startswith("customfield_1/customfield_2 changed on both sides")
    assert said[2] == "customfield_2: Too long."
