"""The editor's Fields step: which fields belong together, and in which direction they go."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from flask import request

from app.database import TenantId
from app.errors import NotFound, Problem
from app.jira.site import SiteError
from app.language import gettext as _
from app.mapping.constants import choices_of, made
from app.mapping.document_checks import DocumentProblem
from app.mapping.drafts import Draft
from app.mapping.offer import OfferedField, Seen
from app.mapping.offer_pairs import ONLY_ONE, Offer, offer
from app.mapping.profile import Flow, Moment, Policy, Scope, Side
from app.screens import editor_fields_rows as rows
from app.screens.editor import Editor
from app.screens.editor_fields_how import pairs_of, say_how
from app.screens.editor_fields_items import Extras
from app.screens.forms import form_text, refuse
from app.screens.site_errors import say_error
from app.screens.words import ago
from app.sync.field_cache import FieldCache, Known, ended

NOTHING = Seen(None, None, {}, None)
LONGEST_TRANSFORM = 20_000  # characters that a draft keeps of one, right or wrong
ALL = "all"
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
        lacking = [side for side in Side if rows.scope_of(draft, side) is None]
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
            scope = rows.scope_of(draft, side)
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
            scope = rows.scope_of(draft, side)
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

    # -- what it does: each gives the draft as it is saved

    def accept(self, draft: Draft) -> Draft:
        """Map the suggestions that the form names as LEFT=RIGHT, or all. Raises Problem."""
        found = self.offer_of(draft)
        every = (*found.suggestions, *found.guesses)
        asked = request.form.getlist("pair")
        if ALL in asked:
            asked = [one.mapping.key for one in every if one.reason != ONLY_ONE]
        return self._add(draft, found, [_ends(one) for one in asked])

    def pair(self, draft: Draft) -> Draft:
        """Map two fields that somebody chose. Raises Problem, with the reason, where they cannot
        be."""
        for side, words in ((Side.LEFT, "left"), (Side.RIGHT, "right")):
            if not request.form.get(words):
                site = self.sites(draft)[side]
                raise refuse(words, _("choose a field of %(site)s first.", site=site))
        ends = form_text("left"), form_text("right")
        return self._add(draft, self.offer_of(draft), [ends])

    def change(self, draft: Draft) -> Draft:
        """Change one mapping's direction, moment, policy or transform. Raises Problem."""
        every = rows.rows_of(draft)
        row = _row(every, form_text("key"))
        for name, choice in (("flow", Flow), ("moment", Moment), ("policy", Policy)):
            if name in request.form:
                row[name] = _one_of(name, choice)
        if "transform" in request.form:
            _transform(row, request.form["transform"])
        return self.editor.save(draft, {"fields": every})

    def drop(self, draft: Draft) -> Draft:
        """Map two fields no more. Raises Problem."""
        every = rows.rows_of(draft)
        every.remove(_row(every, form_text("key")))
        return self.editor.save(draft, {"fields": every})

    def constant(self, draft: Draft) -> Draft:
        """Give a field of one side a constant. Raises Problem, with the rule."""
        there = self.wanted(draft, request.form)
        rule = self._rule(draft, there)
        mapping = made(there.side, there.id, there.kind, request.form.getlist("constant"), rule)
        every = [
            one for one in rows.rows_of(draft) if f"{one['left']}={one['right']}" != mapping.key
        ]
        return self.editor.save(draft, {"fields": [*every, rows.row_of(mapping)]})

    def wanted(self, draft: Draft, asked: Mapping[str, str]) -> OfferedField:
        """The field that a form or a query names. Raises Problem."""
        if asked.get("side") not in set(Side):
            raise refuse("side", _("choose one from the list."))
        side = Side(asked["side"])
        for one in self.offer_of(draft).fields[side]:
            if one.id == asked.get("field"):
                return one
        raise refuse("field", _("choose one from the list."))

    def constant_form(self, draft: Draft) -> dict[str, object]:
        """What the form of a constant shows."""
        there = self.wanted(draft, request.args)
        return {
            "draft": draft,
            "field": there,
            "kind": there.kind.value,
            "options": choices_of(there.kind, self._rule(draft, there)),
        }

    def _rule(self, draft: Draft, there: OfferedField) -> Any:
        seen = self._known(draft)[there.side].seen
        for screen in (seen.create, seen.edit, seen.every):
            if screen and there.id in screen:
                return screen[there.id]
        raise NotFound

    def _add(self, draft: Draft, found: Offer, asked: list[tuple[str, str]]) -> Draft:
        taken = pairs_of(found, asked)
        added = [rows.row_of(one.mapping) for one in taken]
        return self.editor.save(draft, {"fields": [*rows.rows_of(draft), *added]})

    def items(self, draft: Draft) -> Draft:
        """Say of a kind of items whether and how it is carried. Raises Problem."""
        return self._extras.change_item(draft)

    def lifecycle(self, draft: Draft) -> Draft:
        """Say what becomes of twins. Raises Problem."""
        return self._extras.change_lifecycle(draft)

    def closed(self, draft: Draft) -> dict[str, object]:
        """The statuses of both sides, to close issues with. Raises SiteError."""
        found = {}
        for side in Side:
            scope = rows.scope_of(draft, side)
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


def _ends(key: str) -> tuple[str, str]:
    left, equals, right = key.partition("=")
    if not (left and equals and right):
        raise refuse("pair", _("choose one from the list."))
    return left, right


def _row(every: list[dict[str, Any]], key: str) -> dict[str, Any]:
    for one in every:
        if f"{one['left']}={one['right']}" == key:
            return one
    raise refuse("key", _("these two fields are mapped no more: open the step again."))


def _one_of(name: str, choice: type[Flow] | type[Moment] | type[Policy]) -> str:
    given = request.form[name]
    if given not in {one.value for one in choice}:
        raise refuse(name, _("choose one from the list."))
    return given


def _transform(row: dict[str, Any], text: str) -> None:
    """Give a mapping its expression as it is typed, right or wrong; an empty one takes it away."""
    if len(text) > LONGEST_TRANSFORM:
        raise refuse("transform", _("is too long to be kept: shorten it."))
    if not text.strip():
        row.pop("transform", None)
        row.pop("tables", None)
        return
    row["transform"] = text
    if row.get("flow", Flow.BOTH.value) == Flow.BOTH.value:
        # It works in one direction; which one somebody has to say, and this is the usual one.
        row["flow"] = Flow.TO_RIGHT.value
