"""What a search for marks looked at and found; and how it looks through files."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from app.traceless import Needle, text_of

CHUNK = 1024 * 1024  # bytes of a file
MOST_FINDS = 1000  # told one by one; the others are counted
UNREAD_FILES = {".bz2", ".lz4", ".xz", ".zip", ".zst"}


@dataclass
class Place:
    """One table or file that was looked at, and how much of it."""

    name: str
    columns: int = 0
    rows: int = 0
    sealed: int = 0  # values that were opened
    shredded: int = 0  # sealed values whose key was destroyed: nobody can ever open them
    bytes: int = 0


@dataclass(frozen=True)
class Find:
    """A mark that was found: where, which one by its number, in which form. Never its text."""

    place: str
    row: str
    mark: int
    form: str


@dataclass(frozen=True)
class Unread:
    """A place that could not be looked at, and why."""

    place: str
    why: str


@dataclass
class Proof:
    """What was looked at, and what was found."""

    wanted: tuple[Needle, ...] = field(repr=False)
    on_place: Callable[[Place], None] = field(repr=False)
    digests: tuple[tuple[Needle, bytes], ...] = field(repr=False, default=())
    places: list[Place] = field(default_factory=list)
    finds: list[Find] = field(default_factory=list)
    more_finds: int = 0
    unread: list[Unread] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        """Whether all was looked at and nothing was found."""
        return not self.finds and not self.unread and bool(self.places)

    def look(self, place: str, row: str, value: str | bytes | None) -> None:
        """Look for every mark in one value."""
        if value is None:
            return
        for mark, form in self._marks_in(value).items():
            shown = "(its key holds a mark)" if self._marks_in(row) else row
            self.found(Find(place, shown, mark, form))

    def _marks_in(self, value: str | bytes) -> dict[int, str]:
        text = text_of(value)
        seen = [one for one in self.wanted if one.text in text]
        if isinstance(value, bytes):
            seen += [one for one, digest in self.digests if digest in value]
        return {one.mark: one.form for one in reversed(seen)}

    def found(self, find: Find) -> None:
        """Note a find."""
        if len(self.finds) < MOST_FINDS:
            self.finds.append(find)
        else:
            self.more_finds += 1

    def done(self, place: Place) -> None:
        """Note that a place was looked at."""
        self.places.append(place)
        self.on_place(place)


def files_of(instance: Path) -> list[Path]:
    """What lies in the instance folder, the binary files of the embedded database left out."""
    data = instance / "postgres"
    return sorted(
        path
        for path in instance.rglob("*")
        if path.is_file() and (data not in path.parents or path.name.startswith(("log", "start")))
    )


def look_into(proof: Proof, path: Path) -> None:
    """Look at a file piece by piece; one that is packed with gzip is unpacked."""
    name = str(path)
    if path.suffix in UNREAD_FILES:
        proof.unread.append(Unread(name, "is packed in a way that is not read here; unpack it"))
        return
    place = Place(name)
    try:
        with _stream(path) as stream:
            _read(proof, place, stream)
    except (OSError, EOFError) as fault:
        proof.unread.append(Unread(name, f"cannot be read ({type(fault).__name__})"))
        return
    proof.done(place)


def _stream(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _read(proof: Proof, place: Place, stream: IO[bytes]) -> None:
    """Every needle once, with the line where it was seen first."""
    left = list(proof.wanted)
    overlap = max(len(one.text) for one in left)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    window, line = "", 1
    while piece := stream.read(CHUNK):
        place.bytes += len(piece)
        window += text_of(decoder.decode(piece))
        for one in [one for one in left if one.text in window]:
            left.remove(one)
            at = line + window[: window.index(one.text)].count("\n")
            proof.found(Find(place.name, f"line {at}", one.mark, one.form))
        line += window[:-overlap].count("\n")
        window = window[-overlap:]
