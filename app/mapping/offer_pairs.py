"""Which fields of two sides can be mapped together, which of them are suggested, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.errors import Problem
from app.mapping.field_types import pairs_with
from app.mapping.offer import ELSEWHERE, OfferedField, Seen, offered
from app.mapping.offer_similar import only_ones, similar_names
from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Profile, Side
from app.mapping.values import handler

SAME_FIELD = "the same field of every Jira"
SAME_NAME = "the same name"
SIMILAR_NAME = "a similar name"
ONLY_ONE = "the only one of this type on both sides"
ASKED_FOR = "asked for"
# Only where somebody asks for it: who may see an issue is nothing to carry by the way.
_ALONE = frozenset({Kind.SECURITY})
# Jira lists no values of these to look a name up in.
_BY_ROWS = frozenset({Kind.SPRINT, Kind.ORGANIZATIONS, Kind.REQUEST_TYPE})

_Group: TypeAlias = tuple[Sequence[OfferedField], Sequence[OfferedField], str]
"""Fields of the left and fields of the right that may belong together, and why."""


@dataclass(frozen=True)
class Pair:
    """Two fields that can be mapped together. `reason`: why these two. `how`: how their values
    cross, and why not in both directions or not always, where that is so. `score`: how much their
    names are alike, of 100."""

    left: OfferedField
    right: OfferedField
    mapping: FieldMapping
    reason: str
    how: str
    score: int = 100


@dataclass(frozen=True)
class Offer:
    """What a profile could map: the fields of both sides, and the pairs that suggest themselves.

    `unknown`: a sentence for what a site did not tell. `notes`: one for each pair that almost
    suggests itself. `guesses`: pairs of what is left, by similar names and by type, which somebody
    should look at before they are taken.
    """

    profile: Profile
    seen: Mapping[Side, Seen]
    fields: Mapping[Side, tuple[OfferedField, ...]]
    suggestions: tuple[Pair, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    guesses: tuple[Pair, ...] = ()

    @property
    def wanting(self) -> tuple[OfferedField, ...]:
        """The required fields that nothing feeds: without them no issue is made on their side."""
        return tuple(one for side in Side for one in self.fields[side] if one.wanting)

    def fills(self, wanted: OfferedField) -> bool:
        """Whether a suggestion would feed a required field."""
        ends = [
            (one, one.left if wanted.side is Side.LEFT else one.right) for one in self.suggestions
        ]
        return any(
            end.id == wanted.id
            and one.mapping.flow.feeds(wanted.side)
            and one.mapping.moment is not Moment.UPDATE
            for one, end in ends
        )

    def pairs(self, asked: Sequence[tuple[str, str]]) -> tuple[Pair, ...]:
        """The pairs of these ids, left and right, to be mapped together with what is mapped. Raises
        Problem, which names each that is impossible: then none of them is taken."""
        found: list[Pair] = []
        refused: list[str] = []
        for left_id, right_id in asked:
            left, right = self._find(Side.LEFT, left_id), self._find(Side.RIGHT, right_id)
            if isinstance(left, str) or isinstance(right, str):
                made: Pair | str = "; ".join(one for one in (left, right) if isinstance(one, str))
            else:
                made = self._pair(left, right, found)
            if isinstance(made, str):
                refused.append(f"{left_id}={right_id}: {made}.")
            else:
                found.append(made)
        if refused:
            raise Problem(" ".join(refused), code="invalid-field", field="fields")
        return tuple(found)

    def _pair(self, left: OfferedField, right: OfferedField, before: Sequence[Pair]) -> Pair | str:
        fields = (*self.profile.fields, *(one.mapping for one in before))
        known = {one.mapping.key: one.reason for one in (*self.guesses, *self.suggestions)}
        reason = known.get(f"{left.id}={right.id}", ASKED_FOR)
        return possible(left, right, fields, reason)

    def _find(self, side: Side, field_id: str) -> OfferedField | str:
        """A field of a side, or what is wrong with naming it."""
        if field_id in ELSEWHERE:
            return f"{field_id} is no field to map: {ELSEWHERE[field_id]}"
        for one in self.fields[side]:
            if one.id == field_id:
                return one
        if field_id in self.seen[side].every:
            gone = "" if self.seen[side].held is not None else ", or there is none yet to tell"
            return (
                f"{field_id} is on no screen of the {side.value} scope, and its issues do not "
                f"have it{gone}"
            )
        if any(field_id == one.id for one in self.fields[side.other]) or (
            field_id in self.seen[side.other].every
        ):
            return (
                f"{field_id} is a field of the {side.other.value} site, not of the {side.value} "
                "one: the left side's is named first"
            )
        return f"{field_id} is no field of the {side.value} site"


def offer(profile: Profile, seen: Mapping[Side, Seen]) -> Offer:
    """What a profile could map, by what its two sites tell."""
    fields = {side: offered(side, seen[side], profile) for side in Side}
    left, right = ([one for one in fields[side] if _is_free(one)] for side in Side)
    unknown = tuple(one for side in Side for one in _unknown(side, seen[side], profile))
    found: list[Pair] = []
    notes: list[str] = []
    for mine, theirs, reason in (*_same_field(left, right), *_same_name(left, right)):
        used = {end for pair in found for end in (pair.left, pair.right)}
        ones, twins = ([end for end in group if end not in used] for group in (mine, theirs))
        made = _suggested(ones, twins, reason) if ones and twins else None
        if isinstance(made, Pair):
            found.append(made)
        elif made is not None:
            notes.append(made)
    guesses = tuple(_guesses(left, right, found))
    return Offer(profile, seen, fields, tuple(found), unknown, tuple(notes), guesses)


def _guesses(
    left: Sequence[OfferedField],
    right: Sequence[OfferedField],
    found: Sequence[Pair],
) -> Iterator[Pair]:
    """Of what no suggestion has: what may belong together by similar names, then by type."""
    used = {(end.side, end.id) for pair in found for end in (pair.left, pair.right)}
    for search, reason in ((similar_names, SIMILAR_NAME), (only_ones, ONLY_ONE)):
        mine, theirs = (
            [one for one in group if (one.side, one.id) not in used and one.kind not in _ALONE]
            for group in (left, right)
        )
        for one, twin, score in search(mine, theirs):
            ends = {(one.side, one.id), (twin.side, twin.id)}
            # No mapping has either: none needs to be looked at.
            made = possible(one, twin, (), reason) if not ends & used else ""
            if isinstance(made, Pair):
                used |= ends
                yield replace(made, score=score)


def _is_free(one: OfferedField) -> bool:
    return not one.mapped_to and not one.hidden and one.id not in ELSEWHERE


def _same_field(left: Sequence[OfferedField], right: Sequence[OfferedField]) -> Iterator[_Group]:
    twins = {one.id: one for one in right if one.system}
    for one in left:
        if one.system and one.id in twins:
            yield [one], [twins[one.id]], SAME_FIELD


def _same_name(left: Sequence[OfferedField], right: Sequence[OfferedField]) -> Iterator[_Group]:
    named: dict[str, tuple[list[OfferedField], list[OfferedField]]] = {}
    for place, ones in enumerate((left, right)):
        for one in ones:
            named.setdefault(" ".join(one.name.casefold().split()), ([], []))[place].append(one)
    for mine, theirs in named.values():
        if any(not (one.system and one.id == twin.id) for one in mine for twin in theirs):
            yield mine, theirs, SAME_NAME


def _suggested(
    ones: Sequence[OfferedField],
    twins: Sequence[OfferedField],
    reason: str,
) -> Pair | str | None:
    """The pair that fields of the left and of the right suggest; or why there is none, where that
    is worth a sentence."""
    left, right = ones[0], twins[0]
    if len(ones) > 1 or len(twins) > 1:
        many = " and ".join(
            f"{', '.join(one.id for one in group)} on the {group[0].side.value} side"
            for group in (ones, twins)
        )
        return f"several fields have the name {left.name}: {many}. Say which two belong together"
    made = possible(left, right, (), reason)  # both are free
    if isinstance(made, Pair) and left.kind in _ALONE:
        return f"{left.id} and {right.id} are left alone unless somebody asks for them"
    if isinstance(made, Pair) or handler(left.kind).writable or handler(right.kind).writable:
        return made if isinstance(made, Pair) else f"{left.id} and {right.id}: {reason}, but {made}"
    return None


def possible(
    left: OfferedField, right: OfferedField, fields: Sequence[FieldMapping], reason: str
) -> Pair | str:
    """Two fields as a pair beside what is mapped already, in every direction that works; or why
    there is none."""
    if any((one.left, one.right) == (left.id, right.id) for one in fields):
        return "the two are mapped to each other already"
    fit, ends = pairs_with(left.kind, right.kind), {Side.LEFT: left, Side.RIGHT: right}
    lost: list[str] = []
    fed: dict[Side, Moment] = {}
    for side in Side:
        when = ends[side].takes
        closed = _closed(ends[side], fields)
        if fit.flow is None or not fit.flow.feeds(side):
            continue
        if closed is None and when is not None:
            fed[side] = when
        elif closed is not None:
            lost.append(closed)
    if any(when is Moment.UPDATE or ends[side].moved for side, when in fed.items()):
        # No moment is both that and creation; what can be edited stays in step.
        for side in [one for one, when in fed.items() if when is Moment.CREATE]:
            lost.append(f"{ends[side].id} is only written when an issue is made")
            del fed[side]
    if not fed:
        why = [*([] if fit.flow is Flow.BOTH else [fit.sentence]), *lost]
        return (
            f"{left.kind.value} ({left.id}) and {right.kind.value} ({right.id}) cannot be mapped "
            f"together: {'; '.join(why)}"
        )
    limits = [
        f"{ends[side].id} on the {side.value} side: {ends[side].why}"
        for side in fed
        if ends[side].why and not handler(ends[side].kind).by_transition
    ]
    rows = ["its values need rows"] if {left.kind, right.kind} & _BY_ROWS else []
    how = "; ".join([fit.sentence, *rows, *lost, *limits])
    return Pair(left, right, _mapping(left, right, fed), reason, how)


def _mapping(left: OfferedField, right: OfferedField, fed: Mapping[Side, Moment]) -> FieldMapping:
    flow = Flow.TO_LEFT if Side.LEFT in fed else Flow.TO_RIGHT
    return FieldMapping(
        left.id,
        right.id,
        left.kind,
        flow=Flow.BOTH if len(fed) == len(Side) else flow,
        moment=next((one for one in fed.values() if one is not Moment.ALWAYS), Moment.ALWAYS),
        right_kind=None if right.kind is left.kind else right.kind,
    )


def _closed(end: OfferedField, fields: Sequence[FieldMapping]) -> str | None:
    """Why a field cannot be written to, beside what is mapped; None: it can be."""
    if end.takes is None:
        return f"{end.id} is only read ({end.why})"
    for one in fields:
        if one.field(end.side) == end.id and one.flow.feeds(end.side):
            return f"{end.id} on the {end.side.value} side is written by {one.key} already"
    return None


def _unknown(side: Side, seen: Seen, profile: Profile) -> Iterator[str]:
    """What a site did not tell, and what that means."""
    if seen.create is None:
        yield f"the {side.value} site tells no create screen: Tandem may not make issues there"
    if seen.held is None:
        yield (
            f"the {side.value} scope has no issue yet, so its edit screen and fields that are on "
            "no screen are not known"
        )
    elif seen.edit is None:
        yield f"the {side.value} site tells no edit screen: Tandem may not edit its issues"
    known = {*seen.every, *(seen.create or ()), *(seen.edit or ())}
    for name in dict.fromkeys(one.field(side) for one in profile.fields):
        if name not in known:
            yield f"{name} is mapped, but is no field of the {side.value} site"
