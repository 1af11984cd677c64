"""The pages that Jira shows at a place of its own: at an issue, and in a project's settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint

from app.screens.desk import Desk
from app.screens.issue_panel import IssuePanel, issue_blueprint
from app.screens.project_page import ProjectPage, project_blueprint
from app.vault.vault import Vault


def places_blueprint(
    vault: Vault,
    ring: Callable[[uuid.UUID, int], None],
    desk: Desk,
    app_key: str,
) -> Blueprint:
    """Their views, part of the pages."""
    home = f"/plugins/servlet/ac/{app_key}/tandem"  # where Jira shows Tandem's own page
    blueprint = Blueprint("places", __name__)
    panel = IssuePanel(vault, ring, desk, desk.field_names, home)
    blueprint.register_blueprint(issue_blueprint(panel))
    blueprint.register_blueprint(project_blueprint(ProjectPage(desk, home)))
    return blueprint
