"""A draft as the profile that it would become, and what is still wrong with it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.database import TenantId
from app.errors import NotFound, Problem
from app.language import gettext as _
from app.mapping import drafts, profiles
from app.mapping.document import VERSION, DocumentError, dump_profile, load_profile
from app.mapping.drafts import Draft
from app.mapping.models import ProfileState
from app.mapping.naming import field_name
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profile_name import name_problem, tidy
from app.mapping.profiles import StoredProfile
from app.mapping.subtasks import PARENT
from app.said import together
from app.screens.rehearsed import crossing
from app.tenants import samples
from app.tenants.caller import Permission
from app.tenants.gate import current_standing
from app.vault.vault import Vault

NO_MAPPING = frozenset({"name", "connection", drafts.NAMED})
"""The keys of a draft's document that are none of the mapping document."""
STEP_OF = {
    "name": "projects",
    "left": "projects",
    "right": "projects",
    "connection": "partner",
    "users": "values",
    "moves": "values",
}
"""By the first word of a place in the document: the step that says it; of others "fields"."""


@dataclass(frozen=True)
class Wrong:
    """Something that a draft may not be saved with. `step`: where it is mended. `of`: the fields
    that it is about, where it is about some."""

    step: str
    where: str
    sentence: str
    of: str = ""


def profile_of(draft: Draft) -> Profile:
    """The profile that a draft would become. Raises DocumentError with all that is wrong."""
    document = {k: v for k, v in draft.document.items() if k not in NO_MAPPING}
    document["fields"] = fields_of(document)
    return load_profile({"version": VERSION, **document})


def fields_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The field mappings of a draft's document; the usual ones where none was chosen yet."""
    found: Sequence[Mapping[str, Any]] = document.get("fields") or ()
    return found if "fields" in document else _usual(document)


def scope_of(draft: Draft, side: Side) -> Scope | None:
    """The scope that was chosen of a side; None where it was not."""
    chosen = draft.document.get(side.value) or {}
    if not chosen.get("project") or not chosen.get("issue_type"):
        return None
    return Scope(
        str(chosen["project"]),
        str(chosen["issue_type"]),
        chosen.get("filter"),
        bool(chosen.get("subtask")),
    )


def wrong_with(draft: Draft) -> list[Wrong]:
    """All that stands in the way of saving a draft, in the order of the steps."""
    found: list[Wrong] = []
    if "connection" not in draft.document:
        found.append(Wrong("partner", "connection", _("Choose the partner's site.")))
    for side in Side:
        chosen = draft.document.get(side.value) or {}
        if not chosen.get("project") or not chosen.get("issue_type"):
            found.append(_lacks_scope(draft, side))
    wrong_name = name_problem(tidy(str(draft.document.get("name") or "")))
    if wrong_name is not None:
        found.append(Wrong("projects", "name", wrong_name))
    if found:
        return found  # the document cannot be read before
    try:
        profile_of(draft)
    except DocumentError as error:
        found += [
            Wrong(_step(one.where), one.where, one.sentence, _fields_at(draft, one.where))
            for one in error.problems
        ]
    return found


def stored_of(draft: Draft, partner: TenantId) -> StoredProfile:
    """A draft as the engine takes a profile, to rehearse it. Raises DocumentError."""
    left, right = draft.tenant, partner
    if draft.side is Side.RIGHT:
        left, right = right, left
    return StoredProfile(
        id=draft.profile_id or draft.id,
        left_tenant=left,
        right_tenant=right,
        name=str(draft.document.get("name") or ""),
        state="on",
        reason=None,
        profile=profile_of(draft),
        revision=draft.base_revision or 1,
    )


def agreed(vault: Vault, draft: Draft) -> frozenset[str]:
    """The partner's fields whose values its admin has approved to cross to the own side, by the
    profile as it is in force; of a new one none."""
    if draft.profile_id is None:
        return frozenset()
    stored = profiles.load(vault, draft.profile_id)
    if stored.state == ProfileState.PROPOSED:
        return frozenset()
    return crossing(stored.profile, draft.side)


def sees_samples(draft: Draft) -> bool:
    """Whether the partner lets this person see values of its issues: he is an admin of his site,
    and an admin there said so."""
    connection = draft.document.get("connection")
    if connection is None or not current_standing().may(Permission.CONNECT):
        return False
    return samples.may_see(draft.tenant, uuid.UUID(str(connection)))


def told(vault: Vault, draft: Draft, profile: Profile) -> frozenset[str]:
    """The partner's fields of which a dry run of a draft may tell values to this person."""
    if sees_samples(draft):
        return frozenset(one.field(draft.side.other) for one in profile.fields)
    return agreed(vault, draft)


def parts_of(document: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """These keys of a draft's document that were chosen."""
    return {key: document[key] for key in sorted(keys & document.keys())}


def problem_of(wrong: list[Wrong]) -> Problem:
    """The refusal of a draft that is not whole."""
    first = wrong[0]
    return Problem(
        together([f"{first.where}:", first.sentence]),
        code="draft-not-whole",
        field=first.where,
        status=422,
    )


def profile_uuid(draft: Draft) -> uuid.UUID:
    """The profile that a draft edits. Raises NotFound where it makes a new one."""
    if draft.profile_id is None:
        raise NotFound
    return draft.profile_id


def _lacks_scope(draft: Draft, side: Side) -> Wrong:
    if side is draft.side:
        return Wrong("projects", side.value, _("Choose a project and an issue type of your site."))
    return Wrong("projects", side.value, _("Choose a project and an issue type of the partner."))


def _fields_at(draft: Draft, where: str) -> str:
    """The fields of the mapping that a place of the document is in, as people say them."""
    top, number, *_rest = [*where.split("."), ""]
    rows = fields_of(draft.document)
    if top != "fields" or not number.isdigit() or int(number) >= len(rows):
        return ""
    ids = [str(rows[int(number)].get(side.value) or "") for side in Side]
    return " / ".join(dict.fromkeys(field_name(one) for one in ids if one))


def _step(where: str) -> str:
    top, _dot, rest = where.partition(".")
    if (top == "fields" and "values" in rest) or (top == "items" and ".types" in rest):
        return "values"
    return STEP_OF.get(top, "fields")


def _usual(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The fields that are carried where nothing was chosen."""
    nowhere = Scope("0", "0")
    subtask = any((document.get(side.value) or {}).get("subtask") for side in Side)
    usual = (*DEFAULT_FIELDS, PARENT) if subtask else DEFAULT_FIELDS
    rows: Any = dump_profile(Profile(nowhere, nowhere, usual))["fields"]
    found: Sequence[Mapping[str, Any]] = rows
    return found
