"""Service projects: which they are, and which comments their customers see."""

from __future__ import annotations

from typing import Any

from sandbox.model import Comment, Project

SERVICE_PROJECTS = frozenset({"SUP", "OPS"})
PUBLIC = "sd.public.comment"
SHOWN = 100
"""Comments in the field of an issue; the rest is read page by page."""


def project_type(project: Project) -> str:
    """The `projectTypeKey`."""
    return "service_desk" if project.key in SERVICE_PROJECTS else "software"


def is_public(project: Project, comment: Comment) -> bool:
    """What `jsdPublic` says: elsewhere than in service projects it is always true.

    The property decides, whatever role or group a comment is for.
    """
    # Reference: https://developer.atlassian.com/cloud/jira/service-desk/jira-service-management-public-comments/
    found: Any = comment.properties.get(PUBLIC)
    internal = isinstance(found, dict) and found.get("internal") is True
    return project_type(project) != "service_desk" or not internal
