"""Renames on one site: nothing to write, nothing to decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.mapping.profile import FieldMapping, Kind, Policy, Profile, Side
from app.mapping.values import Value, handler
from app.sync.bases import base_after
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import merge
from app.sync.plan import Snapshot

from .merge_world import DOMAIN, NOON, SCOPES

KEY = "a=a"
TABLES = [kind for kind in Kind if handler(kind).has_table]


def renamed(kind: Kind, value: Value) -> Value:
    own = handler(kind)
    return own.replace(value, {id_: (id_, f"new {name}") for id_, name in own.parts(value)})


def by_identity(kind: Kind) -> Fingerprinter:
    return Fingerprinter(b"k" * 32, identity=lambda key, side, value: handler(kind).identity(value))


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("policy", Policy)
def test_a_rename_writes_nothing_and_is_no_conflict(kind: Kind, policy: Policy) -> None:
    profile = Profile(*SCOPES, (FieldMapping("a", "a", kind, policy=policy),))
    prints = by_identity(kind)
    one, other = DOMAIN[kind][1:3]
    left, right = (Snapshot({KEY: value}, NOON) for value in (one, one))
    base = base_after(left, right, profile, prints)
    left = replace(left, values={KEY: renamed(kind, one)})
    assert left.values != right.values

    plan = merge(left, right, base, profile, prints)
    assert plan.is_empty
    assert plan.base == base

    right = replace(right, values={KEY: other})
    plan = merge(left, right, base, profile, prints)
    assert [write.value for write in plan.writes(Side.LEFT)] == [other]
    assert not plan.conflicts
    assert not plan.writes(Side.RIGHT)


@pytest.mark.parametrize("kind", TABLES)
def test_another_id_of_the_same_name_is_written(kind: Kind) -> None:
    profile = Profile(*SCOPES, (FieldMapping("a", "a", kind),))
    prints, own = by_identity(kind), handler(kind)
    one = DOMAIN[kind][1]
    left = right = Snapshot({KEY: one}, NOON)
    base = base_after(left, right, profile, prints)
    moved = own.replace(one, {id_: (id_.replace("1", "91"), name) for id_, name in own.parts(one)})
    plan = merge(replace(left, values={KEY: moved}), right, base, profile, prints)
    assert [write.value for write in plan.writes(Side.RIGHT)] == [moved]
