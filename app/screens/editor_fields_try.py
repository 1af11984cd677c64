"""Sample values of a real issue beside the fields, and the result of a transform as it is typed.

Both are shown and never stored. The page holds the sample: it sends it along to try a transform.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import request

from app.jira.site import Issue, JiraSite, SiteError
from app.language import gettext as _
from app.language import tell
from app.mapping.drafts import Draft
from app.mapping.profile import FieldMapping, Flow, Kind, Profile, Scope, Side
from app.mapping.transforms import (
    Held,
    Inputs,
    IssueFacts,
    Target,
    TransformFailed,
    TransformProblem,
    compile_expression,
)
from app.mapping.values import UnreadableValueError, handler, read_fields, shorten
from app.screens import editor_fields_rows as rows
from app.screens.editor import connection_of
from app.screens.editor_draft import agreed, scope_of, sees_samples
from app.screens.editor_fields import FieldsStep
from app.screens.forms import form_text, refuse
from app.screens.site_errors import say_error
from app.screens.words import ACCOUNT, named
from app.tenants import samples

LATEST = 5  # issues that are looked at for one to show
MOST_RAW = 20_000  # characters of a value that is tried with
MOST_SENT = 400_000  # characters of a sample
LONGEST = 300  # characters of a value that are shown
OF_PEOPLE = frozenset({"emailAddress", "avatarUrls", "timeZone", "locale", "self"})
KEY = re.compile(r"[A-Z][A-Z0-9_]{0,50}-[1-9][0-9]{0,9}\Z")


class Samples:
    """Reads an issue of each side as far as its values may be shown to the draft's author."""

    def __init__(self, step: FieldsStep) -> None:
        self._step = step

    def shown(self, draft: Draft, key: str) -> dict[str, object]:
        """The values of the own issue of this key, or of the latest; and of the partner's what it
        agreed to let cross, or to let admins see."""
        sides = []
        for side in Side:
            if side is draft.side:
                sides.append(self._own(draft, key))
            else:
                sides.append(self._partners(draft))
        return {"samples": sides}

    def _own(self, draft: Draft, key: str) -> dict[str, Any]:
        if key and not KEY.match(key):
            raise refuse("key", _("give an issue key such as WEB-12."))
        return self._read(draft, draft.side, key, None)

    def _partners(self, draft: Draft) -> dict[str, Any]:
        """Where the partner's admins allow it, an issue of theirs; else what left the partner's
        site before anybody edited this draft: of a new one nothing."""
        side = draft.side.other
        if sees_samples(draft):
            return self._read(draft, side, "", None)
        allowed = agreed(self._step.editor.vault, draft)
        if allowed:
            return self._read(draft, side, "", allowed)
        site = self._step.sites(draft)[side]
        words = _(
            "Values of %(site)s are shown here once its admin has approved that they cross; or at "
            "once to the admins of your site, where an admin of %(site)s allows it there, on "
            "Tandem's page Settings, under Sample values.",
            site=site,
        )
        if samples.may_see(draft.tenant, connection_of(draft)):
            words = _(
                "An admin of %(site)s lets the admins of your site see values of its issues here. "
                "You are none: ask one of them to look, or to give you the role.",
                site=site,
            )
        return {"side": side.value, "sentence": words, "values": []}

    def _read(
        self, draft: Draft, side: Side, key: str, allowed: frozenset[str] | None
    ) -> dict[str, Any]:
        scope = scope_of(draft, side)
        told: dict[str, Any] = {"side": side.value, "sentence": "", "values": []}
        if scope is None:
            return told
        try:
            issue = _sample(self._step.editor.site(draft, side), scope, key)
        except SiteError as error:
            return told | {"sentence": say_error(self._step.sites(draft)[side], error)}
        if issue is None:
            return told | {"sentence": _nothing(key, self._step.sites(draft)[side])}
        shown = self._step.offer_of(draft).fields[side]
        kinds = {one.id: one.kind for one in shown}
        values = []
        for name, raw in issue.fields.items():
            if name in kinds and (allowed is None or name in allowed):
                values.append(_value(name, raw, rows.mapped_kind(draft, side, name) or kinds[name]))
        _name_people(values, self._step.editor.site(draft, side))
        return told | {"key": issue.key, "values": values, "about": _about(issue)}


def try_transform(draft: Draft) -> dict[str, object]:
    """What the expression of the form makes of the samples that came along. Raises Problem."""
    key, text = form_text("key"), request.form.get("transform", "")
    mapping = next((one for one in rows.profile_like(draft).fields if one.key == key), None)
    if mapping is None:
        raise refuse("key", _("these two fields are mapped no more: open the step again."))
    if not text.strip():
        return {"said": "", "wrong": ""}
    to = Side.LEFT if mapping.flow is Flow.TO_LEFT else Side.RIGHT
    profile = rows.profile_like(draft)
    try:
        transform = compile_expression(text)
        unknown = transform.unknown(
            frozenset(one.field(to.other) for one in profile.fields),
            frozenset(one.field(to) for one in profile.fields),
            frozenset(name for name, _entries in mapping.tables),
        )
        if unknown is not None:
            return {"wrong": tell(unknown.sentence)}
        inputs = _inputs(profile, mapping, to)
        if inputs is None:
            return {"said": "", "waits": True}
        value = transform.apply(inputs, Target.of(mapping, to))
    except (TransformProblem, TransformFailed) as fault:
        return {"wrong": tell(fault.sentence)}
    told = handler(mapping.kind_of(to)).text(value)
    return {"said": shorten(told, LONGEST), "empty": not told.strip()}


