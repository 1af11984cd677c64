"""The editor's Fields step: which fields belong together, and in which direction they go."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from app.database import TenantId
from app.errors import NotFound, Problem
from app.jira.site import FieldRule, SiteError
from app.language import gettext as _
from app.mapping.document_checks import DocumentProblem
from app.mapping.drafts import Draft
from app.mapping.offer import OfferedField, Seen
from app.mapping.offer_pairs import Offer, offer
from app.mapping.profile import Scope, Side
from app.screens import editor_fields_rows as rows
from app.screens.editor import Editor
from app.screens.editor_draft import scope_of
from app.screens.editor_fields_how import say_how
from app.screens.editor_fields_items import Extras
from app.screens.site_errors import say_error
from app.screens.words import ago
from app.sync.field_cache import FieldCache, Known, ended

NOTHING = Seen(None, None, {}, None)
MOST_OFFERS = 16  # that are kept in memory


class FieldsStep:
    """What the step shows and does. See `editor.Step`."""

    name = "fields"

    def __init__(self, editor: Editor, cache: FieldCache) -> None:
        self.editor = editor
        self._cache = cache
        self._extras = Extras(editor)
        self._offers: dict[object, Offer] = {}
        self._wrong: dict[object, tuple[DocumentProblem, ...]] = {}

    # -- what it shows

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """What is known without asking a site: what is not is loaded by the page itself."""
        lacking = [side for side in Side if scope_of(draft, side) is None]
        if lacking or "connection" not in draft.document:
            return {"lacking": True}
        return self._table(draft, self._known(draft), {})

    def done(self, draft: Draft) -> bool:
        """Whether fields were chosen, and nothing is wrong with them."""
        if not draft.document.get("fields"):
            return False
        return not rows.below(self._problems(draft), "fields")

    def loaded(self, draft: Draft, *, anew: Side | None = None) -> Mapping[str, object]:
        """The same once the sites were asked that are not known yet. `anew`: a side that is asked
        whatever is known. Where one does not answer, a sentence stands in its place."""
        known = self._known(draft)
        reads: dict[Side, Future[Known]] = {}
        wrong: dict[str, str] = {}
        sites = self.sites(draft)
        for side in Side:
            scope = scope_of(draft, side)
            if scope is not None and (side is anew or side not in known):
                reads[side] = self._cache.begin(self.editor.tenant(draft, side), side, scope)
        for side, read in reads.items():
            try:
                known[side] = ended(read)
            except SiteError as error:
                wrong[side.value] = say_error(sites[side], error)
            except NotFound:
                wrong[side.value] = _("%(site)s is no partner any more.", site=sites[side])
            except Problem as problem:
                wrong[side.value] = problem.detail
        return self._table(draft, known, wrong)

    def offer_of(self, draft: Draft) -> Offer:
        """What the draft could map, by what is known of both sides. Raises Problem."""
        known = self._known(draft)
        if len(known) < len(Side):
            raise Problem(
                _("The fields of both sites must be read first: load them again."),
                status=409,
                code="fields-unknown",
            )
        return self._offer(draft, known)

    def _offer(self, draft: Draft, known: Mapping[Side, Known]) -> Offer:
        """The same, worked out once for what was read and is mapped."""
        profile = rows.profile_like(draft)
        read = tuple((side, known[side].at) for side in sorted(known))
        key = (self._tenants(draft), read, profile)
        found = self._offers.get(key)
        if found is None:
            seen = {side: known[side].seen if side in known else NOTHING for side in Side}
            found = offer(profile, seen)
            while len(self._offers) >= MOST_OFFERS:
                self._offers.pop(next(iter(self._offers), None), None)
            self._offers[key] = found
        return found

    def _table(
        self, draft: Draft, known: Mapping[Side, Known], wrong: Mapping[str, str]
    ) -> dict[str, object]:
        sites, there = self.sites(draft), frozenset(known)
        found = self._offer(draft, known)
        problems = self._problems(draft)
        whole = len(there) == len(Side)
        return {
            "lacking": False,
            "sites": {side.value: sites[side] for side in Side},
            "own": draft.side.value,
            "sides": [self._side(side, sites, known, wrong, found) for side in Side],
            "waits": bool(set(Side) - there) and not wrong,
            "mapped": rows.mapped_rows(draft, found, there, problems, sites),
            "chosen": "fields" in draft.document,
            "suggestions": rows.suggested(found.suggestions) if whole else [],
            "guesses": rows.suggested(found.guesses) if whole else [],
            "notes": [say_how(one) for one in found.notes] if whole else [],
            "wanting": rows.wanting(found, there),
            "general": [one.sentence for one in problems if one.where == "fields"],
            **rows.choices(sites),
            **self._extras.shown(draft, problems, sites),
        }

    @staticmethod
    def _side(
        side: Side,
        sites: Mapping[Side, str],
        known: Mapping[Side, Known],
        wrong: Mapping[str, str],
        found: Offer,
    ) -> dict[str, object]:
        there = known.get(side)
        return {
            "value": side.value,
            "site": sites[side],
            "known": there is not None,
            "ago": ago(there.at) if there else "",
            "at": there.at if there else None,
            "wrong": wrong.get(side.value, ""),
            "free": rows.free(found, side) if there else [],
        }

    def _known(self, draft: Draft) -> dict[Side, Known]:
        found = {}
        for side in Side:
            scope = scope_of(draft, side)
            one = self._cache.known(self.editor.tenant(draft, side), scope) if scope else None
            if one is not None:
                found[side] = one
        return found

    def _problems(self, draft: Draft) -> tuple[DocumentProblem, ...]:
        """All that is wrong with a draft, looked for once in each of its versions."""
        key = (draft.id, draft.version)
        found = self._wrong.get(key)
        if found is None:
            found = rows.problems_of(draft)
            while len(self._wrong) >= MOST_OFFERS:
                self._wrong.pop(next(iter(self._wrong)), None)
            self._wrong[key] = found
        return found

    def _tenants(self, draft: Draft) -> tuple[TenantId, ...]:
        return tuple(self.editor.tenant(draft, side) for side in Side)

    def sites(self, draft: Draft) -> dict[Side, str]:
        """What both sites are called."""
        return {side: self.editor.desk.site_name(self.editor.tenant(draft, side)) for side in Side}

    def rule_of(self, draft: Draft, there: OfferedField) -> FieldRule:
        """What a side's site says of a field. Raises NotFound."""
        seen = self._known(draft)[there.side].seen
        for screen in (seen.create, seen.edit, seen.every):
            if screen and there.id in screen:
                return screen[there.id]
        raise NotFound

    def closed(self, draft: Draft) -> dict[str, object]:
        """The statuses of both sides, to close issues with. Raises SiteError."""
        found = {}
        for side in Side:
            scope = scope_of(draft, side)
            if scope is not None:
                ask = partial(_statuses, scope=scope)
                found[side.value] = ask(self.editor.site(draft, side))
        return {
            "draft": draft,
            "statuses": found,
            "sites": {side.value: name for side, name in self.sites(draft).items()},
            "lifecycle": draft.document.get("lifecycle") or {},
        }


def _statuses(site: Any, scope: Scope) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = site.statuses(int(scope.project_id), int(scope.issue_type_id))
    return found
