"""A transform: the expression of a field mapping, from both issues' fields to a value. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from app.mapping.profile import FieldMapping, Flow, Side
from app.mapping.transforms.inputs import Held, Inputs, Target
from app.mapping.transforms.problems import Rule, TransformFailed, TransformProblem
from app.mapping.values import Value, handler
from app.said import said, words_of

if TYPE_CHECKING:
    from app.mapping.transforms.check import Checked

# The rest is loaded with the first expression: the library takes a third of a second.
_CACHED = 1_000  # expressions: more than any profile has fields


class Transform:
    """A checked expression, made by `compile_expression`.

    `reads`: what of the inputs it needs, such as "source.summary" or "tables.severity"; a bare
    "source", "target" or "tables" is all of it.
    """

    def __init__(self, text: str, checked: Checked) -> None:
        self._checked = checked
        self.text = text
        self.reads = frozenset(checked.reads)

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
        from app.mapping.transforms.results import told

        result, spent = self._run(inputs, mapping)
        return told(result), spent

    def fields_read(self, group: str, mapped: Iterable[str]) -> tuple[str, ...]:
        """Which of the mapped fields it reads of "source" or "target", besides `value`, in order:
        a change of one of these may change what it comes to."""
        return tuple(sorted(id_ for id_ in mapped if self.reads & {group, f"{group}.{id_}"}))

    def unknown(
        self, source: frozenset[str], target: frozenset[str], tables: frozenset[str]
    ) -> TransformProblem | None:
        """The first name that the expression reads and that is not among the ids of the mapped
        fields of either side, or the names of the tables."""
        known = {"source": source, "target": target, "tables": tables}
        for name in sorted(self.reads):
            group, dot, part = name.partition(".")
            if dot and group in known and part not in known[group]:
                there = ", ".join(sorted(known[group])) or said("none")
                what = said("table") if group == "tables" else said("field that the profile maps")
                sentence = said(
                    "%(name)s is no %(what)s here; there are: %(there)s",
                    name=name[:120],
                    what=what,
                    there=there if len(there) <= 400 else there[:400],
                )
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
            sentence = said(
                "reads %(field)s, which it writes, and would change it again each time; "
                "make it give the same value once that is written",
                field=target.field,
            )
            raise TransformFailed(target.mapping, sentence)

    def _value(self, inputs: Inputs, target: Target) -> Value:
        from app.mapping.transforms.results import Misfit, taken

        result, _ = self._run(inputs, target.mapping)
        try:
            return taken(target.kind, result)
        except Misfit as misfit:
            sentence = said(
                "cannot fill %(field)s: it %(misfit)s", field=target.field, misfit=words_of(misfit)
            )
            raise TransformFailed(target.mapping, sentence) from None

    def _run(self, inputs: Inputs, mapping: str) -> tuple[Any, int]:
        from app.mapping.transforms import forms, sandbox

        try:
            names, tables = forms.names(self.reads, inputs), forms.tables(inputs)
        except Exception:
            # Values that are not of the kind that they are given as.
            raise TransformFailed(mapping, said("was given a field it cannot read")) from None
        try:
            return sandbox.evaluate(self._checked, names, tables)
        except sandbox.Failed as failed:
            raise TransformFailed(mapping, words_of(failed)) from None


@lru_cache(maxsize=_CACHED)
def compile_expression(text: str) -> Transform:
    """The transform of an expression. Raises TransformProblem with rule, place and cure."""
    from app.mapping.transforms.check import check

    return Transform(text, check(text))


def flow_problem(mapping: FieldMapping) -> str | None:
    """What is wrong with the direction or the field of a mapping with a transform, with its cure;
    None: nothing."""
    from app.mapping.transforms.results import can_make

    if mapping.transform is None:
        return None
    if mapping.flow is Flow.BOTH:
        return said(
            "a transform works in one direction, as nothing says how to undo it; set the "
            "flow to to_right or to_left"
        )
    to = Side.RIGHT if mapping.flow is Flow.TO_RIGHT else Side.LEFT
    kind = mapping.kind_of(to)
    if not can_make(kind):
        return said(
            "a field of kind %(kind)s cannot be made by a transform; remove the transform",
            kind=kind.value,
        )
    return None
