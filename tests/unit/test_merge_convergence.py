"""Two sites, people who edit at any moment, and a merge now and then: it always comes to rest."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app.mapping.profile import Flow, Kind, Policy, Profile, Side
from app.mapping.values import Value
from app.sync.bases import confirm
from app.sync.merge import merge
from app.sync.plan import Base, Plan, Snapshot

from .merge_world import DOMAIN, FINGERPRINTS, NOON, doc, profiles

# What people type; no two of one kind with the same words, which only a site's spelling makes.
TYPED = {**DOMAIN, Kind.RICH_TEXT: (None, doc("a", "strong"), doc("b", "em"), doc("c"))}


def stored_form(kind: Kind, side: Side, value: Value) -> Value:
    """How a site keeps what is written: the right one drops all marks of rich text."""
    if kind is Kind.RICH_TEXT and side is Side.RIGHT and isinstance(value, str):
        return doc(json.loads(value)["content"][0]["content"][0]["text"])
    return value


class TwoSites(RuleBasedStateMachine):
    """The sites are dictionaries; everything between them is the real merge."""

    @initialize(profile=profiles(most=3), data=st.data())
    def start(self, profile: Profile, data: st.DataObject) -> None:
        self.profile = profile
        self.kinds = {m.key: m.kind for m in profile.fields}
        self.minute = 0
        self.base = Base()
        self.sites: dict[Side, dict[str, Value]] = {side: {} for side in Side}
        self.times: dict[Side, dict[str, datetime]] = {side: {} for side in Side}
        for side in Side:
            for key in self.kinds:
                self.put(side, key, data.draw(st.sampled_from(TYPED[self.kinds[key]])))

    def put(self, side: Side, key: str, value: Value) -> None:
        self.minute += 1
        self.sites[side][key] = stored_form(self.kinds[key], side, value)
        self.times[side][key] = NOON + timedelta(minutes=self.minute)

    def read(self, side: Side) -> Snapshot:
        times = self.times[side]
        return Snapshot(dict(self.sites[side]), max(times.values()), dict(times))

    def edit(self, data: st.DataObject, side: Side) -> None:
        key = data.draw(st.sampled_from(sorted(self.kinds)))
        self.put(side, key, data.draw(st.sampled_from(TYPED[self.kinds[key]])))

    def reconcile(self, data: st.DataObject | None = None) -> tuple[Plan, bool]:
        """One reconcile; with `data`, people edit between our write and its answer."""
        read = {side: self.read(side) for side in Side}
        plan = merge(*read.values(), self.base, self.profile, FINGERPRINTS)
        base, dirty = plan.base, False
        for side in Side:
            if not plan.writes(side):
                continue
            for write in plan.writes(side):
                self.put(side, write.key, write.value)
            if data is not None:
                self.edit(data, side)
            base, more = confirm(
                base,
                side,
                writes=plan.writes(side),
                read=read[side],
                returned=self.read(side),
                profile=self.profile,
                fingerprints=FINGERPRINTS,
            )
            dirty = dirty or bool(more)
        self.base = base
        return plan, dirty

    @rule(data=st.data(), side=st.sampled_from(Side))
    def somebody_edits(self, data: st.DataObject, side: Side) -> None:
        self.edit(data, side)

    @rule(data=st.data())
    def merge_while_somebody_edits(self, data: st.DataObject) -> None:
        self.reconcile(data)

    @rule()
    def crash_before_the_base_is_stored(self) -> None:
        base = self.base
        self.reconcile()
        self.base = base

    @rule()
    def merge_once_and_rest(self) -> None:
        before = {side: dict(self.sites[side]) for side in Side}
        _, dirty = self.reconcile()
        assert not dirty
        for mapping in self.profile.fields:
            key, pair = mapping.key, [self.sites[side][mapping.key] for side in Side]
            kept = [before[side][key] for side in Side]
            # Nothing is made up: each side has what one of both had, in its own spelling.
            for side in Side:
                forms = {stored_form(mapping.kind, side, value) for value in kept}
                assert self.sites[side][key] in forms
            if mapping.flow is Flow.BOTH and mapping.policy is not Policy.ASK:
                assert stored_form(mapping.kind, Side.RIGHT, pair[0]) == pair[1]
        base = self.base
        again, _ = self.reconcile()
        assert again.is_empty
        assert self.base == base


TestTwoSites = TwoSites.TestCase
TestTwoSites.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
