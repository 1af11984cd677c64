"""Reads what a form or a query holds; every refusal names the field, the rule and the cure."""

from __future__ import annotations

import uuid

from flask import request

from app.errors import Problem
from app.jira.site import JiraSite
from app.language import gettext as _
from app.mapping.filters import written
from app.mapping.profile import Scope, Side
from app.said import together


def refuse(field: str, rule: str) -> Problem:
    """The problem of a field that does not hold what it must."""
    return Problem(together([f"{field}:", rule]), code="invalid-field", field=field)


def form_text(name: str) -> str:
    """A form field that must be filled. Raises Problem."""
    found = request.form.get(name, "").strip()
    if not found or "\x00" in found:
        raise refuse(name, _("choose or fill it in."))
    return found


def form_id(name: str) -> uuid.UUID:
    """A form field that holds one of our ids. Raises Problem."""
    return _uuid(form_text(name), name)


def form_number(name: str) -> int:
    """A form field that holds one of Jira's ids. Raises Problem."""
    return _number(form_text(name), name)


def argument_id(name: str) -> uuid.UUID:
    """A query argument that holds one of our ids. Raises Problem."""
    return _uuid(request.args.get(name, ""), name)


def argument_number(name: str) -> int:
    """A query argument that holds one of Jira's ids. Raises Problem."""
    return _number(request.args.get(name, ""), name)


def form_scope(site: JiraSite, side: str) -> Scope:
    """The project and type of a side, once the site says that it has them. Raises Problem."""
    project = form_number(f"{side}_project")
    kind = form_number(f"{side}_type")
    subtask = require_scope(site, project, kind, side)
    jql = written(request.form.get(f"{side}_filter", ""), Side(side))
    return Scope(str(project), str(kind), jql, subtask)


def require_scope(site: JiraSite, project: int, kind: int, side: str) -> bool:
    """Whether the type is one of sub-tasks, once the site says that it has both. Raises Problem."""
    if project not in {one.id for one in site.projects()}:
        raise refuse(
            f"{side}_project",
            _("there is no such project, or Tandem may not see it. Choose one from the list."),
        )
    kinds = {one.id: one for one in site.issue_types(project)}
    if kind not in kinds:
        raise refuse(
            f"{side}_type", _("this project has no such issue type. Choose one from the list.")
        )
    return kinds[kind].subtask


def _uuid(text: str, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise refuse(name, _("choose one from the list.")) from None


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise refuse(name, _("choose one from the list."))
    return int(text)
