"""What the static check over a tenant's profiles refuses, and that what it allows comes to rest."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Policy, Profile, Scope, Side
from app.mapping.rest import Wired, find_unrest
from app.mapping.values import Value
from app.sync.merge import merge
from app.sync.plan import Base, Snapshot

from .merge_world import FINGERPRINTS, NOON

SCOPES = "ABCD"


def wired(name: str, *fields: tuple[str, str, Flow]) -> Wired:
    """The profile "AB" from scope A to scope B, each a site of its own."""
    left, right = name
    mapped = tuple(FieldMapping(a, b, Kind.TEXT, flow) for a, b, flow in fields)
    scopes = (Scope(str(SCOPES.index(one) + 1), "1") for one in name)
    return Wired(name, left, right, Profile(*scopes, mapped))


BOTH, RIGHT, LEFT = Flow.BOTH, Flow.TO_RIGHT, Flow.TO_LEFT
RING = [wired(name, ("x", "x", BOTH), ("y", "y", BOTH)) for name in ("AB", "BC", "CA")]
CROSSED_RING = [*RING[:2], wired("CA", ("x", "y", BOTH), ("y", "x", BOTH))]
CROSSED_BACK = [
    wired("AB", ("x", "y", RIGHT), ("y", "x", RIGHT)),
    wired("BA", ("y", "y", RIGHT), ("x", "x", RIGHT)),
]
TWO_SOURCES = [wired("AB", ("x", "x", RIGHT)), wired("CB", ("x", "x", RIGHT))]
HUB = [wired("AB", ("x", "x", BOTH)), wired("AC", ("x", "x", BOTH))]
CHAIN = [wired("AB", ("x", "x", RIGHT)), wired("BC", ("x", "x", RIGHT))]
SWAPPED = [wired("AB", ("x", "y", BOTH), ("y", "x", BOTH))]


@dataclass
class World:
    """One issue a scope, linked by every profile; merges happen one at a time."""

    profiles: list[Wired]
    values: dict[tuple[str, str], Value]
    minute: int = 0
    times: dict[tuple[str, str], int] = field(default_factory=dict)
    bases: dict[str, Base] = field(default_factory=dict)

    def merge(self, one: Wired) -> bool:
        """Merge one profile's pair; returns whether anything was written."""
        snaps = {}
        for side in Side:
            tenant = one.left if side is Side.LEFT else one.right
            places = {m.key: (tenant, m.field(side)) for m in one.profile.fields}
            at = {k: NOON + timedelta(minutes=self.times.get(p, 0)) for k, p in places.items()}
            held = {k: self.values[p] for k, p in places.items()}
            snaps[side] = Snapshot(held, max(at.values()), at)
        base = self.bases.get(one.name, Base())
        plan = merge(snaps[Side.LEFT], snaps[Side.RIGHT], base, one.profile, FINGERPRINTS)
        for side in Side:
            for write in plan.writes(side):
                self.minute += 1
                place = (one.left if side is Side.LEFT else one.right, write.field)
                self.values[place], self.times[place] = write.value, self.minute
        self.bases[one.name] = plan.base
        return not plan.is_empty

    def rests_within(self, rounds: int, chance: random.Random | None = None) -> bool:
        """Whether a round without any write comes; in the order given, or in any."""
        for _ in range(rounds):
            order = list(self.profiles)
            if chance:
                chance.shuffle(order)
            if not sum(self.merge(one) for one in order):
                return True
        return False

    def agrees(self) -> bool:
        """Whether each field that is fed holds what its source holds."""
        return all(
            self.values[one.left, m.left] == self.values[one.right, m.right]
            for one in self.profiles
            for m in one.profile.fields
        )


def world(profiles: list[Wired]) -> World:
    """All fields of all scopes, each with a value of its own."""
    return World(profiles, {(s, f): f"{s}{f}" for s in SCOPES for f in "xy"})


@pytest.mark.parametrize("good", [RING, HUB, CHAIN, SWAPPED, []], ids=str)
def test_what_surely_comes_to_rest_is_allowed(good: list[Wired]) -> None:
    assert find_unrest(good) is None


@pytest.mark.parametrize("bad", [CROSSED_RING, CROSSED_BACK, TWO_SOURCES], ids=str)
def test_what_is_refused_names_every_profile_and_field_of_it(bad: list[Wired]) -> None:
    sentence = find_unrest(bad)
    assert sentence is not None
    assert all(f"'{one.name}'" in sentence for one in bad)
    assert "x" in sentence


