"""A small world for the tests of the merge: values, profiles, pairs of issues and their bases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from app.mapping.profile import FieldMapping, Flow, Kind, Policy, Profile, Scope, Side
from app.mapping.values import Value, handler
from app.sync.bases import base_after
from app.sync.fingerprint import Fingerprinter
from app.sync.plan import Base, Plan, Snapshot

FINGERPRINTS = Fingerprinter(b"k" * 32)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def doc(text: str, *marks: str) -> Value:
    """The canonical value of a document with one paragraph."""
    node = {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]}
    paragraph = {"type": "paragraph", "content": [node]}
    return handler(Kind.RICH_TEXT).read({"type": "doc", "version": 1, "content": [paragraph]})


# Of each kind that can be written. Few, so that both sides often hold the same.
DOMAIN: Mapping[Kind, tuple[Value, ...]] = {
    Kind.TEXT: (None, "a", "b", "c"),
    Kind.RICH_TEXT: (None, doc("a"), doc("a", "strong"), doc("b")),
    Kind.LABELS: ((), ("a",), ("a", "b")),
    Kind.NAMED: (None, "High", "Low"),
    Kind.DATE: (None, "2026-01-01", "2026-01-02"),
    Kind.NUMBER: (None, 1.0, 2.5),
    Kind.DATETIME: (None, "2026-01-01T10:00:00.000Z", "2026-01-01T10:00:00.001Z"),
    Kind.URL: (None, "https://one.example", "https://two.example"),
    Kind.CASCADE: (None, (("1", "a"), None), (("1", "a"), ("2", "b"))),
    Kind.TIME_TRACKING: ((None, None), (3600, None), (3600, 60)),
    **dict.fromkeys(
        (
            Kind.OPTION,
            Kind.VERSION,
            Kind.PRIORITY,
            Kind.RESOLUTION,
            Kind.STATUS,
            Kind.GROUP,
            Kind.SPRINT,
            Kind.SECURITY,
            Kind.REQUEST_TYPE,
        ),
        (None, ("1", "a"), ("2", "b")),
    ),
    **dict.fromkeys(
        (Kind.OPTIONS, Kind.COMPONENTS, Kind.VERSIONS, Kind.GROUPS, Kind.ORGANIZATIONS),
        ((), (("1", "a"),), (("1", "a"), ("2", "b"))),
    ),
    **dict.fromkeys((Kind.USER, Kind.PARENT), (None, "1", "2")),
    Kind.USERS: ((), ("1",), ("1", "2")),
}
SCOPES = (Scope("1", "1"), Scope("2", "2"))


@dataclass(frozen=True)
class World:
    """A profile with a pair of issues in any state."""

    profile: Profile
    left: Snapshot
    right: Snapshot
    base: Base

    def agreed(self, left: Mapping[str, Value], right: Mapping[str, Value]) -> World:
        """The same with a base that says that these values were agreed."""
        pair = (Snapshot(left, NOON), Snapshot(right, NOON))
        return replace(self, base=base_after(*pair, self.profile, FINGERPRINTS))


def apply(plan: Plan, left: Snapshot, right: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both issues after the plan's writes."""
    return (
        replace(left, values={**left.values, **{w.key: w.value for w in plan.left}}),
        replace(right, values={**right.values, **{w.key: w.value for w in plan.right}}),
    )


@st.composite
def profiles(
    draw: st.DrawFn, flows: st.SearchStrategy[Flow] | None = None, most: int = 4
) -> Profile:
    """One to `most` field mappings of any kind, flow and policy."""
    fields = tuple(
        FieldMapping(
            f"left{n}",
            f"right{n}",
            draw(st.sampled_from(list(DOMAIN))),
            draw(st.sampled_from(Flow) if flows is None else flows),
            draw(st.sampled_from(Policy)),
        )
        for n in range(draw(st.integers(1, most)))
    )
    return Profile(*SCOPES, fields)


def values_of(profile: Profile) -> st.SearchStrategy[dict[str, Value]]:
    """A value for each mapping."""
    return st.fixed_dictionaries({m.key: st.sampled_from(DOMAIN[m.kind]) for m in profile.fields})


@st.composite
def worlds(draw: st.DrawFn, flows: st.SearchStrategy[Flow] | None = None) -> World:
    """Any profile, any values on both sides, fields missing or blocked, any base or none."""
    profile = draw(profiles(flows))
    keys = st.sets(st.sampled_from([m.key for m in profile.fields]))
    snaps = []
    for side in Side:
        values = draw(values_of(profile))
        for key in draw(st.just(set()) | keys):
            del values[key]
        values["unmapped"] = side.value
        # Left times are even and right ones odd: no ties.
        odd = side is Side.RIGHT
        times = st.integers(0, 3).map(lambda n, odd=odd: NOON + timedelta(minutes=2 * n + odd))
        snaps.append(
            Snapshot(
                values,
                draw(times),
                {key: draw(times) for key in draw(keys)},
                dict.fromkeys(draw(st.just(set()) | keys), "not on the edit screen"),
            )
        )
    old = [draw(values_of(profile)) for _ in Side]
    # Half of the fields are as they were.
    for values, snap in zip(old, snaps, strict=True):
        values.update({k: v for k, v in snap.values.items() if k in values and draw(st.booleans())})
    full = base_after(*(Snapshot(v, NOON) for v in old), profile, FINGERPRINTS)
    forgotten = draw(st.just(set()) | keys)
    base = Base(*({k: v for k, v in full.of(s).items() if k not in forgotten} for s in Side))
    return World(profile, *snaps, base)
