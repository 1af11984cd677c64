"""The way through a workflow, as far as it is known: what each status leads on to. Pure.

A way is taken only where all of it is known, so that no issue is led astray. See
docs/decisions/0024-status-by-transitions.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from app.jira.site import Transition

Graph: TypeAlias = Mapping[str, Sequence[Transition]]
"""By the id of a status: the moves that were seen there. A status that is no key is unknown."""

Lacks: TypeAlias = Callable[[Transition], tuple[str, ...]]
"""The names of the required fields of a move's screen that nothing fills."""


@dataclass(frozen=True)
class Unknown:
    """A status that can be reached, and of which nobody looked what it leads on to. `depth`: the
    least number of moves there."""

    id: str
    name: str
    depth: int


@dataclass(frozen=True)
class Outlook:
    """What is known of the way to a status. `way`: the best; None where there is none.

    `missing`: the fields that the shortest way would need, where that is all that is in the way.
    `shut`: the moves that a condition refuses, where that is. `unknown`: the nearest first.
    """

    way: tuple[Transition, ...] | None
    missing: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()

    def look_at(self) -> Unknown | None:
        """The status to look at next: where a way may begin that is shorter than the one known."""
        first = self.unknown[0] if self.unknown else None
        if first is None or (self.way is not None and len(self.way) <= first.depth + 1):
            return None
        return first


def outlook(graph: Graph, start: str, target: str, lacks: Lacks) -> Outlook:
    """Find the way from one status to another by the moves that are open and can be filled in.

    Of the ways the one with the fewest moves that may yet be refused half way (they have a
    condition, which was seen to hold only for another issue), and of these the shortest.
    """
    unknown = _unknown(graph, start, target, lacks)
    way = _way(graph, start, target, lambda move: move.available and not lacks(move))
    if way is not None:
        return Outlook(way, unknown=unknown)
    empty = _way(graph, start, target, lambda move: move.available)
    if empty is not None:
        missing = tuple(dict.fromkeys(name for move in empty for name in lacks(move)))
        return Outlook(None, missing=missing, unknown=unknown)
    closed = _way(graph, start, target, lambda move: True)
    shut = tuple(move.name for move in closed or () if not move.available)
    return Outlook(None, shut=shut, unknown=unknown)


def _way(
    graph: Graph, start: str, target: str, is_open: Callable[[Transition], bool]
) -> tuple[Transition, ...] | None:
    """The cheapest way (Dijkstra's), of equal ones that whose moves are listed first."""
    order = count()
    waiting: list[tuple[int, int, int, str, tuple[Transition, ...]]] = [
        (0, 0, next(order), start, ())
    ]
    done: set[str] = set()
    while waiting:
        unsure, length, _, status, way = heapq.heappop(waiting)
        if status == target:
            return way
        if status in done:
            continue
        done.add(status)
        for move in graph.get(status, ()):
            if is_open(move) and move.to[0] not in done:
                # At the start the site told of this very issue that the condition holds.
                more = unsure + (move.conditional and status != start)
                step = (more, length + 1, next(order), move.to[0], (*way, move))
                heapq.heappush(waiting, step)
    return None


def _unknown(graph: Graph, start: str, target: str, lacks: Lacks) -> tuple[Unknown, ...]:
    """The statuses whose moves nobody has looked at, by the least number of moves there."""
    found: list[Unknown] = []
    level, seen = [(start, "")], {start}
    depth = 0
    while level:
        following: list[tuple[str, str]] = []
        for status, name in level:
            if status not in graph:
                found.append(Unknown(status, name, depth))
                continue
            for move in graph[status]:
                if move.to[0] in seen or not move.available or lacks(move):
                    continue
                seen.add(move.to[0])
                if move.to[0] != target:
                    following.append(move.to)
        level, depth = following, depth + 1
    return tuple(found)