def test_a_mapping_of_moment_create_feeds_nothing_later() -> None:
    one = TWO_SOURCES[0]
    fields = tuple(replace(m, moment=Moment.CREATE) for m in one.profile.fields)
    late = replace(one, profile=replace(one.profile, fields=fields))
    assert find_unrest([late, TWO_SOURCES[1]]) is None


def transformed(one: Wired, **expressions: str) -> Wired:
    """The profile with these expressions, by the field that each writes to the right or left."""
    fields = tuple(
        replace(m, transform=expressions.get(m.right if m.flow is Flow.TO_RIGHT else m.left))
        for m in one.profile.fields
    )
    return replace(one, profile=replace(one.profile, fields=fields))


@pytest.mark.parametrize(
    ("profiles", "rests"),
    [
        ([transformed(wired("AB", ("x", "x", RIGHT)), x='value + "!"')], True),
        ([transformed(wired("AB", ("x", "x", RIGHT)), x='default(target.x, "") + value')], True),
        # Each reads what the other makes, though their own fields go no way round.
        (
            [
                transformed(
                    wired("AB", ("x", "y", RIGHT), ("z", "w", LEFT)),
                    y='source.z + "!"',
                    z='source.y + "?"',
                )
            ],
            False,
        ),
        (
            [
                transformed(
                    wired("AB", ("x", "x", RIGHT), ("y", "y", RIGHT)),
                    x='target.y + "!"',
                    y='target.x + "?"',
                )
            ],
            False,
        ),
        ([transformed(wired("AB", ("x", "y", RIGHT)), y="source.x")], True),
        # The whole of the source is read, and one field of it comes from what is made.
        (
            [
                transformed(
                    wired("AB", ("x", "y", RIGHT), ("z", "y", LEFT)), y="string(size(source))"
                )
            ],
            False,
        ),
        # Around a ring each time with one more word.
        (
            [
                transformed(wired("AB", ("x", "x", RIGHT)), x='value + "!"'),
                wired("BC", ("x", "x", RIGHT)),
                wired("CA", ("x", "x", RIGHT)),
            ],
            False,
        ),
        # What is made of no field goes round unchanged.
        (
            [
                transformed(wired("AB", ("x", "x", RIGHT)), x='"!"'),
                wired("BC", ("x", "x", RIGHT)),
                wired("CA", ("x", "x", RIGHT)),
            ],
            True,
        ),
    ],
)
def test_a_transform_that_reads_what_it_makes_is_refused(
    profiles: list[Wired], rests: bool
) -> None:
    sentence = find_unrest(profiles)
    assert (sentence is None) is rests, sentence
    if sentence is not None:
        assert "it would be made anew each time" in sentence
        assert "'AB'" in sentence


def test_two_sources_never_agree_in_their_target() -> None:
    for order in (TWO_SOURCES, TWO_SOURCES[::-1]):
        scene = world(order)
        scene.rests_within(50)
        assert not scene.agrees()


def test_a_crossed_ring_chases_its_own_values_or_mixes_two_fields() -> None:
    scene = world(CROSSED_BACK[::-1])
    rested = scene.rests_within(200)
    mixed = len({scene.values["A", f] for f in "xy"}) == 1
    assert not rested or mixed


@st.composite
def nets(draw: st.DrawFn) -> list[Wired]:
    """One to five profiles between four scopes, each mapping up to two fields in any way."""
    pairs = [a + b for a in SCOPES for b in SCOPES if a < b]
    made = []
    for name in draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=5, unique=True)):
        turned = draw(st.permutations("xy"))
        many = draw(st.integers(1, 2))
        policy = draw(st.sampled_from([Policy.NEWER, Policy.LEFT, Policy.RIGHT]))
        one = wired(
            name, *((a, b, draw(st.sampled_from(Flow))) for a, b in zip("xy", turned, strict=True))
        )
        fields = tuple(replace(m, policy=policy) for m in one.profile.fields[:many])
        made.append(replace(one, profile=replace(one.profile, fields=fields)))
    return made


@given(nets(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_whatever_is_allowed_comes_to_rest_in_agreement(
    profiles: list[Wired], chance: random.Random
) -> None:
    if find_unrest(profiles) is not None:
        return
    scene = world(profiles)
    assert scene.rests_within(300, random.Random(chance.random()))
    assert scene.agrees()
