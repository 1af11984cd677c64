"""Rules of a site's admins that refuse what apps write: screens, permissions, validators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.errors import JiraError
from sandbox.model import JsonDict

if TYPE_CHECKING:
    from sandbox.rest import Ctx

KEYS = frozenset({"project", "issue", "on", "field", "values", "status", "message", "names"})
ON = ("create", "edit", "both")


@dataclass(frozen=True)
class Refusal:
    """One rule: which writes it hits, and Jira's answer.

    With `field` it hits writes that set that field (to one of `values`, where these are given), and
    the answer names the field, unless `names` says another field or "" for none.
    """

    message: str
    status: int = 400
    project: str | None = None
    issue: str | None = None
    on: str = "both"
    field: str | None = None
    values: tuple[Any, ...] = ()
    names: str | None = None

    def hits(self, on: str, project: str, issue: str | None, fields: JsonDict) -> bool:
        """Whether it hits this write."""
        return (
            self.on in (on, "both")
            and self.project in (None, project)
            and self.issue in (None, issue)
            and (self.field is None or self.field in fields)
            and (not self.values or fields[self.field or ""] in self.values)
        )


@dataclass
class Refusals:
    """The rules of one site."""

    rules: list[JsonDict] = field(default_factory=list)

    def replace(self, rules: list[JsonDict]) -> None:
        """Take new rules. Raises ValueError that names what is wrong."""
        for number, rule in enumerate(rules):
            unknown = set(rule) - KEYS
            if unknown:
                raise ValueError(f"rule {number}: unknown keys {sorted(unknown)}")
            if not isinstance(rule.get("message"), str):
                raise ValueError(f"rule {number}: message must say what Jira answers")
            if rule.get("on", "both") not in ON:
                raise ValueError(f"rule {number}: on must be one of {ON}")
            if rule.get("values") and not rule.get("field"):
                raise ValueError(f"rule {number}: values are those of a field: name it")
            if rule.get("status", 400) not in range(400, 500):
                raise ValueError(f"rule {number}: status must be from 400 to 499")
        self.rules = rules

    def check(self, ctx: Ctx, on: str, project: str, issue: str | None, fields: JsonDict) -> None:
        """Refuse an app's write as the rules say: all that hit, in one answer. Raises JiraError."""
        if ctx.caller.app is None:
            return
        known = [
            Refusal(**{**rule, "values": tuple(rule.get("values", ()))}) for rule in self.rules
        ]
        hits = [rule for rule in known if rule.hits(on, project, issue, fields)]
        if not hits:
            return
        named = {name: rule.message for rule in hits if (name := _named(rule)) is not None}
        said = [rule.message for rule in hits if _named(rule) is None]
        raise JiraError(hits[0].status, *said, fields=named)


def _named(rule: Refusal) -> str | None:
    name = rule.field if rule.names is None else rule.names
    return name or None
