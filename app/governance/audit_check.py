"""Finds what was changed, removed, moved, cut off or rolled back in the trail, row by row."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby

from app.governance.audit import NOTHING, Event, mac_of
from app.governance.audit_read import Head, Row, chain_name

MOST_NAMED = 1000  # faults: with a wrong key every row is one
MOST_COMPARED = 200  # rows and places that are tried against each other


class Flaw(StrEnum):
    """What can be wrong with a trail."""

    CHANGED = "changed"
    MOVED = "moved"
    REMOVED = "removed"
    UNLINKED = "unlinked"
    CUT = "cut"
    HEAD_DIFFERS = "head-differs"
    HEAD_MISSING = "head-missing"
    ROLLED_BACK = "rolled-back"


@dataclass(frozen=True)
class Fault:
    """One finding: in which chain, at which event, and what it means."""

    flaw: Flaw
    chain: str
    seq: int
    found: str


@dataclass
class Report:
    """What a check found."""

    chains: int = 0
    events: int = 0
    heads: list[Head] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unnamed: int = 0

    def add(self, flaw: Flaw, chain: uuid.UUID, seq: int, found: str) -> None:
        """Name a fault, or only count it where there are too many."""
        if len(self.faults) < MOST_NAMED:
            self.faults.append(Fault(flaw, chain_name(chain), seq, found))
        else:
            self.unnamed += 1

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check_trail(
    stored: Iterable[Row],
    kept: Mapping[uuid.UUID, Head],
    key: bytes,
    since: Iterable[Head] = (),
) -> Report:
    """Check every chain from its first event on.

    `stored`: all events by chain and number; `kept`: the heads beside them in the database;
    `since`: heads that were noted earlier, and kept elsewhere.
    """
    report = Report()
    strays = _Strays(key, report)
    noted: dict[uuid.UUID, list[Head]] = {}
    for head in since:
        noted.setdefault(head.chain, []).append(head)
    left = dict(kept)
    for chain, its_rows in groupby(stored, key=lambda row: row.chain):
        check = _Chain(chain, left.pop(chain, None), noted.pop(chain, []), report, strays)
        for row in its_rows:
            check.take(row)
        check.end()
    for chain in {**left, **noted}:  # not one event
        _Chain(chain, left.get(chain), noted.get(chain, []), report, strays).end()
    strays.name()
    return report


class _Chain:
    """The check of one chain, row by row."""

    def __init__(
        self,
        chain: uuid.UUID,
        head: Head | None,
        noted: list[Head],
        report: Report,
        strays: _Strays,
    ) -> None:
        self._id, self._head, self._noted = chain, head, noted
        self._report, self._strays = report, strays
        self._seq = 0
        self._mac = NOTHING
        self._linked = True  # False: the row before is missing or at fault, nothing can follow it
        report.chains += 1

    def take(self, row: Row) -> None:
        """Check the next row: its own mac, its number, and its link to the one before."""
        self._report.events += 1
        if row.seq > self._seq + 1:
            self._gap(self._seq + 1, row.seq - 1, Flaw.REMOVED)
            self._linked = False
        fits = self._strays.fits(row)
        if fits and self._linked and row.previous != self._mac:
            self._fault(Flaw.UNLINKED, row.seq, "does not follow the event before it.")
        mac = bytes(row.mac or b"")
        for head in self._noted:
            if head.seq == row.seq and head.mac != mac:
                found = "is not the event that was there when its head was noted."
                self._fault(Flaw.ROLLED_BACK, row.seq, found)
        self._seq, self._mac, self._linked = max(self._seq, row.seq), mac, fits

    def end(self) -> None:
        """Compare the last event with the head, and with the heads that were noted earlier."""
        last = self._seq
        if self._head is None:
            if last:
                self._fault(Flaw.HEAD_MISSING, last, "the chain has no head.")
        elif self._head.seq > last:
            self._gap(last + 1, self._head.seq, Flaw.CUT)
        elif self._head.seq < last:
            found = f"the chain goes on to here; its head says that event {self._head.seq} is last."
            self._fault(Flaw.HEAD_DIFFERS, last, found)
        elif self._head.mac != self._mac:
            found = "is last, but not the event that the head names."
            self._fault(Flaw.HEAD_DIFFERS, last, found)
        for head in self._noted:
            if head.seq > last:
                found = f"was there when its head was noted; now the chain ends at {last}."
                self._fault(Flaw.ROLLED_BACK, head.seq, found)
        if last:
            self._report.heads.append(Head(self._id, last, self._mac))

    def _gap(self, first: int, last: int, flaw: Flaw) -> None:
        self._strays.places(self._id, first, last)
        which = f"event {first} is" if first == last else f"events {first} to {last} are"
        where = "gone from the end" if flaw is Flaw.CUT else "gone"
        self._fault(flaw, first, f"{which} {where}.")

    def _fault(self, flaw: Flaw, seq: int, found: str) -> None:
        self._report.add(flaw, self._id, seq, found)


class _Strays:
    """Rows that do not fit where they are, and places that have lost theirs."""

    def __init__(self, key: bytes, report: Report) -> None:
        self._key, self._report = key, report
        self._rows: list[tuple[Event, bytes]] = []
        self._places: dict[tuple[uuid.UUID, int], None] = {}

    def fits(self, row: Row) -> bool:
        """Whether the row's mac is that of its content; if not, it is noted."""
        event, mac = row.event(), bytes(row.mac or b"")
        if event is not None and hmac.compare_digest(mac_of(self._key, event), mac):
            return True
        self.places(row.chain, row.seq, row.seq)
        if event is None or len(self._rows) >= MOST_COMPARED:
            self._changed(row.chain, row.seq)
        else:
            self._rows.append((event, mac))
        return False

    def places(self, chain: uuid.UUID, first: int, last: int) -> None:
        """Note where rows are missing or wrong."""
        for seq in range(first, min(last, first + MOST_COMPARED) + 1):
            if len(self._places) < MOST_COMPARED:
                self._places[chain, seq] = None

    def name(self) -> None:
        """Say of each row whether it belongs to another place, or to none."""
        for event, mac in self._rows:
            home = self._home(event, mac)
            if home is None:
                self._changed(event.chain, event.seq)
            else:
                found = f"belongs to the chain {chain_name(home[0])}, as event {home[1]}."
                self._report.add(Flaw.MOVED, event.chain, event.seq, found)

    def _home(self, event: Event, mac: bytes) -> tuple[uuid.UUID, int] | None:
        for chain, seq in self._places:
            there = replace(event, chain=chain, seq=seq)
            if hmac.compare_digest(mac_of(self._key, there), mac):
                return chain, seq
        return None

    def _changed(self, chain: uuid.UUID, seq: int) -> None:
        found = "was changed or forged: its content does not fit its mac."
        self._report.add(Flaw.CHANGED, chain, seq, found)
