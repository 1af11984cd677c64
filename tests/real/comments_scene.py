"""Comments of people on two sites, and what the other site has of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

from demo.stack import Stack, calls_of, wait_until
from demo.walk import create_issue, keys_by_summary, paragraph
from sandbox.process import SiteHandle
from tests.stack_fixture import tandem

LONG = 120
INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}
ROLE = {"type": "role", "value": "Administrators", "identifier": "Administrators"}


@dataclass
class Sides:
    """A pair of issues and the calls of people on it."""

    stack: Stack
    left: str
    right: str

    def site(self, side: str) -> SiteHandle:
        return self.stack.sandbox.acme if side == "left" else self.stack.sandbox.globex

    def key(self, side: str) -> str:
        return self.left if side == "left" else self.right

    def say(self, side: str, text: str, **more: Any) -> str:
        """A comment of a person; its id."""
        body = {"body": more.pop("body", None) or paragraph(text), **more}
        answer = self.site(side).call("POST", f"issue/{self.key(side)}/comment", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def say_at(self, site: SiteHandle, text: str) -> str:
        """The same on whatever site, on the issue of the left key."""
        path = f"issue/{self.left}/comment"
        return str(site.call("POST", path, json={"body": paragraph(text)}).json()["id"])

    def edit(self, side: str, comment: str, text: str, **more: Any) -> None:
        """Somebody edits a comment: whose it is does not matter to the site's admin."""
        path = f"issue/{self.key(side)}/comment/{comment}"
        answer = self.site(side).call("PUT", path, json={"body": paragraph(text), **more})
        assert answer.status_code == 200, answer.text

    def edit_at(self, site: SiteHandle, comment: str, text: str) -> None:
        """The same on whatever site, on the issue of the left key."""
        path = f"issue/{self.left}/comment/{comment}"
        assert site.call("PUT", path, json={"body": paragraph(text)}).status_code == 200

    def drop(self, side: str, comment: str) -> None:
        path = f"issue/{self.key(side)}/comment/{comment}"
        assert self.site(side).call("DELETE", path).status_code == 204

    def comments(self, side: str) -> list[dict[str, Any]]:
        """The comments of an issue as they are, the oldest first, with their properties."""
        path = f"issue/{self.key(side)}/comment"
        params = {"expand": "properties", "maxResults": 5000}
        found: list[dict[str, Any]] = (
            self.site(side).call("GET", path, params=params).json()["comments"]
        )
        return found

    def texts(self, side: str) -> list[str]:
        """What they say, a line for each paragraph."""
        return [said(one) for one in self.comments(side)]

    def ours(self, side: str) -> list[str]:
        """The ids of those that Tandem made."""
        return [o["id"] for o in self.comments(side) if o["author"]["accountType"] == "app"]

    def has(self, side: str, *texts: str) -> None:
        """Wait until a side has exactly these comments, in this order."""
        wait_until(f"{self.key(side)} says {texts}", lambda: self.texts(side) == list(texts), LONG)


def said(comment: dict[str, Any]) -> str:
    """The text of a comment, a line for each paragraph."""
    return "\n".join(
        "".join(str(node.get("text", "")) for node in block.get("content", []))
        for block in comment["body"]["content"]
    )


def carry(stack: Stack, profile: str, *options: str) -> None:
    """Carry the comments of a profile, as the operator says."""
    done = tandem(stack.environment, "profile", "carry", profile, "comments", *options)
    assert done.returncode == 0, done.stderr


def pair(stack: Stack, summary: str, left: tuple[str, str], right: tuple[str, str]) -> Sides:
    """A new pair, made from the left side."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    key = create_issue(acme, *left, summary=summary)
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(globex, right[0]).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' is there", look, LONG)
    stack.settle()
    return Sides(stack, key, found[0])


def calls(stack: Stack) -> Counter[str]:
    """Tandem's calls to either site."""
    return calls_of(*stack.sandbox.sites)


def rows(stack: Stack, query: str, *values: object) -> list[Any]:
    """What the database says, as its owner."""
    with psycopg.connect(stack.database, autocommit=True) as owner:
        found = owner.execute(query, values)
        return found.fetchall() if found.description else []
