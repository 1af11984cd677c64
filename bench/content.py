"""What an issue with much on it costs in REST calls, and how many kinds of content cross."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

from app.mapping.profile import Kind
from app.mapping.rich import carry_document
from app.mapping.values import handler
from bench.calls import Counted, clear, counted
from bench.plant import Plant, go_on, plant, stop
from bench.result import Result
from demo.stack import calls_of, wait_until
from demo.walk import create_issue, keys_by_summary, paragraph
from tests.unit.rich_world import back, canonical, corpus, there

LEFT, RIGHT = ("WEB", "Bug"), ("PLAT", "Bug")
COMMENTS, FILES = 10, 5
PREFIX = "/rest/api/3/"


def _same(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"left": name, "right": name, "kind": kind, **more}


def _custom(number: int, kind: str, **rows: str) -> dict[str, Any]:
    """A custom field; `rows`: options, the left one's id after a line, and the right one's."""
    right = number + (90 if number < 40 else 100)
    table = {"rows": [{"left": left[1:], "right": rows[left]} for left in rows]}
    found = {"left": f"customfield_100{number}", "right": f"customfield_10{right}", "kind": kind}
    return found | ({"values": table} if rows else {})


FIELDS = [
    _same("summary", "text"),
    _same("description", "rich_text"),
    _same("environment", "rich_text"),
    _same("labels", "labels"),
    _same("priority", "priority"),
    _same("duedate", "date"),
    _same("components", "components"),
    _same("fixVersions", "versions"),
    _same("versions", "versions"),
    _same("assignee", "user"),
    _same("timetracking", "time_tracking"),
    _custom(32, "rich_text"),
    _custom(34, "date"),
    _custom(35, "option", _20070="20250"),
    _custom(36, "options"),
    _custom(38, "labels"),
    _custom(41, "datetime"),
    _custom(43, "options"),
    _custom(44, "cascade", _100440="101440"),
    _custom(45, "url"),
]


def _values(one: Plant) -> dict[str, Any]:
    """A value of each of these fields but the summary."""
    return {
        "description": paragraph("The tax of orders to Norway is wrong."),
        "environment": paragraph("The shop's own."),
        "labels": ["tax"],
        "priority": {"id": "2"},
        "duedate": "2027-01-31",
        "components": [{"name": "Search"}],
        "fixVersions": [{"name": "1.1"}],
        "versions": [{"name": "1.0"}],
        "assignee": {"accountId": one.acme.users[1]["accountId"]},
        "timetracking": {"originalEstimate": "3h", "remainingEstimate": "90m"},
        "customfield_10032": paragraph("None."),
        "customfield_10034": "2027-02-03",
        "customfield_10035": {"id": "20070"},
        "customfield_10036": [{"value": "Web"}],
        "customfield_10038": ["north"],
        "customfield_10041": "2027-02-03T10:20:30.000+0100",
        "customfield_10043": [{"value": "Tested"}],
        "customfield_10044": {"id": "100440", "child": {"value": "Norway"}},
        "customfield_10045": "https://acme.example/tax",
    }


def the_content() -> list[Result]:
    """Calls for an issue that was made with all of it, and what crosses at all."""
    with plant() as one, one.workers(1) as workers:
        _profile(one)
        first = _issue(one, workers, "The first")
        later = _issue(one, workers, "One of many")
        each = [calls_of(site).total() for site in (one.acme, one.globex)]
    once = {path: first.paths[path] - later.paths.get(path, 0) for path in first.paths}
    name = f"content: {len(FIELDS)} fields, {COMMENTS} comments, {FILES} files"
    return [
        Result(f"{name}, the first issue", first.calls, "calls", "lower"),
        Result(name, later.calls, "calls", "lower"),
        Result(f"{name}, points", later.points, "points", "lower"),
        Result("content:   at the site of the issue", each[0], "calls", "lower"),
        Result("content:   at the site of the twin", each[1], "calls", "lower"),
        *(
            Result(f"content:   {path.replace(PREFIX, '')}", number, "calls", "lower")
            for path, number in sorted(later.paths.items())
        ),
        *(
            Result(
                f"content:   the first alone, {path.replace(PREFIX, '')}", more, "calls", "lower"
            )
            for path, more in sorted(once.items())
            if more
        ),
        *_kinds(),
        *_corpus(),
    ]


def _profile(one: Plant) -> None:
    """A profile over the sites' bugs, beside the plant's own over tasks."""
    row = one.database.execute("SELECT id FROM connection").fetchone()
    assert row is not None
    people = [user.users[1]["accountId"] for user in (one.acme, one.globex)]
    one.stack.create_profile(
        str(row[0]),
        left=LEFT,
        right=RIGHT,
        name="content",
        fields=FIELDS,
        users={"rows": [{"left": people[0], "right": people[1]}]},
        items=[{"kind": "comments"}, {"kind": "attachments"}],
    )


def _issue(one: Plant, workers: Sequence[subprocess.Popen[bytes]], summary: str) -> Counted:
    """People make an issue with all of it while the workers stand still; then all of it crosses."""
    clear(one)
    stop(workers)
    key = create_issue(one.acme, *LEFT, summary=summary, **_values(one))
    for number in range(COMMENTS):
        body = {"body": paragraph(f"Comment {number}.")}
        one.acme.call("POST", f"issue/{key}/comment", json=body).raise_for_status()
    for number in range(FILES):
        one.acme.attach(key, f"{number}.txt", b"content " * (number + 1))
    one.acme.wait_idle(300)
    go_on(workers)

    def there_is() -> bool:
        keys = keys_by_summary(one.globex, RIGHT[0]).get(summary, [])
        return bool(keys) and _whole(one, keys[0])

    wait_until("all of it is there", there_is, seconds=300)
    return counted(one)


def _whole(one: Plant, key: str) -> bool:
    """Whether a twin has all of it."""
    fields = one.globex.call("GET", f"issue/{key}").json()["fields"]
    filled = all(fields.get(entry["right"]) for entry in FIELDS)
    files, comments = len(fields["attachment"]), fields["comment"]["total"]
    return filled and (files, comments) == (FILES, COMMENTS)


def _kinds() -> list[Result]:
    written = [kind for kind in Kind if handler(kind).writable]
    return [
        Result("content: kinds of fields", len(Kind), "kinds", "higher"),
        Result("content: kinds that are written", len(written), "kinds", "higher"),
    ]


def _corpus() -> list[Result]:
    """How many documents of the corpus cross, by carrying them."""
    whole = same = home = 0
    documents = [read for one in corpus().values() if (read := canonical(one))]
    for before in documents:
        over = carry_document(before, there())
        whole += not over.degraded
        same += over.document == before
        home += carry_document(over.document or "", back()).document == before
    return [
        Result("content: rich text documents", len(documents), "documents", "higher"),
        Result("content:   but for names as they were", whole, "documents", "higher"),
        Result("content:   letter by letter", same, "documents", "higher"),
        Result("content:   home again as they were", home, "documents", "higher"),
    ]
