"""Which issues of two sites are the same: the field to match by, and the decision. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.mapping.profile import Profile, Side
from app.mapping.values import UnreadableValueError, Value, handler
from app.sync.fingerprint import Fingerprinter
from app.sync.load_issues import Bond, Read


class Outcome(StrEnum):
    """What a load does with an issue."""

    PAIRED = "paired"  # linked with the one issue that has the same value
    CREATE = "create"  # its twin is made
    LINKED = "linked"  # it had its twin before
    AMBIGUOUS = "ambiguous"  # left alone: several have the same value
    TWIN = "twin"  # the other half of one that is counted already


@dataclass(frozen=True)
class MatchField:
    """The field of each side whose equal values make a pair."""

    left: str
    right: str

    @property
    def key(self) -> str:
        """As a field mapping has it: left=right."""
        return f"{self.left}={self.right}"

    def field(self, side: Side) -> str:
        """The field of `side`."""
        return self.left if side is Side.LEFT else self.right

    @classmethod
    def of(cls, profile: Profile, asked: str) -> MatchField:
        """The field that somebody asked for: a mapped one by its id on either side, else both ids
        as LEFT=RIGHT, or one id for both."""
        for mapping in profile.fields:
            if asked in (mapping.key, mapping.left, mapping.right):
                return cls(mapping.left, mapping.right)
        left, _, right = asked.partition("=")
        return cls(left.strip(), (right or left).strip())


def value_of(profile: Profile, match: MatchField, side: Side, raw: object) -> Value:
    """The value to match by: as the mapping reads it, or else a text, a number or an option's
    name. None where there is none, or it cannot be compared."""
    for mapping in profile.fields:
        if mapping.key == match.key:
            try:
                return handler(mapping.kind_of(side)).read(raw) or None
            except UnreadableValueError:
                return None
    if isinstance(raw, dict):
        raw = raw.get("value", raw.get("name"))
    if isinstance(raw, bool) or raw is None:
        return None
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)  # Jira has numbers as 42.0, and the other side may have the text 42
    return str(raw).strip() or None if isinstance(raw, str | int | float) else None


def mark_of(fingerprints: Fingerprinter, match: MatchField, value: Value) -> str | None:
    """The fingerprint of a value, the same on both sides; None where there is no value."""
    return None if value is None else fingerprints.of(match.key, Side.LEFT, value)


@dataclass(frozen=True)
class Decision:
    """What to do with an issue; `twin`: the issue to link it with."""

    outcome: Outcome
    twin: Read | None = None


Bonds = Mapping[tuple[Side, int], Bond]


def decide(issue: Read, alike: Sequence[Read], bonds: Bonds) -> Decision:
    """What to do with an issue of the source. `alike`: all that have its mark, on both sides.

    An issue that is linked already takes no part in the matching. Where the one that would have
    been found was given another twin since the load began, nothing is made beside it: a person
    has to look.
    """
    own = bonds.get((issue.side, issue.issue_id))
    if own is not None:
        return Decision(Outcome.LINKED if own.whole else Outcome.CREATE)
    if issue.mark is None:
        return Decision(Outcome.CREATE)
    rivals = [one for one in alike if one.side is issue.side and _free(one, bonds)]
    there = [one for one in alike if one.side is not issue.side]
    found = [one for one in there if _free(one, bonds)]
    if len(found) == 1 and len(rivals) == 1:
        return Decision(Outcome.PAIRED, found[0])
    taken = any((b := bonds.get((one.side, one.issue_id))) and b.young for one in there)
    if found or taken:
        return Decision(Outcome.AMBIGUOUS)
    return Decision(Outcome.CREATE)


def _free(issue: Read, bonds: Bonds) -> bool:
    return (issue.side, issue.issue_id) not in bonds
