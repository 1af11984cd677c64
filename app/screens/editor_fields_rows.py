"""The rows of the Fields step: what a draft maps and could map, as its template shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.language import gettext as _
from app.mapping.constants import can_be_given, constant_of, shown
from app.mapping.document import DocumentError, dump_profile
from app.mapping.document_checks import DocumentProblem
from app.mapping.drafts import Draft
from app.mapping.field_types import pairs_with
from app.mapping.naming import field_name
from app.mapping.offer import ELSEWHERE, OfferedField
from app.mapping.offer_pairs import ONLY_ONE, Offer, Pair
from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Policy, Profile, Scope, Side
from app.screens.editor_draft import fields_of, profile_of, scope_of
from app.screens.editor_fields_how import say_how
from app.screens.editor_fields_words import KINDS, MOMENTS, POLICIES, REASONS

Shown = dict[str, Any]
ARROWS = {Flow.BOTH: "↔", Flow.TO_RIGHT: "→", Flow.TO_LEFT: "←"}
NOWHERE = Scope("0", "0")


def rows_of(draft: Draft) -> list[dict[str, Any]]:
    """The field mappings of a draft, as its document has them; the usual ones where none was
    chosen yet."""
    return [dict(one) for one in fields_of(draft.document)]


def mapping_of(row: Mapping[str, Any]) -> FieldMapping:
    """A row of a draft as far as it says which fields it has and how it flows, right or wrong."""
    tables = row.get("tables") or {}
    return FieldMapping(
        str(row["left"]),
        str(row["right"]),
        Kind(row["kind"]),
        flow=Flow(row.get("flow", Flow.BOTH)),
        policy=Policy(row.get("policy", Policy.NEWER)),
        moment=Moment(row.get("moment", Moment.ALWAYS)),
        right_kind=Kind(row["right_kind"]) if row.get("right_kind") else None,
        transform=row.get("transform"),
        tables=tuple((name, tuple(entries.items())) for name, entries in tables.items()),
    )


def row_of(mapping: FieldMapping) -> dict[str, Any]:
    """A mapping as a row of a document."""
    rows: Any = dump_profile(Profile(NOWHERE, NOWHERE, (mapping,)))["fields"]
    return dict(rows[0])


def profile_like(draft: Draft) -> Profile:
    """The draft's scopes and mappings, right or wrong."""
    scopes = {side: scope_of(draft, side) or NOWHERE for side in Side}
    fields = tuple(mapping_of(one) for one in rows_of(draft))
    return Profile(scopes[Side.LEFT], scopes[Side.RIGHT], fields)


def mapped_kind(draft: Draft, side: Side, field: str) -> Kind | None:
    """The kind that a field is mapped as; None where it is not."""
    found = (mapping_of(one) for one in rows_of(draft) if one[side.value] == field)
    return next((one.kind_of(side) for one in found), None)


def problems_of(draft: Draft) -> tuple[DocumentProblem, ...]:
    """All that is wrong with a draft's document."""
    try:
        profile_of(draft)
    except DocumentError as error:
        return error.problems
    return ()


def below(problems: Iterable[DocumentProblem], *path: str) -> list[str]:
    """The sentences about a place of the document, and what is below it."""
    where = ".".join(path)
    return [
        one.sentence for one in problems if one.where == where or one.where.startswith(f"{where}.")
    ]


def mapped_rows(
    draft: Draft,
    offer: Offer,
    known: frozenset[Side],
    problems: Sequence[DocumentProblem],
    sites: Mapping[Side, str],
) -> list[Shown]:
    """The mappings of a draft, each with what is wrong with it. `known`: the sides whose fields
    were read."""
    ends = {side: {one.id: one for one in offer.fields[side]} for side in Side}
    kinds = _kinds()
    found = []
    for place, mapping in enumerate(offer.profile.fields):
        own = {
            side: _end_of(ends[side].get(mapping.field(side)), side, mapping, offer, kinds)
            for side in Side
        }
        constant = constant_of(mapping)
        found.append(
            {
                "key": mapping.key,
                "dom": mapping.key.replace("=", "--"),
                "left": own[Side.LEFT],
                "right": own[Side.RIGHT],
                "arrow": ARROWS[mapping.flow],
                "flow": mapping.flow.value,
                "flows": _flows(mapping, sites),
                "moment": mapping.moment.value,
                "policy": mapping.policy.value,
                "both": mapping.flow is Flow.BOTH,
                "transform": mapping.transform or "",
                "constant": None if constant is None else shown(constant),
                "to": Side.LEFT.value if mapping.flow is Flow.TO_LEFT else Side.RIGHT.value,
                "usual": mapping.moment is Moment.ALWAYS
                and mapping.policy is Policy.NEWER
                and mapping.transform is None,
                "wrong": [
                    *below(problems, "fields", str(place)),
                    *_screens(mapping, offer, known, sites),
                ],
            }
        )
    return found


