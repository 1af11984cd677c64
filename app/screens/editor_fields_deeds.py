"""What the Fields step does: each deed gives the draft as it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from app.language import gettext as _
from app.mapping.constants import choices_of, made
from app.mapping.drafts import Draft
from app.mapping.offer import OfferedField
from app.mapping.offer_pairs import ONLY_ONE, Offer
from app.mapping.profile import Flow, Moment, Policy, Side
from app.screens import editor_fields_rows as rows
from app.screens.editor_fields import FieldsStep
from app.screens.editor_fields_how import pairs_of
from app.screens.editor_fields_items import Extras
from app.screens.forms import form_text, refuse

LONGEST_TRANSFORM = 20_000  # characters that a draft keeps of one, right or wrong
ALL = "all"


class FieldDeeds:
    """Takes what the forms of the step say."""

    def __init__(self, step: FieldsStep) -> None:
        self._step = step
        self._extras = Extras(step.editor)

    def accept(self, draft: Draft) -> Draft:
        """Map the suggestions that the form names as LEFT=RIGHT, or all. Raises Problem."""
        found = self._step.offer_of(draft)
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
                site = self._step.sites(draft)[side]
                raise refuse(words, _("choose a field of %(site)s first.", site=site))
        ends = form_text("left"), form_text("right")
        return self._add(draft, self._step.offer_of(draft), [ends])

    def change(self, draft: Draft) -> Draft:
        """Change one mapping's direction, moment, policy or transform. Raises Problem."""
        every = rows.rows_of(draft)
        row = _row(every, form_text("key"))
        for name, choice in (("flow", Flow), ("moment", Moment), ("policy", Policy)):
            if name in request.form:
                row[name] = _one_of(name, choice)
        if "transform" in request.form:
            _transform(row, request.form["transform"])
        return self._step.editor.save(draft, {"fields": every})

    def drop(self, draft: Draft) -> Draft:
        """Map two fields no more. Raises Problem."""
        every = rows.rows_of(draft)
        every.remove(_row(every, form_text("key")))
        return self._step.editor.save(draft, {"fields": every})

    def constant(self, draft: Draft) -> Draft:
        """Give a field of one side a constant. Raises Problem, with the rule."""
        there = self.wanted(draft, request.form)
        rule = self._step.rule_of(draft, there)
        mapping = made(there.side, there.id, there.kind, request.form.getlist("constant"), rule)
        every = [
            one for one in rows.rows_of(draft) if f"{one['left']}={one['right']}" != mapping.key
        ]
        return self._step.editor.save(draft, {"fields": [*every, rows.row_of(mapping)]})

    def wanted(self, draft: Draft, asked: Mapping[str, str]) -> OfferedField:
        """The field that a form or a query names. Raises Problem."""
        if asked.get("side") not in set(Side):
            raise refuse("side", _("choose one from the list."))
        side = Side(asked["side"])
        for one in self._step.offer_of(draft).fields[side]:
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
            "options": choices_of(there.kind, self._step.rule_of(draft, there)),
        }

    def _add(self, draft: Draft, found: Offer, asked: list[tuple[str, str]]) -> Draft:
        taken = pairs_of(found, asked)
        added = [rows.row_of(one.mapping) for one in taken]
        return self._step.editor.save(draft, {"fields": [*rows.rows_of(draft), *added]})

    def items(self, draft: Draft) -> Draft:
        """Say of a kind of items whether and how it is carried. Raises Problem."""
        return self._extras.change_item(draft)

    def lifecycle(self, draft: Draft) -> Draft:
        """Say what becomes of twins. Raises Problem."""
        return self._extras.change_lifecycle(draft)


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
