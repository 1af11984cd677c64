"""What can only be shown: fields of types that are not known, SLAs, votes, request types.

The forms of service projects are those of Atlassian's service desk REST API: an SLA has `name`,
`ongoingCycle` and `completedCycles`, a request type is in `requestType`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from app.mapping.kinds.rich_text import nodes
from app.mapping.profile import Kind
from app.mapping.values import NOT_COMPARABLE, Handler, NotComparable, Value, register

# What a text field of one line takes.
LENGTH = 255
_LEVELS = 4
_ITEMS = 50
# What names a thing, the best first.
_NAMES = ("name", "value", "title", "summary", "key", "id")
_COUNTS = ("votes", "watchCount")


@register(Kind.READ_ONLY_TEXT)
class ReadOnlyText(Handler):
    """A text of at most 255 characters, whatever the field holds; nothing is None.

    People are mentioned by account id. What runs by itself, such as the time left of an SLA, is
    not in it: it would be another text at each look.
    """

    writable = False

    def read(self, raw: object) -> Value:
        line = " ".join(_spoken(raw, _LEVELS).split())
        return (line if len(line) <= LENGTH else line[: LENGTH - 1].rstrip() + "…") or None

    def read_webhook(self, raw: object) -> Value | NotComparable:
        # Bodies have moments in another zone and rich text as wiki markup: another text.
        return None if raw is None else NOT_COMPARABLE

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        return ()

    def write(self, value: Value) -> object:
        raise ValueError("read_only_text is only read; no field is set with it")


def _spoken(raw: object, levels: int) -> str:
    """Any JSON as text, down to so many levels."""
    if isinstance(raw, list | Mapping) and levels == 0:
        return "…"
    if isinstance(raw, list):
        told = [_spoken(one, levels - 1) for one in raw[:_ITEMS]]
        return ", ".join(one for one in told if one)
    if isinstance(raw, Mapping):
        return _of_object(raw, levels - 1)
    return _of_scalar(raw)


def _of_scalar(raw: object) -> str:
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, int):
        return str(raw) if abs(raw) < 1 << 63 else "a very large number"
    if isinstance(raw, float):
        return str(raw).removesuffix(".0")
    return raw[: 4 * LENGTH] if isinstance(raw, str) else ""


def _of_object(raw: Mapping[str, object], levels: int) -> str:
    if isinstance(raw.get("accountId"), str):
        return f"[~accountid:{raw['accountId']}]"
    if raw.get("type") == "doc":
        return _words(raw)
    if "completedCycles" in raw or "ongoingCycle" in raw:
        return _sla(raw)
    if isinstance(raw.get("requestType"), Mapping):
        return _spoken(raw["requestType"], levels)
    for name in (*_COUNTS, *_NAMES):
        if isinstance(raw.get(name), str | int):
            child = raw.get("child")
            below = f" / {_spoken(child, levels)}" if isinstance(child, Mapping) else ""
            return _spoken(raw[name], levels) + below
    told = {
        key: _spoken(part, levels) for key, part in islice(raw.items(), _ITEMS) if key != "self"
    }
    return ", ".join(f"{key}: {told[key]}" for key in sorted(told) if told[key])


def _sla(raw: Mapping[str, object]) -> str:
    """The name, how its newest cycle stands, and its goal. The time left is not told, as it runs;
    nor whether the clock stands still for the night, as that is no matter of the issue."""
    name, cycle = raw.get("name"), raw.get("ongoingCycle")
    done = raw.get("completedCycles")
    if isinstance(cycle, Mapping):
        state = "breached" if cycle.get("breached") is True else "running"
        state = "paused" if state == "running" and cycle.get("paused") is True else state
    elif isinstance(done, list) and done and isinstance(done[-1], Mapping):
        cycle = done[-1]
        state = "missed" if cycle.get("breached") is True else "met"
    else:
        cycle, state = {}, "not started"
    goal = cycle.get("goalDuration")
    length = goal.get("friendly") if isinstance(goal, Mapping) else None
    told = f"{state} (goal {length})" if isinstance(length, str) and length else state
    return f"{name}: {told}" if isinstance(name, str) else told


def _words(document: object) -> str:
    texts = (node.get("text") for node in nodes(document, "content"))
    return "".join(text if isinstance(text, str) else " " for text in texts)
