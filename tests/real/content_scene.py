"""Everything that a team puts on an issue, on two sites: what people write of it, what both sides
hold, and how the one says what the other means."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from demo.walk import paragraph
from sandbox.process import SiteHandle

PEOPLE = (1, 2, 3)  # who is paired: they have one number on both sites
SELECT = {"20070": "20250", "20071": "20251", "20072": "20251"}  # two to one
SEVERAL = {"20073": "20253", "20074": "20253", "20075": "20254", "20072": "20252"}
WAY = {"100420": "101420"}
REGION = {"100440": "101440", "100443": "101443"}


@dataclass(frozen=True)
class Sites:
    """Both sites, and which issue is which: the keys of pairs that texts may name."""

    left: SiteHandle
    right: SiteHandle
    named: list[tuple[str, str]] = field(default_factory=list)

    def of(self, side: str) -> SiteHandle:
        return self.left if side == "left" else self.right


@dataclass(frozen=True)
class Carried:
    """A field: its names, what people write (for each side), and what it says, told as the right
    side would tell it."""

    left: str
    right: str
    kind: str
    write: Callable[[Sites, str], Sequence[Any]]
    says: Callable[[Sites, str, Any], Any]
    more: dict[str, Any] = field(default_factory=dict)
    same: Callable[[Any, Any], bool] = operator.eq

    @property
    def mapping(self) -> dict[str, Any]:
        """Its entry in the mapping document."""
        return {"left": self.left, "right": self.right, "kind": self.kind, **self.more}

    def name(self, side: str) -> str:
        return self.left if side == "left" else self.right


def table(rows: dict[str, str], **more: Any) -> dict[str, Any]:
    """A table of values by id alone."""
    listed = [{"left": left, "right": right} for left, right in rows.items()]
    return {"values": {"rows": listed, "by_name": False, **more}}


def custom(number: int) -> tuple[str, str]:
    """The names of a custom field on both sites."""
    return f"customfield_100{number}", f"customfield_10{number + (90 if number < 40 else 100)}"


def either(*values: Any) -> Callable[[Sites, str], Sequence[Any]]:
    """The same on both sides."""
    return lambda _sites, _side: values


def as_it_is(_sites: Sites, _side: str, raw: Any) -> Any:
    return raw


def moment(_sites: Sites, _side: str, raw: Any) -> Any:
    return None if raw is None else datetime.fromisoformat(raw).timestamp()


def by_table(rows: dict[str, str]) -> Callable[[Sites, str, Any], Any]:
    def one(side: str, part: dict[str, Any]) -> str:
        return rows[part["id"]] if side == "left" else str(part["id"])

    def says(_sites: Sites, side: str, raw: Any) -> Any:
        if isinstance(raw, list):
            return sorted({one(side, part) for part in raw})
        return None if raw is None else one(side, raw)

    return says


def by_ids(rows: dict[str, str], many: bool) -> Callable[[Sites, str], Sequence[Any]]:
    """What people choose of a table: each of its values, several of them and none."""

    def values(_sites: Sites, side: str) -> Sequence[Any]:
        ids = sorted(rows) if side == "left" else sorted(set(rows.values()))
        if many:
            return [[], *([{"id": one}] for one in ids), [{"id": one} for one in ids[:2]]]
        return [None, *({"id": one} for one in ids)]

    return values


def names(_sites: Sites, _side: str, raw: Any) -> Any:
    return sorted(one if isinstance(one, str) else one.get("name") or one["value"]
                  for one in raw or ())  # fmt: skip


def named(*several: str) -> list[dict[str, str]]:
    return [{"name": one} for one in several]


def cascade(_sites: Sites, side: str, raw: Any) -> Any:
    if raw is None:
        return None
    parent = REGION[raw["id"]] if side == "left" else raw["id"]
    return parent, (raw.get("child") or {}).get("value")


def cascades(_sites: Sites, side: str) -> Sequence[Any]:
    first, second = ("100440", "100443") if side == "left" else ("101440", "101443")
    below = str(int(second) + 2)
    return [None, {"id": first}, {"id": second, "child": {"id": below}}]


def ways(_sites: Sites, side: str) -> Sequence[Any]:
    """One of a row of the table, and one that both sites call the same."""
    return [None, {"id": "100420" if side == "left" else "101420"}, {"value": "Portal"}]


def way(_sites: Sites, side: str, raw: Any) -> Any:
    if raw is None or raw["value"] == "Portal":
        return raw and raw["value"]
    return WAY[raw["id"]] if side == "left" else raw["id"]


def people(sites: Sites, side: str) -> Sequence[Any]:
    return [None, *({"accountId": sites.of(side).users[n]["accountId"]} for n in PEOPLE)]


def person(sites: Sites, side: str, raw: Any) -> Any:
    if raw is None:
        return None
    accounts = [one["accountId"] for one in sites.of(side).users]
    return accounts.index(raw["accountId"])


def times(_sites: Sites, _side: str, raw: Any) -> Any:
    found = raw or {}
    return found.get("originalEstimateSeconds"), found.get("remainingEstimateSeconds")


def one_fills_the_other(here: Any, there: Any) -> bool:
    """Of two estimates Jira fills the one that nobody gave with the other."""

    def filled(pair: Any) -> Any:
        first, second = pair
        return second if first is None else first, first if second is None else second

    return here == there or filled(here) == there or here == filled(there)


def texts(sites: Sites, side: str) -> Sequence[Any]:
    """Plain text, none, a mention, an issue by its key and by its address, and a panel."""
    site = sites.of(side)
    who = {"type": "mention", "attrs": {"id": site.users[PEOPLE[0]]["accountId"], "text": "@Her"}}
    keys = [pair[side == "right"] for pair in sites.named] or ["no issue"]
    card = {"type": "inlineCard", "attrs": {"url": f"{site.url}/browse/{keys[-1]}"}}
    line = {"type": "paragraph", "content": [{"type": "text", "text": "Ask "}, who]}
    last = paragraph(f"Not {keys[-1]}.")["content"]
    panel = {"type": "panel", "attrs": {"panelType": "info"}, "content": [line]}
    shown = {"type": "paragraph", "content": [{"type": "text", "text": "See "}, card]}
    return [
        None,
        paragraph("plain"),
        paragraph(f"As in {keys[0]}."),
        {"type": "doc", "version": 1, "content": [line, shown]},
        {"type": "doc", "version": 1, "content": [panel, *last]},
    ]  # fmt: skip


def document(sites: Sites, side: str, raw: Any) -> Any:
    """A text with the other side's names for what the left side's names."""

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(one) for one in node]
        if not isinstance(node, dict):
            return node
        mention = node.get("type") == "mention"
        left_out = ("localId", "text", "accessLevel") if mention else ("localId",)
        return {name: plain(one) for name, one in node.items() if name not in left_out}

    told = json.dumps(plain(raw["content"]), sort_keys=True) if raw else ""
    if side == "left":
        for here, there in sites.named:
            told = told.replace(f"{sites.left.url}/browse/{here}\"",
                                f"{sites.right.url}/browse/{there}\"")  # fmt: skip
            told = told.replace(f" {here}.", f" {there}.")
        for number in PEOPLE:
            here, there = (sites.of(one).users[number]["accountId"] for one in ("left", "right"))
            told = told.replace(here, there)
    return told


def of_system(name: str, kind: str, write: Any, says: Any, **more: Any) -> Carried:
    return Carried(name, name, kind, write, says, more)


FIELDS = [
    Carried(*custom(33), "number", either(None, 1, 2.5), as_it_is),
    Carried(
        *custom(41),
        "datetime",
        either(None, "2027-02-03T10:20:30.000+0530", "2027-07-01T00:00:00.000+0000"),
        moment,
    ),
    Carried(*custom(35), "option", by_ids(SELECT, False), by_table(SELECT), table(SELECT)),
    Carried(*custom(42), "option", ways, way, {"values": {"rows": table(WAY)["values"]["rows"]}}),
    Carried(*custom(43), "options",
            either([], [{"value": "Tested"}], [{"value": "Tested"}, {"value": "Documented"}]),
            names),
    Carried(*custom(36), "options", by_ids(SEVERAL, True), by_table(SEVERAL), table(SEVERAL)),
    Carried(
        *custom(44),
        "cascade",
        cascades,
        cascade,
        {"values": {"rows": table(REGION)["values"]["rows"]}},
    ),
    of_system(
        "components",
        "components",
        lambda _sites, side: [[], named("Search"),
                              named("Catalogue" if side == "left" else "Usage")],
        names,
        values={"missing": "create"},
    ),
    of_system(
        "fixVersions",
        "versions",
        lambda _sites, side: [[], named("1.0", "1.1"),
                              named("2.0" if side == "left" else "2026.1")],
        names,
        values={"missing": "create"},
    ),
    of_system("assignee", "user", people, person),
    Carried(
        "timetracking",
        "timetracking",
        "time_tracking",
        either(
            {"originalEstimate": "3h", "remainingEstimate": "1h"},
            {"originalEstimate": "5h", "remainingEstimate": "2h 30m"},
        ),
        times,
        same=one_fills_the_other,
    ),
    Carried(*custom(45), "url", either(None, "https://a.example/b", "https://b.example/?c=d"),
            as_it_is),
    Carried(*custom(38), "labels", either([], ["a"], ["a", "b"], ["c"]), names),
    of_system("description", "rich_text", texts, document),
    Carried(*custom(32), "rich_text", texts, document),
]  # fmt: skip
OTHERS = [
    {"left": "summary", "right": "summary", "kind": "text"},
    {"left": "status", "right": "status", "kind": "status"},
]
ITEMS = [
    {"kind": "attachments"},
    {"kind": "comments", "prefix": None},
    {"kind": "worklogs", "prefix": None},
    {"kind": "links"},
]
KINDS = ("comment", "file", "worklog", "link")
TYPES = ("Blocks", "Relates", "Duplicate", "Cloners")


@dataclass
class Item:
    """What a person put on an issue, and whether it is there still."""

    kind: str
    side: str
    number: int  # of the pair
    id: str
    says: str
    there: bool = True
    spoiled: bool = False  # somebody took its twin away
    scribbled: str = ""  # what somebody made of its twin since it was last edited
    other: int = -1  # the pair at a link's other end
