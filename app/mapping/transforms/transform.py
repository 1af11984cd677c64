"""A transform: the expression of a field mapping, from both issues' fields to a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from celpy.celtypes import MapType, StringType

from app.mapping.profile import FieldMapping, Flow, Kind, Side
from app.mapping.transforms import check, forms, sandbox
from app.mapping.transforms.problems import Rule, TransformFailed, TransformProblem
from app.mapping.values import Value, handler

_CACHED = 1_000  # expressions: more than any profile has fields


@dataclass(frozen=True)
class Held:
    """A canonical value and its kind."""

    kind: Kind
    value: Value


@dataclass(frozen=True)
class IssueFacts:
    """What an expression may know of an issue besides its fields; empty where it is not yet."""

    key: str = ""
    type: str = ""
    project: str = ""


@dataclass(frozen=True)
class Inputs:
    """What an expression works on. `value`: the mapped field on the side that it comes from.
    `source` and `target`: the mapped fields of that issue and of the one written to, by field id
    there; `target` is empty before the twin is made."""

    value: Held
    source: Mapping[str, Held] = field(default_factory=dict)
    target: Mapping[str, Held] = field(default_factory=dict)
    source_issue: IssueFacts = IssueFacts()
    target_issue: IssueFacts = IssueFacts()
    tables: Mapping[str, Mapping[str, str | int | float | bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """The field that a result is for. `mapping`: what an error names."""

    mapping: str
    field: str
    kind: Kind

    @classmethod
    def of(cls, mapping: FieldMapping, to: Side) -> Target:
        """The field of a mapping on the side that is written to."""
        return cls(mapping.key, mapping.field(to), mapping.kind_of(to))


class Transform:
    """A checked expression, made by `compile_expression`.

    `reads`: what of the inputs it needs, such as "source.summary" or "tables.severity"; a bare
    "source", "target" or "tables" is all of it.
    """

    def __init__(self, text: str) -> None:
        self._checked = check.check(text)
        self.text = text
        self.reads = frozenset(self._checked.reads)

    def apply(self, inputs: Inputs, target: Target) -> Value:
        """The canonical value for `target`. What the expression gave by its name alone has an
        empty id, as `("", "High")`: whoever carries it pairs it by name.

        Raises TransformFailed, and nothing else.
        """
        value = self._value(inputs, target)
        if self._reads_own(target):
            self._settles(inputs, target, value)
        return value

    def show(self, inputs: Inputs, mapping: str = "this field") -> tuple[Any, int]:
        """The result as JSON has it, and the steps it took. Raises TransformFailed."""
        result, spent = self._run(inputs, mapping)
        return forms.told(result), spent

    def unknown(
        self, source: frozenset[str], target: frozenset[str], tables: frozenset[str]
    ) -> TransformProblem | None:
        """The first name that the expression reads and that is not among the ids of the mapped
        fields of either side, or the names of the tables."""
        known = {"source": source, "target": target, "tables": tables}
        for name in sorted(self.reads):
            group, dot, part = name.partition(".")
            if dot and group in known and part not in known[group]:
                there = ", ".join(sorted(known[group])) or "none"
                what = "table" if group == "tables" else "field that the profile maps"
                sentence = f"{name[:120]} is no {what} here; there are: {there[:400]}"
                return TransformProblem(Rule.UNKNOWN_NAME, sentence)
        return None

    def _reads_own(self, target: Target) -> bool:
        return bool(self.reads & {"target", f"target.{target.field}"})

    def _settles(self, inputs: Inputs, target: Target, value: Value) -> None:
        """What reads its own field must come to the same once that is written, or it would write
        without end."""
        after = dict(inputs.target) | {target.field: Held(target.kind, value)}
        again = self._value(replace(inputs, target=after), target)
        if not handler(target.kind).same(value, again):
            sentence = (
                f"reads {target.field}, which it writes, and would change it again each time; "
                "make it give the same value once that is written"
            )
            raise TransformFailed(target.mapping, sentence)

    def _value(self, inputs: Inputs, target: Target) -> Value:
        result, _ = self._run(inputs, target.mapping)
        try:
            return forms.taken(target.kind, result)
        except forms.Misfit as misfit:
            sentence = f"cannot fill {target.field}: it {misfit}"
            raise TransformFailed(target.mapping, sentence) from None

    def _run(self, inputs: Inputs, mapping: str) -> tuple[Any, int]:
        try:
            tables = {
                name: {key: forms.bare(part) for key, part in rows.items()}
                for name, rows in inputs.tables.items()
            }
            names = self._names(inputs)
        except Exception:
            # Values that are not of the kind that they are given as.
            raise TransformFailed(mapping, "was given a field it cannot read") from None
        try:
            return sandbox.evaluate(self._checked, names, tables)
        except sandbox.Failed as failed:
            raise TransformFailed(mapping, str(failed)) from None

    def _names(self, inputs: Inputs) -> dict[str, Any]:
        """The inputs as the expression sees them, of which only those that it reads."""
        groups = {"source": inputs.source, "target": inputs.target}
        facts = {"source_issue": inputs.source_issue, "target_issue": inputs.target_issue}
        wanted = {name.partition(".")[0] for name in self.reads}
        found: dict[str, Any] = {}
        for name in wanted & groups.keys():
            held = {
                StringType(id_): forms.given(one.kind, one.value)
                for id_, one in groups[name].items()
                if self.reads & {name, f"{name}.{id_}"}
            }
            found[name] = MapType(held)
        for name in wanted & facts.keys():
            found[name] = forms.bare(vars(facts[name]))
        if "tables" in wanted:
            found["tables"] = forms.bare(inputs.tables)
        if "value" in wanted:
            found["value"] = forms.given(inputs.value.kind, inputs.value.value)
        return found


@lru_cache(maxsize=_CACHED)
def compile_expression(text: str) -> Transform:
    """The transform of an expression. Raises TransformProblem with rule, place and cure."""
    return Transform(text)


def flow_problem(mapping: FieldMapping) -> str | None:
    """What is wrong with the direction or the field of a mapping with a transform, with its cure;
    None: nothing."""
    if mapping.transform is None:
        return None
    if mapping.flow is Flow.BOTH:
        return (
            "a transform works in one direction, as nothing says how to undo it; set the flow to "
            "to_right or to_left"
        )
    to = Side.RIGHT if mapping.flow is Flow.TO_RIGHT else Side.LEFT
    kind = mapping.kind_of(to)
    if not forms.can_make(kind):
        return f"a field of kind {kind.value} cannot be made by a transform; remove the transform"
    return None
