"""Whether profiles, taken together, can come to rest: a look at who feeds which field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.mapping.profile import FieldMapping, Moment, Profile, Side
from app.mapping.transforms import TransformProblem, compile_expression
from app.said import said, together

# A field of one scope: tenant, project, issue type, field id.
Place: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True)
class Wired:
    """A profile with its name and the sites that its scopes are in."""

    name: str
    left: str
    right: str
    profile: Profile

    def place(self, side: Side, mapping: FieldMapping) -> Place:
        """The field that a mapping has on `side`."""
        scope = self.profile.scope(side)
        tenant = self.left if side is Side.LEFT else self.right
        return tenant, scope.project_id, scope.issue_type_id, mapping.field(side)


@dataclass(frozen=True)
class _Feed:
    """One mapping in one direction: `source` is written to `target`."""

    source: Place
    target: Place
    words: str
    two_way: bool
    as_it_is: bool = True


def find_unrest(profiles: Sequence[Wired]) -> str | None:
    """What would never come to rest, in words; None where all does.

    Values cross unchanged, so a field that comes back around a ring as itself is no harm. Refused
    are a ring that brings one field of a scope to another one of it, two profiles that write one
    field from sources which may differ, and a transform that reads what comes of what it makes.
    What crosses at creation alone feeds nothing later.
    """
    feeds = [feed for one in profiles for feed in _feeds(one)]
    made = [feed for one in profiles for feed in _makes(one)]
    return _crossed(feeds) or _rivals(feeds) or _remade(feeds, made)


def _feeds(one: Wired) -> Iterator[_Feed]:
    for mapping in one.profile.fields:
        if mapping.moment is Moment.CREATE:
            continue
        ends = {side: one.place(side, mapping) for side in Side}
        words = said(
            "'%(name)s' (%(left)s left, %(right)s right)",
            name=one.name,
            left=mapping.left,
            right=mapping.right,
        )
        two_way = all(mapping.flow.feeds(side) for side in Side)
        for side in Side:
            if mapping.flow.feeds(side):
                as_it_is = mapping.transform is None
                yield _Feed(ends[side.other], ends[side], words, two_way, as_it_is)


def _makes(one: Wired) -> Iterator[_Feed]:
    """What each transform reads, but for the field that it writes: that it comes to rest with that
    is seen when it is worked out."""
    for mapping in one.profile.fields:
        if mapping.transform is None or mapping.moment is Moment.CREATE:
            continue
        to = Side.RIGHT if mapping.flow.feeds(Side.RIGHT) else Side.LEFT
        target = one.place(to, mapping)
        words = said(
            "'%(name)s' (%(left)s left, %(right)s right)",
            name=one.name,
            left=mapping.left,
            right=mapping.right,
        )
        for source in _read(one, mapping, to):
            if source != target:
                yield _Feed(source, target, words, two_way=False, as_it_is=False)


def _read(one: Wired, mapping: FieldMapping, to: Side) -> Iterator[Place]:
    """The mapped fields that a mapping's transform reads."""
    try:
        transform = compile_expression(mapping.transform or "")
    except TransformProblem:
        return  # it is refused for that
    if "value" in transform.reads:
        yield one.place(to.other, mapping)
    for group, side in (("source", to.other), ("target", to)):
        places = {other.field(side): one.place(side, other) for other in one.profile.fields}
        for id_ in transform.fields_read(group, places):
            yield places[id_]


def _remade(feeds: Sequence[_Feed], made: Sequence[_Feed]) -> str | None:
    """A transform that reads what comes of the field that it writes: that would be made anew with
    each visit."""
    # Of the field that a transform is of, it matters only whether it reads it.
    plain = [feed for feed in feeds if feed.as_it_is]
    onward: dict[Place, list[Place]] = {}
    for feed in (*plain, *made):
        onward.setdefault(feed.source, []).append(feed.target)
    for feed in made:
        reach = _reach(onward, feed.target)
        if feed.source in reach:
            ring = {place for place in reach if feed.target in _reach(onward, place)}
            inside = (f for f in (*plain, *made) if f.source in ring and f.target in ring)
            return said(
                "The transform of %(mapping)s reads %(source)s of project %(project)s, which is "
                "fed by what it makes, through %(parts)s: it would be made anew each time. Let it "
                "read another field, or limit the flow of one mapping.",
                mapping=feed.words,
                source=feed.source[3],
                project=feed.source[1],
                parts=together(sorted({one.words for one in inside}), ", "),
            )
    return None


def _reach(onward: Mapping[Place, Sequence[Place]], start: Place) -> set[Place]:
    """Every field that a value of `start` gets to, itself among them."""
    found, waiting = {start}, [start]
    while waiting:
        for place in onward.get(waiting.pop(), ()):
            if place not in found:
                found.add(place)
                waiting.append(place)
    return found


def _crossed(feeds: Sequence[_Feed]) -> str | None:
    """A field whose value comes back to its own scope as another field, and from there to it."""
    onward: dict[Place, list[Place]] = {}
    for feed in feeds:
        onward.setdefault(feed.source, []).append(feed.target)
    reach = {place: _reach(onward, place) for place in onward}
    for start in sorted(reach):
        for other in sorted(reach[start]):
            if other[:3] == start[:3] and other != start and start in reach.get(other, ()):
                ring = {place for place in reach[start] if start in reach.get(place, ())}
                parts = sorted({f.words for f in feeds if f.source in ring and f.target in ring})
                return said(
                    "%(start)s and %(other)s of project %(start2)s would feed each other "
                    "in a ring without end, through %(parts)s. Map each to the same "
                    "field all the way round, or limit the flow of one mapping.",
                    start=start[3],
                    other=other[3],
                    start2=start[1],
                    parts=together(parts, ", "),
                )
    return None


def _rivals(feeds: Sequence[_Feed]) -> str | None:
    """A field that two mappings write from different sources, not all of them in both directions:
    one source does not hear of the other."""
    by_target: dict[Place, list[_Feed]] = {}
    for feed in feeds:
        by_target.setdefault(feed.target, []).append(feed)
    for target, many in sorted(by_target.items()):
        sources = {feed.source for feed in many}
        if len(sources) > 1 and not all(feed.two_way for feed in many):
            first, *others = sorted({feed.words for feed in many})
            parts = first
            for one in others:
                parts = said("%(first)s and by %(second)s", first=parts, second=one)
            return said(
                "%(target)s of project %(target2)s would be written by %(parts)s, whose "
                "sources may differ. Carry it in both directions everywhere, limit the "
                "flow of one of them, or set its moment to create.",
                target=target[3],
                target2=target[1],
                parts=parts,
            )
    return None
