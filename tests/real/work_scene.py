"""Work that people log on two sites, the links that they make, and what the other site has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.stack import Stack, wait_until
from demo.walk import paragraph
from sandbox.process import SiteHandle
from tests.real.comments_scene import LONG, pair, rows
from tests.stack_fixture import tandem

LEFT, RIGHT = ("WEB", "Task"), ("PLAT", "Task")
STARTED = "2026-03-02T09:30:00.000+0100"


@dataclass
class Work:
    """A pair of issues, and the work on it."""

    stack: Stack
    left: str
    right: str

    def site(self, side: str) -> SiteHandle:
        return self.stack.sandbox.acme if side == "left" else self.stack.sandbox.globex

    def key(self, side: str) -> str:
        return self.left if side == "left" else self.right

    def log(self, side: str, minutes: int, text: str | None = None, **more: Any) -> str:
        """A person logs work; the worklog's id."""
        said = {"started": STARTED, "timeSpentSeconds": minutes * 60, **more}
        if text is not None:
            said["comment"] = paragraph(text)
        answer = self.site(side).call("POST", f"issue/{self.key(side)}/worklog", json=said)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def edit(self, side: str, worklog: str, **said: Any) -> None:
        path = f"issue/{self.key(side)}/worklog/{worklog}"
        answer = self.site(side).call("PUT", path, json=said)
        assert answer.status_code == 200, answer.text

    def drop(self, side: str, worklog: str) -> None:
        path = f"issue/{self.key(side)}/worklog/{worklog}"
        assert self.site(side).call("DELETE", path).status_code == 204

    def worklogs(self, side: str) -> list[dict[str, Any]]:
        """The worklogs of an issue, the oldest first, with their properties."""
        path = f"issue/{self.key(side)}/worklog"
        answer = self.site(side).call("GET", path, params={"expand": "properties"})
        found: list[dict[str, Any]] = answer.json()["worklogs"]
        return found

    def said(self, side: str) -> list[tuple[int, str]]:
        """Their minutes, and what they say, a line for each paragraph."""
        return [(o["timeSpentSeconds"] // 60, words(o)) for o in self.worklogs(side)]

    def ours(self, side: str) -> list[str]:
        """The ids of those that Tandem made."""
        return [o["id"] for o in self.worklogs(side) if o["author"]["accountType"] == "app"]

    def times(self, side: str) -> dict[str, Any]:
        """The seconds spent and those that remain."""
        path = f"issue/{self.key(side)}?fields=timespent,timeestimate"
        found: dict[str, Any] = self.site(side).call("GET", path).json()["fields"]
        return found

    def has(self, side: str, *wanted: tuple[int, str]) -> None:
        """Wait until a side has exactly these worklogs, in this order."""
        what = f"{self.key(side)} has {wanted}"
        wait_until(what, lambda: self.said(side) == list(wanted), LONG)


def words(worklog: dict[str, Any]) -> str:
    """The text of a worklog, a line for each paragraph."""
    blocks = (worklog.get("comment") or {}).get("content", [])
    return "\n".join(
        "".join(str(node.get("text", "")) for node in block.get("content", [])) for block in blocks
    )


def made(stack: Stack, summary: str) -> Work:
    """A new pair."""
    found = pair(stack, summary, LEFT, RIGHT)
    return Work(stack, found.left, found.right)


def carry(stack: Stack, profile: str, kind: str, *options: str) -> None:
    """Carry the items of a kind, as the operator says."""
    done = tandem(stack.environment, "profile", "carry", profile, kind, *options)
    assert done.returncode == 0, done.stderr


def forget(stack: Stack) -> None:
    """Lose what the database knows of items."""
    stack.settle()
    rows(stack, "DELETE FROM item_link")
