"""What a well-formed mapping document may still have wrong: what no value could be carried by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.mapping.field_types import pairs_with
from app.mapping.profile import SYSTEM_KINDS, FieldMapping, Flow, Kind, Moment, Profile, Side
from app.mapping.said import said, the_side
from app.mapping.subtasks import problem as subtask_problem
from app.mapping.transforms import TransformProblem, compile_expression, flow_problem
from app.mapping.values import handler


@dataclass(frozen=True)
class DocumentProblem:
    """What is wrong in a document: where (such as `fields.2.kind`), and rule and cure in words."""

    where: str
    sentence: str


def problems_of(profile: Profile) -> tuple[DocumentProblem, ...]:
    """All that is wrong with a document that is well formed."""
    sub = subtask_problem(profile)
    orphans = () if sub is None else (DocumentProblem("fields", sub),)
    late = _moment_problems(profile)
    return (*_kind_problems(profile), *_target_problems(profile), *late, *orphans)


def _kind_problems(profile: Profile) -> list[DocumentProblem]:
    problems = []
    for place, mapping in enumerate(profile.fields):
        for side in Side:
            name = mapping.field(side)
            kind = mapping.kind_of(side)
            kinds = SYSTEM_KINDS.get(name, (kind,))
            if kind not in kinds:
                right = " or ".join(one.value for one in kinds)
                sentence = said(
                    "%(name)s is of kind %(right)s, not %(kind)s; use that",
                    name=name,
                    right=right,
                    kind=kind.value,
                )
                key = "right_kind" if side is Side.RIGHT and mapping.right_kind else "kind"
                problems.append(DocumentProblem(f"fields.{place}.{key}", sentence))
        problems += _carry_problems(place, mapping, profile.fields)
    return problems


def _moment_problems(profile: Profile) -> list[DocumentProblem]:
    """What only a transition sets is not there to be set when an issue is made."""
    moved = {
        side: [m.field(side) for m in profile.fields if handler(m.kind_of(side)).by_transition]
        for side in Side
    }
    problems = []
    for place, mapping in enumerate(profile.fields):
        if mapping.moment is not Moment.CREATE:
            continue
        for side in (one for one in Side if mapping.flow.feeds(one)):
            name, kind = mapping.field(side), mapping.kind_of(side)
            why = None
            if handler(kind).by_transition:
                why = said("Jira makes an issue in the first status of its workflow")
            elif kind is Kind.RESOLUTION and moved[side]:
                why = said("it is set together with %(moved)s", moved=moved[side][0])
            if why is not None:
                sentence = said(
                    "must be always or update, as %(name)s on %(side)s is set by a "
                    "transition of an issue that is there: %(why)s. Choose one of these, "
                    "or limit the flow to the other direction",
                    name=name,
                    side=the_side(side),
                    why=why,
                )
                problems.append(DocumentProblem(f"fields.{place}.moment", sentence))
                break
    return problems


def _carry_problems(
    place: int, mapping: FieldMapping, every: Sequence[FieldMapping]
) -> list[DocumentProblem]:
    """What of a mapping no value could be carried by. `every`: all mappings of the profile."""
    where = f"fields.{place}"
    if mapping.transform is not None:
        return _transform_problems(where, mapping, mapping.transform, every)
    if mapping.tables:
        sentence = said("are for a transform, and there is none; write one, or remove the tables")
        return [DocumentProblem(f"{where}.tables", sentence)]
    fit = pairs_with(mapping.kind_of(Side.LEFT), mapping.kind_of(Side.RIGHT))
    if fit.flow is None:
        return [DocumentProblem(f"{where}.kind", fit.sentence)]
    if fit.flow is not Flow.BOTH and mapping.flow is not fit.flow:
        sentence = said(
            "must be %(flow)s here (%(sentence)s)", flow=fit.flow.value, sentence=fit.sentence
        )
        return [DocumentProblem(f"{where}.flow", sentence)]
    return []


def _transform_problems(
    where: str, mapping: FieldMapping, text: str, every: Sequence[FieldMapping]
) -> list[DocumentProblem]:
    flow = flow_problem(mapping)
    if flow is not None:
        return [DocumentProblem(f"{where}.flow", flow)]
    to = Side.RIGHT if mapping.flow is Flow.TO_RIGHT else Side.LEFT
    try:
        unknown = compile_expression(text).unknown(
            frozenset(one.field(to.other) for one in every),
            frozenset(one.field(to) for one in every),
            frozenset(name for name, _ in mapping.tables),
        )
    except TransformProblem as fault:
        unknown = fault
    return [] if unknown is None else [DocumentProblem(f"{where}.transform", unknown.sentence)]


def _target_problems(profile: Profile) -> list[DocumentProblem]:
    """Two mappings that write one field would undo each other without end."""
    problems, feeders, keys = [], dict[tuple[Side, str], int](), dict[str, int]()
    for place, mapping in enumerate(profile.fields):
        twin = keys.setdefault(mapping.key, place)
        if twin != place:
            sentence = said(
                "the same two fields as fields.%(twin)s; keep one, with flow both if needed",
                twin=twin,
            )
            problems.append(DocumentProblem(f"fields.{place}", sentence))
            continue
        for side in Side:
            name = mapping.field(side)
            if not mapping.flow.feeds(side):
                continue
            first = feeders.setdefault((side, name), place)
            if first != place:
                sentence = said(
                    "%(name)s on %(side)s is already written by fields.%(first)s; remove "
                    "one or limit its flow to the other direction",
                    name=name,
                    side=the_side(side),
                    first=first,
                )
                problems.append(DocumentProblem(f"fields.{place}.{side.value}", sentence))
    return problems