def suggested(pairs: Sequence[Pair]) -> list[Shown]:
    """Suggestions, each with its reason and how its values cross."""
    kinds = _kinds()
    return [
        {
            "key": one.mapping.key,
            "dom": one.mapping.key.replace("=", "--"),
            "left": _end(one.left, kinds),
            "right": _end(one.right, kinds),
            "arrow": ARROWS[one.mapping.flow],
            "reason": _(REASONS.get(one.reason, one.reason)),
            "score": one.score,
            "sure": one.reason != ONLY_ONE,
            "how": say_how(one.how),
        }
        for one in pairs
    ]


def wanting(offer: Offer, known: frozenset[Side]) -> list[Shown]:
    """The required fields that nothing feeds, each with what can be done about it."""
    keys = {(p.left.side, p.left.id): p.mapping.key for p in offer.suggestions}
    keys |= {(p.right.side, p.right.id): p.mapping.key for p in offer.suggestions}
    kinds = _kinds()
    return [
        {
            **_end(one, kinds),
            "side": one.side.value,
            "given": can_be_given(one.id, one.kind) and one.id not in ELSEWHERE,
            "elsewhere": ELSEWHERE.get(one.id, ""),
            "suggestion": keys.get((one.side, one.id)) if offer.fills(one) else None,
        }
        for one in offer.wanting
        if one.side in known
    ]


def free(offer: Offer, side: Side) -> list[Shown]:
    """The fields of a side that are mapped to nothing, to be paired by hand."""
    kinds = _kinds()
    return [
        _end(one, kinds)
        for one in offer.fields[side]
        if not one.mapped_to and not one.fed_by and one.id not in ELSEWHERE
    ]


def choices(sites: Mapping[Side, str]) -> dict[str, list[tuple[str, str]]]:
    """What moments and policies there are, in words."""
    names = {side.value: name for side, name in sites.items()}
    return {
        "moments": [(one.value, _(words)) for one, words in MOMENTS.items()],
        "policies": [(one.value, _(words, **names)) for one, words in POLICIES.items()],
    }


def _kinds() -> dict[Kind, str]:
    """What the kinds are called, looked up once for many fields."""
    return {kind: _(words) for kind, words in KINDS.items()}


def _end(one: OfferedField, kinds: Mapping[Kind, str]) -> Shown:
    return {
        "id": one.id,
        "name": one.name,
        "kind": kinds[one.kind],
        "required": one.required,
    }


def _end_of(
    there: OfferedField | None,
    side: Side,
    mapping: FieldMapping,
    offer: Offer,
    kinds: Mapping[Kind, str],
) -> Shown:
    """A mapped field: as its site tells of it, else by what is known of every Jira."""
    name, kind = mapping.field(side), mapping.kind_of(side)
    if there is not None:
        return {**_end(there, kinds), "kind": kinds[kind]}
    rule = offer.seen[side].every.get(name)
    words = rule.name if rule else field_name(name)
    return {"id": name, "name": words, "required": False, "kind": kinds[kind]}


def _flows(mapping: FieldMapping, sites: Mapping[Side, str]) -> list[Shown]:
    """The directions, each with whether the two kinds allow it."""
    fit = pairs_with(mapping.kind_of(Side.LEFT), mapping.kind_of(Side.RIGHT)).flow
    words = {
        Flow.BOTH: _("↔ Both ways"),
        Flow.TO_RIGHT: _("→ To %(site)s", site=sites[Side.RIGHT]),
        Flow.TO_LEFT: _("← To %(site)s", site=sites[Side.LEFT]),
    }
    made = mapping.transform is not None
    return [
        {
            "value": one.value,
            "words": words[one],
            "possible": one is not Flow.BOTH if made else fit in {Flow.BOTH, one},
        }
        for one in Flow
    ]


def _screens(
    mapping: FieldMapping, offer: Offer, known: frozenset[Side], sites: Mapping[Side, str]
) -> Iterator[str]:
    """What the screens of the sites stand in the way of."""
    for side in known:
        name = mapping.field(side)
        there = next((one for one in offer.fields[side] if one.id == name), None)
        told = {"field": name, "site": sites[side]}
        if there is None:
            if name not in offer.seen[side].every:
                yield _("%(field)s is no field of %(site)s any more.", **told)
        elif not mapping.flow.feeds(side):
            continue
        elif there.takes is None:
            yield _("%(site)s only shows %(field)s: %(why)s.", **told, why=say_how(there.why))
        elif there.takes is Moment.UPDATE and mapping.moment is Moment.CREATE:
            yield _(
                "%(field)s is not on the create screen of %(site)s, so nothing would be written.",
                **told,
            )
