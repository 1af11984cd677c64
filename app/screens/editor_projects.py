"""The editor's second step: a project, a type and a filter of each side, and the profile's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from app.database import TenantId
from app.errors import NotFound, Problem
from app.jira.site import Named, SiteError
from app.language import gettext as _
from app.language import tell
from app.mapping import filters
from app.mapping.drafts import Draft
from app.mapping.profile import Side
from app.mapping.profile_name import name_problem, suggested, tidy
from app.screens.editor import Editor, chosen, connection_of
from app.screens.editor_draft import scope_of
from app.screens.forms import refuse
from app.screens.site_errors import say_error
from app.screens.site_lists import Known, SiteLists
from app.screens.words import ago
from app.tenants import pairing
from app.tenants.caller import Permission
from app.tenants.gate import current_standing

MOST_SHOWN = 100
"""Projects in a select: more are narrowed by a search."""
TYPED_LIMIT = 4000  # characters of a name or a filter that a draft keeps, right or wrong


@dataclass(frozen=True)
class Where:
    """A side of a draft: whose site, and whether it is the editing person's own."""

    side: Side
    tenant: TenantId
    host: str
    own: bool


class ProjectsStep:
    """The choice of what is kept in step with what."""

    name = "projects"

    def __init__(self, editor: Editor, lists: SiteLists) -> None:
        self.editor = editor
        self._lists = lists

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """See `Step`. A site that was not asked lately is asked by the page, each by itself."""
        sides = [self._side_or_wait(draft, side) for side in (draft.side, draft.side.other)]
        return {"sides": sides, **self.named(draft)}

    def done(self, draft: Draft) -> bool:
        """See `Step`."""
        both = all(chosen(draft, side, key) for side in Side for key in ("project", "issue_type"))
        return both and name_problem(tidy(str(draft.document.get("name") or ""))) is None

    def named(self, draft: Draft) -> dict[str, object]:
        """The profile's name, and what is wrong with it."""
        name = str(draft.document.get("name") or "")
        return {"name": name, "name_wrong": name_problem(tidy(name)) if name else None}

    def side(self, draft: Draft, side: Side, *, fresh: bool = False) -> dict[str, Any]:
        """A side with its lists; `wrong`: why there are none."""
        where = self.where(draft, side)
        if isinstance(where, str):
            return {"side": side.value, "own": False, "wrong": where, "partner_gone": True}
        shown = self._empty(draft, where)
        try:
            projects = self._lists.projects(where.tenant, fresh=fresh)
        except SiteError as error:
            return shown | {"wrong": say_error(where.host, error)}
        shown |= self._projects(draft, where, projects, "")
        project = shown["project"]
        if project is None or shown["gone"]:
            return shown
        try:
            types = self._lists.types(where.tenant, project.id, fresh=fresh)
        except SiteError as error:
            return shown | {"types_wrong": say_error(where.host, error)}
        shown["types"] = types.values
        if not types.values:
            shown["types_wrong"] = _(
                "Tandem may create no issue here. An admin of %(site)s should give the app the "
                "permission to create issues in this project.",
                site=where.host,
            )
        return shown

    def found(self, draft: Draft, side: Side, query: str) -> dict[str, Any]:
        """The projects of a side whose name or key holds a text. Raises Problem, SiteError."""
        where = self.where(draft, side)
        if isinstance(where, str):
            raise Problem(where, status=409, code="no-partner")
        shown = self._empty(draft, where)
        return shown | self._projects(draft, where, self._lists.projects(where.tenant), query)

    def where(self, draft: Draft, side: Side) -> Where | str:
        """A side's site, or the sentence of a partner that was not chosen or is none any more."""
        desk = self.editor.desk
        if side is draft.side:
            return Where(side, draft.tenant, desk.site_name(draft.tenant), own=True)
        try:
            partner = pairing.partner_of(draft.tenant, connection_of(draft))
        except NotFound:
            return _("The site that was chosen is not paired with yours any more.")
        except Problem as problem:
            return problem.detail
        return Where(side, partner, desk.site_name(partner), own=False)

    def save(self, draft: Draft) -> Draft:
        """Take what the form holds. Raises Problem; NotFound."""
        changes: dict[str, Any] = {}
        for side in Side:
            told = {
                key: request.form[f"{side.value}_{key}"].strip()
                for key in ("project", "type", "filter")
                if f"{side.value}_{key}" in request.form
            }
            if told:
                self._require_open(draft, side, told)
                changes[side.value] = self._scope(draft, side, told)
        changes |= self._name(draft, changes)
        return self.editor.save(draft, changes)

    def check(self, draft: Draft, side: Side) -> dict[str, Any]:
        """What a side's filter finds: a count for the own site; of the partner's whether it is
        understood, for a count would tell what is there. `wrong`: what is wrong with it."""
        where = self.where(draft, side)
        scope = scope_of(draft, side)
        jql = chosen(draft, side, "filter")
        said: dict[str, Any] = {"side": side.value, "own": side is draft.side, "filtered": jql}
        if isinstance(where, str) or scope is None:
            return said
        site = self.editor.site(draft, side)
        try:
            filters.written(jql or "", side)
            filters.check(site, scope, side, own=where.own)
            count = site.count(scope.jql()) if where.own else None
        except SiteError as error:
            return said | {"wrong": say_error(where.host, error)}
        except Problem as problem:
            if problem.code != SiteError.code:
                return said | {"wrong": _bare(problem)}
            sentence = _(
                "%(site)s could not be asked about it just now. It is kept in the draft; try again "
                "in a minute.",
                site=where.host,
            )
            return said | {"wrong": sentence}
        return said | {"count": count}

    def _require_open(self, draft: Draft, side: Side, told: Mapping[str, str]) -> None:
        """Of an existing profile only the own filter may change. Raises Problem."""
        if draft.profile_id is None or (side is draft.side and told.keys() == {"filter"}):
            return
        name = next(iter(told))
        raise refuse(
            f"{side.value}_{name}",
            _(
                "this stays as it is in an existing profile. Make a new profile for other "
                "projects; the partner's filter is changed by the people there."
            ),
        )

    def _scope(self, draft: Draft, side: Side, told: Mapping[str, str]) -> dict[str, Any] | None:
        """A side's scope with what was told of it. Raises Problem, SiteError."""
        scope = dict(draft.document.get(side.value) or {})
        where = self.where(draft, side)
        if isinstance(where, str):
            raise Problem(where, status=409, code="no-partner", field="connection")
        if "project" in told and told["project"] != scope.get("project", ""):
            kept = {"filter": scope["filter"]} if "filter" in scope else {}
            scope = {**self._project(where, told["project"]), **kept}
        if "type" in told:
            scope |= self._type(where, scope, told["type"])
        if "filter" in told:
            scope["filter"] = " ".join(told["filter"].splitlines())[:TYPED_LIMIT] or None
        return {key: value for key, value in scope.items() if value is not None} or None

    def _project(self, where: Where, wanted: str) -> dict[str, Any]:
        if not wanted:
            return {}
        name = f"{where.side.value}_project"
        if where.own and wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
            self.editor.desk.require_project(current_standing(), int(wanted))
        found = self._lists.projects(where.tenant).find(wanted)
        if found is None:
            raise refuse(
                name,
                _("there is no such project, or Tandem may not see it. Choose one from the list."),
            )
        types = self._lists.kept(where.tenant, found.id)
        # Where there is one type, there is nothing to choose.
        only = types.values[0] if types is not None and len(types.values) == 1 else None
        return {"project": wanted} | ({} if only is None else _typed(only))

    def _type(self, where: Where, scope: Mapping[str, Any], wanted: str) -> dict[str, Any]:
        name = f"{where.side.value}_type"
        if not wanted:
            return {"issue_type": None, "subtask": None}
        if "project" not in scope:
            raise refuse(name, _("choose a project first."))
        found = self._lists.types(where.tenant, int(scope["project"])).find(wanted)
        if found is None:
            raise refuse(name, _("this project has no such issue type. Choose one from the list."))
        return _typed(found)

    def _name(self, draft: Draft, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The name that was typed, or the one that the two projects suggest until one was."""
        if "name" in request.form:
            return {"name": request.form["name"][:TYPED_LIMIT].replace("\x00", "") or None}
        if draft.profile_id is not None:
            return {}
        before = self._suggestion(draft, draft.document)
        after = self._suggestion(draft, {**draft.document, **changes})
        if after is None or draft.document.get("name") not in {None, "", before}:
            return {}
        return {"name": after}

    def _suggestion(self, draft: Draft, document: Mapping[str, Any]) -> str | None:
        """The name that both projects suggest; None where one is not chosen, or cannot be named.
        Their lists may be kept by another process than the one that is asked now."""
        chosen_projects = []
        for side in Side:
            where, wanted = self.where(draft, side), (document.get(side.value) or {}).get("project")
            if isinstance(where, str) or not wanted:
                return None
            chosen_projects.append((where.tenant, wanted))
        try:
            found = [self._lists.projects(tenant).find(one) for tenant, one in chosen_projects]
        except SiteError:
            return None
        names = [one.name for one in found if one is not None]
        return suggested(*names) if len(names) == len(chosen_projects) else None

    def _side_or_wait(self, draft: Draft, side: Side) -> dict[str, Any]:
        where = self.where(draft, side)
        project = chosen(draft, side, "project")
        if not isinstance(where, str):
            known = self._lists.kept(where.tenant)
            types = self._lists.kept(where.tenant, int(project)) if project else known
            if known is None or types is None:
                return self._empty(draft, where) | {"wait": True}
        return self.side(draft, side)

    def _empty(self, draft: Draft, where: Where) -> dict[str, Any]:
        """A side without its lists: what was chosen of it stays in the draft."""
        return {
            "side": where.side.value,
            "own": where.own,
            "host": where.host,
            "locked": draft.profile_id is not None,
            "filter": chosen(draft, where.side, "filter") or "",
            "type": chosen(draft, where.side, "issue_type"),
            "project": None,
            "gone": False,
            "types": (),
        }

    def _projects(self, draft: Draft, where: Where, known: Known, query: str) -> dict[str, Any]:
        """The projects to choose from: those within reach that the text finds, the chosen first."""
        wanted = chosen(draft, where.side, "project")
        standing = current_standing()
        open_ones = [
            one for one in known.values if not where.own or standing.covers(Permission.MAP, one.id)
        ]
        sought = query.casefold().split()
        hits = [one for one in open_ones if all(part in _sought(one) for part in sought)]
        found = known.find(wanted)
        rest = [one for one in hits if one != found][:MOST_SHOWN]
        return {
            "project": found or (None if wanted is None else Named(int(wanted), wanted)),
            "gone": wanted is not None and found is None,
            "projects": ([found] if found is not None else []) + rest,
            "hits": len(hits),
            "all": len(open_ones),
            "query": query,
            "read": ago(known.at),
        }


def _typed(kind: Named) -> dict[str, Any]:
    return {"issue_type": str(kind.id), "subtask": True if kind.subtask else None}


def _sought(project: Named) -> str:
    return f"{project.name} {project.key or ''}".casefold()


def _bare(problem: Problem) -> str:
    """A problem's sentence without the name of its field."""
    said = tell(problem.detail).removeprefix(f"{problem.field}: ")
    return said[:1].upper() + said[1:]
