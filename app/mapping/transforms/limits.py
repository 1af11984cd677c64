"""What an expression may cost: counted, not timed, so that it fails on every machine or on none."""

from __future__ import annotations

from celpy.celtypes import BoolType, ListType, MapType

from app.said import said

MAX_EXPRESSION = 2_000  # characters
MAX_DEPTH = 80  # levels of the tree that is evaluated
MAX_TEXT = 32_767  # characters of any text, as in Jira
MAX_ITEMS = 1_000  # of any list or map
MAX_PARTS = 10_000  # items of a list and of all lists and maps in it, counted wherever they stand
MAX_PATTERN = 500  # characters of a regular expression
# About a microsecond each where it was measured, so that the whole is about 100 ms of one core.
BUDGET = 100_000
STEP = 10  # of visiting one node of the tree
TURN = 30  # of one turn of a macro, which makes names of its own
MATCHER = 400  # of the first use of a regular expression
CHARACTERS = 200  # of a text that is read through, for one unit
MATCHED = 150  # of these times the states of the regular expression, for one unit


class Exhausted(Exception):
    """An expression reached a limit. `sentence`: which; it never holds a value."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Meter:
    """What is left of the budget of one evaluation. `spent`: what is gone of it."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.spent = 0
        self._budget = budget
        self._patterns: set[str] = set()

    def charge(self, units: int) -> None:
        """Take `units`. Raises Exhausted where there are not as many."""
        self.spent += units
        if self.spent > self._budget:
            raise Exhausted(
                said(
                    "takes more steps than a transform may; loop over fewer items, and not "
                    "in a loop"
                )
            )

    def read(self, text: str) -> None:
        """Take what reading through a text costs."""
        self.charge(1 + len(text) // CHARACTERS)

    def pattern(self, pattern: str) -> None:
        """Take what making a regular expression costs, once for each."""
        if pattern not in self._patterns:
            self._patterns.add(pattern)
            self.charge(MATCHER)

    def room(self, characters: int) -> None:
        """Raises Exhausted where a text of so many characters would be too long."""
        if characters > MAX_TEXT:
            raise Exhausted(
                said(
                    "makes a text of more than %(max_text)s characters; use truncate()",
                    max_text=f"{MAX_TEXT:,}",
                )
            )
        self.charge(1 + characters // CHARACTERS)

    def items(self, count: int) -> None:
        """Raises Exhausted where a list of so many items would be too long."""
        if count > MAX_ITEMS:
            raise Exhausted(
                said(
                    "makes a list of more than %(max_items)s items; filter it first",
                    max_items=f"{MAX_ITEMS:,}",
                )
            )

    def weigh(self, value: ListType | MapType) -> None:
        """Raises Exhausted where a list or map is too large, with all that is in it."""
        waiting: list[object] = [value]
        parts = 0
        while waiting:
            inner = waiting.pop()
            if not isinstance(inner, ListType | MapType):
                continue
            self.items(len(inner))
            parts += len(inner)
            if parts > MAX_PARTS:
                raise Exhausted(
                    said(
                        "makes a list of lists with more than %(max_parts)s items in all",
                        max_parts=f"{MAX_PARTS:,}",
                    )
                )
            waiting.extend(inner.values() if isinstance(inner, MapType) else inner)
        self.charge(1 + parts // 2)


def name_of(value: object) -> str:
    """What an expression's value is, for people; never the value."""
    kinds: tuple[tuple[type, str], ...] = (
        (BoolType, said("true or false")),
        (bool, said("true or false")),
        (str, said("a text")),
        (int, said("a number")),
        (float, said("a number")),
        (MapType, said("a map")),
        (ListType, said("a list")),
    )
    if value is None:
        return said("nothing (null)")
    found = (name for kind, name in kinds if isinstance(value, kind))
    return next(found, said("a moment or a duration"))
