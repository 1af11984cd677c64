"""Files of people on two sites, and what the other site has of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

from demo.stack import Stack, calls_of, wait_until
from demo.walk import create_issue, keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import tandem

LONG = 120
LEFT, RIGHT = ("WEB", "Task"), ("PLAT", "Task")
NOTES = "tandem-files"


@dataclass
class Sides:
    """A pair of issues and the files on it."""

    stack: Stack
    left: str
    right: str

    def site(self, side: str) -> SiteHandle:
        return self.stack.sandbox.acme if side == "left" else self.stack.sandbox.globex

    def key(self, side: str) -> str:
        return self.left if side == "left" else self.right

    def attach(self, side: str, name: str, content: bytes, mime: str = "text/plain") -> str:
        """A file of a person; its id."""
        return str(self.site(side).attach(self.key(side), name, content, mime)["id"])

    def drop(self, side: str, file: str) -> None:
        assert self.site(side).call("DELETE", f"attachment/{file}").status_code == 204

    def files(self, side: str) -> list[dict[str, Any]]:
        """The files of an issue, the oldest first."""
        answer = self.site(side).call("GET", f"issue/{self.key(side)}?fields=attachment").json()
        found: list[dict[str, Any]] = answer["fields"]["attachment"]
        return found

    def names(self, side: str) -> list[str]:
        return sorted(one["filename"] for one in self.files(side))

    def ours(self, side: str) -> list[dict[str, Any]]:
        """Those that Tandem made."""
        return [one for one in self.files(side) if one["author"]["accountType"] == "app"]

    def content(self, side: str, file: str) -> bytes:
        return self.site(side).call("GET", f"attachment/content/{file}").content

    def digests(self, side: str) -> list[str]:
        """What the files hold, by hash."""
        found = (self.content(side, one["id"]) for one in self.files(side))
        return sorted(hashlib.sha256(content).hexdigest() for content in found)

    def have(self, side: str, *names: str) -> None:
        """Wait until a side has files of exactly these names."""
        wanted = sorted(names)
        wait_until(f"{self.key(side)} has {wanted}", lambda: self.names(side) == wanted, LONG)

    def notes(self, side: str) -> dict[str, Any]:
        """What the issue notes of its files, by file."""
        path = f"issue/{self.key(side)}/properties/{NOTES}"
        answer = self.site(side).call("GET", path)
        if answer.status_code == 404:
            return {}
        profiles = answer.json()["value"]["profiles"].values()
        return {file: entry for held in profiles for file, entry in held["files"].items()}

    def touch(self, side: str, summary: str) -> None:
        """Change a field, and wait until it is there on both sides."""
        body = {"fields": {"summary": summary}}
        self.site(side).call("PUT", f"issue/{self.key(side)}", json=body)
        other = "right" if side == "left" else "left"
        path = f"issue/{self.key(other)}?fields=summary"
        wait_until(
            f"{self.key(other)} is '{summary}'",
            lambda: self.site(other).call("GET", path).json()["fields"]["summary"] == summary,
            LONG,
        )


def carry(stack: Stack, profile: str, *options: str) -> None:
    """Carry the files of a profile, as the operator says."""
    done = tandem(stack.environment, "profile", "carry", profile, "attachments", *options)
    assert done.returncode == 0, done.stderr


def pair(stack: Stack, summary: str) -> Sides:
    """A new pair, made from the left side."""
    key = create_issue(stack.sandbox.acme, *LEFT, summary=summary)
    return Sides(stack, key, twin_of(stack, summary))


def twin_of(stack: Stack, summary: str) -> str:
    """Wait for the twin of an issue on the right side, and for rest."""
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(stack.sandbox.globex, RIGHT[0]).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' is there", look, LONG)
    stack.settle()
    return found[0]


def calls(stack: Stack) -> Counter[str]:
    """Tandem's calls to either site."""
    return calls_of(*stack.sandbox.sites)


def rows(stack: Stack, query: str, *values: object) -> list[Any]:
    """What the database says, as its owner."""
    with psycopg.connect(stack.database, autocommit=True) as owner:
        found = owner.execute(query, values)
        return found.fetchall() if found.description else []
