"""The notes of an issue's links: which are twins, of what. A link bears no property of its own, so
the issue that it goes out from notes it. Pure.

    {"version": 1, "profiles": {profile: {"side", "issue", "on", "links": {twin: [source, root]}}}}
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from app.mapping.profile import Side
from app.sync.items.model import Mark, read_mark

VERSION = 1
LONGEST = 32_000
"""Bytes of a property's value: Jira takes 32,768."""


def marks_of(notes: object) -> dict[str, Mark]:
    """The marks of the twins among an issue's links, by the links' ids. What is not whole is left
    out."""
    found: dict[str, Mark] = {}
    for profile, held in _whole(notes).items():
        place = {name: held.get(name) for name in ("side", "issue", "on")}
        for twin, (source, root) in held["links"].items():
            mark = read_mark({"profile": profile, **place, "source": source, "root": root})
            if mark is not None:
                found[twin] = mark
    return found


def with_twins(
    notes: object, twins: Mapping[str, Mark], there: Collection[str]
) -> dict[str, Any] | None:
    """The notes with these twins, without those that are not there; None where nothing is new.

    Where they grow longer than Jira takes, the oldest go: these links count as people's then.
    """
    noted = marks_of(notes)
    if all(noted.get(twin) == mark for twin, mark in twins.items()):
        return None
    profiles: dict[str, Any] = {}
    for profile, held in _whole(notes).items():
        links = {twin: entry for twin, entry in held["links"].items() if twin in there}
        if links:
            profiles[profile] = {**held, "links": links}
    for twin, mark in twins.items():
        place = {"side": mark.side.value, "issue": mark.issue, "on": mark.on}
        held = profiles.get(mark.profile, {})
        if {name: held.get(name) for name in place} != place:
            held = {**place, "links": {}}
        links = {**held["links"], twin: [mark.item, mark.root]}
        profiles[mark.profile] = {**held, "links": links}
    return _short({"version": VERSION, "profiles": profiles})


def length(notes: Mapping[str, Any]) -> int:
    """The bytes that the notes take as a property."""
    return len(json.dumps(notes, separators=(",", ":")).encode())


def _whole(notes: object) -> dict[str, dict[str, Any]]:
    """What the notes say of each profile, without what cannot be ours."""
    profiles = notes.get("profiles") if isinstance(notes, dict) else None
    found: dict[str, dict[str, Any]] = {}
    for profile, held in (profiles if isinstance(profiles, dict) else {}).items():
        try:
            uuid.UUID(profile)
            Side(held["side"])
            links = held["links"].items()
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        kept = {t: e for t, e in links if isinstance(e, list) and len(e) == 2}
        found[profile] = {**held, "links": kept}
    return found


def _short(notes: dict[str, Any]) -> dict[str, Any]:
    for held in notes["profiles"].values():
        for twin in list(held["links"]):
            if length(notes) <= LONGEST:
                return notes
            del held["links"][twin]
    return notes
