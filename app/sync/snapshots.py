"""An issue as a site gave it, as the merge takes it."""

from __future__ import annotations

from app.jira.site import Issue
from app.mapping.profile import Profile, Side
from app.mapping.transforms import IssueFacts
from app.mapping.values import read_fields
from app.sync.plan import Snapshot


def snapshot(profile: Profile, issue: Issue, side: Side) -> Snapshot:
    """The mapped fields of an issue of `side`, and what else transforms may know of it."""
    reading = read_fields(profile.fields, side, issue.fields)
    named = {name: issue.fields.get(name) or {} for name in ("issuetype", "project")}
    about = IssueFacts(
        issue.key, str(named["issuetype"].get("name", "")), str(named["project"].get("key", ""))
    )
    return Snapshot(reading.values, issue.updated, blocked=reading.unreadable, about=about)
