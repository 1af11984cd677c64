"""What a mapping names and a site has no more: found by comparing the two. Pure.

Only what a site surely told counts: a list that it did not give, or gave empty, says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.mapping.field_types import CUSTOM_KINDS, kind_of
from app.mapping.profile import SYSTEM_KINDS, FieldMapping, Kind, Profile, Side
from app.mapping.repair import Target, What
from app.mapping.values import handler
from app.sync.drift_model import COMMENT, Finding, How, Known, Now, ref_key
from app.sync.drift_refs import certain, references
from app.sync.drift_repairs import There, repairs_of


def compare(profile: Profile, now: Mapping[Side, Now], known: Known) -> tuple[Finding, ...]:
    """All that is gone or changed. `now`: of the sides that answered. `known`: what was seen
    before."""
    places: dict[Target, list[str]] = {}
    sure = set()
    for ref in references(profile):
        places.setdefault(ref.target, []).append(ref.place)
        sure |= {ref.target} if ref.sure else set()
    found: list[Finding] = []
    for side, told in now.items():
        look = _Look(profile, told, known, sure)
        own = [
            one
            for one in places
            if one.side is side and (one in sure or ref_key(one) in known.shown)
        ]
        for target in look.unscoped(side) or own:
            how = look.became(target)
            if how is not None:
                found.append(look.finding(target, how, places[target]))
    return tuple(found)


def mapping_of(profile: Profile, target: Target) -> FieldMapping | None:
    """The field mapping that names a thing."""
    return next((one for one in profile.fields if target.key == one.key), None)


@dataclass(frozen=True)
class _Look:
    """At one side of a profile."""

    profile: Profile
    told: Now
    known: Known
    sure: Collection[Target]

    def unscoped(self, side: Side) -> tuple[Target, ...]:
        """The project or the type where that is gone: the screens say nothing of the rest then."""
        scope, types = self.profile.scope(side), self.told.types
        if types is None or scope.issue_type_id in types:
            return ()
        if types:
            return (Target(side, What.TYPE, scope.issue_type_id),)
        return (Target(side, What.PROJECT, scope.project_id),)

    def became(self, target: Target) -> How | None:
        """What became of a thing; None where it is as it was, or nobody knows."""
        mapping = mapping_of(self.profile, target)
        match target.what:
            case What.PROJECT | What.TYPE:
                return How.GONE if target in self.unscoped(target.side) else None
            case What.USER:
                return self._user_became(target)
            case What.FIELD:
                return self._field_became(mapping, target)
            case What.LINK_TYPE:
                links = self.told.links
                return How.GONE if links and target.id not in links else None
        return self._value_became(mapping, target)

    def _user_became(self, target: Target) -> How | None:
        active = self.told.active
        if active is None or active.get(target.id) is True:
            return None
        return How.INACTIVE if target.id in active else How.GONE

    def _value_became(self, mapping: FieldMapping | None, target: Target) -> How | None:
        if mapping is not None:
            above = Target(target.side, What.FIELD, mapping.field(target.side), mapping.key)
        else:
            above = Target(target.side, What.FIELD, target.key)
        if self._field_became(mapping, above) in {How.GONE, How.RETYPED}:
            return None  # told of the field itself
        values = values_at(self.profile, target, self.told)
        if values is None:
            kind = kind_at(self.profile, target, self.told)
            lacks = kind is not None and (kind, target.id) in self.told.lacking
            return How.GONE if lacks else None
        there = match(values, target.id, by_name=target not in self.sure)
        return How.GONE if there is None else None

    def _field_became(self, mapping: FieldMapping | None, target: Target) -> How | None:
        if target.id in SYSTEM_KINDS or target.id == COMMENT:
            pass  # every Jira has these, as what they are; lists of fields may leave some out
        elif self.told.has_field(target.id) is False:
            return How.GONE
        elif mapping is not None and not self._is_of_kind(mapping, target):
            return How.RETYPED
        if mapping is None or not mapping.flow.feeds(target.side):
            return None
        kind = mapping.kind_of(target.side)
        elsewhere = handler(kind).by_transition or kind is Kind.RESOLUTION
        was_shown = ref_key(target) in self.known.shown
        if was_shown and not elsewhere and self.told.on_screen(target.id) is False:
            return How.OFF_SCREEN
        return None

    def _is_of_kind(self, mapping: FieldMapping, target: Target) -> bool:
        """Whether the field may still be mapped as it is. What is only read as text may be
        anything."""
        rule, kind = self.told.rule(target.id), mapping.kind_of(target.side)
        if rule is None or not rule.schema or kind is Kind.READ_ONLY_TEXT:
            return True
        kinds = {kind_of(rule.schema)}
        if rule.schema.get("custom") not in CUSTOM_KINDS:
            # A field of another app: it may be mapped by hand as what its values look like.
            kinds.add(kind_of({name: rule.schema.get(name) for name in ("type", "items")}))
        return kind in kinds

    def finding(self, target: Target, how: How, places: Sequence[str]) -> Finding:
        """A thing that is not as it was, with what may be done about it."""
        mapping = mapping_of(self.profile, target)
        name = self.known.names.get(ref_key(target), "")
        rule = self.told.rule(target.id) if target.what is What.FIELD else None
        values: Mapping[str, str] = {}
        beside = None
        if target.what is What.LINK_TYPE:
            values = self.told.links or {}
        elif target.what not in {What.FIELD, What.USER, What.PROJECT, What.TYPE}:
            values = values_at(self.profile, target, self.told) or {}
            beside = self.told.rule(mapping.field(target.side) if mapping else target.key)
        if name and name == target.id and target.id not in values:
            values = {one: one for one in values.values()}  # it was named by its name
        there = There(values, self.told.every or {}, rule, how is How.OFF_SCREEN)
        repairs, choices = repairs_of(self.profile, target, name, there)
        return Finding(
            target=target,
            how=how,
            name=rule.name if rule is not None else name,
            places=tuple(places),
            repairs=repairs,
            choices=choices,
            field_name=beside.name if beside is not None else "",
            now=kind_of(rule.schema).value if rule is not None and how is How.RETYPED else "",
        )


def remembered(
    profile: Profile, now: Mapping[Side, Now], known: Known, found: Sequence[Finding]
) -> Known:
    """What is to be known at the next look: names of what is there, and of what is gone the last.
    Names of people are not kept."""
    names: dict[str, str] = {}
    shown: set[str] = set()
    sure = certain(profile)
    off = {
        ref_key(one.target) for one in found if one.how is How.OFF_SCREEN or one.target not in sure
    }
    for target in dict.fromkeys(ref.target for ref in references(profile)):
        key, told = ref_key(target), now.get(target.side, Now())
        name = _name(profile, target, told, target in sure) or known.names.get(key)
        if name:
            names[key] = name
        if target not in sure:
            seen = _is_there(profile, target, told)
        elif target.what is What.FIELD:
            seen = told.on_screen(target.id)
        else:
            continue
        if seen or key in off or (seen is None and key in known.shown):
            shown.add(key)
    return Known(names, frozenset(shown))


def _name(profile: Profile, target: Target, told: Now, sure: bool) -> str | None:
    match target.what:
        case What.TYPE:
            return (told.types or {}).get(target.id)
        case What.FIELD:
            rule = told.rule(target.id)
            return rule.name if rule is not None else None
        case What.LINK_TYPE:
            return (told.links or {}).get(target.id)
        case What.VALUE | What.STATUS:
            return match(values_at(profile, target, told) or {}, target.id, by_name=not sure)
    return None


def _is_there(profile: Profile, target: Target, told: Now) -> bool | None:
    """Whether a text is surely that of a thing; None where that is not known."""
    if target.what is What.USER:
        return None if told.active is None else told.active.get(target.id) is True
    values = values_at(profile, target, told)
    return None if values is None else match(values, target.id, by_name=True) is not None


def kind_at(profile: Profile, target: Target, told: Now) -> Kind | None:
    """Of which kind the value is that a target is."""
    mapping = mapping_of(profile, target)
    return mapping.kind_of(target.side) if mapping else told.kind_of_field(target.key)


def values_at(profile: Profile, target: Target, told: Now) -> Mapping[str, str] | None:
    """The values that the field takes which a target is a value of; None where they are not
    listed."""
    mapping = mapping_of(profile, target)
    if mapping is not None:
        return told.values(mapping, target.side)
    kind = told.kind_of_field(target.key)
    return None if kind is None else told.values_of(kind, target.key)


def match(values: Mapping[str, str], text: str, *, by_name: bool) -> str | None:
    """The name of the value of this id; or the text, where it is itself the name of one."""
    if text in values or not by_name:
        return values.get(text)
    folded = " ".join(text.split()).casefold()
    there = any(" ".join(one.split()).casefold() == folded for one in values.values())
    return text if there else None
