"""The check of a whole scope knows of comments, files and links: told, counted, nothing written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

import pytest

from app.database import tenant_transaction
from app.jira.site import Issue, JiraSite, SiteError
from app.mapping.profile import ItemKind, ItemMapping, Profile, Side
from app.sync import completeness_pairs
from app.sync.completeness_reads import Held, Reading
from app.sync.completeness_store import Check
from app.sync.completeness_words import well
from app.sync.fingerprints import of_profile
from app.sync.items import store
from app.sync.items.found import settled
from app.sync.items.model import Gone, ItemLink, Place, root_of
from app.sync.items.work import KINDS
from app.sync.store_links import Link, links_of
from tests.edge.test_completeness import (
    RIGHT_IDS,
    Maker,
    Scene,
    Site,
    owner,  # noqa: F401  a fixture
    said,
    scene,  # noqa: F401  a fixture
)

COMMENTS = ItemMapping(ItemKind.COMMENTS, prefix=None)
FILES = ItemMapping(ItemKind.ATTACHMENTS)
LINKS = ItemMapping(ItemKind.LINKS)
WHEN = "2027-01-02T03:04:05.000+0000"
SECRET = "Sphinx of black quartz"
PERSON = {"accountId": "ann", "displayName": "Ann", "accountType": "atlassian"}
APP = {"accountId": "tandem", "displayName": "Tandem", "accountType": "app"}


class Part:
    """The comments, worklogs, files or links of a played site. There is no way to write them."""

    def __init__(self, site: Items) -> None:
        self._site = site

    def all(self, issue_id: int) -> list[dict[str, Any]]:
        """See Comments.all."""
        self._site._ask("all")
        return list(self._site.comments_of.get(issue_id, ()))

    def marks(self, ids: Sequence[str]) -> dict[str, Any]:
        """See Comments.marks: none bears one."""
        self._site._ask("marks")
        return dict.fromkeys(ids)


@dataclass
class Items(Site):
    """A site whose issues have items. `shown`: how many comments come along with an issue."""

    comments_of: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    files_of: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    links_of: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    shown: int = 100
    after: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.comments = self.worklogs = self.files = self.links = Part(self)

    def fetch(self, issue_ids: Sequence[int], fields: Sequence[str]) -> dict[int, Issue]:
        """See JiraSite.fetch. Then something may happen."""
        found = super().fetch(issue_ids, fields)
        self.after()
        return found

    def account(self) -> str:
        """See JiraSite.account."""
        self._ask("account")
        return APP["accountId"]

    def _issue(self, one: int, fields: Sequence[str]) -> Issue:
        items = {"comment", "attachment", "issuelinks"}
        issue = super()._issue(one, [name for name in fields if name not in items])
        comments = self.comments_of.get(one, [])
        more: Mapping[str, Any] = {
            "comment": {"comments": comments[: self.shown], "total": len(comments)},
            "attachment": self.files_of.get(one, []),
            "issuelinks": self.links_of.get(one, []),
        }
        told = {name: more[name] for name in items & set(fields) - self.hidden}
        return replace(issue, fields={**issue.fields, **told})


def comment(number: int | str, text: str, author: Mapping[str, str] = PERSON, **more: Any) -> Any:
    """A comment as a site gives it."""
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    body = {"type": "doc", "version": 1, "content": [paragraph]}
    seen = {"created": WHEN, "updated": WHEN, "jsdPublic": True}
    return {"id": str(number), "author": author, "body": body, **seen, **more}


def file(number: int | str, size: int = 10, author: Mapping[str, str] = PERSON) -> Any:
    """A file as a site tells of it."""
    name = {"filename": "a.txt", "mimeType": "text/plain", "size": size}
    return {"id": str(number), "author": author, "created": WHEN, **name}


def link_between(number: int, end: int, *, outward: bool) -> Any:
    """A link to another issue, as it comes with one of its ends."""
    kind = {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    which = "outwardIssue" if outward else "inwardIssue"
    return {"id": str(number), "type": kind, which: {"id": str(end), "key": f"WEB-{end}"}}


@dataclass
class World:
    """A scene whose pairs have items."""

    scene: Scene
    left: Items
    right: Items

    def link(self, number: int) -> Link:
        """The pair of an issue of the left side."""
        profile = self.scene.profile
        with tenant_transaction(profile.left_tenant) as session:
            return links_of(session, profile, [number], [])[0]

    def pair(self, number: int, kind: ItemKind, source: str, twin: str, **more: Any) -> None:
        """Store that an item of the left side has this twin, as both are now."""
        profile, link = self.scene.profile, self.link(number)
        mapping = next(m for m in profile.profile.items if m.kind is kind)
        work, ids = KINDS[kind.value], {Side.LEFT: number, Side.RIGHT: number + RIGHT_IDS}
        issues = {
            side: site._issue(ids[side], [work.field])
            for side, site in ((Side.LEFT, self.left), (Side.RIGHT, self.right))
        }
        found = {}
        for side, item in ((Side.LEFT, source), (Side.RIGHT, twin)):
            listing = work.read(issues[side], issues[side.other], mapping)
            assert listing is not None
            found[side] = next(one for one in listing.items if one.id == item)
        tenants = profile.tenants
        place = Place(str(profile.id), tenants, {side: str(ids[side]) for side in Side})
        root = root_of(profile.left_tenant, kind.value, source)
        row_id = place.row_id(kind.value, Side.LEFT, source)
        row = ItemLink(row_id, kind.value, source, twin, Side.LEFT, root)
        vault = self.scene.tandem.vault
        marks = of_profile(vault, profile.left_tenant, profile.id, profile.profile)
        row = replace(settled(row, found[Side.LEFT], found[Side.RIGHT], marks), **more)
        with tenant_transaction(profile.left_tenant) as session:
            store.save(session, profile, link, [row])

    def say(self, number: int, name: int, text: str = "Said", **more: Any) -> None:
        """A comment on both sides, the right one being its twin."""
        self.left.comments_of.setdefault(number, []).append(comment(name, text, **more))
        twins = self.right.comments_of.setdefault(number + RIGHT_IDS, [])
        twins.append(comment(f"9{name}", text, APP))
        self.pair(number, ItemKind.COMMENTS, str(name), f"9{name}")

    def attach(self, number: int, name: int) -> None:
        """The same of a file."""
        self.left.files_of.setdefault(number, []).append(file(name))
        self.right.files_of.setdefault(number + RIGHT_IDS, []).append(file(f"9{name}", author=APP))
        self.pair(number, ItemKind.ATTACHMENTS, str(name), f"9{name}")

    def check(self) -> Check:
        """A whole check."""
        return self.scene.check()

    def said(self, check: Check) -> str:
        """What is said of it to the left side, without the time."""
        words = said(check, self.scene.profile.left_tenant, check.finished_at)
        return words.replace(f" at {check.finished_at:%H:%M}", "") if check.finished_at else words

    def rows(self) -> list[Any]:
        """What is stored of items, of pairs, and of what is to be looked at."""
        tables = ("item_link", "issue_link", "change")
        return [self.scene.owner.execute(f"TABLE {one}").fetchall() for one in tables]


@pytest.fixture
def world(scene: Maker) -> Callable[..., World]:  # noqa: F811
    """Makes so many pairs in step, whose profile carries these items."""

    def make(count: int, *items: ItemMapping) -> World:
        made = scene(count)
        document: Profile = replace(made.profile.profile, items=items)
        made.profile = replace(made.profile, profile=document)
        for tenant, site in made.sites.items():
            made.sites[tenant] = Items(site.ids)
        return World(made, cast(Items, made.left), cast(Items, made.right))

    return make


Worlds = Callable[..., World]


def test_pairs_whose_items_are_in_step_agree_and_cost_no_call_more(world: Worlds) -> None:
    made = world(120, COMMENTS, FILES)
    for number in range(1, 120, 7):
        made.say(number, 100 + number)
        made.attach(number, 100 + number)
    before = made.rows()
    check = made.check()
    assert (check.pairs, check.agreed) == (120, 120)
    assert made.said(check) == "All 120 pairs agreed."
    assert made.left.asked == made.right.asked == ["fetch", "fetch", "search", "search"]
    assert made.rows() == before


def test_what_items_lack_is_told_by_pair_and_kind_and_handed_to_the_engine(world: Worlds) -> None:
    made = world(5, COMMENTS, FILES)
    for number in (2, 4):
        made.say(number, 10 * number)
        made.attach(number, 10 * number)
    made.left.comments_of[2] += [comment(25, SECRET), comment(26, "And more")]
    made.right.files_of[2 + RIGHT_IDS].clear()  # by hand, and nobody heard of it
    made.left.comments_of[4] = [comment(40, "Said otherwise")]
    made.left.files_of[4].clear()
    items, links, _ = made.rows()
    check = made.check()
    assert (check.pairs, check.agreed, check.differing, well(check)) == (5, 3, 2, False)
    told = {one["left"]: one for one in check.named}
    assert told["WEB-2"]["items"] == [
        {"kind": "comments", "side": "right", "how": "missing", "count": 2},
        {"kind": "attachments", "side": "right", "how": "missing", "count": 1},
    ]
    first, second = (f"WEB-{n} (comments, files)" for n in (2, 4))
    assert first in made.said(check) and second in made.said(check)
    one = "WEB-2 / WEB-1000002: 2 comments are missing on the right side, 1 file is missing on the "
    assert one + "right side." in made.said(check)
    other = "WEB-4 / WEB-1000004: 1 comment differs, 1 file should be gone on the right side."
    assert other in made.said(check)
    assert made.rows()[:2] == [items, links]
    marked = made.scene.owner.execute("SELECT side, issue_id FROM change ORDER BY 2").fetchall()
    assert marked == [("left", 2), ("left", 4)]
    assert sorted(made.scene.rings) == [2, 4]
    stored = str(made.scene.owner.execute("SELECT * FROM completeness").fetchall())
    assert "comments" in stored
    assert "Sphinx" not in stored and "a.txt" not in stored


def test_what_is_left_alone_by_rule_is_no_difference(world: Worlds) -> None:
    limited = replace(FILES, limit_mb=1)
    made = world(2, replace(COMMENTS, marker="#out"), limited)
    role = {"type": "role", "value": "Administrators"}
    made.left.comments_of[1] = [
        comment(1, "#out, internal", jsdPublic=False),
        comment(2, "#out, for few", visibility=role),
        comment(3, "Not marked"),
    ]
    made.left.files_of[1] = [file(1, 2_000_000)]
    made.say(1, 5, "#out Said")
    made.say(1, 6, "#out Once")
    made.attach(1, 7)
    made.right.comments_of[1 + RIGHT_IDS][0] = comment("95", "Edited over there", APP)
    made.pair(1, ItemKind.COMMENTS, "6", "96", twin_gone=Gone.THEIRS)
    made.right.comments_of[1 + RIGHT_IDS].pop()  # and that is known
    assert (made.check().agreed, made.said(made.check())) == (2, "All 2 pairs agreed.")


def test_an_item_that_comes_between_the_reads_of_both_sides_is_no_difference(
    world: Worlds,
) -> None:
    made = world(2, COMMENTS)
    made.left.after = lambda: made.say(1, 1) if not made.left.comments_of else None
    check = made.check()
    assert (check.agreed, check.differing, check.waiting) == (2, 0, 0)
    assert made.left.asked.count("fetch") == 2  # it was looked at twice


def test_a_pair_whose_items_cross_while_it_is_read_again_waits_and_does_not_differ(
    world: Worlds,
) -> None:
    made = world(2, COMMENTS)
    made.left.comments_of[1] = [comment(1, "The engine has not heard of it yet")]

    def cross() -> None:
        if made.left.asked.count("fetch") == 2:  # after the second look has read this side
            made.right.comments_of[1 + RIGHT_IDS] = [comment("91", "Twin", APP)]
            made.pair(1, ItemKind.COMMENTS, "1", "91")
            made.right.comments_of.clear()

    made.left.after = cross
    check = made.check()
    assert (check.agreed, check.differing, check.waiting) == (1, 0, 1)


def test_a_pair_of_which_something_is_heard_while_it_is_read_again_waits(world: Worlds) -> None:
    made = world(2, COMMENTS)
    made.left.comments_of[1] = [comment(1, "Its webhook comes late")]
    made.left.shown = 0
    profile, listed = made.scene.profile, made.left.comments.all

    def hear(issue_id: int) -> list[dict[str, Any]]:
        if made.left.asked.count("all") == 1:  # this is the second look
            made.scene.owner.execute(
                "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id,"
                " lane) VALUES (%s, 'left', 1, %s, %s, 1)",
                (profile.id, profile.left_tenant, profile.right_tenant),
            )
        return listed(issue_id)

    made.left.comments.all = hear  # type: ignore[method-assign]
    check = made.check()
    assert (check.agreed, check.differing, check.waiting) == (1, 0, 1)


def test_a_twin_that_may_still_land_waits_and_one_that_is_set_aside_is_parked(
    world: Worlds,
) -> None:
    made = world(3, COMMENTS)
    made.say(1, 1)
    made.left.comments_of[2] = [comment(2, "Refused")]
    made.right.comments_of.clear()
    profile, database = made.scene.profile, made.scene.owner
    database.execute(
        "UPDATE item_link SET right_item = NULL, create_sent_at = now() + interval '1 hour'"
    )
    database.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
        " parked) VALUES (%s, 'left', 2, %s, %s, 1, true)",
        (profile.id, profile.left_tenant, profile.right_tenant),
    )
    check = made.check()
    assert (check.agreed, check.waiting, check.parked, well(check)) == (1, 1, 1, True)
    database.execute("UPDATE item_link SET create_sent_at = now() - interval '1 hour'")
    check = made.check()
    assert (check.agreed, check.differing, check.parked) == (1, 1, 1)
    assert "1 comment is missing on the right side." in made.said(check)


def test_listings_that_are_not_whole_are_paged_from_the_share_and_each_pair_counts_once(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(30, COMMENTS)
    for number in range(1, 31):
        for name in range(4):
            made.say(number, 100 * number + name)
    made.left.comments_of[7].append(comment(1, "Beyond what comes along"))
    made.left.shown = made.right.shown = 2
    spent = []
    spend = Reading.spend

    def counted(reading: Reading, side: Side, points: float, calls: int = 1) -> None:
        spent.append(calls)
        spend(reading, side, points, calls)

    monkeypatch.setattr(Reading, "spend", counted)
    work = made.scene.work()
    work.begin(made.scene.profile.id)
    steps = [0]
    while made.scene.step(work):
        steps.append(sum(spent))
    check = work.read(made.scene.profile)
    assert (check.pairs, check.agreed, check.differing) == (30, 29, 1)
    assert check.named[0]["left"] == "WEB-7"
    most = completeness_pairs.MOST_CALLS + 2
    assert max(after - before for before, after in pairwise(steps)) <= most
    assert sum(spent) == len(made.left.asked) + len(made.right.asked)


def test_a_budget_that_ends_within_a_step_keeps_what_was_counted_and_reads_less_next_time(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(12, COMMENTS)
    for number in range(1, 13):
        made.say(number, 100 + number)
    made.left.shown = 0
    work = made.scene.work()
    work.begin(made.scene.profile.id)
    budget = [2 + 3]
    spend = Reading.spend

    def some(reading: Reading, side: Side, points: float, calls: int = 1) -> None:
        if budget[0] < calls:
            raise Held(5)
        budget[0] -= calls
        spend(reading, side, points, calls)

    monkeypatch.setattr(Reading, "spend", some)
    assert made.scene.step(work)
    assert (work.read(made.scene.profile).agreed, work.read(made.scene.profile).chunk) == (3, 6)
    budget[0] = 2
    assert made.scene.step(work)  # both sides were read, and then there was nothing left
    check = work.read(made.scene.profile)
    assert (check.agreed, check.chunk, check.attempts, check.lease) == (3, 1, 0, None)
    budget[0] = 1000
    while made.scene.step(work):
        pass
    assert (work.read(made.scene.profile).pairs, work.read(made.scene.profile).agreed) == (12, 12)


def test_a_pair_whose_items_are_refused_waits_alone(world: Worlds) -> None:
    made = world(3, COMMENTS)
    made.say(2, 1)
    made.left.shown = 0

    def refused(issue_id: int) -> list[dict[str, Any]]:
        raise SiteError("No.", site_status=404)

    made.left.comments.all = refused  # type: ignore[method-assign]
    check = made.check()
    assert (check.agreed, check.waiting, check.differing) == (2, 1, 0)


def test_items_that_a_site_hides_are_not_compared_and_are_said_to_be(world: Worlds) -> None:
    made = world(2, COMMENTS, FILES)
    made.left.files_of[1] = [file(1)]
    made.right.hidden = frozenset({"attachment"})
    check = made.check()
    assert (check.agreed, check.unseen) == (2, ["attachments"])
    assert made.said(check).endswith("hidden from Tandem in some pairs and not compared: files.")


def test_a_link_is_told_with_the_pair_it_goes_out_from_and_wakes_no_other(world: Worlds) -> None:
    made = world(2, LINKS)
    made.left.links_of = {
        2: [link_between(5, 1, outward=True)],
        1: [link_between(5, 2, outward=False)],
    }
    work = made.scene.work()
    work.begin(made.scene.profile.id)
    before = made.rows()
    assert made.scene.step(work)
    assert made.rows() == before
    check = made.check()
    assert check.named == [
        {"left": "WEB-2", "right": "WEB-1000002", "fields": [],
         "items": [{"kind": "links", "side": "right", "how": "missing", "count": 1}]}
    ]  # fmt: skip
    assert made.said(check) == (
        "1 of 2 pairs agreed; 1 differs: WEB-2 (links); Tandem was told to bring them in step. "
        "WEB-2 / WEB-1000002: 1 link is missing on the right side."
    )


def test_a_check_cannot_write_an_item(world: Worlds) -> None:
    made = world(1, COMMENTS)
    opened = cast(Callable[[Any], JiraSite], made.scene.sites.__getitem__)
    reading = Reading(made.scene.tandem.vault, made.scene.profile, opened)
    for write in ("add", "edit", "delete", "note"):
        with pytest.raises(AttributeError):
            getattr(reading.sites[Side.LEFT].comments, write)
    with pytest.raises(AttributeError):
        _ = reading.sites[Side.LEFT].update
