"""A plan as a file: lines of JSON of any number, signed as a whole with a key of the tenant's.

The last line is the signature of all before it. A file that was changed, cut off, or made for
another profile or installation is refused before anything is done by it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from app.errors import Problem
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said
from app.sync.plan_json import Json, as_json, digest, made_from
from app.sync.planning_types import IssuePlan, Ref, Step
from app.vault.vault import Vault

VERSION = 2
LONGEST_LINE = 64 * 1024 * 1024  # bytes: 200 fields with 32 KB of old and of new each fit


@dataclass(frozen=True)
class Planned:
    """One issue of a plan file, as far as applying it needs to know."""

    step: Step
    side: Side
    left: Ref | None
    right: Ref | None
    link: uuid.UUID | None
    lane: int
    parked: frozenset[Side]
    seen: Mapping[Side, Mapping[str, str]]
    base: Mapping[Side, Mapping[str, str]]
    writes: str
    """A digest of what is written where."""
    seen_items: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    items: str = ""
    """The same of the items."""

    @property
    def issue_id(self) -> int:
        """The issue that is to be marked."""
        ref = self.left if self.side is Side.LEFT else self.right
        return ref.id if ref else 0

    @property
    def name(self) -> str:
        """Its keys, for people."""
        return " / ".join(one.key for one in (self.left, self.right) if one is not None)


class PlanWriter:
    """Writes a plan file line by line. It appears under its name only once it is whole."""

    def __init__(self, path: Path, vault: Vault, profile: StoredProfile, asked: Json) -> None:
        """Make the file, readable by its owner alone. Raises Problem where it cannot be made."""
        self._path = path
        self._part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        self._mac = _mac(vault, profile)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            self._file = os.fdopen(os.open(self._part, flags, 0o600), "wb")
        except OSError as fault:
            raise _unwritable(path, fault) from None
        self._line(
            {
                "tandem_plan": VERSION,
                "profile": str(profile.id),
                "revision": profile.revision,
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "asked": asked,
            }
        )

    def add(self, plan: IssuePlan) -> None:
        """Write one issue."""
        self._line(as_json(plan) | made_from(plan))

    def end(self, summary: Json) -> None:
        """Write the counts and the signature, and give the file its name."""
        self._line({"summary": summary})
        self._write(json.dumps({"signature": self._mac.hexdigest()}).encode() + b"\n")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
        except OSError as fault:
            raise _unwritable(self._path, fault) from None

    def drop(self) -> None:
        """Leave nothing behind, where the plan did not come to its end."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _line(self, told: Json) -> None:
        # In ASCII: a value may have half a character, which no other encoding takes.
        line = json.dumps(told, separators=(",", ":")).encode() + b"\n"
        self._mac.update(line)
        self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError as fault:
            raise _unwritable(self._path, fault) from None


class PlanFile:
    """An open plan file whose signature holds. Each reading checks it anew."""

    def __init__(self, file: IO[bytes], vault: Vault) -> None:
        """Read it once, to its end. Raises Problem that says what is wrong with it."""
        self._file, self._vault = file, vault
        self._head = self._read_head()
        self._profile = self._read_profile()
        self.to_apply = sum(one.step is not Step.NOTHING for one in self.read())

    @property
    def profile(self) -> StoredProfile:
        """The profile as it is now."""
        return self._profile

    @property
    def revision(self) -> int:
        """The revision of the profile that it was made from."""
        return int(self._head["revision"])

    def read(self) -> Iterator[Planned]:
        """The issues in their order. Raises Problem at the end, if not sooner, where a byte of it
        is not what was written: do nothing for good before."""
        self._file.seek(0)
        mac = _mac(self._vault, self._profile)
        mac.update(self._file.readline(LONGEST_LINE))
        last = b""
        while line := self._file.readline(LONGEST_LINE):
            if line.startswith(b'{"signature"'):
                last = line
                break
            mac.update(line)
            planned = planned_of(line)
            if planned is not None:
                yield planned
        if not last.endswith(b"\n"):
            raise _refused(said("it ends before its end: it was cut off, or not written whole"))
        wanted = json.dumps({"signature": mac.hexdigest()}).encode() + b"\n"
        if not hmac.compare_digest(last, wanted) or self._file.read(1):
            raise _changed()

    def _read_head(self) -> Json:
        self._file.seek(0)
        head = _object(self._file.readline(LONGEST_LINE))
        version = head.get("tandem_plan") if head else None
        if head is None or not isinstance(version, int):
            raise _refused(said("it is no plan of Tandem"))
        if version != VERSION:
            raise _refused(
                said(
                    "it is a plan of version %(version)s, and this Tandem knows version "
                    "%(version2)s alone",
                    version=version,
                    version2=VERSION,
                )
            )
        return head

    def _read_profile(self) -> StoredProfile:
        try:
            return profiles.load(self._vault, uuid.UUID(str(self._head.get("profile"))))
        except (Problem, ValueError):
            raise _refused(
                said(
                    "its profile is not here: it was deleted, or the plan was made by "
                    "another installation of Tandem"
                )
            ) from None


def planned_of(line: bytes) -> Planned | None:
    """An issue's line; None for the counts. Raises Problem for one that nobody wrote so."""
    told = _object(line)
    if told is None:
        raise _changed()
    if "summary" in told:
        return None
    try:
        ids = {Side(side): int(found) for side, found in told["ids"].items()}
        refs = {side: Ref(one, str(told[side.value])) for side, one in ids.items()}
        marks = {
            name: {Side(side): dict(found) for side, found in told[name].items()}
            for name in ("seen", "base", "seen_items")
        }
        return Planned(
            step=Step(told["step"]),
            side=Side(told["side"]),
            left=refs.get(Side.LEFT),
            right=refs.get(Side.RIGHT),
            link=uuid.UUID(told["link"]) if told["link"] else None,
            lane=int(told["lane"]),
            parked=frozenset(Side(side) for side in told["parked"]),
            seen=marks["seen"],
            base=marks["base"],
            writes=str(told["values"]),
            seen_items=marks["seen_items"],
            items=digest([*told["items"], {"marks": told["marks"]}]),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise _changed() from None


def _object(line: bytes) -> Json | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _mac(vault: Vault, profile: StoredProfile) -> hmac.HMAC:
    return hmac.new(
        vault.derive(profile.left_tenant, f"plan:{profile.id}"), digestmod=hashlib.sha256
    )


def _refused(why: str) -> Problem:
    return Problem(
        said(
            "The plan file is not followed: %(why)s. Nothing was applied. Make a new one "
            "with `tandem plan`.",
            why=why,
        ),
        code="plan-refused",
        field="plan",
    )


def _changed() -> Problem:
    return _refused(
        said("its signature does not hold: something in it was changed since it was made")
    )


def _unwritable(path: Path, fault: OSError) -> Problem:
    return Problem(
        said(
            "--out: %(path)s cannot be written (%(strerror)s). Give another place.",
            path=path,
            strerror=fault.strerror,
        ),
        field="out",
    )
