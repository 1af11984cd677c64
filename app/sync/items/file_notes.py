"""The notes of an issue's files: which are twins, of what. A file bears no property of its own, so
its issue notes it for all of them. Pure.

    {"version": 1, "profiles": {profile: {"side", "issue", "on", "files": {twin: [source, root,
    sha256]}}}}

A hash is there to prove what a file was. Where the notes grow longer than Jira takes, the oldest go
without.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from app.mapping.profile import Side
from app.sync.items.model import Mark, read_mark

VERSION = 1
LONGEST = 32_768
"""Bytes that Jira takes as a property's value."""


def marks_of(notes: object) -> dict[str, Mark]:
    """The marks of the twins among an issue's files, by the files' ids. What is not whole is left
    out."""
    found: dict[str, Mark] = {}
    profiles = notes.get("profiles") if isinstance(notes, dict) else None
    for profile, held in (profiles if isinstance(profiles, dict) else {}).items():
        files = held.get("files") if isinstance(held, dict) else None
        for twin, entry in (files if isinstance(files, dict) else {}).items():
            if not _is_entry(entry):
                continue
            mark = read_mark({
                "profile": profile,
                "side": held.get("side"),
                "issue": held.get("issue"),
                "on": held.get("on"),
                "source": entry[0],
                "root": entry[1],
            })  # fmt: skip
            if mark is not None:
                found[str(twin)] = mark
    return found


def with_twins(
    notes: object, twins: Mapping[str, tuple[Mark, str]], there: Collection[str]
) -> dict[str, Any]:
    """The notes with these twins, each with its mark and hash; without those that are not there.

    All marks are of one profile and one pair of issues. What comes of it may be longer than Jira
    takes.
    """
    profiles: dict[str, Any] = {}
    for profile, held in _whole(notes).items():
        files = {twin: entry for twin, entry in held["files"].items() if twin in there}
        if files:
            profiles[profile] = {**held, "files": files}
    for twin, (mark, sha256) in twins.items():
        place = {"side": mark.side.value, "issue": mark.issue, "on": mark.on}
        held = profiles.get(mark.profile, {})
        if {name: held.get(name) for name in place} != place:
            held = {**place, "files": {}}
        files = {**held["files"], twin: [mark.item, mark.root, sha256]}
        profiles[mark.profile] = {**held, "files": files}
    return _short({"version": VERSION, "profiles": profiles})


def _whole(notes: object) -> dict[str, dict[str, Any]]:
    """What the notes say of each profile, without what cannot be ours."""
    profiles = notes.get("profiles") if isinstance(notes, dict) else None
    found: dict[str, dict[str, Any]] = {}
    for profile, held in (profiles if isinstance(profiles, dict) else {}).items():
        try:
            uuid.UUID(profile)
            Side(held["side"])
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        if isinstance(held.get("files"), dict):
            files = {t: e for t, e in held["files"].items() if _is_entry(e)}
            found[profile] = {**held, "files": files}
    return found


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 3 and all(isinstance(e, str) for e in entry)


def length(notes: Mapping[str, Any]) -> int:
    """The bytes that the notes take as a property."""
    # With the blanks that Jira may put between.
    return len(json.dumps(notes).encode())


def _short(notes: dict[str, Any]) -> dict[str, Any]:
    over = length(notes) - LONGEST
    for held in notes["profiles"].values():
        for entry in held["files"].values():
            if over <= 0:
                return notes
            over -= len(entry[2])
            entry[2] = ""
    return notes