def _sample(site: JiraSite, scope: Scope, key: str) -> Issue | None:
    """An issue of the scope without a security level: of this key, or the latest."""
    fields = ["*all", "-comment", "-worklog", "-attachment"]
    if key:
        found = list(site.fetch([key], fields).values())
    else:
        page = site.search(f"{scope.jql()} ORDER BY updated DESC", [], size=LATEST)
        ids = [one.id for one in page.issues]
        read = site.fetch(ids, fields) if ids else {}
        found = [read[one] for one in ids if one in read]
    return next((one for one in found if _may_be_shown(one, scope)), None)


def _may_be_shown(issue: Issue, scope: Scope) -> bool:
    """Whether it is of the scope, and everybody who sees the project sees it."""
    project, kind = (issue.fields.get(name) or {} for name in ("project", "issuetype"))
    where = str(project.get("id")), str(kind.get("id"))
    return where == (scope.project_id, scope.issue_type_id) and not issue.fields.get("security")


def _nothing(key: str, site: str) -> str:
    if key:
        return _(
            "%(key)s is no issue of this project and type that Tandem sees, or it has a security "
            "level.",
            key=key,
        )
    return _("%(site)s has no issue of this project and type to show yet.", site=site)


def _value(name: str, raw: Any, kind: Kind) -> dict[str, Any]:
    try:
        said = handler(kind).text(handler(kind).read(raw))
    except UnreadableValueError:
        said = ""
    sent = json.dumps(_without_traces(raw), ensure_ascii=False)
    return {
        "field": name,
        "said": shorten(said, LONGEST) if said.strip() else "",
        "raw": sent if len(sent) <= MOST_RAW else "null",
    }


def _without_traces(raw: Any) -> Any:
    """What a site sent of a value, without what no transform reads of people."""
    if isinstance(raw, Mapping):
        kept = {name: one for name, one in raw.items() if name not in OF_PEOPLE}
        return {name: _without_traces(one) for name, one in kept.items()}
    if isinstance(raw, list):
        return [_without_traces(one) for one in raw]
    return raw


def _name_people(values: list[dict[str, Any]], site: JiraSite) -> None:
    """Have people shown by their names; by none where the site does not tell them."""
    found = sorted({account for one in values for account in ACCOUNT.findall(one["said"])})
    try:
        people = site.people(found) if found else {}
    except SiteError:
        people = {}
    for one in values:
        one["said"] = named(one["said"], people)


def _about(issue: Issue) -> str:
    named = {name: issue.fields.get(name) or {} for name in ("issuetype", "project")}
    facts = {
        "key": issue.key,
        "type": str(named["issuetype"].get("name", "")),
        "project": str(named["project"].get("key", "")),
    }
    return json.dumps(facts, ensure_ascii=False)


def _inputs(profile: Profile, mapping: FieldMapping, to: Side) -> Inputs | None:
    """What an expression works on, by the sample that the page sent; None where it has none."""
    sent = request.form.get("samples", "")
    if len(sent) > MOST_SENT:
        raise refuse("samples", _("are too large to try with: choose another issue."))
    try:
        samples = json.loads(sent or "{}")
        fields = {side: dict(samples.get(side.value, {}).get("fields", {})) for side in Side}
        abouts = {side: dict(samples.get(side.value, {}).get("about", {})) for side in Side}
    except (ValueError, AttributeError, TypeError):
        raise refuse("samples", _("are not readable: open the step again.")) from None
    held = {side: _held(profile, side, fields[side]) for side in Side}
    value = held[to.other].get(mapping.field(to.other))
    if value is None:
        return None
    return Inputs(
        value,
        held[to.other],
        held[to],
        _facts(abouts[to.other]),
        _facts(abouts[to]),
        {name: dict(entries) for name, entries in mapping.tables},
    )


def _held(profile: Profile, side: Side, raw: Mapping[str, object]) -> dict[str, Held]:
    reading = read_fields(profile.fields, side, raw)
    return {
        one.field(side): Held(one.kind_of(side), reading.values[one.key])
        for one in profile.fields
        if one.field(side) in raw and one.key in reading.values
    }


def _facts(about: Mapping[str, object]) -> IssueFacts:
    said = (str(about.get(name, "")) for name in ("key", "type", "project"))
    return IssueFacts(*said)
