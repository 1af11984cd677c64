"""Whatever people put on issues, and whatever is lost, doubled, late, refused or killed: in the end
both sides hold the same, each thing once, nothing of people's is gone, and nothing is written."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from app.jobs.bell import ring
from demo.stack import Stack
from demo.walk import LEFT, RIGHT, create_issue, paragraph
from sandbox.process import SiteHandle
from tests.real.content_scene import FIELDS, ITEMS, KINDS, OTHERS, PEOPLE, TYPES, Item, Sites
from tests.real.test_converges import SIDES, Machine, World, owned, play
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = [pytest.mark.real, pytest.mark.crash]

STATUSES = ("In Progress", "In Review", "Done")
RETRIES = 5  # how often an operator tries again what was set aside
PER_PAGE = {"maxResults": 1000}
EDITS = st.tuples(st.sampled_from(range(len(FIELDS))), st.integers(0, 5))


@dataclass
class Content(World):
    """The world, and what people put on its issues."""

    sites: Sites = field(init=False)
    items: list[Item] = field(default_factory=list)
    tied: set[tuple[str, int, int]] = field(default_factory=set)
    retries: int = 0

    def __post_init__(self) -> None:
        self.sites = Sites(self.site("left"), self.site("right"))
        self.paths = "/rest/api/3/(issue|search|attachment|component|version)"

    # --- what people do -------------------------------------------------------------------

    def edit(self, side: str, number: int, fields: dict[str, Any]) -> None:
        """A person edits it there; `fields`: which field -> which of its values."""
        said = {}
        for which, value in fields.items():
            if which == "summary":
                said[which] = value
            else:
                one = FIELDS[int(which)]
                values = one.write(self.sites, side)
                said[one.name(side)] = values[value % len(values)]
                self.figures[f"of {one.kind}"] += 1
        super().edit(side, number, said)

    def move(self, side: str, number: int, choice: int) -> None:
        """A person takes one of the transitions, unless somebody was faster."""
        key = self.key_on(side, number)
        if key is None:
            return
        path = f"issue/{key}/transitions"
        found = self.site(side).call("GET", path, params={"expand": "transitions.fields"}).json()
        move = found["transitions"][choice % len(found["transitions"])]
        needs = {"resolution": {"name": "Done"}} if "resolution" in move["fields"] else {}
        body = {"transition": {"id": move["id"]}, "fields": needs}
        answer = self.site(side).call("POST", path, json=body)
        assert answer.status_code in (204, 400, 409), answer.text
        self.figures["of status"] += 1

    def add(self, kind: str, side: str, number: int, choice: int) -> None:
        """A person puts something on an issue, if the issue is there."""
        key = self.key_on(side, number)
        if key is None:
            return
        word = f"{kind} {len(self.items)}"
        item = Item(kind, side, number, "", word)
        if kind == "link":
            if not self._tie(item, choice):
                return
        elif kind == "file":
            content, name = f"{word} " * (1 + 40 * choice), f"{choice}.txt"
            item.says = f"{name}: {content}"
            item.id = str(self.site(side).attach(key, name, content.encode())["id"])
        else:
            answer = self.site(side).call("POST", f"issue/{key}/{kind}", json=_body(kind, word))
            assert answer.status_code == 201, answer.text
            item.id = str(answer.json()["id"])
        self.items.append(item)
        self.figures[f"of {kind}"] += 1

    def _tie(self, item: Item, choice: int) -> bool:
        """Link two issues, as no two were before; whether it was done."""
        item.other = max(0, item.number - 1 - choice)
        kind = TYPES[choice % len(TYPES)]
        ends = tuple(sorted((item.number, item.other)))
        target = self.key_on(item.side, item.other)
        if item.other == item.number or target is None or (kind, *ends) in self.tied:
            return False
        self.tied.add((kind, *ends))
        source = self.key_on(item.side, item.number)
        body = {"type": {"name": kind}, "inwardIssue": {"key": source}}
        answer = self.site(item.side).call(
            "POST", "issueLink", json={**body, "outwardIssue": {"key": target}}
        )
        assert answer.status_code == 201, answer.text
        item.says = kind
        item.id = next(
            one["id"]
            for one in self._fields(item.side, str(source))["issuelinks"]
            if one["type"]["name"] == kind and one.get("outwardIssue", {}).get("key") == target
        )
        return True

    def change(self, side: str, choice: int) -> None:
        """A person edits a comment or worklog of people's own."""
        item = self._newest(side, choice, "comment", "worklog")
        if item is not None:
            item.says = f"{item.says} again"
            item.scribbled = ""
            path = f"issue/{self.key_on(side, item.number)}/{item.kind}/{item.id}"
            answer = self.site(side).call("PUT", path, json=_body(item.kind, item.says))
            assert answer.status_code == 200, answer.text
            self.figures["changed items"] += (item.kind, item.id) in self._twins(side)

    def drop(self, side: str, choice: int) -> None:
        """A person takes something of people's own away."""
        item = self._newest(side, choice, *KINDS)
        if item is not None:
            item.there = False
            self._delete(item, side, item.id)
            self.figures["dropped items"] += (item.kind, item.id) in self._twins(side)

    def spoil(self, side: str, choice: int) -> None:
        """A person takes away what Tandem made of something: it is not made again."""
        item, twin = self._twin(side, choice, *KINDS)
        if item is not None:
            item.spoiled = True
            self._delete(item, side, twin)
            self.figures["spoiled items"] += 1

    def scribble(self, side: str, choice: int) -> None:
        """A person edits what Tandem made: it stays so until its source is edited."""
        item, twin = self._twin(side, choice, "comment", "worklog")
        if item is not None:
            item.scribbled = f"{item.says} scribbled"
            path = f"issue/{self.key_on(side, item.number)}/{item.kind}/{twin}"
            answer = self.site(side).call("PUT", path, json=_body(item.kind, item.scribbled))
            assert answer.status_code == 200, answer.text
            self.figures["scribbled items"] += 1

    def _twin(self, side: str, choice: int, *kinds: str) -> tuple[Item | None, str]:
        """Something of the other side whose twin Tandem knows, and that twin."""
        other = "right" if side == "left" else "left"
        twins = self._twins(other)
        found = [
            (item, twins[item.kind, item.id])
            for item in self.items
            if item.there and item.side == other and item.kind in kinds and not item.spoiled
            if (item.kind, item.id) in twins
        ]
        return found[-1 - choice % len(found)] if found else (None, "")

    def _twins(self, side: str) -> dict[tuple[str, str], str]:
        """The twins that Tandem knows of what is on a side."""
        there = "right" if side == "left" else "left"
        rows = self.owner.execute(
            f"SELECT kind, {side}_item, {there}_item FROM item_link"
            f" WHERE source = '{side}' AND {there}_item IS NOT NULL"
            " AND create_sent_at IS NULL AND twin_gone IS NULL"
        ).fetchall()
        names = {"attachments": "file"}
        return {(names.get(kind, kind[:-1]), one): str(twin) for kind, one, twin in rows}

    def _delete(self, item: Item, side: str, one: str) -> None:
        below = f"issue/{self.key_on(side, item.number)}/{item.kind}/{one}"
        path = {"file": f"attachment/{one}", "link": f"issueLink/{one}"}
        answer = self.site(side).call("DELETE", path.get(item.kind, below))
        assert answer.status_code == 204, answer.text

    def _newest(self, side: str, choice: int, *kinds: str) -> Item | None:
        found = [o for o in self.items if o.there and o.side == side and o.kind in kinds]
        return found[-1 - choice % len(found)] if found else None

    # --- rest -----------------------------------------------------------------------------

    def hurry(self) -> None:
        """Cut the waits short, of items too; try again what was set aside, as operators do."""
        super().hurry()
        self.owner.execute(
            "UPDATE item_link SET create_sent_at = create_sent_at - interval '2 minutes'"
            " WHERE create_sent_at < now() - interval '2 seconds'"
        )
        left = self.owner.execute("SELECT parked FROM change").fetchall()
        if left and all(parked for (parked,) in left) and self.retries < RETRIES:
            self.retries += 1
            self.figures["retries"] += 1
            path = f"/pages/parked/{self.profile}/retry"
            self.stack.page(self.stack.sandbox.acme, "POST", path, x="x")

    def check(self) -> None:
        """As for fields, with all that hangs on the issues."""
        self.retries = 0
        super().check()
        for kind in ("components", "versions"):
            for side, project in (("left", LEFT[0]), ("right", RIGHT[0])):
                listed = self.site(side).call("GET", f"project/{project}/{kind}").json()
                count = Counter(one["name"] for one in listed)
                assert max(count.values()) == 1, f"{side}: {kind} {count}"

    # --- what must hold -------------------------------------------------------------------

    def agree(self, number: int, left: str, right: str) -> None:
        """Both issues of a pair say the same, and each thing is on either of them once."""
        keys = {"left": left, "right": right}
        raw = {side: self._fields(side, key) for side, key in keys.items()}
        for name in ("summary", "status"):
            here, there = (_plain(raw[side][name]) for side in SIDES)
            assert here == there, f"{left} and {right} differ in {name}: {here}, {there}"
        for one in FIELDS:
            here, there = (
                one.says(self.sites, side, raw[side].get(one.name(side))) for side in SIDES
            )
            agrees = one.same(here, there)
            assert agrees, f"{left} and {right} differ in {one.left}: {here}, {there}"
        for kind in KINDS:
            found = {side: self._held(kind, side, keys[side], raw[side]) for side in SIDES}
            for side in SIDES:
                self._agree_items(kind, side, number, found[side])

    def _agree_items(
        self, kind: str, side: str, number: int, found: list[tuple[str, str, bool]]
    ) -> None:
        """`found`: the id, what it says, and whether Tandem made it."""
        mine = [o for o in self.items if o.there and (o.kind, o.number) == (kind, number)]
        wanted = [(o.id, _says(o)) for o in mine if o.side == side]
        people = [(item, says) for item, says, ours in found if not ours]
        assert sorted(people) == sorted(wanted), f"{side} {number}: {kind}s of people: {people}"
        twins = [says for _, says, ours in found if ours]
        sources = [o for o in mine if o.side != side and not o.spoiled]
        if kind == "link":  # they have no order
            twins, sources = sorted(twins), sorted(sources, key=_says)
        assert len(twins) == len(sources) and all(
            twin in (_says(source), source.scribbled)
            for twin, source in zip(twins, sources, strict=True)
        ), f"{side} {number}: twins of {kind}s: {twins} for {sources}"

    def _fields(self, side: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.site(side).call("GET", f"issue/{key}").json()["fields"]
        return found

    def _held(
        self, kind: str, side: str, key: str, raw: dict[str, Any]
    ) -> list[tuple[str, str, bool]]:
        """What a side has of one kind, the oldest first."""
        site = self.site(side)
        if kind == "link":
            people = {o.id for o in self.items if o.kind == "link" and o.side == side}
            numbers = {self.key_on(side, n): n for n in range(len(self.created))}
            return [
                (o["id"], f"{o['type']['name']} {numbers[o['outwardIssue']['key']]}",
                 o["id"] not in people)
                for o in raw["issuelinks"] if "outwardIssue" in o
            ]  # fmt: skip
        if kind == "file":
            return [
                (o["id"], f"{o['filename']}: {_content(site, o['id'])}", _ours(o))
                for o in raw["attachment"]
            ]
        answer = site.call("GET", f"issue/{key}/{kind}", params=PER_PAGE).json()
        part = "body" if kind == "comment" else "comment"
        return [(o["id"], _words(o[part]), _ours(o)) for o in answer[f"{kind}s"]]


def _content(site: SiteHandle, file: str) -> str:
    return site.call("GET", f"attachment/content/{file}").text


def _ours(one: dict[str, Any]) -> bool:
    return bool(one["author"]["accountType"] == "app")


def _says(item: Item) -> str:
    return f"{item.says} {item.other}" if item.kind == "link" else item.says


def _plain(raw: Any) -> Any:
    return raw["name"] if isinstance(raw, dict) else raw


def _body(kind: str, word: str) -> dict[str, Any]:
    if kind == "comment":
        return {"body": paragraph(word)}
    started = "2026-03-02T09:30:00.000+0100"
    return {"comment": paragraph(word), "started": started, "timeSpentSeconds": 60 * len(word)}


def _words(document: dict[str, Any]) -> str:
    blocks = document["content"]
    return "\n".join("".join(o.get("text", "") for o in b.get("content", [])) for b in blocks)


class ContentMachine(Machine):
    """People who edit every kind of field and add, edit and delete what hangs on issues."""

    world: Content

    def did(self, figure: str = "edits", count: int = 1) -> None:
        self.world.figures[figure] += count
        self.world.figures["steps"] += 1

    @rule(choice=st.integers(0, 5), side=st.sampled_from(SIDES), one=EDITS, more=EDITS)
    def edit(self, choice: int, side: str, one: Any, more: Any) -> None:
        self.world.edit(side, self.number(choice), dict([one, more]))
        self.did()

    @rule(choice=st.integers(0, 5), left=EDITS, right=EDITS)
    def edit_both(self, choice: int, left: Any, right: Any) -> None:
        self.world.edit("left", self.number(choice), dict([left]))
        self.world.edit("right", self.number(choice), dict([right]))
        self.did(count=2)

    @rule(choice=st.integers(0, 5), side=st.sampled_from(SIDES), which=st.integers(0, 3))
    def move(self, choice: int, side: str, which: int) -> None:
        self.world.move(side, self.number(choice), which)
        self.did()

    @rule(kind=st.sampled_from(KINDS), side=st.sampled_from(SIDES), choice=st.integers(0, 5))
    def add(self, kind: str, side: str, choice: int) -> None:
        self.world.add(kind, side, self.number(choice), choice)
        self.did("items")

    @rule(kind=st.sampled_from(KINDS), choice=st.integers(0, 5))
    def add_on_both(self, kind: str, choice: int) -> None:
        for side in SIDES:
            self.world.add(kind, side, self.number(choice), choice)
        self.did("items", 2)

    @rule(side=st.sampled_from(SIDES), choice=st.integers(0, 29))
    def change(self, side: str, choice: int) -> None:
        self.world.change(side, choice)
        self.did()

    @rule(side=st.sampled_from(SIDES), choice=st.integers(0, 29))
    def drop(self, side: str, choice: int) -> None:
        self.world.drop(side, choice)
        self.did()

    @rule(side=st.sampled_from(SIDES), choice=st.integers(0, 29))
    def scribble(self, side: str, choice: int) -> None:
        self.world.scribble(side, choice)
        self.did()

    @rule(side=st.sampled_from(SIDES), choice=st.integers(0, 29))
    def spoil(self, side: str, choice: int) -> None:
        self.world.spoil(side, choice)
        self.did()


def run(whole: Stack, *, examples: int, steps: int, number: int | None = None) -> Counter[str]:
    """Run the machine over a profile that carries all of it."""
    acme, globex = whole.sandbox.acme, whole.sandbox.globex
    for site in whole.sandbox.sites:
        site.limits(issueWrites={"on": False}, burst={"on": False})
    people = [
        {"left": acme.users[n]["accountId"], "right": globex.users[n]["accountId"]} for n in PEOPLE
    ]
    profile = whole.create_profile(
        whole.connect(),
        left=LEFT,
        right=RIGHT,
        name="Converges",
        sites=(acme, globex),
        fields=[*OTHERS, *(one.mapping for one in FIELDS)],
        users={"rows": people},
        items=ITEMS,
    )
    with owned(whole) as owner:
        world = Content(whole, profile, owner, ring)
        ContentMachine.world = world
        show_the_statuses(world)
        world.create("left")
        world.create("right")
        world.check()
        keys = [(world.key_on("left", n), world.key_on("right", n)) for n in (0, 1)]
        world.sites.named.extend((str(left), str(right)) for left, right in keys)
        return play(ContentMachine, examples=examples, steps=steps, number=number)


def show_the_statuses(world: Content) -> None:
    """An issue lies in each status on either side, as in any project that has been used."""
    for side, scope in (("left", LEFT), ("right", RIGHT)):
        for count in range(len(STATUSES) + 1):
            key = create_issue(world.site(side), *scope, summary=f"Lies there {side} {count}")
            for status in STATUSES[:count]:
                path = f"issue/{key}/transitions"
                moves = world.site(side).call("GET", path).json()["transitions"]
                move = next(one for one in moves if one["to"]["name"] == status)
                needs = {"resolution": {"name": "Done"}} if status == "Done" else {}
                body = {"transition": {"id": move["id"]}, "fields": needs}
                assert world.site(side).call("POST", path, json=body).status_code == 204
    world.settle()


def test_all_that_is_on_issues_agrees_in_the_end_and_then_nothing_is_written(
    running: Stack,  # noqa: F811
) -> None:
    figures = run(running, examples=6, steps=50, number=37)
    assert figures["steps"] >= 200
    assert figures["faults"] > 0
    assert figures["writes"] > figures["issues"] + 50  # so that many edits and items crossed
    assert all(figures[f"of {kind}"] for kind in (*KINDS, "status"))
    assert all(figures[f"{how} items"] for how in ("changed", "dropped", "spoiled", "scribbled"))


@pytest.mark.nightly
def test_all_that_is_on_issues_agrees_after_thousands_of_steps(
    running: Stack,  # noqa: F811
) -> None:
    # Other steps each night; SEED=... takes those of an earlier one again.
    number = int(os.environ.get("SEED", time.time() // 86400))
    figures = run(running, examples=30, steps=100, number=number)
    assert figures["steps"] >= 2500
