"""Moves an issue through its workflow: the part of a write that only transitions can do.

Whatever is on the way is refused or stopped alone: the rest of the issue crosses. See
docs/decisions/0024-status-by-transitions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from app.activity.log import Detail
from app.jira.site import Issue, SiteError, Transition
from app.mapping.kinds.identified import as_part
from app.mapping.profile import Kind, Side
from app.mapping.said import said
from app.mapping.values import Value, handler
from app.sync import store_links
from app.sync.move_marks import as_one
from app.sync.move_path import Unknown, outlook
from app.sync.move_screen import Screens, constants, held
from app.sync.move_words import missing_fields, no_way
from app.sync.plan import Snapshot, Write
from app.sync.reasons import Code
from app.sync.store_links import Link
from app.sync.turn import Turn
from app.sync.words import about, refused_fields

LOOKS = 8
"""Statuses of which one move finds out what they lead on to: a search and a read each."""
TRIES = 3
"""Ways that are tried where the site says that one is not there any more."""

Put: TypeAlias = Callable[[Turn, Side, Link, Sequence[Write]], tuple[Issue | None, dict[str, str]]]
"""Writes fields; gives the issue as the site answered, and a sentence for each refused key."""


@dataclass
class Moved:
    """What came of the writes to one side.

    `codes`: why a move was refused, by key, where that is not told by the site's words. `own`: what
    the issue holds of refused fields by our own doing. `again`: keys to be merged anew, as somebody
    moved the issue meanwhile.
    """

    returned: Issue | None = None
    refused: dict[str, str] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    own: dict[str, Value] = field(default_factory=dict)
    again: frozenset[str] = frozenset()
    details: list[Detail] = field(default_factory=list)


def write(
    turn: Turn, side: Side, link: Link, *, read: Snapshot, writes: Sequence[Write], put: Put
) -> Moved:
    """Write one side: a status by transitions, all else by `put`. What the edit screen lacks goes
    with a transition, or not at all. Raises SiteError."""
    off = turn.carrying.off_screen(side, writes, link.issue_id(side) or 0)
    goal = next((one for one in writes if handler(one.kind).by_transition), None)
    if goal is None:
        rest = [one for one in writes if one.key not in off]
        returned, refused = put(turn, side, link, rest) if rest else (None, {})
        return Moved(returned, refused | off, dict.fromkeys(off, Code.FIELD_NOT_ON_SCREEN))
    rest = [one for one in writes if one is not goal]
    return _Move(turn, side, link, read, goal=goal, rest=rest, put=put, off=off).run()


class _Move:
    """One issue on its way to one status."""

    def __init__(
        self,
        turn: Turn,
        side: Side,
        link: Link,
        read: Snapshot,
        *,
        goal: Write,
        rest: Sequence[Write],
        put: Put,
        off: Mapping[str, str],
    ) -> None:
        self.turn, self.side, self.link, self.goal, self.rest = turn, side, link, goal, rest
        self.put, self.read, self.off = put, read, off
        self.site, self.tenant = turn.sites[side], turn.tenants[side]
        self.scope = turn.profile.profile.scope(side)
        self.issue_id = link.issue_id(side) or 0
        self.start, self.target = _part(read.values.get(goal.key)), _part(goal.value)
        self.screens = Screens(
            self.site,
            self.issue_id,
            writes=rest,
            read=held(turn.profile.profile, side, read),
            constants=constants(turn.profile.profile, side),
            nowhere_else={one.field for one in rest if one.key in off},
        )
        self.taken: list[Transition] = []
        self.sent: set[str] = set()
        self.fresh = False  # whether `returned` is of after the last write
        self.looks = LOOKS
        self.moved = Moved()

    def run(self) -> Moved:
        """Move, and write the rest before or after: a status that is done often refuses edits."""
        way = self._find(self.start)
        riders = self._riders(way or ())
        plain = [w for w in self.rest if w not in riders and w.kind is not Kind.RESOLUTION]
        plain = [one for one in plain if one.key not in self.off]
        closing = bool(way) and (way or ())[-1].done
        if closing or not way:
            self._put(plain)
        if way:
            self._go(way)
        if way and not closing:
            self._put(plain)
        left = [one for one in riders if one.kind is not Kind.RESOLUTION]
        done = self.sent | self.moved.refused.keys()
        self._put([w for w in left if w.key not in done | self.off.keys()])
        self._leave([key for key in self.off if key not in done])
        self._finish()
        return self.moved

    # -- the way

    def _find(self, at: tuple[str, str]) -> tuple[Transition, ...] | None:
        """The way from a status that the issue is in now. None, and said why, where there is
        none. Raises SiteError."""
        self._saw(at[0], self.site.transitions(self.issue_id))
        unseen: dict[str, str] = {}
        while True:
            graph = {**self._known(), **dict.fromkeys(unseen, ())}
            self.screens.look(move for moves in graph.values() for move in moves)
            found = outlook(graph, at[0], self.target[0], self.screens.lacks)
            nearest = found.look_at()
            if nearest is None or not self.looks:
                break
            if not self._look_at(nearest):
                unseen[nearest.id] = nearest.name
        if found.way is None:
            self._refuse(*no_way(self.goal.field, at[1], self._goal_name(), found, unseen))
        return found.way

    def _look_at(self, unknown: Unknown) -> bool:
        """Find out what a status leads on to, by an issue that is in it. False: there is none."""
        self.looks -= 1
        if not unknown.id.isdecimal():
            return False
        jql = f"{replace(self.scope, filter=None).jql()} AND status = {int(unknown.id)}"
        # The one that has been there longest: search surely knows it.
        page = self.site.search(f"{jql} ORDER BY updated ASC", [], size=1)
        if not page.issues:
            return False
        self._saw(unknown.id, self.site.transitions(page.issues[0].id))
        return True

    def _known(self) -> dict[str, Sequence[Transition]]:
        return self.turn.workflows.of(self.tenant, self.scope)

    def _saw(self, status: str, moves: Sequence[Transition]) -> None:
        self.turn.workflows.saw(self.tenant, self.scope, status, moves)

    def _goal_name(self) -> str:
        """What the target is called, which a table of ids does not tell."""
        known = [move.to for moves in self._known().values() for move in moves]
        return next((name for id_, name in known if id_ == self.target[0]), self.target[1])

    # -- the steps

    def _go(self, way: Sequence[Transition]) -> None:
        """Take the steps. Raises SiteError where the site fails: the next visit goes on."""
        steps, at, tries = list(way), self.start, TRIES
        self._note(steps, at)
        while steps:
            move, last = steps[0], len(steps) == 1
            riders = self.screens.riders(move, last=last)
            try:
                self.site.transition(self.issue_id, move.id, self.screens.fields(move, last=last))
            except SiteError as error:
                if error.passing or error.locked_out:
                    raise
                tries -= 1
                again = self._refused(error, move, riders, at) if tries else None
                if again is None:
                    if not tries:
                        self._refuse(Code.MOVE_REFUSED, about(self.goal.field, error.detail))
                    break
                steps = list(again) or steps
                self._note(steps, at)
                continue
            self.fresh, at = False, move.to
            self.taken.append(move)
            self.sent |= {one.key for one in riders}
            self._done([one.key for one in riders] + ([self.goal.key] if last else []))
            steps.pop(0)
        if steps and self.taken and not self.moved.again:
            self.moved.own[self.goal.key] = at

    def _refused(
        self, error: SiteError, move: Transition, riders: Sequence[Write], at: tuple[str, str]
    ) -> Sequence[Transition] | None:
        """The steps to try after a refusal: none given, the same ones. None: it ends here."""
        named = refused_fields(error, riders)
        if named:
            self.moved.refused |= named
            self.screens.drop(named)
            lacking = self.screens.lacks(move)
            if lacking:
                self._lack(at, lacking)
            return None if lacking else ()
        if error.field_errors:
            names = [move.fields[n].name if n in move.fields else n for n in error.field_errors]
            self._lack(at, names)
            return None
        now = self.site.transitions(self.issue_id)
        if any(one.id == move.id and one.available for one in now):
            self._refuse(Code.MOVE_REFUSED, about(self.goal.field, error.detail))
            return None
        return self._another(at)

    def _another(self, at: tuple[str, str]) -> Sequence[Transition] | None:
        """Another way, where the move is not there any more; or the end, where somebody moved the
        issue: then both sides are merged anew."""
        self._read_back()
        if _part(self._stored(self.goal.key))[0] != at[0]:
            self.moved.again = frozenset({self.goal.key})
            return None
        self.turn.workflows.forget(self.tenant, self.scope, self._known())
        return self._find(at)

    def _note(self, steps: Sequence[Transition], at: tuple[str, str]) -> None:
        """Store the statuses on the way before the first step, for whoever goes on from there."""
        between = [move.to for move in steps[:-1]]
        if not between:
            return
        place = (self.goal.key, self.side)
        marks = set(self.link.moving.get(place, ()))
        for status in [*between, *([at] if self.taken else [])]:
            marks.add(self.turn.fingerprints.of(self.goal.key, self.side, status))
        self.link = replace(self.link, moving={**self.link.moving, place: frozenset(marks)})
        with self.turn.transaction() as session:
            store_links.note_way(session, self.link, *place, sorted(marks))

    # -- the rest

    def _riders(self, way: Sequence[Transition]) -> list[Write]:
        found: dict[str, Write] = {}
        for move in way:
            riders = self.screens.riders(move, last=move is way[-1])
            found |= {one.key: one for one in riders}
        return list(found.values())

    def _leave(self, keys: Sequence[str]) -> None:
        """What the edit screen lacks, and no move took along."""
        if self.moved.again:
            self.moved.again |= frozenset(keys)
            return
        self.moved.refused |= {key: self.off[key] for key in keys}
        self.moved.codes |= dict.fromkeys(keys, Code.FIELD_NOT_ON_SCREEN)

    def _put(self, writes: Sequence[Write]) -> None:
        if not writes:
            return
        returned, refused = self.put(self.turn, self.side, self.link, writes)
        self.moved.refused |= refused
        if len(refused) < len(writes):
            self.moved.returned, self.fresh = returned, returned is not None

    def _finish(self) -> None:
        """See what the issue holds now, and set the resolution where no move has set it."""
        if self.taken and not self.fresh:
            self._read_back()
        late = [
            one
            for one in self.rest
            if one.kind is Kind.RESOLUTION and one.key not in self.sent | self.moved.refused.keys()
        ]
        for one in late:
            self._resolve(one)
        self._tell()
        returned = self.moved.returned
        if returned is not None and returned.changelog is not None and self.taken:
            between = {move.to[0] for move in self.taken[:-1]}
            log = as_one(
                returned.changelog,
                self.goal.field,
                origin=lambda status: status[0] == self.start[0],
                between=lambda status: status[0] in between,
                target=lambda status: status[0] == self.taken[-1].to[0],
            )
            self.moved.returned = replace(returned, changelog=log)

    def _resolve(self, one: Write) -> None:
        if self.moved.again:
            self.moved.again |= {one.key}
            return
        if self.goal.key in self.moved.refused:
            # It goes with the status: that is what an admin has to see to.
            code = self.moved.codes.get(self.goal.key)
            self.moved.refused[one.key] = said(
                "%(field)s: it goes with the status", field=one.field
            )
            self.moved.codes |= {one.key: code} if code else {}
        elif not self._holds(one):
            self._put([one])
        if one.key in self.moved.refused and self.taken:
            stored = self._stored(one.key)
            if stored != self.read.values.get(one.key):
                self.moved.own[one.key] = stored
        else:
            self._done([one.key])

    def _holds(self, one: Write) -> bool:
        """Whether the move itself brought the value, as a post function of the workflow does."""
        return bool(self.taken) and handler(one.kind).same(self._stored(one.key), one.value)

    def _stored(self, key: str) -> Value:
        issue = self.moved.returned
        return self.turn.snapshot(issue, self.side).values.get(key) if issue else None

    def _read_back(self) -> None:
        names = [m.field(self.side) for m in self.turn.profile.profile.fields]
        self.moved.returned, self.fresh = self.site.stored(self.issue_id, names), True

    def _done(self, keys: Sequence[str]) -> None:
        unwritten = self.turn.unwritten.get(self.link.id, set())
        unwritten -= {(self.side, key) for key in keys}

    def _refuse(self, code: Code, sentence: str) -> None:
        self.moved.refused[self.goal.key] = sentence
        self.moved.codes[self.goal.key] = code

    def _lack(self, at: tuple[str, str], names: Sequence[str]) -> None:
        self._refuse(*missing_fields(self.goal.field, at[1], self._goal_name(), names))

    def _tell(self) -> None:
        names = [move.to[1] for move in self.taken]
        if self.goal.key in self.moved.own:
            sentence = said("It stopped on its way, in '%(names)s'.", names=names[-1])
        elif len(names) > 1:
            sentence = said("It went by way of %(names)s.", names=", ".join(names[:-1]))
        else:
            return
        self.moved.details.append(Detail(sentence, field=self.goal.field, side=self.side.value))


def _part(value: Value | None) -> tuple[str, str]:
    """The id and the name of a status; no id where it is not known."""
    return as_part(value) or ("", "")
