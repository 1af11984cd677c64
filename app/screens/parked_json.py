"""Parked changes for machines: the page's and the command's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.sync.parked_groups import Group
from app.sync.parked_ignored import One
from app.sync.parked_preview import Preview


def issue_json(one: One) -> dict[str, Any]:
    """A parked change for machines."""
    side, issue = one.row
    return {
        "row": f"{side.value}-{issue}",
        "left": one.left_key,
        "right": one.right_key,
        "since": one.first_at.isoformat(),
        "askedAt": one.asked_at.isoformat(),
    }


def group_json(
    group: Group, profile: str, sentence: str, cure: str, chosen: Mapping[str, str]
) -> dict[str, Any]:
    """A group for machines."""
    return {
        "profile": str(group.profile_id),
        "profileName": profile,
        **chosen,
        "issues": group.issues,
        "examples": list(group.examples),
        "sentence": sentence,
        "cure": cure,
        "said": group.said,
        "since": group.since.isoformat(),
        "askedAt": group.asked_at.isoformat(),
        "nextProbe": group.next_probe.isoformat() if group.next_probe else None,
    }


def preview_json(found: Preview) -> dict[str, Any]:
    """A preview for machines; values as one line each."""
    return {
        "total": found.total,
        "issues": [
            {
                "left": one.plan.left.key if one.plan.left else None,
                "right": one.plan.right.key if one.plan.right else None,
                "step": one.plan.step.value,
                "refusedWhole": one.again,
                "writes": [
                    {
                        "side": write.side.value,
                        "field": write.field,
                        "old": write.brief(write.old),
                        "new": write.brief(write.new),
                        "status": status.value,
                    }
                    for write, status in one.writes
                ],
                "items": one.items,
                "notes": [note.sentence for note in (*one.plan.blocked, *one.plan.left_alone)],
            }
            for one in found.issues
        ],
    }
